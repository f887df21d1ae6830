"""`jwstsync apply` where bytes differ from the archive's checksums: what is refused, what is accepted, what is said."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest
import tomli
from aiohttp import web

from jwstsync.errors import ExitCode
from tests.cli.archive import DOWNLOAD, FIRST, SIZE, SUFFIXES, product_name, product_path
from tests.cli.calls import ONE, PATIENCE, Desk, manifest_text

if TYPE_CHECKING:
    from jwstsync.sandbox import Fault, Sandbox

NAMES = [product_name(FIRST, suffix) for suffix in sorted(SUFFIXES)]
AGAINST = "accepted with bytes that differ from the archive's checksums, which"
PICTURE = product_name(FIRST).replace(".fits", ".jpg")


def other_bytes(archive: Sandbox, *names: str) -> Fault:
    """A fault: these products come with a bit flipped."""

    async def fault(request: web.Request) -> web.Response | None:
        name = request.query.get("uri", "").rpartition("/")[2]
        if request.path != DOWNLOAD or name not in names:
            return None
        content = archive.content(name)
        return web.Response(body=content[:-1] + bytes([content[-1] ^ 1]))

    return fault


def after_the_others(desk: Desk, others: Fault) -> Fault:
    """A fault: what has none else comes once all other products of the manifest are in place."""
    places = [desk.root / product_path(FIRST, suffix) for suffix in SUFFIXES]

    def wait() -> None:
        patience = time.monotonic() + PATIENCE
        while sum(place.exists() for place in places) < len(places) - 1 and time.monotonic() < patience:
            os.sched_yield()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        answer = await others(request)
        if answer is None and request.path == DOWNLOAD:
            await asyncio.to_thread(wait)
        return answer

    return fault


def checksums(desk: Desk) -> dict[str, str | None]:
    """The MD5 of each locked product."""
    products = tomli.loads(desk.lockfile.read_text(encoding="utf-8")).get("product", [])
    return {product["path"].rpartition("/")[2]: product.get("md5") for product in products}


def test_one_product_that_differs_from_its_checksum_fails(desk: Desk, archive: Sandbox) -> None:
    """The others prove the archive's checksums, in whatever order they come; the one is named, and not locked."""
    archive.fault = other_bytes(archive, NAMES[0])
    applied = desk.call("apply")

    assert applied.code == ExitCode.BYTES_DIFFER
    assert applied.out.endswith("Done: 3 fetched, 1 failed; 25.9 kB downloaded.\n")
    assert f"{NAMES[0]}: bytes differ from the archive's checksum" in applied.err
    assert set(checksums(desk)) == set(NAMES[1:])
    assert None not in checksums(desk).values()
    assert AGAINST not in applied.err
    assert sum(bool(one.uri and one.uri.endswith(NAMES[0])) for one in archive.requests) == 2


def test_products_that_all_differ_are_accepted(desk: Desk, archive: Sandbox) -> None:
    """No checksum fits: that is said once and counted; later runs leave the files alone, also without local state."""
    archive.fault = other_bytes(archive, *NAMES)
    applied = desk.call("apply")

    assert applied.code == ExitCode.OK
    assert applied.out.endswith("Done: 4 fetched; 34.6 kB downloaded; 4 accepted against the archive's checksums.\n")
    assert applied.err.count(f"{AGAINST} nothing has confirmed") == 1
    assert all(name in applied.err for name in NAMES[:1])
    assert checksums(desk) == dict.fromkeys(NAMES)
    assert desk.call("plan", "--check").code == ExitCode.OK
    shutil.rmtree(desk.root / ".jwstsync")
    assert desk.call("plan", "--check").code == ExitCode.OK
    assert desk.call("apply").out.endswith("Done: 4 kept.\n")


def test_three_products_that_differ_are_accepted_before_one_that_fits(desk: Desk, archive: Sandbox) -> None:
    """Three are enough not to wait for the last; that a checksum was right after all is said."""
    archive.fault = after_the_others(desk, other_bytes(archive, *NAMES[:3]))
    applied = desk.call("apply")

    assert applied.code == ExitCode.OK
    assert applied.err.count(f"{AGAINST} were confirmed only later") == 1
    assert {name for name, md5 in checksums(desk).items() if md5 is None} == set(NAMES[:3])
    assert desk.call("plan", "--check").code == ExitCode.OK


def test_programs_are_told_how_many(desk: Desk, archive: Sandbox) -> None:
    """The summary counts the products that were accepted against their checksums; they are done like others."""
    archive.fault = other_bytes(archive, *NAMES)
    *_, summary = desk.call("apply", "--json").events

    assert (summary["exit_code"], summary["unconfirmed"], summary["counts"]["done"]) == (0, 4, 4)


def test_required_checksums_fail_all_that_differ(desk: Desk, archive: Sandbox) -> None:
    """Each is fetched once more, and then refused; a product for which the archive states none is fetched."""
    either = f'id = {FIRST}\ninclude = [{{ extension = "fits" }}, {{ extension = "jpg" }}]'
    desk.write(manifest_text(either, head='[archive]\nchecksums = "require"'))
    archive.fault = other_bytes(archive, *NAMES)

    assert desk.call("apply").code == ExitCode.BYTES_DIFFER
    assert checksums(desk) == {PICTURE: None}
    assert sum(bool(one.uri and one.uri.endswith(".fits")) for one in archive.requests) == 2 * len(NAMES)


def test_ignored_checksums_are_not_spoken_of(desk: Desk, archive: Sandbox) -> None:
    """Nothing is fetched twice, and nothing said."""
    desk.write(ONE.replace("version = 1\n", 'version = 1\n[archive]\nchecksums = "ignore"\n'))
    archive.fault = other_bytes(archive, *NAMES)
    applied = desk.call("apply")

    assert (applied.code, applied.err) == (ExitCode.OK, "")
    assert applied.out.endswith("Done: 4 fetched; 34.6 kB downloaded.\n")
    assert sum(bool(one.uri) for one in archive.requests) == len(NAMES)


@pytest.mark.parametrize("fits", [True, False])
def test_a_file_in_place_is_a_proof_if_it_fits(desk: Desk, archive: Sandbox, *, fits: bool) -> None:
    """Adopted bytes with their checksum prove it; others prove nothing, and are fetched like what is not there."""
    place = desk.root / product_path(FIRST, "uncal")
    place.parent.mkdir(parents=True)
    content = archive.content(NAMES[-1])
    place.write_bytes(content if fits else content[:-1] + bytes([content[-1] ^ 1]))
    archive.fault = other_bytes(archive, *NAMES)
    applied = desk.call("apply")

    assert applied.code == (ExitCode.BYTES_DIFFER if fits else ExitCode.OK)
    assert len(checksums(desk)) == (1 if fits else 4)
    assert len(desk.read(product_path(FIRST, "uncal"))) == SIZE
