"""How rows of the store stand on a page of the counter: short, in the station's own time, nothing of a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from kiosk.domain.catalog import Catalog, Names
from kiosk.station.desk.unfinished import UnfinishedIntake
from kiosk.store.shared.records import ConfirmedRow
from kiosk.texts import Texts
from kiosk.texts.html import bdi_code, fill

TAIL = 4
# A time before the station was built came from a clock that was not set: better none than a wrong one.
_FIRST_YEAR = 2026


def tail(waybill: str) -> str:
    """``··4711``: enough to find a label by, too little to know a parcel by; dots alone once it was erased."""
    return f"··{waybill[-TAIL:]}" if waybill else "··"


def carrier_name(carrier: str, texts: Texts) -> Markup:
    """The carrier as people call it; its code where no name is known."""
    text_id = f"counter.carrier.{carrier.lower()}"
    return fill(texts, text_id) if text_id in texts else bdi_code(carrier)


def local_times(zone: str) -> Callable[[str | None], datetime | None]:
    """Reads a stored time (RFC 3339, UTC) on the clock of the zone; None for none and for one nobody can believe."""
    there = ZoneInfo(zone)

    def read(stored: str | None) -> datetime | None:
        if not stored:
            return None
        found = datetime.fromisoformat(stored.replace("Z", "+00:00")).astimezone(UTC)
        return found.astimezone(there) if found.year >= _FIRST_YEAR else None

    return read


def short(number: object) -> str:
    """``A-000381``: a receipt or parcel number without what is the same on every one of this station."""
    return "-".join(str(number).split("-")[-2:])


def clock(seconds: int) -> Markup:
    """``9:05``: minutes and seconds to wait."""
    return bdi_code(f"{seconds // 60}:{seconds % 60:02d}")


@dataclass(frozen=True, slots=True)
class CounterIntakeRow:
    """A confirmed intake and the goods it was about."""

    row: ConfirmedRow
    names: Names
    picture: str

    @property
    def short(self) -> str:
        """The receipt as it is called at this station."""
        return short(self.row.receipt)


@dataclass(frozen=True, slots=True)
class UnfinishedRow:
    """An intake that was left with bags on it."""

    row: UnfinishedIntake
    names: Names
    picture: str

    @property
    def short(self) -> str:
        """The receipt as it is called at this station."""
        return short(self.row.receipt)


def unfinished_row(row: UnfinishedIntake, catalog: Catalog) -> UnfinishedRow:
    """With the goods as they are called now."""
    return UnfinishedRow(row, *_goods(row.product, catalog))


def intake_row(row: ConfirmedRow, catalog: Catalog) -> CounterIntakeRow:
    """Goods that are in the list no longer are called by their code."""
    return CounterIntakeRow(row, *_goods(row.product, catalog))


def _goods(code: str, catalog: Catalog) -> tuple[Names, str]:
    product = catalog.product(code)
    return (product.names, product.picture) if product else (Names(code, code, code), "other")
