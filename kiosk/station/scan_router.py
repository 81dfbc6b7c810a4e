"""One scanner, two screens: which screen gets a scan.

A counter with a clerk and an open page gets every scan. Otherwise the scan is a villager's: a member card starts an
intake, the label of a bag may be what the last screen asks for, a pickup slip shows its parcel at the counter, the
signed code of a receipt is checked, and so is anything else while a check is on the screen, the number of a certificate
is used for the goods on the screen, and any other scan is named in a notice.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Final

from kiosk.domain.clerk import Role
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.counter import ClerkCounter
from kiosk.station.counter.scans import ParsedScan
from kiosk.station.counter.state import CounterBoard
from kiosk.station.desk.choices import Choices
from kiosk.station.desk.view import DeskRefused
from kiosk.station.slips import PublicSlips
from kiosk.store.shared.records import ParcelRow

logger = logging.getLogger(__name__)

MY_PARCEL: Final = "my_parcel"  # The notice of a slip whose code was right: the parcel is up at the counter
CLERK_CALLED: Final = "clerk_called"  # The same while no clerk is there to see it: the clerk is called by sound
_NOT_HERE: Final = "not_a_member_card"
_NAMED: Final = frozenset({"rejected", "product", "gs1"})  # Kinds of scan with their own notice for a villager


# What issuers number with. A set-up code of a scanner or a line of SQL is no number of anything.
_CERTIFICATE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z ()./_-]*")

# A notice for the public screen: its text id, the masked parcel of a slip, the seconds of `code_locked`.
OnNotice = Callable[[str, ParcelRow | None, int], None]


def put_up_notice(access: Access) -> str:
    """Return the notice for a parcel that its code brought up at the counter."""
    return MY_PARCEL if access.is_clerk_present() else CLERK_CALLED


class ScanRouter:
    """Takes scans from the scanner's thread; never raises, and never logs what was scanned."""

    def __init__(
        self,
        counter: ClerkCounter,
        board: CounterBoard,
        access: Access,
        desk: Choices,
        slips: PublicSlips,
        on_notice: OnNotice,
    ) -> None:
        self._counter, self._board, self._access, self._desk = counter, board, access, desk
        self._slips, self._on_notice = slips, on_notice

    def on_scan(self, text: str) -> None:
        self._route(partial(self._scanned, text))

    def on_refused(self, word: ScanRefusal) -> None:
        self._route(partial(self._refused, word))

    def _route(self, take: Callable[[CounterSession | None], None]) -> None:
        """Call ``take`` with the session of the clerk at the open counter, None for a villager's scan."""
        try:
            session = self._access.current() if self._board.is_watched() else None
            take(session if session is not None and session.person.role is Role.CLERK else None)
        except CounterRefused as refusal:
            self._on_notice(refusal.code, None, refusal.wait_s)
        except DeskRefused as refusal:
            self._on_notice(refusal.code, None, 0)
        except Exception:
            logger.exception("a scan could not be taken")

    def _scanned(self, text: str, clerk: CounterSession | None) -> None:
        scanned = self._counter.reader.read(text)
        if clerk is not None:
            self._counter.scans.scan(clerk, scanned)
        else:
            self._public(scanned)

    def _refused(self, word: ScanRefusal, clerk: CounterSession | None) -> None:
        if clerk is not None:
            self._counter.scans.refuse(clerk, word.value)
        elif self._slips.is_open():
            self._slips.scanned("")
        else:
            self._on_notice(word.value, None, 0)

    def _public(self, scanned: ParsedScan) -> None:
        kind, valid = scanned.scan.kind, scanned.scan.valid
        if scanned.slip:
            self._slips.scanned(scanned.slip)
        elif kind in ("member", "bag") and valid:
            self._desk.scan(scanned.text)
        elif kind == "pickup" and valid:
            row = self._counter.handovers.public_code(scanned.text)
            self._on_notice(put_up_notice(self._access), row, 0)
        elif self._slips.is_open():
            self._slips.scanned(scanned.text)
        elif not self._certificate(scanned):
            self._on_notice(scanned.refusal if kind in _NAMED else _NOT_HERE, None, 0)

    def _certificate(self, scanned: ParsedScan) -> bool:
        if scanned.scan.kind != "text" or scanned.scan.as_waybill.why_not != "not_a_waybill":
            return False
        if not _CERTIFICATE.fullmatch(scanned.text):
            return False
        try:
            self._desk.show_certificate(scanned.scan.data)
        except DeskRefused:
            return False
        return True
