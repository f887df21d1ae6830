"""Scripts that are run against an archive that fails, lies or points elsewhere."""

from __future__ import annotations

import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from jwstsync.sandbox import TOKEN, Sandbox
from tests.executors.fault_server import FaultServer, whole
from tests.executors.script_host import NAME, Host, archive, cut_off, fetch_of, first, pinned, plain, redirects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwstsync.sandbox import Fault

EVIL = "\x1b[2Jx\x07"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without anything on it."""
    return Host.below(tmp_path)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An archive of one product."""
    with archive(NAME) as sandbox:
        yield sandbox


@pytest.mark.parametrize("status", [408, 429, 500])
def test_tries_again_with_growing_pauses(host: Host, sandbox: Sandbox, status: int) -> None:
    """What passes is waited for: 408, 429 and all 5xx, each time longer."""
    sandbox.fault = first(3, lambda: web.Response(status=status))
    assert host.fetch(plain(sandbox), sandbox).returncode == 0
    assert host.noted("sleep") == ["2", "4", "8"]


def test_gives_up_in_the_end(host: Host, sandbox: Sandbox) -> None:
    """A product is tried five times in one run; then it has failed, by name, and nothing has its name."""
    sandbox.fault = first(99, lambda: web.Response(status=503))
    failed = host.fetch(pinned(sandbox), sandbox)
    assert failed.returncode == 1
    assert f"failed: {pinned(sandbox).path}: the archive answers 503" in failed.stderr
    assert failed.stderr.endswith("done 0, skipped 0, failed 1, not tried 0\n")
    assert len(sandbox.requests) == 5
    assert host.products() == set()


@pytest.mark.parametrize("day", [None, (2028, 2, 29), (2026, 6, 30)])
def test_waits_as_long_as_it_is_asked_to(host: Host, sandbox: Sandbox, day: tuple[int, int, int] | None) -> None:
    """Retry-After is honoured, in seconds and as a date."""
    headers = {"Retry-After": "77"}
    if day is not None:
        date = datetime(*day, 23, 59, 50, tzinfo=UTC)
        headers["Date"] = format_datetime(date, usegmt=True)
        headers["Retry-After"] = format_datetime(date + timedelta(seconds=77), usegmt=True)
    sandbox.fault = first(1, lambda: web.Response(status=429, headers=headers))
    assert host.fetch(plain(sandbox), sandbox).returncode == 0
    assert host.noted("sleep") == ["77"]


def test_does_not_wait_for_hours(host: Host, sandbox: Sandbox) -> None:
    """Who is asked for a very long pause leaves the product to a later run."""
    sandbox.fault = first(1, lambda: web.Response(status=503, headers={"Retry-After": "86400"}))
    failed = host.fetch(plain(sandbox), sandbox)
    assert failed.returncode == 1
    assert "asks to wait 86400 s" in failed.stderr
    assert host.noted("sleep") == []


def test_leaves_an_archive_in_peace_that_does_not_answer(host: Host) -> None:
    """After three products in a row without an answer the others are not tried, not even once, and that is said."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return None if request.query["uri"].endswith("/1.fits") else web.Response(status=500)

    with archive(*(f"{i}.fits" for i in range(50))) as sandbox:
        sandbox.fault = fault
        host.write([fetch_of(f"{i}.fits", sandbox.content(f"{i}.fits")) for i in range(50)], sandbox.url)
        failed = host.run("-j", "1")
        assert failed.returncode == 1
        assert failed.stderr.endswith("done 1, skipped 0, failed 4, not tried 45\n")
        assert len(sandbox.requests) == 21


def test_one_failure_does_not_stop_the_others(host: Host) -> None:
    """A product that the archive does not have fails by name, at once; the others come."""
    with archive("one.fits", "two.fits") as sandbox:
        one, two = (fetch_of(name, sandbox.content(name), md5=True) for name in ("one.fits", "two.fits"))
        sandbox.remove("one.fits")
        host.write([one, two], sandbox.url)
        failed = host.run("-j", "1")
        assert failed.returncode == 1
        assert f"failed: {one.path}: the archive answers 404" in failed.stderr
        assert host.products() == {two.path}
        assert len(sandbox.requests) == 2


def test_goes_on_where_a_checksum_tells(host: Host, sandbox: Sandbox) -> None:
    """A body that breaks off is gone on with where the bytes of the whole are known."""
    sandbox.fault = cut_off(sandbox.content(NAME), 3000)
    fetch = fetch_of(NAME, sandbox.content(NAME), md5=True)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert [request.headers.get("Range") for request in sandbox.requests] == [None, "bytes=3000-"]
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)


def test_starts_over_where_nothing_tells(host: Host, sandbox: Sandbox) -> None:
    """A body that breaks off is thrown away where its bytes are not known."""
    sandbox.fault = cut_off(sandbox.content(NAME), 3000)
    assert host.fetch(plain(sandbox), sandbox).returncode == 1
    assert [request.headers.get("Range") for request in sandbox.requests] == [None] * 5
    assert host.products() == set()


@pytest.mark.parametrize(
    ("name", "why"), [("a.fits", "is not fits"), ("a.jpg", "is not jpg"), ("a.json", "is not json"), ("a.csv", "page")]
)
def test_a_web_page_is_no_product(host: Host, name: str, why: str) -> None:
    """An HTML page with status 200 never gets a final name; the product is asked for once more."""
    page = b"<html><body>Access Denied</body></html>"
    with archive(name) as sandbox:
        sandbox.fault = first(2, lambda: web.Response(body=page, content_type="text/html"))
        failed = host.fetch(fetch_of(name, page), sandbox)
        assert failed.returncode == 1
        assert why in failed.stderr
        assert len(sandbox.requests) == 2
        assert host.products() == set()
        assert host.run().returncode == 0


@pytest.mark.parametrize(("name", "why"), [("jw1_asn.json", "is no association"), ("pool.csv", "is an error of the")])
def test_an_error_document_is_no_product(host: Host, name: str, why: str) -> None:
    """An answer of the archive's that is only about an error, with status 200, never gets a final name either."""
    error = {"status": "ERROR", "msg": "No such file"}
    with archive(name) as sandbox:
        sandbox.fault = first(2, lambda: web.json_response(error))
        failed = host.fetch(fetch_of(name, size=40), sandbox)
        assert failed.returncode == 1
        assert why in failed.stderr
        assert host.products() == set()
        assert host.run().returncode == 0


@pytest.mark.parametrize(
    ("headers", "said"),
    [({"content_encoding": EVIL}, "came encoded (?[2Jx?"), ({"location": f"http://{EVIL}.invalid/"}, "failed: ")],
)
def test_an_answer_can_not_harm_a_terminal(host: Host, headers: dict[str, str], said: str) -> None:
    """What a server sends is said without its control characters."""
    content = b"SIMPLE  =".ljust(2880)
    with FaultServer() as server:
        server.answer(NAME, whole(content, "302 Found" if "location" in headers else "200 OK", **headers))
        host.write([fetch_of(NAME, content)], server.url)
        failed = host.run()
    assert (failed.returncode, said in failed.stderr) == (1, True), failed.stderr
    assert not [one for one in failed.stderr if one != "\n" and not one.isprintable()]


def test_an_empty_answer_is_no_product(host: Host) -> None:
    """An answer without a byte never gets a final name, also where any text would do."""
    with archive("table.csv") as sandbox:
        sandbox.fault = first(2, web.Response)
        failed = host.fetch(fetch_of("table.csv"), sandbox)
        assert failed.returncode == 1
        assert "is empty" in failed.stderr
        assert host.products() == set()


@pytest.mark.parametrize("lock", [True, False])
def test_other_bytes_of_the_right_size_are_no_product(host: Host, sandbox: Sandbox, *, lock: bool) -> None:
    """What was made anew since it was locked or listed fails, never gets the name, and is not kept to go on with."""
    fetch = fetch_of(NAME, sandbox.content(NAME), pinned=lock, md5=not lock)
    sandbox.remake(NAME)
    failed = host.fetch(fetch, sandbox)
    assert failed.returncode == 1
    assert "another checksum than expected" in failed.stderr
    assert host.products() == set()
    assert not host.left_behind()


def test_believes_the_length_of_the_answer(host: Host, sandbox: Sandbox) -> None:
    """A stated size is a hint: the answer's own length overrules it, which is remembered until another is stated."""
    fetch = fetch_of(NAME, size=12345)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)
    assert host.run().stderr == "done 0, skipped 1, failed 0, not tried 0\n"
    assert len(sandbox.requests) == 1
    sandbox.remake(NAME)
    assert host.fetch(fetch_of(NAME, size=54321), sandbox).returncode == 0
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)


def chunked(*contents: bytes) -> Fault:
    """A fault that sends these bodies, one a request, without saying how long they are."""
    left = iter(contents)

    async def fault(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(next(left))
        return response

    return fault


def test_believes_two_downloads_that_agree(host: Host, sandbox: Sandbox) -> None:
    """Where the answer has no length, the stated size is overruled by two downloads of the same bytes."""
    content = sandbox.content(NAME)
    fetch = fetch_of(NAME, size=12345)
    sandbox.fault = chunked(content, content)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert len(sandbox.requests) == 2
    assert host.place(fetch).read_bytes() == content


def test_does_not_believe_two_downloads_that_differ(host: Host, sandbox: Sandbox) -> None:
    """Where the answer has no length and two downloads differ, neither is believed."""
    content = sandbox.content(NAME)
    sandbox.fault = chunked(content, content[:2880])
    failed = host.fetch(fetch_of(NAME, size=12345), sandbox)
    assert failed.returncode == 1
    assert "has 2880 bytes; expected 12345" in failed.stderr
    assert host.products() == set()


def test_does_not_take_encoded_bytes(host: Host, sandbox: Sandbox) -> None:
    """A body that comes encoded is not the file, and without a checksum that is the only sign."""
    sandbox.fault = first(2, lambda: web.Response(text="a,b\n", headers={"Content-Encoding": "br"}))
    failed = host.fetch(fetch_of("table.csv", size=4), sandbox)
    assert failed.returncode == 1
    assert "came encoded (br)" in failed.stderr


@pytest.mark.parametrize(
    ("token", "advice"), [("", "a token is needed; expected one in MAST_API_TOKEN"), ("old", "token in MAST_API_TOKEN")]
)
def test_says_that_a_token_is_needed(host: Host, token: str, advice: str) -> None:
    """A product under exclusive access fails with what to do about it, and is asked for once."""
    with archive(NAME, exclusive=[NAME]) as sandbox:
        host.variables["MAST_API_TOKEN"] = token
        failed = host.fetch(plain(sandbox), sandbox)
        assert failed.returncode == 1
        assert f"the archive answers 401: {advice}" in failed.stderr or advice in failed.stderr
        assert len(sandbox.requests) == 1


def test_the_token_goes_to_no_other_host(host: Host, sandbox: Sandbox) -> None:
    """A redirect to another host or port is followed without the token, whatever curl's own settings say."""
    (host.folder / ".curlrc").write_text("location-trusted\n", encoding="utf-8")
    host.variables["MAST_API_TOKEN"] = TOKEN
    with archive(NAME) as elsewhere:
        sandbox.fault = redirects({"/api/v0.1/Download/file": f"{elsewhere.url}/api/v0.1/Download/file"})
        assert host.fetch(pinned(sandbox), sandbox).returncode == 0
        assert sandbox.requests[0].headers["Authorization"] == f"token {TOKEN}"
        assert [request.headers.get("Authorization") for request in elsewhere.requests] == [None]
        assert "Range" not in elsewhere.requests[0].headers  # what the redirect itself said is no part


def test_the_token_stays_with_the_archive(host: Host, sandbox: Sandbox) -> None:
    """A redirect within the archive, be it there and back, keeps the token."""
    host.variables["MAST_API_TOKEN"] = TOKEN
    with archive(NAME) as elsewhere:
        elsewhere.fault = redirects({"/there": f"{sandbox.url}/back"})
        places = {"/api/v0.1/Download/file": "/here", "/here": f"{elsewhere.url}/there", "/back": "/end"}
        sandbox.fault = redirects(places)
        host.fetch(pinned(sandbox), sandbox)
        sent = {request.path: request.headers.get("Authorization") for request in sandbox.requests + elsewhere.requests}
        kept = dict.fromkeys(["/api/v0.1/Download/file", "/here", "/back", "/end"], f"token {TOKEN}")
        assert sent == {**kept, "/there": None}


@pytest.mark.parametrize("place", ["/api/v0.1/Download/file", "file:///etc/hostname", 'ftp://"x\\'])
def test_redirects_end(host: Host, sandbox: Sandbox, place: str) -> None:
    """A circle of redirects ends soon, and one to a file or another protocol is not followed."""
    sandbox.fault = redirects({"/api/v0.1/Download/file": place})
    assert host.fetch(fetch_of("notes.txt", size=4), sandbox).returncode == 1
    assert len(sandbox.requests) in {1, 6}
    assert host.products() == set()


def test_a_redirect_is_taken_literally(host: Host, sandbox: Sandbox) -> None:
    """Braces and brackets in an address are a part of it, and stand for no other addresses."""
    sandbox.fault = redirects({"/api/v0.1/Download/file": "/x/{a,b}[1-2]"})
    assert host.fetch(plain(sandbox), sandbox).returncode == 1
    assert [request.path for request in sandbox.requests] == ["/api/v0.1/Download/file", "/x/{a,b}[1-2]"]


def breaks_off(sandbox: Sandbox, etag: str) -> Fault:
    """A fault that breaks off the first answer, of the version that this ETag is of."""
    content, left = sandbox.content(NAME), iter([3000])

    async def fault(request: web.Request) -> web.StreamResponse | None:
        at = next(left, None)
        if at is None:
            return None
        response = web.StreamResponse(headers={"Content-Length": str(len(content)), "ETag": etag})
        response.force_close()
        await response.prepare(request)
        await response.write(content[:at])
        return response

    return fault


def etag_of(sandbox: Sandbox) -> str:
    """What the archive says of the product's version."""
    url = f"{sandbox.url}/api/v0.1/Download/file?uri=mast:JWST/product/{NAME}"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - the sandbox
        return str(answer.headers["ETag"])


def test_goes_on_where_the_archive_tells(host: Host, sandbox: Sandbox) -> None:
    """Without a checksum, a body that breaks off is gone on with if the archive says that it is the same version."""
    etag = etag_of(sandbox)
    sandbox.fault = breaks_off(sandbox, etag)
    fetch = plain(sandbox)
    assert host.fetch(fetch, sandbox).returncode == 0
    asked = [(request.headers.get("Range"), request.headers.get("If-Range")) for request in sandbox.requests[1:]]
    assert asked == [(None, None), ("bytes=3000-", etag)]
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)


@pytest.mark.parametrize(("etag", "tried"), [('"an older version"', 1), ('W/"weak"', 0)])
def test_starts_over_where_the_archive_has_another(host: Host, sandbox: Sandbox, etag: str, tried: int) -> None:
    """Where the version is another meanwhile, or none is told for certain, no bytes of two versions are joined."""
    sandbox.fault = breaks_off(sandbox, etag)
    fetch = plain(sandbox)
    assert host.fetch(fetch, sandbox).returncode == 0
    assert [request.headers.get("Range") for request in sandbox.requests] == [None, *["bytes=3000-"] * tried, None]
    assert host.place(fetch).read_bytes() == sandbox.content(NAME)


def test_troubles_in_a_batch_stay_with_their_products(host: Host) -> None:
    """Of many products that are asked for with one call of curl, each comes once, or fails by its own name."""
    names = [f"{number:02}.fits" for number in range(40)]
    gone, busy, page = names[3], names[7], names[11]
    with archive(*names) as sandbox:
        answers = {
            gone: iter([web.Response(status=404)]),
            busy: iter([web.Response(status=503), web.Response(status=503)]),
            page: iter([web.Response(text="<html>"), web.Response(text="<html>")]),
        }

        async def fault(request: web.Request) -> web.StreamResponse | None:
            return next(answers.get(request.query["uri"].rpartition("/")[2], iter(())), None)

        sandbox.fault = fault
        fetches = [fetch_of(name, sandbox.content(name), md5=True) for name in names]
        host.write(fetches, sandbox.url)
        failed = host.run("-j", "1")
        assert failed.stderr.endswith("done 38, skipped 0, failed 2, not tried 0\n")
        assert {line for line in failed.stderr.splitlines() if line.startswith("failed")} == {
            f"failed: {fetches[3].path}: the archive answers 404: it has no such product",
            f"failed: {fetches[11].path}: is not fits",
        }
        assert host.products() == {fetch.path for fetch in fetches} - {fetches[3].path, fetches[11].path}
        assert len(sandbox.requests) == 37 + 1 + 3 + 2
        assert host.noted("curl").count("--config") * 2 <= len(names)
        assert host.run("-j", "4").returncode == 0
        assert len(sandbox.requests) == 43 + 2


def test_workers_share_what_there_is(host: Host) -> None:
    """Workers side by side ask for each product once."""
    names = [f"{number}.csv" for number in range(50)]
    with archive(*names) as sandbox:
        host.write([fetch_of(name, sandbox.content(name)) for name in names], sandbox.url)
        assert host.run("-j", "8").returncode == 0
        assert sorted(request.uri or "" for request in sandbox.requests) == sorted(
            f"mast:JWST/product/{name}" for name in names
        )
