"""Messages that are no event of anybody's: none of them may hold up, change or stand for one that is."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from random import Random

from kiosk.domain.events import EpochStarted
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.seal import EventSource, JournalPosition, seal
from kiosk.messaging.contract.topics import Topics

_MOMENT = Moment(datetime(2026, 1, 1, tzinfo=UTC), "UTC", 0, ClockQuality.SYNCED, "nobody", 1)
FAR = 4_000_000
"""A number that no station can be at."""


def poison(random: Random, station: str) -> tuple[str, bytes, bool]:
    """Topic, payload, and whether the broker had kept it."""
    topics = Topics("torture", station)
    nested = b'{"a":' * 50 + b"1" + b"}" * 50
    choices = (
        (topics.event, b"", False),
        (topics.event, b"\xff\xfe\x00", False),
        (topics.event, b'{"id":1,"id":2}', False),
        (topics.event, nested, False),
        (topics.event, _strange(random, "S9999"), False),
        (topics.event, _strange(random, station), False),
        (topics.event, _strange(random, station), True),
        (topics.batch, zlib.compress(b"[" + b" " * 3_000_000 + b"]"), False),
        (topics.batch, zlib.compress(b"[1, 2")[:-3], False),
        (topics.batch, zlib.compress(json.dumps([{}, [], None, 3]).encode()), False),
        (topics.hello, b'{"epoch":7}', False),
        (topics.status, b"[]", True),
        ("kiosk/v1/torture/feed/up/event", b"{}", False),
        ("kiosk/v1/TORTURE/S1/up/nothing", b"\x00", False),
    )
    return random.choice(choices)


def _strange(random: Random, station: str) -> bytes:
    """Well made, and of nobody: a number out of reach, in an epoch that no station has."""
    position = JournalPosition("ffffffffffffffff", FAR + random.randrange(10), "0" * 64)
    return seal(EpochStarted("A", "new"), EventSource(station, "poison"), position, _MOMENT).body
