from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tree import install


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed tree: made once for all processes of a run, looked at and booted from, never changed."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if base.name.startswith("popen-") else base
    tree, whole = folder / "station-kiosk-tree", folder / "station-kiosk-tree-whole"
    with (folder / "station-kiosk-tree-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            tree.mkdir()
            install(tree)
            whole.touch()
    return tree
