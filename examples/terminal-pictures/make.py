"""Makes the README's pictures of a terminal: runs real commands against the sandbox, and draws what is left of them.

``python examples/terminal-pictures/make.py [FOLDER]`` writes the SVG files beside this script, or into a folder. It
takes jwstsync and pyte (``pip install -e '.[test]'``). What differs from run to run is replaced, so that the same
program makes the same files.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

HERE = Path(__file__).parent
MANIFEST = HERE.parent / "southern-ring" / "jwstsync.toml"
COLUMNS, ROWS = 80, 60
PICTURES = {
    "search": [["search", "2733", "--products"]],
    "explain": [["plan", "--explain", "jw02733002001_02103_00001_mirimage_cal.*"]],
    "apply": [["apply"], ["status"]],
}
QUESTION = b"[y/N]: "
VARYING = {rb"127\.0\.0\.1:\d+": b"127.0.0.1:8000", rb"[\d.]+ [kMGTP]?B free": b"410 GB free"}
FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}<g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""
"""What rich fills in; without the fonts that its own frame loads from another host."""


def printed(folder: Path, arguments: list[str]) -> bytes:
    """All that a command writes to a terminal, its question answered with yes.

    Raises:
        SystemExit: It failed.
    """
    here, there = pty.openpty()
    termios.tcsetwinsize(there, (ROWS, COLUMNS))
    command = [sys.executable, "-m", "jwstsync", "--sandbox", *arguments]
    with subprocess.Popen(  # noqa: S603 - jwstsync itself
        command, cwd=folder, env=environment(folder), stdin=there, stdout=there, stderr=there, start_new_session=True
    ) as process:
        os.close(there)
        written = b""
        while more := read(here):
            written += more
            if written.endswith(QUESTION):
                os.write(here, b"y\n")
    os.close(here)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit code {process.returncode}\n{written.decode()}")
    return written


def read(terminal: int) -> bytes:
    """What comes next, or nothing where nobody is at the other end any more."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def environment(folder: Path) -> dict[str, str]:
    """The environment of a user who has set nothing."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def stable(written: bytes) -> bytes:
    """The same with the words that differ from run to run replaced."""
    for pattern, word in VARYING.items():
        written = re.sub(pattern, word, written)
    return written


def screen_text(written: bytes) -> Text:
    """What is left to be seen, with its colors."""
    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.ByteStream(screen).feed(written)
    lines = [line_text(screen, row) for row in range(ROWS)]
    while lines and not lines[-1].plain:
        lines.pop()
    return Text("\n").join(lines)


def line_text(screen: pyte.Screen, row: int) -> Text:
    """One line of a screen."""
    cells = [screen.buffer[row][column] for column in range(COLUMNS)]
    text = Text()
    for (color, bold), alike in groupby(cells, lambda cell: (cell.fg, cell.bold)):
        style = Style(color=color.replace("brown", "yellow"), bold=bold)  # pyte's word for it
        text.append("".join(cell.data for cell in alike), style)
    text.rstrip()
    return text


def picture(name: str, folder: Path) -> str:
    """An SVG of a terminal in which commands were called one after the other."""
    written = b"\r\n".join(
        b"\x1b[1m$ jwstsync --sandbox "
        + " ".join(map(quoted, arguments)).encode()
        + b"\x1b[0m\r\n"
        + stable(printed(folder, arguments))
        for arguments in PICTURES[name]
    )
    console = Console(
        file=io.StringIO(),
        record=True,
        width=COLUMNS,
        color_system="truecolor",
        force_terminal=True,
        legacy_windows=False,
    )
    console.print(screen_text(written), highlight=False)
    drawn = console.export_svg(title="", theme=SVG_EXPORT_THEME, code_format=FRAME, unique_id=name)
    drawn = re.sub(r"<text [^>]*>\n</text>", "", drawn)  # ends of lines
    return "".join(f"{line.strip()}\n" for line in drawn.splitlines() if line.strip())


def quoted(argument: str) -> str:
    """An argument as somebody types it."""
    return f"'{argument}'" if "*" in argument else argument


def main() -> None:
    """Makes them all."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MANIFEST, folder)
        for name in PICTURES:
            (target / f"{name}.svg").write_text(picture(name, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
