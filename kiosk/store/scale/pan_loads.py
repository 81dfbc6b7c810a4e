"""Unbooked loads on the pan: noted while their outcome is open, and recorded as an event when they left."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, or_, select, update

from kiosk.domain.events.scale import LoadLeft
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason, Intake, IntakeState, TareSource
from kiosk.domain.metrology.pan_journal import (
    BookedLoadNote,
    HeldLoadNote,
    LingeringLoadNote,
    LoadLeftNote,
    PanNote,
    PreviousLoads,
    UnbookedWhy,
)
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_line as line_table
from kiosk.store.database.schema import pan_load as load_table
from kiosk.store.database.schema import scale_check as check_table
from kiosk.store.database.tables import Tables, finishing, reading
from kiosk.store.journal import journal
from kiosk.store.journal.numbering import is_intake, number_of, parse_receipt
from kiosk.store.shared.records import LoadRow, Stamp

LIES, HELD, UNBOOKED = "lies", "held", "unbooked"

_OPEN = load_table.c.position.is_(None)  # As the index of the open rows says it: the others grow with the years

_HELD_FOR_INTAKE = _OPEN & (load_table.c.state == HELD) & (load_table.c.intake == bindparam("mine"))
_ON_RECEIPT = or_(
    load_table.c.load.in_(bindparam("loads", expanding=True)),
    load_table.c.taken_g.in_(bindparam("tares", expanding=True)),
)
# What every confirmed intake asks is put together once.
_BOOKED = delete(load_table).where(_HELD_FOR_INTAKE, _ON_RECEIPT)
_USED = delete(load_table).where(
    _OPEN, load_table.c.state == LIES, load_table.c.load.in_(bindparam("loads", expanding=True))
)
_ANY = select(load_table.c.number).where(_OPEN).limit(1)
_HELD = select(load_table).where(_HELD_FOR_INTAKE).order_by(load_table.c.number)

_WHY = {
    AbandonReason.LEFT: UnbookedWhy.ABANDONED,
    AbandonReason.IDLE: UnbookedWhy.IDLE,
    AbandonReason.RESTART: UnbookedWhy.RESTART,
}


class PanLoads(Tables):
    @finishing
    def note(self, connection: Connection, pan_note: PanNote, stamp: Stamp) -> None:
        """Store a note of the pan journal, with its event when a load has left unbooked."""
        match pan_note:
            case LingeringLoadNote():
                # At most one load is on the pan.
                connection.execute(delete(load_table).where(_OPEN, load_table.c.state == LIES))
                lying = {"state": LIES, "load": pan_note.load_no, **_note_values(pan_note.peak_g, stamp)}
                connection.execute(insert(load_table).values(lying))
            case HeldLoadNote():
                _record_held(connection, pan_note, stamp)
            case LoadLeftNote():
                _record_left(connection, pan_note, stamp)
            case BookedLoadNote():
                mark_used(connection, {pan_note.load_no})

    @reading
    def before(self, connection: Connection) -> PreviousLoads:
        """Read what the last run knew of the pan. Call it before ``Intakes.abandon_left_open``."""
        lies = (
            connection.execute(select(load_table.c.peak_g).where(_OPEN, load_table.c.state == LIES)).scalars().first()
        )
        held = (
            select(load_table.c.peak_g)
            .where(_OPEN, load_table.c.state == HELD)
            .order_by(load_table.c.number.desc())
            .limit(1)
        )
        newest = select(intake_table.c.number).where(intake_table.c.state == IntakeState.CONFIRMED)
        newest = newest.order_by(intake_table.c.number.desc()).limit(1)
        last = select(line_table.c.gross_g).where(line_table.c.intake == newest.scalar_subquery())
        bag = last.order_by(line_table.c.bag.desc()).limit(1)
        checked = select(check_table.c.read_g).order_by(check_table.c.number.desc()).limit(1)
        known = [grams for query in (held, bag, checked) for grams in connection.execute(query).scalars()]
        return PreviousLoads(lies, tuple(known))

    @reading
    def unbooked(self, connection: Connection, limit: int = 50, offset: int = 0) -> list[LoadRow]:
        query = (
            select(
                load_table.c.number,
                load_table.c.peak_g,
                load_table.c.why,
                load_table.c.loads,
                load_table.c.settled_ms,
                load_table.c.noted_at,
                load_table.c.clock,
                intake_table.c.receipt,
            )
            .outerjoin(intake_table, intake_table.c.number == load_table.c.intake)
            .where(load_table.c.state == UNBOOKED)
            .order_by(load_table.c.position.desc(), load_table.c.number.desc())
            .limit(limit)
            .offset(offset)
        )
        return [LoadRow(*row[:7], receipt=row[7] or "") for row in connection.execute(query)]


def mark_used(connection: Connection, loads: Collection[int]) -> None:
    """Close these loads where one was noted as lying on the pan: they are booked or checked now."""
    connection.execute(_USED, {"loads": list(loads)})


def on_intake_confirmed(connection: Connection, number: int, intake: Intake, stamp: Stamp) -> None:
    """Close the loads that are on the receipt, as bags or as their containers: they are booked.

    What was fixed for it and is not on it, a container that was exchanged for another, has left unbooked.
    """
    if connection.execute(_ANY).first() is None:
        return
    loads = {line.weighing.load_no for line in intake.lines}
    tares = {line.tare_g for line in intake.lines if line.tare_source is TareSource.WEIGHED}
    connection.execute(_BOOKED, {"mine": number, "loads": list(loads), "tares": list(tares)})
    mark_used(connection, loads)
    _close_held(connection, intake.receipt, UnbookedWhy.ABANDONED, stamp)


def on_intake_abandoned(connection: Connection, receipt: ReceiptNumber, why: AbandonReason, stamp: Stamp) -> None:
    """Record that what was fixed for the abandoned intake has left, or will leave, unbooked."""
    _close_held(connection, receipt, _WHY[why], stamp)


def _record_held(connection: Connection, pan_note: HeldLoadNote, stamp: Stamp) -> None:
    """Store the note; one that comes after the end of the intake is closed by that end at once."""
    receipt = parse_receipt(pan_note.receipt)
    intake = select(intake_table.c.number, intake_table.c.state).where(is_intake(receipt))
    row = connection.execute(intake).one_or_none()
    mark_used(connection, {pan_note.load_no})
    if (
        receipt is None
        or row is None
        or (row.state == IntakeState.CONFIRMED and _is_on_receipt(connection, row.number, pan_note))
    ):
        return
    held = {"state": HELD, "load": pan_note.load_no, "intake": row.number, "taken_g": pan_note.held_g}
    connection.execute(insert(load_table).values({**held, **_note_values(pan_note.peak_g, stamp)}))
    if row.state != IntakeState.OPENED:
        _close_held(connection, receipt, UnbookedWhy.ABANDONED, stamp)


def _is_on_receipt(connection: Connection, number: int, pan_note: HeldLoadNote) -> bool:
    """Return whether the receipt has this load, as a bag or as a container that was weighed."""
    weighed = (line_table.c.tare_source == TareSource.WEIGHED) & (line_table.c.tare_g == pan_note.held_g)
    line = select(line_table.c.bag).where(line_table.c.intake == number)
    return connection.execute(line.where(or_(line_table.c.load == pan_note.load_no, weighed))).first() is not None


def _close_held(connection: Connection, receipt: ReceiptNumber, why: UnbookedWhy, stamp: Stamp) -> None:
    """Record that what is still held for this intake has left unbooked."""
    for row in connection.execute(_HELD, {"mine": number_of(receipt)}).all():
        left = LoadLeftNote(row.peak_g, why, row.settled_ms, row.loads)
        _close_unbooked(connection, left, stamp, load_table.c.number == row.number, str(receipt))


def _record_left(connection: Connection, pan_note: LoadLeftNote, stamp: Stamp) -> None:
    if pan_note.noted and _close_unbooked(connection, pan_note, stamp, _OPEN & (load_table.c.state == LIES), None):
        return
    values = {"state": LIES, "load": 0, **_note_values(pan_note.peak_g, stamp)}
    number = connection.execute(insert(load_table).values(values).returning(load_table.c.number)).scalar_one()
    _close_unbooked(connection, pan_note, stamp, load_table.c.number == number, None)


def _close_unbooked(
    connection: Connection, left: LoadLeftNote, stamp: Stamp, which: ColumnElement[bool], receipt: str | None
) -> bool:
    """Append the event and close the row; return False, and write nothing, when there is no such row."""
    number = connection.execute(select(load_table.c.number).where(which)).scalars().first()
    if number is None:
        return False
    event = LoadLeft(left.peak_g, left.why, left.settled_ms, left.loads, receipt)
    position = journal.append(connection, event, stamp)
    connection.execute(
        update(load_table)
        .where(load_table.c.number == number)
        .values(
            state=UNBOOKED,
            why=left.why,
            position=position,
            **_note_values(left.peak_g, stamp, left.loads, left.settled_ms),
        )
    )
    return True


def _note_values(peak_g: int, stamp: Stamp, loads: int = 1, settled_ms: int = 0) -> dict[str, object]:
    return {
        "peak_g": peak_g,
        "loads": loads,
        "settled_ms": settled_ms,
        "noted_at": stamp.moment.timestamp,
        "clock": stamp.moment.quality,
    }
