"""How much to send at once and how long to wait: grows back with progress, shrinks with trouble."""

from __future__ import annotations

from random import Random
from typing import Final

from kiosk.messaging.relay.settings import RelaySettings
from kiosk.messaging.relay.tuning import TUNING, Tuning

HELLO_EVERY_S: Final = 600.0
"""A ledger that came back from a backup is told only by the answer to a hello, and a village may weigh nothing for
days. Ten minutes cost a station some 40 kB a day, a county of 200 one small message every three seconds."""
_HELLO_SPREAD: Final = 0.6
"""No wait is shorter than this part of the longest: two hundred stations that connected together drift apart."""


class Backoff:
    """Exponential waiting with jitter, so that stations that lost the same broker do not come back together."""

    def __init__(self, base_s: float, max_s: float, random: Random) -> None:
        self._base_s, self._max_s, self._random = base_s, max_s, random
        self._step = 0

    def next(self) -> float:
        """Seconds to wait now; the longest wait doubles each time until the maximum."""
        longest = min(self._max_s, self._base_s * 2.0**self._step)
        # 2**16 bases are beyond every maximum; without a stop the power would overflow after a month offline.
        self._step = min(self._step + 1, 16)
        return longest * self._random.uniform(0.3, 1.0)

    def reset(self) -> None:
        """Start again at the base."""
        self._step = 0


class Pace:
    """Outlives the connections of one relay."""

    def __init__(self, settings: RelaySettings, random: Random, tuning: Tuning = TUNING) -> None:
        self.tuning = tuning
        self.window = tuning.window
        self.batch_events = tuning.batch_events
        self.reconnect = Backoff(settings.reconnect_s, settings.reconnect_max_s, random)
        self._resend = Backoff(settings.resend_s, settings.resend_max_s, random)
        self.patience_s = self._resend.next()
        """How long the center may take to answer before everything is sent again."""
        self._random = random

    def hello_s(self) -> float:
        """Seconds until the next hello of a connection on which all is well."""
        return HELLO_EVERY_S * self._random.uniform(_HELLO_SPREAD, 1.0)

    def progress(self) -> None:
        """The center acknowledged something new."""
        self.window = self.tuning.window
        self.batch_events = min(self.tuning.batch_events, self.batch_events * 2)
        self.reconnect.reset()
        self._resend.reset()
        self.patience_s = self._resend.next()

    def stalled(self) -> None:
        """No acknowledgement came in time: one message is question enough until the center answers again."""
        self.window = 1
        self.patience_s = self._resend.next()

    def broken_off(self) -> None:
        """A connection broke with messages on their way: smaller ones have the better chance.

        Also the way out when a broker on the path refuses packets above its own limit.
        """
        self.batch_events = max(1, self.batch_events // 2)
