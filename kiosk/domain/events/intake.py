"""What the station tells about intakes: their bags, their money, the paper behind them, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.events.event import EventData
from kiosk.domain.events.scale import ScaleData
from kiosk.domain.intake import AbandonReason, ConfirmedIntake
from kiosk.domain.metrology.frames import frames_sha256
from kiosk.domain.void import Void


@dataclass(frozen=True, slots=True)
class CertificateData:
    """Kind and reference, or none and a reason."""

    kind: str
    ref: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class BagData:
    """One line: grams and fen."""

    bag: int
    gross_g: int
    tare_g: int
    net_g: int
    amount_fen: int
    container: str
    tare_source: str
    reading: int
    load: int
    stable_ms: int
    frames_sha256: str | None = None  # Hash of the raw frames that are kept with this bag at the station
    code: str | None = None  # The internal code on the label of this bag; none in events of before bags had one


@dataclass(frozen=True, slots=True)
class IntakeConfirmed(EventData):
    """Both sides agreed. For a consignment the price is a reference and the amount an estimate."""

    TYPE: ClassVar[str] = "station.intake.confirmed.v1"
    receipt: str
    lot: str
    owner: str
    party: str
    mode: str
    product: str
    catalog_version: int
    price_fen_per_kg: int
    bags: tuple[BagData, ...]
    gross_g: int
    tare_g: int
    net_g: int
    amount_fen: int
    certificate: CertificateData
    metrology: str  # Version and digits of the legally relevant software
    scale: ScaleData | None = None

    @classmethod
    def of(cls, confirmed: ConfirmedIntake, metrology: str) -> IntakeConfirmed:
        intake, certificate = confirmed.intake, confirmed.certificate
        return cls(
            receipt=str(intake.receipt),
            lot=confirmed.lot,
            owner=confirmed.owner,
            party=str(intake.party),
            mode=intake.mode.value,
            product=intake.product,
            catalog_version=intake.catalog_version,
            price_fen_per_kg=intake.price_fen_per_kg,
            bags=tuple(
                BagData(
                    bag=line.number,
                    gross_g=line.gross_g,
                    tare_g=line.tare_g,
                    net_g=line.net_g,
                    amount_fen=line.amount_fen,
                    container=line.container,
                    tare_source=line.tare_source.value,
                    reading=line.weighing.reading_no,
                    load=line.weighing.load_no,
                    stable_ms=line.weighing.stable_ms,
                    frames_sha256=frames_sha256(line.weighing.frames),
                    code=intake.receipt.bag_code(line.number),
                )
                for line in intake.lines
            ),
            gross_g=intake.gross_g,
            tare_g=intake.tare_g,
            net_g=intake.net_g,
            amount_fen=intake.amount_fen,
            certificate=CertificateData(
                certificate.kind.value, certificate.ref, certificate.reason.value if certificate.reason else None
            ),
            metrology=metrology,
            scale=ScaleData.of(confirmed.scale) if confirmed.scale else None,
        )


@dataclass(frozen=True, slots=True)
class IntakeAbandoned(EventData):
    """A receipt number was taken and no intake came of it."""

    TYPE: ClassVar[str] = "station.intake.abandoned.v1"
    receipt: str
    stage: str  # `opened` or `weighed`
    why: AbandonReason


@dataclass(frozen=True, slots=True)
class IntakeVoided(EventData):
    """A confirmed intake does not count; two people said so."""

    TYPE: ClassVar[str] = "station.intake.voided.v1"
    receipt: str
    lot: str
    reason: str
    actors: tuple[str, str]
    replacement: str | None

    @classmethod
    def of(cls, void: Void) -> IntakeVoided:
        return cls(
            receipt=str(void.receipt),
            lot=void.receipt.lot,
            reason=void.reason.value,
            actors=(void.actor, void.witness),
            replacement=str(void.replacement) if void.replacement else None,
        )
