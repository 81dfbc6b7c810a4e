"""An empty database of a station is migrated once in a process of tests, not anew for every station."""

from __future__ import annotations

from pathlib import Path

from kiosk.store.database import opening

in_child = opening._migrate_in_child
"""What a station does."""


def migrate_once() -> None:
    """From now on a database that is begun in this process is a copy of the first; an old one is brought up as ever."""
    empty: list[bytes] = []

    def copied(path: Path) -> None:
        if path.exists():
            in_child(path)
        elif empty:
            path.write_bytes(empty[0])
        else:
            in_child(path)
            empty.append(path.read_bytes())

    opening._migrate_in_child = copied
