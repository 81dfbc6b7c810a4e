"""The signed code on a receipt: what it says, and what a check of it can find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.trade import Mode


@dataclass(frozen=True, slots=True)
class Slip:
    """Grams, fen per kg, fen. ``minute``: minutes since 1970 in UTC, None where the clock was not set.

    ``counters``: scale profile, tare library and clock, None where the station has none. ``copy_no``: 0 for the first
    print. ``head``: the first 8 bytes of the hash of the event of this intake.
    """

    region: str
    receipt: ReceiptNumber
    minute: int | None
    clock: ClockQuality
    product: str
    bags: int
    net_g: int
    price_fen_per_kg: int
    amount_fen: int
    mode: Mode
    counters: tuple[int, int, int] | None
    copy_no: int
    head: bytes


class SlipVerdict(StrEnum):
    """The result of a check; the first that applies, in this order, except that a receipt with other figures than this
    station's own record is `CHANGED` whatever its key. Checkers: `kiosk/station/slips.py`, ``slip.js`` (storefront),
    and `kiosk/messaging/contract/paper_checks.py`, which lists all checks and names an unknown key ``unknown_key``.
    """

    UNREADABLE = "unreadable"  # No slip or one of a later version, nothing scanned in time, or no database
    OTHER_COUNTY = "other_county"  # It names another region; its keys are not here
    KEY_UNKNOWN = "key_unknown"  # Its station has no key of that name here: the paper is not judged
    CHANGED = "changed"  # That key is known, and did not sign this; or this station recorded other figures
    KEY_DOUBTED = "key_doubted"  # Signed, by a key that was stolen, or that two machines used
    VOIDED = "voided"  # Signed, and two people made it void since
    COPY = "copy"  # Right, and printed again
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class CheckedSlip:
    """``slip`` is what the code says, None for `UNREADABLE`. ``voided_at``: RFC 3339, where this station knows it."""

    verdict: SlipVerdict
    slip: Slip | None = None
    voided_at: str | None = None
