"""Products under exclusive access: what each mode does with no token, a good one, and one without the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.errors import NoKeyringError

from jwstsync.errors import ExitCode, TokenError
from jwstsync.executors import Cause
from jwstsync.settings import Settings
from jwstsync.sync.clock import Clock
from jwstsync.sync.planning import Mode
from tests.sync.fakes import EVERYTHING, RIGHT, A, B, C, Place, Product, fits, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Callable

X, Y = "x_cal.fits", "y_cal.fits"
STRANGER = "a-token-of-somebody-else"


@pytest.fixture
def place(place: Place) -> Place:
    """The three public products, and one under exclusive access."""
    place.archive.add(Product(X, fits("x"), public=False))
    return place


def with_access(place: Place, access: str, token: str | None) -> None:
    """Writes the manifest with this mode, and gives its user this token."""
    place.write(EVERYTHING.replace("[destination]", f'exclusive_access = "{access}"\n[destination]'))
    place.settings = Settings(token=token, keyring=False)


def mjd(now: float) -> Clock:
    """A clock whose calendar shows this time."""
    return Clock(mjd=lambda: now)


PASSED = "its release date 2127-02-04 has passed: files take a while to move to the public store"


@pytest.mark.parametrize("access", ["auto", "fetch", "error"])
def test_who_has_the_right_gets_it(place: Place, access: str) -> None:
    """With a good token an exclusive product is one like the others."""
    with_access(place, access, RIGHT)

    assert place.apply().exit_code is ExitCode.OK
    assert place.locked == {A, B, C, X}
    assert place.archive.tokens == [RIGHT]
    assert told(place.plan()) == {}


@pytest.mark.parametrize(
    ("access", "token", "exit_code", "outcome", "tried"),
    [
        ("auto", None, ExitCode.OK, "withheld", False),
        ("auto", STRANGER, ExitCode.OK, "withheld", True),
        ("skip", None, ExitCode.OK, "withheld", False),
        ("skip", STRANGER, ExitCode.OK, "withheld", False),
        ("skip", RIGHT, ExitCode.OK, "withheld", False),
        ("fetch", None, ExitCode.TOKEN, "withheld", False),
        ("fetch", STRANGER, ExitCode.TOKEN, "failed", True),
    ],
)
def test_without_the_right_the_public_ones_come(
    place: Place, access: str, token: str | None, exit_code: ExitCode, outcome: str, *, tried: bool
) -> None:
    """The exclusive product is withheld, or fails where it was asked for; it is tried only where a token might do."""
    with_access(place, access, token)
    report = place.apply()

    assert report.exit_code is exit_code
    assert outcomes(report) == {A: "done", B: "done", C: "done", X: outcome}
    assert place.locked == {A, B, C}
    assert (X in place.archive.sent) is tried
    assert place.apply().exit_code is exit_code


def test_error_refuses_the_run_without_a_token(place: Place) -> None:
    """Where everything has to come, a run that can not get it all does not begin: exit code 8, nothing fetched."""
    with_access(place, "error", None)

    with pytest.raises(TokenError, match=r"^exclusive access: withhold x_cal.fits can not be had; expected a token"):
        place.apply()
    assert (place.files, place.archive.sent, place.lock.exists()) == ({}, [], False)


def test_error_refuses_the_run_with_a_strangers_token(place: Place) -> None:
    """That a token has not the right is found out before anything is fetched: exit code 8, a line a proposal."""
    others = [Product(f"x{number}_cal.fits", fits("x"), public=False) for number in range(3)]
    place.archive.add(*others, Product(Y, fits("y"), proposal=2, public=False))
    with_access(place, "error", STRANGER)

    with pytest.raises(TokenError) as caught:
        place.apply(clock=mjd(97_963))
    first = "fetch x0_cal.fits, fetch x1_cal.fits, fetch x2_cal.fits, fetch x_cal.fits of proposal 1"
    ends = "can not be had: 401; expected a token with the right"
    assert str(caught.value).splitlines() == [
        f"exclusive access: {first} {ends}",
        f"exclusive access: fetch {Y} of proposal 2 {ends}",
    ]
    assert place.archive.probed == ["x0_cal.fits", Y]
    assert (place.files, place.archive.sent, place.lock.exists()) == ({}, [], False)


def test_error_says_where_a_release_date_has_passed(place: Place) -> None:
    """As everywhere: files take a while to move to the public store."""
    with_access(place, "error", STRANGER)

    with pytest.raises(TokenError, match=rf"401; {PASSED}; expected a token"):
        place.apply(clock=mjd(97_965))


@pytest.mark.parametrize(("access", "probed"), [("auto", []), ("fetch", []), ("error", [X])])
def test_only_where_all_depends_on_it_is_asked_before(place: Place, access: str, probed: list[str]) -> None:
    """Once, however often the run is checked, and then everything comes; the other modes find out as they fetch."""
    with_access(place, access, RIGHT)
    with place.open_run() as current:
        current.check()
        assert {result.outcome for result in current.carry_out()} == {"done"}
    assert place.archive.probed == probed
    place.apply()
    assert place.archive.probed == probed


def test_a_right_that_ends_meanwhile_fails_what_it_was_for(place: Place) -> None:
    """What was given out before and is refused then fails: exit code 8, and the product is not locked."""
    with_access(place, "error", RIGHT)
    place.archive.troubles[X] = Cause.UNAUTHORIZED
    report = place.apply()

    assert report.exit_code is ExitCode.TOKEN
    assert outcomes(report)[X] == "failed"
    assert X not in place.locked


@pytest.mark.parametrize("access", ["auto", "skip", "fetch", "error"])
def test_what_is_locked_and_here_is_kept(place: Place, access: str) -> None:
    """A token that has run out takes nothing away."""
    with_access(place, "auto", RIGHT)
    place.apply()
    with_access(place, access, None)

    assert told(place.plan()) == {}
    assert place.apply().exit_code is ExitCode.OK
    assert place.locked == {A, B, C, X}


def test_what_is_locked_and_can_not_be_had_stays_locked(place: Place) -> None:
    """A damaged exclusive file is withheld without a token: neither its bytes nor its entry go away."""
    with_access(place, "auto", RIGHT)
    place.apply()
    place.file(X).write_bytes(b"short")
    locked = place.lock.read_bytes()
    with_access(place, "auto", None)

    assert told(place.plan()) == {X: "withhold exclusive_access"}
    assert place.apply().exit_code is ExitCode.OK
    assert place.lock.read_bytes() == locked
    assert place.files[X] == b"short"


def test_a_withheld_product_says_when_it_will_be_public(place: Place) -> None:
    """The plan has the release date of what can not be had yet."""
    [withheld] = [action for action in place.plan().actions if action.kind == "withhold"]

    assert withheld.wanted is not None
    assert withheld.wanted.released_at == 97_964


@pytest.mark.parametrize(
    ("now", "access", "token", "outcome", "error"),
    [
        (97_963.9, "auto", None, "withheld", "exclusive access until 2127-02-04"),
        (97_963.9, "auto", STRANGER, "withheld", "401"),
        (97_964.1, "auto", None, "withheld", f"exclusive access; {PASSED}"),
        (97_964.1, "auto", STRANGER, "withheld", f"401; {PASSED}"),
        (97_964.1, "fetch", STRANGER, "failed", f"401; {PASSED}"),
    ],
)
def test_a_refusal_after_the_release_is_told_as_such(
    place: Place, now: float, access: str, token: str | None, outcome: str, error: str
) -> None:
    """Files take a while to move to the public store: who is refused then learns it, beside the archive's words."""
    with_access(place, access, token)
    report = place.apply(clock=mjd(now))

    [result] = [result for result in report.results if result.action.uri.endswith(X)]
    assert (result.outcome, result.error) == (outcome, error)
    assert place.locked == {A, B, C}


def test_a_file_that_is_wrong_and_can_not_be_had_says_until_when(place: Place) -> None:
    """What was to be adopted, and turns out to be other bytes, is withheld like any other."""
    place.file(X).parent.mkdir(parents=True)
    place.file(X).write_bytes(b"<html>".ljust(2880))
    report = place.apply(clock=mjd(97_963))

    [result] = [result for result in report.results if result.action.uri.endswith(X)]
    assert (result.outcome, result.error) == ("withheld", "exclusive access until 2127-02-04")


def test_an_exclusive_file_that_is_here_is_adopted(place: Place) -> None:
    """Whoever has the file already needs no token for it."""
    place.file(X).parent.mkdir(parents=True)
    place.file(X).write_bytes(fits("x"))

    assert outcomes(place.apply())[X] == "done"
    assert X in place.locked


@pytest.mark.parametrize(("token", "became"), [(None, "withheld"), (RIGHT, "done")])
def test_an_exclusive_file_that_only_fits_in_size_needs_the_right(place: Place, token: str | None, became: str) -> None:
    """What turns out to be other bytes is fetched with a token, and withheld without; untouched there."""
    with_access(place, "auto", token)
    place.file(X).parent.mkdir(parents=True)
    place.file(X).write_bytes(b"<html>".ljust(2880))
    report = place.apply()

    assert report.exit_code is ExitCode.OK
    assert outcomes(report)[X] == became
    assert (X in place.archive.sent) is (token is not None)
    assert place.files[X] == (b"<html>".ljust(2880) if token is None else fits("x"))
    assert (X in place.locked) is (token is not None)


@pytest.mark.parametrize(("access", "exit_code"), [("auto", ExitCode.ARCHIVE), ("fetch", ExitCode.TOKEN)])
@pytest.mark.parametrize("answers", [True, False], ids=["lists nothing", "does not answer"])
def test_what_may_be_exclusive_is_no_failure_of_the_token(
    place: Place, monkeypatch: pytest.MonkeyPatch, access: str, exit_code: ExitCode, *, answers: bool
) -> None:
    """Of a proposal without a good answer nobody knows what is public: under auto that is what is wrong, code 4."""
    del place.archive.holdings[X]
    place.archive.add(Product(Y, fits("y"), proposal=2, public=False))
    with_access(place, access, RIGHT)
    place.apply()
    place.file(Y, proposal=2).unlink()
    with_access(place, access, None)
    if answers:
        products = place.archive.products
        monkeypatch.setattr(place.archive, "products", lambda groups: [] if min(groups) > 20 else products(groups))
    else:
        place.archive.down = {2}
    report = place.apply()

    assert report.exit_code is exit_code
    assert outcomes(report) == {Y: "withheld" if access == "auto" else "failed"}
    assert place.locked == {A, B, C, Y}


@pytest.mark.parametrize("refusal", [Cause.UNAUTHORIZED, Cause.FORBIDDEN])
@pytest.mark.parametrize(("access", "exit_code"), [("auto", ExitCode.OK), ("fetch", ExitCode.TOKEN)])
def test_every_refusal_of_an_exclusive_product_is_one_of_the_right(
    place: Place, access: str, exit_code: ExitCode, refusal: Cause
) -> None:
    """401 or 403, what is not public is withheld under auto and fails for want of a right under fetch."""
    with_access(place, access, RIGHT)
    place.archive.troubles[X] = refusal

    assert place.apply().exit_code is exit_code


@pytest.mark.parametrize(
    ("refusal", "exit_code"),
    [(Cause.UNAUTHORIZED, ExitCode.TOKEN), (Cause.FORBIDDEN, ExitCode.PRODUCTS_FAILED)],
)
def test_a_refused_public_product_has_failed(place: Place, refusal: Cause, exit_code: ExitCode) -> None:
    """What anybody should have is never withheld: a refusal is a failure, 401 one of the token."""
    place.archive.troubles[A] = refusal
    report = place.apply()

    assert report.exit_code is exit_code
    assert outcomes(report)[A] == "failed"


def spied_keyring(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], str | None]) -> list[str]:
    """Counts how often the keyring is asked."""
    asked = []

    def get_password(_service: str, user: str) -> str | None:
        asked.append(user)
        return answer()

    monkeypatch.setattr(keyring, "get_password", get_password)
    return asked


def test_a_token_is_only_looked_for_where_it_is_needed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring may ask for a password: it is left alone as long as all that is selected is public."""
    asked = spied_keyring(monkeypatch, lambda: RIGHT)
    place.settings = Settings(keyring=True)
    place.write(EVERYTHING.replace("[{}]", '[{ dataRights = "PUBLIC" }]'))
    place.apply()
    assert (asked, place.archive.tokens) == ([], [None])

    place.write(EVERYTHING)
    place.apply()
    assert (len(asked), place.archive.tokens) == (1, [None, RIGHT])
    assert X in place.locked


def test_a_frozen_run_looks_for_a_token_when_it_fetches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lockfile does not say what is public: whatever is missing is asked for with the token that there is."""
    with_access(place, "auto", RIGHT)
    place.apply()
    place.settings = Settings(keyring=True)
    asked = spied_keyring(monkeypatch, lambda: RIGHT)
    place.apply(Mode.FROZEN)
    assert asked == []

    place.file(X).unlink()
    assert place.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert len(asked) == 1
    assert place.files[X] == fits("x")


def test_a_host_without_a_keyring_is_no_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server without a desktop, plan and apply go on as without a token."""

    def none_here() -> str:
        raise NoKeyringError

    asked = spied_keyring(monkeypatch, none_here)
    place.settings = Settings(keyring=True)

    assert told(place.plan())[X] == "withhold exclusive_access"
    assert place.apply().exit_code is ExitCode.OK
    assert len(asked) == 2


def test_what_can_be_no_token_ends_the_run(place: Place) -> None:
    """A token with a line end in it would be sent with every download: exit code 8 before anything is done."""
    with_access(place, "auto", "two\nlines")

    with pytest.raises(TokenError) as caught:
        place.apply()
    assert caught.value.exit_code is ExitCode.TOKEN
    assert place.files == {}


@pytest.mark.parametrize(("access", "warnings"), [("auto", 0), ("skip", 0), ("fetch", 1)])
def test_a_token_that_is_needed_is_asked_for(place: Place, access: str, warnings: int) -> None:
    """A run that ends with the code for a missing token says that one is missing, and where it is expected."""
    with_access(place, access, None)
    place.apply()
    assert [("MAST_API_TOKEN" in text) for text in place.diary.warnings] == [True] * warnings
