"""Receipts with a signed code, of the station S0147 and of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import Slip
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.configuration import KeyRow, to_base64
from kiosk.messaging.contract.slip import slip_text

HOST = "slips.yarkant.example"
KEY, OTHER_KEY, STRANGER = (Ed25519Key(bytes([number] * 32)) for number in (1, 2, 3))
"""Of S0147, of S0201, and of somebody who has none."""
OWN, OTHER = ReceiptNumber("S0147", "A", 381), ReceiptNumber("S0201", "A", 7)
KEYS = (KeyRow("S0147", to_base64(KEY.public)), KeyRow("S0201", to_base64(OTHER_KEY.public)))
SLIP = Slip(
    "yarkant", OWN, 29_900_000, ClockQuality.SYNCED, "BADAM", 1, 12_320, 5_800, 71_456, Mode.PURCHASE,
    None, 0, bytes(8),
)  # fmt: skip


def paper(key: Ed25519Key = KEY, **changes: Any) -> str:
    """What the scanner reads from it."""
    return slip_text(HOST, key, replace(SLIP, **changes))


def changed(text: str) -> str:
    """The last digit is another one, so a byte of the signature is."""
    return f"{text[:-1]}{(int(text[-1]) + 1) % 10}"


def elsewhere(key: Ed25519Key = OTHER_KEY, **changes: Any) -> str:
    """A receipt of S0201."""
    return paper(key, receipt=OTHER, **changes)
