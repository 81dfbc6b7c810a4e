"""A station that sends all it has again and again, as fast as the broker takes it, until its input ends: PORT."""

from __future__ import annotations

import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.messaging.contract.topics import Topics
from tests.sorting_center.station_journal import Station


def main(port: int) -> None:
    bodies = [event.body for event in Station("S0666").run(200)]
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(200)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    while not over.is_set():
        sent = [client.publish(Topics("shache", "S0666").event, body, qos=1) for body in bodies]
        sent[-1].wait_for_publish()


if __name__ == "__main__":
    main(int(sys.argv[1]))
