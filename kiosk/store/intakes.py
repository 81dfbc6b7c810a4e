"""Intakes: a receipt number is taken, and the intake is confirmed or abandoned, once, for good."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from kiosk.domain.events import IntakeAbandoned, IntakeConfirmed, IntakeVoided
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, parse_internal_code
from kiosk.domain.intake import AbandonReason, ConfirmedIntake, Intake, IntakeLine, IntakeState
from kiosk.domain.void import Void
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_line as line_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import lot as lot_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.errors import StoreError, StoreRefusal
from kiosk.store.intakes_key import has_receipt, number_of
from kiosk.store.journal import epochs, journal
from kiosk.store.journal.numbering import next_in_series
from kiosk.store.records import ConfirmedRow, Stamp
from kiosk.store.scale import pan_loads, weighings

_SUMMARY = (
    select(
        intake_table.c.receipt,
        lot_table.c.lot,
        intake_table.c.product,
        intake_table.c.party,
        intake_table.c.mode,
        intake_table.c.gross_g,
        intake_table.c.tare_g,
        intake_table.c.net_g,
        intake_table.c.amount_fen,
        journal_table.c.seq,
        epoch_table.c.epoch,
        intake_table.c.closed_at,
        journal_table.c.seq <= epoch_table.c.acked_upto,
        void_table.c.intake.is_not(None),
    )
    .select_from(intake_table)
    .join(lot_table)
    .join(journal_table, journal_table.c.position == intake_table.c.position)
    .join(epoch_table, epoch_table.c.number == journal_table.c.epoch)
    .outerjoin(void_table, void_table.c.intake == intake_table.c.number)
)


_CODES_OF_AN_INTAKE = "RLB"


def next_receipt(connection: Connection) -> ReceiptNumber:
    """The receipt number after the last one taken in the current series."""
    series, counter = next_in_series(connection, intake_table.c.number)
    try:
        return ReceiptNumber(str(epochs.station_of(connection)), series, counter)
    except BadIdentifier as error:
        raise StoreError(f"All receipt numbers of series {series} are used up: start a new epoch.") from error


def take(connection: Connection, intake: Intake, stamp: Stamp) -> None:
    """Write a new intake in state opened: its receipt number is used from now on."""
    connection.execute(
        insert(intake_table).values(
            number=number_of(intake.receipt),
            receipt=str(intake.receipt),
            state=IntakeState.OPENED,
            opened_at=stamp.moment.timestamp,
            **_agreed(intake),
        )
    )


def confirm(
    connection: Connection, confirmed: ConfirmedIntake, token: str, metrology: str, stamp: Stamp
) -> ConfirmedRow:
    """Write what was agreed on: event, intake, bags and lot. Raises StoreError unless the intake is opened.

    A token used before gives its first result, and nothing is written.
    """
    first = by_token(connection, token)
    if first is not None:
        return replace(first, repeated=True)
    _write_confirmed(connection, confirmed, token, metrology, stamp)
    return _rows(connection, _SUMMARY.where(intake_table.c.token == token))[0]


def abandon(connection: Connection, receipt: ReceiptNumber, stage: str, why: AbandonReason, stamp: Stamp) -> None:
    """Close an opened intake without goods, and tell what was fixed for it as left unbooked.

    Nothing happens when that was done before. Raises StoreError otherwise.
    """
    if _state(connection, receipt) == IntakeState.ABANDONED:
        return
    number = _require(connection, receipt, IntakeState.OPENED)
    position = journal.append(connection, IntakeAbandoned(str(receipt), stage, why), stamp)
    connection.execute(
        update(intake_table)
        .where(intake_table.c.number == number)
        .values(state=IntakeState.ABANDONED, position=position, closed_at=stamp.moment.timestamp)
    )
    pan_loads.abandoned(connection, receipt, why, stamp)


def abandon_left_open(connection: Connection, stamp: Stamp) -> list[ReceiptNumber]:
    """Abandon every intake that a restart found open."""
    opened = select(intake_table.c.receipt).where(intake_table.c.state == IntakeState.OPENED)
    receipts = [ReceiptNumber.parse(text) for text in connection.execute(opened).scalars()]
    for receipt in receipts:
        abandon(connection, receipt, IntakeState.OPENED, AbandonReason.RESTART, stamp)
    return receipts


def void(connection: Connection, void: Void, stamp: Stamp) -> None:
    """Write the counter-document. Raises StoreError unless the intake is confirmed and has none yet."""
    number = _require(connection, void.receipt, IntakeState.CONFIRMED)
    if is_void(connection, number):
        raise StoreRefusal("already_void", f"Receipt {void.receipt} is void already.")
    position = journal.append(connection, IntakeVoided.of(void), stamp)
    connection.execute(
        insert(void_table).values(
            intake=number,
            reason=void.reason,
            actor=void.actor,
            witness=void.witness,
            replacement=str(void.replacement) if void.replacement else None,
            position=position,
            voided_at=stamp.moment.timestamp,
        )
    )


def by_receipt(connection: Connection, receipt: str) -> ConfirmedRow | None:
    """The confirmed intake with this receipt number."""
    return _one(connection, _SUMMARY.where(has_receipt(receipt)))


def by_any_code(connection: Connection, text: str) -> ConfirmedRow | None:
    """The confirmed intake of a receipt number, or of a receipt, lot or bag code; None for anything else."""
    receipt = receipt_in(text.strip().upper())
    return by_receipt(connection, str(receipt)) if receipt is not None else None


def receipt_in(text: str) -> ReceiptNumber | None:
    """The receipt that a number or an internal code names: codes of receipts, lots and bags begin with its body."""
    with suppress(BadIdentifier):
        return ReceiptNumber.parse(text)
    with suppress(ValueError):
        code = parse_internal_code(text)
        if code.kind in _CODES_OF_AN_INTAKE:
            return ReceiptNumber(f"S{code.body[:4]}", code.body[4:5], int(code.body[5:11]))
    return None


def is_void(connection: Connection, number: int) -> bool:
    """Whether the intake with this key has its counter-document."""
    return connection.execute(select(void_table.c.intake).where(void_table.c.intake == number)).first() is not None


def since(
    connection: Connection, first_number: int, after_position: int, limit: int, offset: int
) -> list[ConfirmedRow]:
    """Intakes from this key on whose event is after this position, newest receipt first."""
    mine = (intake_table.c.number >= first_number) & (intake_table.c.position > after_position)
    return _rows(connection, _SUMMARY.where(mine).order_by(intake_table.c.number.desc()).limit(limit).offset(offset))


def by_token(connection: Connection, token: str) -> ConfirmedRow | None:
    """The intake confirmed with this token."""
    return _one(connection, _SUMMARY.where(intake_table.c.token == token))


def recent(connection: Connection, limit: int) -> list[ConfirmedRow]:
    """Confirmed intakes, newest receipt first."""
    return _rows(connection, _SUMMARY.order_by(intake_table.c.number.desc()).limit(limit))


def _write_confirmed(
    connection: Connection, confirmed: ConfirmedIntake, token: str, metrology: str, stamp: Stamp
) -> None:
    number = _require(connection, confirmed.intake.receipt, IntakeState.OPENED)
    certificate = confirmed.certificate
    position = journal.append(connection, IntakeConfirmed.of(confirmed, metrology), stamp)
    connection.execute(
        update(intake_table)
        .where(intake_table.c.number == number)
        .values(
            state=IntakeState.CONFIRMED,
            certificate_kind=certificate.kind,
            certificate_ref=certificate.ref,
            certificate_reason=certificate.reason,
            metrology=metrology,
            token=token,
            position=position,
            closed_at=stamp.moment.timestamp,
            **_agreed(confirmed.intake),
        )
    )
    connection.execute(insert(line_table), [_bag(number, line) for line in confirmed.intake.lines])
    connection.execute(
        insert(lot_table).values(
            intake=number,
            lot=confirmed.lot,
            product=confirmed.intake.product,
            owner=confirmed.owner,
            net_g=confirmed.intake.net_g,
        )
    )
    weighings.add(connection, number, confirmed)
    pan_loads.confirmed(connection, number, confirmed.intake, stamp)


def _agreed(intake: Intake) -> dict[str, object]:
    return {
        "party": str(intake.party),
        "product": intake.product,
        "mode": intake.mode,
        "catalog_version": intake.catalog_version,
        "price_fen_per_kg": intake.price_fen_per_kg,
        "gross_g": intake.gross_g,
        "tare_g": intake.tare_g,
        "net_g": intake.net_g,
        "amount_fen": intake.amount_fen,
    }


def _bag(number: int, line: IntakeLine) -> dict[str, object]:
    return {
        "intake": number,
        "bag": line.number,
        "gross_g": line.gross_g,
        "tare_g": line.tare_g,
        "net_g": line.net_g,
        "amount_fen": line.amount_fen,
        "container": line.container,
        "tare_source": line.tare_source,
        "reading": line.weighing.reading_no,
        "load": line.weighing.load_no,
        "stable_ms": line.weighing.stable_ms,
        "readings": line.weighing.readings,
    }


def _state(connection: Connection, receipt: ReceiptNumber) -> str | None:
    """The state of an intake of this database, None when it has no such receipt."""
    return connection.execute(select(intake_table.c.state).where(has_receipt(str(receipt)))).scalar_one_or_none()


def _require(connection: Connection, receipt: ReceiptNumber, state: IntakeState) -> int:
    found = _state(connection, receipt)
    if found != state:
        raise StoreError(f"Receipt {receipt} is {found or 'not of this database'}, not {state}.")
    return number_of(receipt)


def _rows(connection: Connection, query: Select[Any]) -> list[ConfirmedRow]:
    rows: Sequence[Sequence[Any]] = connection.execute(query).all()
    return [ConfirmedRow(*row) for row in rows]


def _one(connection: Connection, query: Select[Any]) -> ConfirmedRow | None:
    return next(iter(_rows(connection, query)), None)
