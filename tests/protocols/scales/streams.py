"""Streams as hypothesis draws them: frames of a protocol, halves of frames, pieces that look like frames, noise."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from itertools import pairwise

from hypothesis import strategies as st

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.ports import Decoder, settled
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded
from tests.protocols.scales.golden import all_frames, frames

LONG = "KIOSK_LONG_TESTS"
"""Set by ``make fuzz``: more examples, and ten megabytes of everything for every format."""
SHOWN = st.builds(
    DisplayState,
    weight=st.builds(
        lambda number, decimals: Decimal(number).scaleb(-decimals),
        st.one_of(st.integers(-99_999, 999_999), st.integers(-99, 99)),
        st.integers(0, 4),
    ),
    unit=st.sampled_from(["kg", "g", "lb", "oz", "t"]),
    stable=st.booleans(),
    net=st.booleans(),
    overload=st.sampled_from([False, False, False, True]),
    underload=st.sampled_from([False, False, False, True]),
)


def frame_of(protocol: str, shown: DisplayState) -> bytes:
    """What the simulated indicator sends; b"" for nothing and for what the format cannot carry."""
    try:
        return registry.get(protocol).encode_frame(shown, registry.defaults(protocol))
    except ValueError:
        return b""


@cache
def _own(protocol: str) -> st.SearchStrategy[bytes]:
    golden = [frame.data for frame in frames(protocol)]
    return st.one_of(st.sampled_from(golden), SHOWN.map(lambda shown: frame_of(protocol, shown)))


@cache
def _noise() -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=30),
        st.text("0123456789+-. \r\nkgSTUOLGN,=\x02\x03\x06\x15", max_size=9).map(str.encode),
        st.sampled_from([frame.data for frame in all_frames()]),
    )


@st.composite
def streams(draw: st.DrawFn, protocol: str) -> bytes:
    """Whole and broken frames of the protocol, strewn with noise and with frames of others."""
    pieces = draw(st.lists(st.one_of(_own(protocol), _own(protocol), _noise()), max_size=10))
    return b"".join(piece[: draw(st.integers(0, len(piece)))] if draw(st.booleans()) else piece for piece in pieces)


def feed_cut(decoder: Decoder, data: bytes, cuts: Sequence[int]) -> list[Decoded]:
    """All results of the stream when it comes in calls that end at these places."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [item for at, end in pairwise(edges) for item in decoder.feed(data[at:end])] + settled(decoder)
