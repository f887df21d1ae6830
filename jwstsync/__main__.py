"""The command, also as ``python -m jwstsync``."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    # pydantic would read what every installed package says of itself to look for plugins; a manifest wants none
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from jwstsync.cli.main import run  # noqa: PLC0415 - so that importing this module costs nothing

    code = run(sys.argv[1:])
    gc.freeze()  # everything ends now: to look through it for what could go takes longer than most commands
    sys.exit(code)


if __name__ == "__main__":
    main()
