"""A village of paper for the bench: it obeys every word there is and remembers it; nothing is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from kiosk.simulators.bench.bench import KINDS
from kiosk.simulators.shared.center_access import CenterAccess, SignIn
from kiosk.simulators.shared.counter_stock import CounterStock
from kiosk.simulators.shared.faults import parse_fault

ACCESS = CenterAccess("demo", "melon and almond", "sct_x", (SignIn("viewer", "pear and quince"),))
NOBODY = "http://127.0.0.1:1"
"""Where no program listens."""


@dataclass
class Drawn:
    printed: tuple[Path, ...] = ()


@dataclass
class Seen:
    path: Path
    state: str = "badam"


@dataclass
class Living:
    running: bool = True


@dataclass
class Lit:
    shown: dict[str, str] | None = None

    def lamps(self) -> dict[str, str] | None:
        return self.shown


@dataclass
class PaperVillage:
    """``fails`` is raised instead of obeying."""

    folder: Path
    station_url: str = NOBODY
    center_url: str = NOBODY
    storefront_url: str | None = None
    center_access: CenterAccess = ACCESS
    county_news: str = ""
    label_printer: Drawn = field(default_factory=Drawn)
    receipt_printer: Drawn = field(default_factory=Drawn)
    broker: Living = field(default_factory=Living)
    panel: Lit = field(default_factory=Lit)
    said: list[tuple[str, str]] = field(default_factory=list)
    fails: Exception | None = None
    counter_stock: CounterStock | None = None

    def __post_init__(self) -> None:
        self.camera = Seen(self.folder / "scene.jpg")
        self.catalog = self.folder / "catalog.toml"
        with as_file(files("kiosk.catalogs").joinpath("yarkant.toml")) as sample:
            self.catalog.write_bytes(sample.read_bytes())

    def command(self, device: str, text: str) -> None:
        if self.fails is not None:
            raise self.fails
        parse_fault(KINDS[device], text)
        self.said.append((device, text))
