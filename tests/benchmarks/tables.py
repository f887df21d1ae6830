"""What the runs say: medians, ratios and whether the targets are met, as text. It measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

from tests.benchmarks.clients import CLIENTS, JWSTSYNC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.benchmarks.measure import Cost
    from tests.benchmarks.workloads import Workload

Key: TypeAlias = tuple[str, int | None]
"""A client and its number of connections; None where it heeds none."""

_FACTORS = {"a": 1.15, "b": 1.15, "c": 1.5, "d": 1.05, "e": 1.3, "t": 1.15}
_RIVALS = {"e": ("aria2c",)}  # programs: the best of all ways to call them counts
_USUAL_RIVALS = ("curl", "aria2c")
_SERIAL = "astroquery"
_SERIAL_FACTORS = {("d", 4): 3.5}
_MAIN_MEMORY = 120e6  # bytes
_CHILD_MEMORY = 60e6
_HEAD = ("client", "connections", "rounds", "wall s", "least", "most", "CPU s", "main MB", "child MB")


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of one client's runs, with its least and most wall time. Seconds and bytes."""

    rounds: int
    wall: float
    least: float
    most: float
    cpu: float
    main_peak: float
    child_peak: float

    @classmethod
    def of(cls, costs: Sequence[Cost]) -> Summary:
        """The summary of some runs, at least one."""
        walls = [cost.wall for cost in costs]
        return cls(
            len(costs),
            median(walls),
            min(walls),
            max(walls),
            median(cost.cpu for cost in costs),
            median(cost.main_peak for cost in costs),
            median(cost.child_peak for cost in costs),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what came of it; ``met`` is None where a figure is missing."""

    target: str
    figure: str
    met: bool | None


def speed_table(summaries: Mapping[Key, Summary]) -> str:
    """One line for each client, with what jwstsync took relative to it."""
    counts = [count for name, count in summaries if name == JWSTSYNC]
    rows = [[*_HEAD, *(f"jwstsync({count}) / it" for count in counts)]]
    for key, one in summaries.items():
        ratios = (_ratio(summaries, key, count) for count in counts)
        rows.append([*_figures(key, one), *ratios])
    return aligned(rows)


def _figures(key: Key, one: Summary) -> list[str]:
    name, count = key
    times = (f"{seconds:.2f}" for seconds in (one.wall, one.least, one.most, one.cpu))
    child = f"{one.child_peak / 1e6:.0f}" if one.child_peak else "-"
    return [name, _shown(count), str(one.rounds), *times, f"{one.main_peak / 1e6:.0f}", child]


def _shown(count: int | None) -> str:
    return "-" if count is None else str(count)


def _ratio(summaries: Mapping[Key, Summary], key: Key, count: int | None) -> str:
    name, own = key
    if name == JWSTSYNC or own not in {None, count}:
        return ""
    return f"{summaries[JWSTSYNC, count].wall / summaries[key].wall:.2f}"


def verdicts(workload: Workload, summaries: Mapping[Key, Summary], counts: Iterable[int]) -> Iterator[Verdict]:
    """What came of each target of a workload."""
    for count in counts:
        ours = summaries.get((JWSTSYNC, count))
        yield _beside_rivals(workload.key, count, ours, summaries)
        if (workload.key, count) in _SERIAL_FACTORS:
            yield _beside_serial(workload.key, count, ours, summaries.get((_SERIAL, None)))
        yield from _in_memory(workload.key, count, ours)


def _beside_rivals(key: str, count: int, ours: Summary | None, summaries: Mapping[Key, Summary]) -> Verdict:
    rivals = _RIVALS.get(key, _USUAL_RIVALS)
    factor = _FACTORS[key]
    target = f"({key}) {count} connections: at most {factor} x the best of {' and '.join(rivals)}"
    walls = {
        name: one.wall for (name, own), one in summaries.items() if own == count and CLIENTS[name].program in rivals
    }
    if ours is None or {CLIENTS[name].program for name in walls} != set(rivals):
        return Verdict(target, "", None)
    best = min(walls, key=walls.__getitem__)
    ratio = ours.wall / walls[best]
    return Verdict(target, f"{ratio:.2f} x {best}", ratio <= factor)


def _beside_serial(key: str, count: int, ours: Summary | None, serial: Summary | None) -> Verdict:
    factor = _SERIAL_FACTORS[key, count]
    target = f"({key}) {count} connections: at least {factor} times as fast as {_SERIAL}"
    if ours is None or serial is None:
        return Verdict(target, "", None)
    ratio = serial.wall / ours.wall
    return Verdict(target, f"{ratio:.2f} times", ratio >= factor)


def _in_memory(key: str, count: int, ours: Summary | None) -> Iterator[Verdict]:
    start = f"({key}) {count} connections: at most"
    for what, limit, peak in (
        ("in the main process", _MAIN_MEMORY, ours.main_peak if ours else None),
        ("in each worker process", _CHILD_MEMORY, ours.child_peak if ours else None),
    ):
        target = f"{start} {limit / 1e6:.0f} MB {what}"
        figure = f"{peak / 1e6:.0f} MB" if peak else "none"
        yield Verdict(target, "", None) if peak is None else Verdict(target, figure, peak <= limit)


def verdict_table(all_verdicts: Iterable[Verdict]) -> str:
    """One line for each target."""
    words = {True: "pass", False: "FAIL", None: "no figure"}
    return aligned([["target", "figure", ""], *([one.target, one.figure, words[one.met]] for one in all_verdicts)])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell: the first to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    )
