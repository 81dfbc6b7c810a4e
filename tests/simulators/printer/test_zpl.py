from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kiosk.devices.printer.profiles import profile
from kiosk.labels.raster import Raster
from kiosk.protocols.printers import zpl
from kiosk.simulators.printer.model import (
    LABEL_PRINTER,
    CountQuery,
    Event,
    JobStarted,
    PrintedPage,
    PrinterModel,
    StatusQuery,
)
from kiosk.simulators.printer.zpl import ZplInterpreter
from tests.depth import many

ZPL = profile("zpl").setup
PLAIN = profile("zpl_203_plain").setup
SMALL = Raster(12, 3, bytes.fromhex("8010ffe00550"))
STREAM = zpl.page(SMALL, ZPL)
QUESTION = zpl.COUNTER_QUERY


def feed(*pieces: bytes, model: PrinterModel = LABEL_PRINTER) -> list[Event]:
    interpreter = ZplInterpreter(model)
    return [event for piece in pieces for event in interpreter.feed(piece)]


def pages(events: list[Event]) -> list[bytes]:
    return [event.image.tobytes() for event in events if isinstance(event, PrintedPage)]


@settings(max_examples=many(15, torture=200), deadline=None)
@given(st.integers(1, 100), st.integers(1, 60), st.integers(0, 255))
def test_every_dot_arrives(width: int, height: int, seed: int) -> None:
    noise = bytes((seed + 7 * index) & 0xFF for index in range((width + 7) // 8 * height))
    raster = Raster.from_ink(Image.frombytes("1", (width, height), noise))
    for setup in (ZPL, PLAIN, replace(ZPL, density=15, cutter=True), replace(PLAIN, mark=True, density=0)):
        interpreter = ZplInterpreter(LABEL_PRINTER)
        (page,) = [event.image for event in interpreter.feed(zpl.page(raster, setup)) if isinstance(event, PrintedPage)]
        assert (page.size, page.tobytes()) == (raster.to_image().size, raster.to_image().tobytes())
        assert interpreter.unknown == []


def test_a_stream_cut_anywhere_gives_the_same_page_and_the_same_answers() -> None:
    stream = b"~HS" + QUESTION + STREAM + b"~HS" + QUESTION
    whole = feed(stream)
    kinds = [type(event) for event in whole]
    assert kinds == [StatusQuery, CountQuery, JobStarted, PrintedPage, StatusQuery, CountQuery]
    for cut in range(len(stream) + 1):
        events = feed(stream[:cut], stream[cut:])
        assert ([type(event) for event in events], pages(events)) == (kinds, pages(whole)), cut


def test_half_a_label_of_a_broken_connection_is_forgotten() -> None:
    interpreter = ZplInterpreter(LABEL_PRINTER)
    interpreter.feed(STREAM[:-8])
    assert interpreter.end() == []
    assert len(pages(interpreter.feed(STREAM))) == 1


def test_what_lies_beyond_the_head_is_not_printed() -> None:
    narrow = PrinterModel(203, 8, 100.0)
    (page,) = [event.image for event in feed(STREAM, model=narrow) if isinstance(event, PrintedPage)]
    assert page.tobytes() == SMALL.to_image().crop((0, 0, 8, 3)).tobytes()


def test_run_lengths_that_are_no_picture_are_an_empty_label(subtests: pytest.Subtests) -> None:
    """Two rows of two bytes."""
    for runs in [b"GX", b"F", b"F:", b":", b"F,,,", b"F,F,", b"F,F,F,", b"G", b"zzF", b"FFFF!:", b" F,:", b"F;:"]:
        with subtests.test(runs=runs):
            interpreter = ZplInterpreter(LABEL_PRINTER)
            whole = b"^XA^PW16^LL2^FO0,0^GFA,4,4,2," + runs + b"^FS^XZ"
            (page,) = [event.image for event in interpreter.feed(whole) if isinstance(event, PrintedPage)]
            empty = page.convert("L").getextrema() == (255, 255)
            assert empty is (runs not in (b"F,F,",))
            assert bool(interpreter.unknown) is empty


def test_a_damaged_picture_is_an_empty_label(subtests: pytest.Subtests) -> None:
    for damage in [(b":Z64:G", b":Z64:H"), (b"^GFA,6,", b"^GFA,7,"), (b",2,:Z64", b",0,:Z64")]:
        with subtests.test(damage=damage):
            assert damage[0] in STREAM
            interpreter = ZplInterpreter(LABEL_PRINTER)
            (page,) = [
                event.image for event in interpreter.feed(STREAM.replace(*damage)) if isinstance(event, PrintedPage)
            ]
            if damage[0] != b"^GFA,6,":  # the number of bytes sent says nothing of an encoded picture
                assert page.convert("L").getextrema() == (255, 255)
                assert interpreter.unknown


def test_copies_speed_and_unknown_commands() -> None:
    assert len(pages(feed(zpl.page(SMALL, ZPL, copies=3)))) == 3
    interpreter = ZplInterpreter(LABEL_PRINTER)
    assert len(pages(interpreter.feed(STREAM.replace(b"^FO0,0", b"^CI28^FO0,0")))) == 1
    assert interpreter.unknown == [b"CI28"]


@settings(max_examples=many(50, torture=450), deadline=None)
@given(
    st.one_of(st.binary(max_size=80), st.lists(st.sampled_from([b"^XA", b"^XZ", b"~HS", b"! U1 ", b"^GFA,", b"1,"])))
)
def test_garbage_never_kills(data: bytes | list[bytes]) -> None:
    interpreter = ZplInterpreter(LABEL_PRINTER)
    interpreter.feed(data if isinstance(data, bytes) else b"".join(data))
    interpreter.end()
    assert len(pages(interpreter.feed(STREAM))) == 1
