"""Setting the machine's clock: the station requests it, a root helper judges and does it (kiosk/app/shared/clock.py).

A request contains the time to set, and the boot and the monotonic clock at that moment: a slow helper does not set a
late time, and a request left by a power cut sets none. No login is needed: a wrong clock must not lock out the
technician who would correct it. So the public screen may only move it forward, and only while it is unset.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from kiosk.base.refused import Refused
from kiosk.base.root_requests import Asker, RequestFiles
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.shared.clock import EARLIEST_VALID_TIME

logger = logging.getLogger(__name__)

LATEST_VALID_TIME: Final = EARLIEST_VALID_TIME + timedelta(days=20 * 365)  # As long as a county's authority lasts
TYPED: Final = "%Y%m%d%H%M"
TYPED_DIGITS: Final = 12

ClockRefusal = Literal["", "early", "late", "back", "stale", "failed"]


class ClockRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``at``: seconds since 1970 when the monotonic clock of ``boot_id`` stood at ``monotonic_ms``. ``forward``: never
    back, whatever the clock shows by then.
    """

    at: int
    boot_id: str
    monotonic_ms: int
    forward: bool


class ClockResponse(msgspec.Struct, frozen=True):
    word: ClockRefusal = ""


FILES: Final = RequestFiles("clock", msgspec.json.Decoder(ClockRequest), msgspec.json.Decoder(ClockResponse))
request_file, answer_file = FILES.request, FILES.answer


def judge(at: datetime, now: datetime, *, forward: bool) -> ClockRefusal:
    """Return why a clock that shows ``now`` is not set to ``at``; "" when it may be."""
    if at < EARLIEST_VALID_TIME:
        return "early"
    if at > LATEST_VALID_TIME:
        return "late"
    return "back" if forward and at <= now else ""


def typed_time(digits: str, zone: str) -> datetime:
    """Parse ``202612011435`` in the zone of the village to UTC. Raises Refused: clock_no_time."""
    try:
        if len(digits) != TYPED_DIGITS or not digits.isascii() or not digits.isdigit():
            raise ValueError
        return datetime.strptime(digits, TYPED).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("clock_no_time", "it is no date and time") from None


class ClockSetter:
    """``asker`` is None where the clock cannot be set: it is not the appliance."""

    def __init__(self, asker: Asker[ClockRequest, ClockResponse] | None) -> None:
        self._asker = asker

    @property
    def possible(self) -> bool:
        return self._asker is not None

    def set(self, at: datetime, now: Moment, *, forward: bool) -> None:
        """Set the clock before returning. Raises Refused: ``clock_`` with ``none`` (no helper here), ``silent`` (it
        gave no answer) or a ``ClockRefusal``.
        """
        if self._asker is None:
            raise Refused("clock_none", "the clock of this machine is set by its system")
        word = judge(at, now.utc, forward=forward)
        if not word:
            logger.info("the clock is to be set to %s", at.isoformat())
            request = ClockRequest(round(at.timestamp()), now.boot_id, now.monotonic_ms, forward)
            try:
                answer = self._asker.ask(request)
            except OSError as error:
                raise Refused("clock_failed", str(error)) from error
            if answer is None:
                raise Refused("clock_silent", "kiosk-clock.service gave no answer")
            word = answer.word
        if word:
            raise Refused(f"clock_{word}", f"the clock is not set to {at.isoformat()}")

    def prove(self, at: datetime, now: Moment) -> None:
        """Move a clock that is not synchronized forward to ``at``, a lower bound from something signed."""
        if now.quality is ClockQuality.SYNCED or at <= now.utc or not self.possible:
            return
        try:
            self.set(at, now, forward=True)
        except Refused as refused:
            logger.warning("the clock stays behind the county's: %s", refused)
