"""Does what the county requests, signed: a report of the doctor, a support bundle, a check for updates. Nothing else.

An answer is recorded before it is sent: a repeated request, also after a power cut, gets the same answer, and nothing
is done twice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from kiosk.base.files import read_bounded, write_durably
from kiosk.base.refused import Refused
from kiosk.domain.configuration import ConfigurationVersion, refusal_of
from kiosk.domain.events import RequestAnswered
from kiosk.domain.events.rules import MAX_ANSWER_BYTES
from kiosk.domain.moment import ClockQuality, Moment
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
from kiosk.station.configuration.floor import FloorFile, RecordedAnswer, RefusedDocument
from kiosk.station.configuration.inbox import AFTER_REFUSAL_S, POLL_S
from kiosk.station.doctor.bundle import write_bundle
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.photos.folder import CARD_FULL, MIN_FREE_BYTES, free_bytes
from kiosk.station.update.messages import POLL_NOW

logger = logging.getLogger(__name__)

_ZERO: Final = ConfigurationVersion(0, 0)


class CountyRequests:
    """For one thread."""

    def __init__(self, doctor: Doctor, county: StationCounty) -> None:
        self._doctor, self._county, self._tools = doctor, county, county.tools
        self._folder = self._tools.station.data / REQUESTS
        self._floor = FloorFile(self._folder)
        self._makers: Mapping[str, Callable[[StationRequest], bytes]] = {
            RequestKind.REPORT: self._report,
            RequestKind.BUNDLE: self._bundle,
            RequestKind.UPDATE: self._poll_updates,
        }

    def step(self) -> float:
        """Answer the waiting request; return the seconds to wait. Raises OSError, StoreError; the next call retries."""
        path = self._folder / REQUEST
        if not path.exists():
            return POLL_S
        try:
            if not self._answer(read_bounded(path, MAX_REQUEST_BYTES)):
                return POLL_S
        except BadConfiguration as error:
            logger.warning("a request is ignored: %s", error)
        path.unlink()
        return AFTER_REFUSAL_S

    def _answer(self, content: bytes) -> bool:
        """Return whether the request is finished. It waits while an intake is open, and while the clock is not set.
        Raises BadConfiguration for a request that is not from this county for this station.
        """
        request = parse_request(content)
        origin = self._tools.origin_refusal(request, content)
        if origin is not None:
            raise BadConfiguration(origin)
        digest, stamp = hashlib.sha256(request.encode()).hexdigest(), self._tools.stamps()
        answer = next((row.answer for row in self._floor.answers if row.request == digest), None)
        if answer is None:
            refusal = self._refusal_of(request, stamp.moment)
            if refusal is None:
                if stamp.moment.quality is ClockQuality.UNSET or self._tools.busy() is not None:
                    return False
                made = self._do(request)
                self._floor.record(RecordedAnswer(digest, made))
                self._publish(made)
                return True
            answer = RequestAnswered(*request.version, request.kind, "refused", refusal, "", 0)
        repeat = RefusedDocument(digest, *request.version, answer.reason or answer.outcome, stamp.moment.timestamp)
        if self._floor.may_report(repeat):
            self._publish(answer)
            self._floor.remember(repeat)
        return True

    def _publish(self, answer: RequestAnswered) -> None:
        logger.info("%s %d of the county: %s %s", answer.kind, answer.number, answer.outcome, answer.reason)
        self._tools.store.county_documents.report(answer, self._tools.stamps())
        self._tools.on_event()

    def _refusal_of(self, request: StationRequest, now: Moment) -> str | None:
        """Return why it is refused, also for an older generation of the county's key. Raises StoreError."""
        found, proven = self._county.in_force(), self._county.proven_time()
        documents = max(self._county.inbox.floor.version or _ZERO, found.version if found else _ZERO)
        newest = max(self._floor.version or _ZERO, ConfigurationVersion(documents.key, 0))
        expires, is_unset = datetime.fromisoformat(request.expires), now.quality is ClockQuality.UNSET
        if (refusal := refusal_of(request.number, request.issued_at, newest, now)) is not None:
            return refusal.value
        if any(time is not None and expires <= time for time in (proven, None if is_unset else now.utc)):
            return "expired"
        return None if request.kind in self._makers else "unknown_kind"

    def _do(self, request: StationRequest) -> RequestAnswered:
        outcome, reason, sha256, size_bytes, relay = "done", "", "", 0, self._doctor.equipment.config.relay
        is_update, files = request.kind == RequestKind.UPDATE, self._folder / ANSWERS
        named = {row.answer.sha256 for row in self._floor.answers}
        try:
            if relay is None or (relay.updates if is_update else relay.photos) is None:
                raise Refused("no_place")
            files.mkdir(mode=0o700, exist_ok=True)
            for path in files.iterdir():
                if path.name not in named:
                    path.unlink()
            if free_bytes(files) < MIN_FREE_BYTES:
                raise Refused(CARD_FULL)
            content = self._makers[request.kind](request)
            if len(content) > MAX_ANSWER_BYTES:
                raise Refused("too_large")
            if content:
                digest = hashlib.sha256(content).hexdigest()
                write_durably(files / digest, content, 0o600)
                sha256, size_bytes = digest, len(content)
        except Refused as error:
            outcome, reason = "refused", str(error.code)
        except OSError as error:
            logger.error("what the county asks for cannot be made: %s", error)
            outcome, reason = "failed", "storage"
        return RequestAnswered(*request.version, request.kind, outcome, reason, sha256, size_bytes)

    def _report(self, _: StationRequest) -> bytes:
        return msgspec.json.encode([row.as_json() for row in self._doctor.findings(fresh=True)])

    def _bundle(self, _: StationRequest) -> bytes:
        path = write_bundle(self._doctor.bundle_subject(), self._folder)
        content = read_bounded(path, MAX_ANSWER_BYTES)
        path.unlink()
        return content

    def _poll_updates(self, request: StationRequest) -> bytes:
        if self._doctor.equipment.updates is None:
            raise Refused("no_updates")
        if self._doctor.station.software.rpartition("/")[2] == request.release:
            raise Refused("installed")
        write_durably(self._tools.station.data / POLL_NOW, b"")
        return b""
