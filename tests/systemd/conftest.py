from __future__ import annotations

from pathlib import Path

import pytest

from scripts.install_tree import install


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed tree: made once, looked at and booted from, never changed."""
    tree = tmp_path_factory.mktemp("tree")
    install(tree)
    return tree
