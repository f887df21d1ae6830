"""What shapes a plan besides the manifest, as the command line says it, or a saved plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from jwstsync.core.orphans import Prune
from jwstsync.sync.planning import Mode

if TYPE_CHECKING:
    from jwstsync.core.saved import ModeName, SavedOptions


@dataclass(frozen=True, slots=True)
class Choices:
    """What shapes a plan besides the manifest.

    Attributes:
        mode: Whether the archive is asked, and whether the lockfile may change; not `Mode.OFFLINE` where it is saved.
        allow_empty: Believe a proposal that had products and now lists none.
        prune: That files are to be pruned.
    """

    mode: Mode
    allow_empty: bool = False
    prune: Prune | None = None

    @classmethod
    def of(cls, options: SavedOptions) -> Choices:
        """Those of a saved plan."""
        prune = Prune(options["max_prune"]) if options["prune"] else None
        return cls(Mode(options["mode"]), options["allow_empty"], prune)

    @property
    def options(self) -> SavedOptions:
        """The same, as a saved plan has them."""
        assert self.mode is not Mode.OFFLINE  # noqa: S101 - nothing could be carried out
        most = self.prune.most if self.prune else None
        return {
            "mode": cast("ModeName", self.mode.value),
            "allow_empty": self.allow_empty,
            "prune": self.prune is not None,
            "max_prune": most,
        }

    @property
    def flags(self) -> list[str]:
        """The same, as the command line has them."""
        mode = [f"--{self.mode}"] if self.mode is not Mode.DEFAULT else []
        empty = ["--allow-empty"] if self.allow_empty else []
        prune = ["--prune"] if self.prune else []
        most = [f"--max-prune {self.prune.most}"] if self.prune and self.prune.most is not None else []
        return [*mode, *empty, *prune, *most]
