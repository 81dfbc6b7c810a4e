"""Small signs on pages: drawings, times, marks of the scale, how long the rest takes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from flask import url_for

from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, ScaleMark
from kiosk.station.configuration.county import StationCounty
from kiosk.station.doctor.status_files import RelayStatusFile
from kiosk.store.shared.errors import StoreError

logger = logging.getLogger(__name__)


UNKNOWN = "other"
# A time before the station was built came from a clock that was not set: better none than a wrong one.
_FIRST_YEAR = 2026


@cache
def known_drawings() -> frozenset[str]:
    folder = files("kiosk.web").joinpath("static", "drawings")
    return frozenset(file.name.removesuffix(".svg") for file in folder.iterdir() if file.name.endswith(".svg"))


def drawing(name: str) -> str:
    known = name if name in known_drawings() else UNKNOWN
    return url_for("static", filename=f"drawings/{known}.svg")


def shot_drawing(reason: str) -> str:
    name = f"shot-{reason}"
    return name if name in known_drawings() else "shot-again"


def local_times(zone: str) -> Callable[[str | None], datetime | None]:
    """Return a reader of stored times (RFC 3339, UTC) for the zone; it gives None for none or an implausible one."""
    there = ZoneInfo(zone)

    def read(stored: str | None) -> datetime | None:
        if not stored:
            return None
        found = datetime.fromisoformat(stored.replace("Z", "+00:00")).astimezone(UTC)
        return found.astimezone(there) if found.year >= _FIRST_YEAR else None

    return read


@dataclass(frozen=True, slots=True)
class Sign:
    mark: ScaleMark
    picture: str

    @property
    def text_id(self) -> str:
        return f"standing.{self.mark.value}"

    @property
    def short_id(self) -> str:
        """The words beside the drawing on a full screen; only what villagers are shown has them."""
        return f"standing.short.{self.mark.value}"


_PICTURES = {
    ScaleMark.NOT_FOR_TRADE: "not-for-trade",
    ScaleMark.CHECK_FAILED: "check-failed",
    ScaleMark.VERIFICATION_EXPIRED: "seal-expired",
    ScaleMark.CHECK_LATE: "check-weight",
}
# Each has its own sentence and shape; `ScaleLegalStatus.marks` has the worst first.
MARKS = {mark: Sign(mark, picture) for mark, picture in _PICTURES.items()}

# A check that is due is a task of the clerk and no fault of the weight yet; the receipt says it.
FOR_VILLAGERS = frozenset(MARKS) - {ScaleMark.CHECK_LATE}


def public_mark(read: Callable[[], ScaleLegalStatus | None]) -> Sign | None:
    """Return the worst mark of the scale that a villager must see; None when the database cannot be read."""
    standing = _read(read)
    marks = standing.marks if standing else ()
    return next((MARKS[mark] for mark in marks if mark in FOR_VILLAGERS), None)


def check_due(read: Callable[[], ScaleLegalStatus | None]) -> str:
    """Return whether the clerk has to put the check weight on: ``failed``, ``late``, or "" when there is no need."""
    standing = _read(read)
    waits = standing is not None and standing.check in (CheckState.FAILED, CheckState.LATE)
    return standing.check.value if standing is not None and waits else ""


def _read(read: Callable[[], ScaleLegalStatus | None]) -> ScaleLegalStatus | None:
    try:
        return read()
    except StoreError as error:
        logger.error("what the scale is worth cannot be read now: %s", error)
        return None


def unconfirmed_prices(county: StationCounty) -> str | None:
    """Return the day of the prices in force here, while the county may have newer ones: after a restore, on a copy,
    under a clock that is not set. "" where the day is unknown; None while the prices are confirmed.
    """
    try:
        if county.prices_confirmed():
            return None
        found = county.in_force()
    except StoreError as error:
        logger.error("whether the county has confirmed the prices cannot be read now: %s", error)
        return None
    return found.document.issued[:10] if found else ""


_MAX_MINUTES: Final = 90


def send_estimate(data: Path) -> tuple[str, int] | None:
    """Return the id of the sentence and its number; None while the relay has no estimate, or nothing waits."""
    left_s = RelayStatusFile(data).left_s()
    if left_s is None:
        return None
    minutes = max(1, ceil(left_s / 60))
    if minutes <= _MAX_MINUTES:
        return "counter.queue.left_min", minutes
    return "counter.queue.left_h", ceil(minutes / 60)
