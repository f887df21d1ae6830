"""`--json` of every command there is: what it prints says which schema it has, and is as that schema has it."""

from __future__ import annotations

import io
import json
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import pytest

from jwstsync.cli.main import command
from jwstsync.core.lockfile import format_lockfile
from jwstsync.errors import ExitCode
from jwstsync.sandbox import TOKEN
from tests.cli.archive import FIRST, SECOND
from tests.cli.calls import BOTH, Called, Desk, ended, fits
from tests.core.lock_histories import large_history
from tests.keyrings import MemoryKeyring, keyring_in_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMAS = Path(__file__).parents[2] / "schema"
FILES = {"manifest", "lock", "saved-plan"}
"""The schemas of files; the others are of what is printed."""
SHARED = {"status": "plan", "verify": "plan"}
"""The documents that have another's schema."""
_NAME = re.compile(r"jwstsync\.([a-z-]+)/1")


def document_of(called: Called) -> dict[str, Any]:
    """The one document that a call printed, which ended as it should."""
    assert called.code in {ExitCode.OK, ExitCode.DIFFERENCES}, called.err
    document: dict[str, Any] = called.document
    return document


def calls(*several: str) -> Callable[[Desk], Iterator[dict[str, Any]]]:
    """Calls of the command that print a document each."""

    def spoken(desk: Desk) -> Iterator[dict[str, Any]]:
        for line in several:
            yield document_of(desk.call(*line.split(), "--json"))

    return spoken


def login(desk: Desk) -> Iterator[dict[str, Any]]:
    """A token that is stored, and one that is only checked."""
    for more in ((), ("--no-store",)):
        desk.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TOKEN.encode())))
        yield document_of(desk.call("login", "--token-stdin", "--json", *more))


def whoami(desk: Desk) -> Iterator[dict[str, Any]]:
    """Nobody, and somebody."""
    yield document_of(desk.call("whoami", "--json"))
    desk.set(MAST_API_TOKEN=TOKEN)
    yield document_of(desk.call("whoami", "--json"))


def lock_merge(desk: Desk) -> Iterator[dict[str, Any]]:
    """No conflict, a merge with something to decide, and conflicts of git's."""
    yield document_of(desk.call("lock", "merge", "--json"))
    history = large_history(3, products=12, added=2)
    for side in ("base", "ours", "theirs"):
        (desk.folder / side).write_text(format_lockfile(getattr(history, side), "jwstsync.lock"), encoding="utf-8")
    yield document_of(desk.call("lock", "merge", "base", "ours", "theirs", "--json"))
    text = desk.lockfile.read_text(encoding="utf-8")
    desk.lockfile.write_text(f"{text}<<<<<<< HEAD\n=======\n>>>>>>> branch\n", encoding="utf-8")
    yield document_of(desk.call("lock", "merge", "--json"))


def lock_check(desk: Desk) -> Iterator[dict[str, Any]]:
    """A lockfile that matches, a manifest that has none, one that is not valid, and a lockfile that does not match."""
    yield document_of(desk.call("lock", "check", "--json"))
    desk.write(BOTH, "other.toml")
    desk.write("version = 2\n", "bad.toml")
    found = desk.call("lock", "check", "other.toml", "bad.toml", "--json")
    assert found.code == ExitCode.INVALID
    yield found.document
    desk.write(BOTH)
    yield document_of(desk.call("lock", "check", "--json"))


def plan(desk: Desk) -> Iterator[dict[str, Any]]:
    """Nothing to do, something to do, what is saved, and why."""
    yield from calls("plan", "plan -v", "plan --explain *_cal.fits")(desk)
    desk.write(BOTH)
    yield from calls("plan -v", "plan --check", "plan --frozen -v", "plan --out plan.json")(desk)
    saved = json.loads((desk.folder / "plan.json").read_text(encoding="utf-8"))
    assert fits(schema_named("saved-plan"), saved)


def apply(desk: Desk) -> Iterator[dict[str, Any]]:
    """Runs with and without anything to do, of a saved plan, for a script, and one that is refused."""
    assert desk.call("plan", "--out", "plan.json").code == ExitCode.OK
    for line, code in (
        ("apply plan.json", ExitCode.OK),
        ("apply --frozen", ExitCode.OK),
        ("apply --script fetch.sh", ExitCode.OK),
        ("apply -f none.toml", ExitCode.INVALID),
    ):
        called = desk.call(*line.split(), "--json")
        assert called.code == code
        yield {"schema": "jwstsync.events/1", "lines": called.events}


def sandbox(desk: Desk) -> Iterator[dict[str, Any]]:
    """A stand-in, which serves until it is ended."""
    process = desk.spawn("sandbox", "--port", "0", "--json")
    assert process.stdout is not None
    document = "".join(iter(process.stdout.readline, "}\n")) + "}\n"
    process.send_signal(signal.SIGINT)
    assert ended(process).code == ExitCode.OK
    yield json.loads(document)


class Speaker(NamedTuple):
    """What a command has to say: documents with these schemas."""

    subjects: set[str]
    documents: Callable[[Desk], Iterator[dict[str, Any]]]


SPEAKERS = {
    "init": Speaker({"edit"}, calls(f"init -f new.toml {FIRST}")),
    "add": Speaker({"edit"}, calls(f"add {SECOND} --include {{}}")),
    "remove": Speaker({"edit"}, calls(f"add {SECOND} --include {{}}", f"remove {FIRST}")),
    "search": Speaker({"search"}, calls(f"search {FIRST} {SECOND}", f"search {FIRST} --products")),
    "plan": Speaker({"plan", "explain"}, plan),
    "apply": Speaker({"events"}, apply),
    "status": Speaker({"plan"}, calls("status", "status -v")),
    "show": Speaker({"show"}, calls("show")),
    "verify": Speaker({"plan"}, calls("verify", "verify -v")),
    "clean": Speaker({"clean"}, calls("clean -y")),
    "export": Speaker({"export"}, calls("export csv -o products.csv", "export sha256sums -o SHA256SUMS")),
    "lock merge": Speaker({"lock-merge"}, lock_merge),
    "lock check": Speaker({"lock-check"}, lock_check),
    "login": Speaker({"login"}, login),
    "whoami": Speaker({"whoami"}, whoami),
    "logout": Speaker({"logout"}, calls("logout")),
    "schema": Speaker(set(), calls()),  # prints schemas, with it or without
    "sandbox": Speaker({"sandbox"}, sandbox),
}


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    """The names of all commands, those in groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, f"{before}{name} ")
        else:
            assert found is not None
            assert "--json" in [opt for one in found.params for opt in one.opts]
            yield before + name


def schema_named(name: str) -> dict[str, Any]:
    """A schema of the repository."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


def test_no_command_is_forgotten() -> None:
    """Every command takes --json, and what it says to programs is held to a schema here."""
    assert sorted(SPEAKERS) == sorted(commands(command))


@pytest.fixture
def found_keyring() -> Iterator[None]:
    """A keyring that keeps what it is given."""
    with keyring_in_use(MemoryKeyring()):
        yield


@pytest.mark.usefixtures("found_keyring")
@pytest.mark.parametrize("name", sorted(SPEAKERS.keys() - {"schema"}))
def test_what_programs_are_told(synced: Desk, name: str) -> None:
    """Each document begins with the name of its schema, and is as it says; a key too much or too little is not."""
    subjects, documents = SPEAKERS[name]
    spoken = set()
    for document in documents(synced):
        said = _NAME.fullmatch(document["schema"])
        assert said is not None
        assert next(iter(document)) == "schema"
        spoken.add(SHARED.get(said[1], said[1]))
        if said[1] != "events":  # each line of which is held to its schema when it is read
            schema = schema_named(SHARED.get(said[1], said[1]))
            assert fits(schema, document)
            assert not fits(schema, {**document, "more": 1})
            for key in document:
                assert not fits(schema, {other: value for other, value in document.items() if other != key})

    assert spoken == subjects


def test_every_schema_is_of_something() -> None:
    """Each that can be printed lies in the repository, and is of a file or of what a command prints."""
    group = click.Context(command)
    printer = command.get_command(group, "schema")
    assert printer is not None
    [printed] = [
        one.type.choices for one in printer.params if one.name == "subject" and isinstance(one.type, click.Choice)
    ]
    of_files = {file.name.removesuffix(".schema.json") for file in SCHEMAS.iterdir()}

    assert set(printed) == of_files == FILES.union(*(speaker.subjects for speaker in SPEAKERS.values()))
