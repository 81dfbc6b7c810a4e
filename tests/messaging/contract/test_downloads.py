"""Paths and ranges of what stations fetch, as they come from outside."""

from __future__ import annotations

import pytest

from kiosk.messaging.contract.downloads import CONFIGURATION, UPDATES, ByteRange, DownloadPath, etag_of

SHA = "0123456789abcdef" * 4


def test_paths_and_ranges() -> None:
    for kind in (UPDATES, CONFIGURATION):
        for path in (DownloadPath(kind, "S0147"), DownloadPath(kind, "S0147", SHA)):
            assert DownloadPath.parse(str(path)) == path
    assert str(DownloadPath(UPDATES, "S0147", SHA)) == f"/updates/S0147/{SHA}"
    assert ByteRange.parse(str(ByteRange(0, 4095))) == ByteRange(0, 4095)
    assert etag_of(SHA) == f'"{SHA}"'


def test_what_is_no_path(subtests: pytest.Subtests) -> None:
    for path in [
        "",
        "/updates",
        "/updates/",
        "/updates//",
        "/updates/S0147/",
        f"/updates/S0147/{SHA}/",
        f"/updates/S0147/{SHA}?x=1",
        f"/updates//S0147/{SHA}",
        f"/x/updates/S0147/{SHA}",
        "/updates/..",
        "/updates/S0147/../S0148",
        f"/updates/S0147/{SHA[:-1]}",
        f"/updates/S0147/{SHA.upper()}",
        f"/updates/S0147/{SHA}\n",
        f"/updates/S0147%2f{SHA}",
        "/updates/S01477",
        "/updates/s0147",
        "/photos/S0147",
        "/configuration/",
        "/configuration/S0147/xyz",
        "/configuration/S0147/a/b",
    ]:
        with subtests.test(path=path), pytest.raises(ValueError, match=r"station id|no path|no SHA"):
            DownloadPath.parse(path)


def test_what_is_no_range(subtests: pytest.Subtests) -> None:
    for text in [
        "",
        "bytes=",
        "bytes=0-",
        "bytes=-5",
        "bytes=5-4",
        "bytes=0-1,3-4",
        "bytes 0-1",
        "bytes=0-99999999999",
    ]:
        with subtests.test(text=text), pytest.raises(ValueError, match="bytes"):
            ByteRange.parse(text)
