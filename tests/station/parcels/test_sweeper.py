"""What time does: overdue, due back, forgotten; and nothing of it by a clock nobody set."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from kiosk.base.worker import Worker
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import ParcelState
from kiosk.station.parcels.sweeper import ParcelSweep, Sweeper
from kiosk.store import StoreError
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import CounterRig
from tests.station.hardware import WAIT_S

DAY_S = 86_400.0


def sweep_of(rig: CounterRig, on_moved: Callable[[], None] = lambda: None) -> ParcelSweep:
    return ParcelSweep(rig.store, rig.photos, rig.parcels, rig.clock.stamp, on_moved)


def state(rig: CounterRig, number: object) -> ParcelState:
    row = rig.store.parcels.by_waybill("SF1000000000001")
    assert row is not None
    assert row.number == number
    return row.state


def test_three_days_overdue_seven_due_back_and_both_still_collectable(rig: CounterRig) -> None:
    row = rig.bring()
    code = rig.code_of(row)
    states = []
    for days in (2.9, 0.2, 3.8, 0.2):
        rig.clock.wait(days * DAY_S)
        assert sweep_of(rig).sweep()
        states.append(state(rig, row.number))
    assert states == [ParcelState.NOTICED, ParcelState.OVERDUE, ParcelState.OVERDUE, ParcelState.RETURN_DUE]
    rig.session = rig.access.sign_in("01", "482913")
    assert collect_by_code(rig.counter, rig.session, code).state is ParcelState.COLLECTED


@pytest.mark.parametrize("quality", [ClockQuality.UNSET, ClockQuality.RESTORED])
def test_a_clock_that_jumps_moves_and_erases_nothing(rig: CounterRig, quality: ClockQuality) -> None:
    kept = rig.bring_damaged(1)
    sha256 = rig.click(kept.number)
    accepted = rig.counter.shelf.accept_damaged(rig.session, str(kept.number))
    collect_by_code(rig.counter, rig.session, rig.code_of(accepted))
    row = rig.bring(2)
    rig.clock.quality(quality)
    rig.clock.jump(365 * 14)
    assert not sweep_of(rig).sweep()
    assert rig.counter.shelf.parcel(rig.session, str(row.number)).state is ParcelState.NOTICED
    assert rig.photos.path(sha256) is not None
    assert rig.store.parcels.by_number(kept.number).waybill != ""  # type: ignore[union-attr]


def test_seven_days_after_the_close_waybill_and_picture_are_gone_and_the_hash_stays(rig: CounterRig) -> None:
    row = rig.bring_damaged()
    sha256 = rig.click(row.number)
    accepted = rig.counter.shelf.accept_damaged(rig.session, str(row.number))
    rig.clock.wait(30 * DAY_S)
    assert sweep_of(rig).sweep()
    assert rig.photos.path(sha256) is not None, "an open one keeps its picture"
    rig.session = rig.access.sign_in("01", "482913")
    collect_by_code(rig.counter, rig.session, rig.code_of(accepted))
    rig.clock.wait(6.9 * DAY_S)
    assert sweep_of(rig).sweep()
    assert rig.photos.path(sha256) is not None
    rig.clock.wait(0.2 * DAY_S)
    assert sweep_of(rig).sweep()
    assert rig.photos.path(sha256) is None
    forgotten = rig.store.parcels.by_number(row.number)
    assert forgotten is not None
    assert (forgotten.waybill, forgotten.phone_last4, forgotten.photo_sha256) == ("", None, sha256)


class TestThread:
    def test_sweeps_as_soon_as_the_clock_is_set(self, rig: CounterRig) -> None:
        rig.bring()
        rig.clock.wait(4 * DAY_S)
        rig.clock.quality(ClockQuality.RESTORED)
        ticked, swept = threading.Event(), threading.Event()
        thread = Worker("sweeper", Sweeper(sweep_of(rig, swept.set), ticked.set, tick_s=0.01, sweep_s=60).step)
        thread.start()
        assert ticked.wait(WAIT_S)
        assert not swept.is_set()
        rig.clock.quality(ClockQuality.SYNCED)
        assert swept.wait(WAIT_S)
        thread.stop()
        assert rig.store.parcels.in_states([ParcelState.OVERDUE])

    @pytest.mark.parametrize("error", [StoreError("the card does not answer"), RuntimeError("anything")])
    def test_outlives_whatever_is_raised(
        self, rig: CounterRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
    ) -> None:
        rig.bring()
        rig.clock.wait(4 * DAY_S)
        sweep, failed, swept = rig.store.parcels.sweep, threading.Event(), threading.Event()

        def failing(*arguments: object) -> object:
            if not failed.is_set():
                failed.set()
                raise error
            return sweep(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(rig.store.parcels, "sweep", failing)
        sweeper = Sweeper(sweep_of(rig, swept.set), lambda: None, tick_s=0.01, sweep_s=0.6)
        thread = Worker("sweeper", sweeper.step, retry_s=0.01)
        thread.start()
        assert failed.wait(WAIT_S)
        assert swept.wait(WAIT_S)
        thread.stop()
        assert str(error) in caplog.text
