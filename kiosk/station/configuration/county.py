"""The county's documents at this station, for pages and doctor: in force, waiting, and on a stick."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Final

from kiosk.base.files import read_bounded, write_durably
from kiosk.base.refused import Refused
from kiosk.base.worker import Worker
from kiosk.domain.configuration import RefusalReason, believed_day, price_day
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.configuration import (
    DOCUMENT,
    FOLDER,
    INBOX,
    MAX_DOCUMENT_BYTES,
    MAX_PART_BYTES,
    BadConfiguration,
    ConfigurationDocument,
    parse_document,
    part_file,
)
from kiosk.station.configuration.checks import NOTHING_LIVE, LiveContent
from kiosk.station.configuration.floor import FloorFile
from kiosk.station.configuration.inbox import DocumentInbox, InboxTools
from kiosk.station.shared.settings import CountyKeys
from kiosk.store import StoreError
from kiosk.store.catalogs import PreparedCatalog
from kiosk.store.county_documents import CountyDocument

logger = logging.getLogger(__name__)

_LAST_DAY: Final = "9999"
_SIGNATURE_S: Final = 60.0
_MAX_REMEMBERED: Final = 16  # Answers: pages show the content of a stick repeatedly


def signature_check(keys: CountyKeys | None) -> Callable[[bytes], RefusalReason | None]:
    """Check signatures in a child process: the station never loads cryptography. Without ``keys``: OTHER_COUNTY."""

    @lru_cache(_MAX_REMEMBERED)
    def check(content: bytes) -> RefusalReason | None:
        if keys is None:
            return RefusalReason.OTHER_COUNTY
        program = (sys.executable, "-m", "kiosk.station.configuration.signature", "/dev/stdin", str(keys.authority))
        try:
            done = subprocess.run(program, input=content, capture_output=True, timeout=_SIGNATURE_S, check=True)
            word = done.stdout.decode().strip()
            return RefusalReason(word) if word else None
        except (subprocess.SubprocessError, ValueError) as error:
            raise OSError(f"no signature can be checked by {keys.authority}: {error}") from error

    return check


class PriceDay:
    """Brings another day's prices into force, between two intakes."""

    def __init__(self, tools: InboxTools, floor: FloorFile) -> None:
        self._tools, self._floor = tools, floor
        self._unchanged: tuple[int, str] | None = None  # A version, and a day that changes none of its prices

    def step(self) -> None:
        """Move the price day forward when the station is not busy. Raises StoreError, OSError."""
        stamp, (version, before) = self._tools.stamps(), self._tools.store.catalogs.get()
        latest = max(before.day, self._floor.day)
        day = price_day(believed_day(stamp.moment, latest), "", latest)
        if (version, day) == self._unchanged:
            return
        after = replace(before, day=day)
        changing = {(row.product, row.mode) for row in before.prices if before.day < row.since <= day}
        if all(before.price(*pair) == after.price(*pair) for pair in changing):
            self._unchanged = version, day
        elif self._tools.busy() is None:
            self._floor.raise_day(day)
            self._tools.store.county_documents.change_day(PreparedCatalog.of(after), version, stamp)
            logger.info("the prices of %s are in force", day)
            self._tools.on_event()


@dataclass(frozen=True, slots=True)
class StickDocument:
    """A folder of a stick with a document of this station. ``refusal``: why it would be refused; ``same``: it is the
    one in force; ``document`` is None where it cannot be read.
    """

    path: Path
    document: ConfigurationDocument | None
    refusal: RefusalReason | None
    same: bool


class StationCounty:
    """Thread-safe. ``media``: the top folders of sticks."""

    def __init__(self, tools: InboxTools, has_county: bool, media: Callable[[], Sequence[Path]]) -> None:
        self.tools, self.has_county, self._media = tools, has_county, media
        self.live = NOTHING_LIVE
        self.inbox = DocumentInbox(tools.station.data / INBOX, replace(tools, on_applied=self._use))
        self._prices = PriceDay(tools, self.inbox.floor)
        self._taking = threading.Lock()
        self.worker = Worker("county", self.step, expected=(OSError, StoreError))

    def load(self) -> None:
        """Use the document in force, at the start. Damage is logged only: the station can weigh without it."""
        try:
            found = self.in_force()
            if found is not None:
                self._use(self.inbox.checks.live(found.document))
        except (Refused, StoreError, OSError) as error:
            logger.error("layouts and texts of the county cannot be used: %s", error)

    def step(self) -> float:
        """Do one round of the worker; return the seconds to wait before the next."""
        self._prices.step()
        return self.inbox.step()

    def in_force(self) -> CountyDocument | None:
        """Read the document in force. Raises StoreError, as all methods that follow."""
        return self.tools.store.county_documents.in_force()

    def log_refusal(self) -> str | None:
        """Return why the last checkpoint of the county's log was not kept; None when it was."""
        return self.tools.store.county_checkpoints.refusal()

    def manages_people(self) -> bool:
        found = self.in_force()
        return found is not None and "clerks" in found.document.parts

    def is_by_hand(self) -> bool:
        """Return whether the goods and prices were imported by hand, after the document in force or without one."""
        found, (version, _) = self.in_force(), self.tools.store.catalogs.get()
        return version != (found.catalog_version if found else 0)

    def prices_confirmed(self) -> bool:
        """Return False where newer prices than those in force may exist: the county has not confirmed since a restore
        that this document is its newest, or a price begins on a day that an unset clock cannot tell. Return True
        without a county, as no other source exists.
        """
        if not self.has_county:
            return True
        found, floor = self.in_force(), self.inbox.floor.version
        if floor is not None and (found is None or found.version < floor):
            return False
        _, catalog = self.tools.store.catalogs.get()
        is_unset = self.tools.stamps().moment.quality is ClockQuality.UNSET
        today = _LAST_DAY if is_unset else self.inbox.floor.day
        if any(catalog.day < row.since <= today for row in catalog.prices):
            return False
        return found is None or found.confirmed

    def proven_time(self) -> datetime | None:
        """Return when the newest verified document was issued: the time now is not earlier. None without one."""
        found, waiting = self.in_force(), self.inbox.waiting
        issued = [found.document.issued_at] if found else []
        return max([*issued, *([waiting.document.issued_at] if waiting else [])], default=None)

    def candidates(self) -> tuple[StickDocument, ...]:
        """Find this station's documents on sticks. Raises StoreError, and OSError when no signature can be checked."""
        return tuple(self._judge(folder, content) for folder, content in self._on_sticks())

    def take(self, path: Path) -> StickDocument:
        """Copy a document that ``candidates`` found into the inbox, to be applied like one from the network. Raises
        Refused with a ``RefusalReason``, ``gone`` or ``wait`` as its code, StoreError, and OSError for the card.
        """
        if not self._taking.acquire(blocking=False):
            raise Refused("wait")
        try:
            found = next((content for folder, content in self._on_sticks() if folder == path), None)
            if found is None:
                raise Refused("gone")
            judged = self._judge(path, found)
            if judged.document is None or judged.refusal is not None:
                raise Refused(judged.refusal or RefusalReason.UNREADABLE)
            self._copy(path, judged.document, found)
        finally:
            self._taking.release()
        self.worker.wake()
        return judged

    def _copy(self, folder: Path, document: ConfigurationDocument, content: bytes) -> None:
        """Copy the parts that the station lacks, then the document."""
        inbox, parts = self.inbox.folder, {part.sha256: part for part in document.parts.values()}
        stick = replace(self.inbox.checks, read_part=lambda name: _read(folder / part_file(name), MAX_PART_BYTES))
        inbox.mkdir(parents=True, exist_ok=True)
        for sha256 in self.tools.store.county_documents.missing(parts):
            write_durably(inbox / part_file(sha256), stick.part(parts[sha256]))
        write_durably(inbox / DOCUMENT, content)

    def _on_sticks(self) -> Iterator[tuple[Path, bytes]]:
        for medium in self._media():
            folder = medium / FOLDER / self.tools.station.station
            if any(path.is_symlink() for path in (folder.parent, folder)):
                continue
            content = _read(folder / DOCUMENT, MAX_DOCUMENT_BYTES)
            if content is not None:
                yield folder, content

    def _judge(self, folder: Path, content: bytes) -> StickDocument:
        in_force, document = self.in_force(), None
        same = in_force is not None and in_force.sha256 == hash_of(content).hexdigest()
        with suppress(BadConfiguration):
            document = parse_document(content)
        try:
            self.inbox.judge(content)
        except Refused as error:
            return StickDocument(folder, document, None if same else RefusalReason(error.code), same)
        return StickDocument(folder, document, None, same)

    def _use(self, live: LiveContent) -> None:
        self.live = live
        self.tools.on_applied(live)


def _read(path: Path, max_bytes: int) -> bytes | None:
    """Read a file of a stick; None when missing, no plain file or too large. The stick may be pulled at any moment."""
    with suppress(OSError):
        content = read_bounded(path, max_bytes)
        return content if len(content) <= max_bytes else None
    return None
