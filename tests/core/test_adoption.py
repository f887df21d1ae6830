"""What of a plan may be had from files elsewhere, and when bytes are the product."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwstsync.core.access import Access
from jwstsync.core.adoption import Offered, bytes_to_copy, instead_of, names_to_find, objection, offered, with_offers
from jwstsync.core.disk import FileState
from jwstsync.core.fetch import Fetch
from jwstsync.core.goal import Goal
from jwstsync.core.lockfile import Lockfile
from jwstsync.core.offers import Left, Offer
from jwstsync.core.plan import Action, ActionKind, Plan, Reason, decide
from tests.core.strategies import NEW, OLD, PATH, URI, locked, md5_of, selected, sha256_of

if TYPE_CHECKING:
    from jwstsync.core.lockfile import LockedProduct
    from jwstsync.core.selection import Selected

NAME = PATH.rpartition("/")[2]
RIGHT = Offer(f"/old/{NAME}", len(OLD))
CUT = Offer(f"/cut/{NAME}", len(OLD) - 1)
NO_RIGHT = Access()


def plan_of(
    wanted: Selected, was: LockedProduct | None = None, state: FileState | None = None, access: Access = NO_RIGHT
) -> Plan:
    """The plan for one product."""
    disk = {} if state is None else {wanted.path: state}
    return decide(Goal({wanted.uri: wanted}), Lockfile.of([was] if was else []), disk, access)


def only(plan: Plan) -> Action:
    """The one action."""
    [action] = plan.actions
    return action


DAMAGED = FileState(len(OLD), sha256_of(NEW), md5_of(NEW))
TO_BE_HAD = {
    "new": plan_of(selected()),
    "missing": plan_of(selected(), locked()),
    "modified": plan_of(selected(), locked(), DAMAGED),
    "changed": plan_of(selected(NEW, md5=md5_of(NEW)), locked()),
    "exclusive_access": plan_of(selected(public=False)),
}


@pytest.mark.parametrize("reason", TO_BE_HAD)
def test_whatever_is_to_be_had_may_lie_elsewhere(reason: str) -> None:
    """Each is adopted with what fits in size, and goes back to what it was where the bytes turn out to be others."""
    before = TO_BE_HAD[reason]
    fits = Offer(f"/old/{NAME}", only(before).fetch.size or 0)
    after = with_offers(before, {NAME: [CUT, fits], "other.fits": [fits]})
    [action] = offered(after)

    assert only(before).reason == reason
    assert names_to_find(before) == {NAME}
    assert (action.kind, action.reason, action.offers, action.size) == (
        ActionKind.ADOPT,
        Reason.OFFERED,
        (fits,),
        fits.size,
    )
    assert (action.fetch, action.wanted, action.locked) == (
        replace(only(before).fetch, replaces=False),
        only(before).wanted,
        only(before).locked,
    )
    assert instead_of(action) is only(before)
    assert after.left == (
        Left(URI, CUT.path, f"{CUT.size} bytes, {fits.size} are {'locked' if only(before).pinned else 'stated'}"),
    )
    assert (after.transfers, after.needs_token) == ([], False)


def test_what_is_here_or_goes_is_left_alone() -> None:
    """Nothing is looked for to replace what is kept, adopted or dropped, and where nothing is found nothing changes."""
    kept = plan_of(selected(), locked(), FileState(len(OLD), sha256_of(OLD)))
    present = plan_of(selected(), None, FileState(len(OLD)))
    dropped = decide(Goal({}), Lockfile.of([locked()]), {}, NO_RIGHT)
    for plan in (kept, present, dropped):
        assert names_to_find(plan) == set()
        assert with_offers(plan, {NAME: [RIGHT, CUT]}) == plan
    assert with_offers(TO_BE_HAD["new"], {}) is TO_BE_HAD["new"]
    assert with_offers(TO_BE_HAD["new"], {"other.fits": [RIGHT]}) == TO_BE_HAD["new"]


def test_files_that_need_no_copy_come_first() -> None:
    """Among themselves they are tried in the order in which they were found; what is copied counts for the disk."""
    far = replace(RIGHT, path="/far", copied=True)
    near, next_one = replace(RIGHT, path="/near"), replace(RIGHT, path="/next")
    plan = with_offers(TO_BE_HAD["new"], {NAME: [far, near, next_one]})

    assert offered(plan)[0].offers == (near, next_one, far)
    assert bytes_to_copy(plan) == 0
    assert bytes_to_copy(with_offers(TO_BE_HAD["new"], {NAME: [far]})) == len(OLD)
    assert bytes_to_copy(TO_BE_HAD["new"]) == 0


def test_a_products_own_place_is_not_elsewhere() -> None:
    """What is damaged there is neither offered nor told as left; the same name in another place below the root is."""
    here, there = replace(RIGHT, inside=PATH), replace(RIGHT, inside=f"other/{NAME}")

    assert with_offers(TO_BE_HAD["modified"], {NAME: [here]}) == TO_BE_HAD["modified"]
    assert offered(with_offers(TO_BE_HAD["modified"], {NAME: [here, there]}))[0].offers == (there,)


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (selected(cal_ver="1.18.0"), False),
        (selected(cal_ver="1.18.0", size=None), False),
        (selected(cal_ver="1.18.0", md5=md5_of(NEW)), True),
        (selected(cal_ver="1.18.0", md5=md5_of(NEW), size=None), True),
        (selected(NEW), True),
    ],
)
def test_only_what_is_surely_not_the_old_version_is_new(wanted: Selected, *, taken: bool) -> None:
    """A file is taken for a new version if a checksum can tell, or if its size already does."""
    plan = with_offers(plan_of(wanted, locked()), {NAME: [Offer("/old", wanted.size or len(OLD))]})

    assert only(plan).kind is (ActionKind.ADOPT if taken else ActionKind.UPDATE)
    assert bool(plan.left) is not taken


def test_an_exclusive_new_version_is_as_careful() -> None:
    """Also where it would only be withheld."""
    plan = plan_of(selected(cal_ver="1.18.0", public=False), locked())

    assert only(plan).kind is ActionKind.WITHHOLD
    assert only(with_offers(plan, {NAME: [RIGHT]})).kind is ActionKind.WITHHOLD


def test_a_file_in_place_goes_back_to_a_transfer() -> None:
    """Where its bytes are others, a new product is fetched, and one that was made anew is updated."""
    new = only(plan_of(selected(), None, FileState(len(OLD))))
    anew = only(plan_of(selected(NEW), locked(), FileState(len(NEW))))

    assert (new.kind, anew.kind) == (ActionKind.ADOPT, ActionKind.ADOPT)
    assert (instead_of(new).kind, instead_of(new).reason) == (ActionKind.FETCH, Reason.NEW)
    assert (instead_of(anew).kind, instead_of(anew).reason) == (ActionKind.UPDATE, Reason.CHANGED)
    assert instead_of(anew).fetch.replaces


def judged(fetch: Fetch, content: bytes, served: int | None = None, *, use_checksums: bool = True) -> str | None:
    """What speaks against bytes."""
    return objection(
        fetch,
        size=len(content),
        sha256=sha256_of(content),
        md5=md5_of(content),
        served=served,
        use_checksums=use_checksums,
    )


@pytest.mark.parametrize(
    ("fetch", "content", "served", "why"),
    [
        (Fetch(selected(), locked()), OLD, None, None),
        (Fetch(selected(NEW, md5=md5_of(NEW)), locked()), OLD, None, None),
        (Fetch(selected(), locked()), NEW, None, "its bytes are not those that are locked"),
        (Fetch(selected(md5=md5_of(OLD))), OLD, None, None),
        (Fetch(selected(md5=md5_of(OLD), size=1)), OLD, None, None),
        (Fetch(selected(md5=md5_of(NEW))), OLD, None, "its bytes have not the archive's checksum"),
        (Fetch(selected()), OLD, None, None),
        (Fetch(selected()), NEW, None, f"{len(NEW)} bytes, {len(OLD)} are stated"),
        (Fetch(selected(size=None)), OLD, len(OLD), None),
        (Fetch(selected(size=None)), OLD, 7, f"{len(OLD)} bytes, the archive serves 7"),
        (Fetch(selected(size=None)), OLD, None, None),
    ],
)
def test_a_hash_before_a_checksum_before_a_size(
    fetch: Fetch, content: bytes, served: int | None, why: str | None
) -> None:
    """The best of what is known decides alone; what nothing is known of is left to its form."""
    assert judged(fetch, content, served) == why


def test_checksums_that_are_ignored_say_nothing() -> None:
    """Then the size decides."""
    assert judged(Fetch(selected(md5=md5_of(NEW))), OLD, use_checksums=False) is None


OFFERS = st.lists(
    st.builds(
        Offer,
        st.sampled_from(["/a", "/b"]),
        st.sampled_from([len(OLD), len(NEW), 0]),
        st.sampled_from([None, PATH, "other"]),
        copied=st.booleans(),
    )
)


@given(st.sampled_from(sorted(TO_BE_HAD)), OFFERS)
def test_a_product_has_one_action_whatever_is_found(reason: str, offers: list[Offer]) -> None:
    """Nothing is lost: every file outside of its own place is offered or left, and what is offered can be undone."""
    before = TO_BE_HAD[reason]
    after = with_offers(before, {NAME: offers})
    action = only(after)
    taken = action.offers if isinstance(action, Offered) else ()

    assert len(taken) + len(after.left) == sum(offer.inside != PATH for offer in offers)
    assert (action.uri, action.path, action.proposal) == (URI, PATH, only(before).proposal)
    assert only(before) in {action, instead_of(action)}
    assert (action.kind is ActionKind.ADOPT) is bool(taken)
