"""The README's pictures of a terminal: what the program prints now."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

HERE = Path(__file__).parents[2]
PICTURES = HERE / "examples" / "terminal-pictures"
PATIENCE = 120  # seconds, after which it hangs
README = (HERE / "README.md").read_text(encoding="utf-8")
SVG = "http://www.w3.org/2000/svg"
LARGE = 40_000  # bytes


def pictures(folder: Path) -> dict[str, str]:
    """The texts of the pictures in a folder, by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.svg")}


def test_pictures_are_what_the_commands_print(tmp_path: Path) -> None:
    """Whoever changes what is printed makes them anew, by running the script: it makes the same bytes each time."""
    subprocess.run([sys.executable, PICTURES / "make.py", tmp_path], check=True, timeout=PATIENCE)

    assert pictures(tmp_path) == pictures(PICTURES)


def test_pictures_stand_in_the_readme() -> None:
    """Each is shown, and told in words to those who do not see it."""
    shown = re.findall(r"^!\[[^\]]{40,}\]\(examples/terminal-pictures/([^)]+)\)$", README, flags=re.MULTILINE)

    assert sorted(shown) == sorted(pictures(PICTURES))


def test_pictures_need_nothing_else() -> None:
    """They are small drawings that load nothing from anywhere, and of which no two share an id."""
    for name, text in pictures(PICTURES).items():
        assert len(text) < LARGE
        assert ET.fromstring(text).tag == f"{{{SVG}}}svg"  # noqa: S314 - ours
        assert not re.search(
            r"://|@import|<script|<image|href", text.replace(SVG, "").replace("http://127.0.0.1:8000", "")
        )
        assert set(re.findall(r'id="(\w+)-', text)) == {name.removesuffix(".svg")}
