"""The crates of a lot: which bags go into the next one, and what may be done with one that is packed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import request

from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.store.shared.records import CrateBag
from kiosk.web.counter.frame import CounterFrame, Where
from kiosk.web.counter.lists import ROWS_ABOVE_A_FOOT, Confirmation, confirm, page_of_rows
from kiosk.web.shared.paging import Page
from kiosk.web.shared.ports import Station

_DIGITS = 2


@dataclass(frozen=True, slots=True)
class BagRow:
    """A bag of the lot; ``query`` is where its row leads: in or out of the next crate, or to the crate it is in."""

    number: int
    net_g: int
    crate: int
    chosen: bool
    query: str


class CratePages:
    """Pages below an intake. Which bags are chosen stands in the address: nothing is kept before it is packed."""

    def __init__(self, station: Station, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def page(self, session: CounterSession, receipt: str) -> str:
        """The bags; ``ask=pack`` asks once more, ``crate`` is one that is packed."""
        counter = self._station.counter
        row = counter.intakes.intake(session, receipt)
        here = f"/counter/intakes/{row.receipt}/crate"
        bags = counter.crates.bags(session, row.receipt)
        number = request.args.get("crate", "")
        if number:
            return self._packed(session, here, number, [bag for bag in bags if str(bag.crate) == number])
        free = [bag.bag for bag in bags if not bag.crate]
        chosen = [bag for bag in parse_bags(request.args["bags"]) if bag in free] if "bags" in request.args else free
        bags_text = format_bags(chosen)
        if request.args.get("ask") == "pack" and chosen:
            question = Confirmation(
                "counter.crate.ask", "counter.crate.yes", "crate", f"{here}/pack", ("bags", bags_text)
            )
            return confirm(self._frame, session, Where("intakes", f"{here}?bags={bags_text}"), question)
        page = page_of_rows(bags, ROWS_ABOVE_A_FOOT)
        rows = tuple(_row(bag, chosen, page.number) for bag in page.items)
        return self._frame.page(
            "crate",
            session.person,
            Where("intakes", here),
            row=row,
            page=Page(rows, page.number, page.count),
            bags=bags_text,
            chosen=chosen,
            net_g=sum(bag.net_g for bag in bags if bag.bag in chosen),
            intake_address=f"/counter/intakes/{row.receipt}",
        )

    def _packed(self, session: CounterSession, crates: str, number: str, bags: list[CrateBag]) -> str:
        if not bags:
            raise CounterRefused("stale_page", "no such crate")
        receipt, crate = crates.split("/")[3], bags[0].crate
        where = Where("intakes", f"{crates}?crate={crate}")
        if request.args.get("ask") == "unpack":
            seen = ("crate", str(crate))
            question = Confirmation(
                "counter.crate.unpack_ask", "counter.crate.unpack", "undo", f"{crates}/unpack", seen
            )
            return confirm(self._frame, session, where, question)
        counter = self._station.counter
        jobs = counter.papers.of_intake(session, receipt)
        label_jobs = [job for job in jobs if job.document == "crate_label" and job.bag == crate]
        return self._frame.page(
            "crate_packed",
            session.person,
            where,
            row=counter.intakes.intake(session, receipt),
            crate=crate,
            bags=bags,
            net_g=sum(bag.net_g for bag in bags),
            job=label_jobs[0] if label_jobs else None,
            crates_address=crates,
        )


def format_bags(bags: Collection[int]) -> str:
    return ".".join(str(bag) for bag in sorted(bags))


def parse_bags(text: str) -> list[int]:
    """The bags of such a text; what makes no sense is none."""
    parts = text.split(".")
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= _DIGITS]


def _row(bag: CrateBag, chosen: Collection[int], page: int) -> BagRow:
    if bag.crate:
        return BagRow(bag.bag, bag.net_g, bag.crate, False, f"crate={bag.crate}")
    after = set(chosen) ^ {bag.bag}
    return BagRow(bag.bag, bag.net_g, 0, bag.bag in chosen, f"bags={format_bags(after)}&page={page}")
