"""Plans and reports as text for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from jwstsync.cli.text import name_of
from jwstsync.core.adoption import Offered, offered
from jwstsync.core.amounts import counted, size_text
from jwstsync.core.orphans import spared_texts
from jwstsync.core.plan import MARKS, TRANSFERS, Action, ActionKind, Plan
from jwstsync.core.selection import kind_of
from jwstsync.core.withheld import access_text, withheld_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from jwstsync.core.documents import OutcomeName
    from jwstsync.core.manifest import Manifest
    from jwstsync.core.rounds import Verification
    from jwstsync.sync.report import Report, Result

_FEW = 10  # files that are listed without being asked for
_WIDTH = 3  # of a count, at least
_WORDS = {
    ActionKind.FETCH: "to fetch",
    ActionKind.UPDATE: "to update",
    ActionKind.REPAIR: "to repair",
    ActionKind.ADOPT: "to adopt",
    ActionKind.MOVE: "to move",
    ActionKind.WITHHOLD: "withheld",
    ActionKind.DROP: "to drop",
    ActionKind.PRUNE: "to prune",
}
_DONE = {
    ActionKind.FETCH: "fetched",
    ActionKind.UPDATE: "updated",
    ActionKind.REPAIR: "repaired",
    ActionKind.ADOPT: "adopted",
    ActionKind.MOVE: "moved",
    ActionKind.DROP: "dropped",
    ActionKind.PRUNE: "pruned",
    ActionKind.KEEP: "kept",
}
_NOT_DONE = {"withheld": "withheld", "failed": "failed", "refused": "refused", "deferred": "left for another run"}
LARGE_DOWNLOAD = 10**9  # bytes; above it STScI advises a curl script


def plan_lines(
    plan: Plan, manifest: Manifest, title: str, *, verbose: bool, now: float, locked: bool = False
) -> Iterator[str]:
    """A plan, grouped by action and proposal, with the files where they are few.

    Args:
        plan: What there is to do.
        manifest: What is wanted.
        title: The command.
        verbose: List every file.
        now: The time, an MJD.
        locked: List every product after which the lockfile would say something else, or that was made anew.
    """
    yield f"jwstsync {title}: {_scope(plan, manifest)}"
    listed = verbose or len(plan.actions) - len(plan.of(ActionKind.KEEP)) <= _FEW
    yield from _action_lines(plan, manifest, listed=listed, verbose=verbose, now=now, locked=locked)


def verification_lines(found: Verification, manifest: Manifest, *, verbose: bool, now: float) -> Iterator[str]:
    """What is missing or wrong, file by file, and how many are whole."""
    locked = len(found.plan.actions) + len(found.remaining)
    yield f"jwstsync verify: {counted(len(proposal_names(manifest)), 'proposal')}, {counted(locked, 'product')} locked"
    yield from _action_lines(found.plan, manifest, listed=True, verbose=verbose, now=now)


def _action_lines(
    plan: Plan, manifest: Manifest, *, listed: bool, verbose: bool, now: float, locked: bool = False
) -> Iterator[str]:
    names = proposal_names(manifest)
    groups = [group for kind in MARKS for group in _groups(plan, kind)]
    width = max((len(f"{len(group):,}") for group in groups), default=0)
    for group in groups:
        yield _group_line(group, names, max(width, _WIDTH))
        if group[0].kind is ActionKind.UPDATE and len(group) > 1:
            yield f"          {transitions_text(group)}"
        elif group[0].kind is ActionKind.WITHHOLD and (remade := [action for action in group if action.remade]):
            yield f"          made anew: {transitions_text(remade)}"
        all_listed = listed and (verbose or group[0].kind is not ActionKind.KEEP)
        shown = (one for one in group if all_listed or (locked and (one.changes_lockfile or one.remade)))
        yield from (f"          {_file_text(action, now)}" for action in shown)
    if brought := offered(plan):
        yield f"  {_brought_text(brought, plan.transfers)}"
    if withheld := [action.wanted for action in plan.of(ActionKind.WITHHOLD) if action.wanted]:
        yield f"  {withheld_text(withheld, now)}"


def _brought_text(brought: Sequence[Action], transfers: Sequence[Action]) -> str:
    """What comes from elsewhere, and what is left to be downloaded then."""
    text = f"{counted(len(brought), 'file')} brought in from elsewhere, {size_text(total(brought))}"
    return f"{text}; {len(transfers):,} left to fetch, {size_text(total(transfers))}"


def _scope(plan: Plan, manifest: Manifest) -> str:
    proposals = {proposal for block in manifest.blocks for proposal in block.ids}
    scope = counted(len(proposals), "proposal")
    if not plan.goal.listed:
        locked = sum(action.locked is not None for action in plan.actions)
        return f"{scope}, {counted(locked, 'product')} locked"
    selected = counted(len(plan.goal.products), "product")
    return f"{scope}, {selected} selected of {sum(plan.goal.listed.values()):,}"


def _groups(plan: Plan, kind: ActionKind) -> Iterator[list[Action]]:
    actions = plan.of(kind)
    if kind is ActionKind.KEEP and actions:
        yield actions
        return
    for proposal in sorted({action.proposal for action in actions}):
        yield [action for action in actions if action.proposal == proposal]


def _group_line(group: Sequence[Action], names: Mapping[int, str | None], width: int) -> str:
    kind = group[0].kind
    start = f"  {MARKS[kind]} {len(group):>{width},}  {kind.value:<8}"
    if kind is ActionKind.KEEP:
        return start.rstrip()
    proposal = group[0].proposal
    name = f"{proposal} {names.get(proposal) or ''}".strip()
    return f"{start} {size_text(total(group)):>8}   {name}: {kinds_text(group)}"


def kinds_text(actions: Iterable[Action]) -> str:
    """What products these are, by the ends of their names: ``14 cal, 16 crf``."""
    counts = Counter(kind_of(name_of(action.path)) for action in actions)
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))


def _file_text(action: Action, now: float) -> str:
    size = "" if action.size is None else f"  {size_text(action.size)}"
    reason = f"  ({text})" if (text := _reason_text(action, now)) else ""
    return f"{name_of(action.path)}{size}{reason}"


def _reason_text(action: Action, now: float) -> str:
    """Why, and what has changed in the archive; what is kept has a reason only where its entry changes."""
    if isinstance(action, Offered):
        return f"from {action.offers[0].path}"
    if action.reason is None:
        return "its entry changes" if action.changes_lockfile else ""
    text = str(action.reason).replace("_", " ")
    if action.kind is ActionKind.MOVE:
        return f"{text}: {action.source} -> {action.path}"
    if action.kind is ActionKind.WITHHOLD and action.wanted:
        text = access_text(action.wanted, now) + ("; made anew" if action.remade else "")
    moved = f", from {action.source}" if action.kind is ActionKind.UPDATE and action.source else ""
    return f"{text}: {_transition(action)}, {_sizes(action)}{moved}" if action.remade else text


def transitions_text(actions: Iterable[Action]) -> str:
    """How many products changed in which way: ``11 cal_ver 1.18.1 -> 1.19.1; 2 other checksum``."""
    counts = Counter(map(_transition, actions))
    return "; ".join(f"{count:,} {transition}" for transition, count in counts.most_common())


def _transition(action: Action) -> str:
    """From which version to which; a product may also be made anew within one."""
    changed = {change.fact: (str(change.locked), str(change.archive)) for change in action.changes}
    texts = []
    if "cal_ver" in changed:
        texts.append("cal_ver {} -> {}".format(*changed["cal_ver"]))
    if "crds_ctx" in changed:
        texts.append(" -> ".join(context.removesuffix(".pmap") for context in changed["crds_ctx"]))
    return ", ".join(texts) or _without_version(action, changed)


def _without_version(action: Action, changed: Collection[str]) -> str:
    if "md5" in changed or "size" in changed or action.locked is None or not action.locked.recheck:
        return "other checksum" if "md5" in changed else "other size"
    return "one of two versions, kept by a merge"


def _sizes(action: Action) -> str:
    sizes = [(change.locked, change.archive) for change in action.changes if change.fact == "size"]
    if sizes:
        return " -> ".join(size_text(int(size)) for size in sizes[0])
    return "size unknown" if action.wanted is None or action.wanted.size is None else "same size"


def notes(plan: Plan) -> Iterator[str]:
    """What is good to know of a plan, and changes nothing in it."""
    for rule in plan.goal.idle_rules:
        yield f"note: rule {rule} takes no listed product; `jwstsync search ID --products` shows what there is"
    if plan.stale:
        yield f"note: {counted(plan.stale, 'product')} marked stale, which the archive is going to make anew"
    yield from spared_texts(plan.spared)


def proposal_names(manifest: Manifest) -> dict[int, str | None]:
    """What the manifest calls its proposals."""
    names: dict[int, str | None] = {}
    for block in manifest.blocks:
        for proposal in block.ids:
            names[proposal] = names.get(proposal) or block.name
    return names


def total(actions: Iterable[Action]) -> int:
    """The bytes of these actions, as far as known."""
    return sum(action.size or 0 for action in actions)


def work_text(plan: Plan) -> str:
    """What there is to do: ``80 to fetch, 38.1 MB``."""
    counts = [(plan.of(kind), word) for kind, word in _WORDS.items()]
    texts = [f"{len(actions):,} {word}" + _bytes_to_fetch(actions) for actions, word in counts if actions]
    return ", ".join(texts) or "nothing to do"


def closing_line(plan: Plan, title: str, free: int) -> str:
    """The last line: what there is to do, and the room for it."""
    return f"{title.capitalize()}: {work_text(plan)}; {size_text(free)} free."


def _bytes_to_fetch(actions: Sequence[Action]) -> str:
    return f", {size_text(total(actions))}" if actions[0].kind in TRANSFERS else ""


REPAIR_HINT = "what differs, `jwstsync apply` puts right"


def hint(plan: Plan) -> str | None:
    """What to think of before a large download."""
    size = total(plan.transfers)
    if size <= LARGE_DOWNLOAD:
        return None
    return f"hint: for {size_text(size)} a script may serve better: jwstsync apply --script fetch.sh"


def remaining_line(report: Report) -> str | None:
    """What a run left for another one, or None where that is nothing."""
    left = [result.action for result in report.results if result.outcome == "deferred"]
    if not left:
        return None
    size = total(action for action in left if action.kind in TRANSFERS)
    to_fetch = f", {size_text(size)} to fetch" if size else ""
    return f"left: {counted(len(left), 'product')}{to_fetch}; run again to go on"


def refusal_lines(report: Report, outcome: OutcomeName) -> Iterator[str]:
    """What the archive would not give out, though it was asked for it: a line a proposal, in the archive's words.

    Args:
        report: How the run ended.
        outcome: What that counts as: ``withheld`` or ``failed``.
    """
    refused: dict[int, list[Result]] = {}
    for result in report.results:
        if result.refused and result.outcome == outcome:
            refused.setdefault(result.action.proposal, []).append(result)
    for proposal, results in sorted(refused.items()):
        yield f"{outcome}: {counted(len(results), 'product')} of proposal {proposal}: {results[0].error}"


def brought_line(report: Report) -> str | None:
    """How files came from elsewhere, or None where none did: a second name is one file, for whoever edits it."""
    ways = Counter(str(result.way) for result in report.results if result.way is not None)
    if not ways:
        return None
    by = ", ".join(f"{count:,} by {way}" for way, count in sorted(ways.items()))
    return f"brought in from elsewhere: {counted(ways.total(), 'file')} ({by})"


def report_line(report: Report, *, stopped: bool) -> str:
    """What a run did."""
    done = Counter(result.action.kind for result in report.results if result.outcome == "done")
    done[ActionKind.KEEP] = len(report.plan.of(ActionKind.KEEP))
    other = Counter[str](result.outcome for result in report.results)
    other["refused"] = len(report.plan.goal.refused)
    texts = [f"{done[kind]:,} {word}" for kind, word in _DONE.items() if done[kind]]
    texts += [f"{other[outcome]:,} {word}" for outcome, word in _NOT_DONE.items() if other[outcome]]
    fetched = f"; {size_text(report.fetched_bytes)} downloaded" if report.fetched_bytes else ""
    if unconfirmed := sum(result.unconfirmed for result in report.results):
        fetched += f"; {unconfirmed:,} accepted against the archive's checksums"
    return f"{'Stopped' if stopped else 'Done'}: {', '.join(texts) or 'nothing to do'}{fetched}."
