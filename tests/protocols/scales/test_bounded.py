"""Streams without an end: memory stays flat, and what is kept stays small."""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.reading import Reading
from tests.protocols.scales.golden import decode
from tests.protocols.scales.judge import good_frames
from tests.protocols.scales.streams import LONG

_PROTOCOLS = sorted(registry.PROTOCOLS)
MEGABYTES = 10 if os.environ.get(LONG) else 4
MOST_KEPT = 4096


def engine(protocol: str) -> str:
    """The class that cuts this format's stream."""
    return type(registry.decoder(protocol, {})).__name__


def _long_ones() -> list[str]:
    first: dict[str, str] = {}
    for protocol in registry.PROTOCOLS:
        first.setdefault(engine(protocol), protocol)
    return _PROTOCOLS if os.environ.get(LONG) else sorted(first.values())


def endless(protocol: str, size: int) -> Iterator[tuple[str, bytes]]:
    """Blocks of which any number in a row never makes a frame: fillers, and frames broken off again and again."""
    frame = good_frames(protocol, {})[0]
    fillers = (
        ("noise", b"\xf0" * size),
        ("zeros behind a start", frame[:1] + b"0" * size),
        ("one byte again", frame[1:2] * size),
    )
    for name, block in fillers:
        if not any(isinstance(item, Reading) for item in decode(protocol, {}, block[:20_000])):
            yield name, block[:size]
    half = frame[: len(frame) // 2]
    if not any(isinstance(item, Reading) for item in decode(protocol, {}, half * 100)):
        yield "halves", (half * (size // len(half) + 1))[:size]


def kept(decoder: object) -> int:
    """Bytes of text and of containers in the decoder's own attributes, and in those of what it wraps."""
    names = {*getattr(decoder, "__dict__", {}), *getattr(type(decoder), "__slots__", ())}
    total = 0
    for value in (getattr(decoder, name) for name in names):
        if isinstance(value, (bytes, bytearray, list, dict, tuple, set)):
            total += sys.getsizeof(value)
        elif hasattr(value, "feed"):
            total += kept(value)
    return total


def test_what_a_decoder_keeps_is_seen(subtests: pytest.Subtests) -> None:
    """So that the bound below is not one on nothing."""
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            assert kept(registry.decoder(protocol, {})) > 0


def test_what_a_decoder_keeps_is_small_whatever_came(subtests: pytest.Subtests) -> None:
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            for name, block in endless(protocol, 40_000):
                decoder = registry.decoder(protocol, {})
                for at in range(0, len(block), 977):
                    decoder.feed(block[at : at + 977])
                    assert kept(decoder) <= MOST_KEPT, name


def test_a_call_with_much_does_not_double_it(subtests: pytest.Subtests) -> None:
    """What it found may be kept, nothing else; to some formats any bytes are frames."""
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            size = 10_000_000 if os.environ.get(LONG) else 1_000_000
            data, decoder = b"\xf0" * size, registry.decoder(protocol, {})
            tracemalloc.start()
            try:
                found = decoder.feed(data[:20_000])
                data = data if len(found) < 10 else data[:100_000]
                found = decoder.feed(data)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 200_000 + 1_500 * len(found)


def taken_for(decoder: Decoder, block: bytes, megabytes: float, piece: int) -> float:
    """Seconds of the processor a megabyte, so that what else the machine does does not count."""
    fed, begun = 0, time.process_time()
    while fed < megabytes * 1_000_000:
        for at in range(0, len(block), piece):
            decoder.feed(block[at : at + piece])
        fed += len(block)
    return (time.process_time() - begun) / (fed / 1_000_000)


def test_megabytes_without_an_end_stay_flat_and_no_byte_costs_more_than_the_first(subtests: pytest.Subtests) -> None:
    """Frames broken off again and again are one megabyte unless asked for more: they are the slow ones.

    Whatever looked anew at what came before would cost sixteen times as much for a piece sixteen times as long.
    """
    for protocol in _long_ones():
        with subtests.test(protocol=protocol):
            for name, block in endless(protocol, 65_536):
                megabytes = 1 if name == "halves" and not os.environ.get(LONG) else MEGABYTES
                first = taken_for(registry.decoder(protocol, {}), block, 0.25, 4_096)
                decoder = registry.decoder(protocol, {})
                assert taken_for(decoder, block, megabytes, len(block)) < 8 * first + 0.1, name
                assert kept(decoder) <= MOST_KEPT, name


def test_memory_is_flat_over_many_calls(subtests: pytest.Subtests) -> None:
    def holds(protocol: str) -> None:
        for name, block in endless(protocol, 4_096):
            decoder = registry.decoder(protocol, {})
            assert (
                _peak(lambda fed, block=block: [None for _ in range(24) if not fed.feed(block)], decoder) < 400_000
            ), name

    for protocol in _long_ones():
        with subtests.test(protocol=protocol):
            holds(protocol)


def _peak(feed: Callable[[Decoder], object], decoder: Decoder) -> int:
    """Bytes held at most while this was fed, over what was held before."""
    tracemalloc.start()
    try:
        feed(decoder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
