"""`jwstsync plan --explain`: which rule took a product, or which left it out, and by which key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.errors import ExitCode
from jwstsync.sandbox import Catalogue, Sandbox
from tests.cli.archive import FIRST, SECOND, URI, no_answer_about, product_name
from tests.cli.calls import BOTH, ONE, Called, Desk, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.terminals import Terminal

CAL = product_name(FIRST)
JPG = CAL.replace(".fits", ".jpg")
SELECTED = f"""{CAL}: selected
    1111 First Light: include {{ extension = "fits" }} takes it
"""
LEFT = f"""{JPG}: left out
    1111 First Light: include {{ extension = "fits" }} leaves it: extension = "fits": is {JPG}
"""


@pytest.mark.parametrize("name", [CAL, CAL.upper(), URI + CAL, f"*{CAL[4:]}"])
def test_why_a_product_is_selected(desk: Desk, name: str) -> None:
    """It is named with the block and the rule that took it, by its name in any case, its URI or a glob."""
    assert desk.call("plan", "--explain", name) == Called(ExitCode.OK, SELECTED, "")


def test_why_products_are_left_out(desk: Desk) -> None:
    """Several are counted first; of those that are left out, every key that is to blame is told."""
    explained = desk.call("plan", "--explain", "*_CAL.*")

    assert explained == Called(ExitCode.OK, f"*_CAL.*: 2 products, 1 selected and 1 left out\n{SELECTED}{LEFT}", "")


def test_explanations_for_programs(desk: Desk) -> None:
    """With --json they are one document, as its schema has it, with every verdict and every miss."""
    document = desk.call("plan", "--explain", "*_cal.*", "--json").document
    selected, left = document["products"]

    assert fits(desk.call("schema", "explain").document, document)
    assert (document["schema"], document["pattern"], document["errors"]) == ("jwstsync.explain/1", "*_cal.*", [])
    assert (selected["filename"], selected["uri"], selected["selected"]) == (CAL, URI + CAL, True)
    assert left["problem"] is None
    assert left["verdicts"] == [
        {
            "proposal": FIRST,
            "block": 0,
            "part": "include",
            "rule": '{ extension = "fits" }',
            "takes": False,
            "misses": [{"key": "extension", "wanted": '"fits"', "found": JPG}],
        }
    ]


def test_observations_that_leave_out(desk: Desk) -> None:
    """A product of an observation that the manifest does not ask about is found and explained too."""
    desk.write(ONE.replace("include", 'observations = { filters = "F090W" }\ninclude'))
    explained = desk.call("plan", "--explain", CAL)

    assert explained.out.splitlines() == [
        f"{CAL}: left out",
        '    1111 First Light: observations leaves it out: filters = "F090W": is F200W',
    ]


@pytest.mark.parametrize(
    ("name", "hint"), [("nothing.fits", "; a part of a name is found by '*nothing.fits*'"), ("nothing*", "")]
)
def test_nothing_to_explain(desk: Desk, name: str, hint: str) -> None:
    """A name that nothing has is a mistake of the call, which a script can tell; what to try is said."""
    nothing = "the archive lists no product with such a file name for the manifest's proposals"

    assert desk.call("plan", "--explain", name) == Called(
        ExitCode.INVALID, "", f"jwstsync: --explain {name}: {nothing}{hint}\n"
    )


def test_nothing_to_explain_for_programs(desk: Desk) -> None:
    """The document stands all the same, with its schema's name, and the exit code too."""
    called = desk.call("plan", "--explain", "nothing", "--json")

    assert called.code == ExitCode.INVALID
    assert called.document == {"schema": "jwstsync.explain/1", "pattern": "nothing", "products": [], "errors": []}


def test_an_archive_that_answers_in_part(desk: Desk, archive: Sandbox) -> None:
    """What it lists is explained; what it did not answer is told, and ends with its code, whatever was found."""
    desk.write(BOTH)
    archive.fault = no_answer_about(SECOND)
    found, nothing = (desk.call("plan", "--explain", name, "--timeout", "5") for name in (CAL, product_name(SECOND)))
    document = desk.call("plan", "--explain", CAL, "--timeout", "5", "--json").document

    assert found.out.startswith(f"{CAL}: selected\n")
    assert found.code == nothing.code == ExitCode.ARCHIVE
    assert f"proposal {SECOND}" in found.err
    assert [error["proposal"] for error in document["errors"]] == [SECOND]


def test_products_with_names_that_move_a_cursor(bare: Desk) -> None:
    """What is no character is shown as a question mark."""
    observation = {"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}
    with Sandbox(
        catalogue=Catalogue.from_rows([observation], [{"parent_obsid": FIRST, "productFilename": "a\x1b[2J.fits"}])
    ) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url)
        explained = bare.call("plan", "--explain", "a*", "--color", "always")

    assert "a?[2J.fits: selected" in explained.out
    assert "\x1b[2J" not in explained.out


MANY = 12


def test_both_kinds_are_among_the_few(bare: Desk, terminal: Terminal) -> None:
    """Of many, a terminal is shown some that are selected and some that are left out, wherever these stand."""
    observation = {"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}
    files = [f"p{number:02}.{'fits' if number < MANY else 'jpg'}" for number in range(2 * MANY)]
    with Sandbox(
        catalogue=Catalogue.from_rows([observation], [{"parent_obsid": FIRST, "productFilename": one} for one in files])
    ) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url, NO_COLOR="1")
        process = terminal.run(bare, "plan", "--explain", "*")
        shown = terminal.read()

    assert process.wait() == ExitCode.OK
    assert names(shown) == [*files[:5], *files[MANY : MANY + 5]]
    assert shown.endswith("and 14 more, 7 selected and 7 left out; -v shows them all, and so does --json\n")


@pytest.fixture
def many(bare: Desk) -> Iterator[Desk]:
    """A desk whose archive lists more products than a terminal is shown unasked."""
    observation = {"obsid": FIRST, "obs_id": "jw01111-o001", "proposal_id": str(FIRST)}
    products = [
        {"parent_obsid": FIRST, "productFilename": f"p{number:02}.{'fits' if number else 'jpg'}"}
        for number in range(MANY)
    ]
    with Sandbox(catalogue=Catalogue.from_rows([observation], products)) as archive:
        bare.set(JWSTSYNC_ARCHIVE_URL=archive.url, NO_COLOR="1")
        yield bare


def names(shown: str) -> list[str]:
    """The names of the products that are explained."""
    return [line.split(":")[0] for line in shown.splitlines() if line.endswith((": selected", ": left out"))]


def test_many_explanations_in_a_terminal(many: Desk, terminal: Terminal) -> None:
    """The first few are shown there, and the rest is counted."""
    process = terminal.run(many, "plan", "--explain", "*")
    shown = terminal.read()

    assert process.wait() == ExitCode.OK
    assert "*: 12 products, 11 selected and 1 left out\n" in shown
    assert len(names(shown)) == 10
    assert shown.endswith("and 2 more, 2 selected and 0 left out; -v shows them all, and so does --json\n")


def test_all_explanations(many: Desk, terminal: Terminal) -> None:
    """They are shown where that is asked for, and where there is no terminal or a program reads."""
    process = terminal.run(many, "plan", "--explain", "*", "-v")
    shown = terminal.read()

    assert process.wait() == ExitCode.OK
    assert len(names(shown)) == len(names(many.call("plan", "--explain", "*").out)) == MANY
    assert len(many.call("plan", "--explain", "*", "--json").document["products"]) == MANY
