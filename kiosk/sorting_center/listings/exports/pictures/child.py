"""The process that makes a channel's pictures, as whoever orders them sees it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import IO, Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.photo.channels.rules import ChannelRule
from kiosk.sorting_center.apart import Errand, said_of

LISTINGS: Final = 100
"""Of one file. With ten photos each, which is the most, they take a core about two minutes."""
LONGEST_S: Final = 600.0
_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.listings.exports.pictures.process")
_ENVIRONMENT: Final = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"),
    "OPENCV_LOG_LEVEL": "OFF",
}
"""Threads would take addresses, of which the process has few, and a second core from the pages."""


class Master(msgspec.Struct, frozen=True):
    """One photo of a listing; ``path`` is "" while it is not here."""

    sha256: str
    path: str


class Wanted(msgspec.Struct, frozen=True):
    """One listing: its id, and its photos in their order."""

    name: str
    photos: tuple[Master, ...]


class Order(msgspec.Struct, frozen=True):
    """``words`` are those of the report, which names what is missing in the language of who ordered."""

    rule: ChannelRule
    listings: tuple[Wanted, ...]
    words: Mapping[str, str]


class Task(msgspec.Struct, frozen=True):
    """``descriptor`` is the file that was handed over, open for writing; ``longest_s`` from now on."""

    order: Order
    descriptor: int
    longest_s: float


class Made(msgspec.Struct, frozen=True):
    """How many pictures there are, and how many are left out; or why there is no file."""

    pictures: int = 0
    left_out: int = 0
    trouble: str = ""


_made: Final = reader(msgspec.json.Decoder(Made))


def make_apart(order: Order, to: IO[bytes]) -> Made:
    """Write the ZIP. Raises OSError, also when it takes too long."""
    task = msgspec.json.encode(Task(order, to.fileno(), LONGEST_S))
    said = said_of(Errand(_COMMAND, task, (to.fileno(),), LONGEST_S, _ENVIRONMENT))
    try:
        made = _made(said)
    except Unreadable:
        raise OSError(None, "its process has ended in the middle of a word") from None
    if made.trouble:
        raise OSError(None, made.trouble)
    return made
