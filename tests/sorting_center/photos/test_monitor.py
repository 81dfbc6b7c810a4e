"""What the sorting center says of the process that takes pictures in."""

from __future__ import annotations

import pytest

from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.photos.monitor import STALLED_S, PhotosMonitor
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.shared.health import CenterHealth
from tests.messaging.relay.photos.stations import Clock
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.photos.lanes import Receiving, announce, shots
from tests.sorting_center.station_journal import Station


def test_its_figures_are_the_health_s(receiving: Receiving, station: Station) -> None:
    health = CenterHealth()
    monitor = PhotosMonitor(receiving.ledger, PhotoIndex(receiving.ledger.url), health)
    announce(receiving.ledger, station, *shots(1))
    receiving.follow()
    monitor.start()
    try:
        until(lambda: health.report().photos == {"received": 0, "pending": 1})
        assert health.report().photos_trouble == ""
    finally:
        monitor.stop(SOON_S)


def test_a_process_that_does_not_follow_is_a_trouble_until_it_does(
    receiving: Receiving, station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    health, clock = CenterHealth(), Clock()
    monitor = PhotosMonitor(receiving.ledger, receiving.photos, health, clock)

    def trouble_after(seconds: float) -> str:
        clock.now += seconds
        monitor.check()
        return health.report().photos_trouble

    assert trouble_after(10 * STALLED_S) == "", "there is nothing to follow"
    announce(receiving.ledger, station, *shots(1))
    assert trouble_after(STALLED_S - 1) == "", "it may be on its way"
    assert "sorting-center-photos.service" in trouble_after(1)
    trouble_after(1)
    assert caplog.text.count("sorting-center-photos.service") == 1
    receiving.follow()
    assert trouble_after(1) == ""
    announce(receiving.ledger, station, *shots(3)[1:])
    assert trouble_after(1) == ""
    receiving.follower.step(1)
    assert trouble_after(STALLED_S) == "", "it has moved"


def test_a_list_that_cannot_be_read_is_a_trouble(receiving: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise LedgerError("it is damaged")

    health = CenterHealth()
    monitor = PhotosMonitor(receiving.ledger, receiving.photos, health)
    monkeypatch.setattr(receiving.photos, "position", broken)
    monitor.check()
    assert health.report().photos_trouble == "The list of pictures cannot be read: it is damaged"
