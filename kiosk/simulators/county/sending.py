"""The way of a county's stations to the sorting center: the real relay, less patient, and one line that loses."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import NullLinkWatcher, Relay
from kiosk.messaging.relay.shared.ports import EpochsPort, OutboxPort, OutboxRow, StorePort
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.county.plan import CountyPlan
from kiosk.simulators.fleet.sending import FleetShutdown

_BEHIND_THE_GAP: Final = 30  # So many events come after the lost one
_BEHIND_S: Final = 3.0  # So long after the sorting center has everything before the gap it has what is behind it
_PATIENCE_S: Final = 60.0  # For a sorting center that does not answer


def relay_settings(
    plan: CountyPlan, station: str, software: str, boot: str, bytes_per_second: int = 0
) -> RelaySettings:
    """Those of a real station, only less patient."""
    return RelaySettings(
        plan.broker_url,
        plan.region,
        station,
        software,
        reconnect_s=0.5,
        reconnect_max_s=5.0,
        resend_max_s=10.0,
        bytes_per_second=bytes_per_second,
        boot=boot,
    )


def send_with_a_gap(settings: RelaySettings, store: StorePort, ending: FleetShutdown) -> None:
    """Send everything but one event, the one that is missing already where there is a gap."""
    counts = store.outbox.counts()
    if not counts.pending:
        return
    lost = counts.acked_upto + 1 if counts.acked_upto else max(2, counts.last_seq - _BEHIND_THE_GAP)
    stop = threading.Event()
    ending.sending.append(stop)

    class GapWatcher(NullLinkWatcher):
        def ack_received(self, alarm: str) -> None:
            if store.outbox.counts().acked_upto >= lost - 1 and behind.ident is None:
                behind.start()

    behind, patience = threading.Timer(_BEHIND_S, stop.set), threading.Timer(_PATIENCE_S, stop.set)
    patience.start()
    try:
        if not ending.is_over:
            Relay(LosingStore(store, lost), Pace(settings), watcher=GapWatcher()).run(stop)
    finally:
        behind.cancel()
        patience.cancel()


class LosingStore:
    """A store as the relay sees it, one event of which never gets through."""

    def __init__(self, store: StorePort, lost: int) -> None:
        self.outbox: OutboxPort = LosingOutbox(store.outbox, lost)
        self.epochs: EpochsPort = store.epochs
        self.changed = store.changed


class LosingOutbox:
    """Gives everything but the lost event away."""

    def __init__(self, outbox: OutboxPort, lost: int) -> None:
        self._outbox, self._lost = outbox, lost
        self.counts = outbox.counts
        self.waiting_bytes = outbox.waiting_bytes
        self.earlier = outbox.earlier
        self.sealed = outbox.sealed
        self.hash_at = outbox.hash_at
        self.acknowledge = outbox.acknowledge

    def pending(self, limit: int, after: int = 0) -> Sequence[OutboxRow]:
        """As the real one, without the lost event."""
        return [row for row in self._outbox.pending(limit, after) if row.seq != self._lost]
