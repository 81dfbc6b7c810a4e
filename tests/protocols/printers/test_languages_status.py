"""Status replies: what the manuals say, and that nothing else is ever "ready"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.printers import escpos, zpl
from kiosk.protocols.printers.languages import LANGUAGES, UNKNOWN, StatusReport, parse_status

FINE = b"\x12"


def zebra(first: str = "030,0,0,1245,000,0,0,0,000,0,0,0", second: str = "000,0,0,0,0,2,4,0,00000000,1,000") -> bytes:
    """A ~HS answer as in the ZPL II guide: three strings, each STX ... ETX CR LF."""
    return "".join(f"\x02{line}\x03\r\n" for line in (first, second, "1234,0")).encode("ascii")


def test_tspl_bits(subtests: pytest.Subtests) -> None:
    for byte, flag in [
        (0x01, "head_open"),
        (0x02, "paper_jam"),
        (0x04, "paper_out"),
        (0x08, "ribbon_out"),
        (0x10, "paused"),
        (0x20, "printing"),
        (0x40, "cover_open"),
        (0x80, "temperature"),
    ]:
        with subtests.test(byte=byte, flag=flag):
            report = parse_status("tspl", bytes((byte,)))
            assert report == StatusReport(ready=False, fault=flag not in {"paused", "printing"}, flags=(flag,))


def test_tspl_zero_is_ready() -> None:
    assert parse_status("tspl", b"\x00") == StatusReport(ready=True, fault=False, flags=())


def test_escpos_four_answers(subtests: pytest.Subtests) -> None:
    for replies, flags in [
        ((0x12, 0x12, 0x12, 0x12), ()),
        ((0x16, 0x12, 0x12, 0x12), ()),  # the cash drawer pin says nothing about the printer
        ((0x1A, 0x16, 0x12, 0x12), ("offline", "cover_open")),
        ((0x1A, 0x32, 0x12, 0x72), ("offline", "paper_out")),
        ((0x12, 0x12, 0x12, 0x1E), ("paper_near_end",)),
        ((0x12, 0x52, 0x1A, 0x12), ("error", "cutter_error")),
        ((0x12, 0x52, 0x32, 0x12), ("error", "unrecoverable")),
        ((0x12, 0x1A, 0x12, 0x12), ()),  # the feed button is being pressed
    ]:
        with subtests.test(replies=replies, flags=flags):
            assert parse_status("escpos", bytes(replies)).flags == flags


def test_escpos_one_answer_is_that_of_dle_eot_1() -> None:
    assert parse_status("escpos", b"\x12").ready is True
    assert parse_status("escpos", b"\x1a").flags == ("offline",)


def test_half_or_strange_escpos_answers_are_unknown(subtests: pytest.Subtests) -> None:
    for reply in [b"\x12\x12", b"\x12\x12\x12", b"\x12" * 5, b"\x00", b"\x12\x12\x00\x12", b"\xff"]:
        with subtests.test(reply=reply):
            assert parse_status("escpos", reply) == UNKNOWN


def test_the_answer_behind_the_job_is_told_from_a_real_time_answer(subtests: pytest.Subtests) -> None:
    for reply, flags in [
        (b"\x00", ()),
        (b"\x03", ("paper_near_end",)),
        (b"\x0f", ("paper_near_end", "paper_out")),
        (b"\x12", None),
    ]:
        with subtests.test(reply=reply, flags=flags):
            assert escpos.parse_drained(reply) == flags


def test_cpcl_answers(subtests: pytest.Subtests) -> None:
    """CPCL manual 11-2 (ESC h) and 11-4 (ESC i)."""
    for reply, flags in [
        (b"\x00", ()),
        (b"\x01", ("printing",)),
        (b"\x02", ("paper_out",)),
        (b"\x04", ("head_open",)),
        (b"\x08", ("battery_low",)),
        (b"\x10", ()),  # was switched on since
        (b"\x16", ("paper_out", "head_open")),
        (b"\x00\x00", ()),
        (b"\x00\x0f", ()),  # reserved bits of ESC i
        (b"\x02\x90", ("paper_out", "paper_jam", "ribbon_out")),
        (b"\x00\x60", ("paused", "paper_near_end")),
        (b"\x20", None),
        (b"\xff", None),
        (b"\x00\x00\x00", None),
    ]:
        with subtests.test(reply=reply, flags=flags):
            assert parse_status("cpcl", reply).flags == (("unknown",) if flags is None else flags)
            assert parse_status("cpcl", reply).ready is (None if flags is None else not flags)


def test_zpl_ready_and_work_is_no_fault() -> None:
    assert parse_status("zpl", zebra()).ready is True
    busy = zebra("030,0,0,1245,003,0,0,0,000,0,0,0", "000,0,0,0,0,2,4,1,00000012,1,000")
    assert parse_status("zpl", busy).fault is False


def test_a_zpl_printer_tells_how_much_it_still_has_to_print(subtests: pytest.Subtests) -> None:
    for reply, waiting in [
        (zebra(), 0),
        (zebra("030,0,0,1245,003,0,0,0,000,0,0,0", "000,0,0,0,0,2,4,1,00000012,1,000"), 15),
        (zebra("030,1,0,1245,001,0,0,0,000,0,0,0"), 1),
        (zebra()[:-9], None),
        (b"", None),
    ]:
        with subtests.test(reply=reply, waiting=waiting):
            assert zpl.work_waiting(reply) == waiting


def test_a_counter_of_labels_is_a_number_in_quotes(subtests: pytest.Subtests) -> None:
    for reply, count in [
        (b'"123"\r\n', 123),
        (b'"0"', 0),
        (b'"?"', None),
        (b"?\r\n", None),
        (b'"12 3"', None),
        (b'"-1"', None),
        (b'"' + b"9" * 30 + b'"', None),
        (b"", None),
    ]:
        with subtests.test(reply=reply, count=count):
            assert zpl.parse_count(reply) == count


def test_zpl_flags(subtests: pytest.Subtests) -> None:
    for reply, flags in [
        (zebra("030,1,0,1245,000,0,0,0,000,0,0,0"), ("paper_out",)),
        (zebra("030,0,1,1245,000,0,0,0,000,0,0,0"), ("paused",)),
        (zebra("030,0,0,1245,000,1,0,0,000,0,0,0"), ("buffer_full",)),
        (zebra("030,0,0,1245,000,0,0,0,000,1,0,0"), ("unrecoverable",)),
        (zebra("030,0,0,1245,000,0,0,0,000,0,0,1"), ("temperature",)),
        (zebra(second="000,0,1,1,0,2,4,0,00000000,1,000"), ("head_open", "ribbon_out")),
    ]:
        with subtests.test(reply=reply, flags=flags):
            report = parse_status("zpl", reply)
            assert report.flags == flags
            assert report.fault is (flags != ("paused",))


def test_a_zpl_answer_cut_anywhere_is_unknown() -> None:
    whole = zebra()
    for length in range(len(whole) - len(b"\r\n")):
        assert parse_status("zpl", whole[:length]) == UNKNOWN


def test_no_reply_is_unknown(subtests: pytest.Subtests) -> None:
    for language in sorted(LANGUAGES):
        with subtests.test(language=language):
            assert parse_status(language, b"") == UNKNOWN
            assert UNKNOWN.ready is None


@given(st.sampled_from(sorted(LANGUAGES)), st.binary(max_size=120))
def test_ready_and_fault_follow_from_the_flags(language: str, reply: bytes) -> None:
    report = parse_status(language, reply)
    if report.ready is None:
        assert report == UNKNOWN
    else:
        assert report.ready == (not report.flags)
        assert report.fault == bool(set(report.flags) - {"paused", "printing"})


@given(st.binary(max_size=120))
def test_garbage_is_never_a_ready_zebra(reply: bytes) -> None:
    assert parse_status("zpl", reply) == UNKNOWN
