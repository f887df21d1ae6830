"""Who downloads: each client's command line and the files that it is given.

Every client writes below ``files`` in a fresh folder, in the same tree; wget alone can not, and writes all files into
one folder. What a run costs is measured by `measure`.
"""

from __future__ import annotations

import filecmp
import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from jwstsync.core.layout import STATE_FOLDER, ProductPath
from jwstsync.core.lockfile import LockedProduct, Lockfile, format_lockfile
from tests.benchmarks.nginx import REPOSITORY
from tests.benchmarks.workloads import PROPOSAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.benchmarks.nginx import Site
    from tests.benchmarks.workloads import Holdings, Product

JWSTSYNC = "jwstsync"
_FILES = "files"
_PRIVATE = ("JWSTSYNC_", "MAST_", "XDG_")
_PROXIES = ("_proxy", "_PROXY")


@dataclass(frozen=True, slots=True)
class Call:
    """One download of a whole workload by one client.

    Attributes:
        site: Where from.
        holdings: What.
        connections: How many at once.
        folder: An empty folder to work in.
    """

    site: Site
    holdings: Holdings
    connections: int
    folder: Path

    @property
    def files(self) -> Path:
        """Where the products go."""
        return self.folder / _FILES

    def written(self, name: str, text: str) -> str:
        """A file for the client, by its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    def trusting(self, option: str) -> list[str]:
        """A command-line option that names the certificate, where there is one."""
        return [] if self.site.certificate is None else [f"{option}={self.site.certificate}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A way to download.

    Attributes:
        name: How it is called in tables.
        command: Writes what the client reads, and gives its command line.
        program: What has to be installed.
        parallel: Whether it heeds the number of connections.
        rounds: At most so many rounds, because it is slow.
        only: The workloads that it is for; all where empty.
    """

    name: str
    command: Callable[[Call], list[str]]
    program: str = sys.executable
    parallel: bool = True
    rounds: int | None = None
    only: str = ""

    @property
    def installed(self) -> bool:
        """Whether it can be run here."""
        return shutil.which(self.program) is not None


def environment(call: Call) -> dict[str, str]:
    """The surroundings of a client: no proxy, no settings of the user's, and trust in the site's certificate."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_PRIVATE) and not name.endswith(_PROXIES)
    }
    folders = {"XDG_CONFIG_HOME": str(call.folder), "XDG_CACHE_HOME": str(call.folder)}
    path = os.pathsep.join(filter(None, [str(REPOSITORY), kept.get("PYTHONPATH")]))
    certificate = str(call.site.certificate)
    trust = {"SSL_CERT_FILE": certificate, "REQUESTS_CA_BUNDLE": certificate} if call.site.certificate else {}
    return {**kept, **folders, **trust, "PYTHONPATH": path}


def shortfall(call: Call, *, thorough: bool) -> str | None:
    """What is wrong with what a client brought, or None.

    Args:
        call: The download.
        thorough: Compare every byte, not only names and sizes.
    """
    found = {path.name: path for path in call.files.rglob("*.fits") if STATE_FOLDER not in path.parts}
    wanted = {product.name: product for product in call.holdings.products}
    if found.keys() != wanted.keys():
        return (
            f"{len(found.keys() & wanted.keys())} of {len(wanted)} files came, and {len(found.keys() - wanted)} others"
        )
    for name, product in wanted.items():
        same_size = found[name].stat().st_size == product.size
        if not same_size or (
            thorough and not filecmp.cmp(found[name], call.holdings.tree / product.path, shallow=False)
        ):
            return f"{name}: its bytes are not those that are served"
    return None


def _jwstsync(call: Call) -> list[str]:
    manifest = f"""\
version = 1
[archive]
url = {json.dumps(call.site.url)}
[destination]
root = "{_FILES}"
[limits]
connections = {call.connections}
[[proposal]]
id = {PROPOSAL}
include = [{{}}]
"""
    call.written("jwstsync.toml", manifest)
    call.written("jwstsync.lock", _lockfile(tuple(call.holdings.products)))
    return [sys.executable, "-m", "jwstsync", "apply", "--frozen", "-y", "-q"]


@cache
def _lockfile(products: Sequence[Product]) -> str:
    locked = (
        LockedProduct(
            uri=product.uri,
            path=ProductPath(product.path),
            proposal=PROPOSAL,
            size=product.size,
            sha256=product.sha256,
            md5=product.md5,
        )
        for product in products
    )
    return format_lockfile(Lockfile.of(locked), "jwstsync.lock")


def _curl(call: Call, *more: str) -> list[str]:
    pairs = (
        f'url = "{call.site.address(product.uri)}"\noutput = "{_FILES}/{product.path}"\n'
        for product in call.holdings.products
    )
    config = call.written("curl.conf", "".join(pairs))
    settings = ["-q", "-Z", "--parallel-max", str(call.connections), "-f", "-sS", "--create-dirs"]
    certificate = ["--cacert", str(call.site.certificate)] if call.site.certificate else []
    return ["curl", *settings, *more, *certificate, "-K", config]


def _curl_immediate(call: Call) -> list[str]:
    """Connects at once; else curl waits for its first transfer, in the hope of a connection that many can share."""
    return _curl(call, "--parallel-immediate")


def _curl_verified(call: Call) -> list[str]:
    """As a careful user would: then every file is hashed, then made durable, by as many programs as connections."""
    sums = (f"{product.sha256}  {_FILES}/{product.path}\n" for product in call.holdings.products)
    listed = call.written("SHA256SUMS", "".join(sums))
    at_once = f"xargs -0 -n 20 -P {call.connections}"
    steps = (
        shlex.join(_curl(call)),
        f"tr '\\n' '\\0' < {listed} | {at_once} sh -c 'printf \"%s\\n\" \"$@\" | sha256sum -c --quiet' sh",
        f"find {_FILES} -print0 | {at_once} sync",
    )
    return ["sh", "-c", " && ".join(steps)]


def _aria2c(call: Call, *connections: str) -> list[str]:
    pairs = (f"{call.site.address(product.uri)}\n  out={product.path}\n" for product in call.holdings.products)
    listed = call.written("aria2c.txt", "".join(pairs))
    settings = ["--no-conf", "-q", "--file-allocation=none", "--max-tries=1", f"--dir={_FILES}"]
    return ["aria2c", *settings, *connections, *call.trusting("--ca-certificate"), "-i", listed]


def _aria2c_whole(call: Call) -> list[str]:
    return _aria2c(call, "-j", str(call.connections), "-x", "1")


def _aria2c_split(call: Call) -> list[str]:
    """All connections on one file at a time: no other way keeps all of them at work to the end."""
    count = str(call.connections)
    return _aria2c(call, "-j", "1", "-x", count, "-s", count, "-k", "1M")


def _rclone(call: Call) -> list[str]:
    listed = call.written("rclone.txt", "".join(f"{product.path}\n" for product in call.holdings.products))
    source = [":http:", _FILES, "--http-url", call.site.url, "--files-from-raw", listed, "--no-traverse"]
    count = str(call.connections)
    settings = ["--config", "", "-q", "--transfers", count, "--checkers", count, "--multi-thread-streams", "0"]
    return ["rclone", "copy", *source, *settings, *call.trusting("--ca-cert")]


def _wget(call: Call) -> list[str]:
    addresses = (call.site.address(product.uri) + "\n" for product in call.holdings.products)
    listed = call.written("wget.txt", "".join(addresses))
    settings = ["--no-config", "--no-hsts", "-nv", "--tries=1", "--content-disposition", "-P", _FILES]
    return ["wget", *settings, *call.trusting("--ca-certificate"), "-i", listed]


def _astroquery(call: Call) -> list[str]:
    call.written("astropy/astroquery.cfg", f"[mast]\nserver = {call.site.url}\n")
    lines = (f"{product.uri} {_FILES}/{product.path}\n" for product in call.holdings.products)
    listed = call.written("astroquery.txt", "".join(lines))
    return [sys.executable, "-m", "tests.benchmarks.one_by_one", listed]


def _copy(call: Call) -> list[str]:
    return ["cp", "-r", str(call.holdings.tree), _FILES]


CLIENTS = {
    client.name: client
    for client in (
        Client(name=JWSTSYNC, command=_jwstsync),
        Client(name="curl", command=_curl, program="curl"),
        Client(name="curl-immediate", command=_curl_immediate, program="curl"),
        Client(name="curl-verified", command=_curl_verified, program="sh"),
        Client(name="aria2c", command=_aria2c_whole, program="aria2c"),
        Client(name="aria2c-split", command=_aria2c_split, program="aria2c", only="e"),
        Client(name="rclone", command=_rclone, program="rclone"),
        Client(name="wget", command=_wget, program="wget", parallel=False, rounds=2),
        Client(name="astroquery", command=_astroquery, parallel=False, rounds=2),
        Client(name="cp", command=_copy, program="cp", parallel=False),
    )
}
