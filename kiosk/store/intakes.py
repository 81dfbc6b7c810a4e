"""Intakes: a receipt number is taken, and the intake is confirmed or abandoned, once, for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from kiosk.domain.events import IntakeAbandoned, IntakeConfirmed, IntakeVoided
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.domain.intake import AbandonReason, ConfirmedIntake, Intake, IntakeLine, IntakeState
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
from kiosk.store.journal.numbering import next_in_series
from kiosk.store.journal.receipts import is_intake, is_void, number_of, parse_receipt, receipt_in
from kiosk.store.journal.sealed_rows import AlteredRecord
from kiosk.store.papers import print_jobs
from kiosk.store.scale import pan_loads, weighings
from kiosk.store.shared.errors import StoreError, StoreRefusal
from kiosk.store.shared.records import ChosenGoods, ConfirmedRow, IntakePapers, Stamp

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
_OPEN, _LINES, _LOT = insert(intake_table), insert(line_table), insert(lot_table)


class Intakes(Tables):
    """Intakes; at the end of each stands its event, and what follows for its papers and for loads on the pan."""

    @writing
    def open(self, connection: Connection, goods: ChosenGoods, stamp: Stamp) -> Intake:
        """Goods were chosen: take the next receipt number. It is used from now on."""
        return open_intake(connection, goods, stamp)

    @finishing
    def confirm(
        self,
        connection: Connection,
        confirmed: ConfirmedIntake,
        token: str,
        papers: IntakePapers,
        metrology: str,
        stamp: Stamp,
    ) -> ConfirmedRow:
        """Record what both sides agreed on: event, intake, bags, lot and papers. StoreError unless it is opened.

        ``token`` is made by the screen for this confirmation; when it was used before, the first result comes back
        with ``repeated`` and nothing is written. ``metrology`` names the legally relevant software.
        """
        return confirm_intake(connection, confirmed, token, papers, metrology, stamp)

    @finishing
    def abandon(
        self, connection: Connection, receipt: ReceiptNumber, stage: str, why: AbandonReason, stamp: Stamp
    ) -> None:
        """Close an opened intake without goods, and tell what was fixed for it as left unbooked.

        ``stage`` is opened or weighed. Again changes nothing.
        """
        _abandon(connection, receipt, stage, why, stamp)

    @finishing
    def abandon_left_open(self, connection: Connection, stamp: Stamp) -> list[ReceiptNumber]:
        """At the station's start: abandon every intake that was open when it stopped."""
        opened = select(intake_table.c.receipt).where(intake_table.c.state == IntakeState.OPENED)
        receipts = [ReceiptNumber.parse(text) for text in connection.execute(opened).scalars()]
        for receipt in receipts:
            _abandon(connection, receipt, IntakeState.OPENED, AbandonReason.RESTART, stamp)
        return receipts

    @writing
    def void(self, connection: Connection, void: Void, stamp: Stamp) -> None:
        """Record the counter-document of a confirmed intake, at most one each; its queued papers are cancelled.

        Refused: already_void.
        """
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
        """The confirmed intake with this receipt number."""
        return _one(connection, _SUMMARY.where(is_intake(parse_receipt(receipt))))

    @reading
    def find(self, connection: Connection, text: str) -> ConfirmedRow | None:
        """The confirmed intake of a receipt number, or of a receipt, lot or bag code; None for anything else."""
        receipt = receipt_in(text.strip().upper())
        return _one(connection, _SUMMARY.where(is_intake(receipt))) if receipt is not None else None

    @reading
    def by_token(self, connection: Connection, token: str) -> ConfirmedRow | None:
        """The intake that was confirmed with this token."""
        return _of_token(connection, token)

    @reading
    def recent(self, connection: Connection, limit: int = 50) -> list[ConfirmedRow]:
        """Confirmed intakes, newest receipt first."""
        return _rows(connection, _SUMMARY.order_by(intake_table.c.number.desc()).limit(limit))

    @reading
    def altered(self, connection: Connection) -> list[AlteredRecord]:
        """Of the newest intakes those whose rows are not what was sealed; for every start."""
        return sealed_rows.find_altered_newest(sealed_rows.bare_of(connection))


def open_intake(connection: Connection, goods: ChosenGoods, stamp: Stamp) -> Intake:
    receipt = _next_receipt(connection)
    intake = Intake(receipt, goods.party, goods.product, goods.mode, goods.catalog_version, goods.price_fen_per_kg)
    row = {
        "number": number_of(receipt),
        "receipt": str(receipt),
        "state": IntakeState.OPENED,
        "opened_at": stamp.moment.timestamp,
    }
    connection.execute(_OPEN, row | _agreed_values(intake))
    return intake


def confirm_intake(
    connection: Connection,
    confirmed: ConfirmedIntake,
    token: str,
    papers: IntakePapers,
    metrology: str,
    stamp: Stamp,
) -> ConfirmedRow:
    """As ``Intakes.confirm``. Raises StoreError."""
    receipt = confirmed.intake.receipt
    params = {"key": number_of(receipt), "text": str(receipt), "mine": token}
    before = connection.execute(_EXISTING, params).all()
    if any(row.mine for row in before):
        first = _of_token(connection, token)
        assert first is not None
        return replace(first, repeated=True)
    _check_state(receipt, before[0].state if before else None, IntakeState.OPENED)
    event = _write_confirmed(connection, confirmed, token, metrology, stamp)
    print_jobs.add(connection, receipt, papers(event.sha256))
    return _row_of(confirmed, event, stamp)


def confirmed_since(
    connection: Connection, first_number: int, after_position: int, limit: int, offset: int
) -> list[ConfirmedRow]:
    """Intakes from this key on whose event is after this position, newest receipt first."""
    condition = (intake_table.c.number >= first_number) & (intake_table.c.position > after_position)
    return _rows(
        connection, _SUMMARY.where(condition).order_by(intake_table.c.number.desc()).limit(limit).offset(offset)
    )


def _next_receipt(connection: Connection) -> ReceiptNumber:
    """The receipt number after the last one taken in the current series."""
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


def _write_confirmed(
    connection: Connection, confirmed: ConfirmedIntake, token: str, metrology: str, stamp: Stamp
) -> SealedEvent:
    number = number_of(confirmed.intake.receipt)
    certificate = confirmed.certificate
    position, event = journal.append_sealed(connection, IntakeConfirmed.of(confirmed, metrology), stamp)
    agreed = {
        "key": number,
        "state": IntakeState.CONFIRMED,
        "certificate_kind": certificate.kind,
        "certificate_ref": certificate.ref,
        "certificate_reason": certificate.reason,
        "metrology": metrology,
        "token": token,
        "position": position,
        "closed_at": stamp.moment.timestamp,
    }
    connection.execute(_CLOSE, agreed | _agreed_values(confirmed.intake))
    connection.execute(_LINES, [_bag(number, line) for line in confirmed.intake.lines])
    lot = {
        "intake": number,
        "lot": confirmed.lot,
        "product": confirmed.intake.product,
        "owner": confirmed.owner,
        "net_g": confirmed.intake.net_g,
    }
    connection.execute(_LOT, lot)
    weighings.add(connection, number, confirmed)
    pan_loads.on_intake_confirmed(connection, number, confirmed.intake, stamp)
    return event


def _row_of(confirmed: ConfirmedIntake, event: SealedEvent, stamp: Stamp) -> ConfirmedRow:
    """What `_SUMMARY` gives of an intake whose event has just been written."""
    intake = confirmed.intake
    return ConfirmedRow(
        receipt=str(intake.receipt),
        lot=confirmed.lot,
        product=intake.product,
        party=str(intake.party),
        mode=intake.mode.value,
        gross_g=intake.gross_g,
        tare_g=intake.tare_g,
        net_g=intake.net_g,
        amount_fen=intake.amount_fen,
        seq=event.seq,
        epoch=event.epoch,
        confirmed_at=stamp.moment.timestamp,
        acknowledged=False,
        voided=False,
    )


def _agreed_values(intake: Intake) -> dict[str, object]:
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
    return connection.execute(_STATE, {"key": number_of(receipt), "text": str(receipt)}).scalar_one_or_none()


def _require(connection: Connection, receipt: ReceiptNumber, state: IntakeState) -> int:
    _check_state(receipt, _state(connection, receipt), state)
    return number_of(receipt)


def _check_state(receipt: ReceiptNumber, found: str | None, expected: IntakeState) -> None:
    if found != expected:
        raise StoreError(f"Receipt {receipt} is {found or 'not of this database'}, not {expected}.")


def _of_token(connection: Connection, token: str) -> ConfirmedRow | None:
    row: Sequence[Any] | None = connection.execute(_OF_TOKEN, {"mine": token}).one_or_none()
    return None if row is None else ConfirmedRow(*row)


def _rows(connection: Connection, query: Select[Any]) -> list[ConfirmedRow]:
    rows: Sequence[Sequence[Any]] = connection.execute(query).all()
    return [ConfirmedRow(*row) for row in rows]


def _one(connection: Connection, query: Select[Any]) -> ConfirmedRow | None:
    return next(iter(_rows(connection, query)), None)
