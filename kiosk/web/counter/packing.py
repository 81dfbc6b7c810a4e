"""Crates of a lot and totes for the driver: what goes into the next one, and what may be done with a packed one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flask import request

from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.service import StationService
from kiosk.store.parcels.totes import MAX_TOTES_PER_MANIFEST, SEAL, TOTE
from kiosk.store.shared.records import CrateBag, ParcelRow, ToteRow
from kiosk.web.counter.frame import CounterFrame, Where
from kiosk.web.counter.lists import ROWS, ROWS_ABOVE_A_FOOT, Confirmation, page_of_rows
from kiosk.web.counter.rows import short
from kiosk.web.shared.paging import Page

_DIGITS = 2


@dataclass(frozen=True, slots=True)
class BagRow:
    number: int
    net_g: int
    crate: int
    chosen: bool
    query: str


class CratePages:
    """Pages below an intake. The chosen bags are in the address: nothing is stored before it is packed."""

    def __init__(self, station: StationService, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def page(self, session: CounterSession, receipt: str) -> str:
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
            where = Where("intakes", f"{here}?bags={bags_text}")
            return self._frame.page("confirm", session.person, where, question=question)
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
            return self._frame.page("confirm", session.person, where, question=question)
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
    parts = text.split(".")
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= _DIGITS]


def _row(bag: CrateBag, chosen: Collection[int], page: int) -> BagRow:
    if bag.crate:
        return BagRow(bag.bag, bag.net_g, bag.crate, False, f"crate={bag.crate}")
    after = set(chosen) ^ {bag.bag}
    return BagRow(bag.bag, bag.net_g, 0, bag.bag in chosen, f"bags={format_bags(after)}&page={page}")


HERE = "/counter/totes"
_AT = Where("parcels", HERE)


@dataclass(frozen=True, slots=True)
class ParcelChoice:
    """A parcel that goes back; ``query`` is where its row leads: in or out of the next tote."""

    row: ParcelRow
    chosen: bool
    query: str


@dataclass(frozen=True, slots=True)
class ToteTile:
    number: str
    seal: str
    parcels: int


@dataclass(frozen=True, slots=True)
class HandedOverRow:
    """A tote that went with a manifest, or a parcel in it; ``path`` is where it is seen."""

    number: str
    path: str
    picture: str
    parcels: int = 0


class TotePages:
    """What is chosen is in the address: nothing is stored before it is packed."""

    def __init__(self, station: StationService, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def page(self, session: CounterSession) -> str:
        """Draw the totes that wait; ``pack`` chooses parcels for the next one, ``tote`` is one that is packed. With
        ``manifest`` draw those that are gone.
        """
        totes = self._station.counter.totes
        if "manifest" in request.args:
            return self._manifest_page(session, request.args["manifest"])
        packed = totes.packed_totes(session)
        if "tote" in request.args:
            return self._packed(session, request.args["tote"], packed)
        if "parcels" in request.args or "pack" in request.args:
            return self._choose(session, totes.free(session))
        tiles = [_tile(tote) for tote in packed]
        if request.args.get("ask") == "hand_over" and tiles:
            seen = ("totes", ".".join(tile.number for tile in tiles[:MAX_TOTES_PER_MANIFEST]))
            question = Confirmation("counter.tote.ask", "counter.tote.hand_over", "truck", f"{HERE}/hand_over", seen)
            return self._frame.page("confirm", session.person, _AT, question=question)
        return self._frame.page(
            "totes",
            session.person,
            _AT,
            page=page_of_rows(tiles, ROWS_ABOVE_A_FOOT),
            free=len(totes.free(session)) if totes.has_printer else 0,
            manifest=totes.manifest(session),
        )

    def _choose(self, session: CounterSession, free: Sequence[ParcelRow]) -> str:
        known = [short(row.number) for row in free]
        parcels_text = request.args.get("parcels")
        chosen = known if parcels_text is None else [one for one in parcels_text.split(".") if one in known]
        chosen_text = ".".join(chosen)
        if request.args.get("ask") == "pack" and chosen:
            question = Confirmation(
                "counter.tote.pack_ask", "counter.tote.yes", "parcel", f"{HERE}/pack", ("parcels", chosen_text)
            )
            where = Where("parcels", f"{HERE}?parcels={chosen_text}")
            return self._frame.page("confirm", session.person, where, question=question)
        page = page_of_rows(free, ROWS_ABOVE_A_FOOT)
        rows = tuple(_choice(row, known, chosen, page.number) for row in page.items)
        return self._frame.page(
            "tote_pack",
            session.person,
            _AT,
            page=Page(rows, page.number, page.count),
            chosen=chosen,
            said=chosen_text,
        )

    def _manifest_page(self, session: CounterSession, manifest: str) -> str:
        totes, sheet = self._station.counter.totes.totes_of_manifest(session, manifest)
        here, number = f"{HERE}?manifest={manifest}", request.args.get("tote", "")
        tote = next((tote for tote in totes if tote.number.text(TOTE) == number), None)
        if tote is None:
            rows = [_handed_over_row(here, tote) for tote in totes]
            heading = {"number": manifest, "up": HERE, "sheet": sheet, "seal": ""}
        else:
            rows = [HandedOverRow(short(parcel), f"/counter/parcels/{parcel}", "parcel") for parcel in tote.parcels]
            heading = {"number": number, "up": here, "sheet": None, "seal": tote.seal.text(SEAL)}
            here = f"{here}&tote={number}"
        return self._frame.page(
            "manifest", session.person, Where("parcels", here), page=page_of_rows(rows, ROWS), **heading
        )

    def _packed(self, session: CounterSession, number: str, packed: Sequence[ToteRow]) -> str:
        tote = next((tote for tote in packed if tote.number.text(TOTE) == number), None)
        if tote is None:
            raise CounterRefused("stale_page", "no such tote")
        where = Where("parcels", f"{HERE}?tote={number}")
        if request.args.get("ask") == "unpack":
            question = Confirmation(
                "counter.tote.unpack_ask", "counter.tote.unpack", "undo", f"{HERE}/unpack", ("tote", number)
            )
            return self._frame.page("confirm", session.person, where, question=question)
        return self._frame.page(
            "tote", session.person, where, tote=_tile(tote), inside=tote.parcels[:ROWS_ABOVE_A_FOOT]
        )


def _tile(tote: ToteRow) -> ToteTile:
    return ToteTile(tote.number.text(TOTE), tote.seal.text(SEAL), len(tote.parcels))


def _handed_over_row(here: str, tote: ToteRow) -> HandedOverRow:
    number = tote.number.text(TOTE)
    return HandedOverRow(number, f"{here}&tote={number}", "lock", len(tote.parcels))


def _choice(row: ParcelRow, known: Sequence[str], chosen: Collection[str], page: int) -> ParcelChoice:
    own_number = short(row.number)
    after = [one for one in known if (one in chosen) != (one == own_number)]
    return ParcelChoice(row, own_number in chosen, f"parcels={'.'.join(after)}&page={page}")
