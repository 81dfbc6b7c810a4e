"""What the command and the child that judges a picture for it say to each other."""

from __future__ import annotations

from typing import Final

import msgspec

from kiosk.domain.verdict import Reason

# Said by the child when everything is loaded: what goes wrong before is the program's fault, not the picture's.
READY: Final = b"ready\n"
JUDGE_TIMEOUT_S: Final = 30.0  # A picture of 40 megapixels takes a small board 10 s
MEMORY_BYTES: Final = 400_000_000

Row = tuple[str, int, int]  # Code, value, limit


class JudgeResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the child says in one line; the bytes of a channel's picture follow it."""

    accepted: bool
    reasons: tuple[Row, ...]  # Against the shot; value and limit in thousandths
    metrics: dict[str, float | None]
    why: str | None = None  # Of a file on which no verdict could be reached
    refused: tuple[Row, ...] = ()  # What the channel's rule has against the picture


def unreadable(why: str) -> JudgeResult:
    """The answer for a file on which no verdict could be reached."""
    return JudgeResult(accepted=False, reasons=((Reason.UNREADABLE.value, 0, 0),), metrics={}, why=why)
