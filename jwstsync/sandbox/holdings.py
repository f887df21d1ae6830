"""What is served at the moment: which making of each product, and the rows of the tables that follow from it.

The catalogue stays as it is; products are made anew, removed and taken back here. Safe to use from several threads.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from jwstsync.sandbox.content import FITS_BLOCK, Making
from jwstsync.sandbox.keywords import service_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwstsync.sandbox.catalogue import Catalogue
    from jwstsync.sandbox.columns import Row

_DAYS_BETWEEN_MAKINGS = 90.0
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")


class Holdings:
    """The products of a catalogue as they are served now: at first the last known making of each."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._lock = threading.RLock()
        self._served = {name: makings[-1] for name, makings in catalogue.makings.items()}

    def making(self, filename: str) -> Making:
        """The making that is served.

        Raises:
            KeyError: There is no such product, or it was removed.
        """
        with self._lock:
            if filename not in self._served:
                raise KeyError(f"{filename}: expected the file name of a product that is served")
            return self._served[filename]

    def by_uri(self, uri: str) -> Making | None:
        """The making that is served under a ``dataURI``, if any is."""
        with self._lock:
            return self._served.get(self.catalogue.filenames.get(uri, ""))

    def rewind(self) -> None:
        """Serve the first known making of every product, removed ones too."""
        with self._lock:
            self._served = {name: makings[0] for name, makings in self.catalogue.makings.items()}

    def catch_up(self) -> list[Making]:
        """Serve the last known making of every product that is behind it; what has come, by file name."""
        with self._lock:
            known = self.catalogue.makings
            come = {name: known[name][-1] for name, old in self._served.items() if old.number < len(known[name])}
            self._served.update(come)
        return [come[name] for name in sorted(come)]

    def remake(self, filename: str, *, cal_ver: str | None, crds_ctx: str | None, same_size: bool) -> Making:
        """Serve another making of a product; see `Sandbox.remake`."""
        with self._lock:
            old = self.making(filename)
            known = self.catalogue.makings[filename]
            if old.number < len(known) and cal_ver is None and crds_ctx is None and same_size:
                new = known[old.number]
            else:
                new = _made_anew(old, cal_ver, crds_ctx, 0 if same_size else FITS_BLOCK)
            self._served[filename] = new
        return new

    def remove(self, filename: str) -> None:
        """Serve a product no longer.

        Raises:
            KeyError: There is no such product, or it was removed before.
        """
        with self._lock:
            del self._served[self.making(filename).filename]

    def is_public(self, making: Making) -> bool:
        """Whether anybody may have it."""
        return making.filename not in self.catalogue.exclusive

    def products(self, parents: Iterable[int]) -> list[Row]:
        """The product rows that the observations with these group ids list now."""
        listed = (row for parent in parents for row in self.catalogue.products.get(parent, ()))
        with self._lock:
            return [current for row in listed if (current := self._listed(row)) is not None]

    def _listed(self, row: Row) -> Row | None:
        """A product row as it is now: right as it stands for the last known making, else corrected."""
        filename = str(row["productFilename"])
        served, written = self._served.get(filename), self.catalogue.makings[filename][-1]
        if served is None or served == written:
            return None if served is None else row
        size, version = row["size"], row["prvversion"]
        return {
            **row,
            "size": size + served.size - written.size if isinstance(size, int) else None,
            "prvversion": None if version is None else served.cal_ver,
        }

    def keywords(self, service: str) -> list[tuple[Row, Making]]:
        """The keyword rows that a service holds now, each with the making that it tells of; without checksums."""
        known = self._services.get(service, {})
        with self._lock:
            described = [(known[name], making) for name, making in self._served.items() if name in known]
        return [(_told(rows, making), making) for rows, making in described]

    @cached_property
    def _services(self) -> dict[str, dict[str, tuple[Row, ...]]]:
        """The catalogue's keyword rows by the service that has them."""
        services: dict[str, dict[str, tuple[Row, ...]]] = {}
        for name, rows in self.catalogue.keywords.items():
            services.setdefault(service_of(rows[0]), {})[name] = rows
        return services


def _told(rows: tuple[Row, ...], making: Making) -> Row:
    """The keyword row of a making, after that of the latest known making up to it."""
    return {
        **rows[min(making.number, len(rows)) - 1],
        "fileSize": making.size,
        "date_mjd": making.date_mjd,
        "cal_ver": making.cal_ver,
        "crds_ctx": making.crds_ctx,
    }


def _made_anew(old: Making, cal_ver: str | None, crds_ctx: str | None, longer: int) -> Making:
    return replace(
        old,
        number=old.number + 1,
        size=old.size + longer,
        date_mjd=old.date_mjd + _DAYS_BETWEEN_MAKINGS,
        cal_ver=cal_ver or _raised(old.cal_ver),
        crds_ctx=crds_ctx or _raised(old.crds_ctx),
    )


def _raised(version: str | None) -> str | None:
    """The same text with its last number raised by one."""
    return None if version is None else _LAST_NUMBER.sub(lambda found: str(int(found.group()) + 1), version)
