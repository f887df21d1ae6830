"""Keep a folder of James Webb Space Telescope data in step with the MAST archive.

The public names; each is imported when it is first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwstsync.core.manifest import Manifest as Manifest
    from jwstsync.core.orphans import Prune as Prune
    from jwstsync.core.plan import Action as Action
    from jwstsync.core.plan import Plan as Plan
    from jwstsync.core.rounds import Verification as Verification
    from jwstsync.errors import JwstsyncError as JwstsyncError
    from jwstsync.sync.gather import load_manifest as load_manifest
    from jwstsync.sync.planning import Mode as Mode
    from jwstsync.sync.planning import plan as plan
    from jwstsync.sync.report import Report as Report
    from jwstsync.sync.report import Result as Result
    from jwstsync.sync.run import apply as apply
    from jwstsync.sync.verifying import verify as verify

__version__ = "0.1.0"  # here, since to look it up among all that is installed would take longer than a plan

_HOMES = {
    "Action": "jwstsync.core.plan",
    "JwstsyncError": "jwstsync.errors",
    "Manifest": "jwstsync.core.manifest",
    "Mode": "jwstsync.sync.planning",
    "Plan": "jwstsync.core.plan",
    "Prune": "jwstsync.core.orphans",
    "Report": "jwstsync.sync.report",
    "Result": "jwstsync.sync.report",
    "Verification": "jwstsync.core.rounds",
    "apply": "jwstsync.sync.run",
    "load_manifest": "jwstsync.sync.gather",
    "plan": "jwstsync.sync.planning",
    "verify": "jwstsync.sync.verifying",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - strings they are


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
