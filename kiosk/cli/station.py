"""What the commands that work on a station's database have in common: the database, and a file to bring in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kiosk.cli.shared.one_line import end
from kiosk.config.station import StationConfig
from kiosk.station.shared.open_store import open_store
from kiosk.store import Store, StoreError


@contextmanager
def opened_store(config: StationConfig) -> Iterator[Store]:
    """The station's database; ends with 3 and one line when it cannot be used."""
    try:
        with closing(open_store(config.station)) as store:
            yield store
    except StoreError as error:
        end(str(error), 3)


def read_input(file: Path | None) -> tuple[bytes, str]:
    """The bytes of FILE, or of standard input when it is - or absent, and a name for messages. Raises OSError."""
    if file is None or str(file) == "-":
        return sys.stdin.buffer.read(), "standard input"
    return file.read_bytes(), str(file)
