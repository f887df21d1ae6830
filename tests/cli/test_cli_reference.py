"""`jwstsync schema` and `jwstsync sandbox`, and the names that the package has for programs."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.request
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli

import jwstsync
from jwstsync.errors import ExitCode
from jwstsync.sandbox import TOKEN
from tests.cli.archive import product_name
from tests.cli.calls import ONE, Called, Desk, ended, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

_Validator: Any = import_module("jsonschema").Draft202012Validator  # it comes without types
SCHEMAS = Path(__file__).parents[2] / "schema"
SUBJECTS = sorted(file.name.removesuffix(".schema.json") for file in SCHEMAS.iterdir())


def test_help_names_every_schema(bare: Desk) -> None:
    """Whoever asks what there is need not guess."""
    words = bare.call("schema", "--help").out.replace(",", " ").replace(".", " ").split()

    assert set(SUBJECTS) <= set(words)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_schemas(bare: Desk, subject: str) -> None:
    """Each is one valid JSON Schema, with or without a manifest at hand, and says so itself."""
    (bare.folder / "jwstsync.toml").unlink()
    printed = bare.call("schema", subject)

    _Validator.check_schema(printed.document)
    assert printed.document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (printed.code, printed.err) == (ExitCode.OK, "")


def test_schemas_of_what_users_commit(full: Desk) -> None:
    """Manifest and lockfile fit theirs, and what has a key too much does not."""
    manifest, lockfile = tomli.loads(ONE), tomli.loads(full.lockfile.read_text(encoding="utf-8"))
    schemas = [full.call("schema", subject).document for subject in ("manifest", "lock")]

    assert [fits(schema, one) for schema, one in zip(schemas, (manifest, lockfile), strict=True)] == [True, True]
    assert [fits(schema, {**one, "more": 1}) for schema, one in zip(schemas, (manifest, lockfile), strict=True)] == [
        False,
        False,
    ]


def test_a_stand_in_for_programs(bare: Desk) -> None:
    """Its address and a token are a document, which comes as soon as it serves."""
    process = bare.spawn("sandbox", "--port", "0", "--json")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(5)]
    process.send_signal(signal.SIGINT)
    document = Called(0, "".join(lines), "").document

    assert fits(bare.call("schema", "sandbox").document, document)
    assert document["url"].startswith("http://127.0.0.1:")
    assert document["token"] == TOKEN
    assert ended(process) == Called(ExitCode.OK, "", "")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_schemas_are_those_of_the_repository(bare: Desk, subject: str) -> None:
    """What is printed is the file that editors and programs are pointed at, byte for byte."""
    how = f"stale: run `jwstsync schema {subject} > schema/{subject}.schema.json`"
    assert bare.call("schema", subject).out == (SCHEMAS / f"{subject}.schema.json").read_text(encoding="utf-8"), how


@pytest.mark.parametrize("subject", SUBJECTS)
def test_schemas_tell_what_numbers_are_of(subject: str) -> None:
    """Each number in what is printed says what it counts, and in which unit, unless its name does."""
    schema = json.loads((SCHEMAS / f"{subject}.schema.json").read_text(encoding="utf-8"))
    untold = [
        name
        for name, value in properties_of(schema)
        if re.search(r'"(integer|number)"', json.dumps(value)) and "description" not in value
    ]
    assert set(untold) <= {"files", "bytes", "products", "proposal", "calib_level", "exit_code"}


def properties_of(schema: object) -> Iterator[tuple[str, dict[str, object]]]:
    """The keys that a schema names anywhere in it, with what each may be."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from properties_of(part)


def test_a_stand_in_to_work_with(bare: Desk) -> None:
    """`jwstsync sandbox` prints where it serves, serves there until Ctrl-C, and ends without an error."""
    process = bare.spawn("sandbox", "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    with urllib.request.urlopen(line.split()[2].rstrip(";") + "/whoami", timeout=60) as answer:  # noqa: S310 - ours
        status = answer.status
    process.send_signal(signal.SIGINT)

    assert line.startswith("Serving on http://127.0.0.1:")
    assert line.endswith("; the token 'sandbox-token' is accepted. Ctrl-C ends it.\n")
    assert status == 200
    assert ended(process) == Called(ExitCode.OK, "", "")


def test_the_options_of_the_stand_in(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Port and size are as the options say, by default port 8733 and a 64th of the size."""
    served: list[tuple[int, bool]] = []

    def serve(*, port: int, full_size: bool, announce: object) -> None:
        assert callable(announce)
        served.append((port, full_size))

    monkeypatch.setattr("jwstsync.sandbox.serve", serve)
    bare.call("sandbox")
    bare.call("sandbox", "--port", "1234", "--full-size")

    assert served == [(8733, False), (1234, True)]


def test_a_port_that_is_taken(bare: Desk) -> None:
    """It is named, with what would do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = bare.call("sandbox", "--port", str(port))

    assert (refused.code, refused.out) == (ExitCode.INVALID, "")
    assert refused.err.startswith(f"jwstsync: --port {port}: Address already in use")
    assert refused.err.endswith("; expected a free port, or 0 for any\n")


def test_the_packages_names() -> None:
    """Every public name can be had, none else, and they are all that `dir` shows."""
    assert sorted(jwstsync.__all__) == sorted(dir(jwstsync))
    assert all(getattr(jwstsync, name).__name__ == name for name in jwstsync.__all__)
    with pytest.raises(AttributeError, match="module 'jwstsync' has no attribute 'fetch'"):
        _ = jwstsync.fetch


def test_the_package_in_a_pipeline(clone: Desk) -> None:
    """Manifest, plan, apply and verify work from Python as from the command line."""
    manifest = jwstsync.load_manifest(clone.folder / "jwstsync.toml")
    planned = jwstsync.plan(manifest)
    report = jwstsync.apply(manifest, jwstsync.Mode.FROZEN)

    assert planned.transfers[0].uri.endswith(product_name(1111))
    assert (report.exit_code, len(report.results)) == (0, 4)
    assert jwstsync.verify(manifest).differences == []
