"""A station with a county: its inbox, and documents that the county might send."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.configuration import RefusalReason
from kiosk.domain.moment import ClockQuality
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.catalog.tables import ContainerTable, NamesTable, PriceTable, ProductTable
from kiosk.messaging.contract.configuration import (
    DOCUMENT,
    ClerkRow,
    ClerksPart,
    ConfigurationDocument,
    ContainersPart,
    GoodsPart,
    MemberRow,
    MembersPart,
    Part,
    PricesPart,
    encode_part,
    parse_document,
    part_file,
    to_base64,
)
from kiosk.station.configuration.county import StationCounty
from kiosk.station.configuration.inbox import InboxTools
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Stamp, Store
from tests.station.fakes import MOMENT, STAMP

NAMES = NamesTable("بادام", "巴旦木", "Badam")
GOODS = GoodsPart((ProductTable("BADAM", NAMES, "badam"), ProductTable("HONEY", NAMES, "honey")))
CONTAINERS = ContainersPart((ContainerTable("BARE", NAMES, 0, "none"),))
MEMBERS = MembersPart((MemberRow("M-00001", "Aygul"),))
PEOPLE = ClerksPart((ClerkRow("01", "Patime", "technician"), ClerkRow("02", "Memet", "clerk")))
KEY = Ed25519Key(bytes(32))
# As the certificate of the county's key has it; the rest of it is for the check of signatures, which is a fake here.
CERTIFICATE = to_base64(b"county" + bytes.fromhex("302a300506032b6570032100") + KEY.public + b"end")
ISSUED = "2026-11-25T06:00:00Z"


def prices(fen: int, *later: tuple[str, int]) -> PricesPart:
    """Of badam, from always on and from these days on."""
    return PricesPart(tuple(PriceTable("BADAM", Mode.PURCHASE, price, since) for since, price in [("", fen), *later]))


@dataclass(frozen=True)
class Sent:
    """A document with the bytes of its parts."""

    content: bytes
    parts: dict[str, bytes]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def changed(self, **fields: Any) -> Sent:
        """Signed again, unless the signature is given."""
        made = msgspec.structs.replace(parse_document(self.content), **fields)
        return Sent((made if "signature" in fields else signed(made)).encode(), self.parts)

    def put_into(self, folder: Path) -> None:
        """Parts first, as the relay and a stick do."""
        folder.mkdir(parents=True, exist_ok=True)
        for sha256, content in self.parts.items():
            (folder / part_file(sha256)).write_bytes(content)
        (folder / DOCUMENT).write_bytes(self.content)


def signed(made: ConfigurationDocument) -> ConfigurationDocument:
    """As the fake check believes it."""
    return msgspec.structs.replace(made, signature=hashlib.sha256(made.signed_bytes()).hexdigest())


def document(number: int, key: int = 1, effective: str | None = None, issued: str = ISSUED, **parts: Any) -> Sent:
    """Goods and a price of ``number`` fen, unless ``parts`` says otherwise."""
    if not parts:
        parts = {"goods": GOODS, "prices": prices(number), "containers": CONTAINERS}
    made = {name: part if isinstance(part, bytes) else encode_part(part) for name, part in parts.items()}
    named = {name: Part.of(content) for name, content in made.items()}
    sent = ConfigurationDocument("S0147", "yarkant", (key, number), issued, effective, named, CERTIFICATE)
    return Sent(signed(sent).encode(), {named[name].sha256: content for name, content in made.items()})


def signature(content: bytes) -> RefusalReason | None:
    found = parse_document(content)
    if found.certificate != CERTIFICATE:
        return RefusalReason.OTHER_COUNTY
    return None if found == signed(found) else RefusalReason.SIGNATURE


@dataclass
class CountyRig:
    store: Store
    data: Path
    moment: Any = MOMENT
    busy: str | None = None
    open_goods: list[str] = field(default_factory=list)
    media: list[Path] = field(default_factory=list)
    sent_events: int = 0

    def __post_init__(self) -> None:
        self.settings = StationSettings("S0147", "yarkant", self.data)
        self.folder = self.data / "configuration"
        self.layouts: Any = {}
        self.start()

    def start(self) -> None:
        """As after a restart; the worker is stepped by hand."""
        tools = InboxTools(
            self.settings,
            self.store,
            self.stamp,
            signature,
            lambda: self.busy,
            lambda: self.open_goods,
            lambda live: self.__setattr__("layouts", live.layouts),
            self._on_event,
        )
        self.county = StationCounty(tools, True, lambda: self.media)
        self.county.load()

    def stamp(self) -> Stamp:
        return replace(STAMP, moment=self.moment)

    def on(self, day: str, quality: ClockQuality = ClockQuality.SYNCED) -> None:
        """Noon of the day in the village."""
        self.moment = replace(
            MOMENT, utc=datetime.fromisoformat(f"{day}T04:00:00").replace(tzinfo=UTC), quality=quality
        )

    def later(self, hours: float) -> None:
        self.moment = replace(self.moment, utc=self.moment.utc + timedelta(hours=hours))

    def step(self, times: int = 3) -> None:
        for _ in range(times):
            self.county.step()

    def receive(self, sent: Sent) -> None:
        sent.put_into(self.folder)
        self.step()

    def events(self, kind: str) -> list[dict[str, Any]]:
        rows = self.store.outbox.pending(10_000)
        return [json.loads(row.body)["data"] for row in rows if row.type == f"station.{kind}.v1"]

    def refusals(self) -> list[str]:
        return [row["reason"] for row in self.events("config.refused")]

    def price(self) -> int | None:
        return self.store.catalogs.get()[1].price("BADAM", Mode.PURCHASE)

    def version(self) -> str:
        found = self.county.in_force()
        return str(found.version) if found else ""

    def _on_event(self) -> None:
        self.sent_events += 1
