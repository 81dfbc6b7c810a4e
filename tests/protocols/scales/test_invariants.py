"""Properties that hold for every format and every byte sequence; two formats against a second, slower judge."""

from __future__ import annotations

import os
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.numbers import to_text
from kiosk.protocols.scales.shared.protocol import DisplayState, TransmissionMode
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected
from tests.depth import many
from tests.protocols.scales.golden import decode, frames, plain
from tests.protocols.scales.judge import SHOWN as DISPLAYS
from tests.protocols.scales.judge import weights
from tests.protocols.scales.streams import LONG, SHOWN, feed_cut, frame_of, streams

_PROTOCOLS = sorted(registry.PROTOCOLS)
_each = pytest.mark.parametrize("protocol", _PROTOCOLS)
LONGER = 30 if os.environ.get(LONG) else 1
"""How many times as many examples ``make fuzz`` tries."""
_CUTS = st.lists(st.integers(0, 500), max_size=6)


def sound(item: Decoded, data: bytes) -> None:
    """What every single result keeps, whatever the bytes."""
    assert isinstance(item, (Reading, Record, Rejected))
    assert item.raw in data, "raw bytes that never came"
    if isinstance(item, Reading):
        if item.overload or item.underload:
            assert item.weight is None, "a weight out of range"
            assert not (item.overload and item.underload)
        elif item.weight is None:
            assert item.counts is not None or item.stable is False, "a reading that says nothing"
        else:
            assert item.weight.is_finite()
            assert item.weight or not item.weight.is_signed(), "minus zero"


@_each
@settings(max_examples=many(12, torture=200) * LONGER, deadline=None)
@given(st.data())
def test_cutting_the_stream_changes_nothing_and_every_result_is_sound(protocol: str, data: st.DataObject) -> None:
    stream, cuts = data.draw(streams(protocol)), data.draw(_CUTS)
    params = data.draw(st.sampled_from([frame.params for frame in frames(protocol)]))
    whole = decode(protocol, params, stream)
    assert feed_cut(registry.decoder(protocol, params), stream, cuts) == whole
    assert feed_cut(registry.decoder(protocol, params), stream, range(len(stream))) == whole
    seen = bytes(byte & 0x7F for byte in stream) if params.get("strip_parity") == "true" else stream
    for item in whole:
        sound(item, seen)


@_each
@settings(max_examples=many(12, torture=200) * LONGER, deadline=None)
@given(noise=st.binary(max_size=400))
def test_noise_is_silence_or_rejections_or_what_it_says(protocol: str, noise: bytes) -> None:
    for item in decode(protocol, {}, noise):
        sound(item, noise)
        if isinstance(item, Reading):
            assert decode(protocol, {}, item.raw) in ([item], []), "its bytes alone say something else"


@_each
@settings(max_examples=many(12, torture=200) * LONGER, deadline=None)
@given(shown=SHOWN)
def test_a_frame_comes_back_as_it_was_shown(protocol: str, shown: DisplayState) -> None:
    frame = frame_of(protocol, shown)
    decoded = decode(protocol, {}, frame)
    if not frame:
        assert decoded == []
        return
    assert len(decoded) == 1, decoded
    _compare(protocol, shown, decoded[0])


def _compare(protocol: str, shown: DisplayState, item: Decoded) -> None:
    """The weight to its last decimal, and every flag as far as the format says it."""
    if not isinstance(item, Reading):
        assert isinstance(item, Rejected), "a tare or a message for a display"
        assert shown.overload or shown.underload or not shown.stable, f"refused: {item.reason}"
        return
    if shown.overload or shown.underload:
        assert item.weight is None, "a weight that is out of range"
    if item.weight is None:
        _compare_range(protocol, shown, item)
        return
    assert to_text(item.weight) == to_text(shown.weight + 0 if shown.weight else abs(shown.weight))
    told = {"unit": shown.unit, "stable": shown.stable, "net": shown.net}
    for name, value in told.items():
        assert getattr(item, name) in (value, None) or (name == "unit" and item.unit == _fixed_unit(protocol)), name


def _compare_range(protocol: str, shown: DisplayState, item: Reading) -> None:
    reports = registry.get(protocol).reports
    if shown.underload and not shown.overload and "underload" in reports:
        assert item.underload
    if shown.overload and not shown.underload and "overload" in reports:
        assert item.overload
    assert item.overload or item.underload or item.counts is not None or (item.stable is False and not shown.stable)


def _fixed_unit(protocol: str) -> str | None:
    return registry.get(protocol).default_unit


def test_the_simulated_indicator_can_show_a_weight(subtests: pytest.Subtests) -> None:
    """So that the test above is not silent about a builder that refuses everything."""
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            carried = [shown for shown in DISPLAYS if frame_of(protocol, shown)]
            assert carried
            assert any(weights(plain(decode(protocol, {}, frame_of(protocol, shown)))) for shown in carried)


def test_every_step_of_a_question_is_answered_as_the_row_says(subtests: pytest.Subtests) -> None:
    for protocol in [name for name in _PROTOCOLS if registry.get(name).mode is TransmissionMode.POLL]:
        with subtests.test(protocol=protocol):
            row, params = registry.get(protocol), registry.defaults(protocol)
            assert row.poll is not None
            shown = next(shown for shown in DISPLAYS if frame_of(protocol, shown) and shown.stable)
            for step in row.poll.steps:
                answer = row.respond(step, shown, params) if row.respond else row.encode_frame(shown, params)
                decoded = registry.decoder(protocol, {}).feed(answer)
                kinds = (Record,) if step != row.poll.steps[-1] else (Reading,)
                assert decoded, f"{step} is not answered"
                assert isinstance(decoded[-1], kinds)


def test_the_answer_to_any_command_can_be_read(subtests: pytest.Subtests) -> None:
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            row, params = registry.get(protocol), registry.defaults(protocol)
            for name in row.commands if row.respond is not None else ():
                assert row.respond is not None
                for shown in DISPLAYS:
                    if frame_of(protocol, shown):
                        answer = row.respond(name, shown, params)
                        assert bool(decode(protocol, {}, answer)) == bool(answer), f"{name}: {answer.hex(' ')}"


# --- against a second judge -------------------------------------------------------------------------------------------


def _tf0_value(frame: bytes) -> Decimal | None:
    """What a 12-byte window says when every rule of the manual holds for it, one by one."""
    check = 0
    for byte in frame[1:9]:
        check ^= byte
    nibbles = [n + (0x30 if n <= 9 else 0x37) for n in (check >> 4, check & 15)]
    digits = [byte - 0x30 for byte in frame[2:8]]
    if (frame[0], frame[11]) != (2, 3) or [*frame[9:11]] != nibbles or frame[1] not in (0x2B, 0x2D):
        return None
    if any(not 0 <= digit <= 9 for digit in digits) or not 0 <= frame[8] - 0x30 <= 4:
        return None
    number = sum(digit * 10**place for place, digit in enumerate(reversed(digits)))
    return Decimal(-number if frame[1] == 0x2D else number).scaleb(0x30 - frame[8])


def _csv_value(line: bytes) -> Decimal | None:
    """The number of a line: all digits and the point of what stands between the type and the unit."""
    match = re.search(rb"^(?:\d\d)?(?:ST|US|QT),(?:GS|NT|G|N),?([^A-Za-z,]+),? *(?:kg|g|lb|oz|t|pcs?) *$", line, re.I)
    if match is None or re.search(rb"[0-9.] +[0-9.]", match[1]):
        return None
    return Decimal(match[1].replace(b" ", b"").decode("ascii"))


@settings(max_examples=many(100, torture=900), deadline=None)
@given(streams("xk3190_tf0"))
def test_every_tf0_weight_stands_in_a_valid_frame_of_the_stream(data: bytes) -> None:
    for item in decode("xk3190_tf0", {}, data):
        if isinstance(item, Reading):
            assert item.weight is not None
            assert item.weight == _tf0_value(item.raw)


@settings(max_examples=many(100, torture=900), deadline=None)
@given(streams("st_gs_csv"))
def test_every_text_weight_stands_in_a_valid_line_of_the_stream(data: bytes) -> None:
    for item in decode("st_gs_csv", {}, data):
        if isinstance(item, Reading) and item.weight is not None:
            assert item.weight == _csv_value(item.raw)
        elif isinstance(item, Reading):
            assert (item.overload, item.underload) in [(True, False), (False, True)]


@settings(max_examples=many(80, torture=600), deadline=None)
@given(SHOWN)
def test_a_text_frame_says_everything_that_was_shown(shown: DisplayState) -> None:
    (reading,) = decode("st_gs_csv", {}, frame_of("st_gs_csv", shown))
    assert isinstance(reading, Reading)
    assert reading.net is shown.net
    if reading.weight is not None:
        assert (reading.weight, reading.unit, reading.stable) == (shown.weight, shown.unit, shown.stable)
