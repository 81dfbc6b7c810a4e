"""Composition root of the relay: a process of its own, kept small."""

from __future__ import annotations

import threading

from kiosk.messaging.relay.relay import Relay
from kiosk.notify import LoopStop, Notifier
from kiosk.process import open_store
from kiosk.relay_config import RelayConfig
from kiosk.station.doctor_signs import RelayMark


def run_relay(config: RelayConfig, stop: threading.Event) -> None:
    """The relay until ``stop`` is set."""
    store = open_store(config.station)
    try:
        manager = Notifier.from_environ()
        manager.ready(f"sends for {config.station.station}")
        Relay(store, config.relay, heard=RelayMark(config.station.data).heard).run(LoopStop(stop, manager))
        manager.stopping()
    finally:
        store.close()
