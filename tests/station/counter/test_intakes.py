"""Intakes at the counter: voided by two people, their papers printed again or decided on; and the day closed."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from kiosk.devices.ports import GoodsShot
from kiosk.domain.void import VoidReason
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.photos.folder import listing_pictures
from kiosk.store import ConfirmedRow, DiskFull
from kiosk.store.shared.records import NewPhoto
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import PIN, SECOND_PIN, CounterRig, refused
from tests.station.hardware import BLUR, FACE, TILT, bring_in, judged


class TestVoid:
    def test_needs_two_different_people(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        void = rig.counter.voids.void
        assert refused(lambda: void(rig.session, row.receipt, "wrong_party", "01", PIN)).code == "same_person"
        assert refused(lambda: void(rig.session, row.receipt, "wrong_party", "03", PIN)).code == "forbidden"
        assert refused(lambda: void(rig.session, row.receipt, "wrong_party", "02", PIN)).code == "wrong_pin"
        assert void(rig.session, row.receipt, VoidReason.WRONG_PARTY, "02", SECOND_PIN).voided
        assert refused(lambda: void(rig.session, row.receipt, "wrong_party", "02", SECOND_PIN)).code == "already_void"

    def test_cancels_papers_that_still_wait(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        assert len(rig.store.papers.open_jobs()) == 2
        rig.counter.voids.void(rig.session, row.receipt, "goods_taken_back", "02", SECOND_PIN)
        assert rig.store.papers.open_jobs() == []
        assert rig.counter.state.view().pending_prints == 0
        label, receipt = rig.counter.papers.of_intake(rig.session, row.receipt)
        assert refused(lambda: rig.counter.papers.reprint(rig.session, label.id)).code == "void_label"
        rig.counter.papers.reprint(rig.session, receipt.id)
        assert [(job.document, job.void) for job in rig.store.papers.open_jobs()] == [("receipt", True)]

    @pytest.mark.parametrize(
        ("receipt", "reason", "code"),
        [
            ("0147-A-000001", "because", "stale_page"),
            ("0147-A-000009", "wrong_party", "unknown_code"),
            ("0999-A-000001", "wrong_party", "foreign_receipt"),
            ("nonsense", "wrong_party", "unknown_code"),
        ],
    )
    def test_says_what_is_wrong_and_asks_no_pin_for_it(
        self, rig: CounterRig, receipt: str, reason: str, code: str
    ) -> None:
        bring_in(rig.store)
        assert refused(lambda: rig.counter.voids.void(rig.session, receipt, reason, "02", "wrong")).code == code

    def test_is_not_a_technicians(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        technician = rig.access.sign_in("03", PIN)
        assert refused(
            lambda: rig.counter.voids.void(technician, row.receipt, "wrong_party", "02", SECOND_PIN)
        ).code == ("forbidden")


class TestPapers:
    def test_a_reprint_is_a_copy(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        label, _ = rig.counter.papers.of_intake(rig.session, row.receipt)
        copy = rig.counter.papers.reprint(rig.session, label.id)
        assert [(job.id, job.copy_no) for job in rig.counter.papers.queue(rig.session) if job.copy_no] == [(copy, 1)]
        assert refused(lambda: rig.counter.papers.reprint(rig.session, 999)).code == "unknown_paper"

    def test_a_pickup_slip_is_never_printed_again(self, rig: CounterRig) -> None:
        rig.bring()
        (slip,) = rig.queued("pickup_slip")
        rig.store.papers.sending(slip.id)
        rig.store.papers.unknown(slip.id, "device", rig.clock.stamp())
        assert refused(lambda: rig.counter.papers.reprint(rig.session, slip.id)).code == "reissue"
        assert refused(lambda: rig.counter.papers.resolve(rig.session, slip.id, False)).code == "reissue"
        rig.counter.papers.resolve(rig.session, slip.id, True)
        assert rig.queued("pickup_slip") == []

    def test_a_person_decides_on_an_unknown_one(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        label, receipt = rig.counter.papers.of_intake(rig.session, row.receipt)
        for job in (label, receipt):
            rig.store.papers.sending(job.id)
            rig.store.papers.unknown(job.id, "device", rig.clock.stamp())
        rig.counter.papers.resolve(rig.session, label.id, True)
        rig.counter.papers.resolve(rig.session, receipt.id, False)
        jobs = rig.counter.papers.of_intake(rig.session, row.receipt)
        states = [(job.document, job.state, job.copy_no) for job in jobs]
        assert ("bag_label", "printed", 0) in states
        assert ("receipt", "queued", 1) in states
        assert refused(lambda: rig.counter.papers.resolve(rig.session, label.id, True)).code == "stale_page"


def seen(rig: CounterRig) -> str:
    """Of the shot that a page shows now."""
    return rig.counter.state.view().photo.token


class TestShots:
    def test_a_shot_of_the_goods_is_asked_for_once_at_a_time(self, rig: CounterRig) -> None:
        row = bring_in(rig.store)
        rig.counter.lot_shots.take(rig.session, row.receipt)
        assert rig.lots.asked == [(row.lot, row.product)]
        assert refused(lambda: rig.counter.lot_shots.take(rig.session, row.receipt)).code == "busy"
        rig.counter.state.photo_done(rig.lots.shots[-1], "0" * 64)
        assert (rig.counter.state.view().shot_of, rig.counter.state.view().photo.state) == (row.lot, "done")

    def test_goods_that_lie_still_are_shot_without_a_tap_until_the_lot_has_a_shot(self, rig: CounterRig) -> None:
        row, when_still = bring_in(rig.store), rig.counter.lot_shots.take_when_still
        when_still(rig.session, row.receipt)
        when_still(rig.session, row.receipt)
        assert len(rig.lots.asked) == 1, "it is being taken"
        rig.counter.state.photo_retake(rig.lots.shots[-1], judged(b"one", BLUR))
        when_still(rig.session, row.receipt)
        rig.counter.state.photo_failed(rig.lots.shots[-1], "camera_failed")
        when_still(rig.session, row.receipt)
        assert len(rig.lots.asked) == 2, "what a camera refuses is tried again by a person"
        other = bring_in(rig.store)
        pictures, _ = listing_pictures(judged(b"two"))
        rig.store.photos.add(NewPhoto(other.lot, other.product, pictures), rig.clock.stamp())
        when_still(rig.session, other.receipt)
        assert len(rig.lots.asked) == 2
        rig.access.sign_out(rig.session.token)
        assert refused(lambda: when_still(rig.session, row.receipt)).code == "not_unlocked"

    def test_a_clerk_overrules_a_verdict_in_their_own_name(self, rig: CounterRig) -> None:
        row = self._refused(rig, judged(b"one", BLUR, TILT))
        photo = rig.counter.state.view().photo
        assert (photo.state, photo.findings, photo.may_be_overruled) == ("retake", (BLUR, TILT), True)
        rig.counter.lot_shots.overrule(rig.session, row.receipt, seen(rig))
        assert rig.lots.kept == [(row.lot, row.product, judged(b"one", BLUR, TILT), "clerk:01")]
        assert rig.events == 1

    def test_nobody_overrules_a_face(self, rig: CounterRig) -> None:
        row = self._refused(rig, judged(b"", BLUR, FACE))
        assert not rig.counter.state.view().photo.may_be_overruled
        assert (
            refused(lambda: rig.counter.lot_shots.overrule(rig.session, row.receipt, seen(rig))).code == "not_overruled"
        )
        assert rig.lots.kept == []

    def test_only_the_shot_that_was_refused_just_now_is_overruled(self, rig: CounterRig) -> None:
        other = bring_in(rig.store)
        row = self._refused(rig, judged(b"one", BLUR))
        assert (
            refused(lambda: rig.counter.lot_shots.overrule(rig.session, other.receipt, seen(rig))).code == "stale_page"
        )
        rig.counter.lot_shots.take(rig.session, row.receipt)
        assert refused(lambda: rig.counter.lot_shots.overrule(rig.session, row.receipt, seen(rig))).code == "stale_page"
        rig.counter.state.photo_failed(rig.lots.shots[-1], "camera_failed")
        assert refused(lambda: rig.counter.lot_shots.overrule(rig.session, row.receipt, seen(rig))).code == "stale_page"
        assert rig.counter.state.refused_shot is None, "it is held no longer than it may be used"

    def test_a_shot_is_not_left_for_the_next_person(self, rig: CounterRig) -> None:
        row = self._refused(rig, judged(b"one", BLUR))
        token = seen(rig)
        rig.access.sign_out(rig.session.token)
        assert rig.counter.state.refused_shot is None
        session = rig.access.sign_in("02", SECOND_PIN)
        assert refused(lambda: rig.counter.lot_shots.overrule(session, row.receipt, token)).code == "stale_page"

    def test_an_answer_is_that_of_the_shot_that_was_asked_for_and_of_no_other_of_the_lot(self, rig: CounterRig) -> None:
        """The camera is slow: whoever asked has left, and the next person asks for the same lot."""
        row, state = bring_in(rig.store), rig.counter.state
        rig.counter.lot_shots.take(rig.session, row.receipt)
        rig.access.sign_out(rig.session.token)
        session = rig.access.sign_in("02", SECOND_PIN)
        (first,) = rig.lots.shots
        state.photo_retake(first, judged(b"one", BLUR))
        assert (state.view().shot_of, state.refused_shot) == ("", None)
        rig.counter.lot_shots.take(session, row.receipt)
        second = rig.lots.shots[-1]
        for other in (first, PhotoRequest(row.lot)):
            state.photo_retake(other, judged(b"one", BLUR))
            state.photo_failed(other, "camera_failed")
            state.photo_done(other, "0" * 64)
            assert (state.view().photo.state, state.refused_shot) == ("taking", None)
            assert (
                refused(partial(rig.counter.lot_shots.overrule, session, row.receipt, other.token)).code == "stale_page"
            )
        state.photo_retake(second, judged(b"two", TILT))
        assert refused(partial(rig.counter.lot_shots.overrule, session, row.receipt, first.token)).code == "stale_page"
        rig.counter.lot_shots.overrule(session, row.receipt, second.token)
        assert rig.lots.kept == [(row.lot, row.product, judged(b"two", TILT), "clerk:02")]

    def test_a_page_that_shows_the_shot_before_overrules_nothing(self, rig: CounterRig) -> None:
        """Two pages of one clerk: on the other one a further shot was taken meanwhile."""
        row = self._refused(rig, judged(b"one", BLUR))
        old = seen(rig)
        rig.counter.lot_shots.take(rig.session, row.receipt)
        rig.counter.state.photo_retake(rig.lots.shots[-1], judged(b"two", TILT))
        for token in (old, "", "x"):
            assert (
                refused(partial(rig.counter.lot_shots.overrule, rig.session, row.receipt, token)).code == "stale_page"
            )
        assert rig.lots.kept == []

    def test_a_shot_that_cannot_be_kept_may_be_tried_again(self, rig: CounterRig) -> None:
        row = self._refused(rig, judged(b"one", BLUR))
        rig.lots.error = DiskFull("full")
        assert refused(lambda: rig.counter.lot_shots.overrule(rig.session, row.receipt, seen(rig))).code == "disk_full"
        rig.lots.error = None
        rig.counter.lot_shots.overrule(rig.session, row.receipt, seen(rig))
        assert len(rig.lots.kept) == 1

    @staticmethod
    def _refused(rig: CounterRig, shot: GoodsShot) -> ConfirmedRow:
        row = bring_in(rig.store)
        rig.counter.lot_shots.take(rig.session, row.receipt)
        rig.counter.state.photo_retake(rig.lots.shots[-1], shot)
        return row


class TestDay:
    def test_counts_and_closes_with_the_head_on_paper(self, rig: CounterRig) -> None:
        bring_in(rig.store)
        row = rig.bring()
        collect_by_code(rig.counter, rig.session, rig.code_of(row))
        totals = rig.counter.day.totals(rig.session)
        assert (totals.intakes, totals.parcels_in, totals.parcels_out, totals.net_g) == (1, 1, 1, 12_290)
        assert len(rig.counter.intakes.since_close(rig.session)) == 1
        closed, head = rig.counter.day.close(rig.session)
        assert closed == totals
        (slip,) = rig.queued("day_slip")
        drawn = msgspec.json.decode(slip.body)
        assert (drawn["head"], drawn["seq"], drawn["actor"]) == (head, totals.last_seq, "clerk:01")
        assert len(head) == 64
        assert rig.counter.intakes.since_close(rig.session) == []
        assert rig.counter.day.totals(rig.session).parcels_out == 0

    def test_what_was_agreed_on_after_the_totals_were_seen_is_not_closed_with_them(self, rig: CounterRig) -> None:
        """The comparison stands inside the transaction: nothing can come between it and the close."""
        bring_in(rig.store)
        seen = rig.counter.day.totals(rig.session).last_seq
        bring_in(rig.store)
        assert refused(lambda: rig.counter.day.close(rig.session, seen)).code == "stale_page"
        assert not rig.queued("day_slip")
        assert rig.counter.day.totals(rig.session).intakes == 2
        closed, _ = rig.counter.day.close(rig.session, rig.counter.day.totals(rig.session).last_seq)
        assert closed.intakes == 2

    def test_lists_are_bounded(self, rig: CounterRig) -> None:
        assert rig.counter.intakes.since_close(rig.session, 10**9) == []
        assert rig.counter.shelf.parcels(rig.session, [], 10**9, 10**30) == []
        assert rig.counter.intakes.since_close(rig.session, -1, -1) == []

    @pytest.mark.parametrize("job", [0, -1, 10**30])
    def test_a_paper_that_cannot_be(self, rig: CounterRig, job: int) -> None:
        assert refused(lambda: rig.counter.papers.reprint(rig.session, job)).code == "unknown_paper"
        assert refused(lambda: rig.counter.papers.resolve(rig.session, job, True)).code == "unknown_paper"
