"""Any history in which files lie elsewhere, too: they are never changed, and go only once their bytes are in place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.crash.test_history import History, names

if TYPE_CHECKING:
    from pathlib import Path

    from jwstsync.sync.report import Report


class HistoryWithFilesElsewhere(History):
    """One folder, what happens to it, and another folder with files of the same names."""

    def __init__(self) -> None:
        super().__init__()
        self._old = self._place.folder / "old"
        self._old.mkdir()
        self._elsewhere: dict[Path, tuple[bytes, int]] = {}
        self._choices = {"adopt_from": [self._old], "move": False}

    @rule(name=names, folder=st.sampled_from(["a", "b"]), kind=st.sampled_from(["right", "right", "cut", "foreign"]))
    def put_elsewhere(self, name: str, folder: str, kind: str) -> None:
        """Somebody has the bytes that the archive has now, or others."""
        product = self._archive.holdings.get(name)
        if product is None:
            return
        size = len(product.content)
        contents = {"right": product.content, "cut": product.content[:-1], "foreign": b"foreign".ljust(size)}
        file, time = self._old / folder / name, self._tick()
        file.parent.mkdir(exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(contents[kind])
        os.utime(file, ns=(time, time))
        self._elsewhere[file] = contents[kind], time

    @rule(name=names)
    def edit_elsewhere(self, name: str) -> None:
        """Somebody writes into a file that they have there, which may be a second name of a product."""
        file, time = self._old / "a" / name, self._tick()
        if not file.exists():
            return
        place = self._place.file(name, 1 + "abcd".index(name[0]) % 2)
        shared = place.exists() and place.samefile(file)
        file.write_bytes(b"edited")
        os.utime(file, ns=(time, time))
        self._elsewhere[file] = b"edited", time
        self._put[name].add(b"edited")
        if shared:
            self._forget(name)

    @rule(move=st.booleans())
    def choose(self, *, move: bool) -> None:
        """From now on files are moved, or are not."""
        self._choices = {"adopt_from": [self._old], "move": move}

    def _applied(self, *, prune: bool) -> Report:
        """A run, which asks for nothing that is elsewhere."""
        right = {
            name
            for name, one in self._archive.holdings.items()
            if any(path.name == name and content == one.content for path, (content, _) in self._elsewhere.items())
        }
        try:
            return super()._applied(prune=prune)
        finally:
            assert right.isdisjoint(self._archive.sent)

    @invariant()
    def nothing_elsewhere_is_changed(self) -> None:
        """Each file there is as somebody left it, or has been moved: then its bytes are where the product belongs."""
        for file, (content, time) in list(self._elsewhere.items()):
            if file.exists():
                assert (file.read_bytes(), file.stat().st_mtime_ns) == (content, time)
                continue
            assert self._choices["move"]
            assert self._place.files[file.name] == content
            del self._elsewhere[file]


TestHistoryWithFilesElsewhere = HistoryWithFilesElsewhere.TestCase
TestHistoryWithFilesElsewhere.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
