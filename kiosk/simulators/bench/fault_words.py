"""Which fault words the bench has buttons for, and which of those said are still in force."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from kiosk.simulators.scale.pan import grams
from kiosk.simulators.shared.faults import FAULT_WORDS, FaultWord

# Each device on the bench and the kind of device whose words it obeys.
KINDS: Mapping[str, str] = {
    "scale": "scale",
    "label": "printer",
    "receipt": "printer",
    "camera": "camera",
    "scanner": "scanner",
    "panel": "panel",
    "link": "link",
    "broker": "broker",
    "process": "process",
    "power": "power",
}

# Words that put something right; their buttons look different.
CURES = frozenset({"take", "replug", "paper-in", "on", "up", "restart"})
# Words that leave nothing behind which could still be wrong a moment later.
_PASSING = CURES | {"put", "cut", "garble", "scan", "burst", "keyboard", "press", "hold", "scene", "stall"}
_NEUTRAL = frozenset({"unit kg", "net 0kg"})
_LINE = frozenset({"freeze", "unplug", "silent", "low-baud"})
# What a word ends, as the simulators do it.
_ENDS: Mapping[tuple[str, str], frozenset[str]] = {
    ("scale", "put"): frozenset({"jitter", "overload"}),
    ("scale", "take"): frozenset({"jitter", "overload"}),
    ("scale", "replug"): _LINE,
    ("printer", "paper-in"): frozenset({"paper-out", "head-open", "late"}),
    ("printer", "on"): frozenset({"paper-out", "head-open", "jam", "off", "slow", "forget", "late"}),
    ("link", "down"): frozenset({"slow", "lossy"}),
    ("link", "up"): frozenset({"down", "slow", "lossy"}),
    ("link", "slow"): frozenset({"down", "lossy"}),
    ("link", "lossy"): frozenset({"down", "slow"}),
    ("broker", "kill"): frozenset({"deny"}),
    ("broker", "deny"): frozenset({"kill"}),
    ("broker", "restart"): frozenset({"kill", "deny"}),
}


def words_of(device: str) -> tuple[FaultWord, ...]:
    """The buttons of one device, in the order of the list; raises KeyError for a device that is not here."""
    kind = KINDS[device]
    return tuple(row for row in FAULT_WORDS if row.device == kind)


class WordsInForce:
    """Remembers accepted words: the simulators do as they are told and are not asked what they are up to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._load_g = 0
        self._in_force: dict[str, dict[str, str]] = {device: {} for device in KINDS}

    def note(self, device: str, text: str) -> None:
        word, _, argument = text.strip().partition(" ")
        with self._lock:
            words = self._in_force[device]
            for ended in _ENDS.get((KINDS[device], word), frozenset()):
                words.pop(ended, None)
            if text.strip() in _NEUTRAL:
                words.pop(word, None)
            elif word not in _PASSING and device != "power":
                words[word] = text.strip()
            if device == "scale" and word in ("put", "take"):
                self._load_g = grams(argument) if word == "put" else 0

    def in_force(self, device: str) -> list[str]:
        """Words with their arguments, in the order they were said."""
        with self._lock:
            return list(self._in_force[device].values())

    @property
    def load_g(self) -> int:
        """What was put on the pan, in grams."""
        with self._lock:
            return self._load_g
