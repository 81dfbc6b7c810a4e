"""The fuzz target of what stations send: any bytes on any topic are read, and nothing is swallowed or made up.

The first byte of an input chooses the topic, the next three are free; the rest is the payload. A batch comes inflated,
so that its text is what is changed, unless the second byte is odd.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from kiosk.domain.events import IntakeAbandoned, ParcelShelved
from kiosk.domain.intake import AbandonReason
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.control import Hello, Status, encode
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from kiosk.sorting_center.ingest.message_parsing import parse_message
from kiosk.sorting_center.shared.ports import Inbound
from tests.fuzz.targets import HEAD

NAME: Final = "Messages"
KINDS: Final = ("event", "batch", "hello", "status")

_EPOCH = "00c0ffee00c0ffee"
_MOMENT = Moment(datetime(2026, 11, 25, 3, tzinfo=UTC), "Asia/Urumqi", 360, ClockQuality.SYNCED, "boot-1", 3_000)


def _events() -> Iterator[bytes]:
    for data in (
        IntakeAbandoned("0147-A-000381", "opened", AbandonReason.LEFT),
        ParcelShelved("P-0147-A-000012", "clerk:07", "A-3-17"),
    ):
        yield seal(data, EventSource("S0147", "kiosk 0.1.0"), JournalPosition(_EPOCH, 1, ZERO_HASH), _MOMENT).body


def seeds() -> Iterator[bytes]:
    """Good messages of each kind, and events with text that a small change makes no text any more."""
    one, other = _events()
    pairs = one.replace(b'"data":{', b'"data":{"\\ud83d\\ude00":["\\ud83c\\udf51",{"\\u0061":-7}],')
    texts = {
        "event": (one, other, pairs),
        "batch": (b"[" + one + b"," + other + b"]", b"[" + pairs + b"]"),
        "hello": (encode(Hello(_EPOCH, 8, 5, 3, "kiosk 0.1.0")),),
        "status": (encode(Status(True, 3, "kiosk 0.1.0", _EPOCH, "fork")), b'{"\\ud83d\\ude00":{}}'),
    }
    for at, kind in enumerate(KINDS):
        for text in texts[kind]:
            yield bytes((at, 0, 0, 0)) + text


def target(data: bytes) -> None:
    """Read one message; raises AssertionError for a broken property."""
    if len(data) < HEAD:
        return
    kind, payload = KINDS[data[0] % len(KINDS)], data[HEAD:]
    if kind == "batch" and data[1] % 2 == 0:
        payload = zlib.compress(payload, 1)
    delivery = parse_message(Inbound(f"kiosk/v1/shache/S0147/up/{kind}", payload, tag=1))
    found = len(delivery.events) + len(delivery.refusals)
    assert found if kind in ("event", "batch") else found + len(delivery.sightings) == 1, "swallowed"
    for refusal in delivery.refusals:
        assert refusal.code != "unreadable", "an error nobody foresaw"
    for region, event in delivery.events:
        assert region == "shache"
        _sound(event)


def _sound(event: ReceivedEvent) -> None:
    """What is kept says what was read, for every reader after this one."""
    told = json.loads(event.body.decode("utf-8"))
    assert (told["station"], told["epoch"], told["seq"]) == (event.station, event.epoch, event.seq)
    assert parse_event(event.body) == event, "what is kept reads back as something else"
