"""What a manifest selects from the archive's answers, and why the rest is left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.access import Access
from jwstsync.core.after import lockfile_after
from jwstsync.core.caom import Observation
from jwstsync.core.goal import goal_of
from jwstsync.core.lockfile import Lockfile, format_lockfile, parse_lockfile
from jwstsync.core.plan import decide
from jwstsync.core.selection import (
    Selected,
    Selection,
    described,
    executed,
    groups_to_ask,
    select,
)
from tests.core.listings import (
    EVERYTHING,
    EXPOSURE,
    HUBBLE,
    MIRI,
    NIRCAM,
    OBSERVATIONS,
    PLANNED,
    listing_of,
    manifest_of,
    row,
)
from tests.core.strategies import md5_of, sha256_of

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from jwstsync.core.caom import ProductRow
    from jwstsync.core.selection import Listing


def names_in(selection: Selection) -> set[str]:
    """The file names that are selected."""
    return {uri.rpartition("/")[2] for uri in selection.products}


def selected_names(blocks: str, *listings: Listing) -> set[str]:
    """The file names that a manifest of these blocks selects."""
    return names_in(select(manifest_of(blocks), listings, {}))


def test_only_executed_observations_of_the_telescope_count() -> None:
    """Planned observations and those of other collections are left out."""
    assert executed(OBSERVATIONS) == [NIRCAM, EXPOSURE, MIRI]


@pytest.mark.parametrize(
    ("blocks", "groups"),
    [
        pytest.param(EVERYTHING, [10, 20, 30], id="all executed"),
        pytest.param(EVERYTHING + "observations = { instrument_name = 'MIRI*' }", [10, 30], id="some"),
        pytest.param(EVERYTHING + "observations = { instrument_name = 'NIRSPEC*' }", [], id="none"),
        pytest.param(
            EVERYTHING + "observations = { calib_level = 2 }\n" + EVERYTHING + "observations = { obsid = 20 }",
            [20, 30],
            id="of two blocks",
        ),
        pytest.param(
            EVERYTHING + "observations = { calib_level = 2 }\n" + EVERYTHING.replace("2733", "[1, 2]"),
            [30],
            id="of this proposal's blocks",
        ),
    ],
)
def test_which_groups_are_asked_for(blocks: str, groups: list[int]) -> None:
    """The products of an observation are asked for if some block of the proposal takes it, in ascending order."""
    assert groups_to_ask(manifest_of(blocks), 2733, OBSERVATIONS) == groups


def test_a_selected_product_is_as_the_archive_states_it() -> None:
    """A selected product carries what its row states, and the release date of the parent that lists it."""
    selection = select(manifest_of(EVERYTHING), [listing_of(row("a.fits", data_rights="EXCLUSIVE_ACCESS"))], {})
    (product,) = selection.products.values()
    assert product == Selected(
        uri="mast:JWST/product/a.fits",
        path=product.path,
        proposal=2733,
        size=2880,
        cal_ver="1.16.1",
        listed_ver="1.16.1",
        public=False,
        released_at=59772.5,
        obs_id="of_a.fits",
    )
    assert product.path == "of_a.fits/a.fits"


@pytest.mark.parametrize(
    ("rights", "public"), [("PUBLIC", True), ("EXCLUSIVE_ACCESS", False), ("RESTRICTED", False), (None, False)]
)
def test_only_what_is_called_public_is_public(rights: str | None, public: bool) -> None:  # noqa: FBT001 - a table
    """Any rights but PUBLIC are taken as exclusive access, unknown ones too."""
    selection = select(manifest_of(EVERYTHING), [listing_of(row("a.fits", data_rights=rights))], {})
    assert [product.public for product in selection.products.values()] == [public]


CAL, I2D, JPG = row("a_cal.fits"), row("a_i2d.fits"), row("a_i2d.jpg", product_type="PREVIEW")
SUFFIXES = "[[proposal]]\nid = 2733\ninclude = {include}\nexclude = {exclude}\n"


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        pytest.param("[{}]", "[]", {"a_cal.fits", "a_i2d.fits", "a_i2d.jpg"}, id="everything"),
        pytest.param("[{ extension = 'fits' }]", "[]", {"a_cal.fits", "a_i2d.fits"}, id="one rule"),
        pytest.param(
            "[{ extension = 'jpg' }, { extension = 'cal.fits' }]", "[]", {"a_cal.fits", "a_i2d.jpg"}, id="any rule"
        ),
        pytest.param("[{}]", "[{ extension = 'jpg' }]", {"a_cal.fits", "a_i2d.fits"}, id="exclude wins"),
        pytest.param("[{}]", "[{ extension = 'jpg' }, { extension = 'cal.fits' }]", {"a_i2d.fits"}, id="any exclude"),
        pytest.param("[{}]", "[{}]", set(), id="all excluded"),
        pytest.param("[{ extension = 'csv' }]", "[]", set(), id="nothing"),
    ],
)
def test_include_and_exclude(include: str, exclude: str, names: set[str]) -> None:
    """A product is selected if any rule of include takes it and none of exclude does."""
    blocks = SUFFIXES.replace("{include}", include).replace("{exclude}", exclude)
    assert selected_names(blocks, listing_of(CAL, I2D, JPG)) == names


def test_blocks_of_one_proposal_are_united() -> None:
    """What one block leaves or excludes another of the same proposal can take."""
    one = SUFFIXES.replace("{include}", "[{ extension = 'fits' }]").replace("{exclude}", "[{ extension = 'i2d.fits' }]")
    other = SUFFIXES.replace("{include}", "[{ extension = 'i2d.fits' }]").replace("{exclude}", "[]")
    assert selected_names(one, listing_of(CAL, I2D, JPG)) == {"a_cal.fits"}
    for both in (one + other, other + one):
        assert selected_names(both, listing_of(CAL, I2D, JPG)) == {"a_cal.fits", "a_i2d.fits"}


def test_a_rule_takes_a_product_by_any_of_its_rows() -> None:
    """A product that several parents list is taken, or excluded, where one of these rows fits."""
    rows = [row("a.fits", 10, filters="F770W"), row("a.fits", 20, filters="F444W"), row("b.fits", 10, filters="F770W")]
    block = "[[proposal]]\nid = 2733\ninclude = [{ filters = 'F444W' }]\n"
    assert selected_names(block, listing_of(*rows)) == {"a.fits"}
    assert selected_names(EVERYTHING + "exclude = [{ filters = 'F444W' }]\n", listing_of(*rows)) == {"b.fits"}


def test_observations_restrict_the_parents() -> None:
    """Only what an observation lists that the block takes is selected, by the rows of that observation."""
    rows = [row("m.fits", 10), row("n.fits", 20), row("both.fits", 10, filters="F770W"), row("both.fits", 20)]
    block = EVERYTHING + "observations = { instrument_name = 'NIRCAM*' }\n"
    assert selected_names(block, listing_of(*rows)) == {"n.fits", "both.fits"}
    assert selected_names(block.replace("{}", "{ filters = 'F770W' }"), listing_of(*rows)) == set()


@pytest.mark.parametrize("parent", [1, 2, 3, 99], ids=["planned", "other telescope", "no collection", "not listed"])
def test_products_of_other_observations_are_left(parent: int) -> None:
    """What only a planned, a foreign or an unknown observation lists is not selected."""
    assert selected_names(EVERYTHING, listing_of(row("a.fits", parent), row("b.fits", 10))) == {"b.fits"}


def test_a_repeated_product_is_that_of_its_smallest_parent() -> None:
    """Of a product's rows the one of the smallest parent says what it is, whichever rule took it by whichever row."""
    rows = [row("a.fits", 30, size=3, obs_id="c"), row("a.fits", 9, size=1, obs_id="a"), row("a.fits", 10, obs_id="b")]
    for observations in (OBSERVATIONS, (replace(MIRI, group_id=9), *OBSERVATIONS)):
        selection = select(manifest_of(EVERYTHING), [listing_of(*rows, observations=observations)], {})
        assert [(one.path, one.size) for one in selection.products.values()] == [("a/a.fits", 1)]


def test_instrument_is_that_of_the_smallest_parent() -> None:
    """A layout has the instrument of the smallest parent without its mode, and unknown where nobody tells it."""
    manifest = manifest_of(EVERYTHING, "{instrument_name}/{filename}")
    rows = [row("a.fits", 20), row("a.fits", 10), row("b.fits", 20), row("c.fits", 40)]
    observations = [*OBSERVATIONS, Observation(40, "x", "JWST")]
    selection = select(manifest, [listing_of(*rows, observations=observations)], {})
    assert sorted(one.path for one in selection.products.values()) == ["MIRI/a.fits", "NIRCAM/b.fits", "unknown/c.fits"]


def test_every_layout_field_has_its_column() -> None:
    """Each field of a layout is filled from the column of its name."""
    layout = "/".join(
        "{" + name + "}"
        for name in (
            "obs_collection",
            "proposal_id",
            "obs_id",
            "calib_level",
            "productType",
            "productSubGroupDescription",
        )
    )
    rows = [row("a.fits", product_subgroup="I2D", proposal_id="1"), row("b.fits", proposal_id=None, calib_level=None)]
    selection = select(manifest_of(EVERYTHING, layout + "/{filename}"), [listing_of(*rows)], {})
    assert [one.path for one in selection.products.values()] == [
        "JWST/1/of_a.fits/3/SCIENCE/I2D/a.fits",
        "JWST/2733/of_b.fits/unknown/SCIENCE/unknown/b.fits",
    ]


def test_the_smallest_proposal_that_selects_a_product_has_it() -> None:
    """A product that several proposals list belongs to the smallest one of which a block takes it."""
    blocks = "[[proposal]]\nid = [3, 2, 1]\ninclude = [{ filters = 'F770W' }]\n"
    rows = {1: row("a.fits"), 2: row("a.fits", filters="F770W"), 3: row("a.fits", filters="F770W")}
    listings = [listing_of(one, proposal=proposal) for proposal, one in rows.items()]
    for answers in (listings, listings[::-1]):
        selection = select(manifest_of(blocks), answers, {})
        assert [one.proposal for one in selection.products.values()] == [2]


def test_what_is_not_a_product_is_refused() -> None:
    """A name, a size or a URI that makes no sense fails that product alone, and says so."""
    odd = [
        row("../a.fits"),
        row(".hidden.fits"),
        row("b.fits", size=-1),
        row("c.fits", size=10**16),
        replace(row("d.fits"), data_uri="http://d.fits"),
        replace(row("e.fits"), data_uri="mast:JWST/product/e .fits"),
        replace(row("f.fits"), data_uri="mast:JWST/product/f\n.fits"),
        replace(row("g.fits"), data_uri="mast:JWST/product/g\ud800.fits"),
        replace(row("h.fits"), data_uri="mast:" + "h" * 2000),
        replace(row("i.fits"), data_uri=""),
    ]
    selection = select(manifest_of(EVERYTHING), [listing_of(*odd, row("z.fits", size=0))], {})
    assert names_in(selection) == {"z.fits"}
    assert len(selection.refused) == len(odd)
    assert all(one.proposal == 2733 and "expected" in one.error for one in selection.refused)
    assert all(one.error.isprintable() and len(one.error) < 1200 for one in selection.refused)


def test_each_product_without_a_uri_is_refused_under_its_file_name() -> None:
    """However many there are, each is told once; and nobody knows any more what else the proposal lists."""
    rows = [
        replace(row("a.fits"), data_uri=""),
        replace(row("a.fits", parent=20), data_uri=""),
        replace(row("mast:JWST/product/z.fits"), data_uri=""),
        replace(row("b.fits"), data_uri="", filename=""),
        replace(row("c.fits"), data_uri="", filename="", obs_id=""),
        replace(row("no.jpg"), data_uri=""),
        row("z.fits"),
    ]
    block = "[[proposal]]\nid = 2733\ninclude = [{}]\nexclude = [{ extension = 'jpg' }]\n"
    selection = select(manifest_of(block), [listing_of(*rows)], {})

    assert [one.uri for one in selection.refused] == [
        "a product of group 10 (no dataURI)",
        "a product of of_b.fits (no dataURI)",
        "a.fits of of_a.fits (no dataURI)",
        "mast:JWST/product/z.fits of of_mast:JWST/product/z.fits (no dataURI)",
    ]
    assert all(one.nameless for one in selection.refused)
    assert names_in(selection) == {"z.fits"}
    assert (set(selection.complete), set(selection.unsure)) == (set(), {2733})


@pytest.mark.parametrize("name", ["../a.fits", "a.fits"])
def test_what_has_a_name_casts_no_doubt_on_others(name: str) -> None:
    """A product that is refused for its file name or its size is still known: the rest of the listing is complete."""
    selection = select(manifest_of(EVERYTHING), [listing_of(row(name, size=-1))], {})

    assert len(selection.refused) == 1
    assert (set(selection.complete), set(selection.unsure)) == ({2733}, set())


def test_what_is_refused_was_selected() -> None:
    """A product that no rule takes is not worth a word, however odd its name is."""
    block = "[[proposal]]\nid = 2733\ninclude = [{ extension = 'fits' }]\n"
    assert not select(manifest_of(block), [listing_of(row("../a.jpg"))], {}).refused


@pytest.mark.parametrize("cal_ver", ["", "1.16\n.1", "1\x7f", "\ud800"])
def test_a_version_that_no_lockfile_takes_is_unknown(cal_ver: str) -> None:
    """A pipeline version that is no plain text never gets into the lockfile, which could not be read again."""
    selection = select(manifest_of(EVERYTHING), [listing_of(row("a.fits", cal_ver=cal_ver))], {})
    plan = decide(goal_of(selection, Lockfile()), Lockfile(), {}, Access())
    landed = {one.uri: one.fetch.locks(size=1, sha256=sha256_of(b""), md5=md5_of(b"")) for one in plan.actions}
    text = format_lockfile(lockfile_after(plan, landed), "jwstsync.lock")
    assert [one.cal_ver for one in parse_lockfile(text, "jwstsync.lock")] == [None]


def test_what_the_answers_were() -> None:
    """A selection tells how many rows came, every URI among them, and which proposals failed."""
    listings = [listing_of(row("a.fits"), row("a.fits", 20), row("b.jpg", 99)), listing_of(proposal=5)]
    selection = select(manifest_of(EVERYTHING), listings, {7: "no answer"})
    assert selection.listed == {2733: 3, 5: 0}
    assert selection.uris == {"mast:JWST/product/a.fits", "mast:JWST/product/b.jpg"}
    assert selection.failed == {7: "no answer"}


@pytest.mark.parametrize(
    ("observations", "rows", "block", "complete", "empty"),
    [
        pytest.param(OBSERVATIONS, [row("a.fits")], EVERYTHING, True, False, id="all asked"),
        pytest.param(OBSERVATIONS, [], EVERYTHING, True, True, id="all asked, nothing listed"),
        pytest.param([], [], EVERYTHING, True, True, id="no observation"),
        pytest.param([PLANNED, HUBBLE], [], EVERYTHING, True, True, id="no executed observation"),
        pytest.param(OBSERVATIONS, [row("a.fits")], "calib_level = 3", False, False, id="some asked"),
        pytest.param(OBSERVATIONS, [], "calib_level = 3", False, True, id="some asked, nothing listed"),
        pytest.param(OBSERVATIONS, [], "calib_level = 1", False, False, id="none asked"),
    ],
)
def test_how_far_the_answers_go(
    observations: Sequence[Observation],
    rows: list[ProductRow],
    block: str,
    complete: bool,  # noqa: FBT001 - a table
    empty: bool,  # noqa: FBT001 - a table
) -> None:
    """A proposal is complete if all was asked for, and empty if nothing is listed although something was asked for."""
    blocks = block if block == EVERYTHING else f"{EVERYTHING}observations = {{ {block} }}\n"
    selection = select(manifest_of(blocks), [listing_of(*rows, observations=observations)], {})
    assert (2733 in selection.complete) is complete
    assert (2733 in selection.empty) is empty


TANGLED = manifest_of("""
[[proposal]]
id = 2
observations = { instrument_name = "NIRCAM*" }
include = [{ filters = "F444W" }]

[[proposal]]
id = [1, 2]
include = [{ productSubGroupDescription = ["CAL", "I2D"] }]
exclude = [{ filters = "F444W" }]
""")
rows_of_all_kinds = st.builds(
    row,
    st.sampled_from(["a.fits", "b.fits", "c.fits"]),
    st.sampled_from([1, 2, 10, 20, 30, 99]),
    group_id=st.sampled_from([10, 11]),
    product_subgroup=st.sampled_from(["CAL", "I2D", "RATE", None]),
    filters=st.sampled_from(["F444W", "F770W", None]),
    size=st.sampled_from([1, 2, None]),
)
answers_of_all_kinds = st.lists(rows_of_all_kinds, max_size=8)


def taken_by(rows: list[ProductRow], proposal: int) -> set[str]:
    """What TANGLED takes of one proposal's rows, said once more in plain words."""
    known = [one for one in rows if one.parent_group_id in {10, 20, 30}]
    included = {one.data_uri for one in known if one.product_subgroup in {"CAL", "I2D"}}
    excluded = {one.data_uri for one in known if one.filters == "F444W"}
    nircam = {one.data_uri for one in known if one.filters == "F444W" and one.parent_group_id == 20}
    return (included - excluded) | (nircam if proposal == 2 else set())


@given(first=answers_of_all_kinds, second=answers_of_all_kinds, order=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_any_answers_are_selected_by_the_rules_in_any_order(
    first: list[ProductRow], second: list[ProductRow], order: random.Random
) -> None:
    """Whatever the archive lists, the rules decide, the smallest parent speaks, and no order makes a difference."""
    answers = [listing_of(*first, proposal=1), listing_of(*second, proposal=2)]
    selection = select(TANGLED, answers, {})
    by_one, by_two = taken_by(first, 1), taken_by(second, 2)
    assert {uri: one.proposal for uri, one in selection.products.items()} == {
        **dict.fromkeys(by_two, 2),
        **dict.fromkeys(by_one, 1),
    }
    for uri, product in selection.products.items():
        smallest = min(one.parent_group_id for one in first + second if one.data_uri == uri)
        speaking = [one for one in first + second if one.data_uri == uri and one.parent_group_id == smallest]
        assert product.size in {one.size for one in speaking}
    shuffled = [
        listing_of(*order.sample(rows, len(rows)), proposal=proposal, observations=order.sample(OBSERVATIONS, 6))
        for proposal, rows in ((2, second), (1, first))
    ]
    assert select(TANGLED, shuffled, {}) == selection
    assert list(selection.products) == sorted(selection.products)


# --- rules that take nothing

NAMED = """
[rules.images]
productFilename = "*_i2d.fits"
[rules.spectra]
productFilename = "*_x1d.fits"
"""


def idle(blocks: str, *listings: Listing, failed: Mapping[int, str] | None = None) -> tuple[str, ...]:
    """The rules that take nothing."""
    return select(manifest_of(NAMED + blocks), listings, failed or {}).idle_rules


ONE = '[[proposal]]\nid = {ids}\ninclude = ["images", "spectra"]\n'


def test_a_rule_that_takes_nothing_is_found() -> None:
    """Each is named once, in the manifest's order, whether it includes or excludes."""
    blocks = ONE.format(ids=2733) + 'exclude = [{ calib_level = 1 }, { calib_level = 3 }, "spectra"]\n'

    assert idle(blocks, listing_of(row("a_i2d.fits"))) == ("spectra", "{ calib_level = 1 }")


def test_a_rule_that_takes_something_anywhere_is_not_idle() -> None:
    """A rule of many proposals has done its work if it takes something in one of them, in whichever block."""
    other = listing_of(row("b_x1d.fits", proposal_id="1"), proposal=1)
    both = ONE.format(ids=[2733, 1])
    assert idle(both, listing_of(row("a_i2d.fits")), other) == ()

    apart = ONE.format(ids=2733) + ONE.format(ids=1)
    assert idle(apart, listing_of(row("a_i2d.fits")), other) == ()


@pytest.mark.parametrize("listings", [[listing_of(row("a_i2d.fits"))], [listing_of(), listing_of(proposal=1)]])
def test_where_not_all_is_known_no_rule_is_idle(listings: list[Listing]) -> None:
    """Of a proposal that failed or lists nothing, nobody can say what a rule would take."""
    assert idle(ONE.format(ids=[2733, 1]), *listings, failed={1: "no answer"}) == ()


def test_observations_that_are_left_out_do_not_count() -> None:
    """A rule that takes only what other observations list takes nothing."""
    blocks = ONE.format(ids=2733).replace('"images", ', "") + 'observations = { instrument_name = "MIRI*" }\n'
    listing = listing_of(row("a_x1d.fits", NIRCAM.group_id), row("b_i2d.fits"))

    assert idle(blocks, listing) == ("spectra",)


@pytest.mark.parametrize("name", ["", "..", "../x_cal.fits", "a/b_cal.fits"])
def test_a_rule_on_names_does_not_miss_a_name_that_is_none(name: str) -> None:
    """The product is refused, by the name that its URI ends in, and so stays as it is locked."""
    manifest = manifest_of("[[proposal]]\nid = 2733\ninclude = [{ productFilename = '*_cal.fits' }]\n")
    listing = listing_of(row("a_cal.fits", filename=name), row("b_cal.fits"))
    selection = select(manifest, [listing], {})

    assert [one.uri for one in selection.refused] == ["mast:JWST/product/a_cal.fits"]
    assert "b_cal.fits" in {one.path.rpartition("/")[2] for one in selection.products.values()}


def test_a_name_with_a_blank_is_matched_as_it_is() -> None:
    """Only what can be no file's name gives way to the URI's."""
    manifest = manifest_of("[[proposal]]\nid = 2733\ninclude = [{ productFilename = 'my *' }]\n")
    selection = select(manifest, [listing_of(row("a.fits", filename="my a.fits"), row("b.fits"))], {})
    assert list(selection.products) == ["mast:JWST/product/a.fits"]


def test_an_answer_without_products_among_others_is_told() -> None:
    """Part of what the archive has may be missing; where all of it is, that is another matter."""
    full, empty = listing_of(row("a.fits")), listing_of()
    found = {
        part: select(manifest_of(EVERYTHING), [replace(one, thin=part)], {}).thin
        for one, part in ((full, True), (full, False))
    }
    assert found == {True: {2733}, False: set()}
    assert select(manifest_of(EVERYTHING), [replace(empty, thin=True)], {}).thin == set()


def test_products_without_keywords_are_said_once() -> None:
    """A service that answers and has no row for them leaves size and version to go by; for pictures that is no news."""
    selection = select(manifest_of(EVERYTHING), [listing_of(row("a_cal.fits"), row("b_cal.fits"), row("a.jpg"))], {})
    told = described(selection, {question: [] for question in selection.asking}, {})
    assert told.warnings == (
        "2 FITS products have no keywords in the archive; they are compared by stated size and version",
    )
