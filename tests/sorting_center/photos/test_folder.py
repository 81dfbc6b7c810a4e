"""What of the folder is read to be decoded or sent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kiosk.sorting_center.photos.folder import read_picture
from tests.sorting_center.photos.lanes import jpeg


def test_only_what_is_taken_today_is_read(tmp_path: Path) -> None:
    """A folder also has pictures that were taken in under the rules of former versions."""
    file, plain, former = tmp_path / "a.jpg", jpeg(1), jpeg(1, progressive=True)
    for content, found in ((plain, plain), (former, None), (plain[:-1], None), (b"", None)):
        file.write_bytes(content)
        assert read_picture(file, hashlib.sha256(content).hexdigest()) == found
    file.write_bytes(plain)
    assert read_picture(file, "ab" * 32) is None
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.jpg", "ab" * 32)
