"""The bench without its page: says fault words to the devices of a village, and knows how they stand."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

from kiosk.domain.catalog import Catalog
from kiosk.simulators.bench.county import CountyStatus
from kiosk.simulators.bench.fault_words import KINDS, WordsInForce
from kiosk.simulators.bench.goods import lying
from kiosk.simulators.bench.ports import PaperPictures, VillageParts
from kiosk.simulators.shared.faults import BadFaultWord
from kiosk.texts import formats

_MAX_TEXT: Final = 256
_PAPERS: Final = 6


class Bench:
    """All methods may be called from any thread."""

    def __init__(self, village: VillageParts, catalog: Catalog) -> None:
        self.village = village
        self.catalog = catalog
        self._words = WordsInForce()
        self._county = CountyStatus(village.station_url, village.center_url, village.center_access.token, catalog)
        # A program that is being started must not be killed by a second click halfway.
        self._locks = {device: threading.Lock() for device in KINDS}

    def say(self, device: str, text: str) -> None:
        """Apply a fault word; raises BadFaultWord, and OSError or RuntimeError when the machine cannot do it."""
        if device not in KINDS:
            raise BadFaultWord(f"{device!r} is not on the bench; there are {', '.join(KINDS)}")
        if len(text) > _MAX_TEXT or not _encodes(text):
            raise BadFaultWord(f"a fault word is text of at most {_MAX_TEXT} characters")
        with self._locks[device]:
            self.village.command(device, text)
            self._words.note(device, text)

    def state(self) -> dict[str, Any]:
        """Everything the page shows, as JSON can hold it."""
        load_g = self._words.load_g
        return {
            "pan": {"text": formats.kilograms(load_g), "picture": lying(load_g)},
            "words": {device: self._words.in_force(device) for device in KINDS if device != "camera"},
            "camera": {"state": self.village.camera.state, "version": _version(self.village.camera.path)},
            "broker": self.village.broker.running,
            "panel": self.village.panel.lamps(),
            "papers": {name: newest(printer) for name, printer in self.printers.items()},
            **self._county.read(),
        }

    @property
    def printers(self) -> dict[str, PaperPictures]:
        """By the names of the bench."""
        return {"label": self.village.label_printer, "receipt": self.village.receipt_printer}


def _encodes(text: str) -> bool:
    """JSON can carry half a surrogate pair, a wire cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _version(picture: Path) -> str | None:
    try:
        return str(picture.stat().st_mtime_ns)
    except OSError:
        return None


def newest(printer: PaperPictures) -> list[str]:
    """File names of the newest pictures, newest first."""
    return [path.name for path in reversed(printer.printed[-_PAPERS:])]
