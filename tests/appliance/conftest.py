"""What `make appliance` looks at: whole systems, installed and booted. No other run collects it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.appliance.boards import OUT
from tests.appliance.cards import Cards, made_cards
from tests.depth import APPLIANCE
from tests.systemd.box import ROOT

collect_ignore_glob = [] if APPLIANCE else ["test_*.py"]


@pytest.fixture(scope="session")
def cards() -> Iterator[Cards]:
    """Their image is made once."""
    with made_cards() as cards:
        yield cards


@pytest.fixture(scope="session")
def image() -> Path:
    """The one for QEMU. ``KIOSK_IMAGE`` names one that was made already."""
    if os.geteuid() != 0:
        pytest.skip("only root makes an image")
    if made := os.environ.get("KIOSK_IMAGE"):
        return Path(made)
    subprocess.run([sys.executable, "packaging/image.py", "qemu", "--without-updates"], cwd=ROOT, check=True)
    (found,) = OUT.glob("station-kiosk-qemu_*.img")
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk: a card is too large for memory."""
    OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=OUT, prefix=".boards-") as name:
        Path(name).chmod(0o711)  # what a card's own user has below it is looked at with that user's rights
        yield Path(name)
