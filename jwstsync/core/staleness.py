"""Whether a plan is still the one that was reviewed: what would be done otherwise, or beyond it.

It may be less. A run of the same plan that was cut off has done some of it already, and on another disk a part may be
in place: what is done then ends in the same products, at the same paths, with the same bytes, and takes away nothing
more. Texts, reasons and facts that no bytes depend on are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from jwstsync.core.documents import version_of
from jwstsync.core.plan import ActionKind
from jwstsync.core.saved import kept_digest, sha256_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jwstsync.core.plan import Action, Plan
    from jwstsync.core.saved import SavedEntry, SavedPlan

_MAY_BECOME: Mapping[str, Collection[ActionKind]] = MappingProxyType(
    {
        "fetch": (ActionKind.ADOPT, ActionKind.KEEP),
        "update": (ActionKind.ADOPT, ActionKind.KEEP, ActionKind.FETCH),
        "repair": (ActionKind.KEEP, ActionKind.FETCH),
        "adopt": (ActionKind.KEEP,),
        "move": (ActionKind.KEEP,),
        "prune": (ActionKind.DROP,),
    }
)
"""What else an action may be now, where a part of the plan has been carried out: never more work than it was."""
_MAY_VANISH = {"drop", "prune"}


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that would be done otherwise than it was planned: about which product, and how, for people."""

    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def differences(saved: SavedPlan, plan: Plan) -> list[Difference]:
    """What would be done otherwise, or beyond what was planned; nothing where the plan is still the reviewed one.

    Args:
        saved: What was planned.
        plan: What would be done now.
    """
    found = list(_differences(saved, plan))
    if not found and (text := _objection_to_kept(saved, plan)):
        found.append(Difference("keep", text))
    return found


def _objection_to_kept(saved: SavedPlan, plan: Plan) -> str | None:
    """What is otherwise about the products that the plan does not list, all of which are kept, or None."""
    kept = [one for one in plan.of(ActionKind.KEEP) if one.uri not in saved.products]
    count = saved.document["summary"]["keep"]["files"]
    if len(kept) != count:
        return f"planned {count} products, now {len(kept)}"
    return None if kept_digest(kept) == saved.document["kept_digest"] else "other bytes are locked"


def _differences(saved: SavedPlan, plan: Plan) -> Iterator[Difference]:
    seen = set()
    for action in plan.actions:
        if not _is_only_a_file(action):
            seen.add(action.uri)
        if text := _objection(saved, action):
            yield Difference(_name(action.path), text)
    for uri, entry in saved.products.items():
        if uri not in seen and entry["action"] not in _MAY_VANISH:
            yield Difference(_name(entry["path"]), f"planned {entry['action']}, now nothing: not selected any more")


def _is_only_a_file(action: Action) -> bool:
    """Whether it takes away a file of no product that is locked."""
    return action.kind is ActionKind.PRUNE and action.locked is None


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _objection(saved: SavedPlan, action: Action) -> str | None:
    """What is otherwise about one action, or None."""
    if action.kind is ActionKind.PRUNE and (text := _objection_to_prune(saved.prunes.get(action.path), action)):
        return text
    if _is_only_a_file(action):
        return None
    entry = saved.products.get(action.uri)
    if entry is None:
        return None if action.kind is ActionKind.KEEP else f"not planned, now {_words(action)}"
    if action.kind != entry["action"] and action.kind not in _MAY_BECOME.get(entry["action"], ()):
        return f"planned {entry['action']}, now {_words(action)}"
    if action.path != entry["path"]:
        return f"planned at {entry['path']}, now at {action.path}"
    return _other_bytes(entry, action) or _other_files(entry, action) or _other_size(entry, action)


def _words(action: Action) -> str:
    return f"{action.kind} ({action.reason})" if action.reason else f"{action.kind}"


def _objection_to_prune(entry: SavedEntry | None, action: Action) -> str | None:
    if entry is None:
        return f"not planned, now {_words(action)}"
    return None if entry["sha256"] == sha256_of(action) else "planned prune, but the file has other bytes now"


def _other_bytes(entry: SavedEntry, action: Action) -> str | None:
    """Why the product would not have the bytes that were planned, or None."""
    if not _brings_new_bytes(entry):
        return None if entry["sha256"] == sha256_of(action) else "other bytes are locked"
    if changes := list(_changes(entry["archive"], version_of(action.wanted))):
        return f"the archive states otherwise now: {', '.join(changes)}"
    return None if action.pinned or entry["sha256"] == sha256_of(action) else "other bytes are locked"


def _brings_new_bytes(entry: SavedEntry) -> bool:
    """Whether bytes are to be locked that were not; which, only the archive says."""
    return entry["action"] in {"update", "adopt"} or (entry["action"] == "fetch" and entry["sha256"] is None)


def _changes(planned: Mapping[str, object] | None, now: Mapping[str, object] | None) -> Iterator[str]:
    if planned is None or now is None:
        yield "the plan does not tell what it stated"
    elif planned != now:
        changed = (fact for fact in planned if planned[fact] != now[fact])
        yield from (f"{fact} {_shown(planned[fact])} -> {_shown(now[fact])}" for fact in changed)


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)


def _other_files(entry: SavedEntry, action: Action) -> str | None:
    """Which file of the disk would be taken, replaced or moved that was not when it was planned, or None."""
    if action.present is None and action.in_the_way is None and action.source is None:
        return None  # as mostly where much is to be fetched
    arrived = action.kind is ActionKind.ADOPT and entry["action"] != "adopt"
    if arrived or action.kind is ActionKind.KEEP or (action.kind is ActionKind.WITHHOLD and action.source is None):
        return None
    if action.source is not None and action.source != entry["moved_from"]:
        return f"its file stands at {action.source}, where it did not when this was planned"
    in_the_way, present = (None if one is None else one.size for one in (action.in_the_way, action.present))
    known = {None, entry["size_on_disk"], entry["in_the_way"]}
    return None if {in_the_way, present} <= known else "another file stands in its place than when this was planned"


def _other_size(entry: SavedEntry, action: Action) -> str | None:
    """Why the plan tells of fewer or more bytes than there are, which follow from what was compared; or None."""
    same = action.kind == entry["action"] and entry["sha256"] == sha256_of(action)
    if action.kind is ActionKind.WITHHOLD or not same or action.size == entry["size"]:
        return None
    return f"planned {_shown(entry['size'])} bytes, now {_shown(action.size)}"
