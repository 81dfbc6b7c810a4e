"""What happens to a parcel, from the truck to the hand, the driver or the shelf of the lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, func, or_, select, update

from kiosk.domain import events as e
from kiosk.domain.clerk import MAX_NAME, STATION_ACTOR
from kiosk.domain.events.parcel import ParcelStep
from kiosk.domain.parcel import (
    ARRIVABLE_STATES,
    TERMINAL_STATES,
    WAITING_STATES,
    ParcelNumber,
    ParcelRefused,
    ParcelState,
    Proof,
    transition,
    waybill_digest,
)
from kiosk.store.database.schema import parcel as parcel_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import journal
from kiosk.store.papers import print_jobs
from kiosk.store.parcels import deliveries, rows
from kiosk.store.shared.errors import StoreError, StoreRefusal
from kiosk.store.shared.records import (
    Arrival,
    CodeMaker,
    DamageEvidence,
    HandoverProof,
    NewCode,
    PaperMaker,
    ParcelRow,
    SlotAssignment,
    Stamp,
)

_S = ParcelState

_MAX_TRIES: Final = 20  # With a thousand parcels waiting, one random code of six digits in a thousand is in use


class Parcels(Tables):
    """Each step writes row, events and papers, on a full disk as well unless it queues new papers."""

    # In

    @writing
    def arrive(
        self, connection: Connection, arrival: Arrival, slot_assignment: SlotAssignment, stamp: Stamp
    ) -> ParcelRow:
        """Book a scanned parcel: number, slot, code, events and papers. A damaged one waits as ARRIVED.

        A waybill that is here, or was collected, gives its row with ``repeated`` and writes nothing, unless this is
        ``another`` package of it. ``slots`` are filled in their order. Refused: shelves_full.
        """
        known = rows.by_waybill(connection, arrival.waybill)
        if known is not None and known.state not in ARRIVABLE_STATES and not arrival.another:
            return replace(known, repeated=True)
        row = _book(connection, known, arrival, stamp)
        arrived = e.ParcelArrived(
            parcel=str(row.number),
            actor=arrival.actor,
            carrier=arrival.carrier,
            waybill_sha256_8=waybill_digest(arrival.waybill),
            consent=arrival.consent,
            expected=row.expected,
            surplus=row.surplus,
            damaged=row.damaged,
        )
        journal.append(connection, arrived, stamp)
        return row if row.damaged else _assign_slot(connection, row, slot_assignment, arrival.actor, stamp)

    @writing
    def accept_damaged(
        self,
        connection: Connection,
        number: ParcelNumber,
        damage: DamageEvidence,
        slot_assignment: SlotAssignment,
        stamp: Stamp,
    ) -> ParcelRow:
        """Accept it with a photo. Refused: damaged_needs_photo, shelves_full, unknown_parcel, not_waiting."""
        row = _row_before(connection, number, _S.SHELVED, of=_S.ARRIVED)
        if not damage.photo_sha256:
            raise StoreRefusal("damaged_needs_photo", f"Parcel {number} is damaged: take a photo of the damage first.")
        rows.change(connection, number, photo_sha256=damage.photo_sha256)
        journal.append(connection, e.ParcelDamaged(str(number), damage.actor, damage.photo_sha256, "arrival"), stamp)
        return _assign_slot(connection, row, slot_assignment, damage.actor, stamp)

    @finishing
    def withdraw(self, connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """Take a scan back: slot, code and queued papers are gone, and the row returned is WITHDRAWN, a final state.

        When the parcel was on a list, its waybill is EXPECTED again in a new row with a new number: the label that may
        be out has a number that is no longer valid.
        """
        before = _row_before(connection, number, _S.WITHDRAWN)
        row = end_parcel(connection, number, _S.WITHDRAWN, e.ParcelWithdrawn(str(number), actor), stamp)
        if before.expected:
            deliveries.add_expected(connection, before.waybill, before.carrier, before.phone_last4)
        return row

    @finishing
    def refuse(self, connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        return end_parcel(connection, number, _S.REFUSED, e.ParcelNotAccepted(str(number), actor), stamp)

    @finishing
    def misroute(self, connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        return end_parcel(connection, number, _S.MISROUTED, e.ParcelMisrouted(str(number), actor), stamp)

    # On the shelf

    @finishing
    def lose(self, connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """Mark a parcel that is not in its slot as lost: the slot is free, the row still names it. The code is kept."""
        return _step(connection, number, _S.LOST, e.ParcelLost(str(number), actor), stamp)

    @writing
    def find(
        self, connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp, slots: Sequence[str] = ()
    ) -> ParcelRow:
        """Put a lost parcel back, in its old slot if free. Refused: shelves_full, not_waiting, unknown_parcel."""
        row = _row_before(connection, number, _S.SHELVED, of=_S.LOST)
        slot = _free_slot(connection, [*([row.shelf] if row.shelf else []), *slots])
        journal.append(connection, e.ParcelFound(str(number), actor), stamp)
        return _shelve(connection, row, slot, actor, stamp)

    @finishing
    def due_back(self, connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        return _due_back(connection, number, actor, stamp)

    @finishing
    def give_back(self, connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        return end_parcel(connection, number, _S.RETURNED, e.ParcelReturned(str(number), actor), stamp)

    @writing
    def sweep(self, connection: Connection, overdue_before: str, return_before: str, stamp: Stamp) -> list[ParcelRow]:
        """Move on what waits too long; return the rows that changed. Times are RFC 3339 as in ``Moment.timestamp``.

        What is older than both goes the whole way at once. A parcel that arrived before a time server had set the clock
        counts from the first sweep after that. Nothing happens while the clock of ``stamp`` is not synced.
        """
        if rows.time_to_count_from(stamp) is None:
            return []
        rows.set_missing_times(connection, {_S.NOTICED, _S.OVERDUE}, stamp)
        late = rows.older(connection, {_S.NOTICED, _S.OVERDUE}, return_before)
        returnable = [_due_back(connection, row.number, STATION_ACTOR, stamp) for row in late]
        waiting = rows.older(connection, {_S.NOTICED}, overdue_before)
        return returnable + [
            _step(connection, row.number, _S.OVERDUE, e.ParcelOverdue(str(row.number), STATION_ACTOR), stamp)
            for row in waiting
        ]

    # Out

    @finishing
    def collect(self, connection: Connection, number: ParcelNumber, handover: HandoverProof, stamp: Stamp) -> ParcelRow:
        """Hand over, finally. Refused: collected, not_waiting, code_used, proxy_needs_name, unknown_parcel."""
        _row_before(connection, number, _S.COLLECTED)
        if handover.proof is Proof.CODE:
            if handover.mac is None or handover.mac != rows.mac_of(connection, number):
                raise StoreRefusal(
                    "code_used", f"This code does not open parcel {number} any more: ask for the newest slip."
                )
        elif not handover.proxy_name or len(handover.proxy_name) > MAX_NAME:
            raise StoreRefusal("proxy_needs_name", f"A proxy is named, in 1 to {MAX_NAME} characters.")
        collected = e.ParcelCollected(str(number), handover.actor, handover.proof, handover.by)
        return end_parcel(connection, number, _S.COLLECTED, collected, stamp, proxy_name=handover.proxy_name)

    @writing
    def reissue_code(
        self,
        connection: Connection,
        number: ParcelNumber,
        code: NewCode,
        actor: str,
        stamp: Stamp,
    ) -> ParcelRow:
        """Make a new code for a waiting parcel. The old code and slips of it that are not out yet are cancelled."""
        row = _row_before(connection, number, _S.COLLECTED)  # what may be collected has a code, and may have another
        print_jobs.cancel_slips(connection, str(number))
        mac = _unused_code_mac(connection, number, code.code_mac)
        rows.change(connection, number, code_mac=mac, code_no=row.code_no + 1)
        journal.append(connection, e.ParcelNoticed(str(number), actor, row.code_no + 1), stamp)
        return _with_papers(connection, number, code.papers)

    @finishing
    def erase_personal_data(self, connection: Connection, before: str, stamp: Stamp) -> int:
        """Erase waybill, phone digits and proxy name of parcels closed before then; return how many.

        The hash of the waybill stays, so that the same one again is still known. A parcel that was closed before the
        clock was set counts from the first call after that. Nothing happens while the clock of ``stamp`` is not synced.
        """
        if rows.time_to_count_from(stamp) is None:
            return 0
        done = TERMINAL_STATES | {ParcelState.MISSING}
        rows.set_missing_times(connection, done, stamp)
        condition = parcel_table.c.state.in_(sorted(done)) & (parcel_table.c.counts_from < before)
        personal = (parcel_table.c.waybill, parcel_table.c.phone_last4, parcel_table.c.proxy_name)
        has_personal_data = or_(*(column.is_not(None) for column in personal))
        nothing: dict[str, object] = {column.name: None for column in personal}
        return connection.execute(update(parcel_table).where(condition & has_personal_data).values(**nothing)).rowcount

    # Looking

    @reading
    def by_number(self, connection: Connection, number: ParcelNumber) -> ParcelRow | None:
        return rows.by_number(connection, number)

    @reading
    def by_waybill(self, connection: Connection, waybill: str) -> ParcelRow | None:
        """Find the newest parcel with this normalized waybill, erased or not; of several packages one still here."""
        return rows.by_waybill(connection, waybill)

    @reading
    def by_mac(self, connection: Connection, mac: bytes) -> ParcelRow | None:
        """Find the waiting parcel of this code; None for a code that was used, replaced or never issued."""
        row = rows.by_mac(connection, mac)
        return row if row is not None and row.state in WAITING_STATES else None

    @reading
    def in_slot(self, connection: Connection, slot: str) -> ParcelRow | None:
        return rows.one(connection, rows.ROWS.where(rows.TAKES_A_SLOT, parcel_table.c.shelf == slot))

    @reading
    def in_states(
        self, connection: Connection, states: Collection[ParcelState], limit: int = 50, offset: int = 0
    ) -> list[ParcelRow]:
        """Return the parcels in any of these states, oldest arrival first."""
        return rows.in_states(connection, states, limit, offset)

    @reading
    def counts(self, connection: Connection) -> Mapping[ParcelState, int]:
        """Count the parcels in each state; states without any are 0."""
        found = connection.execute(select(parcel_table.c.state, func.count()).group_by(parcel_table.c.state))
        return dict.fromkeys(ParcelState, 0) | {ParcelState(state): count for state, count in found}


def _row_before(
    connection: Connection, number: ParcelNumber, to: ParcelState, of: ParcelState | None = None
) -> ParcelRow:
    """Read the row and check that the step is allowed. Raises StoreRefusal: unknown_parcel, collected, not_waiting."""
    row = _row(connection, number)
    try:
        transition(row.state, to)
    except ParcelRefused as error:
        raise StoreRefusal(error.code, f"Parcel {number}: {error}.") from error
    if of is not None and row.state is not of:
        raise StoreRefusal("not_waiting", f"Parcel {number} is {row.state.value}, not {of.value}.")
    return row


def _row(connection: Connection, number: ParcelNumber) -> ParcelRow:
    row = rows.by_number(connection, number)
    if row is None:
        raise StoreRefusal("unknown_parcel", f"Parcel {number} is not of this database.")
    return row


def _step(connection: Connection, number: ParcelNumber, to: ParcelState, event: ParcelStep, stamp: Stamp) -> ParcelRow:
    _row_before(connection, number, to)
    rows.change(connection, number, state=to)
    journal.append(connection, event, stamp)
    return _row(connection, number)


def end_parcel(
    connection: Connection,
    number: ParcelNumber,
    to: ParcelState,
    event: ParcelStep,
    stamp: Stamp,
    **values: object,
) -> ParcelRow:
    """Make the parcel's last step here: free its slot and code, cancel papers that are not out."""
    _row_before(connection, number, to)
    rows.change(
        connection,
        number,
        state=to,
        shelf=None,
        code_mac=None,
        closed_at=stamp.moment.timestamp,
        counts_from=rows.time_to_count_from(stamp),
        **values,
    )
    journal.append(connection, event, stamp)
    print_jobs.cancel_about(connection, str(number))
    return _row(connection, number)


def _due_back(connection: Connection, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
    return _step(connection, number, _S.RETURN_DUE, e.ParcelReturnable(str(number), actor), stamp)


def _book(connection: Connection, known: ParcelRow | None, arrival: Arrival, stamp: Stamp) -> ParcelRow:
    """Write the row of a parcel that is here: the one that waited for it, or a new one."""
    values: dict[str, object] = {
        "consent": arrival.consent,
        "damaged": int(arrival.damaged),
        "arrived_at": stamp.moment.timestamp,
        "counts_from": rows.time_to_count_from(stamp),
    }
    if known is not None and known.state in (_S.EXPECTED, _S.MISSING):
        state = transition(known.state, _S.ARRIVED)
        given = {"waybill": arrival.waybill, "carrier": arrival.carrier}
        rows.change(connection, known.number, state=state, **given, **values)
        return _row(connection, known.number)
    # A list names the waybill of several packages once.
    listed = arrival.another and known is not None and known.expected
    number, surplus = rows.next_number(connection), deliveries.is_open(connection) and not listed
    rows.add(connection, number, arrival.waybill, arrival.carrier, _S.ARRIVED, surplus=int(surplus), **values)
    return _row(connection, number)


def _assign_slot(
    connection: Connection, row: ParcelRow, slot_assignment: SlotAssignment, actor: str, stamp: Stamp
) -> ParcelRow:
    """Move from ARRIVED to NOTICED in one step: nothing is on a shelf without a code."""
    slot = _free_slot(connection, slot_assignment.slots)
    mac = _unused_code_mac(connection, row.number, slot_assignment.code_mac)
    coded = replace(row, code_no=row.code_no + 1)
    _shelve(connection, coded, slot, actor, stamp, code_mac=mac)
    return _with_papers(connection, row.number, slot_assignment.papers)


def _shelve(connection: Connection, row: ParcelRow, slot: str, actor: str, stamp: Stamp, **values: object) -> ParcelRow:
    state = transition(transition(row.state, _S.SHELVED), _S.NOTICED)
    since = stamp.moment.timestamp
    rows.change(connection, row.number, state=state, shelf=slot, shelf_since=since, code_no=row.code_no, **values)
    journal.append(connection, e.ParcelShelved(str(row.number), actor, slot), stamp)
    journal.append(connection, e.ParcelNoticed(str(row.number), actor, row.code_no), stamp)
    return _row(connection, row.number)


def _unused_code_mac(connection: Connection, number: ParcelNumber, code_mac: CodeMaker) -> bytes:
    """Return the hash of a code that no parcel has; ask for a new one while in use. Raises StoreError after 20."""
    for _ in range(_MAX_TRIES):
        mac = code_mac(number)
        if rows.by_mac(connection, mac) is None:
            return mac
    raise StoreError(f"{_MAX_TRIES} pickup codes in a row are in use: the source of random numbers does not work.")


def _free_slot(connection: Connection, slots: Sequence[str]) -> str:
    slot = rows.first_free(connection, slots)
    if slot is None:
        raise StoreRefusal("shelves_full", "Every shelf slot is taken: hand over, return or move parcels first.")
    return slot


def _with_papers(connection: Connection, number: ParcelNumber, papers: PaperMaker) -> ParcelRow:
    row = _row(connection, number)
    for paper in papers(row):
        print_jobs.queue(connection, paper, str(number))
    return row
