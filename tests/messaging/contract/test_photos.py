"""Names of pictures and parts of them, as they come from outside."""

from __future__ import annotations

import pytest

from kiosk.messaging.contract.photos import ContentRange, PictureName

SHA = "0123456789abcdef" * 4


def test_a_name_and_its_path() -> None:
    name = PictureName("shache", "S0147", SHA)
    assert str(name) == f"/photos/shache/S0147/{SHA}"
    assert PictureName.parse(str(name)) == name


def test_what_is_no_picture(subtests: pytest.Subtests) -> None:
    for path in [
        "",
        "/photos/",
        f"/photos/shache/S0147/{SHA}/",
        f"/photos/shache/S0147/{SHA}?x=1",
        f"//photos/shache/S0147/{SHA}",
        f"/x/photos/shache/S0147/{SHA}",
        f"/photos/../S0147/{SHA}",
        f"/photos/shache/../{SHA}",
        "/photos/shache/S0147/../../../../etc/passwd",
        f"/photos/shache/S0147/{SHA[:-1]}",
        f"/photos/shache/S0147/{SHA.upper()}",
        f"/photos/shache/S0147/{SHA[:-1]}\n",
        f"/photos/shache/S0147/{SHA}\n",
        f"/photos/shache/S0147/{SHA[:-1]}\0",
        f"/photos/shache\0/S0147/{SHA}",
        f"/photos/shache/S0147%2f{SHA}",
        f"/photos/feed/S0147/{SHA}",
        f"/photos/Shache/S0147/{SHA}",
        f"/photos/shache/S01477/{SHA}",
        f"/photos/shache/S０147/{SHA}",
        f"/photos/shache/S0147/{SHA[:-2]}٣٣",
    ]:
        with subtests.test(path=path), pytest.raises(ValueError):
            PictureName.parse(path)


def test_a_part_and_its_header() -> None:
    part = ContentRange.parse("bytes 4096-8191/180000")
    assert (part.first, part.last, part.total, part.size) == (4096, 8191, 180000, 4096)
    assert str(part) == "bytes 4096-8191/180000"


def test_what_is_no_part(subtests: pytest.Subtests) -> None:
    for text in [
        "",
        "bytes",
        "bytes 0-9",
        "bytes 0-9/*",
        "bytes */10",
        "bytes -1-9/10",
        "bytes 0--9/10",
        "bytes +0-9/10",
        "bytes 9-0/10",
        "bytes 0-10/10",
        "bytes 10-10/10",
        "bytes 0-9/0",
        "bytes 0-9/10,20-29/30",
        "bytes  0-9/10",
        "Bytes 0-9/10",
        "bytes 0-9/99999999999",
        "bytes 0-٩/10",
        "bytes 0_0-9/10",
        "bytes 0-9/10\n",
    ]:
        with subtests.test(text=text), pytest.raises(ValueError):
            ContentRange.parse(text)
