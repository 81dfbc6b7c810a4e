"""Intakes: a receipt number is taken, and the intake is confirmed or abandoned, once, for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, false, func, insert, select, update

from kiosk.domain.events import IntakeAbandoned, IntakeConfirmed, IntakeVoided
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.domain.intake import AbandonReason, ConfirmedIntake, Intake, IntakeState
from kiosk.domain.void import Void
from kiosk.messaging.contract.seal import SealedEvent
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_line as line_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import lot as lot_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import journal, sealed_rows
from kiosk.store.journal.numbering import is_intake, is_void, next_in_series, number_of, parse_receipt, receipt_in
from kiosk.store.journal.sealed_rows import AlteredRecord
from kiosk.store.papers import print_jobs
from kiosk.store.scale import pan_loads, weighings
from kiosk.store.shared.errors import StoreError, StoreRefusal
from kiosk.store.shared.records import ConfirmedRow, IntakePapers, Stamp

# Columns of a `ConfirmedRow` that have another name, or are in another table than the intake's.
_ELSEWHERE: Mapping[str, ColumnElement[Any]] = {
    "lot": lot_table.c.lot,
    "seq": journal_table.c.seq,
    "epoch": epoch_table.c.epoch,
    "confirmed_at": intake_table.c.closed_at,
    "acknowledged": journal_table.c.seq <= epoch_table.c.acked_upto,
    "voided": void_table.c.intake.is_not(None),
    "repeated": false(),
    "bags": select(func.count()).where(line_table.c.intake == intake_table.c.number).scalar_subquery(),
}
_SUMMARY = (
    select(
        *(_ELSEWHERE[row.name] if row.name in _ELSEWHERE else intake_table.c[row.name] for row in fields(ConfirmedRow))
    )
    .select_from(intake_table)
    .join(lot_table)
    .join(journal_table, journal_table.c.position == intake_table.c.position)
    .join(epoch_table, epoch_table.c.number == journal_table.c.epoch)
    .outerjoin(void_table, void_table.c.intake == intake_table.c.number)
)
_BAGS = select(func.count()).where(line_table.c.intake == intake_table.c.number).scalar_subquery()
_SLIP = (
    select(
        intake_table.c.product, _BAGS, intake_table.c.net_g, intake_table.c.price_fen_per_kg,
        intake_table.c.amount_fen, intake_table.c.mode, void_table.c.voided_at,
    )
    .outerjoin_from(intake_table, void_table, void_table.c.intake == intake_table.c.number)
    .where(intake_table.c.state == IntakeState.CONFIRMED)
)  # fmt: skip
# What every intake needs is put together once: SQLAlchemy takes longer to build a statement than SQLite to run it.
_OF_TOKEN = _SUMMARY.where(intake_table.c.token == bindparam("mine"))
_STATE = select(intake_table.c.state).where(
    intake_table.c.number == bindparam("key"), intake_table.c.receipt == bindparam("text")
)
_EXISTING = select(intake_table.c.state, (intake_table.c.token == bindparam("mine")).label("mine")).where(
    ((intake_table.c.number == bindparam("key")) & (intake_table.c.receipt == bindparam("text")))
    | (intake_table.c.token == bindparam("mine"))
)
_CLOSE = update(intake_table).where(intake_table.c.number == bindparam("key"))
_OPENED_COLUMNS = tuple(name for name in intake_table.c.keys() if hasattr(Intake, name))  # noqa: SIM118 - no dict
_OPEN, _LINES, _LOT = insert(intake_table), insert(line_table), insert(lot_table)


class Intakes(Tables):
    """Intakes; each ends with its event and the effects on its papers and on loads on the pan."""

    @writing
    def open(self, connection: Connection, intake_of: Callable[[ReceiptNumber], Intake], stamp: Stamp) -> Intake:
        """Begin an intake of chosen goods under the next receipt number, which is used from now on."""
        intake = intake_of(_next_receipt(connection))
        row = {
            "number": number_of(intake.receipt),
            "state": IntakeState.OPENED,
            "opened_at": stamp.moment.timestamp,
        }
        connection.execute(_OPEN, row | _repeated(intake, _OPENED_COLUMNS))
        return intake

    @finishing
    def confirm(
        self, connection: Connection, confirmed: ConfirmedIntake, token: str, papers: IntakePapers, stamp: Stamp
    ) -> ConfirmedRow:
        """Record what both sides agreed on: event, intake, bags, lot and papers. Raises StoreError unless it is opened.

        ``token`` is made by the screen for this confirmation; when it was used before, the first result is returned
        with ``repeated`` and nothing is written.
        """
        receipt = confirmed.intake.receipt
        params = {"key": number_of(receipt), "text": str(receipt), "mine": token}
        before = connection.execute(_EXISTING, params).all()
        if any(row.mine for row in before):
            return replace(_of_token(connection, token), repeated=True)
        _check_state(receipt, before[0].state if before else None, IntakeState.OPENED)
        event = _write_confirmed(connection, confirmed, token, stamp)
        print_jobs.add(connection, receipt, papers(event.sha256))
        return _of_token(connection, token)

    @finishing
    def abandon(
        self, connection: Connection, receipt: ReceiptNumber, stage: str, why: AbandonReason, stamp: Stamp
    ) -> None:
        """Close an intake (``stage``: opened, weighed) without goods; report what was fixed for it as unbooked. A
        second call changes nothing.
        """
        _abandon(connection, receipt, stage, why, stamp)

    @finishing
    def abandon_left_open(self, connection: Connection, stamp: Stamp) -> list[ReceiptNumber]:
        """Abandon, at the station's start, every intake that was open when it stopped."""
        opened = select(intake_table.c.receipt).where(intake_table.c.state == IntakeState.OPENED)
        receipts = [ReceiptNumber.parse(text) for text in connection.execute(opened).scalars()]
        for receipt in receipts:
            _abandon(connection, receipt, IntakeState.OPENED, AbandonReason.RESTART, stamp)
        return receipts

    @writing
    def void(self, connection: Connection, void: Void, stamp: Stamp) -> None:
        """Record the one counter-document of an intake, and cancel its queued papers. Refused: already_void."""
        number = _require(connection, void.receipt, IntakeState.CONFIRMED)
        if is_void(connection, void.receipt):
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
        print_jobs.cancel_queued(connection, void.receipt)

    @reading
    def confirmed(self, connection: Connection, receipt: str) -> ConfirmedRow | None:
        return _one(connection, _SUMMARY.where(is_intake(parse_receipt(receipt))))

    @reading
    def slip_figures(self, connection: Connection, receipt: ReceiptNumber) -> tuple[str | int | None, ...] | None:
        """Return goods, bags, net grams, fen per kg, fen and mode of a confirmed intake, and when it was voided."""
        row = connection.execute(_SLIP.where(is_intake(receipt))).one_or_none()
        return None if row is None else tuple(row)

    @reading
    def find(self, connection: Connection, text: str) -> ConfirmedRow | None:
        """Find the confirmed intake of a receipt number, or of a receipt, lot or bag code; None for anything else."""
        receipt = receipt_in(text.strip().upper())
        return _one(connection, _SUMMARY.where(is_intake(receipt))) if receipt is not None else None

    @reading
    def by_token(self, connection: Connection, token: str) -> ConfirmedRow | None:
        return _one(connection, _SUMMARY.where(intake_table.c.token == token))

    @reading
    def recent(self, connection: Connection, limit: int = 50) -> list[ConfirmedRow]:
        return _rows(connection, _SUMMARY.order_by(intake_table.c.number.desc()).limit(limit))

    @reading
    def altered(self, connection: Connection) -> list[AlteredRecord]:
        """Find, at every start, those of the newest intakes whose rows are not what was sealed."""
        return sealed_rows.find_altered_newest(sealed_rows.bare_of(connection))


def newest_confirmed(
    connection: Connection, condition: ColumnElement[bool], limit: int, offset: int
) -> list[ConfirmedRow]:
    """Return the confirmed intakes that meet the condition, newest receipt first."""
    query = _SUMMARY.where(condition).order_by(intake_table.c.number.desc())
    return _rows(connection, query.limit(limit).offset(offset))


def _next_receipt(connection: Connection) -> ReceiptNumber:
    station, series, counter = next_in_series(connection, intake_table.c.number)
    try:
        return ReceiptNumber(station, series, counter)
    except BadIdentifier as error:
        raise StoreError(f"All receipt numbers of series {series} are used up: start a new epoch.") from error


def _abandon(connection: Connection, receipt: ReceiptNumber, stage: str, why: AbandonReason, stamp: Stamp) -> None:
    if _state(connection, receipt) == IntakeState.ABANDONED:
        return
    number = _require(connection, receipt, IntakeState.OPENED)
    position = journal.append(connection, IntakeAbandoned(str(receipt), stage, why), stamp)
    connection.execute(
        update(intake_table)
        .where(intake_table.c.number == number)
        .values(state=IntakeState.ABANDONED, position=position, closed_at=stamp.moment.timestamp)
    )
    pan_loads.on_intake_abandoned(connection, receipt, why, stamp)


def _write_confirmed(connection: Connection, confirmed: ConfirmedIntake, token: str, stamp: Stamp) -> SealedEvent:
    number, certificate = number_of(confirmed.intake.receipt), confirmed.certificate
    data = IntakeConfirmed.of(confirmed, stamp.metrology)
    position, event = journal.append_sealed(connection, data, stamp)
    values = {
        "key": number,
        "state": IntakeState.CONFIRMED,
        "certificate_kind": certificate.kind,
        "certificate_ref": certificate.ref,
        "certificate_reason": certificate.reason,
        "token": token,
        "position": position,
        "closed_at": stamp.moment.timestamp,
    }
    connection.execute(_CLOSE, values | _repeated(data, sealed_rows.INTAKE_COLUMNS))
    bags = [
        {"intake": number, "readings": line.weighing.readings, **_repeated(bag, sealed_rows.BAG_COLUMNS)}
        for line, bag in zip(confirmed.intake.lines, data.bags, strict=True)
    ]
    connection.execute(_LINES, bags)
    connection.execute(_LOT, {"intake": number, **_repeated(data, ("lot", "product", "owner", "net_g"))})
    weighings.add(connection, number, confirmed)
    pan_loads.on_intake_confirmed(connection, number, confirmed.intake, stamp)
    return event


def _repeated(source: object, names: Iterable[str]) -> dict[str, object]:
    """Return the columns a row repeats of an intake or its event: integers as they are, others as text."""
    values = {name: getattr(source, name) for name in names}
    return {name: value if value is None or isinstance(value, int) else str(value) for name, value in values.items()}


def _state(connection: Connection, receipt: ReceiptNumber) -> str | None:
    return connection.execute(_STATE, {"key": number_of(receipt), "text": str(receipt)}).scalar_one_or_none()


def _require(connection: Connection, receipt: ReceiptNumber, state: IntakeState) -> int:
    _check_state(receipt, _state(connection, receipt), state)
    return number_of(receipt)


def _check_state(receipt: ReceiptNumber, found: str | None, expected: IntakeState) -> None:
    if found != expected:
        raise StoreError(f"Receipt {receipt} is {found or 'not of this database'}, not {expected}.")


def _of_token(connection: Connection, token: str) -> ConfirmedRow:
    return ConfirmedRow(*connection.execute(_OF_TOKEN, {"mine": token}).one())


def _rows(connection: Connection, query: Select[Any]) -> list[ConfirmedRow]:
    return [ConfirmedRow(*row) for row in connection.execute(query).all()]


def _one(connection: Connection, query: Select[Any]) -> ConfirmedRow | None:
    return next(iter(_rows(connection, query)), None)
