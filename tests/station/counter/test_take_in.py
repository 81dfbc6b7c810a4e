"""A waybill that no list announced, scanned while nothing was chosen: one touch takes it in."""

from __future__ import annotations

import threading

import pytest

from kiosk.domain.identifiers import internal_code
from kiosk.domain.parcel import ParcelState
from kiosk.station.counter.state import ScanResult
from kiosk.store import ExpectedParcel
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import CounterRig, foreign, refused, waybill
from tests.station.fakes import CARD

EVERY = list(ParcelState)


def offer_of(result: ScanResult) -> str:
    """What the button of the page that shows this scan sends back."""
    assert result.offer is not None, result
    return result.offer.id


class TestOffered:
    def test_one_touch_books_it_as_mode_in_would(self, rig: CounterRig) -> None:
        asked = rig.scan(waybill(1))
        assert (asked.kind, asked.word, asked.shown, asked.path) == ("refused", "unknown_parcel", waybill(1), "")
        assert rig.store.parcels.in_states(EVERY) == [], "the scan alone books nothing"
        booked = rig.counter.scans.accept_offer(rig.session, offer_of(asked))
        assert booked.parcel is not None
        assert (booked.kind, booked.parcel.state, booked.parcel.shelf) == ("parcel_in", ParcelState.NOTICED, "A-1-01")
        assert (len(rig.queued("parcel_label")), len(rig.queued("pickup_slip"))) == (1, 1)
        view = rig.counter.state.view()
        assert (view.last, view.mode, view.undo_until is not None) == (booked, "", True)

    def test_the_next_scan_goes_on_as_usual(self, rig: CounterRig) -> None:
        rig.counter.scans.accept_offer(rig.session, offer_of(rig.scan(waybill(1))))
        assert rig.scan(waybill(1)).kind == "parcel_known"
        second = rig.scan(waybill(2))
        assert (second.word, len(rig.store.parcels.in_states(EVERY))) == ("unknown_parcel", 1)
        booked = rig.counter.scans.accept_offer(rig.session, offer_of(second))
        assert booked.parcel is not None
        assert booked.parcel.shelf == "A-1-02"
        rig.counter.receiving.undo(rig.session, str(booked.parcel.number))
        assert [row.state for row in rig.store.parcels.in_states(EVERY)] == [ParcelState.NOTICED, ParcelState.WITHDRAWN]

    def test_a_number_of_several_carriers_can_be_given_to_another_one(self, rig: CounterRig) -> None:
        booked = rig.counter.scans.accept_offer(rig.session, offer_of(rig.scan("434567890123456")))
        assert booked.parcel is not None
        assert (booked.parcel.carrier, booked.carriers[:2]) == ("YUNDA", ("YUNDA", "STO"))
        other = rig.counter.receiving.choose_carrier(rig.session, "STO", str(booked.parcel.number))
        assert other.parcel is not None
        assert (other.kind, other.parcel.carrier) == ("parcel_in", "STO")

    @pytest.mark.parametrize("missing", [False, True])
    def test_one_that_is_on_the_list_is_offered_too_and_is_no_surplus(self, rig: CounterRig, missing: bool) -> None:
        rig.store.deliveries.expect([ExpectedParcel(waybill(1), "SF", "4711")], rig.clock.stamp())
        if missing:
            rig.counter.shelf.close_delivery(rig.session)
        asked = rig.scan(waybill(1))
        assert (asked.kind, asked.word, asked.path) == ("parcel_known", "expected", "")
        booked = rig.counter.scans.accept_offer(rig.session, offer_of(asked))
        assert booked.parcel is not None
        assert (booked.kind, booked.parcel.expected, booked.parcel.surplus) == ("parcel_in", True, False)
        assert len(rig.store.parcels.in_states(EVERY)) == 1

    def test_a_package_of_several_is_kept_by_its_waybill(self, rig: CounterRig) -> None:
        booked = rig.counter.scans.accept_offer(rig.session, offer_of(rig.scan("JD0012345678901-1-2-")))
        assert booked.parcel is not None
        assert booked.parcel.waybill == "JD0012345678901"

    def test_it_is_not_taken_for_a_damaged_one(self, rig: CounterRig) -> None:
        """Only mode "in" shows that switch: an older page of it changes nothing."""
        rig.counter.receiving.set_mode(rig.session, "in")
        rig.counter.receiving.damaged_next(rig.session, True)
        rig.counter.receiving.set_mode(rig.session, "")
        assert refused(lambda: rig.counter.receiving.damaged_next(rig.session, True)).code == "stale_page"
        booked = rig.counter.scans.accept_offer(rig.session, offer_of(rig.scan(waybill(1))))
        assert booked.kind == "parcel_in"


class TestNeverOffered:
    @pytest.mark.parametrize("mode", ["", "in", "out"])
    def test_what_is_no_parcel_or_not_for_a_finger_to_decide(self, rig: CounterRig, mode: str) -> None:
        here = rig.bring(7)
        out = rig.bring(8)
        collect_by_code(rig.counter, rig.session, rig.code_of(out))
        back = rig.bring(9)
        rig.counter.shelf.mark_due_back(rig.session, str(back.number))
        rig.counter.shelf.return_(rig.session, str(back.number))
        rig.counter.receiving.set_mode(rig.session, mode)
        for text in (
            *("6901234567892", "]E06901234567892", "9780201379624", "]E0012345678905"),
            *("13800138000", "+86 138 0013 8000", "653125199001011234", "653125800101123"),
            *("https://example.test/SF1385000000001", "WIFI:S:shop;T:WPA;P:secret123;;", "MECARD:N:T;TEL:1380013;;"),
            *("1-2-3456", "hello", "", "x" * 64, "SF" + "1" * 62, "A" * 30, "EE123456789CN", "SF1٣85000000001"),
            *(CARD, foreign("R"), foreign("K"), internal_code("R", "0147A000381"), "P-0147-A-000381", "0147-A-000381"),
            *(waybill(7), waybill(8), rig.slip_of(here)),
        ):
            result = rig.scan(text)
            assert result.offer is None, (text, result)
        if mode != "in":
            assert rig.scan(waybill(9)).offer is None, "gone back: its page says when"
        assert len(rig.store.parcels.in_states(EVERY)) == 3

    @pytest.mark.parametrize("mode", ["in", "out"])
    def test_with_a_direction_nothing_changes(self, rig: CounterRig, mode: str) -> None:
        rig.counter.receiving.set_mode(rig.session, mode)
        result = rig.scan(waybill(1))
        assert (result.kind, result.offer) == (("parcel_in", None) if mode == "in" else ("refused", None))


class TestTiedToItsScan:
    def test_a_second_tap_is_answered_like_the_first(self, rig: CounterRig) -> None:
        offer = offer_of(rig.scan(waybill(1)))
        first = rig.counter.scans.accept_offer(rig.session, offer)
        events, view = rig.events, rig.counter.state.view()
        assert rig.counter.scans.accept_offer(rig.session, offer) == first
        assert (rig.events, rig.counter.state.view()) == (events, view)
        assert len(rig.store.parcels.in_states(EVERY)) == 1

    def test_two_taps_at_once_book_one_parcel(self, rig: CounterRig) -> None:
        offer = offer_of(rig.scan(waybill(1)))
        start, answers = threading.Barrier(2), list[ScanResult]()

        def tap() -> None:
            start.wait()
            answers.append(rig.counter.scans.accept_offer(rig.session, offer))

        fingers = [threading.Thread(target=tap) for _ in range(2)]
        for finger in fingers:
            finger.start()
        for finger in fingers:
            finger.join()
        assert answers[0] == answers[1]
        assert len(rig.store.parcels.in_states(EVERY)) == 1

    @pytest.mark.parametrize("between", [waybill(2), "6901234567892", waybill(1)])
    def test_an_older_page_books_nothing(self, rig: CounterRig, between: str) -> None:
        old = offer_of(rig.scan(waybill(1)))
        newer = rig.scan(between)
        assert refused(lambda: rig.counter.scans.accept_offer(rig.session, old)).code == "stale_page"
        assert (rig.counter.state.view().last, rig.store.parcels.in_states(EVERY)) == (newer, [])

    @pytest.mark.parametrize("offer", ["", "x", "0" * 4000])
    def test_a_made_up_offer_books_nothing(self, rig: CounterRig, offer: str) -> None:
        assert refused(lambda: rig.counter.scans.accept_offer(rig.session, offer)).code == "stale_page"
        rig.scan(waybill(1))
        assert refused(lambda: rig.counter.scans.accept_offer(rig.session, offer)).code == "stale_page"
        assert rig.store.parcels.in_states(EVERY) == []

    def test_one_that_was_taken_back_stays_back(self, rig: CounterRig) -> None:
        offer = offer_of(rig.scan(waybill(1)))
        rig.counter.scans.accept_offer(rig.session, offer)
        rig.counter.receiving.undo(rig.session)
        assert refused(lambda: rig.counter.scans.accept_offer(rig.session, offer)).code == "stale_page"

    @pytest.mark.parametrize("mode", ["in", "out", ""])
    def test_another_direction_ends_it(self, rig: CounterRig, mode: str) -> None:
        offer = offer_of(rig.scan(waybill(1)))
        rig.counter.receiving.set_mode(rig.session, mode)
        assert refused(lambda: rig.counter.scans.accept_offer(rig.session, offer)).code == "stale_page"

    def test_a_lock_ends_it_for_everybody(self, rig: CounterRig) -> None:
        offer, before = offer_of(rig.scan(waybill(1))), rig.session
        rig.access.sign_out(before.token)
        assert refused(lambda: rig.counter.scans.accept_offer(before, offer)).code == "not_unlocked"
        again = rig.access.sign_in("02", "905172")
        assert refused(lambda: rig.counter.scans.accept_offer(again, offer)).code == "stale_page"
        technician = rig.access.sign_in("03", "482913")
        assert refused(lambda: rig.counter.scans.accept_offer(technician, offer)).code == "forbidden"
        assert rig.store.parcels.in_states(EVERY) == []

    def test_full_shelves_book_nothing_and_the_offer_stands(self, rig: CounterRig) -> None:
        rows = [rig.bring(number) for number in range(10, 15)]
        rig.counter.receiving.set_mode(rig.session, "")
        asked = rig.scan(waybill(1))
        assert refused(lambda: rig.counter.scans.accept_offer(rig.session, offer_of(asked))).code == "shelves_full"
        assert rig.counter.state.view().last == asked
        rig.counter.shelf.mark_misrouted(rig.session, str(rows[0].number))
        booked = rig.counter.scans.accept_offer(rig.session, offer_of(asked))
        assert booked.parcel is not None
        assert booked.parcel.shelf == rows[0].shelf

    def test_one_that_came_in_meanwhile_is_said_and_not_booked_twice(self, rig: CounterRig) -> None:
        """The list of a delivery and the counter write from two processes."""
        offer = offer_of(rig.scan(waybill(1)))
        rig.store.deliveries.expect([ExpectedParcel(waybill(1), "SF", "4711")], rig.clock.stamp())
        booked = rig.counter.scans.accept_offer(rig.session, offer)
        assert booked.parcel is not None
        assert (booked.kind, booked.parcel.phone_last4) == ("parcel_in", "4711")

    def test_what_is_a_persons_or_in_the_offer_is_not_in_a_view_s_text(self, rig: CounterRig) -> None:
        asked = rig.scan(waybill(1))
        assert waybill(1) not in repr(asked)
