from __future__ import annotations

from pathlib import Path

import pytest

from tests.sorting_center.server.county import Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    made = Server(tmp_path / "server")
    made.root.mkdir()
    made.fill()
    return made


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Where backups go."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder
