"""The server: a real nginx on loopback that speaks MAST's download address, with a slow line where one is wanted.

It is started for one workload with a configuration in a temporary folder, as root or not, and ended after it.

The slow line is made inside nginx, so that no byte of a file takes a detour:

- 50 ms before each answer: nginx asks `pause`, a small server on a socket, for leave (``auth_request``) before it
  answers, and gets it 50 ms later. That is one subrequest of some bytes for each answer; eight connections can not ask
  for more than 160 a second.
- 8 MB/s a connection: ``limit_rate`` alone lets the first second's worth pass at once, so a file of 1 MB would not be
  slowed at all. With ``sendfile_max_chunk`` nginx waits after each chunk for as long as the chunk is worth. 160 KiB at
  8,000 KiB/s are 20 ms without a remainder (nginx counts whole milliseconds) and whole pages (sendfile's unit).

`line_of` measures what a client gets, so that a run can show that the line was as it should be.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.workloads import Holdings, Workload

REPOSITORY = Path(__file__).parents[2]
_HOST = "127.0.0.1"
_START_TIME = 10.0  # seconds
_SYSTEM_FOLDERS = ":/usr/local/sbin:/usr/sbin"  # where nginx is, and not on everybody's path
_SLOW = """
      auth_request /pause;
      limit_rate 8000k;
      sendfile_max_chunk 160k;"""
_PAUSE = """
    location = /pause {{
      internal;
      proxy_pass http://pause/;
      proxy_http_version 1.1;
      proxy_pass_request_headers off;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
    }}
  }}
  upstream pause {{
    server unix:{folder}/pause.socket;
    keepalive 64;"""
_TLS = """
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;"""
_CONFIGURATION = r"""
{user}
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $arg_uri $place {{
    "~*^mast(:|%3A)JWST(/|%2F)product(/|%2F)(?<observation>\w+)_(?<suffix>\w+\.fits)$"
      "$observation/${{observation}}_$suffix";
  }}
  server {{
    listen {host}:{port}{ssl};{certificate}
    root "{tree}";
    location = /api/v0.1/Download/file {{{slow}
      add_header Content-Disposition "attachment; filename=${{observation}}_$suffix";
      try_files /JWST/$place =404;
    }}
    location /JWST/ {{{slow}
    }}{pause}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the files of a workload are served.

    Attributes:
        url: The server, as a manifest names it.
        certificate: What a client has to trust; None without TLS.
    """

    url: str
    certificate: Path | None

    def address(self, uri: str) -> str:
        """Where a product is downloaded."""
        return f"{self.url}/api/v0.1/Download/file?uri={uri}"


@contextmanager
def serving(workload: Workload, holdings: Holdings) -> Iterator[Site]:
    """An nginx that serves a workload, for as long as the context is open."""
    program = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + _SYSTEM_FOLDERS)
    if program is None:
        raise click.ClickException("nginx: not found; expected it in /usr/sbin (Debian: apt-get install nginx)")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="nginx-")))
        if workload.tls:
            _make_certificate(folder)
        if workload.slow:
            stack.enter_context(_pause(folder))
        port = _free_port()
        (folder / "nginx.conf").write_text(_configuration(workload, holdings, folder, port))
        stack.enter_context(_running(program, folder, port))
        scheme, certificate = ("https", folder / "certificate.pem") if workload.tls else ("http", None)
        yield Site(f"{scheme}://{_HOST}:{port}", certificate)


def _configuration(workload: Workload, holdings: Holdings, folder: Path, port: int) -> str:
    return _CONFIGURATION.format(
        user="user root;" if os.geteuid() == 0 else "",  # else its workers could not read a private folder
        folder=folder,
        host=_HOST,
        port=port,
        ssl=" ssl" if workload.tls else "",
        certificate=_TLS.format(folder=folder) if workload.tls else "",
        tree=holdings.tree,
        slow=_SLOW if workload.slow else "",
        pause=_PAUSE.format(folder=folder) if workload.slow else "",
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _make_certificate(folder: Path) -> None:
    """A certificate for the address itself, signed by itself, for two days."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={_HOST}"),
            *("-addext", f"subjectAltName=IP:{_HOST}"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
            *("-keyout", "key.pem", "-out", "certificate.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@contextmanager
def _pause(folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.pause", folder / "pause.socket"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the benchmark, which ends it
    )
    with _ended(process):
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise click.ClickException("pause: expected it to listen; see its message above")
        yield


@contextmanager
def _running(program: str, folder: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"], start_new_session=True
    )
    with _ended(process):
        latest = time.monotonic() + _START_TIME
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > latest:
                raise click.ClickException(f"nginx: did not start: {(folder / 'error.log').read_text()}")
            time.sleep(0.01)
        yield


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    with process:
        try:
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection((_HOST, port)).close()
    except ConnectionRefusedError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Line:
    """What one connection gets.

    Attributes:
        latency: Seconds from a request to the head of its answer.
        rate: Bytes a second of one body.
    """

    latency: float
    rate: float


def line_of(site: Site, holdings: Holdings) -> Line:
    """Measures the line with the first file: five heads and one body on one connection."""
    address = site.address(holdings.products[0].uri)
    connection = _connection(site)
    try:
        latency = median(_timed(connection, "HEAD", address)[0] for _ in range(5))
        seconds, size = _timed(connection, "GET", address)[1:]
    finally:
        connection.close()
    return Line(latency, size / seconds)


def _connection(site: Site) -> http.client.HTTPConnection:
    netloc = urlsplit(site.url).netloc
    if site.certificate is None:
        return http.client.HTTPConnection(netloc)
    return http.client.HTTPSConnection(netloc, context=ssl.create_default_context(cafile=site.certificate))


def _timed(connection: http.client.HTTPConnection, method: str, address: str) -> tuple[float, float, int]:
    """Seconds to the head, seconds of the body, bytes of the body."""
    asked = time.perf_counter()
    connection.request(method, address)
    with connection.getresponse() as response:
        began = time.perf_counter()
        size = len(response.read())
    return began - asked, time.perf_counter() - began, size
