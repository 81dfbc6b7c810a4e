"""How much to send at once and how long to wait: grows back with progress, shrinks with trouble."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final
from zlib import crc32

from kiosk.domain.backoff import Backoff
from kiosk.messaging.contract.receive import MAX_BATCH_EVENTS
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.shared.throughput import ByteBudget, Throughput


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times are seconds, sizes bytes before compression."""

    # Messages on their way that the center has not acknowledged: enough that a line with a long way is never idle.
    window: int = 4
    batch_events: int = MAX_BATCH_EVENTS
    # A full window must pass a 32 kbit/s line well within the keepalive, or pings starve behind it.
    batch_bytes: int = 128 * 1024
    # How often it looks whether the station has written something: an event is sent before a clerk looks up.
    poll_s: float = 0.08
    connect_timeout_s: float = 20.0  # Above what a TLS handshake takes on a line of a few kbit/s
    # A line that is dead without a word is known after one and a half of these (MQTT 5.0, section 3.1.2.10).
    keepalive_s: int = 60
    status_s: float = 60.0  # How often the status is sent without another cause: a few bytes a minute


TUNING: Final = Tuning()


# Only the answer to a hello shows that a ledger came back from a backup, and a village may weigh nothing for days. Ten
# minutes cost a station some 40 kB a day, a county of 200 one small message every three seconds.
HELLO_INTERVAL_S: Final = 600.0
# No wait is shorter than this part of the longest: two hundred stations that connected together drift apart.
_HELLO_SPREAD: Final = 0.6
# A killed RabbitMQ 4.0 may forget the subscriptions of a station that is back at once, and everything but the center's
# answers continues to work. A center that is away costs a station six to ten connections an hour.
_SILENCE_S: Final = 600.0
# No wait for an answer is shorter than this part of its whole: an answer takes its time, however the dice fall.
_MIN_ANSWER_SHARE: Final = 0.3
# Full jitter: waits spread over all of the time, so that two hundred stations come back as thinly as it allows. The
# least is there so that a station alone does not try twice at once.
_MIN_RECONNECT_SHARE: Final = 0.02


class Pace:
    """Outlives the connections of one relay."""

    def __init__(self, settings: RelaySettings, random: Random | None = None, tuning: Tuning = TUNING) -> None:
        self.settings, self.tuning = settings, tuning
        random = random or Random()  # noqa: S311  jitter, not secrecy
        self.window = tuning.window
        self.batch_events = tuning.batch_events
        self.throughput = Throughput()
        self.budget = ByteBudget(settings.bytes_per_second)
        self.reconnect = Backoff(
            settings.reconnect_s, settings.reconnect_max_s, lambda: random.uniform(_MIN_RECONNECT_SHARE, 1.0)
        )
        self._resend = Backoff(settings.resend_s, settings.resend_max_s, lambda: random.uniform(_MIN_ANSWER_SHARE, 1.0))
        self.patience_s = self._resend.next()  # How long the center may take to answer before everything is sent again
        share = crc32(settings.station.encode()) / 2**32
        # How long the center may say nothing at all before the connection is doubted; every station its own.
        self.silence_s = _SILENCE_S * (_HELLO_SPREAD + (1 - _HELLO_SPREAD) * share)
        self._random = random

    def first_connect_delay_s(self) -> float:
        """Return seconds until the first connection, spread over the first wait: after a power cut a whole district
        starts at once.
        """
        return self._random.uniform(0.0, self.settings.reconnect_s)

    def takeover_retry_s(self) -> float:
        """Return seconds until the next connection after another machine took this one over. Otherwise two machines
        with one card would disconnect each other once a second, and both would look well.
        """
        return self.settings.reconnect_max_s * self._random.uniform(_MIN_ANSWER_SHARE, 1.0)

    def hello_interval_s(self) -> float:
        """Return seconds until the next hello of a connection without problems."""
        return HELLO_INTERVAL_S * self._random.uniform(_HELLO_SPREAD, 1.0)

    def progress(self) -> None:
        self.window = self.tuning.window
        self.batch_events = min(self.tuning.batch_events, self.batch_events * 2)
        self.reconnect.reset()
        self._resend.reset()
        self.patience_s = self._resend.next()

    def stalled(self) -> None:
        """Send one message at a time until the center answers again: no acknowledgement came in time."""
        self.window = 1
        self.patience_s = self._resend.next()

    def connection_broken(self) -> None:
        """Halve the batch after a break with messages in flight: smaller ones have a better chance. Also the way out
        when a broker on the path refuses packets above its own limit.
        """
        self.batch_events = max(1, self.batch_events // 2)
