"""What the tests of crashes begin with: a process that is forked for every run, and a world in which all is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwstsync.sandbox import Sandbox
from tests.crash.desk import SIZES, World, catalogue, whole_world
from tests.crash.runs import Runs, served

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Where runs are begun."""
    with served(tmp_path_factory.mktemp("runs")) as runs:
        yield runs


@pytest.fixture(scope="session")
def world(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A folder in which everything is to be done, and the archive."""
    with Sandbox(catalogue=catalogue(SIZES)) as sandbox:
        yield whole_world(sandbox, runs, tmp_path_factory.mktemp("world"))
