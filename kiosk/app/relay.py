"""Composition root of the relay: a process of its own, kept small."""

from __future__ import annotations

import threading

from kiosk.app.systemd import LoopStop, Notifier
from kiosk.config.relay import RelayConfig
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.station.doctor.liveness import RelayHeartbeat
from kiosk.station.doctor.mark import DoctorMark
from kiosk.station.open_store import open_store


def run_relay(config: RelayConfig, stop: threading.Event) -> None:
    """The relay until ``stop`` is set."""
    store = open_store(config.station)
    try:
        manager = Notifier.from_environ()
        manager.ready(f"sends for {config.station.station}")
        data = config.station.data
        relay = Relay(store, Pace(config.relay), watcher=RelayHeartbeat(data), doctor=DoctorMark(data))
        relay.run(LoopStop(stop, manager))
        manager.stopping()
    finally:
        store.close()
