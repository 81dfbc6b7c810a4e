"""One scanner, two faces: who gets a scan.

An unlocked counter whose page is open gets every scan. Otherwise the scan is a villager's: a member card starts an
intake, a pickup slip puts its parcel up at the counter, the number of a certificate is taken for the goods on the
screen, and everything else is named in a notice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from kiosk.domain.clerk import Role
from kiosk.protocols.barcodes.scan import Scan, parse_scan
from kiosk.protocols.barcodes.waybills import identify
from kiosk.station.counter.access import Access
from kiosk.station.counter.board import CounterBoard
from kiosk.station.counter.counter import Counter
from kiosk.station.counter.view import CounterRefused
from kiosk.station.desk.view import DeskRefused, DeskView
from kiosk.station.parcels.scan_words import refused_word
from kiosk.store.records import ParcelRow

logger = logging.getLogger(__name__)

MY_PARCEL: Final = "my_parcel"
"""The notice of a slip whose code was right: the parcel is up at the counter."""
_NOT_HERE: Final = "not_a_member_card"


class CardDesk(Protocol):
    """What is needed of the desk."""

    def scan(self, text: str) -> DeskView: ...
    def show_certificate(self, text: str) -> DeskView: ...


OnNotice = Callable[[str, ParcelRow | None, int], None]
"""A word for the public face, the masked parcel of ``my_parcel``, and the seconds to wait of ``code_locked``."""


class ScanRouter:
    """Takes scans from the scanner's thread; never raises, and never logs what was scanned."""

    def __init__(
        self, counter: Counter, board: CounterBoard, access: Access, desk: CardDesk, on_notice: OnNotice
    ) -> None:
        self._counter = counter
        self._board = board
        self._access = access
        self._desk = desk
        self._on_notice = on_notice

    def on_scan(self, text: str) -> None:
        """Take one scan to whoever it is meant for."""
        try:
            session = self._access.current() if self._board.watched() else None
            if session is not None and session.person.role is Role.CLERK:
                self._counter.scan(session, text)
            else:
                self._public(text)
        except CounterRefused as refusal:
            self._on_notice(refusal.code, None, refusal.wait_s)
        except DeskRefused as refusal:
            self._on_notice(refusal.code, None, 0)
        except Exception:
            logger.exception("a scan could not be taken")

    def _public(self, text: str) -> None:
        scan = parse_scan(text.encode("utf-8", "replace"))
        if scan.kind == "member" and scan.valid:
            self._desk.scan(scan.data.strip())
        elif scan.kind == "pickup" and scan.valid:
            self._on_notice(MY_PARCEL, self._counter.public_code(scan.data.strip()), 0)
        elif not self._certificate(scan):
            self._on_notice(_named(scan), None, 0)

    def _certificate(self, scan: Scan) -> bool:
        """Whether it was the number of a certificate, shown while somebody is at the screen with goods."""
        if scan.kind != "text" or identify(scan.data).why_not != "not_a_waybill":
            return False
        try:
            self._desk.show_certificate(scan.data)
        except DeskRefused:
            return False
        return True


def _named(scan: Scan) -> str:
    """What a villager held under the scanner, as a word."""
    found = identify(scan.data)
    if scan.kind in ("rejected", "product", "gs1"):
        return refused_word(scan, found)
    return _NOT_HERE
