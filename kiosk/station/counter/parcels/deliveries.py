"""A truck is unloaded."""

from __future__ import annotations

from kiosk.station.clerk.access import Session
from kiosk.station.counter.acts import Acts
from kiosk.store.parcels.deliveries import Deliveries
from kiosk.store.records import ParcelRow


class DeliveryEnd:
    """Needs nothing of the parcels that came."""

    def __init__(self, acts: Acts, deliveries: Deliveries) -> None:
        self._acts = acts
        self._deliveries = deliveries

    def close(self, session: Session) -> list[ParcelRow]:
        """All of the truck is scanned: what is still expected is missing. Returns those."""
        with self._acts.act(session) as (person, stamp):
            rows = self._deliveries.close(person.actor, stamp)
            self._acts.booked()
            return rows
