"""The steps of a parcel: each writes the row, its event or events, and what happens to its papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from kiosk.domain.clerk import MAX_NAME, STATION_ACTOR
from kiosk.domain.events import (
    ParcelArrived,
    ParcelCollected,
    ParcelDamaged,
    ParcelFound,
    ParcelLost,
    ParcelMisrouted,
    ParcelNotAccepted,
    ParcelNoticed,
    ParcelOverdue,
    ParcelReturnable,
    ParcelReturned,
    ParcelShelved,
    ParcelWithdrawn,
)
from kiosk.domain.events.parcel import ParcelStep
from kiosk.domain.parcel import MAY_ARRIVE, CollectedBy, ParcelNumber, ParcelRefused, ParcelState, Proof, move
from kiosk.store.errors import StoreRefusal
from kiosk.store.journal import journal
from kiosk.store.papers import print_jobs
from kiosk.store.parcels import deliveries, parcels, pickup_codes
from kiosk.store.records import Arrival, CodeMaker, PaperMaker, ParcelRow, Stamp

_S = ParcelState


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a parcel that stays needs: a free slot out of ``slots``, a code, papers."""

    slots: Sequence[str]
    code_mac: CodeMaker
    papers: PaperMaker


@dataclass(frozen=True, slots=True)
class Handover:
    """What a parcel is handed over on."""

    proof: Proof
    by: CollectedBy
    mac: bytes | None = field(repr=False)
    proxy_name: str | None = field(repr=False)
    actor: str


# In


def arrive(connection: Connection, arrival: Arrival, fitting: Fitting, stamp: Stamp) -> ParcelRow:
    """Book a scanned parcel, or tell what is known of it; see ``ParcelSide.arrive_parcel``."""
    known = parcels.by_waybill(connection, arrival.waybill)
    if known is not None and known.state not in MAY_ARRIVE and not arrival.another:
        return replace(known, repeated=True)
    row = _book(connection, known, arrival, stamp)
    arrived = ParcelArrived(
        parcel=str(row.number),
        actor=arrival.actor,
        carrier=arrival.carrier,
        waybill_sha256_8=parcels.waybill_hash(arrival.waybill).hex()[:8],
        consent=arrival.consent,
        expected=row.expected,
        surplus=row.surplus,
        damaged=row.damaged,
    )
    journal.append(connection, arrived, stamp)
    return row if row.damaged else _fit(connection, row, fitting, arrival.actor, stamp)


def accept_damaged(
    connection: Connection, number: ParcelNumber, photo_sha256: str, fitting: Fitting, actor: str, stamp: Stamp
) -> ParcelRow:
    """Keep the photo's hash, then go on as with any other."""
    row = _about_to(connection, number, _S.SHELVED, of=_S.ARRIVED)
    if not photo_sha256:
        raise StoreRefusal("damaged_needs_photo", f"Parcel {number} is damaged: take a photo of the damage first.")
    parcels.change(connection, number, photo_sha256=photo_sha256)
    journal.append(connection, ParcelDamaged(str(number), actor, photo_sha256, "arrival"), stamp)
    return _fit(connection, row, fitting, actor, stamp)


def withdraw(connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
    """End this number; a parcel of a list is expected again, under a new one."""
    before = _about_to(connection, number, _S.WITHDRAWN)
    row = _end(connection, number, _S.WITHDRAWN, ParcelWithdrawn(str(number), actor), stamp)
    if before.expected:
        deliveries.add_expected(connection, before.waybill, before.carrier, before.phone_last4)
    return row


def refuse(connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
    """Not accepted at arrival."""
    return _end(connection, number, _S.REFUSED, ParcelNotAccepted(str(number), actor), stamp)


def misroute(connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
    """Given back: meant for another place."""
    return _end(connection, number, _S.MISROUTED, ParcelMisrouted(str(number), actor), stamp)


# On the shelf


def lose(connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
    """Not in its slot; the slot is free, and the row still tells which it was."""
    return _step(connection, number, _S.LOST, ParcelLost(str(number), actor), stamp)


def find(connection: Connection, number: ParcelNumber, slots: Sequence[str], actor: str, stamp: Stamp) -> ParcelRow:
    """Back in its old slot or in another, with the code it had."""
    row = _about_to(connection, number, _S.SHELVED, of=_S.LOST)
    slot = _free_slot(connection, [*([row.shelf] if row.shelf else []), *slots])
    journal.append(connection, ParcelFound(str(number), actor), stamp)
    return _shelve(connection, row, slot, row.code_no, actor, stamp)


def due_back(connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
    """To go with the next truck."""
    return _step(connection, number, _S.RETURN_DUE, ParcelReturnable(str(number), actor), stamp)


def give_back(connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
    """Gone with the truck."""
    return _end(connection, number, _S.RETURNED, ParcelReturned(str(number), actor), stamp)


def sweep(connection: Connection, overdue_before: str, return_before: str, stamp: Stamp) -> list[ParcelRow]:
    """Move on what waits too long; what is older than both limits goes the whole way in one step."""
    if parcels.time_to_count_from(stamp) is None:
        return []
    parcels.set_missing_times(connection, {_S.NOTICED, _S.OVERDUE}, stamp)
    late = parcels.older(connection, {_S.NOTICED, _S.OVERDUE}, return_before)
    returnable = [due_back(connection, row.number, STATION_ACTOR, stamp) for row in late]
    waiting = parcels.older(connection, {_S.NOTICED}, overdue_before)
    return returnable + [
        _step(connection, row.number, _S.OVERDUE, ParcelOverdue(str(row.number), STATION_ACTOR), stamp)
        for row in waiting
    ]


# Out


def collect(connection: Connection, number: ParcelNumber, handover: Handover, stamp: Stamp) -> ParcelRow:
    """Hand over, once."""
    _about_to(connection, number, _S.COLLECTED)
    _check_proof(connection, number, handover)
    collected = ParcelCollected(str(number), handover.actor, handover.proof, handover.by)
    return _end(connection, number, _S.COLLECTED, collected, stamp, proxy_name=handover.proxy_name)


def reissue(
    connection: Connection,
    number: ParcelNumber,
    code_mac: CodeMaker,
    papers: PaperMaker,
    actor: str,
    stamp: Stamp,
) -> ParcelRow:
    """A new code; slips of the old one that are not out yet come to nothing."""
    row = _about_to(connection, number, _S.COLLECTED)  # what may be collected has a code, and may have another
    print_jobs.cancel_slips(connection, str(number))
    mac = pickup_codes.fresh(connection, number, code_mac)
    parcels.change(connection, number, code_mac=mac, code_no=row.code_no + 1)
    journal.append(connection, ParcelNoticed(str(number), actor, row.code_no + 1), stamp)
    return _with_papers(connection, number, papers)


# What the steps have in common


def _about_to(
    connection: Connection, number: ParcelNumber, to: ParcelState, of: ParcelState | None = None
) -> ParcelRow:
    """The row before a step that is allowed. Raises StoreRefusal: unknown_parcel, collected, not_waiting."""
    row = _row(connection, number)
    try:
        move(row.state, to)
    except ParcelRefused as error:
        raise StoreRefusal(error.code, f"Parcel {number}: {error}.") from error
    if of is not None and row.state is not of:
        raise StoreRefusal("not_waiting", f"Parcel {number} is {row.state.value}, not {of.value}.")
    return row


def _row(connection: Connection, number: ParcelNumber) -> ParcelRow:
    row = parcels.by_number(connection, number)
    if row is None:
        raise StoreRefusal("unknown_parcel", f"Parcel {number} is not of this database.")
    return row


def _step(connection: Connection, number: ParcelNumber, to: ParcelState, event: ParcelStep, stamp: Stamp) -> ParcelRow:
    """A step that changes nothing but the state."""
    _about_to(connection, number, to)
    parcels.change(connection, number, state=to)
    journal.append(connection, event, stamp)
    return _row(connection, number)


def _end(
    connection: Connection,
    number: ParcelNumber,
    to: ParcelState,
    event: ParcelStep,
    stamp: Stamp,
    **values: object,
) -> ParcelRow:
    """A step that ends the parcel's life here: slot and code are free, papers that are not out come to nothing."""
    _about_to(connection, number, to)
    parcels.change(
        connection,
        number,
        state=to,
        shelf=None,
        code_mac=None,
        closed_at=stamp.moment.timestamp,
        counts_from=parcels.time_to_count_from(stamp),
        **values,
    )
    journal.append(connection, event, stamp)
    print_jobs.cancel_about(connection, str(number))
    return _row(connection, number)


def _book(connection: Connection, known: ParcelRow | None, arrival: Arrival, stamp: Stamp) -> ParcelRow:
    """The row of a parcel that is here: the one that waited for it, or a new one."""
    values: dict[str, object] = {
        "consent": arrival.consent,
        "damaged": int(arrival.damaged),
        "arrived_at": stamp.moment.timestamp,
        "counts_from": parcels.time_to_count_from(stamp),
    }
    if known is not None and known.state in (_S.EXPECTED, _S.MISSING):
        state = move(known.state, _S.ARRIVED)
        given = {"waybill": arrival.waybill, "carrier": arrival.carrier}
        parcels.change(connection, known.number, state=state, **given, **values)
        return _row(connection, known.number)
    # A list names the waybill of several packages once.
    listed = arrival.another and known is not None and known.expected
    number, surplus = parcels.next_number(connection), deliveries.is_open(connection) and not listed
    parcels.add(connection, number, arrival.waybill, arrival.carrier, _S.ARRIVED, surplus=int(surplus), **values)
    return _row(connection, number)


def _fit(connection: Connection, row: ParcelRow, fitting: Fitting, actor: str, stamp: Stamp) -> ParcelRow:
    """From ARRIVED to NOTICED in one go: nothing is on a shelf without a code."""
    slot = _free_slot(connection, fitting.slots)
    mac = pickup_codes.fresh(connection, row.number, fitting.code_mac)
    _shelve(connection, row, slot, row.code_no + 1, actor, stamp, code_mac=mac)
    return _with_papers(connection, row.number, fitting.papers)


def _shelve(
    connection: Connection, row: ParcelRow, slot: str, code_no: int, actor: str, stamp: Stamp, **values: object
) -> ParcelRow:
    state = move(move(row.state, _S.SHELVED), _S.NOTICED)
    since = stamp.moment.timestamp
    parcels.change(connection, row.number, state=state, shelf=slot, shelf_since=since, code_no=code_no, **values)
    journal.append(connection, ParcelShelved(str(row.number), actor, slot), stamp)
    journal.append(connection, ParcelNoticed(str(row.number), actor, code_no), stamp)
    return _row(connection, row.number)


def _free_slot(connection: Connection, slots: Sequence[str]) -> str:
    slot = parcels.first_free(connection, slots)
    if slot is None:
        raise StoreRefusal("shelves_full", "Every shelf slot is taken: hand over, return or move parcels first.")
    return slot


def _with_papers(connection: Connection, number: ParcelNumber, papers: PaperMaker) -> ParcelRow:
    row = _row(connection, number)
    for paper in papers(row):
        print_jobs.queue(connection, paper, str(number))
    return row


def _check_proof(connection: Connection, number: ParcelNumber, handover: Handover) -> None:
    if handover.proof is Proof.CODE:
        if handover.mac is None or handover.mac != parcels.mac_of(connection, number):
            raise StoreRefusal(
                "code_used", f"This code does not open parcel {number} any more: ask for the newest slip."
            )
    elif not handover.proxy_name or len(handover.proxy_name) > MAX_NAME:
        raise StoreRefusal("proxy_needs_name", f"A proxy is named, in 1 to {MAX_NAME} characters.")
