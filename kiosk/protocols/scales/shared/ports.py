"""What reads the bytes of one line."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from kiosk.protocols.scales.shared.reading import Decoded


class Decoder(Protocol):
    """Bytes of one line in, frozen results out; keeps at most a few kilobytes.

    However the bytes are cut into calls, the results joined together are the same.
    """

    def feed(self, data: bytes) -> list[Decoded]:
        """Take the next bytes; an incomplete frame at the end is kept, never reported."""


@runtime_checkable
class SettlingDecoder(Decoder, Protocol):
    """A decoder that keeps a whole frame back until it has seen the byte behind it."""

    def settle(self) -> list[Decoded]:
        """Return the frame kept back, when no byte follows it; an incomplete one is dropped."""


def settled(decoder: Decoder) -> list[Decoded]:
    """Return what is kept back now that nothing more comes."""
    return decoder.settle() if isinstance(decoder, SettlingDecoder) else []
