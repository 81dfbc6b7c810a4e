"""A station that floods its own topic, in a process of its own: PORT KIND COUNT.

It makes its events, says ``ready``, waits for a line, sends all but the first, then the first, and says ``sent``.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.messaging.contract.receive import MAX_BATCH_BYTES, MAX_UNKNOWN_BYTES
from kiosk.messaging.contract.strict_json import canonical
from kiosk.messaging.contract.topics import Topics
from tests.sorting_center.station_journal import Station

FLOODING: Final = "S0666"
REGION: Final = "shache"
KINDS: Final = {
    "unknown keys": {"padding": "y" * 62_000},
    "unknown keys within the bound": {"padding": "y" * (MAX_UNKNOWN_BYTES - 100)},
    "unknown type": {"padding": "y" * 62_000, "type": "station.pallet.wrapped.v1"},
}
_EVENTS_AT_ONCE: Final = 100


def chain(count: int, changes: dict[str, str]) -> Iterator[bytes]:
    """Events of a right chain, with these attributes changed."""
    station, before = Station(FLOODING), ""
    for seq in range(1, count + 1):
        event = json.loads((station.intake(seq - 1) if seq > 1 else station.start()).body)
        if before:
            event |= {**changes, "prevhash": before}
        body = canonical(event)
        before = hashlib.sha256(body).hexdigest()
        yield body


def batches(bodies: list[bytes]) -> Iterator[bytes]:
    """As full as a batch may be."""
    batch: list[bytes] = []
    size = 2
    for body in bodies:
        if len(batch) == _EVENTS_AT_ONCE or size + len(body) + 1 > MAX_BATCH_BYTES:
            yield zlib.compress(b"[" + b",".join(batch) + b"]")
            batch, size = [], 2
        batch.append(body)
        size += len(body) + 1
    yield zlib.compress(b"[" + b",".join(batch) + b"]")


def main(port: int, kind: str, count: int) -> None:
    """Tell on standard output how far it is."""
    first, *others = chain(count, KINDS[kind])
    messages = [(Topics(REGION, FLOODING).batch, batch) for batch in batches(others)]
    messages.append((Topics(REGION, FLOODING).event, first))
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(200)
    client.connect("127.0.0.1", port)
    client.loop_start()
    print("ready", sum(len(payload) for _, payload in messages), flush=True)
    sys.stdin.readline()
    for sent in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
        sent.wait_for_publish()
    print("sent", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
