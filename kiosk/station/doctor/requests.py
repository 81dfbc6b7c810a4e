"""Does what the county asks for, signed: a report of the doctor, a support bundle, a look for updates. Nothing else.

An answer is recorded before it is told: for a request that comes again, also after a power cut, it is told again, and
nothing is done twice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from kiosk.base.files import read_bounded, write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.base.refused import Refused
from kiosk.domain.configuration import ConfigurationVersion, refusal_of
from kiosk.domain.events import RequestAnswered
from kiosk.domain.events.rules import MAX_ANSWER_BYTES
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.configuration import BadConfiguration
from kiosk.messaging.contract.station_request import (
    ANSWERS,
    MAX_REQUEST_BYTES,
    REQUEST,
    REQUESTS,
    RequestKind,
    StationRequest,
    parse_request,
)
from kiosk.station.configuration.county import StationCounty
from kiosk.station.configuration.floor import MAX_REFUSALS_A_DAY
from kiosk.station.configuration.inbox import AFTER_REFUSAL_S, POLL_S
from kiosk.station.doctor.bundle import write_bundle
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.photos.folder import CARD_FULL, MIN_FREE_BYTES, free_bytes
from kiosk.station.update.messages import LOOK

logger = logging.getLogger(__name__)

RECORD: Final = "answered.json"
_MAX_REMEMBERED: Final = 10  # Their files are the only ones that stay until the county has them
_REFUSED, _FAILED, _DONE = "refused", "failed", "done"


class _Recorded(msgspec.Struct, frozen=True):
    request: str  # SHA-256 of its RFC 8785 bytes
    answer: RequestAnswered


class _Content(msgspec.Struct, frozen=True):
    """``key`` and ``number`` of the newest that was answered; how many refusals and repeats were told on ``day``."""

    key: int = 0
    number: int = 0
    answers: tuple[_Recorded, ...] = ()  # The oldest first
    day: str = ""
    repeats: int = 0


_read: Final = reader(msgspec.json.Decoder(_Content))


class CountyRequests:
    """For one thread."""

    def __init__(self, doctor: Doctor, county: StationCounty) -> None:
        self._doctor, self._county, self._tools = doctor, county, county.tools
        self._folder = self._tools.station.data / REQUESTS
        self._makers: Mapping[str, Callable[[StationRequest], bytes]] = {
            RequestKind.REPORT: self._report,
            RequestKind.BUNDLE: self._bundle,
            RequestKind.UPDATE: self._look,
        }
        self._content = _Content()
        try:
            self._content = _read((self._folder / RECORD).read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, Unreadable) as error:
            logger.error("%s cannot be read (%s): a request may be done a second time", RECORD, error)

    def step(self) -> float:
        """Raises OSError, StoreError; the next call tries again."""
        path = self._folder / REQUEST
        try:
            content = read_bounded(path, MAX_REQUEST_BYTES)
        except FileNotFoundError:
            return POLL_S
        except OSError:
            path.unlink()  # or nothing that comes after it would be seen
            raise
        try:
            request = parse_request(content)
            origin = self._tools.origin_refusal(request, content)
            if origin is not None:
                raise BadConfiguration(origin)
        except BadConfiguration as error:
            logger.warning("a request is ignored: %s", error)
            path.unlink()
            return AFTER_REFUSAL_S
        answer = self._answer(request)
        if answer is not None:
            path.unlink()
        return AFTER_REFUSAL_S if answer is not None and answer.outcome == _REFUSED else POLL_S

    def _answer(self, request: StationRequest) -> RequestAnswered | None:
        """None for one that waits until no intake goes on, or until it is known what time it is."""
        digest, before = hashlib.sha256(request.encode()).hexdigest(), self._content
        known = next((row.answer for row in before.answers if row.request == digest), None)
        answer = known or self._decide(request)
        if answer is None:
            return None
        stamp = self._tools.stamps()
        day, is_new = stamp.moment.timestamp[:10], known is None and answer.outcome != _REFUSED
        repeats = (before.repeats if before.day == day else 0) + (not is_new)
        logger.info("request %s of the county, %s: %s %s", request.number, answer.kind, answer.outcome, answer.reason)
        if not is_new and repeats > MAX_REFUSALS_A_DAY:
            return answer
        rows = before.answers if known else (*before.answers, _Recorded(digest, answer))[-_MAX_REMEMBERED:]
        newest = max(request.number, ConfigurationVersion(before.key, before.number))
        self._content = _Content(newest.key, newest.number, rows, day, repeats)
        try:
            write_durably(self._folder / RECORD, msgspec.json.encode(self._content))
        except OSError:
            self._content = before
            raise
        self._tools.store.county_documents.report(answer, stamp)
        self._tools.on_event()
        return answer

    def _decide(self, request: StationRequest) -> RequestAnswered | None:
        """Of one that is this county's for this station, and new here. Raises StoreError, OSError."""
        now, proven, found = self._tools.stamps().moment, self._county.proven_time(), self._county.in_force()
        is_unset = now.quality is ClockQuality.UNSET
        times = [time for time in (proven, None if is_unset else now.utc) if time is not None]
        documents = [version.key for version in (self._county.inbox.floor.version, found and found.version) if version]
        newest = ConfigurationVersion(self._content.key, self._content.number)
        newest = max(newest, ConfigurationVersion(max(documents, default=0), 0))  # An older key is believed no more
        refusal = refusal_of(request.number, request.issued_at, newest, now)
        if refusal is not None:
            return _answer_to(request, _REFUSED, refusal.value)
        if any(datetime.fromisoformat(request.expires) <= time for time in times):
            return _answer_to(request, _REFUSED, "expired")
        if request.kind not in self._makers:
            return _answer_to(request, _REFUSED, "unknown_kind")
        if is_unset or self._tools.busy() is not None:
            return None
        return self._do(request)

    def _do(self, request: StationRequest) -> RequestAnswered:
        try:
            files = self._folder / ANSWERS
            files.mkdir(mode=0o700, exist_ok=True)
            named = {row.answer.sha256 for row in self._content.answers}
            for path in files.iterdir():
                if path.name not in named:
                    path.unlink()
            if free_bytes(files) < MIN_FREE_BYTES:
                raise Refused(CARD_FULL)
            content = self._makers[request.kind](request)
            if len(content) > MAX_ANSWER_BYTES:
                raise Refused("too_large")
            if not content:
                return _answer_to(request, _DONE, "")
            sha256 = hashlib.sha256(content).hexdigest()
            write_durably(files / sha256, content, 0o600)
            return _answer_to(request, _DONE, "", sha256, len(content))
        except Refused as error:
            return _answer_to(request, _REFUSED, str(error.code))
        except OSError as error:
            logger.error("what the county asks for cannot be made: %s", error)
            return _answer_to(request, _FAILED, "storage")

    def _report(self, _: StationRequest) -> bytes:
        self._require_lane()
        return msgspec.json.encode([row.as_json() for row in self._doctor.findings(fresh=True)])

    def _bundle(self, _: StationRequest) -> bytes:
        self._require_lane()
        path = write_bundle(self._doctor.bundle_subject(), self._folder)
        content = read_bounded(path, MAX_ANSWER_BYTES)
        path.unlink()
        return content

    def _require_lane(self) -> None:
        relay = self._doctor.equipment.config.relay
        if relay is None or relay.photos is None:
            raise Refused("no_lane", "no place for pictures is set, and files go the same way")

    def _look(self, request: StationRequest) -> bytes:
        relay = self._doctor.equipment.config.relay
        if self._doctor.equipment.updates is None or relay is None or relay.updates is None:
            raise Refused("no_updates")
        if self._doctor.station.software.rpartition("/")[2] == request.release:
            raise Refused("installed")
        write_durably(self._tools.station.data / LOOK, b"")
        return b""


def _answer_to(
    request: StationRequest, outcome: str, reason: str, sha256: str = "", size_bytes: int = 0
) -> RequestAnswered:
    return RequestAnswered(*request.version, request.kind, outcome, reason, sha256, size_bytes)
