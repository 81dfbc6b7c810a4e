"""A small server below one folder: ledger, desk, settings, authority and photographs."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.base import files
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.server.backup import OPTIONAL, REQUIRED, ServerFiles
from tests.sorting_center.station_journal import Station

NOW = datetime(2026, 12, 1, 22, tzinfo=UTC)
RECEIVED = "2026-12-01T04:00:00.000Z"


def night(number: int) -> datetime:
    return NOW + timedelta(days=number)


class Server:
    """``take_in`` has the next events of its station arrive, ``photograph`` a picture."""

    def __init__(self, root: Path, ledger_url: str = "") -> None:
        self.root = root
        url = ledger_url or f"sqlite:///{root}/var/ledger.db"
        self.files = ServerFiles(url, root / "etc", root / "var/photos")
        self.station = Station()

    def fill(self) -> None:
        for name in (*REQUIRED, *OPTIONAL):
            path = self.files.configuration / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {name}\n")
        (self.root / "var").mkdir()
        with closing(CenterDesk.open(self.files.ledger_url)) as desk:
            desk.people.add("gulnar", StaffRole.ADMIN, "walnut and apricot", NOW)
        self.take_in(5)
        for number in range(3):
            self.photograph(f"picture {number}")

    def take_in(self, events: int) -> None:
        """The first is the start of its epoch."""
        first = [] if self.station.sealed else [self.station.start()]
        known = len(self.station.sealed)
        more = [self.station.intake(known + number) for number in range(events - len(first))]
        with Ledger.open(self.files.ledger_url) as ledger:
            ledger.accept([*first, *more], "yarkant", RECEIVED)

    def photograph(self, content: str) -> Path:
        digits = hashlib.sha256(content.encode()).hexdigest()
        path = self.files.photographs / "yarkant/S0147" / digits[:2] / f"{digits}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path


class PowerCut(BaseException):
    """The machine is off: nobody catches it."""


@contextmanager
def power_cut(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """The power goes before the n-th act that a disk would show."""
    left = [after]

    def around(act: Callable[..., object]) -> Callable[..., object]:
        def acting(*given: object, **named: object) -> object:
            if left[0] == 0:
                raise PowerCut
            left[0] -= 1
            return act(*given, **named)

        return acting

    with monkeypatch.context() as patch:
        for owner, name in (
            *((Path, name) for name in ("replace", "unlink", "mkdir")),
            (shutil, "rmtree"),
            (files, "flush_to_disk"),
            (files, "sync_folder"),
            (os, "sync"),
        ):
            patch.setattr(owner, name, around(getattr(owner, name)))
        yield
