"""Downloads products with astroquery, one after the other, as a notebook does.

A program of its own: ``python -m tests.benchmarks.one_by_one LIST``, where each line of the list is a URI, a blank and
the path to write. Which server it asks is what astroquery's configuration file says.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(listed: Path) -> None:
    """Downloads every product of the list; ends with an error at the first that fails."""
    from astroquery.mast import Observations

    for line in listed.read_text().splitlines():
        uri, path = line.split(" ", 1)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        status, message, _ = Observations.download_file(uri, local_path=path, cache=False)
        if status != "COMPLETE":
            sys.exit(f"{uri}: {message}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
