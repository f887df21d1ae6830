"""What a plan says of exclusive products that the manifest wants, and that can not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import EXPIRED_TOKEN, TOKEN
from tests.cli.archive import EXCLUSIVE, no_download_of, product_name
from tests.cli.calls import Called
from tests.cli.test_cli_exit_codes import with_access

if TYPE_CHECKING:
    from jwstsync.sandbox import Sandbox
    from tests.cli.calls import Desk

NAME = product_name(EXCLUSIVE, "i2d")
NEEDED = "1 exclusive products need a token; expected one in MAST_API_TOKEN, or stored by `jwstsync login`"
REFUSED = f"exclusive access: withhold {NAME} can not be had; expected a token with the right"


@pytest.mark.parametrize(("access", "said"), [("fetch", NEEDED), ("error", REFUSED)])
def test_a_plan_says_what_apply_will_say(desk: Desk, access: str, said: str) -> None:
    """Without a token: in the words of apply, with its exit code, once; programs are told as well."""
    desk.write(with_access(access))
    planned = desk.call("plan")

    assert planned.code == ExitCode.OK
    assert planned.err == f"jwstsync: {said}; apply ends with exit code 8\n"
    assert planned.out.count("withheld") == 2  # with its date, and in the sum
    assert desk.call("plan", "--json").document["warnings"] == [said]

    applied = desk.call("apply")
    assert (applied.code, applied.err) == (ExitCode.TOKEN, f"jwstsync: {said}\n")


def test_a_script_that_leaves_them_says_so(desk: Desk) -> None:
    """Whoever takes a script to another host learns here what it will not fetch."""
    desk.write(with_access("fetch"))

    assert "apply ends with exit code 8" in desk.call("apply", "--script", "fetch.sh").err


@pytest.mark.parametrize("form", ["bash", "aria2"])
def test_all_or_nothing_is_so_of_scripts_too(desk: Desk, form: str) -> None:
    """Where a run would fetch nothing, no script of a part is written: exit code 8, and the file is as it was."""
    desk.write(with_access("error"))
    (desk.folder / "get.sh").write_text("mine", encoding="utf-8")
    for target in ("get.sh", "-"):
        refused = desk.call("apply", "--script", target, "--script-format", form)
        assert refused == Called(ExitCode.TOKEN, "", f"jwstsync: {REFUSED}\n")
    assert (desk.folder / "get.sh").read_text(encoding="utf-8") == "mine"


def test_a_script_is_refused_for_a_token_without_the_right(desk: Desk, archive: Sandbox) -> None:
    """As a run is: one product of each proposal is tried, and nothing is written unless all can be had."""
    desk.write(with_access("error"))
    desk.set(MAST_API_TOKEN=TOKEN)
    archive.fault = no_download_of(NAME, status=403)
    refused = desk.call("apply", "--script", "get.sh")
    archive.fault = None

    assert (refused.code, refused.out) == (ExitCode.TOKEN, "")
    assert f"exclusive access: fetch {NAME}" in refused.err
    assert not (desk.folder / "get.sh").exists()
    assert desk.call("apply", "--script", "get.sh").code == ExitCode.OK
    assert NAME in (desk.folder / "get.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize("access", ["fetch", "error"])
def test_a_token_that_is_refused_is_told_to_programs(desk: Desk, access: str) -> None:
    """Why it is of no use stands among the warnings too, and nothing is said of a token that is needed."""
    desk.write(with_access(access))
    desk.set(MAST_API_TOKEN=EXPIRED_TOKEN)
    planned = desk.call("plan", "--json")

    assert planned.code == ExitCode.TOKEN
    first, *others = planned.document["warnings"]
    assert "refused the MAST token (from MAST_API_TOKEN)" in first
    assert others == ([REFUSED] if access == "error" else [])


@pytest.mark.parametrize(("access", "token"), [("auto", None), ("skip", None), ("fetch", TOKEN), ("error", TOKEN)])
def test_where_nothing_is_wrong_nothing_is_said(desk: Desk, access: str, token: str | None) -> None:
    """What is withheld by the user's own wish, or can be had, is no warning."""
    desk.write(with_access(access))
    if token is not None:
        desk.set(MAST_API_TOKEN=token)

    assert desk.call("plan").err == ""
    assert desk.call("plan", "--json").document["warnings"] == []
