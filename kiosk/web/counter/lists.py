"""Parcels, intakes, papers and the day, as the counter shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar

import msgspec
from flask import request

from kiosk.domain.void import VoidReason
from kiosk.station.clerk.access import CounterSession
from kiosk.station.counter.scans import MEMBER_NUMBER
from kiosk.station.desk.view import BAG_LABEL, PhotoView
from kiosk.station.papers.papers import CRATE_LABEL
from kiosk.station.service import StationService
from kiosk.store.shared.records import ConfirmedRow, ParcelRow, PrintJob
from kiosk.web.counter.frame import PEOPLE_ON_A_PAGE, CounterFrame, Where
from kiosk.web.counter.home import parcel_count
from kiosk.web.counter.rows import ACTS, LISTS, QUESTIONS, intake_row, shot_values
from kiosk.web.shared.paging import Page, number_of, page_of
from kiosk.web.shared.signs import check_due, send_estimate

T = TypeVar("T")

ROWS = 8  # Rows of a list on one page: two columns of four
ROWS_ABOVE_A_FOOT = 6  # Of a list with a button below it
PAPERS = 4
_COUNTED = (
    "intakes",
    "bags",
    "voids",
    "abandoned",
    "photos",
    "prints_unknown",
    "parcels_in",
    "parcels_out",
    "parcels_returned",
)
# Drawings of papers; every other one is a slip.
_PAPER_PICTURES = {
    "bag_label": "label",
    "crate_label": "label",
    "parcel_label": "label",
    "member_card": "card",
    "member_code": "number-pad",
    "tote_tag": "label",
    "seal_tag": "lock",
    "test_label": "label",
}
_VOID_PICTURES = {
    VoidReason.WRONG_PARTY: "card",
    VoidReason.WRONG_PRODUCT: "other",
    VoidReason.WRONG_CONTAINER: "crate",
    VoidReason.GOODS_RETURNED: "sack",
}
# Keys of the pad for a name; Uyghur vowels are shown without their bearer, which has its own key. A Chinese name is
# typed in Latin letters, as on a bank card: there is no room and no need for an input method at this counter.
ALPHABETS = {
    "ug": tuple("ئاەبپتجچخدرزژسشغفقكگڭلمنھوۇۆۈۋېىي"),
    "en": tuple("1234567890QWERTYUIOPASDFGHJKL·ZXCVBNM"),
}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A question before something is done; ``ask`` and ``yes`` are text ids, ``path`` is the post. ``seen`` is a field
    of the form and its value that the clerk saw: the station refuses when it has changed.
    """

    ask: str
    yes: str
    picture: str
    path: str
    seen: tuple[str, str] = ("", "")


class CounterLists:
    def __init__(self, station: StationService, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def parcels(self, session: CounterSession) -> str:
        where = Where("parcels", "/counter/parcels?state=expected")
        if request.args.get("ask") == "delivery":
            question = Confirmation("counter.delivery.ask", "counter.delivery.yes", "truck", "/counter/delivery")
            return self._frame.page("confirm", session.person, where, question=question)
        counter, chosen = self._station.counter, request.args.get("state", "")
        chosen = chosen if chosen in LISTS else "waiting"
        counts = counter.shelf.counts(session)
        totes = chosen == "returns" and counter.totes.has_printer
        size = ROWS_ABOVE_A_FOOT if totes or chosen == "expected" else ROWS
        number, count = _page(parcel_count(counts, chosen), size)
        rows = counter.shelf.parcels(session, LISTS[chosen], size, (number - 1) * size)
        return self._frame.page(
            "parcels",
            session.person,
            Where("parcels", f"/counter/parcels?state={chosen}"),
            lists=[(name, parcel_count(counts, name)) for name in LISTS],
            chosen=chosen,
            page=Page(tuple(rows), number, count),
            totes=totes,
        )

    def parcel(self, session: CounterSession, number: str) -> str:
        parcel = self._station.counter.shelf.parcel(session, number)
        here = f"/counter/parcels/{parcel.number}"
        where, ask = Where("parcels", here), request.args.get("ask", "")
        names = [act.name for act in ACTS.get(parcel.state, ())]
        if ask == "proxy" and ask in names:
            requested = request.args.get("letters", self._frame.speech.language.code)
            alphabet = requested if requested in ALPHABETS else "en"
            return self._frame.page(
                "proxy", session.person, where, parcel=parcel, alphabet=alphabet, keys=ALPHABETS[alphabet]
            )
        if ask in QUESTIONS and ask in names:
            picture = next(act.picture for act in ACTS[parcel.state] if act.name == ask)
            seen = ("number", str(parcel.number))
            question = Confirmation(f"counter.ask.{ask}", f"counter.act.{ask}", picture, f"{here}/{ask}", seen)
            return self._frame.page("confirm", session.person, where, question=question)
        up = self._station.counter.state.view().handover
        return self._frame.page(
            "parcel",
            session.person,
            where,
            parcel=parcel,
            acts=ACTS.get(parcel.state, ()),
            proved=up is not None and up.number == parcel.number,
            fresh=self._station.counter.codes.is_fresh(parcel.number),
            tote=self._station.counter.totes.of_parcel(session, parcel),
            **self._parcel_shot(parcel),
        )

    def shown(self, session: CounterSession, number: str) -> str:
        code = self._station.counter.codes.show(session, number)
        return self._frame.page("shown", session.person, Where("parcels", f"/counter/parcels/{number}"), code=code)

    def _parcel_shot(self, parcel: ParcelRow) -> dict[str, Any]:
        if not parcel.damaged:
            return shot_values(self._station, "", "", self._frame.speech.main)
        if parcel.photo_sha256:
            accepted_photo = PhotoView("done", parcel.photo_sha256)
            return {
                "shot": accepted_photo,
                "shot_address": f"/counter/parcels/{parcel.number}/photo.jpg",
                "shot_problem": "",
            }
        return shot_values(
            self._station, str(parcel.number), f"/counter/parcels/{parcel.number}/photo.jpg", self._frame.speech.main
        )

    def intakes(self, session: CounterSession) -> str:
        """List intakes since the last close, newest first; of a ``member`` those of the year."""
        member = request.args.get("member", "")
        member = member if MEMBER_NUMBER.fullmatch(member) else ""
        card = bool(member) and self._station.counter.cards.has_card(session, member)
        if card and request.args.get("ask") == "card":
            where = Where("intakes", f"/counter/intakes?member={member}")
            question = Confirmation("counter.card.ask", "counter.card.print", "card", f"/counter/members/{member}/card")
            return self._frame.page("confirm", session.person, where, question=question)
        printer = bool(member) and self._station.counter.members.has_printer
        if printer and request.args.get("ask") == "code":
            where = Where("intakes", f"/counter/intakes?member={member}")
            question = Confirmation(
                "counter.member_code.ask", "counter.member_code.print", "number-pad", f"/counter/members/{member}/code"
            )
            return self._frame.page("confirm", session.person, where, question=question)
        page = self._of_member(member) if member else self._newest(session)
        _, catalog = self._station.store.catalogs.get()
        rows = Page(tuple(intake_row(row, catalog) for row in page.items), page.number, page.count)
        left = self._station.counter.intakes.unfinished(session)
        return self._frame.page(
            "intakes",
            session.person,
            Where("intakes", f"/counter/intakes?member={member}" if member else "/counter/intakes"),
            page=rows,
            turning=f"/counter/intakes?member={member}&" if member else "/counter/intakes?",
            left=intake_row(left, catalog) if left and not member else None,
            member=member,
            card=card,
            printer=printer,
            no_code=bool(member) and not card and self._station.counter.cards.lacks_code(session, member),
        )

    def _newest(self, session: CounterSession) -> Page[ConfirmedRow]:
        counter = self._station.counter
        number, count = _page(counter.day.totals(session).intakes)
        return Page(tuple(counter.intakes.since_close(session, ROWS, (number - 1) * ROWS)), number, count)

    def _of_member(self, member: str) -> Page[ConfirmedRow]:
        number = number_of(request.args.get("page"))
        found = self._station.counter.members.brought(member, ROWS, (number - 1) * ROWS)
        return Page(tuple(found.rows), number, max(1, ceil((found.sums.receipts + found.sums.voids) / ROWS)))

    def intake(self, session: CounterSession, receipt: str) -> str:
        row = self._station.counter.intakes.intake(session, receipt)
        where = Where("intakes", f"/counter/intakes/{row.receipt}")
        if request.args.get("ask") == "void" and not row.voided:
            return self._void(session, where)
        jobs = self._station.counter.papers.of_intake(session, row.receipt)
        papers = [job for job in jobs if not job.copy_no]
        # A copy is offered beside the intake. Those of crates are on the page of each crate.
        left_out = (CRATE_LABEL, BAG_LABEL) if row.voided else (CRATE_LABEL,)
        offered = [paper for paper in papers if paper.document not in left_out]
        return self._frame.page(
            "intake",
            session.person,
            where,
            intake=intake_row(row, self._station.store.catalogs.get()[1]),
            row=row,
            papers=offered,
            paper_picture=_paper_picture,
            bag=_bag(papers),
            crates=self._station.counter.crates.has_printer,
            **shot_values(self._station, row.lot, f"{where.here}/photo.jpg", self._frame.speech.main),
        )

    def _void(self, session: CounterSession, where: Where) -> str:
        reason = request.args.get("reason", "")
        first = session.person
        others = [person for person in self._station.access.people() if person.number != first.number]
        return self._frame.page(
            "void",
            first,
            where,
            reason=reason if reason in set(VoidReason) else "",
            reasons=[(one.value, picture) for one, picture in _VOID_PICTURES.items()],
            witnesses=page_of(
                [person for person in others if person.role is first.role], PEOPLE_ON_A_PAGE, request.args.get("page")
            ),
        )

    def queue(self, session: CounterSession) -> str:
        jobs = sorted(self._station.counter.papers.queue(session), key=lambda job: job.state != "unknown")
        page = page_of_rows(jobs, PAPERS)
        snapshot = self._station.board.snapshot()
        return self._frame.page(
            "queue",
            session.person,
            Where("queue", "/counter/queue"),
            page=page,
            paper_picture=_paper_picture,
            pending=snapshot.pending,
            pictures=self._station.store.photos.unsent_count(),
            link=snapshot.marks.link,
            since=self._frame.moment(self._oldest_event()),
            left=send_estimate(self._station.settings.data) if snapshot.pending else None,
        )

    def _oldest_event(self) -> str | None:
        waiting = self._station.store.outbox.pending(1)
        return str(msgspec.json.decode(waiting[0].body).get("time", "")) if waiting else None

    def day(self, session: CounterSession) -> str:
        """Draw the totals; ``ask=close`` asks before the day is closed, because that prints."""
        where, ask = Where("day", "/counter/day"), request.args.get("ask")
        totals = self._station.counter.day.totals(session)
        if ask == "close":
            seen = ("last_seq", str(totals.last_seq))
            question = Confirmation("counter.day.ask", "counter.day.yes", "day", "/counter/day/close", seen)
            return self._frame.page("confirm", session.person, where, question=question)
        if ask == "closed":
            return self._frame.page("closed", session.person, where)
        return self._frame.page(
            "day",
            session.person,
            where,
            totals=totals,
            counted=[(name, getattr(totals, name)) for name in _COUNTED],
            check=check_due(self._station.standing),
        )


def _paper_picture(job: PrintJob) -> str:
    return _PAPER_PICTURES.get(job.document, "receipt")


def _bag(papers: Sequence[PrintJob]) -> int:
    """Return the bag whose label was scanned, from the address; 0 for none of this intake."""
    requested = request.args.get("bag", "")
    return next((paper.bag for paper in papers if paper.bag and str(paper.bag) == requested), 0)


def _page(total: int, size: int = ROWS) -> tuple[int, int]:
    """Return the requested page and the number of pages; the nearest one when the query makes no sense."""
    count = max(1, ceil(total / size))
    return min(number_of(request.args.get("page")), count), count


def page_of_rows(rows: Sequence[T], size: int) -> Page[T]:
    number, count = _page(len(rows), size)
    return Page(tuple(rows[(number - 1) * size : number * size]), number, count)
