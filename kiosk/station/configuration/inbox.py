"""The folder in which documents of the county arrive: from the relay, or copied from a stick.

A document that arrives is judged at once, and refused or accepted. The accepted one is applied when its parts are
there, its time has come and no intake is in progress. Its file name shows its state: ``document.json``,
``arrived.json``, ``accepted.json``; so a power cut between any two steps loses none and applies none twice.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Final

from kiosk.base.files import read_bounded, sync_folder
from kiosk.base.refused import Refused
from kiosk.domain.configuration import RefusalReason, refusal_of
from kiosk.domain.events import ConfigRefused
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.configuration import (
    DOCUMENT,
    MAX_DOCUMENT_BYTES,
    MAX_PART_BYTES,
    BadConfiguration,
    ConfigurationDocument,
    CountyMessage,
    UnknownPart,
    parse_document,
    part_file,
)
from kiosk.station.configuration.checks import DocumentChecks, LiveContent, WaitingDocument
from kiosk.station.configuration.floor import FloorFile, RefusedDocument
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.county_documents import CheckedDocument

logger = logging.getLogger(__name__)

ARRIVED, ACCEPTED = "arrived.json", "accepted.json"
PARTS, EFFECTIVE, OPEN_INTAKE, STORAGE = "parts", "effective", "open_intake", "storage"  # Why one waits, beside busy
POLL_S: Final = 2.0
_MAX_PARCELS_AT_ONCE: Final = 50  # More of them would hold the writer for too long
# After a refusal: a sender of one document after the other does not keep the processor busy with signatures.
AFTER_REFUSAL_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class InboxTools:
    """``signature`` returns what is wrong with it, in a process of its own, which may end with OSError. ``busy``: why
    the station must not change now. ``open_goods``: of intakes in progress. ``on_applied`` gets what is used from now
    on, ``on_event`` is called when there is something to send.
    """

    station: StationSettings
    store: Store
    stamps: Callable[[], Stamp]
    signature: Callable[[bytes], RefusalReason | None]
    busy: Callable[[], str | None]
    open_goods: Callable[[], Sequence[str]]
    on_applied: Callable[[LiveContent], None]
    on_event: Callable[[], None]

    def origin_refusal(self, message: CountyMessage, content: bytes) -> RefusalReason | None:
        """Return why it is not from this county for this station. Raises OSError when no signature can be checked."""
        reason = self.signature(content)
        if reason is None and message.region != self.station.region:
            reason = RefusalReason.OTHER_COUNTY
        if reason is None and message.station != self.station.station:
            reason = RefusalReason.OTHER_STATION
        return reason


class DocumentInbox:
    """For one thread, but for ``judge``, ``waiting`` and ``floor``."""

    def __init__(self, folder: Path, tools: InboxTools) -> None:
        self.folder, self._tools = folder, tools
        self.floor = FloorFile(folder.parent)
        self.waiting: WaitingDocument | None = None
        self.checks = DocumentChecks(tools.station, self._part)
        self._has_good_content = False
        # Of the document that waits; with the version of the catalog before it.
        self._checked: tuple[int, CheckedDocument, LiveContent] | None = None

    def step(self) -> float:
        """Do one round; return the seconds to wait. Raises OSError, StoreError; the next call then tries again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrived = self.folder / ARRIVED
        if not arrived.exists() and (self.folder / DOCUMENT).exists():
            (self.folder / DOCUMENT).replace(arrived)
        refused = arrived.exists() and self._receive(arrived)
        if self.waiting is None and (self.folder / ACCEPTED).exists():
            self._load()
        if self.waiting is not None:
            self._advance(self.waiting)
        return AFTER_REFUSAL_S if refused else POLL_S

    def judge(self, content: bytes) -> ConfigurationDocument:
        """Check the origin, and that the document is newer than any in force or waiting. Raises Refused."""
        document = self._parse(content)
        reason = self._tools.origin_refusal(document, content) or self._age(document)
        if reason is not None:
            raise Refused(reason, f"the document {document.number} is refused: {reason}")
        return document

    # --- one that arrives -------------------------------------------------------------------------------------------

    def _receive(self, arrived: Path) -> bool:
        """Receive the arrived document; return whether it was refused."""
        try:
            content = read_bounded(arrived, MAX_DOCUMENT_BYTES)
        except OSError:
            arrived.unlink()  # or nothing that comes after it would be seen; the county sends it again
            raise
        try:
            if self._confirms(content):
                arrived.unlink()
                return False
            document = self.judge(content)
            if self.waiting is not None and document.number < self.waiting.document.number:
                raise Refused(RefusalReason.OLDER, f"the document {self.waiting.document.number} waits already")
        except Refused as error:
            self._refuse(content, error)
            arrived.unlink()
            return True
        arrived.replace(self.folder / ACCEPTED)
        sync_folder(self.folder)
        self._take(WaitingDocument(content, document))
        return False

    def _confirms(self, content: bytes) -> bool:
        """Confirm the document in force as the county's newest when it arrives again; return whether it did."""
        found, sha256 = self._tools.store.county_documents.in_force(), hash_of(content).hexdigest()
        if found is None or found.sha256 != sha256 or (self.floor.version or found.version) > found.version:
            return False
        self._tools.store.county_documents.confirm(sha256)
        return True

    def _parse(self, content: bytes) -> ConfigurationDocument:
        try:
            return parse_document(content)
        except BadConfiguration as error:
            unknown = isinstance(error, UnknownPart)
            raise Refused(RefusalReason.UNKNOWN_PART if unknown else RefusalReason.UNREADABLE, str(error)) from error

    def _age(self, document: ConfigurationDocument) -> RefusalReason | None:
        found, floor = self._tools.store.county_documents.in_force(), self.floor.version
        if floor is not None and document.number < floor:
            return RefusalReason.OLDER
        now = self._tools.stamps().moment
        return refusal_of(document.number, document.issued_at, found.version if found else None, now)

    # --- one that is accepted ---------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Load the accepted document after a start. A damaged or already applied one is deleted: it comes again."""
        content = read_bounded(self.folder / ACCEPTED, MAX_DOCUMENT_BYTES)
        try:
            document = self._parse(content)
            if self._age(document) is RefusalReason.OLDER:
                raise Refused(RefusalReason.OLDER)
        except Refused as error:
            logger.info("what was accepted before the start is dropped: %s", error)
            (self.folder / ACCEPTED).unlink()
        else:
            self._take(WaitingDocument(content, document))

    def _take(self, accepted: WaitingDocument) -> None:
        self.waiting, self._checked, self._has_good_content = accepted, None, False

    def _drop(self) -> None:
        self._checked = self.waiting = None
        (self.folder / ACCEPTED).unlink(missing_ok=True)

    def _advance(self, accepted: WaitingDocument) -> None:
        try:
            found = self._tools.store.county_documents.in_force()
            is_stored = found is not None and found.sha256 == accepted.sha256  # The answer to its commit was lost
            why = None if is_stored else self._why_waiting(accepted)
            if why is not None:
                self.waiting = replace(accepted, why=why)
            else:
                self._apply(accepted.document, is_stored)
        except Refused as error:
            self._refuse(accepted.content, error)
            self._drop()
        except (StoreError, OSError):
            if self.waiting is not None:
                self.waiting = replace(accepted, why=STORAGE)
            raise

    def _why_waiting(self, accepted: WaitingDocument) -> str | None:
        """Return why it waits; None when ``_checked`` may be applied now. Raises Refused, StoreError, OSError."""
        if not self._store_parts(accepted.document):
            return PARTS
        is_due = self._is_due(accepted.document)
        if is_due or not self._has_good_content:  # what cannot be applied then is refused now
            checked = self._check(accepted)
        if not is_due:
            self._checked = None  # Not in memory for weeks
            return EFFECTIVE
        if not checked.has_goods(self._tools.open_goods()):
            self._refuse(accepted.content, Refused(RefusalReason.OPEN_INTAKE, "goods of an open intake would vanish"))
            return OPEN_INTAKE
        return self._tools.busy()

    def _check(self, accepted: WaitingDocument) -> CheckedDocument:
        version, catalog = self._tools.store.catalogs.get()
        if self._checked is None or self._checked[0] != version:
            found = self._tools.store.county_documents.in_force()
            before, moment = found.document if found else None, self._tools.stamps().moment
            with _sharing_the_interpreter():
                self._checked = version, *self.checks.check(accepted, before, catalog, moment)
            self._has_good_content = True
        return self._checked[1]

    def _apply(self, document: ConfigurationDocument, is_stored: bool) -> None:
        assert self._checked is not None
        _, checked, live = self._checked
        store = self._tools.store
        if not is_stored:
            while len(checked.parcels) > _MAX_PARCELS_AT_ONCE:  # expecting them again would change nothing
                store.deliveries.expect(checked.parcels[:_MAX_PARCELS_AT_ONCE], self._tools.stamps())
                checked = replace(checked, parcels=checked.parcels[_MAX_PARCELS_AT_ONCE:])
            self.floor.raise_to(document.number)
            self.floor.raise_day(checked.catalog.catalog.day if checked.catalog else "")
            store.county_documents.apply(checked, self._tools.stamps())
        logger.info("the county's document %s is in force", document.number)
        self._tools.on_applied(live)
        self._tools.on_event()
        store.catalogs.get()  # into memory before it is needed
        self._drop()
        store.county_documents.prune()

    def _is_due(self, document: ConfigurationDocument) -> bool:
        """Return whether the document is in effect. An unset clock counts as the time when the document was issued."""
        if document.effective is None:
            return True
        now, effective = self._tools.stamps().moment, datetime.fromisoformat(document.effective)
        return effective <= (document.issued_at if now.quality is ClockQuality.UNSET else now.utc)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _store_parts(self, document: ConfigurationDocument) -> bool:
        """Store each part in its own transaction; return whether all are in the database. Raises Refused."""
        parts, documents = document.parts.values(), self._tools.store.county_documents
        missing = set(documents.missing(part.sha256 for part in parts))
        waiting = [part for part in parts if part.sha256 in missing]
        if not all((self.folder / part_file(part.sha256)).exists() for part in waiting):
            return False
        for part in waiting:
            path = self.folder / part_file(part.sha256)
            try:
                documents.add_part(self.checks.part(part))
            except Refused:
                path.unlink()
                raise
            path.unlink()
        return True

    def _part(self, sha256: str) -> bytes | None:
        stored = self._tools.store.county_documents.part(sha256)
        path = self.folder / part_file(sha256)
        return stored if stored is not None or not path.exists() else read_bounded(path, MAX_PART_BYTES)

    # --- refusals ---------------------------------------------------------------------------------------------------

    def _refuse(self, content: bytes, error: Refused) -> None:
        """Report the refusal, by an event first: without it the county would not see why nothing changes."""
        stamp, sha256 = self._tools.stamps(), hash_of(content).hexdigest()
        try:
            key, number = parse_document(content).version
        except BadConfiguration:
            key, number = 0, 0
        refused = RefusedDocument(sha256, key, number, RefusalReason(error.code), stamp.moment.timestamp)
        if not self.floor.may_report(refused):
            return
        logger.warning("a document of the county is not applied (%s): %s", error.code, error)
        event = ConfigRefused(key, number, sha256, refused.reason)
        self._tools.store.county_documents.report(event, stamp)
        self.floor.remember(refused)
        self._tools.on_event()


@contextmanager
def _sharing_the_interpreter() -> Iterator[None]:
    """Switch threads ten times as often: twenty thousand rows are checked while people weigh."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
