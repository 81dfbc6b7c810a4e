"""Parcels for villagers: how they arrive, wait and leave; their waybills, pickup codes and slots.

A slot ``A-3-17`` is shelf A, layer 3, slot 17; on the shelf's label it is an internal code of type H.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from kiosk.base.refused import Refused
from kiosk.domain.identifiers import SERIES_LETTERS, BadIdentifier, InternalCode, SeriesNumber, internal_code

_SLOT = re.compile(rf"([{SERIES_LETTERS}])-([1-9])-([0-9]{{2}})")
_BODY = re.compile(rf"([{SERIES_LETTERS}])([1-9])([0-9]{{2}})")


def check_slot(text: str) -> str:
    """Return the slot unchanged; raises BadIdentifier unless it is like A-3-17 (slots 01 to 99)."""
    match = _SLOT.fullmatch(text)
    if match is None or match[3] == "00":
        raise BadIdentifier(f"shelf slot {text!r} must look like A-3-17")
    return text


def slot_code(slot: str) -> str:
    """Build the internal code of a slot: ``A-3-17`` has the body A317. Raises BadIdentifier."""
    return internal_code("H", check_slot(slot).replace("-", ""))


def read_shelf(code: InternalCode) -> str:
    """Read the slot of a scanned shelf code. Raises BadIdentifier for any other code."""
    match = _BODY.fullmatch(code.body) if code.kind == "H" else None
    if match is None:
        raise BadIdentifier(f"code {code.kind}{code.body!r} is no shelf slot")
    return check_slot(f"{match[1]}-{match[2]}-{match[3]}")


_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xFEFF: None}
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_DIGEST_CHARACTERS: Final = 8


def to_half_width(text: str) -> str:
    """Convert full-width forms of a Chinese input method to ASCII; drop byte order mark and AIM identifier."""
    plain = text.translate(_FULL_WIDTH).strip()
    aim = _AIM.match(plain)
    return plain[aim.end() :] if aim else plain


def normalize(text: str) -> str:
    """Normalize to upper case, if ASCII, without spaces, line ends, byte order mark and AIM identifier."""
    joined = "".join(to_half_width(text).split(" ")).strip("\r\n\t")
    return joined.upper() if joined.isascii() else joined


def waybill_hash(normalized: str) -> bytes:
    """Hash a waybill with SHA-256: the key to find it by, before and after the number itself is erased."""
    return hashlib.sha256(normalized.encode()).digest()


def waybill_digest(normalized: str) -> str:
    """Return what a station reports of a waybill: the first eight hexadecimal digits of its hash."""
    return waybill_hash(normalized).hex()[:_DIGEST_CHARACTERS]


PICKUP_DIGITS: Final = 6  # One guess in a million; five wrong ones in ten minutes lock the pad

_CODE = re.compile(rf"[0-9]{{{PICKUP_DIGITS}}}")


class BadPickupCode(ValueError):
    """The text cannot be a pickup code. The message does not repeat it: it may be a real code."""


def check_pickup_code(text: str) -> str:
    """Return the code unchanged; raises BadPickupCode unless it is six ASCII digits."""
    if not _CODE.fullmatch(text):
        raise BadPickupCode(f"a pickup code is {PICKUP_DIGITS} digits")
    return text


_NUMBER = re.compile(rf"P-([0-9]{{4}})-([{SERIES_LETTERS}])-([0-9]{{6}})")
_SLIP = re.compile(rf"([0-9]{{4}})([{SERIES_LETTERS}])([0-9]{{6}})([0-9]{{{PICKUP_DIGITS}}})")


class Consent(StrEnum):
    """Why the parcel may wait here (express market rules, in force 2024-03-01: no drop without consent)."""

    CARRIER_ORDER_FLAG = "carrier_order_flag"  # The order at the carrier states it
    RECIPIENT_CONSENTED = "recipient_asked"  # The recipient was asked, for this parcel
    STANDING_AGREEMENT = "standing_agreement"  # The recipient has agreed in writing for all parcels


class ParcelState(StrEnum):
    EXPECTED = "expected"  # On the list of a delivery
    MISSING = "missing"  # On the list, but not in the delivery; it may still come with a later one
    ARRIVED = "arrived"  # Here, and not accepted yet: it is damaged and wants a photo first
    SHELVED = "shelved"  # In its slot
    NOTICED = "noticed"  # In its slot, and there is a pickup code for it
    OVERDUE = "overdue"  # Waits longer than people were asked to let it wait
    RETURN_DUE = "return_due"  # Goes back with the next truck, unless it is collected before
    LOST = "lost"  # Not in its slot, at an unknown place
    COLLECTED = "collected"
    RETURNED = "returned"
    REFUSED = "refused"  # Not accepted at arrival
    MISROUTED = "misrouted"  # Meant for another place; returned to the driver
    WITHDRAWN = "withdrawn"  # The scan was a mistake and was taken back


_S = ParcelState
TRANSITIONS: Final[Mapping[ParcelState, frozenset[ParcelState]]] = {
    # A parcel may only go from the state on the left to those on the right. Only a person with a code or a named proxy
    # in front of a clerk makes it COLLECTED. A state with none on the right is final.
    _S.EXPECTED: frozenset({_S.ARRIVED, _S.MISSING}),
    _S.MISSING: frozenset({_S.ARRIVED}),
    _S.ARRIVED: frozenset({_S.SHELVED, _S.REFUSED, _S.MISROUTED, _S.WITHDRAWN}),
    _S.SHELVED: frozenset({_S.NOTICED, _S.MISROUTED, _S.LOST, _S.WITHDRAWN, _S.RETURN_DUE}),
    _S.NOTICED: frozenset({_S.COLLECTED, _S.OVERDUE, _S.RETURN_DUE, _S.MISROUTED, _S.LOST, _S.WITHDRAWN}),
    _S.OVERDUE: frozenset({_S.COLLECTED, _S.RETURN_DUE, _S.LOST}),
    _S.RETURN_DUE: frozenset({_S.COLLECTED, _S.RETURNED, _S.LOST}),
    _S.LOST: frozenset({_S.SHELVED}),
    _S.COLLECTED: frozenset(),
    _S.RETURNED: frozenset(),
    _S.REFUSED: frozenset(),
    _S.MISROUTED: frozenset(),
    _S.WITHDRAWN: frozenset(),
}

WAITING_STATES: Final = frozenset({_S.NOTICED, _S.OVERDUE, _S.RETURN_DUE})  # On a shelf, with a code that works

# The parcel's life here is over.
TERMINAL_STATES: Final = frozenset(state for state, after in TRANSITIONS.items() if not after)

# A waybill in one of these states may be scanned in. After a terminal one it is a new parcel; what was handed over
# cannot come again.
ARRIVABLE_STATES: Final = frozenset({_S.EXPECTED, _S.MISSING}) | (TERMINAL_STATES - {_S.COLLECTED})


class ParcelRefused(Refused, ValueError):
    """A rule forbids this step; ``code`` is a stable word the screens have a sentence for."""


def transition(state: ParcelState, to: ParcelState) -> ParcelState:
    """Return the state after the step. Raises ParcelRefused with code ``collected`` or ``not_waiting``."""
    if to in TRANSITIONS[state]:
        return to
    code = "collected" if state is ParcelState.COLLECTED else "not_waiting"
    raise ParcelRefused(code, f"a parcel that is {state.value} cannot become {to.value}")


class Proof(StrEnum):
    """What showed the clerk that the parcel goes to the right hands."""

    CODE = "code"
    # A person the clerk knows, or whose paper the clerk saw, named by name; the name stays at the station.
    PROXY = "proxy"


class CollectedBy(StrEnum):
    """Who took it."""

    SELF = "self"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True, order=True)
class ParcelNumber(SeriesNumber):
    """``P-0147-A-000012``: like a receipt number, with its own counter in the same series letter."""

    WHAT = "parcel"

    def __str__(self) -> str:
        return f"P-{SeriesNumber.__str__(self)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``P-0147-A-000012``; raises BadIdentifier."""
        return cls._read(_NUMBER, text, f"parcel number {text!r} must look like P-0147-A-000012")

    def slip_code(self, pickup_code: str) -> str:
        """Build the pickup slip's code, type K: number and six digits in one scan. Raises BadPickupCode."""
        digits = check_pickup_code(pickup_code)
        return internal_code("K", f"{self.body}{digits}")


def read_slip(code: InternalCode) -> tuple[ParcelNumber, str]:
    """Read the parcel and the six digits of a scanned pickup slip. Raises BadIdentifier for any other code."""
    match = _SLIP.fullmatch(code.body) if code.kind == "K" else None
    if match is None:
        raise BadIdentifier(f"code {code.kind}{code.body!r} is no pickup slip")
    return ParcelNumber(f"S{match[1]}", match[2], int(match[3])), match[4]
