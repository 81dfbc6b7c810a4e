"""Why a scan is dropped before its content is interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ScanRefusal(StrEnum):
    """Words that the screens have a sentence for."""

    CONTROL = "control"  # It presses a key that is no character, or holds a control character
    # Digits of another script, invisible characters, a direction override: no code contains them.
    NOT_ASCII = "scan_not_ascii"
    TOO_LONG = "scan_too_long"
    HALF = "scan_half"  # A part is missing, came late, or belongs to another code
    TOO_FAST = "scan_too_fast"  # More scans than a clerk can make
    SECOND_KEYBOARD = "scan_second_keyboard"
    NO_CODE = "camera_saw_no_code"
    NO_PICTURE = "camera_failed"


@dataclass(frozen=True, slots=True)
class RefusedScan:
    """``why`` is for the log and contains no scanned text."""

    word: ScanRefusal
    why: str
