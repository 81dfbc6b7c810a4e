"""One event a line, byte for byte as it was hashed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kiosk.sorting_center.ledger import StoredEvent


def jsonl(events: Iterable[StoredEvent]) -> Iterator[str]:
    """The canonical JSON of each event; ``station``, ``epoch`` and ``seq`` are attributes of its own top level."""
    for event in events:
        yield event.body.decode("utf-8") + "\n"
