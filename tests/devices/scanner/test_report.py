"""What every scanner adapter does with what it heard."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.devices.scanner.report import MAX_SCAN, MISSING, OK, ScanReporter
from tests.depth import many
from tests.station.hardware import Heard


@given(st.binary(max_size=300))
@settings(max_examples=many(80, torture=600), deadline=None)
def test_nothing_but_printable_ascii_and_gs_ever_passes(line: bytes) -> None:
    heard, refused = Heard(), Heard()
    ScanReporter(heard, clock=lambda: 0.0, on_refused=refused).scan(line)
    allowed = {0x1D, *range(0x20, 0x7F)}
    fits = len(line) <= MAX_SCAN and set(line) <= allowed
    assert heard.told == ([line.decode("ascii")] if line and fits else [])
    assert len(refused.told) == (0 if fits else 1)


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
        for line in (b"", b"13812345678\x1b", b"1" * (MAX_SCAN + 1)):
            delivery.scan(line)
    assert heard.told == []
    assert [record.getMessage() for record in caplog.records] == [
        "a scan was refused: its 12 bytes hold control characters",
        "a scan was refused: it is longer than 256 characters",
    ]
