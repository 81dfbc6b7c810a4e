"""What every scanner adapter does with what it heard."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.devices.camera.wire import MAX_CODE
from kiosk.devices.scanner.keys import KeyDecoder
from kiosk.devices.scanner.report import MAX_BURST_SCANS, MISSING, OK, RECOVERY_S, ScanReporter
from kiosk.devices.scanner.serial import LineDecoder
from kiosk.protocols.barcodes.hid_pos import ReportDecoder, read_descriptor
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.protocols.barcodes.scan import MAX_NAMED_LENGTH
from kiosk.simulators.scanner.hid_pos import DESCRIPTOR, reports
from kiosk.simulators.scanner.typing import typed
from tests.depth import many
from tests.station.hardware import Heard
from tests.station.papers_signed import paper


@given(st.binary(max_size=300))
@settings(max_examples=many(80, torture=600), deadline=None)
def test_nothing_but_printable_ascii_and_gs_ever_passes(line: bytes) -> None:
    heard, refused = Heard(), Heard()
    ScanReporter(heard, clock=lambda: 0.0, on_refused=refused).scan(line)
    allowed = {0x1D, *range(0x20, 0x7F)}
    fits = len(line) <= MAX_NAMED_LENGTH and set(line) <= allowed
    assert heard.told == ([line.decode("ascii")] if line and fits else [])
    assert len(refused.told) == (0 if fits else 1)


def _heard(adapter: str, text: str) -> list[str | ScanRefusal]:
    """What comes of a text that a scanner of this kind sends."""
    heard, refused = Heard(), Heard()
    report = ScanReporter(heard, clock=lambda: 0.0, on_refused=refused)
    if adapter == "keys":
        found = [(scan.text.encode(), scan.refused) for scan in KeyDecoder().feed(typed(text), 0.0)]
    elif adapter == "serial":
        found = [(line.data, line.refused) for line in LineDecoder().feed(text.encode() + b"\r", 0.0)]
    elif adapter == "hid_pos":
        decoder = ReportDecoder(read_descriptor(DESCRIPTOR))
        scans = (scan for piece in reports(text.encode()) for scan in decoder.feed(piece, 0.0))
        found = [(scan.code, scan.refused) for scan in scans]
    else:
        found = [(text[:MAX_CODE].encode(), None)]
    for data, refusal in found:
        if refusal:
            report.refused(refusal)
        else:
            report.scan(data)
    return heard.told + refused.told


def test_the_long_code_of_a_receipt_passes_and_nothing_else_of_that_length(subtests: pytest.Subtests) -> None:
    """600 digits behind the longest host and port there may be, with and without the identifier of its symbology."""
    longest = f"https://{'a' * 40}:65535/s#{'1' * 600}"
    for adapter in ("keys", "serial", "hid_pos", "camera"):
        for text in (paper(), f"]Q1{paper()}", longest, f"]Q1{longest}"):
            with subtests.test(adapter=adapter, length=len(text)):
                assert _heard(adapter, text) == [text]
        for text in (f"{longest}{'1' * 40}", "9" * 300, f"https://a.cn/t#{'1' * 300}", f"x{paper()}"):
            with subtests.test(adapter=adapter, length=len(text)):
                assert _heard(adapter, text) == [ScanRefusal.TOO_LONG]


def test_a_state_is_told_when_it_changes() -> None:
    states = Heard()
    delivery = ScanReporter(Heard(), states)
    for word in (OK, OK, MISSING, MISSING, OK):
        delivery.state(word)
    assert states.told == [OK, MISSING, OK]


def test_nothing_of_a_refused_scan_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    delivery = ScanReporter(heard, Heard(), lambda: 0.0)
    with caplog.at_level(logging.INFO):
        for line in (b"", b"13812345678\x1b", b"1" * (MAX_NAMED_LENGTH + 1)):
            delivery.scan(line)
    assert heard.told == []
    assert [record.getMessage() for record in caplog.records] == [
        "a scan was refused: its 12 bytes hold control characters",
        "a scan was refused: it is longer than 256 characters",
    ]


def test_ten_thousand_scans_in_a_second_are_told_once_and_the_next_hand_is_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard, refused, now = Heard(), Heard(), [100.0]
    reporter = ScanReporter(heard, clock=lambda: now[0], on_refused=refused)
    for number in range(10_000):
        now[0] += 0.0001
        reporter.scan(b"%05d" % number)
    for _ in range(1000):
        reporter.scan(b"\x1b")
    assert len(heard.told) <= MAX_BURST_SCANS + 2
    assert refused.told == [ScanRefusal.TOO_FAST]
    assert len(caplog.records) <= len(ScanRefusal)
    now[0] += RECOVERY_S - 0.01
    reporter.scan(b"EARLY")
    now[0] += RECOVERY_S
    reporter.scan(b"LATER")
    assert heard.told[-1] == "LATER"
    assert "EARLY" not in heard.told


def test_what_a_cordless_scanner_kept_and_what_a_serial_line_brings_is_not_too_fast() -> None:
    heard, refused, now = Heard(), Heard(), [0.0]
    reporter = ScanReporter(heard, clock=lambda: now[0], on_refused=refused)
    for number in range(int(MAX_BURST_SCANS)):
        reporter.scan(b"KEPT%d" % number)
    now[0] = 60.0
    for number in range(2000):
        now[0] += 0.02
        reporter.scan(b"LINE%d" % number)
    assert (len(heard.told), refused.told) == (MAX_BURST_SCANS + 2000, [])
