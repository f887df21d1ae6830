"""How often Python looks for circles of garbage while a plan is made."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from jwstsync.core.plan import decide
from jwstsync.sync import planning
from jwstsync.sync.garbage import SELDOM, seldom_collected
from tests.sync.fakes import A

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sync.fakes import Place

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """The usual ones at first, and afterwards those that were."""
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("own", [USUAL, (10**6, 30, 200), (0, 10, 10)], ids=["usual", "seldomer", "never"])
def test_it_is_as_it_was_afterwards(own: tuple[int, int, int]) -> None:
    """Whoever calls may have wishes of their own: they hold again, and are never made more frequent meanwhile."""
    gc.set_threshold(*own)
    with seldom_collected():
        inside = gc.get_threshold()
    assert gc.get_threshold() == own
    assert inside == (own if own[0] != 700 else SELDOM)


def test_a_plan_is_made_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks seldom as long as the plan is made, and no longer."""
    seen = []

    def spy(*args: object, **choices: object) -> object:
        seen.append(gc.get_threshold())
        return decide(*args, **choices)  # type: ignore[arg-type]

    monkeypatch.setattr(planning, "decide", spy)
    assert A in {action.path.rpartition("/")[2] for action in place.plan().actions}
    assert seen == [SELDOM]
    assert gc.get_threshold() == USUAL
