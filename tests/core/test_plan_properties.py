"""What holds for every plan: over any archive, any history of the lockfile, any disk and any right of the user."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from jwstsync.core.after import lockfile_after
from jwstsync.core.lockfile import Lockfile, format_lockfile, parse_lockfile
from jwstsync.core.plan import TRANSFERS, ActionKind, Reason
from tests.core.strategies import md5_of, sha256_of
from tests.core.worlds import Product, World, worlds

if TYPE_CHECKING:
    import random

    from jwstsync.core.plan import Action

every_world = settings(deadline=None, max_examples=100)
STAYS = {ActionKind.KEEP, ActionKind.WITHHOLD}


def product_of(world: World, action: Action) -> Product:
    """The product that an action is about."""
    return next(one for one in world.products if one.uri == action.uri)


def believed_unselected(world: World) -> set[str]:
    """The locked products of which the archive's answers say, believably, that no rule selects them."""
    if world.frozen:
        return set()
    unanswered = world.failed if world.allow_empty else world.failed | world.empty
    taken = {one.uri for one in world.of_fate("selected", "refused")}
    return {one.uri for one in world.lockfile if one.uri not in taken and one.proposal not in unanswered}


@given(worlds())
@every_world
def test_every_product_has_exactly_one_action(world: World) -> None:
    """What is selected or locked has one action, what is refused has one only where it is locked, and no other has."""
    chosen = set() if world.frozen else {one.uri for one in world.of_fate("selected")}
    uris = [action.uri for action in world.plan.actions]
    assert sorted(uris) == sorted(chosen | set(world.lockfile.products))


@given(world=worlds(), order=st.randoms(use_true_random=False))
@every_world
def test_orders_do_not_matter(world: World, order: random.Random) -> None:
    """The same archive, lockfile and disk give the same plan, in whatever order each of them is told."""
    shuffled = replace(
        world,
        products=tuple(order.sample(world.products, len(world.products))),
        lockfile=Lockfile(dict(order.sample(list(world.lockfile.products.items()), len(world.lockfile)))),
        disk=dict(order.sample(list(world.disk.items()), len(world.disk))),
    )
    assert shuffled.plan.actions == world.plan.actions


@given(worlds())
@every_world
def test_what_is_kept_is_whole_and_in_place(world: World) -> None:
    """What is kept has exactly the locked bytes at the path where it is locked and wanted."""
    for action in world.plan.of(ActionKind.KEEP):
        assert action.locked is not None
        content = world.content_at(action.path)
        assert content is not None
        assert sha256_of(content) == action.locked.sha256
        assert action.path == action.locked.path


@given(worlds())
@every_world
def test_what_is_whole_is_not_fetched_again(world: World) -> None:
    """A selected product that is locked at the archive's version, and whole on this disk, is kept, token or not."""
    for action in world.plan.actions:
        product = product_of(world, action)
        same = product.locking is not None and product.locking.version == product.now
        if same and action.wanted is not None and world.content_at(action.path) == product.now.content:
            assert action.kind is ActionKind.KEEP


@given(worlds())
@every_world
def test_the_same_version_is_never_made_anew(world: World) -> None:
    """What is locked at the archive's version is no update, whatever either side knew or knows of it."""
    for action in world.plan.actions:
        product = product_of(world, action)
        if product.locking is not None and product.locking.version == product.now:
            assert action.kind not in {ActionKind.UPDATE, ActionKind.ADOPT}


def facts_that_differ(action: Action) -> set[str]:
    """What the archive states otherwise than it did when the product was locked, as far as both are known."""
    wanted, locked = action.wanted, action.locked
    if wanted is None or locked is None:
        return set()
    stated = locked.stated_size or locked.size
    pairs = {
        "md5": (wanted.md5, locked.md5),
        "size": (wanted.size, stated),
        "cal_ver": (wanted.cal_ver, locked.cal_ver),
        "crds_ctx": (wanted.crds_ctx, locked.crds_ctx),
    }
    known = {name: pair for name, pair in pairs.items() if None not in pair}
    telling = {"md5"} if "md5" in known else set(known)
    return {name for name in telling if known[name][0] != known[name][1]}


@given(worlds())
@every_world
def test_what_is_made_anew_is_noticed(world: World) -> None:
    """Where both sides have a checksum it decides, else any other fact, whether the locked bytes may stay."""
    for action in world.plan.actions:
        if action.wanted is not None and action.locked is not None:
            anew = action.kind in {ActionKind.UPDATE, ActionKind.ADOPT, ActionKind.WITHHOLD}
            assert anew or not facts_that_differ(action)
            assert action.pinned == (not facts_that_differ(action))


@given(worlds())
@settings(every_world, max_examples=200)
def test_what_is_adopted_fits(world: World) -> None:
    """What is adopted has the stated size and checksum as far as they are known, and is not what was locked before."""
    hashed = world.hashed
    for action in world.plan.of(ActionKind.ADOPT):
        content = world.content_at(action.path)
        assert content is not None
        assert action.wanted is not None
        assert action.wanted.size in {None, len(content)}
        if hashed.disk[action.path].state.md5 is not None:
            assert action.wanted.md5 in {None, md5_of(content)}
        if action.locked is not None and sha256_of(content) == action.locked.sha256:
            assert action.wanted.md5 == md5_of(content)


@given(worlds())
@every_world
def test_what_is_dropped_is_what_nothing_selects(world: World) -> None:
    """Exactly those locked products are dropped that a believable answer no longer selects."""
    dropped = world.plan.of(ActionKind.DROP)
    assert {action.uri for action in dropped} == believed_unselected(world)
    listed = {one.uri for one in world.listed}
    for action in dropped:
        gone = action.proposal in world.answered and action.uri not in listed
        assert action.reason is (Reason.GONE if gone else Reason.UNSELECTED)


@given(worlds())
@every_world
def test_what_is_withheld_is_exclusive(world: World) -> None:
    """What the archive calls exclusive is downloaded only with a right to it, and nothing else is ever withheld."""
    asked = world.goal.products
    for action in world.plan.actions:
        if action.kind is ActionKind.WITHHOLD:
            assert not product_of(world, action).public
            assert not world.has_right
        if action.kind in TRANSFERS:
            assert asked[action.uri].public or world.has_right


@given(worlds())
@every_world
def test_only_what_is_in_doubt_is_hashed(world: World) -> None:
    """No file is hashed of which everything is known, that is not locked, or whose size tells enough."""
    hashed = world.hashed
    for path, standing in world.disk.items():
        if standing != hashed.disk[path]:
            product = next(one for one in world.products if one.path == path)
            locked = world.lockfile.products[product.uri]
            assert standing.state.sha256 is None or standing.state.md5 is None
            assert standing.state.size in {locked.size, product.wanted.size}


def may_fail(world: World, action: Action) -> bool:
    """Whether the archive can not give what an action wants: it is gone, not ours, or made anew and nobody can tell."""
    product = product_of(world, action)
    anew = action.pinned and product.locking is not None and product.locking.version.content != product.now.content
    return product.fate == "gone" or not (product.public or world.has_right) or anew


@given(worlds())
@every_world
def test_carrying_out_converges(world: World) -> None:
    """After a plan was carried out, the next one has nothing to do but what failed, and the lockfile stays the same."""
    plan = world.plan
    after, landed = world.after(plan, [action.uri for action in plan.actions])
    failed = {action.uri for action in plan.differences if action.kind is not ActionKind.DROP} - landed
    again = after.plan
    assert all(action.kind in STAYS for action in again.actions if action.uri not in failed)
    assert all(may_fail(world, action) for action in plan.actions if action.uri in failed)
    assert lockfile_after(again, {}) == after.lockfile


@given(world=worlds(), data=st.data())
@every_world
def test_stopping_at_any_point_loses_nothing(world: World, data: st.DataObject) -> None:
    """Carried out in part, a plan loses no locked product but those it drops, and what did not land stays as it was."""
    plan = world.plan
    chosen = data.draw(st.sets(st.sampled_from([action.uri for action in plan.actions]))) if plan.actions else set()
    after, landed = world.after(plan, chosen)
    dropped = {action.uri for action in plan.of(ActionKind.DROP)}
    assert set(after.lockfile.products) == (set(world.lockfile.products) - dropped) | landed
    for uri in set(after.lockfile.products) - landed:
        assert after.lockfile.products[uri].sha256 == world.lockfile.products[uri].sha256


@given(worlds())
@every_world
def test_what_lands_is_locked_as_it_is(world: World) -> None:
    """What lands is locked with its own size and hash, and with the archive's checksum where the bytes confirm it."""
    plan = world.plan
    after, landed = world.after(plan, [action.uri for action in plan.actions])
    for action in plan.actions:
        if action.uri in landed:
            entry, content = after.lockfile.products[action.uri], after.content_at(action.path)
            assert content is not None
            assert (entry.path, entry.size, entry.sha256) == (action.path, len(content), sha256_of(content))
            assert entry.md5 in {None, md5_of(content)}
            stated = action.wanted.md5 if action.wanted is not None and not action.pinned else entry.md5
            assert entry.md5 == stated


@given(world=worlds(), data=st.data())
@every_world
def test_what_was_stopped_goes_on_where_it_stopped(world: World, data: st.DataObject) -> None:
    """Whatever part of a plan was carried out first, going on ends with the same lockfile as doing all at once."""
    plan = world.plan
    uris = [action.uri for action in plan.actions]
    part, _ = world.after(plan, data.draw(st.sets(st.sampled_from(uris))) if uris else set())
    rest, _ = part.after(part.plan, uris)
    whole, _ = world.after(plan, uris)
    assert rest.lockfile == whole.lockfile


@given(worlds())
@every_world
def test_what_is_locked_after_can_be_written_and_read(world: World) -> None:
    """The lockfile after any plan is a valid one, and comes back from its text as it was."""
    after, _ = world.after(world.plan, [one.uri for one in world.products])
    text = format_lockfile(after.lockfile, "jwstsync.lock")
    assert parse_lockfile(text, "jwstsync.lock") == after.lockfile


@given(worlds())
@every_world
def test_a_plan_tells_how_the_lockfile_changes(world: World) -> None:
    """An action that succeeds changes the lockfile's entry if the plan says so, and only then."""
    plan = world.plan
    after, landed = world.after(plan, [action.uri for action in plan.actions])
    told = {action.uri for action in plan.changes_lockfile}
    for action in plan.actions:
        if action.uri in landed or action.kind in {*STAYS, ActionKind.DROP}:
            before_and_after = world.lockfile.products.get(action.uri), after.lockfile.products.get(action.uri)
            assert (before_and_after[0] != before_and_after[1]) == (action.uri in told)
