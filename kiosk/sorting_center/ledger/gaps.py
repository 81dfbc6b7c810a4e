"""Missing ranges of sequence numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def missing_ranges(upto: int, above: Iterable[int], max_seen: int) -> Iterator[tuple[int, int]]:
    """First and last number, both included, of every hole in (upto, max_seen].

    ``above`` are the numbers stored above ``upto``, ascending.
    """
    expected = upto + 1
    for seq in above:
        if seq > expected:
            yield expected, seq - 1
        expected = seq + 1
    if expected <= max_seen:
        yield expected, max_seen
