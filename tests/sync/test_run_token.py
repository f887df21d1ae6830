"""The token in a run: when it is looked for, that it is checked once, and what happens when it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from keyring.errors import KeyringLocked, NoKeyringError

from jwstsync.core.checksums import Belief
from jwstsync.errors import ExitCode, TokenError
from jwstsync.executors import Cause
from jwstsync.settings import Settings
from jwstsync.sync.planning import Mode
from tests.core.strategies import md5_of
from tests.keyrings import MemoryKeyring, keyring_in_use
from tests.sync.fakes import EVERYTHING, RIGHT, A, B, C, Place, Product, fits, outcomes, told, with_checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sync.fakes import FakeArchive

X = "x_cal.fits"
OLD = "a-token-that-has-expired"
SAID = (
    "http://127.0.0.1:9 refused the MAST token (from MAST_API_TOKEN): it has expired, or is none; "
    "expected one from https://auth.mast.stsci.edu/token"
)
LOCAL = 'url = "http://127.0.0.1:9"'


@pytest.fixture
def place(place: Place) -> Place:
    """The three public products, and one under exclusive access."""
    place.archive.add(Product(X, fits("x"), public=False))
    place.archive.refused = {OLD}
    return place


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    """A keyring with a good token."""
    monkeypatch.undo()  # of nobody's keyring
    for name in ("JWSTSYNC_ARCHIVE_URL", "JWSTSYNC_TIMEOUT", "MAST_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with keyring_in_use(MemoryKeyring(token=RIGHT)) as kept:
        yield kept


def with_access(place: Place, access: str, token: str | None, **more: Callable[[], str]) -> None:
    """Writes the manifest with this mode, and gives its user this token."""
    place.write(EVERYTHING.replace("[destination]", f'exclusive_access = "{access}"\n[destination]'))
    place.settings = Settings(token=token, keyring=False, ask_token=more.get("ask"))


# --- checked once, where it is needed


@pytest.mark.parametrize("access", ["auto", "fetch", "error"])
def test_a_token_is_checked_once(place: Place, access: str) -> None:
    """Before the first download, and not again for the next."""
    place.archive.add(Product("y_cal.fits", fits("y"), public=False))
    with_access(place, access, RIGHT)

    assert place.apply().exit_code is ExitCode.OK
    assert place.archive.checked == [RIGHT]
    assert place.diary.warnings == []


def no_exclusive_ones(place: Place) -> None:
    """All that is selected is public."""
    place.write(EVERYTHING.replace("[{}]", '[{ dataRights = "PUBLIC" }]'))


def nothing_to_fetch(place: Place) -> None:
    """What is exclusive is here already."""
    with_access(place, "auto", RIGHT)
    place.apply()
    place.archive.checked.clear()


def none_is_wanted(place: Place) -> None:
    """Whatever is exclusive is left out."""
    with_access(place, "skip", RIGHT)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("prepare", [no_exclusive_ones, nothing_to_fetch, none_is_wanted])
def test_a_token_that_is_not_needed_is_left_alone(place: Place, prepare: Callable[[Place], None]) -> None:
    """Neither the keyring nor the archive is asked, and no token is sent."""
    prepare(place)
    with keyring_in_use(MemoryKeyring(token=RIGHT)) as kept:
        place.settings = Settings()
        place.file(A).unlink(missing_ok=True)
        place.plan()
        place.apply()

    assert (kept.asked, place.archive.checked) == (0, [])
    assert place.archive.tokens[-1] is None
    assert place.files[A] == fits("a")


def test_a_plan_shows_what_a_run_would_do(place: Place) -> None:
    """A refused token gives no right to anything: the plan withholds, and says why."""
    with_access(place, "auto", OLD)
    found = place.plan()

    assert told(found)[X] == "withhold exclusive_access"
    assert found.token_problem == SAID
    assert place.archive.checked == [OLD]


# --- refused


@pytest.mark.parametrize("access", ["auto", "fetch"])
def test_with_a_refused_token_the_public_ones_come(place: Place, access: str) -> None:
    """It is not sent with any download; what needs it is withheld, and the run ends with exit code 8."""
    with_access(place, access, OLD)
    report = place.apply()

    assert report.exit_code is ExitCode.TOKEN
    assert report.plan.token_problem == SAID
    assert outcomes(report) == {A: "done", B: "done", C: "done", X: "withheld"}
    assert (place.archive.tokens, place.archive.checked) == ([None], [OLD])
    assert place.diary.warnings == []  # that it is refused stands in the plan


def test_with_a_refused_token_a_run_may_not_begin(place: Place) -> None:
    """With "error" nothing is fetched: exit code 8."""
    with_access(place, "error", OLD)

    with pytest.raises(TokenError, match=rf"withhold {X} can not be had"):
        place.apply()
    assert (place.files, place.archive.sent) == ({}, [])


def test_a_token_that_can_not_be_checked_is_used(place: Place) -> None:
    """An archive that can not say whose a token is may still take it; that it was not checked is said."""
    with_access(place, "auto", RIGHT)
    place.archive.knows_nobody = True

    assert place.apply().exit_code is ExitCode.OK
    assert place.locked == {A, B, C, X}
    assert place.diary.warnings == [
        "whoami: down for maintenance; the token could not be checked, and is used as it is"
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [(NoKeyringError(), "this host has no keyring"), (KeyringLocked("locked"), "the keyring can not be used")],
)
def test_what_is_wrong_with_the_keyring_is_said_where_a_token_is_needed(
    place: Place, error: Exception, words: str
) -> None:
    """Who has stored a token and asks why it is not used is told."""
    with_access(place, "fetch", None)
    place.settings = Settings()
    with keyring_in_use(MemoryKeyring(error)), pytest.MonkeyPatch.context() as patch:
        patch.setattr("keyring.get_password", keyring_of(error))
        assert place.apply().exit_code is ExitCode.TOKEN

    [warning] = place.diary.warnings
    assert warning.startswith("1 exclusive products need a token; expected one in MAST_API_TOKEN, or stored by `jwst")
    assert words in warning


def keyring_of(error: Exception) -> Callable[[str, str], str]:
    """What a broken keyring does when it is asked."""

    def get_password(_service: str, _user: str) -> str:
        raise error

    return get_password


# --- whom it is for


def elsewhere(place: Place) -> None:
    """The manifest names somebody else's server as the archive."""
    place.write(EVERYTHING.replace(LOCAL, 'url = "https://mast.example.org"'))


def test_a_manifest_can_not_send_the_token_elsewhere(place: Place) -> None:
    """A manifest may come from anybody: a host that is not MAST's sees no token, and that is said."""
    elsewhere(place)
    place.settings = Settings(token=RIGHT, keyring=True)
    report = place.apply()

    assert (report.exit_code, outcomes(report)[X]) == (ExitCode.OK, "withheld")
    assert (place.archive.tokens, place.archive.checked) == ([None], [])
    [warning] = place.diary.warnings
    assert warning.startswith("archive.url = https://mast.example.org: not one of MAST's hosts, and so not shown your")


def test_the_user_may_send_the_token_elsewhere(place: Place) -> None:
    """An address that the environment names is the user's own wish."""
    elsewhere(place)
    place.settings = Settings(archive_url="https://mast.example.org", token=RIGHT, keyring=False)

    assert place.apply().exit_code is ExitCode.OK
    assert place.archive.tokens == [RIGHT]
    assert place.diary.warnings == []


# --- asked for


@pytest.mark.parametrize(("access", "asked"), [("auto", 0), ("skip", 0), ("fetch", 1), ("error", 1)])
def test_somebody_is_asked_where_a_token_is_needed(place: Place, access: str, asked: int) -> None:
    """In a terminal, and only where the manifest insists on what is exclusive."""
    questions = []

    def ask() -> str:
        questions.append(1)
        return f" {RIGHT}\n"

    with_access(place, access, None, ask=ask)

    assert place.apply().exit_code is ExitCode.OK
    assert len(questions) == asked
    assert (X in place.locked) is (asked == 1)


def test_nobody_is_asked_for_a_token_that_is_there(place: Place) -> None:
    """The environment and the keyring go before the question."""

    def ask() -> str:
        raise AssertionError

    with_access(place, "fetch", RIGHT, ask=ask)

    assert place.apply().exit_code is ExitCode.OK


# --- in a frozen run, where nobody knows what is exclusive


@pytest.fixture
def frozen(place: Place, kept: MemoryKeyring) -> Place:
    """All four products are locked, and one public and the exclusive one are missing."""
    with_access(place, "auto", RIGHT)
    place.apply()
    for name in (A, X):
        place.file(name).unlink()
    place.archive.checked.clear()
    place.archive.tokens.clear()
    place.archive.sent.clear()
    place.settings = Settings()
    assert kept.asked == 0
    return place


def test_a_frozen_run_finds_the_token_once_something_is_refused(frozen: Place, kept: MemoryKeyring) -> None:
    """What was refused comes again, with the token, checked once; what is done stays done."""
    report = frozen.apply(Mode.FROZEN)

    assert report.exit_code is ExitCode.OK
    assert outcomes(report) == {A: "done", X: "done"}
    assert frozen.files[X] == fits("x")
    assert frozen.archive.sent == [A, X, X]
    assert (frozen.archive.tokens, frozen.archive.checked, kept.asked) == ([None, RIGHT], [RIGHT], 1)


def test_what_is_left_comes_with_the_token(frozen: Place) -> None:
    """Once one was refused nothing more is asked for in vain."""
    others = [Product(f"y{number}_cal.fits", fits("y"), public=False) for number in range(5)]
    frozen.archive.add(*others)
    with_access(frozen, "auto", RIGHT)
    frozen.apply()
    for product in others:
        frozen.file(product.name).unlink()
    frozen.file(X).unlink()
    frozen.archive.sent.clear()
    report = frozen.apply(Mode.FROZEN)

    assert (report.exit_code, len(report.results)) == (ExitCode.OK, 6)
    assert len(frozen.archive.sent) == 7


def test_a_frozen_run_of_public_products_needs_no_token(frozen: Place, kept: MemoryKeyring) -> None:
    """Without a refusal nobody looks into the keyring, and nobody asks whose a token is."""
    frozen.archive.add(Product(X, fits("x")))

    assert frozen.apply(Mode.FROZEN).exit_code is ExitCode.OK
    assert (frozen.archive.tokens, frozen.archive.checked, kept.asked) == ([None], [], 0)


@pytest.mark.parametrize(
    ("token", "warning"),
    [
        (OLD, SAID),
        ("two\nlines", "MAST token from MAST_API_TOKEN: expected at most 4096 printable ASCII characters"),
        (None, "a token is needed; expected one in MAST_API_TOKEN, or stored by `jwstsync login`"),
    ],
)
def test_a_frozen_run_without_a_good_token(frozen: Place, token: str | None, warning: str) -> None:
    """The public ones come; what is refused fails with exit code 8, and what is wrong is said once."""
    frozen.archive.add(Product("z_cal.fits", fits("z"), public=False))
    frozen.settings = Settings(token=token, keyring=False)
    report = frozen.apply(Mode.FROZEN)

    assert report.exit_code is ExitCode.TOKEN
    assert outcomes(report) == {A: "done", X: "failed"}
    assert [text.startswith(warning) for text in frozen.diary.warnings] == [True]
    assert frozen.archive.tokens == [None]


def test_a_frozen_run_asks_nobody(frozen: Place) -> None:
    """In the middle of a run nobody is asked for a token."""

    def ask() -> str:
        raise AssertionError

    with_access(frozen, "fetch", None, ask=ask)

    assert frozen.apply(Mode.FROZEN).exit_code is ExitCode.TOKEN


def test_a_frozen_run_that_is_stopped_stays_so(frozen: Place) -> None:
    """Ctrl-C between a refusal and the second try leaves what is left for later."""
    with frozen.open_run(Mode.FROZEN) as run:
        results = run.carry_out()
        first = next(results)
        frozen.archive.tokens.clear()
        run.stop()
        rest = [result.outcome for result in results]

    assert first.outcome == "done"
    assert rest == ["deferred"]
    assert frozen.archive.tokens == []


# --- refused in spite of it


@pytest.mark.parametrize("cause", [Cause.UNAUTHORIZED, Cause.FORBIDDEN])
def test_a_public_product_that_is_refused_comes_with_the_token(
    place: Place, kept: MemoryKeyring, archive: FakeArchive, cause: Cause
) -> None:
    """A listing may be ahead of the store: what is listed as public and refused is tried with the token once."""
    no_exclusive_ones(place)
    place.settings = Settings()
    archive.troubles[A] = cause
    report = place.apply()

    assert outcomes(report)[A] == "failed"
    assert (archive.tokens, kept.asked, archive.sent.count(A)) == ([None, RIGHT], 1, 2)
    assert place.locked == {B, C}


def test_a_checksum_stays_confirmed_when_the_token_comes_late(
    place: Place, kept: MemoryKeyring, archive: FakeArchive
) -> None:
    """What was downloaded without a token proves the archive's checksums also for what comes with it."""
    no_exclusive_ones(place)
    place.settings = Settings()
    archive.troubles[C] = Cause.UNAUTHORIZED
    with place.open_run() as run:
        with_checksum(run, A, md5_of(fits("a")))
        assert {result.outcome for result in run.carry_out()} == {"done", "failed"}

    assert kept.asked == 1
    assert [trust.belief for trust in archive.trusts] == [Belief.OPEN, Belief.WRONG]


def test_a_token_that_the_archive_repeats_is_not_shown(place: Place) -> None:
    """What an archive says when it refuses a product may hold what it was shown."""
    with_access(place, "auto", "trouble")  # which is what this archive says of every trouble
    place.archive.troubles[X] = Cause.FORBIDDEN
    report = place.apply()

    [withheld] = [result for result in report.results if result.outcome == "withheld"]
    assert withheld.error == "(token)"


def test_a_file_that_does_not_fit_needs_a_good_token(place: Place) -> None:
    """An exclusive file that turns out to be another is only fetched anew with a token; that it is refused is said."""
    with_access(place, "auto", OLD)
    place.file(X).parent.mkdir(parents=True)
    place.file(X).write_bytes(b"<html>".ljust(2880))
    report = place.apply()

    assert (report.exit_code, outcomes(report)[X]) == (ExitCode.TOKEN, "withheld")
    assert place.diary.warnings == [SAID]


def test_a_file_that_does_not_fit_stays_where_nothing_exclusive_is_wanted(place: Place) -> None:
    """Under "skip" no token is looked for, whatever stands in the product's place."""
    with_access(place, "skip", "two\nlines")
    place.file(X).parent.mkdir(parents=True)
    place.file(X).write_bytes(b"<html>".ljust(2880))
    report = place.apply()

    assert (report.exit_code, outcomes(report)[X]) == (ExitCode.OK, "withheld")
    assert place.archive.checked == []


def test_a_refused_token_is_said_once(place: Place) -> None:
    """Also where one product is to be fetched with it and another turns out to be."""
    place.archive.add(Product("y_cal.fits", fits("y"), public=False))
    with_access(place, "auto", OLD)
    place.file(X).parent.mkdir(parents=True)
    place.file(X).write_bytes(b"<html>".ljust(2880))
    report = place.apply()

    assert (report.exit_code, report.plan.token_problem) == (ExitCode.TOKEN, SAID)
    assert (place.diary.warnings, place.archive.checked) == ([], [OLD])
