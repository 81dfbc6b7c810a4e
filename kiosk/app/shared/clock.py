"""The root helper of ``kiosk-clock.service``: sets the clock of the machine, and its clock module when there is one.

It trusts nothing in a request: what no clock of this software may show is refused here, too.
"""

from __future__ import annotations

import fcntl
import logging
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.base.root_requests import Message, MessageFile, serve, working
from kiosk.station.shared.clock import read_boot_id
from kiosk.station.shared.clock_setting import ClockRequest, ClockResponse, answer_file, judge, request_file

logger = logging.getLogger(__name__)

_RTC_SET_TIME: Final = 0x4024700A  # linux/rtc.h: _IOW('p', 0x0a, struct rtc_time)
_RTC_TIME: Final = struct.Struct("9i")
_MAX_REQUESTS: Final = 5  # Of one run: a path unit does not see what changes while the unit runs


def set_system_clock(seconds: float) -> None:
    """Set the system's clock. Raises OSError."""
    time.clock_settime(time.CLOCK_REALTIME, seconds)


def set_clock_module(device: Path, at: datetime) -> None:
    """Write UTC into the clock module, rtc(4). Raises OSError; FileNotFoundError where none is fitted."""
    fields = (at.second, at.minute, at.hour, at.day, at.month - 1, at.year - 1900, 0, 0, 0)
    with device.open("rb", buffering=0) as opened:
        fcntl.ioctl(opened, _RTC_SET_TIME, _RTC_TIME.pack(*fields))


@dataclass(frozen=True, slots=True)
class ClockHelper:
    """Everything that is another one in tests."""

    data: Path = Path("/var/lib/kiosk")
    answers: MessageFile[ClockResponse] = field(default_factory=answer_file)
    module: Path = Path("/dev/rtc0")
    boot_id: Callable[[], str] = read_boot_id
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    set_system: Callable[[float], None] = set_system_clock
    set_module: Callable[[Path, datetime], None] = set_clock_module

    def run(self) -> ClockResponse | None:
        """Serve all requests; return the last answer, None without a request. Raises OSError."""
        requests, answer = request_file(self.data), None
        with working(self.answers.path.parent):
            for _ in range(_MAX_REQUESTS):
                answer = serve(requests, self._set, self.answers) or answer
                if not requests.exists():
                    break
        return answer

    def _set(self, message: Message[ClockRequest]) -> ClockResponse:
        request = message.body
        waited_s = self.monotonic() - request.monotonic_ms / 1000
        if request.boot_id != self.boot_id() or not 0 <= waited_s < 60:
            return ClockResponse("stale")
        try:
            at = datetime.fromtimestamp(request.at + waited_s, UTC)
            word = judge(at, datetime.fromtimestamp(self.now(), UTC), forward=request.forward)
        except (ValueError, OverflowError, OSError):
            word = "late"
        if word:
            logger.warning("the clock is not set to %d: %s", request.at, word)
            return ClockResponse(word)
        try:
            self.set_system(at.timestamp())
        except OSError as error:
            logger.error("the clock cannot be set: %s", error)
            return ClockResponse("failed")
        logger.info("the clock is set to %s", at.isoformat(timespec="seconds"))
        self._keep(at)
        return ClockResponse()

    def _keep(self, at: datetime) -> None:
        """Write the clock module; without one, systemd-timesyncd's last record is used after a power cut."""
        try:
            self.set_module(self.module, at)
        except FileNotFoundError:
            return
        except OSError as error:
            logger.warning("the clock module %s keeps its time: %s", self.module, error)
