"""What a process with many stations needs before it opens the first one."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MIGRATION_S: Final = 120.0


@contextmanager
def empty_database() -> Iterator[Path]:
    """An empty migrated database: making one takes a second, copying it nothing."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        path = Path(folder) / "empty.sqlite"
        _migrate_in_child(path)
        yield path


def _migrate_in_child(path: Path) -> None:
    command = [sys.executable, "-m", "kiosk.base.loading", "kiosk.store.database.migrate", str(path)]
    subprocess.run(command, check=True, timeout=_MIGRATION_S)


def allow_many_files() -> None:
    """A station holds about ten files open; the usual limit of 1,024 is for one program, not for a county."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
