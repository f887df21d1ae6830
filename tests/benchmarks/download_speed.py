"""The download benchmark: jwstsync beside curl, aria2c, wget, astroquery, rclone and a plain copy, in one run.

    python -m tests.benchmarks.download_speed --workloads a,b,c,d,e,t --connections 4,8 --rounds 5

All clients download the same files from the same nginx (see `nginx`), one after the other in each round, so that what
else the machine does meets them alike. Each run begins with an empty folder of its own and a synced disk, on the disk
that holds the files. What a client brought is compared by size after each run, and by its bytes after its first. Read
the ratios:
the seconds are the machine's. curl, aria2c and the others hash nothing and sync nothing to the disk; jwstsync does
both. What that alone takes is told by curl-verified: curl, and then sha256sum and sync on what it brought.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from tests.benchmarks.clients import CLIENTS, Call, Client, environment, shortfall
from tests.benchmarks.measure import RunError, cost_of
from tests.benchmarks.nginx import line_of, serving
from tests.benchmarks.tables import Summary, speed_table, verdict_table, verdicts
from tests.benchmarks.workloads import WORKLOADS, holdings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.measure import Cost
    from tests.benchmarks.nginx import Site
    from tests.benchmarks.tables import Key, Verdict
    from tests.benchmarks.workloads import Holdings, Workload

_KEPT = 500_000_000  # bytes of an output that is not removed at once
_DATA = Path(tempfile.gettempdir()) / "jwstsync-benchmark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the command line asks for."""

    workloads: Sequence[str]
    clients: Sequence[str]
    connections: Sequence[int]
    rounds: int
    scale: float
    data: Path

    def keys(self, workload: Workload) -> list[Key]:
        """Who runs in each round of a workload, in their order."""
        return [
            (name, count)
            for name in self.clients
            if not CLIENTS[name].only or workload.key in CLIENTS[name].only
            for count in (self.connections if CLIENTS[name].parallel else [None])
        ]


@dataclass(frozen=True, slots=True)
class Results:
    """What came of one workload: the cost of each run, and why a client was left out after a failure."""

    workload: Workload
    costs: dict[Key, list[Cost]] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)

    @property
    def summaries(self) -> dict[Key, Summary]:
        """The medians by client."""
        return {key: Summary.of(costs) for key, costs in self.costs.items() if key not in self.failures}


def measure_workload(workload: Workload, choice: Choice) -> Results:
    """Runs every client on a workload, round by round, and prints the table."""
    click.echo(f"\n{workload.title}")
    holdings = holdings_of(workload, choice.data)
    results = Results(workload)
    with serving(workload, holdings) as site, TemporaryDirectory(dir=choice.data, prefix="outputs-") as outputs:
        if workload.slow:
            _tell_line(site, holdings)
        for number in range(choice.rounds):
            for key in choice.keys(workload):
                if number < (CLIENTS[key[0]].rounds or choice.rounds) and key not in results.failures:
                    _measure_once(key, site, holdings, results, Path(outputs))
    click.echo(speed_table(results.summaries))
    for (name, count), why in results.failures.items():
        click.echo(f"{name} with {count or 1} connections failed: {why}")
    return results


def _tell_line(site: Site, holdings: Holdings) -> None:
    line = line_of(site, holdings)
    click.echo(f"one connection: {line.latency * 1e3:.1f} ms before an answer, {line.rate / 1e6:.2f} MB/s")


def _measure_once(key: Key, site: Site, holdings: Holdings, results: Results, outputs: Path) -> None:
    """One run of one client, in a folder of its own.

    Small outputs stay until the workload is done: for minutes after many files were removed, ext4 searches long for the
    inode of a new one (``recently_deleted`` in its ialloc.c), which would be counted to whoever comes next.
    """
    name, count = key
    costs = results.costs.setdefault(key, [])
    folder = Path(tempfile.mkdtemp(dir=outputs))
    call = Call(site, holdings, count or 1, folder)
    try:
        cost = _checked_cost(CLIENTS[name], call, thorough=not costs)
    except RunError as error:
        results.failures[key] = str(error)
    else:
        costs.append(cost)
    if holdings.size > _KEPT:
        shutil.rmtree(folder)


def _checked_cost(client: Client, call: Call, *, thorough: bool) -> Cost:
    arguments = client.command(call)
    os.sync()
    cost = cost_of(arguments, folder=call.folder, environment=environment(call))
    if why := shortfall(call, thorough=thorough):
        raise RunError(why)
    return cost


def _report(choice: Choice, results: Sequence[Results]) -> dict[str, object]:
    """Everything that was measured, for programs. Seconds and bytes."""
    return {
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "scale": choice.scale,
        "runs": [
            {"workload": asdict(one.workload), "client": name, "connections": count, "round": number, **asdict(cost)}
            for one in results
            for (name, count), costs in one.costs.items()
            for number, cost in enumerate(costs, start=1)
        ],
        "failures": [
            {"workload": one.workload.key, "client": name, "connections": count, "error": why}
            for one in results
            for (name, count), why in one.failures.items()
        ],
        "targets": [asdict(verdict) for verdict in _verdicts(choice, results)],
    }


def _verdicts(choice: Choice, results: Sequence[Results]) -> list[Verdict]:
    return [verdict for one in results for verdict in verdicts(one.workload, one.summaries, choice.connections)]


class _Names(click.ParamType[str]):
    """Some of the known names, joined by commas."""

    name = "names"

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if unknown := [name for name in value.split(",") if name not in self._known]:
            self.fail(f"{', '.join(unknown)}: expected some of {','.join(self._known)}", param, ctx)
        return value


@click.command(help="Download the same files with jwstsync and with others, side by side.")
@click.option("--workloads", type=_Names(list(WORKLOADS)), default=",".join(WORKLOADS), show_default=True)
@click.option("--clients", type=_Names(list(CLIENTS)), help="Some of them; the default is all that are installed.")
@click.option("--connections", type=_Names(list("12345678")), default="4,8", show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Below 1: fewer or smaller files.",
)
@click.option("--data", type=click.Path(path_type=Path), default=_DATA, show_default=True, help="Where files are kept.")
@click.option("--json", "report", type=click.Path(path_type=Path), help="Write everything that was measured there.")
def main(
    *,
    workloads: str,
    clients: str | None,
    connections: str,
    rounds: int,
    scale: float,
    data: Path,
    report: Path | None,
) -> None:
    """Measures one workload after the other; the report is whole after each."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nginx and the output are removed then too
    choice = Choice(
        workloads=workloads.split(","),
        clients=_installed(clients),
        connections=[int(count) for count in connections.split(",")],
        rounds=rounds,
        scale=scale,
        data=data.resolve(),
    )
    choice.data.mkdir(parents=True, exist_ok=True)
    results: list[Results] = []
    for key in choice.workloads:
        results.append(measure_workload(WORKLOADS[key].scaled(scale), choice))
        if report is not None:
            report.write_text(json.dumps(_report(choice, results), indent=1) + "\n")
    note = "" if scale == 1 else f" (they are meant for --scale 1, not {scale:g})"
    click.echo(f"\ntargets{note}\n{verdict_table(_verdicts(choice, results))}")
    if any(one.failures for one in results):
        raise click.ClickException("some clients failed, as said below their tables")


def _installed(names: str | None) -> list[str]:
    chosen = [CLIENTS[name] for name in (names.split(",") if names else CLIENTS)]
    missing = {client.program for client in chosen if not client.installed}
    if missing and names:
        raise click.UsageError(f"{', '.join(sorted(missing))}: not installed")
    if missing:
        click.echo(f"left out, not installed: {', '.join(sorted(missing))}")
    return [client.name for client in chosen if client.installed]


if __name__ == "__main__":
    main()
