"""After the booking: the papers, the shot of the goods, the sorting center's answer, until the screen is left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count

from kiosk.devices.ports import GoodsShot
from kiosk.domain.identifiers import BadIdentifier, bag_of
from kiosk.domain.verdict import Finding
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.state import DeskState, as_desk_refusals
from kiosk.station.desk.view import (
    PHOTO_REQUEST_STATES,
    PHOTO_TRIES,
    DeskRefused,
    DeskStep,
    DeskView,
    Draft,
    PhotoRequest,
    PhotoView,
    PrintView,
)
from kiosk.store.papers.print_jobs import CANCELLED
from kiosk.store.shared.records import ConfirmedRow

logger = logging.getLogger(__name__)


class ResultScreen:
    """The last screen of an intake. Workers answer it from threads of their own."""

    def __init__(self, state: DeskState, tools: DeskTools) -> None:
        self._state, self._tools = state, tools
        self._read_turns, self._read_at = count(1), 0

    def resume(self) -> None:
        """Continue to ask for unscanned bags after a restart. Raises DeskRefused when they cannot be read."""
        if not self._tools.scan_after_sticking:
            return
        with as_desk_refusals():
            receipt = self._tools.store.papers.receipt_to_scan()
            row = self._tools.store.intakes.confirmed(receipt) if receipt else None
        if row is None or row.voided:
            return
        prints = self.prints_if_readable(row.receipt)
        with self._state.locks.state:
            self.show(Draft(), row, prints)
            self._state.replace_draft(replace(self._state.draft, photo=PhotoView("none")))
            self._state.publish()

    def show(self, draft: Draft, row: ConfirmedRow, prints: tuple[PrintView, ...]) -> None:
        """Show the result; the caller holds ``locks.state``."""
        self._state.pan.release()
        shown = replace(draft, step=DeskStep.TAKE, result=row, photo=PhotoView("offered"), prints=prints)
        self._state.replace_draft(replace(shown, scans_bags=self._tools.scan_after_sticking))

    def finish(self, anyway: bool = False) -> DeskView:
        """Go back to the start; ``anyway`` also when labels were not scanned. Raises DeskRefused: bag_not_scanned."""
        with self._state.locks.acts:
            with self._state.at_step(DeskStep.TAKE):
                draft = self._state.draft
            if not (anyway or all(draft.scanned_bags.values())):
                raise DeskRefused("bag_not_scanned")
            stop_asking_for_bags(draft, self._tools)
            with self._state.now():
                self._state.replace_draft(Draft())
                return self._state.publish()

    def scan_bag(self, code: str) -> DeskView:
        """Record that the label on this bag was scanned, which proves that it was printed and is there.

        A label on the wrong bag, or the same label twice, shows as one bag scanned twice and another one never. Raises
        DeskRefused: not_a_member_card (no bags are asked for now), unknown_code, bag_of_other (another intake's),
        bag_twice, void_label.
        """
        with self._state.locks.acts:
            with self._state.now():
                draft = self._state.draft
            if draft.step is not DeskStep.TAKE or draft.result is None or not draft.scans_bags:
                raise DeskRefused("not_a_member_card")
            try:
                receipt, bag = bag_of(code)
            except BadIdentifier as error:
                raise DeskRefused("unknown_code", str(error)) from None
            if str(receipt) != draft.result.receipt:
                raise DeskRefused("bag_of_other")
            with as_desk_refusals():
                self._tools.store.papers.scanned(receipt, bag, self._tools.stamps())
            self.refresh()
            self._tools.on_event()
            with self._state.now():
                return self._state.view()

    def take_photo(self) -> DeskView:
        with self._state.locks.acts, self._state.at_step(DeskStep.TAKE):
            draft = self._state.draft
            if draft.result is None or draft.photo.state == "taking":
                raise DeskRefused("busy")
            if draft.photo.state == "done":
                raise DeskRefused("photo_kept")  # each further shot would stay on the card
            if draft.photo.tries >= PHOTO_TRIES:
                raise DeskRefused("photo_help")
            photo_request = PhotoRequest(draft.result.lot)
            self._state.replace_draft(
                replace(draft, photo=PhotoView("taking", tries=draft.photo.tries, token=photo_request.token))
            )
            view = self._state.publish()
            self._tools.on_photo(photo_request, draft.result.product)
            return view

    def photo_when_still(self, lot: str) -> None:
        """Take the photo when the goods of this lot are still, as the tap would, where the screen still asks for it."""
        with self._state.locks.acts:
            draft = self._state.draft
            is_due = draft.step is DeskStep.TAKE and draft.result is not None and draft.result.lot == lot
            if is_due and draft.photo.state in PHOTO_REQUEST_STATES:
                with suppress(DeskRefused):
                    self.take_photo()

    def skip_photo(self) -> DeskView:
        with self._state.locks.acts, self._state.at_step(DeskStep.TAKE):
            self._state.replace_draft(
                replace(self._state.draft, photo=PhotoView("none", tries=self._state.draft.photo.tries))
            )
            return self._state.publish()

    def photo_done(self, photo_request: PhotoRequest, sha256: str) -> None:
        """Show that the shot of this lot is kept, also one that a clerk requested."""
        self._photo(photo_request, lambda before: PhotoView("done", sha256), also_of_others=True)

    def photo_retake(self, photo_request: PhotoRequest, shot: GoodsShot) -> None:
        """Show that the shot of this lot was not accepted; it was not kept."""
        self._photo(photo_request, lambda before: _retake(before, shot.verdict.findings))

    def photo_failed(self, photo_request: PhotoRequest, problem: str) -> None:
        """Show that there is no shot of this lot; the screens have a sentence for each ``problem``."""
        self._photo(photo_request, lambda before: PhotoView("failed", problem=problem, tries=before.tries))

    def _photo(
        self, photo_request: PhotoRequest, after: Callable[[PhotoView], PhotoView], *, also_of_others: bool = False
    ) -> None:
        """Update the photo on the screen. Unless ``also_of_others``, ignore a shot that a clerk requested at the
        counter or the villager did not wait for: it is no try and no failure of the villager's.
        """
        with self._state.locks.state:
            draft = self._state.draft
            if draft.step is not DeskStep.TAKE or draft.result is None or draft.result.lot != photo_request.subject:
                return
            photo = after(draft.photo) if also_of_others or draft.photo.token == photo_request.token else draft.photo
            if photo != draft.photo:
                self._state.replace_draft(replace(draft, photo=photo))
                self._state.publish()

    def refresh(self) -> None:
        """Read papers and acknowledgement again; of several threads the one that began last counts."""
        turn = next(self._read_turns)
        with self._state.locks.state:
            result = self._state.draft.result
        if result is None:
            return
        try:
            with as_desk_refusals():
                row, prints = self._tools.store.intakes.confirmed(result.receipt), self._prints(result.receipt)
        except DeskRefused:
            logger.exception("the result of %s cannot be read now", result.receipt)
            return
        with self._state.locks.state:
            draft = self._state.draft
            current = draft.result
            if turn < self._read_at or current is None or row is None or current.receipt != row.receipt:
                return
            self._read_at = turn
            if (row, prints) != (current, draft.prints):
                self._state.replace_draft(replace(draft, result=row, prints=prints))
                self._state.publish()

    def prints_if_readable(self, receipt: str) -> tuple[PrintView, ...]:
        """Read the papers; () when that fails: the intake is booked, and the next change reads them again."""
        try:
            with as_desk_refusals():
                return self._prints(receipt)
        except DeskRefused:
            logger.exception("the papers of %s cannot be read now", receipt)
            return ()

    def _prints(self, receipt: str) -> tuple[PrintView, ...]:
        jobs = [job for job in self._tools.store.papers.of_receipt(receipt) if job.state != CANCELLED]
        return tuple(PrintView(job.document, job.bag, job.state, job.scanned) for job in jobs)


def stop_asking_for_bags(draft: Draft, tools: DeskTools) -> None:
    """Leave unscanned bags to the clerk when the last screen is left. Not inside ``locks.state``: this writes.

    After a failed write the bags are asked for once more at the next start, and nothing else happens.
    """
    if not all(draft.scanned_bags.values()):
        with suppress(DeskRefused), as_desk_refusals():
            tools.store.papers.cancel_scan_requests()


def _retake(before: PhotoView, findings: tuple[Finding, ...]) -> PhotoView:
    tries = before.tries + 1
    return PhotoView("help" if tries >= PHOTO_TRIES else "retake", findings=findings, tries=tries)
