"""The analysis starts from the products that jwstsync.lock pins."""

import tomllib
from pathlib import Path

import pytest
from astropy.io import fits

LOCKED = tomllib.loads(Path("jwstsync.lock").read_text(encoding="utf-8"))["product"]


@pytest.mark.parametrize("product", LOCKED, ids=[one["path"] for one in LOCKED])
def test_version(product: dict[str, str]) -> None:
    """Each file was made by the version of the pipeline that the lockfile names."""
    assert fits.getheader(Path("mastDownload", product["path"]))["CAL_VER"].strip() == product["cal_ver"]
