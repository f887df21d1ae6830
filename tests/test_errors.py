"""What is raised on purpose: messages, and which exit code speaks for a run."""

from __future__ import annotations

import pytest

from jwstsync import errors
from jwstsync.errors import ExitCode, InvalidFileError, JwstsyncError, ManifestError, Problem, gravest


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        pytest.param([], ExitCode.OK, id="nothing happened"),
        pytest.param([ExitCode.OK, ExitCode.OK], ExitCode.OK, id="all went well"),
        pytest.param([ExitCode.OK, ExitCode.DIFFERENCES], ExitCode.DIFFERENCES, id="differences"),
        pytest.param([ExitCode.DIFFERENCES, ExitCode.PRODUCTS_FAILED], ExitCode.PRODUCTS_FAILED, id="failed"),
        pytest.param([ExitCode.PRODUCTS_FAILED, ExitCode.ARCHIVE], ExitCode.ARCHIVE, id="archive"),
        pytest.param([ExitCode.ARCHIVE, ExitCode.TOKEN], ExitCode.TOKEN, id="token"),
        pytest.param([ExitCode.TOKEN, ExitCode.LIMIT], ExitCode.LIMIT, id="limit"),
        pytest.param([ExitCode.LIMIT, ExitCode.BYTES_DIFFER], ExitCode.BYTES_DIFFER, id="bytes differ"),
        pytest.param([ExitCode.BYTES_DIFFER, ExitCode.BUG], ExitCode.BUG, id="bug"),
        pytest.param([ExitCode.BUG, ExitCode.INTERRUPTED], ExitCode.INTERRUPTED, id="interrupted"),
        pytest.param([ExitCode.TERMINATED, ExitCode.PRODUCTS_FAILED], ExitCode.TERMINATED, id="terminated"),
    ],
)
def test_the_gravest_exit_code_speaks(codes: list[ExitCode], code: ExitCode) -> None:
    """Of all that happened in a run the gravest gives the exit code, in whatever order it came."""
    assert gravest(codes) is code
    assert gravest(reversed(codes)) is code


def test_every_exit_code_can_speak() -> None:
    """Whatever happens alone is the exit code."""
    assert [gravest([code]) for code in ExitCode] == list(ExitCode)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        pytest.param(Problem("limits.connections", "9", "expected 8"), "limits.connections = 9: expected 8", id="full"),
        pytest.param(Problem("version", "", "expected 1"), "version: expected 1", id="nothing there"),
        pytest.param(Problem("", "", "not TOML"), "not TOML", id="the file as a whole"),
    ],
)
def test_a_problem_names_the_thing_first(problem: Problem, text: str) -> None:
    """A problem is told as key, value, and what would be right, as far as there are any."""
    assert str(problem) == text


def test_an_invalid_file_tells_all_its_problems() -> None:
    """A file that is not valid names itself and one problem on each line."""
    error = ManifestError("jwstsync.toml", iter([Problem("a", "1", "expected 2"), Problem("b", "", "expected 3")]))
    assert isinstance(error, InvalidFileError)
    assert [problem.key for problem in error.problems] == ["a", "b"]
    assert str(error) == "jwstsync.toml: a = 1: expected 2\njwstsync.toml: b: expected 3"


def test_every_error_has_an_exit_code_of_its_own() -> None:
    """All that is raised on purpose is one family, and nothing of it is called a bug."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, JwstsyncError)]
    assert all(kind.exit_code is not ExitCode.BUG for kind in kinds if kind is not JwstsyncError)
    assert JwstsyncError.exit_code is ExitCode.BUG
