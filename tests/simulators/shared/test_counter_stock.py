"""The counter of the demo: people whose PINs work and lie nowhere, a truck on its way, parcels on the shelf."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.domain.clerk import Role
from kiosk.domain.parcel import WAITING_STATES, ParcelState
from kiosk.protocols.barcodes.waybills import identify
from kiosk.simulators.shared.counter_stock import new_pin, stock_counter
from kiosk.simulators.shared.processes import StartFailed
from kiosk.station.clerk.access import Access
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.parcels.expected_file import parse_expected
from kiosk.station.parcels.pickup_key import CREDENTIALS, PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.clock import StationClock
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Stamp, Store

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
CLOCK = StationClock("Asia/Shanghai", boot_id="this-boot", wall=lambda: NOW.timestamp(), synced=lambda: False)
STAMP = Stamp(CLOCK.now(), "station-kiosk/test")


@pytest.fixture
def settings(tmp_path: Path) -> StationSettings:
    return StationSettings("S0147", "yarkant", tmp_path / "station", "Demo village")


@contextmanager
def opened(settings: StationSettings) -> Iterator[Store]:
    """Opening checks every link of the chain of events."""
    store = Store.open(settings.database, "S0147", STAMP)
    try:
        yield store
    finally:
        store.close()


def key_of(settings: StationSettings) -> PickupKey:
    return PickupKey.load(ParcelSettings(), settings.data, {})


def works(settings: StationSettings, store: Store, number: str, pin: str) -> bool:
    access = Access(store, CounterSettings().lock_after_s, lambda: STAMP, pins=key_of(settings).pins())
    try:
        return access.sign_in(number, pin).person.number == number
    except CounterRefused as refusal:
        assert refusal.code == "wrong_pin"
        return False


def lies_in(folder: Path, digits: str) -> list[str]:
    """Files that hold these digits by themselves: not as a part of a longer number or hash."""
    alone = re.compile(rf"(?<![0-9A-Za-z]){digits}(?![0-9A-Za-z])".encode())
    return [str(path) for path in folder.rglob("*") if path.is_file() and alone.search(path.read_bytes())]


def test_the_first_start(settings: StationSettings) -> None:
    stock = stock_counter(settings, CLOCK)
    assert [worker.role for worker in stock.people] == [Role.CLERK, Role.CLERK, Role.TECHNICIAN]
    assert {identify(text).candidates[0] for text in stock.unknown} == {"YTO", "JD", "YUNDA"}
    assert any(len(identify(text).candidates) > 1 for text in stock.unknown), "one number may be several carriers'"
    assert {row.carrier for row in stock.expected} == {"SF", "YTO"}
    listed = parse_expected((settings.data.parent / "delivery.csv").read_bytes(), "delivery.csv")
    assert tuple(listed) == stock.expected
    with opened(settings) as store:
        assert all(works(settings, store, worker.number, worker.pin) for worker in stock.people)
        assert not any(store.parcels.by_waybill(text) for text in stock.unknown)
        states = [row and row.state for row in map(store.parcels.by_waybill, (row.waybill for row in stock.expected))]
        assert states == [ParcelState.EXPECTED] * 4
        for slip in stock.slips:
            assert store.parcels.by_mac(key_of(settings).mac(slip.code)) == slip.parcel
            assert slip.parcel.shelf is not None
    assert len(stock.slips) == 3
    assert len({slip.parcel.carrier for slip in stock.slips}) > 1
    for secret in [worker.pin for worker in stock.people] + [slip.code for slip in stock.slips]:
        assert secret not in repr(stock)
        assert lies_in(settings.data.parent, secret) == []


def test_the_overdue_one_really_came_in_days_ago(settings: StationSettings) -> None:
    """Its events say so, in their chain: no row was changed afterwards."""
    stock = stock_counter(settings, CLOCK)
    assert [slip.overdue for slip in stock.slips] == [True, False, False]
    late = stock.slips[0].parcel
    assert datetime.fromisoformat(str(late.arrived_at)) < NOW - timedelta(days=3)
    with opened(settings) as store:
        events = [json.loads(row.body) for row in store.outbox.pending(100)]
    told = [(event["type"].split(".")[2], event["data"].get("parcel")) for event in events]
    assert told[0][0] == "started"
    mine = [word for word, parcel in told if parcel == str(late.number)]
    assert mine == ["arrived", "shelved", "noticed", "overdue"]
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert events[-1]["time"] <= STAMP.moment.timestamp
    boots = {event["bootid"] for event in events if event["data"].get("parcel") == str(late.number)}
    assert len(boots) == 1
    assert "this-boot" not in boots, "its monotonic clock is another one"


def test_the_next_start_keeps_what_is_there_and_makes_every_secret_anew(settings: StationSettings) -> None:
    first, second = stock_counter(settings, CLOCK), stock_counter(settings, CLOCK)
    assert [(row.number, row.name) for row in second.people] == [(row.number, row.name) for row in first.people]
    assert second.expected == first.expected
    assert [slip.parcel.number for slip in second.slips] == [slip.parcel.number for slip in first.slips]
    assert set(second.unknown).isdisjoint(first.unknown)
    with opened(settings) as store:
        assert len(store.clerks.everyone()) == 3
        assert len(store.parcels.in_states(list(ParcelState))) == 7
        assert works(settings, store, "01", second.people[0].pin)
        if first.people[1].pin != second.people[1].pin:
            assert not works(settings, store, "02", first.people[1].pin)
        codes = {slip.code for slip in second.slips}
        dead = [slip.code for slip in first.slips if slip.code not in codes]
        assert not any(store.parcels.by_mac(key_of(settings).mac(code)) for code in dead)


def test_an_emptied_shelf_and_an_emptied_list_are_filled_again(settings: StationSettings) -> None:
    first = stock_counter(settings, CLOCK)
    with opened(settings) as store:
        store.deliveries.close("clerk:01", STAMP)
        for row in store.parcels.in_states(WAITING_STATES):
            store.parcels.due_back(row.number, "clerk:01", STAMP)
            store.parcels.give_back(row.number, "clerk:01", STAMP)
        store.clerks.retire("01", STAMP)
    second = stock_counter(settings, CLOCK)
    assert [worker.number for worker in second.people] == ["04", "02", "03"]
    assert len(second.expected) == 4
    assert set(second.expected).isdisjoint(first.expected)
    (slip,) = second.slips
    assert not slip.overdue
    with opened(settings) as store:
        assert store.parcels.by_mac(key_of(settings).mac(slip.code)) == slip.parcel


def test_full_lists_are_shown_in_part(settings: StationSettings) -> None:
    """Whoever plays for long has more on the shelf than the bench has room for."""
    stock = stock_counter(settings, CLOCK)
    with opened(settings) as store:
        rows = parse_expected(b"waybill\n" + b"\n".join(b"SF2%012d" % number for number in range(9)), "more.csv")
        store.deliveries.expect(rows, STAMP)
    assert stock_counter(settings, CLOCK).expected == stock.expected


def test_a_clock_that_was_never_set_makes_nothing_overdue_and_stops_nothing(settings: StationSettings) -> None:
    stock = stock_counter(settings, replace(CLOCK, wall=lambda: 86_400.0 * 30))
    assert [slip.parcel.state for slip in stock.slips] == [ParcelState.NOTICED] * 3


def test_without_the_stations_key_there_is_a_list_and_nobody_can_have_a_pin(
    settings: StationSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CREDENTIALS, str(tmp_path / "nothing"))
    stock = stock_counter(settings, CLOCK)
    assert (stock.people, len(stock.expected), stock.slips) == ((), 4, ())


def test_a_database_that_cannot_be_used_is_said(settings: StationSettings) -> None:
    settings.data.mkdir()
    settings.database.write_bytes(b"no database" * 1000)
    with pytest.raises(StartFailed, match="the counter of the demo cannot be set up"):
        stock_counter(settings, CLOCK)
    assert settings.database.read_bytes() == b"no database" * 1000


def test_an_easy_pin_is_never_given() -> None:
    numbers = iter([123456, 777777, 987654, 98765, 317, 480317])
    assert new_pin(lambda below: next(numbers)) == "000317"
