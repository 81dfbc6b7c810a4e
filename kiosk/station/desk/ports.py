"""What the desk needs of the station around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from kiosk.devices.ports import LinkState
from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import ConfirmedIntake
from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.domain.metrology.pan_journal import PanNote
from kiosk.domain.trade import Certificate
from kiosk.station.desk.view import DeskView, PhotoRequest
from kiosk.store.shared.records import IntakePapers, Stamp
from kiosk.store.store import Store

OnNote = Callable[[PanNote], None]
DocumentMaker = Callable[[ConfirmedIntake, Catalog, Stamp], IntakePapers]


@dataclass(frozen=True, slots=True)
class DeskTools:
    store: Store
    stamps: Callable[[], Stamp]
    new_token: Callable[[], str]
    documents: DocumentMaker
    certificate: Certificate
    on_view: Callable[[DeskView], None]
    on_scale: Callable[[LinkState], None]
    on_event: Callable[[], None]  # Something was committed: there may be papers to print and an event to send
    # Requests a shot of a lot, with its product; `ResultScreen` later receives the result.
    on_photo: Callable[[PhotoRequest, str], None]
    scan_after_sticking: bool = False  # The last screen asks for the label of each bag under the scanner
    # The legal status of the scale now; may raise StoreError.
    standing: Callable[[], ScaleLegalStatus | None] = lambda: None
    # Receives the notes of the pan's journal; also called from the scale's thread, must not wait.
    on_note: OnNote = lambda note: None
    # The clock of the readings, in seconds. It continues while the process is stopped, so a reading's age is true.
    clock: Callable[[], float] = monotonic
