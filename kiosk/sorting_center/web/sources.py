"""What the pages look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ports import HealthSource
from kiosk.sorting_center.web.pictures import Pictures


@dataclass(frozen=True, slots=True)
class Sources:
    """``now`` is the local time, with its zone; the center's days are those of this zone."""

    ledger: Ledger
    desk: Desk
    health: HealthSource
    pictures: Pictures
    now: Callable[[], datetime]


def sources() -> Sources:
    """Those of the running application."""
    found = current_app.extensions["sources"]
    if not isinstance(found, Sources):
        raise TypeError("the pages were not made by create_app")
    return found
