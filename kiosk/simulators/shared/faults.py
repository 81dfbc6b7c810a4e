"""The one list of fault words: simulators, the bench page, the docs and the tests all use these."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import msgspec


class FaultWord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A word, an example of its argument ("" when it takes none), and what happens."""

    device: str
    word: str
    argument: str
    meaning: str


FAULT_WORDS: Final = msgspec.convert(
    tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))["words"], tuple[FaultWord, ...]
)

MIN_STALL_S, MAX_STALL_S = 0.1, 30.0
_SECONDS = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,3})?)s")


class BadFaultWord(ValueError):
    """The text names the word and what is allowed."""


def parse_fault(device: str, text: str) -> tuple[str, str]:
    """Split "put 2.480kg" into word and argument; raises BadFaultWord when the device has no such word."""
    word, _, argument = text.strip().partition(" ")
    known = {row.word: row for row in FAULT_WORDS if row.device == device}
    row = known.get(word)
    if row is None:
        raise BadFaultWord(f"{device} has no fault word {word!r}; it has: {', '.join(known)}")
    argument = argument.strip()
    if bool(row.argument) != bool(argument):
        need = f"needs an argument like {row.argument}" if row.argument else "takes no argument"
        raise BadFaultWord(f"{device} {word} {need}")
    return word, argument


def stall_s(text: str) -> float:
    """Parse the seconds of "stall 2s"; raises BadFaultWord for another word and for too short or too long a time."""
    _, argument = parse_fault("process", text)
    found = _SECONDS.fullmatch(argument)
    if found is None or not MIN_STALL_S <= float(found[1]) <= MAX_STALL_S:
        raise BadFaultWord(f"process stall takes {MIN_STALL_S:g}s to {MAX_STALL_S:g}s, not {argument!r}")
    return float(found[1])
