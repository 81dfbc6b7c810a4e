"""One fuzz target per decoding engine: any bytes, any cuts, any parameters; the properties of the conformance kit.

The first bytes of an input choose a format of the engine, a set of its parameters and where the stream is cut; the
rest is what comes from the line. A target returns for every input and raises AssertionError for a broken property.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.numbers import to_text
from kiosk.protocols.scales.shared.ports import settled
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected
from tests.protocols.scales.golden import frames

HEAD = 4
"""Bytes of an input that choose: format, parameters, two cuts."""
Target = Callable[[bytes], None]
ParameterSets = tuple[dict[str, str], ...]


def engine_of(protocol: str) -> str:
    """The class that cuts the format's stream."""
    return type(registry.decoder(protocol, {})).__name__


def engines() -> dict[str, tuple[str, ...]]:
    """Every engine and the formats it decodes, in the order of the registry."""
    found: dict[str, list[str]] = {}
    for protocol in registry.PROTOCOLS:
        found.setdefault(engine_of(protocol), []).append(protocol)
    return {name: tuple(protocols) for name, protocols in sorted(found.items())}


def parameter_sets(protocol: str) -> ParameterSets:
    """Every set of parameters that a golden frame has; none at all first."""
    sets: list[dict[str, str]] = [{}]
    for frame in frames(protocol):
        if frame.params not in sets:
            sets.append(frame.params)
    return tuple(sets)


def seeds(engine: str) -> Iterator[bytes]:
    """Golden frames of the engine's formats, as inputs of its target."""
    for at, protocol in enumerate(engines()[engine]):
        for frame in frames(protocol):
            yield bytes((at, parameter_sets(protocol).index(frame.params), len(frame.data) // 2, 0)) + frame.data


def target(engine: str) -> Target:
    """The function an input is given to."""
    protocols = engines()[engine]
    sets = {protocol: parameter_sets(protocol) for protocol in protocols}

    def run(data: bytes) -> None:
        if len(data) < HEAD:
            return
        protocol = protocols[data[0] % len(protocols)]
        params = sets[protocol][data[1] % len(sets[protocol])]
        check(protocol, params, data[HEAD:], (data[2], data[3]))

    return run


def check(protocol: str, params: dict[str, str], stream: bytes, cuts: tuple[int, int]) -> None:
    """All properties of one stream."""
    whole = registry.read(protocol, params, stream)
    first, second = sorted(cut % (len(stream) + 1) for cut in cuts)
    pieces = (stream[:first], stream[first:second], stream[second:])
    decoder = registry.decoder(protocol, params)
    found = [item for piece in pieces for item in decoder.feed(piece)]
    assert found + settled(decoder) == whole, "the cuts change the results"
    seen = bytes(byte & 0x7F for byte in stream) if params.get("strip_parity") == "true" else stream
    place = 0
    for item in whole:
        place = _sound(item, seen, place)


def _sound(item: Decoded, seen: bytes, place: int) -> int:
    """Raw bytes stand in the stream, in the order of the results; a reading is a weight or says why it is none."""
    assert isinstance(item, (Reading, Record, Rejected))
    found = seen.find(item.raw, place)
    assert found >= 0, "raw bytes that did not come, or out of order"
    if isinstance(item, Reading):
        out_of_range = bool(item.overload or item.underload)
        assert not (out_of_range and item.weight is not None), "a weight out of range"
        says = out_of_range or item.weight is not None or item.counts is not None or item.stable is False
        assert says, "a reading that says nothing"
        if item.weight is not None:
            text = to_text(item.weight)
            assert text.strip("-0123456789.") == "", "no decimal text"
            assert item.weight or text[0] != "-", "minus zero"
    return found
