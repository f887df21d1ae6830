"""What an editor sees in a manifest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def linted(file: Path) -> str:
    """What tombi, which editors use too, has against a file by the schema that the file names; empty for nothing."""
    command = [str(Path(sys.executable).with_name("tombi")), "lint", "--offline", "--no-cache", file.name]
    done = subprocess.run(command, cwd=file.parent, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr
