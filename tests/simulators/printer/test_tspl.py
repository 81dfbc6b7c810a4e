"""Encoder against interpreter, two readings of the same manual, dot by dot."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kiosk.devices.printer.profiles import profile
from kiosk.labels.raster import Raster
from kiosk.protocols.printers import tspl
from kiosk.simulators.printer.model import LABEL_PRINTER, Event, JobStarted, PrintedPage, StatusQuery
from kiosk.simulators.printer.tspl import TsplInterpreter
from tests.depth import many

TSPL = profile("tspl").setup

SMALL = Raster(12, 3, bytes.fromhex("8010ffe00550"))
STREAM = tspl.page(SMALL, TSPL)


@dataclass
class Fed:
    events: list[Event]

    @property
    def pages(self) -> list[bytes]:
        return [event.image.tobytes() for event in self.events if isinstance(event, PrintedPage)]


def feed(*pieces: bytes) -> Fed:
    interpreter = TsplInterpreter(LABEL_PRINTER)
    return Fed([event for piece in pieces for event in interpreter.feed(piece)])


@st.composite
def rasters(draw: st.DrawFn) -> Raster:
    width, height = draw(st.integers(1, 100)), draw(st.integers(1, 60))
    black = draw(st.binary(min_size=width * height, max_size=width * height))
    image = Image.frombytes("L", (width, height), bytes(255 * (value > 127) for value in black))
    return Raster.from_ink(image.convert("1"))


@settings(max_examples=many(20, torture=300), deadline=None)
@given(rasters())
def test_every_dot_arrives(raster: Raster) -> None:
    (page,) = [event for event in feed(tspl.page(raster, TSPL)).events if isinstance(event, PrintedPage)]
    assert page.image.size == (raster.width_dots, raster.height_dots)
    assert page.image.tobytes() == raster.to_image().tobytes()


def test_a_stream_cut_anywhere_gives_the_same_page() -> None:
    whole = feed(STREAM)
    assert len(whole.pages) == 1
    for cut in range(len(STREAM) + 1):
        pieces = feed(STREAM[:cut], STREAM[cut:])
        assert pieces.pages == whole.pages
        assert sum(isinstance(event, JobStarted) for event in pieces.events) == 1
    assert feed(*(STREAM[i : i + 1] for i in range(len(STREAM)))).pages == whole.pages


def test_a_stream_that_breaks_off_prints_nothing() -> None:
    for cut in range(len(STREAM) - 1):
        interpreter = TsplInterpreter(LABEL_PRINTER)
        assert not any(isinstance(event, PrintedPage) for event in interpreter.feed(STREAM[:cut]))
        assert interpreter.end() == []
        assert [type(event) for event in interpreter.feed(STREAM)] == [JobStarted, PrintedPage]


def test_the_job_begins_with_its_first_byte() -> None:
    assert feed(STREAM[:1]).events == [JobStarted()]


def test_status_queries_are_answered_between_and_inside_lines_but_not_inside_a_picture() -> None:
    assert feed(b"\x1b!?").events == [StatusQuery()]
    assert feed(b"SIZE 2 mm\x1b!?,1 mm\r\nCLS\r\nPRINT 1,1\r\n").events[0] == StatusQuery()
    picture = Raster(24, 1, b"\x1b!?")
    inverted = bytes(255 - value for value in picture.rows)
    stream = tspl.page(Raster(24, 1, inverted), TSPL)
    assert b"\x1b!?" in stream
    assert [type(event) for event in feed(stream).events] == [JobStarted, PrintedPage]


def test_bitmap_modes(subtests: pytest.Subtests) -> None:
    for mode, black in [(0, [7]), (1, [0, 7]), (2, [0, 7])]:
        with subtests.test(mode=mode, black=black):
            stream = b"SIZE 1 mm,1 mm\r\nCLS\r\nBITMAP 0,0,1,1,0,\x7f\r\nBITMAP 0,0,1,1,%d,\xfe\r\nPRINT 1\r\n" % mode
            (page,) = (event.image for event in feed(stream).events if isinstance(event, PrintedPage))
            assert [x for x in range(8) if page.getpixel((x, 0)) == 0] == black


def test_xor_takes_a_dot_away() -> None:
    stream = b"SIZE 1 mm,1 mm\r\nCLS\r\nBITMAP 0,0,1,1,0,\x7f\r\nBITMAP 0,0,1,1,2,\x7f\r\nPRINT 1\r\n"
    (page,) = (event.image for event in feed(stream).events if isinstance(event, PrintedPage))
    assert page.getextrema() == (255, 255)


def test_copies_come_out_one_by_one() -> None:
    assert len(feed(tspl.page(SMALL, TSPL, copies=3)).pages) == 3


@settings(max_examples=many(60, torture=600), deadline=None)
@given(st.lists(st.sampled_from([b"BITMAP ", b"1,", b"\x1b", b"!?", b"\r\n", b"PRINT 1\r\n", b"\x00", b"x" * 50])))
def test_garbage_is_ignored_and_never_kills(pieces: list[bytes]) -> None:
    interpreter = TsplInterpreter(LABEL_PRINTER)
    for piece in pieces:
        interpreter.feed(piece)
    interpreter.end()
    assert any(isinstance(event, PrintedPage) for event in interpreter.feed(STREAM))


def test_an_absurd_picture_is_refused_without_waiting_for_it() -> None:
    interpreter = TsplInterpreter(LABEL_PRINTER)
    interpreter.feed(b"BITMAP 0,0,60000,60000,0,")
    assert interpreter.unknown == [b"BITMAP 0,0,60000,60000,0,"]
