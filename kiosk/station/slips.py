"""*Check a slip*: the verdict on the signed code of a receipt, judged offline, and the screen for villagers.

Nothing of a receipt is logged or written: the newest one is in memory while its screen is shown.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final

from kiosk.base.ed25519 import key_id_of
from kiosk.domain.slip import CheckedSlip, SlipVerdict
from kiosk.messaging.contract.configuration import from_base64
from kiosk.messaging.contract.slip import BadSlip, SignedSlip, parse_slip
from kiosk.station.configuration.checks import LiveContent
from kiosk.station.desk.live import LiveBoard
from kiosk.station.desk.view import DeskRefused, DeskStep
from kiosk.store import StoreError
from kiosk.store.intakes import Intakes

logger = logging.getLogger(__name__)

SILENT_S: Final = 3.0  # A check without a sound seems good: after these the screen says that nothing was read
SHOWN_S: Final = 30.0  # To compare a paper by eye; then it is hidden from the next person
NOTICE: Final = "slip."  # Notices of the public board: this and a verdict, or ...
HOLD: Final = f"{NOTICE}hold"  # ... the screen that asks for a receipt
NOT_NOW: Final = "slip_not_now"  # In the middle of an intake

# One short sound is right. Two: no verdict, or it was printed again. Two long ones: it does not count.
_SOUNDS: Final = {"right": "ok", "changed": "error", "key_doubted": "error", "voided": "error"}
SOUNDS: Final[Mapping[str, str]] = {f"{NOTICE}{verdict}": _SOUNDS.get(verdict, "attention") for verdict in SlipVerdict}
_UNREADABLE: Final = CheckedSlip(SlipVerdict.UNREADABLE)


def judge(
    signed: SignedSlip, keys: Iterable[tuple[bytes, str]], own: tuple[object, ...] | None, voids: Collection[str]
) -> CheckedSlip:
    """Judge a slip of this county. ``keys``: those of its station, with the county's state of each. ``own``: this
    station's own record; after a restore from a backup it may lack a void that the county knows.
    """
    slip, named = signed.slip, [row for row in keys if key_id_of(row[0]) == signed.key_id]
    figures = (slip.product, slip.bags, slip.net_g, slip.price_fen_per_kg, slip.amount_fen, slip.mode)
    if own is not None and own[:-1] != figures:
        return CheckedSlip(SlipVerdict.CHANGED, slip)
    if not named:
        return CheckedSlip(SlipVerdict.KEY_UNKNOWN, slip)
    states = [state for public, state in named if signed.is_signed_by(public)]
    if not states:
        return CheckedSlip(SlipVerdict.CHANGED, slip)
    if any(states):
        return CheckedSlip(SlipVerdict.KEY_DOUBTED, slip)
    voided_at = str(own[-1]) if own and own[-1] else None
    if voided_at or str(slip.receipt) in voids:
        return CheckedSlip(SlipVerdict.VOIDED, slip, voided_at)
    return CheckedSlip(SlipVerdict.COPY if slip.copy_no else SlipVerdict.RIGHT, slip)


@dataclass(frozen=True, slots=True)
class SlipChecks:
    """``own_public``: the key this station signs with, which counts while the county's document has it not yet, too."""

    station: str
    region: str
    intakes: Intakes
    live: Callable[[], LiveContent]
    own_public: Callable[[], bytes | None] = lambda: None

    def check(self, text: str) -> CheckedSlip:
        """Check the text of a slip. Raises nothing: what cannot be compared with the database is not called right."""
        try:
            signed = parse_slip(text)
            receipt, live = signed.slip.receipt, self.live()
            if signed.slip.region != self.region:
                return CheckedSlip(SlipVerdict.OTHER_COUNTY, signed.slip)
            own = self.intakes.slip_figures(receipt) if receipt.station == self.station else None
            return judge(signed, self._keys(receipt.station, live), own, live.voids)
        except BadSlip:
            pass
        except StoreError:
            logger.exception("a receipt of this station cannot be compared with its database")
        return _UNREADABLE

    def _keys(self, station: str, live: LiveContent) -> Iterator[tuple[bytes, str]]:
        yield from ((from_base64(row.public), row.state) for row in live.keys if row.station == station)
        own = self.own_public() if station == self.station else None
        if own is not None:
            yield own, ""


class PublicSlips:
    """The check at the villagers' screen: the board says that there is another one, this what it shows. Thread-safe."""

    def __init__(
        self,
        check: Callable[[str], CheckedSlip],
        board: LiveBoard,
        request_camera_scan: Callable[[], None] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._check, self._board, self._request_scan, self._clock = check, board, request_camera_scan, clock
        self._lock = threading.RLock()
        self._newest: tuple[CheckedSlip | None, float] = None, float("-inf")

    def hold(self) -> None:
        """Ask for a receipt. Raises DeskRefused in the middle of an intake."""
        if not self._is_home():
            raise DeskRefused("wrong_step")
        self._show(None)
        if self._request_scan is not None:
            self._request_scan()

    def scanned(self, text: str) -> None:
        """Show the verdict on a scanned slip, or on anything that was held here in its place."""
        if not self._is_home():
            return self._board.notify(NOT_NOW)
        return self._show(self._check(text))

    def time_up(self) -> None:
        """Show that nothing was read. A repeated or early call changes nothing."""
        with self._lock:
            checked, since = self._newest
            if checked is None and SILENT_S <= self._clock() - since < SHOWN_S:
                self._show(_UNREADABLE)

    def done(self) -> None:
        with self._lock:
            self._newest = None, float("-inf")

    def is_open(self) -> bool:
        """Return whether a check is on the screen: what is scanned now is meant for it."""
        return self._is_home() and self._board.snapshot().notice.word.startswith(NOTICE) and self.screen() is not None

    def screen(self) -> tuple[CheckedSlip | None, int] | None:
        """Return the verdict (None while waiting for a receipt) and its remaining milliseconds; None for no check."""
        checked, since = self._newest
        age_s = self._clock() - since
        if checked is None and age_s < SILENT_S:
            return None, round((SILENT_S - age_s) * 1000)
        return (checked or _UNREADABLE, round((SHOWN_S - age_s) * 1000)) if age_s < SHOWN_S else None

    def _show(self, checked: CheckedSlip | None) -> None:
        with self._lock:
            self._newest = checked, self._clock()
            self._board.notify(f"{NOTICE}{checked.verdict}" if checked else HOLD)

    def _is_home(self) -> bool:
        return self._board.snapshot().view.step is DeskStep.HOME
