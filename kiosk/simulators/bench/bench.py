"""The bench without its page: sends fault words to the devices of a village, and knows their state."""

from __future__ import annotations

import json
import threading
import time
import tomllib
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from kiosk.domain.catalog import Catalog
from kiosk.simulators.printer.mechanism import SimulatedPrinter
from kiosk.simulators.scale.pan import grams
from kiosk.simulators.shared.faults import FAULT_WORDS, BadFaultWord, FaultWord
from kiosk.simulators.village import Village
from kiosk.texts import formats
from kiosk.texts.plain import plain

_TIMEOUT_S: Final = 1.0
_MAX_BYTES: Final = 1 << 20
_MAX_AGE_S: Final = 0.8
_ROWS: Final = 5
# Feed positions read again for the newest intakes: every intake brings a few events of other types. If there is no
# intake among them, the positions before are read next.
_FEED_POSITIONS: Final = 200
_MAX_INTAKES: Final = 1000
Answer = dict[str, Any]
_BROKEN = (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError)


class CountyStatus:
    """Asks at most once in 0.8 s, however many pages are open; an answer that makes no sense is no answer."""

    def __init__(self, station_url: str, center_url: str, center_token: str, catalog: Catalog) -> None:
        """Store addresses; ``center_token`` gives access to the figures of the sorting center."""
        self._station_url, self._center_url, self._center_token = station_url, center_url, center_token
        self._pictures = {row.code: row.picture for row in catalog.products}
        self._lock = threading.Lock()
        self._answers: Answer = {}
        self._good_until = 0.0
        self._feed_end = 0

    def read(self) -> Answer:
        """Return ``station`` and ``center``, each with ``answers``."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                self._answers = {"station": self._station(), "center": self._center()}
                self._good_until = time.monotonic() + _MAX_AGE_S
            return self._answers

    def _station(self) -> Answer:
        try:
            answer = fetch(self._station_url, "/health")
            marks = {name: plain(str(answer[name]), 20) for name in ("scale", "printer", "link")}
            return {"answers": True, "pending": _whole(answer["pending"]), **marks}
        except _BROKEN:
            return {"answers": False, "pending": None}

    def _center(self) -> Answer:
        try:
            answer = fetch(self._center_url, "/ledger/summary.json", self._center_token)
            path = f"/intakes.json?after_feedseq={max(0, self._feed_end - _FEED_POSITIONS)}&limit={_MAX_INTAKES}"
            page = fetch(self._center_url, path, self._center_token)
            rows, self._feed_end = page["intakes"][-_ROWS:], _whole(page["last"])
            return {
                "answers": True,
                "events": formats.number(_whole(answer["events"])),
                "intakes": formats.number(_whole(answer["totals"]["intakes"])),
                "net": formats.kg_text(_whole(answer["totals"]["net_g"])),
                "amount": formats.money(_whole(answer["totals"]["amount_fen"])),
                "rows": [self._row(row) for row in reversed(rows)],
            }
        except _BROKEN:
            return {"answers": False, "rows": []}

    def _row(self, row: Answer) -> Answer:
        return {
            "receipt": plain(str(row["receipt"]), 20),
            "product": plain(str(row["product"]), 20),
            "picture": self._pictures.get(row["product"], "other"),
            "net": formats.kg_text(_whole(row["net_g"])),
            "amount": formats.money(_whole(row["amount_fen"])),
            "voided": row["voided"] is True,
        }


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is no whole number")


def fetch(url: str, path: str, token: str = "") -> Any:
    """Get the JSON at an address of this machine; raises OSError, HTTPException or ValueError."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_S)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        reply = connection.getresponse()
        body = reply.read(_MAX_BYTES + 1)
        if reply.status != 200 or len(body) > _MAX_BYTES:
            raise ValueError(f"{url}{path} answers {reply.status} with {len(body)} bytes")
        return json.loads(body)


_TABLES: Final = tomllib.loads(Path(__file__).with_name("bench.toml").read_text(encoding="utf-8"))
KINDS: Final = msgspec.convert(_TABLES["kinds"], dict[str, str])
# Words that put something right; their buttons look different.
CURES = frozenset({"take", "replug", "paper-in", "on", "up", "restart"})
# Words that leave nothing behind which could still be wrong a moment later.
_PASSING = CURES | {"put", "cut", "garble", "scan", "burst", "keyboard", "press", "hold", "scene", "stall"}
_NEUTRAL = frozenset({"unit kg", "net 0kg"})
_ENDS: Final = msgspec.convert(_TABLES["ends"], dict[str, dict[str, frozenset[str]]])


def words_of(device: str) -> tuple[FaultWord, ...]:
    """List the buttons of one device, in the order of the list; raises KeyError for an unknown device."""
    kind = KINDS[device]
    return tuple(row for row in FAULT_WORDS if row.device == kind)


class WordsInForce:
    """The accepted fault words: the simulators obey them, and are not queried for their state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._load_g = 0
        self._in_force: dict[str, dict[str, str]] = {device: {} for device in KINDS}

    def note(self, device: str, text: str) -> None:
        word, _, argument = text.strip().partition(" ")
        with self._lock:
            words = self._in_force[device]
            for ended in _ENDS.get(KINDS[device], {}).get(word, ()):
                words.pop(ended, None)
            if text.strip() in _NEUTRAL:
                words.pop(word, None)
            elif word not in _PASSING and device != "power":
                words[word] = text.strip()
            if device == "scale" and word in ("put", "take"):
                self._load_g = grams(argument) if word == "put" else 0

    def in_force(self, device: str) -> list[str]:
        with self._lock:
            return list(self._in_force[device].values())

    @property
    def load_g(self) -> int:
        with self._lock:
            return self._load_g


@dataclass(frozen=True, slots=True)
class BenchProduct:
    """``picture`` names a drawing."""

    name: str
    picture: str
    grams: int
    meaning: str


GOODS: Final = msgspec.convert(_TABLES["goods"], tuple[BenchProduct, ...])

_BUCKET_G, _SACK_G = 8_000, 16_000

SCENE_PICTURES: Final = msgspec.convert(_TABLES["scene_pictures"], dict[str, str])


def lying(load_g: int) -> str:
    """Name the drawing of a load in grams: the goods of exactly this mass, else by size; "" for an empty pan."""
    if load_g <= 0:
        return ""
    known = next((row.picture for row in GOODS if row.grams == load_g), None)
    if known is not None:
        return known
    return "bucket" if load_g < _BUCKET_G else "sack" if load_g < _SACK_G else "crate"


@cache
def drawings() -> dict[str, Traversable]:
    """Return the station's drawings by name: read as files, so that its web code is not imported."""
    folder = files("kiosk").joinpath("web", "static", "drawings")
    return {row.name.removesuffix(".svg"): row for row in folder.iterdir() if row.name.endswith(".svg")}


_MAX_TEXT: Final = 700  # `scan` and the signed code of a receipt
_PAPERS: Final = 6


class Bench:
    """All methods may be called from any thread."""

    def __init__(self, village: Village, catalog: Catalog) -> None:
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
        if len(text) > _MAX_TEXT or any("\ud800" <= character <= "\udfff" for character in text):
            raise BadFaultWord(f"a fault word is text of at most {_MAX_TEXT} characters")
        with self._locks[device]:
            self.village.command(device, text)
            self._words.note(device, text)

    def state(self) -> dict[str, Any]:
        load_g = self._words.load_g
        return {
            "pan": {"text": formats.kilograms(load_g), "picture": lying(load_g)},
            "words": {device: self._words.in_force(device) for device in KINDS if device != "camera"},
            "camera": {"state": self.village.camera.state, "version": _version(self.village.camera.path)},
            "broker": self.village.broker.running,
            "panel": self.village.panel.lamps(),
            "county": self.village.county_news,
            "papers": {name: newest(printer) for name, printer in self.printers.items()},
            **self._county.read(),
        }

    @property
    def printers(self) -> dict[str, SimulatedPrinter]:
        """By the names of the bench."""
        return {"label": self.village.label_printer, "receipt": self.village.receipt_printer}


def _version(picture: Path) -> str | None:
    try:
        return str(picture.stat().st_mtime_ns)
    except OSError:
        return None


def newest(printer: SimulatedPrinter) -> list[str]:
    return [path.name for path in reversed(printer.printed[-_PAPERS:])]
