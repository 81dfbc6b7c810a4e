"""A station as the sorting center meets it: a journal of sealed, linked events."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from kiosk.domain.events import (
    BagData,
    CertificateData,
    EpochStarted,
    EventData,
    IntakeConfirmed,
    IntakeVoided,
    ListingSubmitted,
    PhotoAccepted,
)
from kiosk.domain.events.photo import PictureData, WordsData
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.money import amount_fen
from kiosk.domain.verdict import Measures
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, SealedEvent, seal
from kiosk.messaging.contract.strict_json import canonical

NOW = "2026-11-25T04:00:00.000Z"
_MOMENT = Moment(datetime(2026, 11, 25, 3, 0, tzinfo=UTC), "Asia/Shanghai", 480, ClockQuality.SYNCED, "boot-1", 1_000)


def believed(event: ReceivedEvent) -> ReceivedEvent:
    """Past the rules: what should never be in a ledger must still not make anything fail."""
    return replace(event, problem=None)


def of_weight(net_g: int, price: int = 2400) -> dict[str, object]:
    """Fields of another intake, of one bag whose figures agree."""
    amount = amount_fen(net_g, price)
    bag = BagData(1, net_g + 160, 160, net_g, amount, "SACK", "preset", 1, 1, 1200)
    figures = {"gross_g": net_g + 160, "tare_g": 160, "net_g": net_g, "amount_fen": amount}
    return {"bags": (bag,), "price_fen_per_kg": price, **figures}


def confirmed(station: str, counter: int, **changes: object) -> IntakeConfirmed:
    receipt = ReceiptNumber(station, "A", counter)
    bag = BagData(1, 12_610, 160, 12_450, 29_880, "SACK", "preset", counter, counter, 1200)
    values: dict[str, object] = {
        "receipt": str(receipt),
        "lot": receipt.lot,
        "owner": "Y1P00412",
        "party": "M-04412",
        "mode": "consignment",
        "product": "BADAM",
        "catalog_version": 1,
        "price_fen_per_kg": 2400,
        "bags": (bag,),
        "gross_g": 12_610,
        "tare_g": 160,
        "net_g": 12_450,
        "amount_fen": 29_880,
        "certificate": CertificateData("producer", "C-1", None),
        "metrology": "1.0 abcd",
    }
    found = IntakeConfirmed(**{**values, **changes})  # type: ignore[arg-type]
    if "receipt" in changes:
        return found
    coded = (dataclasses.replace(one, code=receipt.bag_code(number)) for number, one in enumerate(found.bags, 1))
    return dataclasses.replace(found, bags=tuple(coded))


def offered(lot: str, photos: tuple[str, ...], **changes: object) -> ListingSubmitted:
    """A lot of almonds as a clerk offers it."""
    values: dict[str, object] = {
        "lot": lot,
        "product": "BADAM",
        "catalog_version": 1,
        "photos": photos,
        "pack_g": 500,
        "price_fen": 5800,
        "title": WordsData("بادام", "巴旦木", "Almonds"),
        "story": WordsData("يېڭى", "新货", "Of this autumn"),
        "storage": WordsData("", "阴凉处", "Keep cool"),
        "origin": "SHACHE",
        "grade": "A",
        "harvest": "2026-09",
        "allergens": ("tree_nuts",),
        "actor": "clerk:07",
    }
    return ListingSubmitted(**{**values, **changes})  # type: ignore[arg-type]


WORDS: Mapping[str, Any] = {
    "origin_words": WordsData("يەكەن", "莎车县", "Yarkant"),
    "grade_words": WordsData("", "一级", "First"),
}
"""Of an offer."""


def without_words(body: bytes) -> bytes:
    """An offer as stations told it before there were words of origin and grade."""
    event = json.loads(body)
    for name in WORDS:
        del event["data"][name]
    return canonical(event)


def without_bag_codes(data: IntakeConfirmed) -> dict[str, Any]:
    """An intake as stations told it before bags had codes."""
    told: dict[str, Any] = msgspec.to_builtins(data)
    for bag in told["bags"]:
        del bag["code"]
    return told


class Station:
    """A station's journal, kept in memory: seals what it is given and links it to what came before.

    ``bag_codes`` is false for one of before bags had codes: its events do not have the field.
    """

    def __init__(self, station: str = "S0147", epoch: str = "00112233445566aa", *, bag_codes: bool = True) -> None:
        self.station = station
        self.epoch = epoch
        self._bag_codes = bag_codes
        self.sealed: list[SealedEvent] = []

    @property
    def head(self) -> str:
        return self.sealed[-1].sha256 if self.sealed else ZERO_HASH

    def add(self, data: EventData, *, prevhash: str | None = None, reissued: str | None = None) -> ReceivedEvent:
        self.sealed.append(
            seal(
                data,
                EventSource(self.station, "1.0.0"),
                JournalPosition(
                    self.epoch, len(self.sealed) + 1, self.head if prevhash is None else prevhash, reissued=reissued
                ),
                _MOMENT,
                None if self._bag_codes or not isinstance(data, IntakeConfirmed) else without_bag_codes(data),
            )
        )
        return parse_event(self.sealed[-1].body)

    def start(self) -> ReceivedEvent:
        return self.add(EpochStarted("A", "new"))

    def intake(self, counter: int, **changes: object) -> ReceivedEvent:
        return self.add(confirmed(self.station, counter, **changes))

    def void(self, counter: int, reason: str = "wrong_party", replacement: str | None = None) -> ReceivedEvent:
        receipt = ReceiptNumber(self.station, "A", counter)
        return self.add(IntakeVoided(str(receipt), receipt.lot, reason, ("clerk:07", "witness:02"), replacement))

    def lot(self, counter: int) -> str:
        """Of the receipt with this number."""
        return ReceiptNumber(self.station, "A", counter).lot

    def shot(self, counter: int, *masters: PictureData) -> list[ReceivedEvent]:
        """Accepted shots of the goods of a lot; the natural picture has the master's hash turned round."""
        lot, measures = self.lot(counter), Measures(3000, 120, 80, 1, 2100, 1500, 4000)
        naturals = [PictureData(one.sha256[::-1], one.size_bytes, one.width, one.height) for one in masters]
        pairs = zip(masters, naturals, strict=True)
        return [self.add(PhotoAccepted(lot, master, natural, measures)) for master, natural in pairs]

    def offer(self, counter: int, *photos: str, **changes: object) -> ReceivedEvent:
        """The lot is offered for sale."""
        return self.add(offered(self.lot(counter), photos, **changes))

    def run(self, count: int) -> list[ReceivedEvent]:
        """``count`` events: the start of the epoch, then intakes."""
        return [self.start(), *(self.intake(counter) for counter in range(1, count))][:count]

    def raw(self, **changes: object) -> ReceivedEvent:
        """The next event with envelope attributes changed, as a later or broken station would send it."""
        body = json.loads(self.intake(len(self.sealed) + 1).body)
        sealed = self.sealed.pop()
        event = parse_event(json.dumps({**body, **changes}).encode())
        self.sealed.append(SealedEvent(self.epoch, sealed.seq, event.type, event.body, event.sha256))
        return event

    def clone(self) -> Station:
        """A copied disk: the same history, from here on its own."""
        other = Station(self.station, self.epoch)
        other.sealed = list(self.sealed)
        return other
