"""What the lanes beside the relay have in common: a thread that takes turns, and a line on which events go first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final, TypeVar

from kiosk.base.worker import Worker
from kiosk.messaging.relay.shared.center_line import CenterLine, CenterUnreachable, Preempted
from kiosk.messaging.relay.shared.ports import LaneWork, WaitingEvents
from kiosk.messaging.relay.shared.throughput import MAX_PART_S, ByteBudget, PartSize

POLL_INTERVAL_S: Final = 1.0  # Between two looks while an event waits, or the line has spent its allowance
MIN_SHARE: Final = 0.02
_KEEP_OPEN_S: Final = 10.0  # Without a question; the center hangs up after twice as long
# For a name that is looked up, or a center that does not answer a call: neither can be broken off.
_JOIN_TIMEOUT_S: Final = 3.0

T = TypeVar("T")


def random_share(random: Random | None = None) -> Callable[[], float]:
    """Return a random part of a wait, so that stations that lost the line together do not return together."""
    random = random or Random()  # noqa: S311  jitter, not secrecy
    return partial(random.uniform, MIN_SHARE, 1.0)


class SharedLine:
    """A connection to the center as a lane may use it: after events, a part at a time, within the line's allowance."""

    def __init__(
        self, center: CenterLine, events: WaitingEvents, budget: ByteBudget, clock: Callable[[], float]
    ) -> None:
        self._center, self._events, self._budget, self._clock = center, events, budget, clock
        self.size = PartSize()
        self._used_at = clock()

    def is_free(self, now: float) -> bool:
        """Return whether something may be sent now; close a connection that is not used for long."""
        if not self._events.any_waiting() and self._budget.allows_sending(now):
            self._used_at = now
            return True
        if now - self._used_at > _KEEP_OPEN_S:
            self._center.close()
        return False

    @property
    def part_bytes(self) -> int:
        return min(self.size.bytes, self._budget.message_bytes or self.size.bytes)

    def carry(self, size: int, part: Callable[[Callable[[], bool]], T]) -> T:
        """Transfer ``size`` bytes by ``part``, whose argument returns whether it has to give way."""
        began = self._clock()
        self._budget.spend(size, began)
        carried = part(lambda: self._clock() - began > MAX_PART_S and self._events.any_waiting())
        self.size.record_part(size, self._clock() - began)
        return carried


class Lane:
    """One thread beside the relay's. Never ends by itself, whatever line, center or card do."""

    def __init__(self, work: LaneWork, center: CenterLine, first_s: float = 0.0) -> None:
        self._work, self._center, self._first_s = work, center, first_s
        self._worker = Worker(work.name, self._step)
        self.start, self.wake = self._worker.start, self._worker.wake

    def stop(self) -> None:
        """End, wherever it waits; an unfinished transfer is resumed next time."""
        self._worker.stop(0.0)
        self._center.end()
        self._worker.stop(_JOIN_TIMEOUT_S)
        self._center.close()

    def _step(self) -> float:
        first_s, self._first_s = self._first_s, 0.0
        return first_s or self.turn()

    def turn(self) -> float:
        """Do one step; return the seconds to wait before the next. Raises nothing."""
        try:
            return self._work.step()
        except Preempted:
            return self._work.preempted()
        except CenterUnreachable as error:
            if not self._worker.is_stopping:
                self._work.log.write(str(error), kind="way")
            return self._work.failed(error)
        except Exception as error:
            # A locked database, a full card, or a fault of ours: the next turn starts from what is kept.
            text = f"{self._work.activity} is interrupted: {type(error).__name__}: {error}"
            self._work.log.write(text, kind="trouble", level=logging.ERROR)
            self._center.close()
            return self._work.failed(error)
