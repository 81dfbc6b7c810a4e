"""Updates as the technician sees them at the station: what is here, what came of the last one, and the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kiosk.station.update.bundle import HEAD_BYTES, parse_head, verified
from kiosk.station.update.journal import Outcome
from kiosk.station.update.ports import Quiet
from kiosk.station.update.quiet import JournalLook
from kiosk.station.update.refusals import UpdateRefused, Why
from kiosk.station.update.release import Release

MOST_SHOWN: Final = 4
"""Bundles on one page; who has more deletes some."""


class Shelf(Protocol):
    """Bundles and releases of this machine, as the station may read them. Raises OSError."""

    def names(self) -> Sequence[str]:
        """Of bundles, the newest file first."""

    def head(self, name: str, size: int) -> bytes:
        """The first bytes of a bundle."""

    def running(self) -> Release: ...
    def keys(self) -> tuple[bytes, ...]: ...
    def outcome(self) -> Outcome | None: ...
    def waits(self) -> bool:
        """Whether a request is there that the helper has not taken yet."""

    def ask(self, bundle: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Offered:
    """One bundle: what it brings, or why it cannot be taken."""

    name: str
    version: str
    why: Why | None


@dataclass(frozen=True, slots=True)
class UpdateView:
    """``running`` is the version that runs; ``phase`` is "" while nothing is under way."""

    running: str
    bundles: tuple[Offered, ...]
    phase: str
    outcome: Outcome | None


class Updates:
    """Whole looks at a bundle are the helper's; here its signed manifest is read."""

    def __init__(self, shelf: Shelf, journal: JournalLook, quiet: Quiet) -> None:
        self._shelf, self._journal, self._quiet = shelf, journal, quiet

    def view(self) -> UpdateView:
        """Raises OSError."""
        entry = self._journal.read()
        phase = entry.phase.value if entry is not None else "asked" if self._shelf.waits() else ""
        bundles = tuple(self._offered(name) for name in self._shelf.names()[:MOST_SHOWN])
        return UpdateView(self._shelf.running().version, bundles, phase, self._shelf.outcome())

    def install(self, name: str) -> None:
        """Ask for it. Raises UpdateRefused, and OSError, StoreError."""
        if self.view().phase:
            raise UpdateRefused(Why.RUNNING)
        if name not in self._shelf.names():
            raise UpdateRefused(Why.NOT_FOUND)
        offered = self._offered(name)
        if offered.why is not None:
            raise UpdateRefused(offered.why)
        busy = self._quiet.busy()
        if busy is not None:
            raise UpdateRefused(busy)
        self._shelf.ask(name)

    def _offered(self, name: str) -> Offered:
        try:
            head = parse_head(self._shelf.head(name, HEAD_BYTES))
            raw = self._shelf.head(name, HEAD_BYTES + head.manifest_bytes)[HEAD_BYTES:]
            release = verified(head, raw, self._shelf.keys()).release
        except UpdateRefused as error:
            return Offered(name, "", error.why)
        except OSError:
            return Offered(name, "", Why.DAMAGED)
        newer = release.order > self._shelf.running().order
        return Offered(name, release.version, None if newer else Why.NOT_NEWER)
