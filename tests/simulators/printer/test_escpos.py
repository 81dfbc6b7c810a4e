from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kiosk.devices.printer.profiles import profile
from kiosk.labels.raster import Raster
from kiosk.protocols.printers import escpos
from kiosk.simulators.printer.escpos import EscposInterpreter
from kiosk.simulators.printer.model import RECEIPT_PRINTER, DrainQuery, Event, JobStarted, PrintedPage, StatusQuery
from tests.depth import many

ESCPOS = profile("escpos").setup

SMALL = Raster(16, 3, bytes.fromhex("8001ffff1004"))
STREAM = escpos.page(SMALL, ESCPOS)
FEED_DOTS = 96


def feed(*pieces: bytes) -> list[Event]:
    interpreter = EscposInterpreter(RECEIPT_PRINTER)
    return [event for piece in pieces for event in interpreter.feed(piece)]


def pages(events: list[Event]) -> list[bytes]:
    return [event.image.tobytes() for event in events if isinstance(event, PrintedPage)]


@settings(max_examples=many(15, torture=200), deadline=None)
@given(st.integers(1, 384), st.integers(1, 600), st.integers(0, 255))
def test_every_dot_arrives_on_58_mm_paper(width: int, height: int, seed: int) -> None:
    stride = (width + 7) // 8
    noise = bytes((seed + 7 * index) & 0xFF for index in range(stride * height))
    raster = Raster.from_ink(Image.frombytes("1", (width, height), noise))
    found = [event.image for event in feed(escpos.page(raster, ESCPOS)) if isinstance(event, PrintedPage)]
    paper = Image.new("1", (464, height + FEED_DOTS), 1)
    paper.paste(raster.to_image(), (40, 0))
    assert [image.tobytes() for image in found] == ([paper.tobytes()] if any(raster.rows) else [])


def test_a_stream_cut_anywhere_gives_the_same_receipt() -> None:
    whole = feed(STREAM)
    assert [type(event) for event in whole] == [JobStarted, PrintedPage]
    for cut in range(len(STREAM) + 1):
        assert pages(feed(STREAM[:cut], STREAM[cut:])) == pages(whole)
    assert pages(feed(*(STREAM[i : i + 1] for i in range(len(STREAM))))) == pages(whole)


def test_real_time_queries_are_answered_and_begin_no_job() -> None:
    assert feed(escpos.STATUS_QUERY) == [StatusQuery(1), StatusQuery(2), StatusQuery(3), StatusQuery(4)]
    assert feed(escpos.DRAINED_QUERY) == [DrainQuery()]


def test_a_query_inside_a_picture_is_picture() -> None:
    assert b"\x10\x04" in STREAM
    assert not any(isinstance(event, StatusQuery) for event in feed(STREAM))


def test_the_query_behind_the_job_comes_after_the_page() -> None:
    assert [type(event) for event in feed(STREAM + escpos.DRAINED_QUERY)] == [JobStarted, PrintedPage, DrainQuery]


def test_two_receipts_on_one_connection_are_two_pages() -> None:
    assert [type(event) for event in feed(STREAM + STREAM)] == [JobStarted, PrintedPage, JobStarted, PrintedPage]


def test_a_receipt_without_cut_hangs_out_when_the_connection_ends() -> None:
    interpreter = EscposInterpreter(RECEIPT_PRINTER)
    events = interpreter.feed(escpos.page(SMALL, replace(ESCPOS, cutter=False)))
    assert pages(events) == []
    assert len(pages(interpreter.end())) == 1


def test_a_stream_that_breaks_off_in_the_picture_prints_nothing() -> None:
    end_of_picture = STREAM.index(b"\x1bJ")
    for cut in range(end_of_picture):
        interpreter = EscposInterpreter(RECEIPT_PRINTER)
        assert pages(interpreter.feed(STREAM[:cut]) + interpreter.end()) == []


@settings(max_examples=many(60, torture=600), deadline=None)
@given(st.binary(max_size=80))
def test_garbage_never_kills(data: bytes) -> None:
    interpreter = EscposInterpreter(RECEIPT_PRINTER)
    interpreter.feed(data)
    interpreter.end()
    assert len(pages(interpreter.feed(STREAM))) == 1
