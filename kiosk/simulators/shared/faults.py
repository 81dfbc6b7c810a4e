"""The one list of fault words: simulators, the bench page, the docs and the tests all use these."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaultWord:
    """A word, an example of its argument ("" when it takes none), and what happens."""

    device: str
    word: str
    argument: str
    meaning: str


FAULT_WORDS: tuple[FaultWord, ...] = (
    FaultWord("scale", "put", "2.480kg", "goods of this weight are put on the pan"),
    FaultWord("scale", "take", "", "everything is taken off the pan"),
    FaultWord("scale", "jitter", "0.010kg", "the weight swings by up to this much"),
    FaultWord("scale", "freeze", "", "the indicator repeats its last frame for ever"),
    FaultWord("scale", "garble", "3", "the next N frames are damaged"),
    FaultWord("scale", "cut", "", "one frame breaks off in the middle"),
    FaultWord("scale", "unplug", "", "the cable is pulled: the port disappears"),
    FaultWord("scale", "replug", "", "the cable is put back"),
    FaultWord("scale", "overload", "", "more than the scale can carry"),
    FaultWord("scale", "silent", "", "the cable is in and nothing is sent"),
    FaultWord("scale", "unit", "lb", "the indicator is switched to another unit"),
    FaultWord("scale", "net", "0.640kg", "the indicator's own tare key was pressed"),
    FaultWord("scale", "low-baud", "", "the indicator sends at another speed"),
    FaultWord("printer", "paper-out", "", "the roll is empty"),
    FaultWord("printer", "paper-in", "", "a new roll is in"),
    FaultWord("printer", "head-open", "", "the head is lifted; paper-in or on closes it"),
    FaultWord("printer", "jam", "", "the paper is stuck"),
    FaultWord("printer", "off", "", "no power"),
    FaultWord("printer", "on", "", "power and every fault cleared"),
    FaultWord("printer", "slow", "", "each label takes seconds"),
    FaultWord("printer", "forget", "", "accepts the job, says it is done, prints nothing"),
    FaultWord("printer", "late", "", "accepts the job and prints it after the fault is cleared"),
    FaultWord("camera", "scene", "badam", "another scene lies under the camera"),
    FaultWord("camera", "blur", "", "out of focus"),
    FaultWord("camera", "dark", "", "too little light"),
    FaultWord("camera", "bright", "", "far too much light"),
    FaultWord("camera", "black", "", "lens cap on"),
    FaultWord("camera", "cast", "", "a colored lamp, beyond what the grey patches can set right"),
    FaultWord("camera", "glare", "", "the lamp is mirrored in the goods"),
    FaultWord("camera", "banding", "", "dark stripes: the lamp flickers with the mains"),
    FaultWord("camera", "tilt", "", "the camera hangs askew"),
    FaultWord("camera", "hand", "", "a hand reaches in over the mat"),
    FaultWord("camera", "freeze", "", "the same frame for ever"),
    FaultWord("camera", "unplug", "", "the camera is gone; any scene word brings it back"),
    FaultWord("camera", "face", "", "somebody looks into the picture"),
    FaultWord("scanner", "scan", "TEXT", "the scanner reads this"),
    FaultWord("scanner", "keyboard", "TEXT", "somebody types this on a second keyboard"),
    FaultWord("scanner", "burst", "A B", "two codes in quick succession"),
    FaultWord("panel", "press", "ok", "a button is pressed: ok or help"),
    FaultWord("panel", "hold", "help", "a button is held"),
    FaultWord("link", "down", "", "nothing passes"),
    FaultWord("link", "up", "", "everything passes"),
    FaultWord("link", "slow", "32kbit", "only so much a second passes"),
    FaultWord("link", "lossy", "20%", "connections break with this likelihood in each KiB begun, each way"),
    FaultWord("broker", "kill", "", "the broker is killed"),
    FaultWord("broker", "restart", "", "the broker is started again"),
    FaultWord("broker", "deny", "", "the broker refuses every client"),
    FaultWord("clock", "unset", "", "the clock starts in 1970"),
    FaultWord("clock", "jump", "-1d", "the clock jumps: -1d or 10y"),
    FaultWord("process", "stall", "2s", "the station's process is stopped for so long, then goes on: 0.1s to 30s"),
    FaultWord("power", "cut", "", "every process of the station dies at once"),
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
    """The seconds of "stall 2s"; raises BadFaultWord for another word, and for a time that is too short or too long."""
    _, argument = parse_fault("process", text)
    found = _SECONDS.fullmatch(argument)
    if found is None or not MIN_STALL_S <= float(found[1]) <= MAX_STALL_S:
        raise BadFaultWord(f"process stall takes {MIN_STALL_S:g}s to {MAX_STALL_S:g}s, not {argument!r}")
    return float(found[1])
