"""What still makes sense to ask for once the archive has refused something."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.access import with_a_chance
from jwstsync.core.fetch import Fetch
from jwstsync.core.layout import ProductPath
from jwstsync.core.selection import Selected

FETCHES = st.builds(
    lambda number, proposal, public: Fetch(
        Selected(uri=f"mast:{number}", path=ProductPath(f"JWST/{number}"), proposal=proposal, public=public)
    ),
    st.integers(0, 99),
    st.integers(1, 3),
    st.booleans(),
)


@given(st.lists(FETCHES), FETCHES)
def test_only_exclusive_products_of_the_same_proposal_have_no_chance(waiting: list[Fetch], refused: Fetch) -> None:
    """Nothing is lost, the order stays, and public products and other proposals are not touched."""
    left, hopeless = with_a_chance(waiting, refused)
    gone = [
        one
        for one in waiting
        if not refused.wanted.public and not one.wanted.public and one.wanted.proposal == refused.wanted.proposal
    ]

    assert hopeless == gone
    assert left == [one for one in waiting if one not in gone]
