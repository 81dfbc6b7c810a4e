"""Pictures go over a medium that somebody else may have made, into a folder that another user owns."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kiosk.store.backup.photos import PhotoCopyResult, copy

CONTENT = b"a picture"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    (tmp_path / "medium" / SHA256[:2]).mkdir(parents=True)
    return tmp_path / "medium"


def place(folder: Path) -> Path:
    return folder / SHA256[:2] / f"{SHA256}.jpg"


def test_a_pipe_or_a_link_in_the_place_of_a_picture_holds_nobody_up(medium: Path, tmp_path: Path) -> None:
    os.mkfifo(place(medium))
    with pytest.raises(OSError, match="no plain file"):
        copy(medium, tmp_path / "station", [SHA256])
    place(medium).unlink()
    (tmp_path / "secret").write_bytes(CONTENT)
    place(medium).symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        copy(medium, tmp_path / "station", [SHA256])


def test_a_link_in_the_place_of_half_a_picture_is_not_written_through(medium: Path, tmp_path: Path) -> None:
    place(medium).write_bytes(CONTENT)
    other = tmp_path / "of-somebody-else"
    other.write_bytes(b"before")
    target = place(tmp_path / "station")
    target.parent.mkdir(parents=True)
    target.with_name(f".{target.name}.part").symlink_to(other)
    assert copy(medium, tmp_path / "station", [SHA256]) == PhotoCopyResult(1, 0)
    assert (target.read_bytes(), other.read_bytes()) == (CONTENT, b"before")
    assert not target.is_symlink()
