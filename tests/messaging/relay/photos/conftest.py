"""A sorting center that receives pictures, and a line to it, for each test of the lane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.simulators.link import SimulatedLink
from kiosk.sorting_center.ledger import Ledger
from tests.messaging.authority import Authority
from tests.sorting_center.photos.lanes import Listening, Receiving
from tests.sorting_center.station_journal import Station as Journal


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def receiving(ledger: Ledger, tmp_path: Path) -> Iterator[Receiving]:
    with Receiving(ledger, tmp_path / "center") as one:
        yield one


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def center(receiving: Receiving, authority: Authority) -> Iterator[Listening]:
    with Listening(receiving, authority) as listening:
        yield listening


@pytest.fixture
def link(center: Listening) -> Iterator[SimulatedLink]:
    with SimulatedLink(center.port) as line:
        yield line
