"""The intake: goods brought in, weighed bag by bag, agreed on once, never changed afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from kiosk.domain.identifiers import MAX_BAGS, ReceiptNumber
from kiosk.domain.mass import MAX_GROSS_G
from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.domain.money import MAX_FEN_PER_KG, amount_fen
from kiosk.domain.trade import Certificate, Mode, Party


class IntakeRefused(ValueError):
    """A rule forbids this step; ``code`` is a stable word the screens have a sentence for."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class IntakeState(StrEnum):
    """The receipt number is taken at OPENED, so the abandoned ones stay visible in the series."""

    OPENED = "opened"
    CONFIRMED = "confirmed"
    ABANDONED = "abandoned"


class AbandonReason(StrEnum):
    """Why a taken receipt number never became an intake."""

    LEFT = "left"
    IDLE = "idle"
    RESTART = "restart"


class TareSource(StrEnum):
    """Where a line's tare came from."""

    PRESET = "preset"
    WEIGHED = "weighed"


@dataclass(frozen=True, slots=True)
class Weighing:
    """One accepted load: what the screen showed as stable, and the evidence that it was, raw frames included."""

    gross_g: int
    reading_no: int
    load_no: int
    stable_ms: int
    readings: int
    frames: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.gross_g <= MAX_GROSS_G or self.reading_no < 1 or self.load_no < 1:
            raise ValueError(f"a weighing has 1 to {MAX_GROSS_G} g, a reading number and a load number")


@dataclass(frozen=True, slots=True)
class IntakeLine:
    """One bag: gross − tare = net, and its own rounded amount in fen."""

    number: int
    weighing: Weighing
    container: str
    tare_source: TareSource
    tare_g: int
    price_fen_per_kg: int

    def __post_init__(self) -> None:
        if self.tare_g < 0 or not 0 <= self.price_fen_per_kg <= MAX_FEN_PER_KG or self.number < 1:
            raise ValueError(f"the tare is not negative, a price is 0 to {MAX_FEN_PER_KG}, lines count from 1")
        if self.tare_g >= self.weighing.gross_g:
            raise IntakeRefused("tare_too_heavy", "the container weighs as much as the whole load")

    @property
    def gross_g(self) -> int:
        """Grams as the indicator showed them."""
        return self.weighing.gross_g

    @property
    def net_g(self) -> int:
        """Grams of goods (OIML R 76-1:2006, T.5.2.3: net = gross − tare)."""
        return self.weighing.gross_g - self.tare_g

    @property
    def amount_fen(self) -> int:
        """Fen for this line, rounded half up once."""
        return amount_fen(self.net_g, self.price_fen_per_kg)


@dataclass(frozen=True, slots=True)
class Intake:
    """An intake from the moment goods are chosen. Each step gives a new value; nothing changes in place."""

    receipt: ReceiptNumber
    party: Party
    product: str
    mode: Mode
    catalog_version: int
    price_fen_per_kg: int
    lines: tuple[IntakeLine, ...] = ()

    def with_bag(self, weighing: Weighing, container: str, tare_source: TareSource, tare_g: int) -> Intake:
        """Add one bag. Raises IntakeRefused: too many bags, a load already counted, a tare not below the gross."""
        if len(self.lines) >= MAX_BAGS:
            raise IntakeRefused("too_many_bags", f"one receipt holds {MAX_BAGS} bags: finish this one first")
        if any(line.weighing.load_no == weighing.load_no for line in self.lines):
            raise IntakeRefused("load_already_counted", "this load is already counted: take it off the pan first")
        line = IntakeLine(len(self.lines) + 1, weighing, container, tare_source, tare_g, self.price_fen_per_kg)
        return replace(self, lines=(*self.lines, line))

    @property
    def gross_g(self) -> int:
        """Grams, all bags."""
        return sum(line.gross_g for line in self.lines)

    @property
    def tare_g(self) -> int:
        """Grams, all containers."""
        return sum(line.tare_g for line in self.lines)

    @property
    def net_g(self) -> int:
        """Grams, all goods."""
        return sum(line.net_g for line in self.lines)

    @property
    def amount_fen(self) -> int:
        """Fen: the sum of the rounded lines."""
        return sum(line.amount_fen for line in self.lines)

    def confirm(self, certificate: Certificate, scale: ScaleLegalStatus | None = None) -> ConfirmedIntake:
        """Confirm what both sides agreed on; raises IntakeRefused when there is nothing to agree on."""
        if not self.lines:
            raise IntakeRefused("nothing_weighed", "nothing has been weighed yet")
        return ConfirmedIntake(self, certificate, scale)


@dataclass(frozen=True, slots=True)
class ConfirmedIntake:
    """A document. It never changes; a mistake is answered by a Void. ``scale`` is what the scale was worth then."""

    intake: Intake
    certificate: Certificate
    scale: ScaleLegalStatus | None = None

    @property
    def lot(self) -> str:
        """The lot these goods form; purchase makes the cooperative its owner, consignment leaves the farmer owner."""
        return self.intake.receipt.lot

    @property
    def owner(self) -> str:
        """The owner of the lot: the cooperative, or the party itself."""
        return "cooperative" if self.intake.mode is Mode.PURCHASE else str(self.intake.party)
