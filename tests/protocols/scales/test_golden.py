"""Golden frames: fed whole, byte by byte, and cut at every index; golden commands; and that none is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.ports import settled
from kiosk.protocols.scales.shared.protocol import TransmissionMode
from tests.protocols.scales.format_rows import formats
from tests.protocols.scales.golden import (
    Golden,
    all_frames,
    commands,
    decode,
    files,
    frames,
    full,
    plain,
)
from tests.protocols.scales.judge import weights
from tests.protocols.scales.streams import feed_cut

_FRAMES = [(f"{frame.protocol}: {frame.name}", frame) for frame in all_frames()]
_COMMANDS = [
    (f"{protocol}: {command.name} {command.params or ''}".strip(), command)
    for protocol in sorted(files())
    for command in commands(protocol)
]
_PROTOCOLS = sorted(registry.PROTOCOLS)


def _alone(frame: Golden) -> bool:
    """Whether frames of this format never stand behind each other on one line."""
    return frame.protocol in formats() and bool(formats()[frame.protocol].alone)


def test_every_protocol_has_golden_frames() -> None:
    assert files() == set(registry.PROTOCOLS)


def test_golden_frame(subtests: pytest.Subtests) -> None:
    for name, frame in _FRAMES:
        with subtests.test(name):
            whole = decode(frame.protocol, frame.params, frame.data)
            told = plain(whole)
            assert told["readings"] == full(frame.readings)
            assert told["records"] == list(frame.records)
            assert told["rejected"] == list(frame.rejected)

            assert feed_cut(registry.decoder(frame.protocol, frame.params), frame.data, range(len(frame.data))) == whole

            for cut in range(len(frame.data) + 1):
                assert feed_cut(registry.decoder(frame.protocol, frame.params), frame.data, (cut,)) == whole


_ON_A_LINE = [(f"{frame.protocol}: {frame.name}", frame) for frame in all_frames() if not _alone(frame)]


def test_the_next_good_frame_is_read_after_any_golden_frame(subtests: pytest.Subtests) -> None:
    for name, frame in _ON_A_LINE:
        with subtests.test(name):
            good = _good_after(frame)
            decoder = registry.decoder(frame.protocol, good.params)
            decoder.feed(frame.data)
            late = formats()[frame.protocol].late
            after = [*(decoder.feed(good.data) if late else ()), *decoder.feed(good.data), *settled(decoder)]
            assert weights(plain(after))[-1:] == weights({"readings": full(good.readings)})


def _good_after(frame: Golden) -> Golden:
    """A good frame with the same parameters, or at least one of the format."""
    good = [other for other in frames(frame.protocol) if other.good]
    return next((other for other in good if other.params == frame.params), good[0])


def test_golden_command(subtests: pytest.Subtests) -> None:
    for name, command in _COMMANDS:
        with subtests.test(name):
            sent = registry.encode(command.protocol, command.name, command.params)
            assert sent.hex(" ") == command.data.hex(" ")


# --- nothing is missing -----------------------------------------------------------------------------------------------

Seen = Callable[[Golden], bool]


def _tells_tare(frame: Golden) -> bool:
    """As a record of its own, or beside the weight."""
    records = any("tare" in record["kind"] for record in frame.records)
    return records or any(reading.get("tare") is not None for reading in frame.readings)


def _says(name: str, value: object) -> Seen:
    return lambda frame: any(reading.get(name) is value for reading in frame.readings)


def _weighs(test: Callable[[str], bool]) -> Seen:
    return lambda frame: any("weight" in reading and test(reading["weight"]) for reading in frame.readings)


def _is_zero(text: str) -> bool:
    return not text.strip("0.")


ALWAYS: dict[str, Seen] = {
    "normal": _weighs(lambda text: text[0] != "-" and not _is_zero(text)),
    "negative": _weighs(lambda text: text[0] == "-"),
    "zero": _weighs(_is_zero),
    "refused": lambda frame: bool(frame.rejected),
}
BY_REPORT: dict[str, dict[str, Seen]] = {
    "weight": {},
    "unit": {"unit": lambda frame: any("unit" in reading for reading in frame.readings)},
    "stable": {"stable": _says("stable", True), "unstable": _says("stable", False)},
    "net": {"net": _says("net", True), "gross": _says("net", False)},
    "overload": {"overload": _says("overload", True)},
    "underload": {"underload": _says("underload", True)},
    "tare": {"tare": _tells_tare},
}
"""A golden frame that a format must have because of what it says it reports."""


def _needed(protocol: str) -> dict[str, Seen]:
    needed = dict(ALWAYS)
    for report in registry.get(protocol).reports:
        needed |= BY_REPORT[report]
    return needed


def test_there_is_a_golden_frame_for_everything_the_format_says(subtests: pytest.Subtests) -> None:
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            missing = {
                name for name, seen in _needed(protocol).items() if not any(seen(frame) for frame in frames(protocol))
            }
            assert missing == set(formats()[protocol].lacks)


def test_no_golden_frame_says_what_the_format_does_not_report(subtests: pytest.Subtests) -> None:
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            reports = {*registry.get(protocol).reports, "weight", "counts", "suspect"}
            default_unit = registry.get(protocol).default_unit
            for frame in frames(protocol):
                for reading in frame.readings:
                    said = {name for name, value in reading.items() if value is not None}
                    assert said - reports <= ({"unit"} if default_unit else set()), frame.name
                assert "tare" in reports or not any("tare" in record["kind"] for record in frame.records), frame.name


def _values(protocol: str, name: str) -> set[str]:
    default = registry.defaults(protocol)[name]
    rows: list[Any] = [*frames(protocol), *commands(protocol)]
    return {row.params.get(name, default) for row in rows}


_PARAMETERS = [
    (f"{protocol} {parameter.name}", protocol, parameter)
    for protocol in _PROTOCOLS
    for parameter in registry.get(protocol).parameters
]


def test_there_is_a_golden_frame_or_command_for_every_parameter_value(subtests: pytest.Subtests) -> None:
    for name, protocol, parameter in _PARAMETERS:
        with subtests.test(name):
            seen = _values(protocol, parameter.name)
            if parameter.choices:
                assert seen == {parameter.default, *parameter.choices}
            else:
                assert len(seen) >= 2, "a free value besides the default"


def test_every_command_has_a_golden_command(subtests: pytest.Subtests) -> None:
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            row = registry.get(protocol)
            assert {command.name for command in commands(protocol)} == set(row.commands)
            assert row.mode is not TransmissionMode.POLL or commands(protocol)
