"""The technician's page of the scale in words: the newest frame, and what came of a key that was pressed."""

from __future__ import annotations

from typing import Final

from kiosk.devices.ports import CommandOutcome
from kiosk.domain.metrology.pan import STALE_S
from kiosk.station.doctor.signs import ScaleSign
from kiosk.station.scale.keys import KEYS
from kiosk.texts import Texts

_RAW: Final = 48
TOLD: Final = (*(f"{key}_{CommandOutcome.DONE}" for key in KEYS), CommandOutcome.NO_ANSWER, CommandOutcome.UNCONFIRMED)
"""The ends of the text ids ``technician.scale.told.…``: a command that was sent ended in one of them."""


def told_word(key: str, outcome: CommandOutcome) -> str:
    """The word of ``TOLD`` for a key that was sent."""
    return f"{key}_{outcome}" if outcome is CommandOutcome.DONE else outcome.value


def told_of(word: str) -> str:
    """The word when it is one of ``TOLD``, else ""."""
    return word if word in TOLD else ""


def frame_words(sign: ScaleSign, texts: Texts) -> dict[str, str]:
    """The newest frame as the indicator sent it; dashes when it is too old to be live."""
    return {
        "weight": _weight(sign) or "– – –",
        "word": texts.text(f"technician.scale.{_scale_word(sign)}"),
        "raw": _raw(sign),
    }


def _weight(sign: ScaleSign) -> str:
    fresh = sign.reading is not None and sign.age_s is not None and sign.age_s <= STALE_S
    if not fresh or sign.reading is None or sign.reading.weight is None:
        return ""
    return f"{sign.reading.weight} {sign.reading.unit or ''}".strip()


def _scale_word(sign: ScaleSign) -> str:
    if sign.reading is None or sign.age_s is None or sign.age_s > STALE_S:
        return "lost"
    if sign.reading.overload:
        return "overload"
    return {True: "stable", False: "moving", None: "unknown"}[sign.reading.stable]


def _raw(sign: ScaleSign) -> str:
    """A frame for people: control bytes by their number."""
    data = sign.reading.raw if sign.reading else b""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"<{byte:02X}>" for byte in data[:_RAW])
