"""What of a lockfile the manifest surely asks for no more, told without the archive."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from jwstsync.core.agreement import disagreements
from jwstsync.core.layout import ProductPath
from jwstsync.core.lockfile import Lockfile
from jwstsync.core.manifest import parse_manifest
from tests.core.strategies import PATH, URI, locked

NAME = PATH.rpartition("/")[2]
NO_RULE = f"{NAME}: no rule selects it for proposal 2733; expected one that does"


def said(block: str, head: str = "", path: ProductPath = PATH) -> list[str]:
    """What is said of a product of proposal 2733 under a manifest with this block."""
    manifest = parse_manifest(f"version = 1\n{head}\n[[proposal]]\n{block}\n", PurePath("jwstsync.toml"))
    return list(disagreements(manifest, Lockfile.of([locked(path=path)])))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("id = 2733\ninclude = [{}]", id="everything"),
        pytest.param("id = [1, 2733]\ninclude = [{ extension = 'fits' }]", id="extension"),
        pytest.param("id = 2733\ninclude = [{ calib_level = 9 }]", id="what a lockfile does not tell"),
        pytest.param("id = 2733\ninclude = [{ productFilename = '*_cal.fits', calib_level = 9 }]", id="partly"),
        pytest.param("id = 2733\ninclude = [{ extension = 'jpg' }, { extension = 'fits' }]", id="second rule"),
        pytest.param(f"id = 2733\ninclude = [{{ dataURI = '{URI}' }}]", id="uri"),
        pytest.param("id = 2733\ninclude = [{}]\nexclude = [{ extension = 'jpg' }]", id="other exclude"),
        pytest.param("id = 2733\ninclude = [{}]\nexclude = [{ extension = 'fits', calib_level = 2 }]", id="perhaps"),
        pytest.param(
            "id = 2733\ninclude = [{ extension = 'jpg' }]\n[[proposal]]\nid = 2733\ninclude = [{}]", id="second block"
        ),
    ],
)
def test_what_may_be_selected_agrees(block: str) -> None:
    """As long as some block can select a product, as far as its name tells, there is nothing to say."""
    assert said(block) == []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("id = 2733\ninclude = [{ extension = 'jpg' }]", id="extension"),
        pytest.param("id = 2733\ninclude = [{ calib_level = 2, productFilename = '*_i2d.fits' }]", id="name"),
        pytest.param("id = 2733\ninclude = [{}]\nexclude = [{ productFilename = '*_cal.fits' }]", id="exclude"),
        pytest.param("id = 2733\ninclude = [{}]\nexclude = [{}]", id="exclude everything"),
        pytest.param("id = 1\ninclude = [{}]\n[[proposal]]\nid = 2733\ninclude = [{ extension = 'jpg' }]", id="other"),
    ],
)
def test_what_no_rule_selects(block: str) -> None:
    """A product that no block for its proposal can select is told."""
    assert said(block) == [NO_RULE]


def test_what_belongs_to_no_proposal() -> None:
    """A product of a proposal that the manifest does not name is told."""
    expected = f"{NAME}: of proposal 2733; expected a proposal that the manifest names"
    assert said("id = 1\ninclude = [{}]") == [expected]


@pytest.mark.parametrize(
    ("layout", "path", "fits"),
    [
        ("{obs_collection}/{obs_id}/{filename}", PATH, True),
        ("{filename}", NAME, True),
        ("{filename}", PATH, False),
        ("a.c/{obs_id}-{calib_level}/{filename}", f"a.c/x-2/{NAME}", True),
        ("a.c/{obs_id}/{filename}", f"abc/x/{NAME}", False),
        ("{obs_id}/{filename}", f"x/y/{NAME}", False),
        ("{obs_id}/{filename}", NAME, False),
    ],
)
def test_places_that_the_layout_can_give(layout: str, path: str, fits: bool) -> None:  # noqa: FBT001 - a column
    """A product in a folder where the layout can not put it is told; folders that only the archive tells are any."""
    found = said("id = 2733\ninclude = [{}]", f'[destination]\nlayout = "{layout}"', path=ProductPath(path))
    folder = path.rpartition("/")[0] or "."
    expected = f"{NAME}: in the folder {folder!r}; expected one as the layout has it, {layout!r}"
    assert found == ([] if fits else [expected])
