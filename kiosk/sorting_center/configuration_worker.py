"""Makes the stations' documents whenever their content changes, and sends them; sends requests to stations, too.

It has its own thread and database connection: no failure here delays an event. The thread that takes messages in leaves
here what stations report that they have.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.base.refused import Refused
from kiosk.base.worker import Worker
from kiosk.domain.configuration import ConfigurationVersion, RefusalReason
from kiosk.domain.events import ConfigApplied, ConfigRefused
from kiosk.messaging.contract.configuration import BadConfiguration, ConfigurationMessage, parse_document
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.station_request import StationRequest
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.configuration.keys import load_key
from kiosk.sorting_center.configuration.ledger_parts import ledger_parts
from kiosk.sorting_center.configuration.rendering import CountyRendering
from kiosk.sorting_center.decision_worker import desk_exists
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.documents import PartsOfStation, SignedDocument
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerError
from kiosk.sorting_center.shared.stored_events import decode_data
from kiosk.sorting_center.stations.authority import BadAuthority, ConfigurationKey

log = logging.getLogger(__name__)

PERIOD_S: Final = 2.0
MAX_SENT_BYTES: Final = 3072  # Of a message, compressed: larger parts are fetched
MIN_RESEND_S: Final = 30.0  # Also for a station that says hello without an end
_MAX_RESEND_S: Final = 3600.0
_MAX_REPORTS: Final = 20_000  # Of stations; more are no county
_MAX_SMALL_PART_BYTES: Final = 24 * 1024
_REMEMBERED_DOCUMENTS: Final = 4  # Of each station: what it reports is among them, or it gets all small parts
_AT_ONCE: Final = 100  # Documents of one transaction: others write the desk, too

# Between two checks of what the ledger adds to documents. That is soon enough for a void slip to be known everywhere,
# and a county's stations do not fetch a list for each of its voids.
LEDGER_PERIOD_S: Final = 600.0

Send = Callable[[str, bytes], bool]  # Whether there was a connection
StationParts = Callable[
    [str, str], Mapping[str, bytes]
]  # By region and station the parts that it has beside the others


@dataclass(frozen=True, slots=True)
class _Report:
    """What a station has, None for nothing; or what it refused because it has had a newer one. A hello has no hash."""

    version: ConfigurationVersion | None
    sha256: str = ""
    is_refusal: bool = False

    def above(self, newest: SignedDocument) -> ConfigurationVersion | None:
        """Return the version that the next document must exceed; None when the document may stay.

        A county that was restored may have issued one number twice.
        """
        if self.is_refusal:
            return newest.version if self.sha256 == newest.sha256 else None
        if self.version is None or self.version < newest.version:
            return None
        is_other = self.version > newest.version or self.sha256 not in ("", newest.sha256)
        return self.version if is_other else None


class _Reports:
    """What stations have reported since the last collection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], _Report] = {}

    def add(self, region: str, station: str, report: _Report) -> None:
        with self._lock:
            before = self._found.get((region, station))
            is_better = before is None or bool(report.sha256) or not before.sha256
            if is_better and (before is not None or len(self._found) < _MAX_REPORTS):
                self._found[region, station] = report

    def collect(self, region: str) -> dict[str, _Report]:
        with self._lock:
            found, self._found = self._found, {}
        return {station: report for (where, station), report in found.items() if where == region}


@dataclass(slots=True)
class _Recipient:
    """``named``: by version the hashes of the parts of its last documents. ``resends``: of the newest one."""

    named: dict[ConfigurationVersion, frozenset[str]] = field(default_factory=dict)
    resends: int = 0
    next_send: float = 0.0
    pending: _Report | None = None  # Not answered yet
    last_request: int = 0  # The request that was sent last
    next_request: float = 0.0
    has_greeted: bool = False  # Since then

    def remember(self, document: SignedDocument) -> None:
        parts = parse_document(document.content).parts.values()
        self.named[document.version] = frozenset(part.sha256 for part in parts)
        for oldest in sorted(self.named)[:-_REMEMBERED_DOCUMENTS]:
            del self.named[oldest]


@dataclass(frozen=True, slots=True)
class _Basis:
    """What documents are made of: the key, the number of the book, and the digest of the list of stations."""

    key: ConfigurationKey
    book_number: int
    register: str


@dataclass(frozen=True, slots=True)
class _LedgerContent:
    """What the ledger adds to documents: for every station, and by station."""

    common: Mapping[str, bytes]
    own: Mapping[str, Mapping[str, bytes]]


class CountyConfiguration:
    def __init__(
        self,
        ledger: Ledger,
        key: Path,
        send: Send,
        period_s: float = PERIOD_S,
        ledger_period_s: float = LEDGER_PERIOD_S,
        station_parts: StationParts = lambda _region, _station: {},
    ) -> None:
        """Take ``key``, a file read again when it changes, and ``send``, QoS 1. Does not close ``ledger``.

        When only the ledger changed, documents are made again once per ``ledger_period_s``.
        """
        self._ledger, self._key, self._send = ledger, key, send
        self._period_s, self._ledger_period_s = period_s, ledger_period_s
        self._station_parts = station_parts
        self._content: _LedgerContent | None = None
        self._next_check = 0.0
        self._reports = _Reports()
        self._recipients: dict[str, _Recipient] = {}
        self._basis: _Basis | None = None
        self._made: dict[str, PartsOfStation] = {}  # Of the basis
        expected = (DeskError, LedgerError, BadAuthority, BadConfiguration, OSError)
        self.thread = Worker("configuration", self._step, retry_s=period_s, expected=expected)

    def delivered(self, delivery: Delivery) -> None:
        """Note what hellos and events report; called by the thread that receives messages. Raises nothing."""
        for sighting in delivery.sightings:
            if sighting.hello is not None:
                report = _Report(_parse_version(sighting.hello.configuration))
                self._reports.add(sighting.region, sighting.station, report)
        for region, event in delivery.events:
            found = _report_of(event) if event.problem is None else None
            if found is not None:
                self._reports.add(region, event.station, found)

    def _step(self) -> float:
        if desk_exists(self._ledger):
            with CenterDesk.open(self._ledger.url) as desk:
                self._basis = None
                while not self.thread.is_stopping:
                    self.follow(desk, time.monotonic())
                    self.thread.pause(self._period_s)
        return self._period_s

    def follow(self, desk: CenterDesk, now: float) -> None:
        """Make the documents that are due, and answer stations. Raises what ``thread`` expects."""
        key = load_key(self._key)
        region = key.subject.region
        for station, report in self._reports.collect(region).items():
            recipient = self._recipients.setdefault(station, _Recipient())
            recipient.pending, recipient.has_greeted = report, True
        self._send_requests(desk, key, now)
        register = desk.registry.current()
        basis = _Basis(key, desk.book.draft(region).number, register.digest)
        if basis != self._basis or now >= self._next_check:
            townships = {name: row.township for (where, name), row in register.stations.items() if where == region}
            content = self._load_content(region, townships)
            # The first keys of a county are waited for by every station.
            self._next_check = now + self._ledger_period_s if content.common else now
            if basis != self._basis or content != self._content:
                self._basis, self._content = None, content
                self._make_all(desk, basis, townships, content, now)
        if self._basis is not None:
            self._answer(desk, self._basis, now)

    def _send_requests(self, desk: CenterDesk, key: ConfigurationKey, now: float) -> None:
        """Send each new request, and again at a hello until it is answered, with the same bytes each time."""
        region, generation = key.subject.region, key.subject.generation
        for row in desk.requests.next_open(region, datetime.now(UTC)):
            station, number = row["station"], row["number"]
            recipient = self._recipients.setdefault(station, _Recipient())
            if recipient.last_request == number and (not recipient.has_greeted or now < recipient.next_request):
                continue
            issued, expires = (f"{row[name][:19]}Z" for name in ("issued_at", "expires_at"))
            own = station, region, (generation, number)
            request = key.sign(StationRequest(*own, issued, expires, row["kind"], row["release"], ""))
            if self._send(Topics(region, station).cmd, request.encode()):
                recipient.last_request, recipient.next_request, recipient.has_greeted = (
                    number,
                    now + MIN_RESEND_S,
                    False,
                )

    def _load_content(self, region: str, stations: Iterable[str]) -> _LedgerContent:
        common = ledger_parts(self._ledger, region)
        own = {station: self._station_parts(region, station) for station in stations} if common else {}
        return _LedgerContent(common, own)

    def _make_all(
        self, desk: CenterDesk, basis: _Basis, townships: Mapping[str, str], content: _LedgerContent, now: float
    ) -> None:
        """Make the documents of all stations. ``townships`` is by station."""
        region = basis.key.subject.region
        number, rows = desk.book.in_force(region)
        if number != basis.book_number:
            return  # A release is being published: left to the next step
        newest = desk.documents.all_newest(region)
        for station, document in newest.items():
            self._recipients.setdefault(station, _Recipient()).remember(document)
        rendered = CountyRendering(rows)
        made: dict[str, PartsOfStation] = {}
        for station, township in sorted(townships.items()):
            one = _parts(rendered, station, township, {**content.common, **content.own.get(station, {})})
            if one is not None and (one.parts or station in newest):
                made[station] = one
        self._made = made
        stations = list(made.values())
        for first in range(0, len(stations), _AT_ONCE):
            if not self._issue(desk, basis, stations[first : first + _AT_ONCE], now):
                return
        self._basis = basis

    def _issue(self, desk: CenterDesk, basis: _Basis, stations: Sequence[PartsOfStation], now: float) -> bool:
        """Sign, store and send documents; return False when the book has changed meanwhile."""
        try:
            made = desk.documents.issue(basis.key, basis.book_number, stations, datetime.now(UTC))
        except Refused as error:
            log.info("Documents of stations are made again: %s.", error)
            self._basis = None
            return False
        for document in made:
            recipient = self._recipients.setdefault(document.station, _Recipient())
            before = recipient.named.get(max(recipient.named)) if recipient.named else None
            recipient.remember(document)
            recipient.resends, recipient.pending = 0, None
            self._send_to(basis.key.subject.region, document, self._made[document.station], before, now)
        if made:
            log.info("%d documents of stations were made and sent.", len(made))
        return True

    def _answer(self, desk: CenterDesk, basis: _Basis, now: float) -> None:
        """Send the newest document to stations that report another one, at limited intervals."""
        region = basis.key.subject.region
        for station, recipient in self._recipients.items():
            report = recipient.pending
            if report is None or now < recipient.next_send:
                continue
            recipient.pending = None
            newest, one = desk.documents.newest(region, station), self._made.get(station)
            if newest is None or one is None:
                continue
            above = report.above(newest)
            if above is not None:
                log.warning("%s has the document %s, the newest here is %s.", station, above, newest.version)
                recipient.next_send = now + MIN_RESEND_S
                if not self._issue(desk, basis, [PartsOfStation(station, one.parts, above)], now):
                    recipient.pending = report
            elif report.version == newest.version or report.is_refusal:
                recipient.resends = 0
            else:
                recipient.resends += 1
                base = recipient.named.get(report.version) if report.version is not None else None
                self._send_to(region, newest, one, base, now)

    def _send_to(
        self, region: str, document: SignedDocument, one: PartsOfStation, base: frozenset[str] | None, now: float
    ) -> None:
        """Send a document. ``base``: hashes of the parts that the station has."""
        recipient = self._recipients[document.station]
        payload = message_of(document, one, base or frozenset())
        recipient.next_send = now + min(MIN_RESEND_S * 2**recipient.resends, _MAX_RESEND_S)
        if not self._send(Topics(region, document.station).config, payload):
            recipient.pending, recipient.next_send = _Report(None), now


def message_of(document: SignedDocument, one: PartsOfStation, base: Iterable[str]) -> bytes:
    """Encode the document with those parts that are not in ``base`` and fit, the smallest first."""
    text, left_out = document.content.decode(), set(base)
    chosen: dict[str, str] = {}
    payload = ConfigurationMessage(text, chosen).encode()
    parts = {one.names[name].sha256: content for name, content in one.parts.items()}
    for sha256, content in sorted(parts.items(), key=lambda part: len(part[1])):
        if sha256 in left_out or len(content) > _MAX_SMALL_PART_BYTES:
            continue
        larger = ConfigurationMessage(text, chosen | {sha256: content.decode()}).encode()
        if len(larger) > MAX_SENT_BYTES:
            break
        chosen[sha256], payload = content.decode(), larger
    return payload


def _parts(rendered: CountyRendering, station: str, township: str, more: Mapping[str, bytes]) -> PartsOfStation | None:
    """Build the station's parts; None where a row of this station is wrong: the others get theirs."""
    try:
        return PartsOfStation(station, {**rendered.parts(station, township), **more})
    except ValueError as error:
        log.error("No document can be made for %s: %s", station, error)
        return None


def _report_of(event: ReceivedEvent) -> _Report | None:
    """Read the report of a document that was applied, or refused because the station knows a newer one."""
    if event.type == ConfigApplied.TYPE:
        applied = decode_data(ConfigApplied, event.data)
        return _Report(ConfigurationVersion(applied.key, applied.number), applied.document_sha256)
    if event.type == ConfigRefused.TYPE:
        refused = decode_data(ConfigRefused, event.data)
        if refused.reason == RefusalReason.OLDER:
            version = ConfigurationVersion(refused.key, refused.number)
            return _Report(version, refused.document_sha256, is_refusal=True)
    return None


def _parse_version(text: str) -> ConfigurationVersion | None:
    """Parse the version of a hello, whose form is checked already."""
    return ConfigurationVersion(*map(int, text.split("."))) if text else None
