"""What a process with many stations needs before it opens the first one."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.store.database.migrate import create


@contextmanager
def empty_database() -> Iterator[Path]:
    """An empty database: to copy it costs less than to make its tables."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        path = Path(folder) / "empty.sqlite"
        create(path)
        yield path


def allow_many_files() -> None:
    """A station holds about ten files open; the usual limit of 1,024 is for one program, not for a county."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
