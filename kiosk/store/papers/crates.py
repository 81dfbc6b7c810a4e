"""Crates: bags of one lot packed together under one number, and taken apart again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, SerialNumber
from kiosk.store.database.schema import crate as crate_table
from kiosk.store.database.schema import crate_bag as bag_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_line as line_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import sealed_rows
from kiosk.store.journal.numbering import is_intake, is_void, key_of, next_in_series, number_of, parse_receipt
from kiosk.store.papers import print_jobs
from kiosk.store.shared.errors import StoreError, StoreRefusal
from kiosk.store.shared.records import CrateBag, CratePaper, PackedCrate, Stamp

_BAGS: Final = (
    select(line_table.c.bag, line_table.c.net_g, func.coalesce(crate_table.c.place, 0))
    .select_from(intake_table)
    .join(line_table, line_table.c.intake == intake_table.c.number)
    .outerjoin(bag_table, (bag_table.c.intake == line_table.c.intake) & (bag_table.c.bag == line_table.c.bag))
    .outerjoin(crate_table, crate_table.c.number == bag_table.c.crate)
    .order_by(line_table.c.bag)
)

# The SSCC and the label of a crate, of what is in it: known once it has its number, in the same transaction.
CratePapers = Callable[[PackedCrate], CratePaper]


class Crates(Tables):
    """A bag is in one crate at most. A crate keeps its number when it is taken apart: nothing gets it again."""

    @reading
    def bags(self, connection: Connection, receipt: str) -> list[CrateBag]:
        """Return the bags of a lot, each with the number of its crate in this lot, 0 for none."""
        return _bags(connection, _BAGS.where(is_intake(parse_receipt(receipt))))

    @reading
    def receipt_of(self, connection: Connection, sscc: str) -> tuple[str, int] | None:
        """Find the receipt and the number of the packed crate with this SSCC."""
        found = (
            select(intake_table.c.receipt, crate_table.c.place)
            .join(crate_table, crate_table.c.intake == intake_table.c.number)
            .where(crate_table.c.sscc == sscc, crate_table.c.unpacked_at.is_(None))
        )
        row = connection.execute(found).one_or_none()
        return (row[0], row[1]) if row else None

    @writing
    def pack(
        self, connection: Connection, receipt: ReceiptNumber, bags: Collection[int], papers: CratePapers, stamp: Stamp
    ) -> PackedCrate:
        """Pack bags into the next crate and queue its label. Refused: already_void, stale_page, record_altered."""
        if is_void(connection, receipt):
            raise StoreRefusal("already_void", f"Receipt {receipt} is void: its bags are packed no more.")
        sealed_rows.refuse_altered_intake(connection, receipt)
        free = {bag.bag: bag.net_g for bag in _bags(connection, _BAGS.where(is_intake(receipt))) if not bag.crate}
        if not bags or not set(bags) <= free.keys():
            raise StoreRefusal("stale_page", f"Not all of the bags {sorted(bags)} of {receipt} can be packed now.")
        number, intake = _next(connection), number_of(receipt)
        last = select(func.max(crate_table.c.place)).where(crate_table.c.intake == intake)
        place = (connection.execute(last).scalar_one() or 0) + 1
        packed = PackedCrate(number, place, tuple(sorted(bags)), sum(free[bag] for bag in set(bags)))
        paper, key = papers(packed), key_of(number.series, number.counter)
        row = {"number": key, "intake": intake, "place": place, "sscc": paper.sscc or None}
        connection.execute(insert(crate_table).values(row | {"packed_at": stamp.moment.timestamp}))
        connection.execute(insert(bag_table), [{"intake": intake, "bag": bag, "crate": key} for bag in packed.bags])
        print_jobs.add(connection, receipt, [paper.label])
        return packed

    @finishing
    def unpack(self, connection: Connection, receipt: ReceiptNumber, place: int, stamp: Stamp) -> None:
        """Take the crate apart: its bags may be packed again, its label is no longer valid. Refused: stale_page."""
        condition = (crate_table.c.intake == number_of(receipt)) & (crate_table.c.place == place)
        packed = condition & crate_table.c.unpacked_at.is_(None)
        key = connection.execute(select(crate_table.c.number).where(packed)).scalar_one_or_none()
        if key is None:
            raise StoreRefusal("stale_page", f"There is no packed crate {place} of receipt {receipt}.")
        connection.execute(update(crate_table).where(packed).values(unpacked_at=stamp.moment.timestamp))
        connection.execute(delete(bag_table).where(bag_table.c.crate == key))
        print_jobs.cancel_crate(connection, receipt, place)


def _bags(connection: Connection, query: Select[Any]) -> list[CrateBag]:
    rows: Sequence[Sequence[Any]] = connection.execute(query).all()
    return [CrateBag(*row) for row in rows]


def _next(connection: Connection) -> SerialNumber:
    station, series, counter = next_in_series(connection, crate_table.c.number)
    try:
        return SerialNumber(station, series, counter)
    except BadIdentifier as error:
        raise StoreError(f"All crate numbers of series {series} are used up: start a new epoch.") from error
