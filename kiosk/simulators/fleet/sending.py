"""Sending for a while: the real relay in the calling thread, until the center has everything or does not answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

from kiosk.base.shutdown import ShutdownEvent
from kiosk.messaging.relay.configuration.lane import CountyLane
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.ports import DoctorRows, NullLinkWatcher, StationSide, StorePort
from kiosk.messaging.relay.shared.settings import RelaySettings

SILENCE_S: Final = 5.0  # How long a station that has nothing to send waits to hear that the center still has everything


@dataclass(frozen=True, slots=True)
class SendResult:
    """``lost`` events of earlier epochs the center had once and has not got again in time. ``alarm``: the last one."""

    lost: int = 0
    alarm: str = ""


class FleetShutdown:
    """Ends all that is being done, from any thread and from a signal."""

    def __init__(self) -> None:
        self.is_over = False
        self.sending: list[threading.Event] = []  # The stop events of all relays ever started

    def end(self) -> None:
        """Start nothing new, stop all senders."""
        self.is_over = True
        for stop in list(self.sending):
            stop.set()


@dataclass(frozen=True, slots=True)
class Stay:
    """To stay connected for so long, and take what the county gives meanwhile."""

    seconds: float
    county: CountyLane


def send(
    settings: RelaySettings,
    store: StorePort,
    ending: FleetShutdown,
    doctor_rows: DoctorRows = tuple,
    stay: Stay | None = None,
) -> SendResult:
    """Relay until nothing is pending and the center lacks nothing of earlier epochs either.

    Even a station with nothing to send says hello: a center restored from a backup needs its events again. It waits
    only briefly for the answer, as there may be no center at all. An alarm ends it, too: a person must act first.
    """
    stop, is_over = ShutdownEvent(), threading.Event()
    silence = threading.Timer(SILENCE_S, stop.set)
    alarms = [""]

    class AcknowledgementWatcher(NullLinkWatcher):
        def ack_received(self, alarm: str) -> None:
            alarms.append(alarm)
            if alarm:
                stop.set()
                return
            if stay is None:
                silence.cancel()
            if is_over.is_set() and store.outbox.counts().pending == 0 and relay.settled:
                stop.set()

    def end_stay() -> None:
        is_over.set()
        if store.outbox.counts().pending == 0:
            stop.set()

    side = StationSide(AcknowledgementWatcher(), doctor_rows)
    if stay is not None:
        side = replace(side, configuration=stay.county.version, configuration_received=stay.county.received)
        silence = threading.Timer(stay.seconds, end_stay)
        stay.county.start()
    else:
        is_over.set()
    relay = Relay(store, Pace(settings), side=side)
    if stay is not None or store.outbox.counts().pending == 0:
        silence.start()
    ending.sending.append(stop)
    try:
        if not ending.is_over:
            relay.run(stop)
    finally:
        silence.cancel()
        if stay is not None:
            stay.county.stop()
    return SendResult(relay.missing, alarms[-1])
