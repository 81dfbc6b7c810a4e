"""What the desk is given by the station around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from kiosk.devices.ports import LinkState
from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import ConfirmedIntake
from kiosk.domain.metrology.standing import ScaleStanding
from kiosk.domain.trade import Certificate
from kiosk.station.desk.view import DeskView
from kiosk.station.desk.watched_pan import OnNote
from kiosk.store.records import NewPrintJob, Stamp
from kiosk.store.store import Store

DocumentMaker = Callable[[ConfirmedIntake, Catalog, Stamp], Sequence[NewPrintJob]]


@dataclass(frozen=True, slots=True)
class DeskTools:
    """What the desk is given: where to keep, what time it is, how to make tokens and papers, whom to tell."""

    store: Store
    stamps: Callable[[], Stamp]
    new_token: Callable[[], str]
    documents: DocumentMaker
    certificate: Certificate
    metrology: str
    on_view: Callable[[DeskView], None]
    on_scale: Callable[[LinkState], None]
    on_event: Callable[[], None]
    """Something was committed: there may be papers to print and an event to send."""
    on_photo: Callable[[str, str], None]
    """Asked for a shot of a lot and its product; answers later by ``photo_done`` or ``photo_failed``."""
    standing: Callable[[], ScaleStanding | None] = lambda: None
    """What the scale is worth now; may raise StoreError."""
    on_note: OnNote = lambda note: None
    """The journal of the pan tells something; called from the scale's thread as well, must not wait."""
    clock: Callable[[], float] = monotonic
    """The clock of the readings, in seconds. It goes on while the process is stopped, so a reading's age is true."""
