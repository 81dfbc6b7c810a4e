"""Which document of the county may take the place of another one, and why one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from kiosk.domain.moment import ClockQuality, Moment

FUTURE_TOLERANCE: Final = timedelta(days=2)  # The county's clock and the station's may differ
# A clock that no time server has set is believed only this far beyond the known day: else a clock without a battery
# that jumped would put the prices of the year after next into force, permanently.
MAX_DAYS_AHEAD: Final = timedelta(days=366)


class RefusalReason(StrEnum):
    """Why a document was not applied, as events and pages say it."""

    UNREADABLE = "unreadable"  # No document, or one of another format
    UNKNOWN_PART = "unknown_part"  # Of a later version of the software
    OTHER_STATION = "other_station"
    OTHER_COUNTY = "other_county"  # Signed by another authority, or for another region
    SIGNATURE = "signature"
    OLDER = "older"  # Than one that is, or was, in force here
    DATE = "date"  # Issued long before or after now
    PART_MISSING = "part_missing"  # Of a stick
    PART_DAMAGED = "part_damaged"
    GOODS = "goods"
    PRICES = "prices"
    CONTAINERS = "containers"
    MEMBERS = "members"
    CLERKS = "clerks"  # No person could look after the station, or two people have one number
    LAYOUTS = "layouts"
    SETTINGS = "settings"
    PARCELS = "parcels"
    KEYS = "keys"
    VOIDS = "voids"
    CHECKPOINTS = "checkpoints"
    OPEN_INTAKE = "open_intake"  # A product of an intake that is going on would vanish
    SELF_TEST = "self_test"  # What was made of it does not work here
    STORAGE = "storage"  # The card or the database


@dataclass(frozen=True, slots=True, order=True)
class ConfigurationVersion:
    """``key``: the generation of the county's key; ``number`` counts under it. A new key undoes a number too large."""

    key: int
    number: int

    def __str__(self) -> str:
        return f"{self.key}.{self.number}"


def refusal_of(
    version: ConfigurationVersion, issued: datetime, in_force: ConfigurationVersion | None, now: Moment
) -> RefusalReason | None:
    """Judge a document with a good signature; None when it may be applied. ``in_force``: the newest ever seen."""
    if in_force is not None and version <= in_force:
        return RefusalReason.OLDER
    if now.quality is ClockQuality.SYNCED and issued > now.utc + FUTURE_TOLERANCE:
        return RefusalReason.DATE
    return None


def believed_day(now: Moment, latest: str) -> str | None:
    """Return the station's date; None when its clock cannot be trusted. ``latest`` as `price_day`."""
    today = now.local_date
    if today and latest and now.quality is not ClockQuality.SYNCED:
        return today if date.fromisoformat(today) <= date.fromisoformat(latest) + MAX_DAYS_AHEAD else None
    return today


def price_day(today: str | None, issued: str, latest: str) -> str:
    """Return the day whose prices hold: never before the document's issue, and never back. Days as ``2026-12-01``.

    ``today``: None for a clock that is not set. ``latest``: the day whose prices were in force before, "" for none.
    """
    return max(today or "", issued[:10], latest)
