"""Downloads that go well: what is asked, what lands, and what is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.layout import ProductPath
from jwstsync.executors import Done, Failed
from tests.core.strategies import md5_of, sha256_of
from tests.executors.bench import AGENT, bench_at, fits, names
from tests.executors.fault_server import FaultServer, chunked, held, redirect, together, until_closed, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.core.fetch import Fetch
    from tests.executors.bench import Bench

TOKEN = "a-token"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty root and a server to fill it from."""
    with bench_at(tmp_path, monkeypatch) as bench:
        yield bench


def test_products_land_verified(bench: Bench) -> None:
    """Every product of many is in its place with its bytes, once, and nothing else is left."""
    contents = {f"{number:02}.fits": fits(str(number), number % 3 + 1) for number in range(40)}

    outcomes = bench.fetched(*(bench.offer(name, content) for name, content in contents.items()))

    assert names(outcomes) == list(contents)
    assert bench.files == contents
    assert sorted(line.locked.uri for line in bench.committer.lines) == [outcome.fetch.uri for outcome in outcomes]
    assert len(bench.server.requests) == len(contents)


def test_done_says_what_is_locked(bench: Bench) -> None:
    """The outcome holds the counted size, the hash of the bytes, and what the archive states of versions."""
    content = fits()
    fetch = bench.offer("a.fits", content, cal_ver="1.16.1", crds_ctx="jwst_1303.pmap", size=5)

    [outcome] = bench.fetched(fetch)

    assert isinstance(outcome, Done)
    assert (outcome.locked.size, outcome.locked.stated_size) == (len(content), 5)
    assert (outcome.locked.sha256, outcome.locked.md5) == (sha256_of(content), None)
    assert (outcome.locked.cal_ver, outcome.locked.crds_ctx) == ("1.16.1", "jwst_1303.pmap")
    assert bench.committer.lines[0].locked == outcome.locked


def test_confirmed_checksum_is_locked(bench: Bench) -> None:
    """An MD5 that the archive states and the bytes have is locked with them."""
    content = fits()

    [outcome] = bench.fetched(bench.offer("a.fits", content, md5=md5_of(content)))

    assert isinstance(outcome, Done)
    assert outcome.locked.md5 == md5_of(content)
    assert outcome.locked.stated_size is None


def test_large_product_is_streamed(bench: Bench) -> None:
    """A product of many reads arrives whole, and every byte of it is counted."""
    content = fits("large", blocks=2000)

    assert names(bench.fetched(bench.offer("a.fits", content))) == ["a.fits"]
    assert bench.files == {"a.fits": content}
    assert bench.watch.bytes == {"a.fits": len(content)}


@pytest.mark.parametrize("connections", [1, 3, 8])
def test_connections_are_used_and_kept_to(bench: Bench, connections: int) -> None:
    """As many downloads as allowed run at once, and never one more."""
    barrier = asyncio.Barrier(connections)
    content = fits()
    fetches = [bench.offer(f"{n:02}.fits", content, together(content, barrier)) for n in range(2 * connections)]

    assert len(names(bench.fetched(*fetches, connections=connections))) == 2 * connections
    assert bench.server.busiest == connections


def test_outcomes_come_as_soon_as_they_are_known(bench: Bench) -> None:
    """A product that is done is told while another one still comes."""
    gate = bench.server.gate()
    slow = bench.offer("slow.fits", fits(), held(fits(), gate, 100))
    outcomes = bench.executor().run([slow, bench.offer("fast.fits", fits())], bench.watch)

    assert names([next(outcomes)]) == ["fast.fits"]
    gate.open()

    assert names(list(outcomes)) == ["slow.fits"]


def test_nothing_to_fetch_asks_nothing(bench: Bench) -> None:
    """Without fetches there are no outcomes and no requests."""
    assert bench.fetched() == []
    assert bench.server.requests == []


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("jw02733-o002_t001_miri_f1130w_i2d.fits", "jw02733-o002_t001_miri_f1130w_i2d.fits"),
        ("a b.fits", "a+b.fits"),
        ("a&uri=b#c.fits", "a%26uri%3Db%23c.fits"),
        ("a+b%20c.fits", "a%2Bb%2520c.fits"),
        ("ü.fits", "%C3%BC.fits"),
    ],
)
def test_products_are_asked_for_by_name(bench: Bench, name: str, sent: str) -> None:
    """The product's name is sent with ``:`` and ``/`` as they are, and what would mean something else is quoted."""
    assert names(bench.fetched(bench.offer(name, fits()))) == [name]
    assert bench.server.requests[0].target == f"/api/v0.1/Download/file?uri=mast:JWST/product/{sent}"


def test_requests_say_who_asks_and_for_what(bench: Bench) -> None:
    """Each request says who asks, wants the file's own bytes, and carries no token where there is none."""
    bench.fetched(bench.offer("a.fits", fits()))

    headers = bench.server.requests[0].headers
    assert headers["user-agent"] == AGENT
    assert headers["accept-encoding"] == "identity"
    assert "authorization" not in headers
    assert "cookie" not in headers


def test_token_is_sent(bench: Bench) -> None:
    """A token goes with every request, in the form that MAST takes."""
    bench.fetched(bench.offer("a.fits", fits()), bench.offer("b.fits", fits()), token=TOKEN)

    assert [asked.headers["authorization"] for asked in bench.server.requests] == [f"token {TOKEN}"] * 2


@pytest.mark.parametrize("token", [TOKEN, None])
def test_passwords_of_other_programs_stay_where_they_are(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    """A ~/.netrc with a default entry neither goes to the archive nor stands in the token's way."""
    (tmp_path / "netrc").write_text("default login anonymous password me@example.org\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert names(bench.fetched(bench.offer("a.fits", fits()), token=token)) == ["a.fits"]
    assert bench.server.requests[0].headers.get("authorization") == (token and f"token {token}")


def test_token_stays_with_the_archive(bench: Bench) -> None:
    """A redirect to another port or another host name is followed without the token."""
    with FaultServer() as other:
        other.answer("a.fits", whole(fits()))
        fetches = [
            bench.offer("port.fits", fits(), redirect(f"{other.url}/a.fits")),
            bench.offer("host.fits", fits(), redirect(f"http://localhost:{bench.server.port}/there/b.fits")),
        ]
        bench.server.answer("b.fits", whole(fits()))

        assert names(bench.fetched(*fetches, token=TOKEN)) == ["host.fits", "port.fits"]

    elsewhere = [*other.requests, *bench.server.asked_for("b.fits")]
    assert len(elsewhere) == 2
    assert not any(TOKEN in str(asked) for asked in elsewhere)


def test_token_follows_a_redirect_within_the_archive(bench: Bench) -> None:
    """A redirect to another address of the same server carries the token on."""
    bench.server.answer("b.fits", whole(fits()))

    assert names(bench.fetched(bench.offer("a.fits", fits(), redirect("/there/b.fits")), token=TOKEN)) == ["a.fits"]
    assert [asked.headers["authorization"] for asked in bench.server.requests] == [f"token {TOKEN}"] * 2


@pytest.mark.parametrize(("status", "cause"), [("401 Unauthorized", "unauthorized"), ("403 Forbidden", "forbidden")])
def test_one_refusal_is_enough_for_a_proposal(bench: Bench, status: str, cause: str) -> None:
    """Its other exclusive products are not tried; public ones and those of other proposals are."""
    refused = whole(b"no right", status)
    closed = [exclusive(bench.offer(f"{letter}.fits", fits(), refused), 1) for letter in "abcdef"]
    others = [exclusive(bench.offer("other.fits", fits()), 2), bench.offer("public.fits", fits())]
    outcomes = bench.fetched(*closed, *others, connections=1)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]

    assert names(outcomes) == ["other.fits", "public.fits"]
    assert [asked.name for asked in bench.server.requests] == ["a.fits", "other.fits", "public.fits"]
    assert [outcome.cause for outcome in failed] == [cause] * 6
    assert {outcome.error for outcome in failed[1:]} == {
        "not tried, as another exclusive product of proposal 1 was refused: " + failed[0].error
    }
    assert sum(bench.watch.ended_times.values()) == 8


def test_a_refused_public_product_says_nothing_of_others(bench: Bench) -> None:
    """It may be about to move to the public store: all others are tried."""
    fetches = [bench.offer(f"{letter}.fits", fits(), whole(b"not yet", "401 Unauthorized")) for letter in "abc"]

    assert names(bench.fetched(*fetches, connections=1), Failed) == ["a.fits", "b.fits", "c.fits"]
    assert len(bench.server.requests) == 3


def exclusive(fetch: Fetch, proposal: int) -> Fetch:
    """The same product, under exclusive access."""
    return replace(fetch, wanted=replace(fetch.wanted, proposal=proposal, public=False))


def test_proxy_of_the_environment_is_used(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names a proxy, the archive is asked through it."""
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("http_proxy", bench.server.url)
    fetch = bench.offer("a.fits", fits())

    assert names(bench.fetched(fetch, url="http://archive.invalid", token=TOKEN)) == ["a.fits"]
    assert bench.server.requests[0].target.startswith("http://archive.invalid/api/v0.1/Download/file?uri=")


def test_body_of_unknown_length_is_taken(bench: Bench) -> None:
    """Where no length is sent, a body of the stated size is believed, and so is any where no size is stated."""
    content = fits()
    fetches = [
        bench.offer("chunked.fits", content, chunked(content)),
        bench.offer("closed.fits", content, until_closed(content)),
        bench.offer("unknown.fits", content, until_closed(content), size=None),
    ]

    assert len(names(bench.fetched(*fetches))) == 3
    assert len(bench.server.requests) == 3
    assert sorted(bench.watch.started_with, key=str) == [
        ("chunked.fits", len(content)),
        ("closed.fits", len(content)),
        ("unknown.fits", None),
    ]


def test_repaired_file_goes_to_the_trash(bench: Bench) -> None:
    """What stood at the place and was not an older version is kept aside."""
    bench.put("a.fits", b"somebody's own")

    assert names(bench.fetched(bench.offer("a.fits", fits()))) == ["a.fits"]
    assert bench.files == {"a.fits": fits()}
    assert (bench.trash / "JWST/obs/a.fits").read_bytes() == b"somebody's own"


def test_updated_file_gives_way(bench: Bench) -> None:
    """The older version of a product that the archive made anew is replaced, and not kept aside."""
    bench.put("a.fits", fits("old"))

    assert names(bench.fetched(replace(bench.offer("a.fits", fits()), aside=None))) == ["a.fits"]
    assert bench.files == {"a.fits": fits()}
    assert not bench.trash.exists()


def test_pinned_bytes_stay_locked_as_they_were(bench: Bench) -> None:
    """Bytes that are locked are fetched by their hash, whatever size and checksum are stated now."""
    first = bench.offer("a.fits", fits())
    [done] = bench.fetched(first)
    assert isinstance(done, Done)
    elsewhere = replace(first.wanted, path=ProductPath("JWST/obs/b.fits"), size=5, md5="0" * 32)

    [again] = bench.fetched(replace(first, wanted=elsewhere, pinned=done.locked))

    assert again == Done(again.fetch, replace(done.locked, path=elsewhere.path))
    assert bench.files == {"a.fits": fits(), "b.fits": fits()}
