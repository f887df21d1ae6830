"""Options: where they may stand, what the environment sets, which of them wins, and what help says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Sandbox
from tests.cli.archive import FIRST, SECOND, catalogue, product_name, product_path
from tests.cli.calls import BOTH, ONE, Called, Desk

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "init",
    "add",
    "remove",
    "search",
    "plan",
    "apply",
    "status",
    "show",
    "verify",
    "clean",
    "export",
    "lock",
    "login",
    "whoami",
    "logout",
    "schema",
    "sandbox",
)
GLOBALS = ("--manifest", "--sandbox", "--timeout", "--json", "--verbose", "--quiet", "--color")
CAL = product_name(FIRST)
SLOW = ONE.replace("[[proposal]]", "[archive]\ntimeout = 0.001\n\n[[proposal]]")


@pytest.fixture
def two(desk: Desk) -> Desk:
    """A desk with two fetched products, where another manifest is at hand."""
    desk.write(BOTH)
    desk.call("apply")
    desk.write(ONE, "other.toml")
    return desk


@pytest.mark.parametrize(
    ("option", "variable"),
    [
        (("--json",), {"JWSTSYNC_JSON": "1"}),
        (("-v",), {"JWSTSYNC_VERBOSE": "1"}),
        (("-q",), {"JWSTSYNC_QUIET": "true"}),
        (("-f", "other.toml"), {"JWSTSYNC_MANIFEST": "other.toml"}),
        (("--color", "always"), {"JWSTSYNC_COLOR": "always"}),
    ],
    ids=["json", "verbose", "quiet", "manifest", "color"],
)
def test_global_options_stand_anywhere(two: Desk, option: Sequence[str], variable: dict[str, str]) -> None:
    """Before the command, after it, or in the environment, a global option does the same; and it does something."""
    (two.root / product_path(FIRST)).unlink()
    plain = two.call("status")
    before, after = two.call(*option, "status"), two.call("status", *option)
    two.set(**variable)

    assert before == after == two.call("status")
    assert before != plain


def test_the_stand_in_can_be_asked_for_anywhere(bare: Desk) -> None:
    """--sandbox before and after the command, and its variable, all ask a private stand-in."""
    bare.write("version = 1\n[[proposal]]\nid = 5398\ninclude = [{ productSubGroupDescription = 'RATE' }]\n")
    before, after = bare.call("--sandbox", "plan"), bare.call("plan", "--sandbox")
    bare.set(JWSTSYNC_SANDBOX="1")

    assert before == after == bare.call("plan")
    assert before.code == ExitCode.OK


def test_flag_over_environment_over_manifest(desk: Desk) -> None:
    """The time limit is the flag's, else the environment's, else the manifest's."""
    desk.write(SLOW)
    by_manifest = desk.call("plan")
    desk.set(JWSTSYNC_TIMEOUT="60")
    by_environment = desk.call("plan")
    by_flag = desk.call("plan", "--timeout", "0.001")
    desk.set(JWSTSYNC_TIMEOUT="0.001")
    by_flag_again = desk.call("--timeout", "60", "plan")

    assert [by_manifest.code, by_environment.code] == [ExitCode.ARCHIVE, ExitCode.OK]
    assert [by_flag.code, by_flag_again.code] == [ExitCode.ARCHIVE, ExitCode.OK]
    assert "no answer in 0.001 s" in by_manifest.err
    assert by_flag.err == by_manifest.err


def test_the_later_flag_wins(desk: Desk) -> None:
    """A global option that stands on both sides of the command is taken from behind it."""
    assert desk.call("--timeout", "0.001", "plan", "--timeout", "60").code == ExitCode.OK
    assert desk.call("--color", "always", "plan", "--color", "never") == desk.call("plan")


def test_the_archives_address(desk: Desk) -> None:
    """The environment's is asked in place of the manifest's; an empty variable is as good as none."""
    with Sandbox(catalogue=catalogue()) as other:
        desk.write(ONE.replace("[[proposal]]", f'[archive]\nurl = "{other.url}"\n\n[[proposal]]'))
        desk.call("plan")
        heard = len(other.requests)
        desk.set(JWSTSYNC_ARCHIVE_URL="")
        desk.call("plan")

        assert heard == 0
        assert other.requests


@pytest.mark.parametrize(
    ("variables", "arguments", "same_as"),
    [
        ({"JWSTSYNC_CHECK": "1"}, ("plan",), ("plan", "--check")),
        ({"JWSTSYNC_CHECK": "1"}, ("status",), ("status", "--check")),
        ({"JWSTSYNC_EXPLAIN": "*"}, ("plan",), ("plan", "--explain", "*")),
        ({"JWSTSYNC_FROZEN": "1"}, ("plan",), ("plan", "--frozen")),
        ({"JWSTSYNC_OFFLINE": "1"}, ("plan",), ("plan", "--offline")),
        ({"JWSTSYNC_LOCKED": "1"}, ("plan",), ("plan", "--locked")),
        ({"JWSTSYNC_LOCKED": "1"}, ("plan", "--frozen"), ("plan", "--frozen")),
        ({"JWSTSYNC_FROZEN": "1", "JWSTSYNC_LOCKED": "1"}, ("plan", "--offline"), ("plan", "--offline")),
        ({"JWSTSYNC_SCRIPT": "-"}, ("apply",), ("apply", "--script", "-")),
        ({"JWSTSYNC_PRODUCTS": "1"}, ("search", "1111"), ("search", "1111", "--products")),
        ({"JWSTSYNC_VERBOSE": "0"}, ("plan",), ("plan",)),
        ({"JWSTSYNC_JSON": ""}, ("plan",), ("plan",)),
    ],
)
def test_every_option_can_be_set_in_the_environment(
    two: Desk, archive: Sandbox, variables: dict[str, str], arguments: Sequence[str], same_as: Sequence[str]
) -> None:
    """A variable does what its flag does; and a flag that names a mode wins over a variable that names another."""
    (two.root / product_path(FIRST)).unlink()
    archive.remake(product_name(SECOND))
    flagged = two.call(*same_as)
    two.set(**variables)

    assert two.call(*arguments) == flagged


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(("--locked", "--frozen"), {}), ((), {"JWSTSYNC_LOCKED": "1", "JWSTSYNC_FROZEN": "1"})],
    ids=["flags", "environment"],
)
@pytest.mark.parametrize("name", ["plan", "apply"])
def test_two_modes_at_once(bare: Desk, name: str, arguments: Sequence[str], variables: dict[str, str]) -> None:
    """They are refused, wherever they come from."""
    bare.set(**variables)

    assert bare.call(name, *arguments) == Called(
        ExitCode.INVALID, "", "jwstsync: --locked and --frozen: expected one of them\n"
    )


@pytest.mark.parametrize("mode", ["--frozen", "--offline"])
def test_explanations_ask_the_archive(bare: Desk, mode: str) -> None:
    """So they do not go with a mode that asks nothing."""
    refused = bare.call("plan", "--explain", CAL, mode)

    assert refused == Called(
        ExitCode.INVALID,
        "",
        f"jwstsync: --explain and {mode}: expected one of them, since --explain asks the archive\n",
    )


@pytest.mark.parametrize("name", ["plan", "status", "verify", "apply"])
def test_the_manifest_of_a_parent_folder(two: Desk, name: str) -> None:
    """From a folder below the manifest's, every command finds it, and its root and lockfile."""
    (two.folder / "notebooks" / "deep").mkdir(parents=True)
    two.monkeypatch.chdir(two.folder / "notebooks" / "deep")

    assert "  =   2  keep" in two.call(name).out.splitlines()


def test_the_search_ends_at_the_repositorys_root(bare: Desk) -> None:
    """What lies above the repository is not taken for its manifest."""
    inner = bare.folder / "clone"
    (inner / ".git").mkdir(parents=True)
    bare.monkeypatch.chdir(inner)
    missing = bare.call("plan")

    assert missing.code == ExitCode.INVALID
    assert missing.err == (
        "jwstsync: jwstsync.toml: not found here or in a parent folder; "
        "expected a manifest: `jwstsync init` writes one\n"
    )


def test_a_folder_that_is_gone(bare: Desk) -> None:
    """Called where nothing is any more, it says so."""
    place = bare.folder / "gone"
    place.mkdir()
    bare.monkeypatch.chdir(place)
    place.rmdir()

    assert bare.call("status") == Called(
        ExitCode.INVALID, "", "jwstsync: this folder is gone; expected to be called in one that is there\n"
    )


def test_colors_on_request(two: Desk, archive: Sandbox) -> None:
    """Without a terminal there are none, unless they are always wanted; each kind of group has its own."""
    archive.remake(CAL)
    plain, never, always = (two.call("plan", *option) for option in ((), ("--color", "never"), ("--color", "always")))

    assert plain == never
    assert "\x1b" not in plain.out
    assert "\x1b[33m  ~   1  update" in always.out
    assert always.out.replace("\x1b[33m", "").replace("\x1b[0m", "") == plain.out


@pytest.mark.parametrize("name", [*COMMANDS, "lock merge", "lock check"])
def test_help(bare: Desk, name: str) -> None:
    """Every command tells what it does and takes, whether a manifest is there or not."""
    (bare.folder / "jwstsync.toml").unlink()
    long, short = bare.call(*name.split(), "--help"), bare.call(*name.split(), "-h")

    assert long == short
    assert (long.code, long.err) == (ExitCode.OK, "")
    assert long.out.startswith(f"Usage: jwstsync {name} [OPTIONS]")
    assert all(option in long.out for option in GLOBALS)
    assert "\\" not in long.out
    assert max(map(len, long.out.splitlines())) <= 80


def test_examples_in_help(bare: Desk) -> None:
    """Examples are told one a line, below the options."""
    assert bare.call("plan", "--help").out.endswith(
        "\nExamples:\n"
        "  jwstsync plan                         what is missing, and how much it is\n"
        "  jwstsync plan --check                 for CI: exit 1 if anything is\n"
        "  jwstsync plan --out plan.json         save it for a review, and for apply\n"
        "  jwstsync plan --explain '*_i2d.fits'  which rule took or left a product\n"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples(bare: Desk, name: str) -> None:
    """Its help shows how it is called; that of a group names the commands in it."""
    shown = bare.call(name, "--help").out
    assert f"\nExamples:\n  jwstsync {name}" in shown or (name == "lock" and "\nCommands:\n" in shown)


def test_the_readme_has_every_command() -> None:
    """One line of its table each; that of a group stands for the commands in it."""
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n| `jwstsync {name}" not in readme] == []


def test_help_of_the_whole(bare: Desk) -> None:
    """It names every command in one line each, and where the token and the options come from."""
    shown = bare.call("--help").out
    lines = shown.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()

    assert tuple(line.split()[0] for line in lines) == COMMANDS
    assert all(line.endswith(".") for line in lines)
    assert "JWSTSYNC_<OPTION>" in shown
    assert "MAST_API_TOKEN" in shown


def test_a_call_without_a_command(bare: Desk) -> None:
    """It is shown the help, on stderr, and is no success."""
    called = bare.call()

    assert (called.code, called.out) == (ExitCode.INVALID, "")
    assert called.err == bare.call("--help").out


def test_the_version(bare: Desk) -> None:
    """--version needs nothing else."""
    assert bare.call("--version") == Called(ExitCode.OK, "jwstsync 0.1.0\n", "")


def test_completion(bare: Desk) -> None:
    """Shells are given what they need to complete commands."""
    bare.set(_JWSTSYNC_COMPLETE="bash_source")
    called = bare.call()
    bare.set(_JWSTSYNC_COMPLETE="bash_complete", COMP_WORDS="jwstsync s", COMP_CWORD="1")

    assert called.code == ExitCode.OK
    assert "_JWSTSYNC_COMPLETE=bash_complete" in called.out
    assert bare.call().out.splitlines() == [f"plain,{name}" for name in COMMANDS if name.startswith("s")]
