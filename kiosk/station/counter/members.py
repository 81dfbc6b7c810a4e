"""What a member brought to this station: on the screen for the proven member, on paper, and for a clerk.

The card is proof, as a receipt is for its holder; without a card the number is, together with the newest code that a
clerk printed. The station has no data of other stations: the county adds those up.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from kiosk.domain.catalog import Catalog, Names
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import BadPickupCode, check_pickup_code
from kiosk.domain.statement import Statement
from kiosk.labels.papers.member import MemberStatement, StatementRow
from kiosk.messaging.contract.slip import HEAD_BYTES, statement_text
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.guess_limit import GuessLimit
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.acts import Acts, window
from kiosk.station.papers.papers import RECEIPT_PRINTER, origin
from kiosk.station.papers.parcel import MEMBER_STATEMENT, CounterPapers
from kiosk.station.shared.settings import StationSettings
from kiosk.store.members import FIRST_DATE, Brought
from kiosk.store.shared.records import ConfirmedRow, NewPaper, Stamp
from kiosk.store.store import Store

logger = logging.getLogger(__name__)

ON_PAPER: Final = 20  # Receipts on one strip: about 40 cm; the others are one sum


class MemberReceipts:
    def __init__(self, acts: Acts, store: Store, papers: CounterPapers, limit: GuessLimit) -> None:
        self._acts, self._store, self._papers, self._limit = acts, store, papers, limit

    @property
    def has_printer(self) -> bool:
        return RECEIPT_PRINTER in self._papers.printers

    def year(self) -> int | None:
        """Return the year that is shown; None while the clock is not set: then all receipts are shown."""
        moment = self._acts.stamp().moment
        return None if moment.quality is ClockQuality.UNSET else moment.local.year

    def brought(self, member: str, limit: int, offset: int = 0) -> Brought:
        """Return a member's receipts, for the proven member and for a clerk."""
        with as_counter_refusals():
            return self._brought(member, self._acts.stamp(), *window(limit, offset))

    def rows(self, brought: Brought) -> tuple[StatementRow, ...]:
        zone, (_, catalog) = ZoneInfo(self._papers.settings.zone), self._store.catalogs.get()
        return tuple(_row(row, catalog, zone) for row in brought.rows)

    def prove(self, member: str, code: str) -> None:
        """Check a member's code. Raises CounterRefused: wrong_code, also while this member has none; code_locked;
        no_key. Codes of parcels and of members share one count of wrong guesses, so a lockout covers both.
        """
        try:
            mac = self._papers.member_mac(member, check_pickup_code(code))
        except BadPickupCode:
            raise CounterRefused("wrong_code") from None

        def probe() -> bool | None:
            with as_counter_refusals():
                return self._store.members.has_code(member, mac) or None

        self._limit.guess(probe)

    def print(self, member: str) -> None:
        """Queue the strip of the year, unless one waits. Raises CounterRefused: stale_page (nothing to print)."""
        with self._acts.lock, as_counter_refusals():
            stamp = self._acts.stamp()
            brought = self._brought(member, stamp, ON_PAPER)
            if not self.has_printer or not brought.rows:
                raise CounterRefused("stale_page", f"there is nothing to print for {member}")
            body = msgspec.json.encode(self._statement(member, brought, stamp))
            self._store.members.queue_statement(member, NewPaper(MEMBER_STATEMENT, RECEIPT_PRINTER, body))
            self._acts.notify_committed()

    def print_code(self, session: CounterSession, member: str) -> None:
        """Issue a new code for a member of the list; the one before becomes invalid. Raises CounterRefused: stale_page
        (no printer, no such member), no_key. No event reports it.
        """
        with self._acts.act(session) as (_, stamp):
            _, catalog = self._store.catalogs.get()
            if not self.has_printer or catalog.member(member) is None:
                raise CounterRefused("stale_page", f"there is no code for {member}")
            mac, paper = self._papers.member_code(member, stamp)
            self._store.members.set_code(member, mac, paper)
            self._acts.notify_committed()

    def _brought(self, member: str, stamp: Stamp, limit: int, offset: int = 0) -> Brought:
        local = stamp.moment.local.replace(hour=0, minute=0, second=0, microsecond=0)
        starts = [local.replace(month=1, day=1), local] if stamp.moment.quality is not ClockQuality.UNSET else []
        # As the database has times
        texts = [start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z") for start in starts]
        year_start, day_start = texts or ["", ""]
        return self._store.members.brought(member, year_start, day_start, limit, offset)

    def _statement(self, member: str, brought: Brought, stamp: Stamp) -> MemberStatement:
        settings = self._papers.on_paper(self._papers.settings)
        return MemberStatement(
            member=member,
            year=self.year(),
            time=stamp.moment.local_time,
            sums=brought.sums,
            rows=self.rows(brought),
            head=brought.head,
            software=stamp.software,
            signed_code=self._signed_code(settings, member, brought, stamp),
            fails=bool(settings.slip_host),
            **origin(settings, stamp),
        )

    def _signed_code(self, settings: StationSettings, member: str, brought: Brought, stamp: Stamp) -> str:
        """Return the signed statement text; empty when none can be made: the paper is printed anyway, and says so."""
        clock = stamp.moment.quality
        minute = None if clock is ClockQuality.UNSET else int(stamp.moment.utc.timestamp()) // 60
        first, last = ReceiptNumber.parse(brought.first), ReceiptNumber.parse(brought.last)
        head = bytes.fromhex(brought.head)[:HEAD_BYTES]
        try:
            key = self._papers.signing_key() if settings.slip_host else None
            statement = Statement(settings.region, member, minute, clock, first, last, brought.sums, head)
            return statement_text(settings.slip_host, key, statement) if key is not None else ""
        except Exception:  # as the key's device fails
            logger.exception("the statement of a member cannot be signed")
            return ""


def _row(row: ConfirmedRow, catalog: Catalog, zone: ZoneInfo) -> StatementRow:
    product, code = catalog.product(row.product), row.product
    names = product.names if product else Names(code, code, code)
    at = datetime.fromisoformat(row.confirmed_at.replace("Z", "+00:00")).astimezone(zone)
    date = at.strftime("%Y-%m-%d") if row.confirmed_at >= FIRST_DATE else None
    figures = (row.bags, row.net_g, row.amount_fen, row.mode, row.voided)
    return StatementRow(row.receipt.partition("-")[2], date, names, *figures)
