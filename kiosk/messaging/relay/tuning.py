"""How the relay works that no village sets: one value, so that a trial can be given another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.messaging.contract.receive import MAX_BATCH_EVENTS


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
    status_s: float = 60.0  # How often the status is told while nothing else does: a few bytes a minute


TUNING: Final = Tuning()
