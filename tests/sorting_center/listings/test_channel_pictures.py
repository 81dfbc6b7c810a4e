"""Pictures of a channel, made of masters by a process of its own."""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from zipfile import ZipFile

import pytest

from kiosk.photo.channels.picture import ChannelReason
from kiosk.photo.channels.rules import ChannelRule, shipped_rules
from kiosk.photo.codec import decode_picture, encode_jpeg, metadata_markers
from kiosk.sorting_center.listings.exports import pictures as child
from kiosk.sorting_center.listings.exports.picture_process import COLUMNS, OmissionReason, make, picture
from kiosk.sorting_center.listings.exports.pictures import (
    ListingPhotos,
    Master,
    PictureExportResult,
    PictureOrder,
    make_in_subprocess,
)
from kiosk.sorting_center.web.staff.listing_exports import SKIP_REASONS
from tests.depth import many
from tests.photo.channels.goods import goods, tiny
from tests.sorting_center.listings.test_exports import table_of
from tests.sorting_center.photos.test_jpeg import ATTACK, slow

DAY = date(2026, 11, 28)
PATIENT_S = 60.0


@cache
def good() -> bytes:
    """A master; drawing one takes a second."""
    return encode_jpeg(goods("round").master)


def rule(channel: str) -> ChannelRule:
    return shipped_rules().on(channel, DAY)


@dataclass
class Folder:
    """Masters by their hash."""

    path: Path
    hashes: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, content: bytes) -> Master:
        sha256 = hashlib.sha256(content).hexdigest()
        (self.path / f"{sha256}.jpg").write_bytes(content)
        self.hashes[name] = sha256
        return Master(sha256, str(self.path / f"{sha256}.jpg"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def ordered(folder: Folder, channel: str = "taobao_white") -> PictureOrder:
    """Two listings: one with a good master before one in which the goods are tiny, the other with what can go wrong."""
    fine = folder.keep("good", good())
    small = folder.keep("small", encode_jpeg(tiny().master))
    torn = folder.keep("torn", b"\xff\xd8\xff\xe0 is no picture")
    rotten = folder.keep("rotten", b"as it was received")
    Path(rotten.path).write_bytes(b"as the disk has it now")
    gone = Master("ab" * 32, str(folder.path / "gone.jpg"))
    never = Master("cd" * 32, "")
    listings = (
        ListingPhotos("shache-S0147-A", (fine, small)),
        ListingPhotos("shache-S0147-B", (gone, never, torn, rotten, fine)),
    )
    return PictureOrder(rule(channel), listings, {"missing": "not here", "enlarged": "=1+1"})


def made(order: PictureOrder) -> tuple[PictureExportResult, bytes]:
    """By the process."""
    with TemporaryFile() as file:
        told = make_in_subprocess(order, file)
        file.seek(0)
        return told, file.read()


def files_of(data: bytes) -> Mapping[str, bytes]:
    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def report_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files_of(data)["report.csv"].decode("utf-8-sig"), newline="")))


def test_pictures_are_made_and_what_is_left_out_is_named(folder: Folder) -> None:
    """And the same listings come to the same bytes, in this process and in the other."""
    order = ordered(folder)
    told, data = made(order)
    assert told == PictureExportResult(2, 5)
    found = files_of(data)
    assert list(found) == ["shache-S0147-A/1.jpg", "shache-S0147-B/5.jpg", "report.csv"]
    first = found["shache-S0147-A/1.jpg"]
    assert decode_picture(first).shape == (800, 800, 3)
    assert order.rule.least_bytes <= len(first) <= order.rule.most_bytes
    assert metadata_markers(first) == ()
    report = report_of(data)
    small = ("enlarged", "goods_small", "bytes_few")
    assert [(row["picture"], row["photo"], row["reason"]) for row in report] == [
        *(("shache-S0147-A/2.jpg", folder.hashes["small"], reason) for reason in small),
        *((f"shache-S0147-B/{place}.jpg", sha256, "missing") for place, sha256 in ((1, "ab" * 32), (2, "cd" * 32))),
        ("shache-S0147-B/3.jpg", folder.hashes["torn"], "damaged"),
        ("shache-S0147-B/4.jpg", folder.hashes["rotten"], "damaged"),
    ]
    assert (report[0]["limit"], report[0]["meaning"], report[3]["meaning"]) == ("200", "'=1+1", "not here")
    assert int(report[0]["value"]) > 200
    here = io.BytesIO()
    make(order, here)
    assert here.getvalue() == data


def test_a_picture_that_was_taken_before_and_is_not_now_is_not_decoded(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = folder.keep("attack", slow(many(500, torture=ATTACK)))
    order = PictureOrder(rule("taobao_white"), (ListingPhotos("a", (attack, folder.keep("good", good()))),), {})
    told, data = made(order)
    assert (told, list(files_of(data))) == (PictureExportResult(1, 1), ["a/2.jpg", "report.csv"])
    assert [(row["picture"], row["reason"]) for row in report_of(data)] == [("a/1.jpg", "damaged")]
    monkeypatch.setattr("kiosk.photo.channels.picture.decode_picture", None)
    assert picture(attack, order.rule) == (OmissionReason("damaged"),)


IN_TIME = """
import os, sys
from kiosk.sorting_center.listings.exports.picture_process import OmissionReason
from kiosk.sorting_center.listings.exports.picture_process import make_in_fork
def spin(*_):
    while True: pass
def large(*_):
    return b"x" * 10**6
for one in (spin, lambda *_: os.abort(), lambda *_: 1 / 0, lambda *_: (OmissionReason("enlarged", 5, 3),), large):
    found = make_in_fork(None, None, 0.2, one)
    print(len(found) if isinstance(found, bytes) else found)
"""


def test_a_picture_that_takes_too_long_or_ends_its_process_is_one_alone() -> None:
    done = subprocess.run([sys.executable, "-c", IN_TIME], check=True, capture_output=True, text=True)
    damaged = "(OmissionReason(word='damaged', value='', limit=''),)"
    assert done.stdout.splitlines() == [damaged] * 3 + [
        "(OmissionReason(word='enlarged', value=5, limit=3),)",
        "1000000",
    ]


def test_every_limit_of_a_channel_is_a_line(folder: Folder) -> None:
    strict = {"least_bytes": 19_000_000, "most_bytes": 20_000_000, "least_goods_px": 790, "margin_px": (200, 300)}
    strange = ChannelRule(**{**rule_fields("taobao_white"), **strict})
    order = PictureOrder(strange, (ListingPhotos("a", (folder.keep("good", good()),)),), {})
    here = io.BytesIO()
    assert make(order, here) == PictureExportResult(0, 1)
    lines = report_of(here.getvalue())
    assert {row["picture"] for row in lines} == {"a/1.jpg"}
    assert {row["reason"] for row in lines} == {"goods_small", "bytes_few"}


def rule_fields(channel: str) -> dict[str, object]:
    found = rule(channel)
    return {name: getattr(found, name) for name in found.__struct_fields__}


def test_an_empty_order_is_a_report_alone() -> None:
    here = io.BytesIO()
    told = make(PictureOrder(rule("jd"), (), {}), here)
    data = here.getvalue()
    assert (told, list(files_of(data)), report_of(data)) == (PictureExportResult(), ["report.csv"], [])


def test_what_the_process_cannot_do_is_an_error(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    order = PictureOrder(rule("jd"), (), {})
    for program, said in (
        ("import sys; sys.exit(7)", "status 7"),
        ("import os; os.kill(os.getpid(), 11)", "status -11"),
        ('print(\'{"error": "No space left"}\')', "No space left"),
        ("print('{\"pict')", "truncated output"),
    ):
        monkeypatch.setattr(child, "_COMMAND", (sys.executable, "-c", program))
        with pytest.raises(OSError, match=said):
            made(order)
    monkeypatch.setattr(child, "EXPORT_TIMEOUT_S", 0.05)
    monkeypatch.setattr(child, "_COMMAND", (sys.executable, "-c", "import sys; sys.stdin.read()"))
    with pytest.raises(OSError, match="status -9"):
        made(order)


def test_it_has_so_much_memory_and_time_and_no_more() -> None:
    confined = "from kiosk.sorting_center.listings.exports.picture_process import confine; confine({}); {}"
    for longest_s, act, status in ((PATIENT_S, "bytearray(900_000_000)", 1), (0.05, "input()", -14)):
        command = [sys.executable, "-c", confined.format(longest_s, act)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            said = process.stderr.read()
            assert process.wait(PATIENT_S) == status, said
        assert status == -14 or b"MemoryError" in said


def test_who_orders_pictures_loads_no_image_library() -> None:
    """The pages, what serves them, and the sorting center around them."""
    script = (
        "import sys, kiosk.sorting_center.web.process, kiosk.sorting_center.service, kiosk.cli.center.web\n"
        "print(sorted({'cv2', 'numpy', 'PIL'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_document_and_the_pages_know_every_reason() -> None:
    known = {"missing", "damaged", *(reason.value for reason in ChannelReason)}
    assert set(SKIP_REASONS) == known
    rows = table_of("Pictures for a channel")
    assert [name for row in rows for name in words(row["column"])] == list(COLUMNS)
    written = table_of("Pictures for a channel", 1)
    assert [name for row in written for name in words(row["reason"])] == list(SKIP_REASONS)


def words(cell: str) -> list[str]:
    return [word.strip(" `") for word in cell.split(",")]
