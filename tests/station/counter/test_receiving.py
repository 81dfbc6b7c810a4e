"""Parcels in: a scan is done, the same one twice says when and where, a damaged one needs its picture."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from kiosk.domain.parcel import ParcelState
from kiosk.station.counter.scans import ParsedScan
from kiosk.store import DiskFull, Store
from kiosk.store.shared.records import ExpectedParcel
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import CounterRig, refused, waybill
from tests.station.hardware import asked


def test_a_scan_is_all_it_takes(rig: CounterRig) -> None:
    row = rig.bring()
    assert (row.state, row.shelf, row.carrier, str(row.number)) == (
        ParcelState.NOTICED,
        "A-1-01",
        "SF",
        "P-0147-A-000001",
    )
    (label,), (slip,) = rig.queued("parcel_label"), rig.queued("pickup_slip")
    assert (label.printer, slip.printer) == ("label", "receipt")
    drawn = msgspec.json.decode(label.body)
    assert (drawn["shelf"], drawn["waybill_last4"], drawn["date"]) == ("A-1-01", "0001", "2026-11-25")
    assert "code" not in {key for key, value in drawn.items() if value == rig.code_of(row)}
    view = rig.counter.state.view()
    assert view.last is not None
    assert (view.last.kind, view.last.word, view.last.parcel) == ("parcel_in", "shelved", row)
    assert view.pending_prints == 2
    assert rig.events == 1


def test_two_hundred_scans_without_a_touch_each_get_a_slot_of_their_own(store: Store, tmp_path: Path) -> None:
    from kiosk.station.parcels.settings import ParcelSettings

    rig = CounterRig(store, tmp_path, parcels=ParcelSettings(shelves=("A-1:99", "A-2:99", "A-3:2")))
    shelves = [rig.bring(number).shelf for number in range(200)]
    assert shelves == list(rig.parcels.slots)
    full = rig.scan(waybill(200))
    assert (full.kind, full.word) == ("refused", "shelves_full")
    assert store.parcels.by_waybill(waybill(200)) is None


def test_the_code_stands_nowhere_in_the_database(rig: CounterRig, tmp_path: Path) -> None:
    row = rig.bring()
    code, slip = rig.code_of(row).encode(), rig.slip_of(row).encode()
    for path in tmp_path.glob("station.db*"):
        content = path.read_bytes()
        assert slip not in content, path
        assert b'"code":"' + code not in content, path


def test_the_same_waybill_twice_says_when_and_where(rig: CounterRig) -> None:
    row = rig.bring()
    rig.clock.wait(60)
    again = rig.scan(waybill(1))
    assert (again.kind, again.word, again.path) == ("parcel_known", "waiting", "")
    assert again.parcel is not None
    assert (again.parcel.shelf, again.parcel.arrived_at, again.parcel.repeated) == ("A-1-01", row.arrived_at, False)
    assert len(rig.store.parcels.in_states(list(ParcelState))) == 1
    assert len(rig.queued("pickup_slip")) == 1


def test_a_collected_one_never_comes_again(rig: CounterRig) -> None:
    row = rig.bring()
    collect_by_code(rig.counter, rig.session, rig.code_of(row))
    again = rig.scan(waybill(1))
    assert (again.kind, again.word) == ("parcel_known", "collected")
    assert again.parcel is not None
    assert again.parcel.closed_at is not None


def test_a_list_tells_expected_surplus_and_missing(rig: CounterRig) -> None:
    rig.store.deliveries.expect([ExpectedParcel(waybill(n), "SF", f"{n:04d}") for n in (1, 2)], rig.clock.stamp())
    first, third = rig.bring(1), rig.bring(3)
    assert (first.expected, first.surplus, first.phone_last4) == (True, False, "0001")
    assert (third.expected, third.surplus) == (False, True)
    assert [row.state for row in rig.counter.shelf.close_delivery(rig.session)] == [ParcelState.MISSING]
    assert rig.scan(waybill(2)).word == "shelved", "a missing one may come with the next truck"


class TestUndo:
    def test_takes_slot_code_and_papers_back(self, rig: CounterRig) -> None:
        row = rig.bring()
        code = rig.code_of(row)
        assert rig.counter.receiving.undo(rig.session).state is ParcelState.WITHDRAWN
        assert rig.store.papers.open_jobs() == []
        assert rig.counter.state.view().pending_prints == 0
        assert rig.counter.state.view().undo_until is None
        assert refused(lambda: collect_by_code(rig.counter, rig.session, code)).code == "wrong_code"
        assert rig.bring().shelf == "A-1-01"

    def test_is_over_after_its_time_by_the_monotonic_clock(self, rig: CounterRig) -> None:
        rig.bring()
        rig.clock.jump(3650)
        rig.counter.tick()
        assert rig.counter.state.view().undo_until is not None
        rig.clock.wait(10)
        rig.counter.tick()
        assert rig.counter.state.view().undo_until is None
        assert refused(lambda: rig.counter.receiving.undo(rig.session)).code == "nothing_to_undo"

    def test_works_once_and_for_the_last_scan_only(self, rig: CounterRig) -> None:
        first, second = rig.bring(1), rig.bring(2)
        assert refused(lambda: rig.counter.receiving.undo(rig.session, str(first.number))).code == "stale_page"
        assert rig.counter.receiving.undo(rig.session, str(second.number)).number == second.number
        assert refused(lambda: rig.counter.receiving.undo(rig.session)).code == "nothing_to_undo"
        assert rig.counter.shelf.parcel(rig.session, str(first.number)).state is ParcelState.NOTICED

    def test_is_over_once_the_parcel_has_moved_on(self, rig: CounterRig) -> None:
        row = rig.bring()
        rig.counter.shelf.mark_lost(rig.session, str(row.number))
        assert refused(lambda: rig.counter.receiving.undo(rig.session)).code == "nothing_to_undo"

    def test_an_expected_one_is_expected_again(self, rig: CounterRig) -> None:
        rig.store.deliveries.expect([ExpectedParcel(waybill(1), "SF")], rig.clock.stamp())
        rig.bring(1)
        rig.counter.receiving.undo(rig.session)
        row = rig.store.parcels.by_waybill(waybill(1))
        assert row is not None
        assert row.state is ParcelState.EXPECTED


class TestCarrier:
    def test_the_first_candidate_is_taken_and_one_tap_corrects_it(self, rig: CounterRig) -> None:
        rig.counter.receiving.set_mode(rig.session, "in")
        result = rig.scan("123456789012")
        assert result.carriers[0] == "SF"
        assert "ZTO" in result.carriers
        corrected = rig.counter.receiving.choose_carrier(rig.session, "ZTO")
        assert corrected.parcel is not None
        assert (corrected.parcel.carrier, corrected.parcel.shelf) == ("ZTO", "A-1-01")
        assert rig.counter.state.view().last == corrected
        assert [job.document for job in rig.store.papers.open_jobs()] == ["parcel_label", "pickup_slip"]
        assert rig.counter.receiving.undo(rig.session).number == corrected.parcel.number

    def test_the_same_carrier_changes_nothing_and_a_strange_one_is_refused(self, rig: CounterRig) -> None:
        row = rig.bring()
        assert rig.counter.receiving.choose_carrier(rig.session, "SF").parcel == row
        assert refused(lambda: rig.counter.receiving.choose_carrier(rig.session, "ZTO")).code == "stale_page"
        rig.clock.wait(11)
        assert refused(lambda: rig.counter.receiving.choose_carrier(rig.session, "SF")).code == "nothing_to_undo"

    def test_a_disk_that_fails_in_between_shows_no_parcel(
        self, rig: CounterRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise DiskFull("full")

        rig.counter.receiving.set_mode(rig.session, "in")
        rig.scan("123456789012")
        monkeypatch.setattr(rig.store.parcels, "arrive", full)
        assert refused(lambda: rig.counter.receiving.choose_carrier(rig.session, "ZTO")).code == "disk_full"
        assert rig.counter.state.view().last is None
        assert [row.state for row in rig.store.parcels.in_states(list(ParcelState))] == [ParcelState.WITHDRAWN]

    def test_a_waybill_that_looks_like_a_product_asks_for_the_carrier(self, rig: CounterRig) -> None:
        rig.counter.receiving.set_mode(rig.session, "in")
        asked = rig.scan("9780201379624")
        assert (asked.kind, asked.word, asked.parcel) == ("refused", "choose_carrier", None)
        assert "CHINAPOST" in asked.carriers
        booked = rig.counter.scans.arrive(rig.session, ParsedScan.of(asked.shown), "CHINAPOST")
        assert (booked.kind, booked.parcel and booked.parcel.carrier) == ("parcel_in", "CHINAPOST")

    @pytest.mark.parametrize(
        ("text", "carrier", "word"),
        [
            ("13800138000", "SF", "phone_number"),
            ("653125199001011234", "SF", "id_number"),
            ("https://example.test/SF1385", "SF", "url"),
            ("SF1000000000001", "NOBODY", "not_a_waybill"),
            ("AB", "SF", "not_a_waybill"),
        ],
    )
    def test_a_clerk_cannot_make_a_parcel_of_everything(
        self, rig: CounterRig, text: str, carrier: str, word: str
    ) -> None:
        result = rig.counter.scans.arrive(rig.session, ParsedScan.of(text), carrier)
        assert (result.kind, result.word) == ("refused", word)
        assert rig.store.parcels.in_states(list(ParcelState)) == []


class TestDamaged:
    def test_waits_without_slot_and_papers_and_asks_for_a_shot(self, rig: CounterRig) -> None:
        row = rig.bring_damaged()
        assert (row.state, row.shelf, row.damaged) == (ParcelState.ARRIVED, None, True)
        assert rig.store.papers.open_jobs() == []
        assert rig.wanted == [row.number]
        view = rig.counter.state.view()
        assert (view.damaged_next, view.shot_of, view.photo.state) == (False, str(row.number), "taking")
        assert rig.bring(2).damaged is False, "only the next scan was damaged"

    def test_is_accepted_with_its_picture_only(self, rig: CounterRig) -> None:
        row = rig.bring_damaged()
        number = str(row.number)
        assert refused(lambda: rig.counter.shelf.accept_damaged(rig.session, number)).code == "damaged_needs_photo"
        sha256 = rig.click(row.number)
        assert rig.counter.state.view().photo.sha256 == sha256
        accepted = rig.counter.shelf.accept_damaged(rig.session, number)
        assert (accepted.state, accepted.shelf, accepted.photo_sha256) == (ParcelState.NOTICED, "A-1-01", sha256)
        kept = rig.photos.path(sha256)
        assert kept is not None
        assert kept.parent.name == "kept"
        assert rig.code_of(accepted)
        assert refused(lambda: rig.counter.shelf.accept_damaged(rig.session, number)).code == "not_waiting"

    def test_a_failure_of_the_camera_is_told_and_another_shot_may_be_asked_for(self, rig: CounterRig) -> None:
        row = rig.bring_damaged()
        rig.counter.state.photo_failed(asked(str(row.number), rig.counter.state.view().photo), "camera_missing")
        assert rig.counter.state.view().photo.problem == "camera_missing"
        rig.counter.shelf.take_shot(rig.session, str(row.number))
        assert rig.wanted == [row.number, row.number]

    def test_refused_or_taken_back_leaves_no_picture(self, rig: CounterRig) -> None:
        first = rig.bring_damaged(1)
        sha256 = rig.click(first.number)
        assert rig.counter.shelf.refuse(rig.session, str(first.number)).state is ParcelState.REFUSED
        assert rig.photos.path(sha256) is None
        second = rig.bring_damaged(2)
        sha256 = rig.click(second.number)
        rig.counter.receiving.undo(rig.session)
        assert rig.photos.path(sha256) is None

    def test_a_shot_that_comes_too_late_goes_with_the_next_sweep(self, rig: CounterRig) -> None:
        row = rig.bring_damaged()
        rig.counter.receiving.undo(rig.session)
        sha256 = rig.click(row.number)
        rig.photos.forget(rig.store.parcels.by_number)
        assert rig.photos.path(sha256) is None

    def test_no_shot_of_a_whole_one(self, rig: CounterRig) -> None:
        row = rig.bring()
        assert refused(lambda: rig.counter.shelf.take_shot(rig.session, str(row.number))).code == "not_waiting"

    def test_a_full_shelf_keeps_the_picture_for_the_next_try(self, rig: CounterRig) -> None:
        row = rig.bring_damaged(9)
        sha256 = rig.click(row.number)
        for number in range(5):
            rig.bring(number)
        assert refused(lambda: rig.counter.shelf.accept_damaged(rig.session, str(row.number))).code == "shelves_full"
        waiting = rig.photos.path(sha256)
        assert waiting is not None
        assert waiting.parent.name == "new"


def test_without_a_key_no_code_is_given_and_all_else_works(store: Store, tmp_path: Path) -> None:
    from kiosk.station.parcels.pickup_key import PickupKey

    rig = CounterRig(store, tmp_path, key=PickupKey(None, "nowhere"))
    rig.counter.receiving.set_mode(rig.session, "in")
    result = rig.scan(waybill(1))
    assert (result.kind, result.word) == ("refused", "no_key")
    assert store.parcels.by_waybill(waybill(1)) is None
    assert rig.bring_damaged().state is ParcelState.ARRIVED


def test_a_paper_without_a_printer_is_not_queued(store: Store, tmp_path: Path) -> None:
    rig = CounterRig(store, tmp_path, printers=("label",))
    rig.bring()
    assert [job.document for job in store.papers.open_jobs()] == ["parcel_label"]


def test_a_full_disk_is_said_and_nothing_is_booked(rig: CounterRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DiskFull("full")

    rig.counter.receiving.set_mode(rig.session, "in")
    monkeypatch.setattr(rig.store.parcels, "arrive", full)
    result = rig.scan(waybill(1))
    assert (result.kind, result.word) == ("refused", "disk_full")
    assert rig.counter.state.view().undo_until is None


def test_a_mode_or_consent_nobody_offers_is_a_stale_page(rig: CounterRig) -> None:
    assert refused(lambda: rig.counter.receiving.set_mode(rig.session, "sideways")).code == "stale_page"
    assert refused(lambda: rig.counter.receiving.set_consent(rig.session, "none")).code == "stale_page"
    rig.counter.receiving.set_consent(rig.session, "recipient_asked")
    assert rig.bring().consent == "recipient_asked"
