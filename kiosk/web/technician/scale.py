"""The technician's page of the scale in words: the newest frame, and what came of a key that was pressed."""

from __future__ import annotations

from typing import Final

from kiosk.devices.ports import CommandOutcome
from kiosk.domain.metrology.pan import STALE_S
from kiosk.station.doctor.liveness import ScaleLiveness
from kiosk.station.scale.keys import KEYS
from kiosk.texts import Texts

_RAW: Final = 48
# The ends of the text ids `technician.scale.told.…`: a command that was sent ended in one of them.
OUTCOME_WORDS: Final = (
    *(f"{key}_{CommandOutcome.DONE}" for key in KEYS),
    CommandOutcome.NO_ANSWER,
    CommandOutcome.UNCONFIRMED,
)


def outcome_word(key: str, outcome: CommandOutcome) -> str:
    """The word of ``OUTCOME_WORDS`` for a key that was sent."""
    return f"{key}_{outcome}" if outcome is CommandOutcome.DONE else outcome.value


def known_outcome(word: str) -> str:
    """The word when it is one of ``OUTCOME_WORDS``, else ""."""
    return word if word in OUTCOME_WORDS else ""


def frame_words(live: ScaleLiveness, texts: Texts) -> dict[str, str]:
    """The newest frame as the indicator sent it; dashes when it is too old to be live."""
    return {
        "weight": _weight(live) or "– – –",
        "word": texts.text(f"technician.scale.{_scale_word(live)}"),
        "raw": _raw(live),
    }


def _weight(live: ScaleLiveness) -> str:
    fresh = live.reading is not None and live.age_s is not None and live.age_s <= STALE_S
    if not fresh or live.reading is None or live.reading.weight is None:
        return ""
    return f"{live.reading.weight} {live.reading.unit or ''}".strip()


def _scale_word(live: ScaleLiveness) -> str:
    if live.reading is None or live.age_s is None or live.age_s > STALE_S:
        return "lost"
    if live.reading.overload:
        return "overload"
    return {True: "stable", False: "moving", None: "unknown"}[live.reading.stable]


def _raw(live: ScaleLiveness) -> str:
    """A frame for people: control bytes by their number."""
    data = live.reading.raw if live.reading else b""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"<{byte:02X}>" for byte in data[:_RAW])
