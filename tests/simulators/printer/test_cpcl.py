"""Encoder against interpreter, two readings of the same manual, dot by dot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.devices.printer.profiles import profile
from kiosk.labels.raster import Raster
from kiosk.protocols.printers import cpcl
from kiosk.simulators.printer.cpcl import CpclInterpreter
from kiosk.simulators.printer.model import PORTABLE_PRINTER, Event, JobStarted, PrintedPage, StatusQuery
from tests.depth import many
from tests.simulators.printer.test_tspl import rasters

CPCL = profile("cpcl").setup
PLAIN = profile("cpcl_203_plain").setup
SMALL = Raster(12, 3, bytes.fromhex("8010ffe00550"))
STREAM = cpcl.page(SMALL, CPCL)


def fed(*pieces: bytes) -> tuple[list[Event], list[bytes]]:
    interpreter = CpclInterpreter(PORTABLE_PRINTER)
    return [event for piece in pieces for event in interpreter.feed(piece)], interpreter.unknown


@settings(max_examples=many(20, torture=300), deadline=None)
@given(rasters())
def test_every_dot_arrives_in_both_kinds_of_picture(raster: Raster) -> None:
    for setup in (CPCL, PLAIN, replace(CPCL, mark=True, density=15), replace(CPCL, gap_mm=0)):
        events, unknown = fed(cpcl.page(raster, setup))
        (page,) = [event.image for event in events if isinstance(event, PrintedPage)]
        assert page.size == (raster.width_dots, raster.height_dots)
        assert page.tobytes() == raster.to_image().tobytes()
        assert unknown == []


def test_the_picture_of_the_manual() -> None:
    """CPCL manual 7-7."""
    text = b"! 0 200 200 210 1\r\nEG 2 16 90 45 " + b"F0F0F0F0F0F0F0F00F0F0F0F0F0F0F0F" * 2 + b"\r\nFORM\r\nPRINT\r\n"
    events, unknown = fed(text)
    (page,) = [event.image for event in events if isinstance(event, PrintedPage)]
    assert unknown == []
    assert page.size == (576, 210)
    assert [x for x in range(576) if page.getpixel((x, 45)) == 0] == [90, 91, 92, 93, 98, 99, 100, 101]
    assert [x for x in range(576) if page.getpixel((x, 49)) == 0] == [94, 95, 96, 97, 102, 103, 104, 105]


def test_a_stream_cut_anywhere_gives_the_same_page_and_broken_off_none() -> None:
    whole, _ = fed(STREAM)
    assert [type(event) for event in whole] == [JobStarted, PrintedPage]
    for cut in range(len(STREAM)):
        events, unknown = fed(STREAM[:cut], STREAM[cut:])
        assert [type(event) for event in events] == [JobStarted, PrintedPage], cut
        assert unknown == []
        interpreter = CpclInterpreter(PORTABLE_PRINTER)
        assert not any(
            isinstance(event, PrintedPage) for event in interpreter.feed(STREAM[: min(cut, len(STREAM) - 2)])
        )
        assert interpreter.end() == []
        assert [type(event) for event in interpreter.feed(STREAM)] == [JobStarted, PrintedPage]


def test_a_status_query_is_answered_between_labels_and_is_a_picture_inside_of_one() -> None:
    assert fed(b"\x1bh")[0] == [StatusQuery()]
    stream = cpcl.page(Raster(16, 1, b"\x1bh"), CPCL)
    assert b"\x1bh" in stream
    assert [type(event) for event in fed(stream + b"\x1bh")[0]] == [JobStarted, PrintedPage, StatusQuery]


def test_copies_come_out_one_by_one_and_the_shift_is_on_paper() -> None:
    events, _ = fed(cpcl.page(SMALL, replace(CPCL, offset_mm=(1, 2)), copies=3))
    pages = [event.image for event in events if isinstance(event, PrintedPage)]
    assert len(pages) == 3
    assert pages[0].size == (20, 19)
    assert pages[0].getpixel((8, 16)) == 0


def test_what_the_manual_does_not_know_is_kept_for_a_test_to_see(subtests: pytest.Subtests) -> None:
    for text in [
        b"TEXT 4 0 30 40 Hello\r\n",
        b"! 0 200 200 10 1\r\nTEXT 4 0 30 40 Hello\r\nPRINT\r\n",
        b"! 0 300 300 10 1\r\n",
        b"! 0 200 200 99999 1\r\n",
        b"! 0 200 200 10 1\r\nCG 9999 99999 0 0 ",
        b"! 0 200 200 10 1\r\nCG 0 0 0 0 \r\nPRINT\r\n",
        b"! 0 200 200 10 1\r\nEG 1 1 0 0 XX\r\nPRINT\r\n",
        b"! 0 200 200 10 1\r\nCG 1 " + b"1" * 90,
        b"! 0 200 200 10 1\r\nSPEED 9\r\n",
        b"x" * 5000,
        b"\x1bx",
    ]:
        with subtests.test(text=text):
            assert fed(text)[1] != []


@settings(max_examples=many(40, torture=600), deadline=None)
@given(
    st.lists(st.sampled_from([b"CG ", b"1 ", b"! 0 200 200 8 1\r\n", b"\x1b", b"h", b"\r\n", b"PRINT\r\n", b"\x00"]))
)
def test_garbage_never_kills(pieces: list[bytes]) -> None:
    interpreter = CpclInterpreter(PORTABLE_PRINTER)
    for piece in pieces:
        interpreter.feed(piece)
    interpreter.end()
    assert any(isinstance(event, PrintedPage) for event in interpreter.feed(STREAM))
