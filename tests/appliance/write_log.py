"""Every write to a card in its order, and from it the card of any moment: as a power cut leaves it, or one that lies.

QEMU's driver ``blklogwrites`` keeps the log, in the format of Linux (Documentation/admin-guide/device-mapper/
log-writes.rst): a head, then for each entry a sector that describes it and the data that were written. What is
discarded is not in it; the board's drive takes no discard either.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Self

_SECTOR: Final = 512
_HEAD: Final = struct.Struct("<QQQI")
_ENTRY: Final = struct.Struct("<QQQQ")
_MAGIC: Final = 0x6A736677736872
_FLUSH: Final = 1
_PHASE: Final = re.compile(rb'\{"number":"([0-9a-f]{16})","phase":"([a-z]+)"')


@dataclass(frozen=True, slots=True)
class Entry:
    """``at``: where its data are in the log. One of no bytes is a flush."""

    offset: int
    size: int
    flush: bool
    at: int


def written(log: Path) -> int:
    """How many entries there are now: what is on the card at this moment."""
    with log.open("rb") as file:
        magic, version, entries, sector = _HEAD.unpack(file.read(_HEAD.size))
    assert (magic, version, sector) == (_MAGIC, 1, _SECTOR), "no log of writes"
    return int(entries)


class WriteLog:
    """Of a board that has ended."""

    def __init__(self, log: Path) -> None:
        self.entries: list[Entry] = []
        self._log = log
        at = _SECTOR
        with log.open("rb") as file:
            for _ in range(written(log)):
                file.seek(at)
                sector, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
                entry = Entry(sector * _SECTOR, sectors * _SECTOR, bool(flags & _FLUSH), at + _SECTOR)
                self.entries.append(entry)
                at = entry.at + entry.size

    @property
    def size(self) -> int:
        """Bytes that were written to the card."""
        return sum(entry.size for entry in self.entries)

    def phases(self) -> dict[str, int]:
        """Of the newest update: the entry that brought each phase of its journal to the card."""
        found: dict[bytes, dict[str, int]] = {}
        with self._log.open("rb") as file:
            for number, entry in enumerate(self.entries):
                file.seek(entry.at)
                for update, phase in _PHASE.findall(file.read(entry.size)):
                    found.setdefault(update, {}).setdefault(phase.decode("ascii"), number)
        return list(found.values())[-1]

    def unflushed(self, end: int, ignored: int = 0) -> int:
        """From which entry on a power cut before ``end`` may lose writes, when so many flushes were ignored."""
        flushes = [number for number, entry in enumerate(self.entries[:end]) if entry.flush]
        return flushes[-1 - ignored] + 1 if len(flushes) > ignored else 0

    def lose(self, begin: int, end: int, chance: Random) -> frozenset[int]:
        """About half of the writes in between."""
        writes = [number for number in range(begin, end) if not self.entries[number].flush]
        return frozenset(number for number in writes if chance.random() < 0.5)

    def data(self, entry: Entry) -> bytes:
        """What it wrote."""
        with self._log.open("rb") as file:
            file.seek(entry.at)
            return file.read(entry.size)


class Replayed:
    """A card that becomes that of one moment after another, never back; in between some that have lost writes."""

    def __init__(self, card: Path, log: WriteLog, first: int = 0) -> None:
        """``card`` is as it was when the log began; or what is behind its byte ``first``."""
        self.card, self._log, self._first, self._done = card, log, first, 0

    def forward(self, begin: int) -> Self:
        """To the moment before this entry."""
        assert begin >= self._done, "a card does not go back"
        with self.card.open("r+b") as file:
            for entry in self._log.entries[self._done : begin]:
                if entry.offset >= self._first:
                    os.pwrite(file.fileno(), self._log.data(entry), entry.offset - self._first)
        self._done = begin
        return self

    @contextmanager
    def until(self, end: int, lost: Collection[int]) -> Iterator[None]:
        """Meanwhile also what was written up to ``end``, without what is lost."""
        before: list[tuple[int, bytes]] = []
        with self.card.open("r+b") as file:
            for number in range(self._done, end):
                entry = self._log.entries[number]
                at = entry.offset - self._first
                if number not in lost and at >= 0:
                    before.append((at, os.pread(file.fileno(), entry.size, at)))
                    os.pwrite(file.fileno(), self._log.data(entry), at)
        try:
            yield
        finally:
            with self.card.open("r+b") as file:
                for offset, content in reversed(before):
                    os.pwrite(file.fileno(), content, offset)
