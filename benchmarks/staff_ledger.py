"""A county to look at: a million events of 2,000 stations over two months, as a ledger has them.

Each event is whole: its hash is over its own bytes, and the next one names it. The rows are written straight into the
tables, since what is measured is reading them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from kiosk.domain.events import (
    BagData,
    CertificateData,
    CountersData,
    DayClosed,
    EpochStarted,
    EventData,
    IntakeConfirmed,
    IntakeVoided,
    ParcelArrived,
    ScaleChecked,
    ScaleData,
)
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.metrology.legal_status import CheckState, Verification
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.money import amount_fen
from kiosk.domain.parcel import Consent, ParcelNumber
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from kiosk.sorting_center.ledger.database.places import EventCopy
from kiosk.sorting_center.ledger.database.rows import insert_missing, insert_rows
from kiosk.sorting_center.ledger.database.schema import intake, intake_void, station_status, stream
from kiosk.sorting_center.ledger.database.times import to_rfc3339

DAYS: Final = 62
FIRST_DAY: Final = datetime(2026, 9, 18, tzinfo=UTC)
LAST_DAY: Final = FIRST_DAY + timedelta(days=DAYS - 1)
NEAR: Final = "shache"
FAR: Final = "yarkant"
NEAR_STATIONS: Final = 200
"""Of all stations these are in the region of the first name."""
GOODS: Final = ("BADAM", "YANGAQ", "CHILAN", "URUK", "UZUM", "HASEL")
_MEMBERS_OF_STATION: Final = 40
_PRICE: Final = 2400

_MADE_UP: Final = ReceiptNumber("S9876", "A", 999_999)
_PARCEL: Final = ParcelNumber("S9876", "A", 999_999)
_NET, _AMOUNT, _GROSS = 54_321, amount_fen(54_321, _PRICE), 54_481
_MONOTONIC: Final = 987_654_321_012
_EPOCH: Final = "fedcba9876543210"
_SEQ: Final = 1_987_654_321
_PREVHASH: Final = "e" * 64
_TIME: Final = Moment(
    datetime(2019, 9, 9, 9, 9, 9, tzinfo=UTC), "Asia/Shanghai", 480, ClockQuality.SYNCED, "9b", _MONOTONIC
)


class _Pattern:
    """An event sealed once; its places are filled in, since to seal a million takes longer than all the rest."""

    def __init__(self, data: EventData) -> None:
        source = EventSource(_MADE_UP.station, "1.4.2", region="r-e-g-i-o-n")
        sealed = seal(data, source, JournalPosition(_EPOCH, _SEQ, _PREVHASH), _TIME)
        body = sealed.body.replace(b"%", b"%%")
        for name, text in (
            ("lot", _MADE_UP.lot),
            ("receipt", str(_MADE_UP)),
            ("station", _MADE_UP.station),
            ("epoch", _EPOCH),
            ("seq", str(_SEQ)),
            ("prevhash", _PREVHASH),
            ("region", "r-e-g-i-o-n"),
            ("monotonic", str(_MONOTONIC)),
            ("time", _TIME.timestamp),
            ("clock", '"clock":"synced"'),
            ("boot", '"bootid":"9b"'),
            ("member", "M-99999"),
            ("product", "PRODUCT"),
            ("mode", '"mode":"consignment"'),
            ("amount", str(_AMOUNT)),
            ("gross", str(_GROSS)),
            ("net", str(_NET)),
            ("digest", "deadbeef"),
        ):
            body = body.replace(text.encode(), f"%({name})b".encode())
        self.type = sealed.type
        self._body = body

    def body(self, values: dict[bytes, bytes]) -> bytes:
        return self._body % values


def _intake() -> IntakeConfirmed:
    standing = ScaleData(True, CheckState.PASSED, Verification.VALID, CountersData(1, 2, 3))
    bag = BagData(1, _GROSS, 160, _NET, _AMOUNT, "SACK", "preset", 7, 7, 1200, "ab" * 32)
    figures = {"gross_g": _GROSS, "tare_g": 160, "net_g": _NET, "amount_fen": _AMOUNT}
    return IntakeConfirmed(
        receipt=str(_MADE_UP),
        lot=_MADE_UP.lot,
        owner="M-99999",
        party="M-99999",
        mode="consignment",
        product="PRODUCT",
        catalog_version=1,
        price_fen_per_kg=_PRICE,
        bags=(bag,),
        certificate=CertificateData("producer", "C-1", None),
        metrology="1.0 abcd",
        scale=standing,
        **figures,
    )


_BEGINNING: Final = _Pattern(EpochStarted("A", "new"))
_INTAKE: Final = _Pattern(_intake())
_VOID: Final = _Pattern(IntakeVoided(str(_MADE_UP), _MADE_UP.lot, "wrong_party", ("clerk:07", "witness:02"), None))
_ARRIVED: Final = _Pattern(
    ParcelArrived(str(_PARCEL), "clerk:07", "SF", "deadbeef", Consent.RECIPIENT_CONSENTED, True, False, False)
)
_CHECK: Final = _Pattern(ScaleChecked(20_000, 20_000, 50, True, 1, 1, 1200, None, "clerk:07"))
_CLOSED: Final = _Pattern(
    DayClosed("clerk:07", "ab" * 32, 4, 0, 0, 4, 40_000, 48_000, 48_000, 2, 0, 0, 0, 0, first_seq=1, last_seq=8)
)


@dataclass(slots=True)
class CountyStation:
    """A station as it goes on from day to day."""

    station: str
    region: str
    dice: random.Random
    seq: int = 0
    head: str = ZERO_HASH
    receipts: int = 0
    parcels: int = 0
    intakes: list[tuple[Any, ...]] = field(default_factory=list)
    voids: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def epoch(self) -> str:
        return f"{int(self.station[1:]):016x}"

    def day(self, at: datetime, feedseq: int, events: int) -> Iterator[tuple[Any, ...]]:
        """Rows of an event: a check weight, intakes and parcels, now and then a void, a close."""
        unset = 2 if self.dice.random() < 0.05 else 0
        received_at = to_rfc3339(at + timedelta(hours=14, minutes=self.dice.randrange(60)))
        for number in range(events):
            self.seq += 1
            feedseq += 1
            pattern = self._pattern(number, events)
            values = self._values(at, number, unset)
            if pattern is _INTAKE:
                self._add_intake(values, feedseq, received_at)
            elif pattern is _VOID:
                receipt = values[b"receipt"].decode()
                self.voids.append((self.station, receipt, self.region, self.epoch, self.seq, "wrong_party", None))
            body = pattern.body(values)
            sha256 = hashlib.sha256(body).hexdigest()
            key = (self.station, self.epoch, self.seq, self.region)
            yield (*key, sha256, self.head, pattern.type, None, body, received_at, feedseq)
            self.head = sha256

    def _pattern(self, number: int, events: int) -> _Pattern:
        if self.seq == 1:
            return _BEGINNING
        if number == 0:
            return _CHECK
        if number == events - 1:
            return _CLOSED
        if self.receipts and self.dice.random() < 0.05:
            return _VOID
        if self.dice.random() < 0.3:
            self.parcels += 1
            return _ARRIVED
        self.receipts += 1
        return _INTAKE

    def _values(self, at: datetime, number: int, unset: int) -> dict[bytes, bytes]:
        receipt = ReceiptNumber(self.station, "A", max(1, self.receipts))
        written = at + timedelta(hours=1, minutes=70 * number + self.dice.randrange(60))
        is_unset = 0 < number <= unset
        net_g = self.dice.randrange(1000, 60_000)
        place = (int(self.station[1:]) * _MEMBERS_OF_STATION + self.dice.randrange(_MEMBERS_OF_STATION)) % 100_000
        values = {
            "lot": receipt.lot,
            "receipt": str(receipt),
            "station": self.station,
            "epoch": self.epoch,
            "seq": str(self.seq),
            "prevhash": self.head,
            "region": self.region,
            "monotonic": str((written - at) // timedelta(milliseconds=1)),
            "time": to_rfc3339(datetime(1970, 1, 1, tzinfo=UTC) + (written - at) if is_unset else written),
            "clock": '"clock":"unset"' if is_unset else '"clock":"synced"',
            "boot": f'"bootid":"{at:%Y%m%d}-0000-4000-8000-{self.station[1:]:>012}"',
            "member": f"M-{place:05}",
            "product": self.dice.choice(GOODS),
            "mode": '"mode":"purchase"' if self.dice.random() < 0.4 else '"mode":"consignment"',
            "amount": str(amount_fen(net_g, _PRICE)),
            "gross": str(net_g + 160),
            "net": str(net_g),
            "digest": f"{self.dice.getrandbits(32):08x}",
        }
        return {name.encode(): text.encode() for name, text in values.items()}

    def _add_intake(self, values: dict[bytes, bytes], feedseq: int, received_at: str) -> None:
        self.intakes.append(
            (
                *(
                    self.station,
                    values[b"receipt"].decode(),
                    self.region,
                    self.epoch,
                    self.seq,
                    feedseq,
                    "0" * 64,
                    None,
                ),
                *(values[b"lot"].decode(), values[b"product"].decode(), values[b"mode"].decode()[8:-1]),
                *(int(values[b"net"]), int(values[b"amount"]), received_at),
            )
        )


def stations(count: int) -> list[CountyStation]:
    """Those of the near region first."""
    return [
        CountyStation(f"S{number:04}", NEAR if number <= NEAR_STATIONS else FAR, random.Random(number))
        for number in range(1, count + 1)
    ]


def fill(connection: Connection, events: int, count: int) -> list[CountyStation]:
    """Into the empty tables of a ledger, in one transaction; the stations as they are in the end."""
    county = stations(count)
    a_day = max(2, round(events / (DAYS * count)))
    feedseq = 0
    copy = EventCopy(connection)
    for day in range(DAYS):
        rows: list[tuple[Any, ...]] = []
        for station in county:
            rows.extend(station.day(FIRST_DAY + timedelta(days=day), feedseq, a_day))
            feedseq += a_day
        copy.add(rows)
        insert_rows(connection, intake, [row for one in county for row in one.intakes])
        insert_missing(connection, intake_void, [row for one in county for row in one.voids])
        for station in county:
            station.intakes.clear()
            station.voids.clear()
    copy.finish()
    at = to_rfc3339(LAST_DAY + timedelta(hours=15))
    key = [
        (one.station, one.epoch, one.region, one.seq, one.head, one.seq, None, to_rfc3339(FIRST_DAY), at)
        for one in county
    ]
    insert_rows(connection, stream, key)
    status = [(one.station, one.region, True, 0, one.epoch, "1.4.2", at, "", None) for one in county]
    insert_rows(connection, station_status, status)
    return county
