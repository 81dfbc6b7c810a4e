"""One text, as it was typed or scanned, and everything it may mean that is there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import Select, select

from kiosk.domain.identifiers import (
    BadIdentifier,
    InternalCode,
    ReceiptNumber,
    bag_of,
    parse_internal_code,
)
from kiosk.domain.parcel import ParcelNumber, read_slip
from kiosk.domain.waybill import normalize, waybill_digest
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger import schema as ledger_schema
from kiosk.sorting_center.reports.members import regions_of
from kiosk.sorting_center.reports.parcels import Parcels
from kiosk.sorting_center.reports.tables.opening import Tables
from kiosk.sorting_center.reports.tables.schema import goods, parcel, told

MAX_LENGTH: Final = 64
"""Characters: no code of this trade is longer, and what is longer was not meant for this field."""
MAX_HITS: Final = 50
_MAX_GOODS: Final = 10

_RECEIPT: Final = re.compile(r"([0-9]{4})[- ]?([A-Z])[- ]?([0-9]{1,6})")
_PARCEL: Final = re.compile(r"P[- ]?([0-9]{4})[- ]?([A-Z])[- ]?([0-9]{1,6})")
_MEMBER: Final = re.compile(r"(?:M[- ]?)?([0-9]{5})")
_STATION: Final = re.compile(r"S?([0-9]{4})")
_DIGEST: Final = re.compile(r"[0-9A-F]{8}")
_WAYBILL: Final = re.compile(r"[0-9A-Z-]{8,40}")
_PRODUCT: Final = re.compile(r"[A-Z0-9._-]{2,40}")
_DAY: Final = (
    re.compile(r"(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})"),
    re.compile(r"(?P<year>20[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"),
    re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})"),
)
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")


class HitKind(StrEnum):
    """What was found."""

    RECEIPT = "receipt"
    LOT = "lot"
    BAG = "bag"
    MEMBER = "member"
    WAYBILL = "waybill"
    """A parcel whose waybill has the same digest: nearly surely the one that was asked for."""
    PARCEL = "parcel"
    DAY = "day"
    PRODUCT = "product"
    STATION = "station"


@dataclass(frozen=True, slots=True)
class Hit:
    """``key`` is the number or code of a receipt, a lot or a bag (their codes), a member, a parcel (also of a
    waybill), a product or a station, or a day as YYYY-MM-DD. ``region`` and ``station`` are "" where it has none.
    """

    kind: HitKind
    key: str
    region: str = ""
    station: str = ""


class Search:
    """Never raises for what is asked; a LedgerError when one of the databases cannot be read."""

    def __init__(self, tables: Tables, ledger: Ledger, parcels: Parcels) -> None:
        self._tables = tables
        self._ledger = ledger
        self._parcels = parcels

    def find(self, text: str) -> tuple[Hit, ...]:
        """What is there under this text, the surest first; empty for anything that cannot be a code."""
        asked = _clean(text)
        if not asked:
            return ()
        found = [*self._codes(asked), *self._numbers(asked), *self._waybills(asked), *_days(asked), *self._goods(asked)]
        return tuple(dict.fromkeys(found))[:MAX_HITS]

    def _codes(self, asked: str) -> Iterator[Hit]:
        try:
            code = parse_internal_code(asked)
        except BadIdentifier:
            return
        match code.kind:
            case "R" | "L":
                yield from self._receipt_or_lot(code, asked)
            case "B":
                yield from self._bag(asked)
            case "P":
                yield from self._members(code.body)
            case "K":
                yield from self._slip(code)

    def _receipt_or_lot(self, code: InternalCode, asked: str) -> Iterator[Hit]:
        try:
            number = ReceiptNumber.of_body(code.body)
        except BadIdentifier:
            return
        for hit in self._receipts(number):
            yield replace(hit, kind=HitKind.LOT, key=asked) if code.kind == "L" else hit

    def _bag(self, asked: str) -> Iterator[Hit]:
        """The bag itself; its receipt, where the event that tells its bags has not come yet or had no codes."""
        try:
            number, bag = bag_of(asked)
        except BadIdentifier:
            return
        c = ledger_schema.bag.c
        mine = (c.station == number.station) & (c.receipt == str(number)) & (c.bag == bag) & (c.code == asked)
        with self._ledger.reading() as connection:
            regions = connection.execute(select(c.region).where(mine).order_by(c.region)).scalars().all()
        found = [Hit(HitKind.BAG, asked, region, number.station) for region in regions]
        yield from found or self._receipts(number)

    def _slip(self, code: InternalCode) -> Iterator[Hit]:
        try:
            number, _ = read_slip(code)
        except BadIdentifier:
            return
        yield from self._parcel(number)

    def _numbers(self, asked: str) -> Iterator[Hit]:
        if match := _RECEIPT.fullmatch(asked):
            number = _number(ReceiptNumber, match)
            yield from self._receipts(number) if number is not None else ()
        if match := _PARCEL.fullmatch(asked):
            parcel_number = _number(ParcelNumber, match)
            yield from self._parcel(parcel_number) if parcel_number is not None else ()
        if match := _MEMBER.fullmatch(asked):
            yield from self._members(match[1])
        if match := _STATION.fullmatch(asked):
            yield from self._stations(f"S{match[1]}")

    def _receipts(self, number: ReceiptNumber) -> Iterator[Hit]:
        wanted = select(told.c.region).where(told.c.subject == str(number)).distinct().order_by(told.c.region)
        for region in self._values(wanted):
            yield Hit(HitKind.RECEIPT, str(number), region, number.station)

    def _members(self, digits: str) -> Iterator[Hit]:
        member = f"M-{digits}"
        for region in self._values(regions_of(member)):
            yield Hit(HitKind.MEMBER, member, region)

    def _parcel(self, number: ParcelNumber) -> Iterator[Hit]:
        c = parcel.c
        wanted = select(c.region).where(c.station == number.station, c.parcel == str(number)).order_by(c.region)
        for region in self._values(wanted):
            yield Hit(HitKind.PARCEL, str(number), region, number.station)

    def _stations(self, station: str) -> Iterator[Hit]:
        status = ledger_schema.station_status.c
        with self._ledger.reading() as connection:
            wanted = select(status.region).where(status.station == station).order_by(status.region)
            regions = connection.execute(wanted).scalars().all()
        yield from (Hit(HitKind.STATION, station, region, station) for region in regions)

    def _waybills(self, asked: str) -> Iterator[Hit]:
        if not _WAYBILL.fullmatch(asked.replace(" ", "")):
            return
        digests = [waybill_digest(normalize(asked)), *([asked.lower()] if _DIGEST.fullmatch(asked) else [])]
        for digest in digests:
            for row in self._parcels.with_digest(digest):
                yield Hit(HitKind.WAYBILL, row.parcel, row.region, row.station)

    def _goods(self, asked: str) -> Iterator[Hit]:
        """Codes that begin so; the one that is meant exactly comes first by its order."""
        if not _PRODUCT.fullmatch(asked):
            return
        c = goods.c.product
        begins = select(c).where(c >= asked, c < f"{asked}\x7f").order_by(c).limit(_MAX_GOODS)
        for product in self._values(begins):
            yield Hit(HitKind.PRODUCT, product)

    def _values(self, wanted: Select[Any]) -> list[str]:
        with self._tables.reading() as connection:
            return list(connection.execute(wanted).scalars())


def _clean(text: str) -> str:
    """Upper case, narrow forms, without what a scanner adds; "" for what nobody types or scans here."""
    if len(text) > MAX_LENGTH:
        return ""
    narrow = unicodedata.normalize("NFKC", text).removeprefix("\ufeff").strip(" \t\r\n")
    aim = _AIM.match(narrow)
    asked = (narrow[aim.end() :] if aim else narrow).upper()
    return asked if asked.isascii() and asked.isprintable() else ""


_Number = TypeVar("_Number", ReceiptNumber, ParcelNumber)


def _number(kind: type[_Number], match: re.Match[str]) -> _Number | None:
    try:
        return kind(f"S{match[1]}", match[2], int(match[3]))
    except BadIdentifier:
        return None


def _days(asked: str) -> Iterator[Hit]:
    for pattern in _DAY:
        if match := pattern.fullmatch(asked):
            try:
                day = date(int(match["year"]), int(match["month"]), int(match["day"]))
            except ValueError:
                continue
            yield Hit(HitKind.DAY, day.isoformat())
