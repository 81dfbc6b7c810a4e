"""One whole intake through the real pages, from the empty pan to the sorting center's acknowledgement."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from kiosk.protocols.barcodes import reader
from kiosk.simulators.station_client import StationClient, StepFailed
from kiosk.simulators.village import Village


@dataclass
class DemoOutcome:
    """What ``kiosk demo --once`` prints; ``step`` says where it broke off."""

    ok: bool = False
    receipt: str | None = None
    net_g: int | None = None
    label_text: str | None = None
    photo_sha256: str | None = None
    acknowledged: bool = False
    seconds: float = 0.0
    step: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fields, without an empty ``step`` or ``error``."""
        return {
            name: value for name, value in asdict(self).items() if not (name in ("step", "error") and value is None)
        }


@dataclass
class OneIntake:
    """The steps, each named, each within the deadline of the whole."""

    folder: Path
    weight_kg: str = "12.450"
    product: str = "BADAM"
    outcome: DemoOutcome = field(default_factory=DemoOutcome)
    started: float = field(default_factory=time.monotonic)

    def run(self) -> DemoOutcome:
        """Run every step. Never raises: a failure is part of the outcome."""
        try:
            with self._step("start every program"):
                village = Village(self.folder)
            with village, closing(StationClient(village.station_url)) as visitor:
                self._intake(village, visitor)
                with self._step("the label comes out"):
                    if not village.label_printer.wait_for(1, 30):
                        raise StepFailed("no label came out of the printer within 30 s")
                    self.outcome.label_text = read_label(village.label_printer.printed[-1])
                with self._step("the receipt comes out"):
                    if not village.receipt_printer.wait_for(1, 30):
                        raise StepFailed("no receipt came out of the printer within 30 s")
                self._photo(village, visitor)
                with self._step("the sorting center acknowledges"):
                    visitor.wait_live("the acknowledgement", {"acknowledged": True, "pending": 0}, 40)
                    self.outcome.acknowledged = True
            self.outcome.ok = True
            self.outcome.step = None
        except Exception as error:
            self.outcome.error = f"{type(error).__name__}: {error}"
        self.outcome.seconds = round(time.monotonic() - self.started, 2)
        return self.outcome

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.outcome.step = name
        yield

    def _intake(self, village: Village, visitor: StationClient) -> None:
        with self._step("the empty pan rests"):
            visitor.wait_live("an empty pan", {"weight": {"state": "empty"}})
        with self._step("goods on the pan start the intake"):
            village.scale.command(f"put {self.weight_kg}kg")
            visitor.wait_live("the question who", {"step": "who"})
        with self._step("who: no card"):
            visitor.press("/who", "/party", party="non_member")
        with self._step("what: choose the goods"):
            visitor.press("/what", "/product", code=self.product)
        # On a machine that hangs for a second the weight is unknown again when the button is pressed
        for more in (2, 1, 0):
            with self._step("the weight locks"):
                visitor.wait_live("a locked weight", {"step": "agree", "weight": {"state": "locked"}})
            with self._step("agree"):
                page = visitor.post(visitor.get("/agree").form("/agree"))
                if page.status != 409 or not more:
                    break
        if page.status != 200:
            raise StepFailed(f"/agree was refused with {page.status} on {page.path}")
        if page.path != "/take":
            raise StepFailed(f"after agreeing the page was {page.path}")
        row = village.newest_intake()
        self.outcome.receipt, self.outcome.net_g = row.receipt, row.net_g

    def _photo(self, village: Village, visitor: StationClient) -> None:
        with self._step("a shot of the goods"):
            visitor.press("/take", "/photo")
            seen = visitor.wait_live("the shot", {"photo": lambda state: state in ("done", "retake", "failed")}, 30)
            if seen["photo"] != "done":
                reasons = ", ".join(one["code"] for one in seen["photo_reasons"])
                raise StepFailed(f"the shot was not accepted: {reasons}" if reasons else "the shot failed")
            self.outcome.photo_sha256 = village.newest_photo()


def read_label(picture: Path) -> str:
    """Decode a printed picture with an independent reader (zxing-cpp); raises StepFailed when nothing is read.

    A bag's label has its own code and, where there is room, the lot's: the bag's is returned.
    """
    with Image.open(picture) as image:
        symbols = reader.read(image.convert("L"))
    if not symbols:
        raise StepFailed(f"no symbol could be read from {picture.name}")
    return min(symbol.text for symbol in symbols)
