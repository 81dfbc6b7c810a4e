"""How update bundles travel from the sorting center to stations: what both ends of the updates lane agree on.

The list and the bytes are requested below ``/updates/{station}``, on the port of the photos lane.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader

MAX_OFFERS: Final = 8
MAX_LIST_BYTES: Final = 16 * 1024  # Eight offers have some 3 KB
MAX_BUNDLE_BYTES: Final = 513 * 1024 * 1024  # A payload of 512 MB, its manifest and its head

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class UpdateOffer(msgspec.Struct, frozen=True):
    """One bundle that the center has: what its signed manifest says, and size and SHA-256 of the whole file.

    ``libraries`` is the SHA-256 of the lock that the release needs; ``brings_libraries``: they are in it.
    """

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}(?:\+[0-9a-z]{1,40})?\Z")]
    architecture: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,16}\Z")]
    python: Annotated[str, msgspec.Meta(pattern=r"^3\.[0-9]{1,2}\Z")]
    libraries: Sha256
    brings_libraries: bool
    size_bytes: Annotated[int, msgspec.Meta(gt=0, le=MAX_BUNDLE_BYTES)]
    sha256: Sha256


class UpdateOffers(msgspec.Struct, frozen=True):
    """All that one station may take."""

    offers: Annotated[tuple[UpdateOffer, ...], msgspec.Meta(max_length=MAX_OFFERS)]


_offers: Final = reader(msgspec.json.Decoder(UpdateOffers))


def parse_offers(raw: bytes) -> tuple[UpdateOffer, ...]:
    """Parse the list. Raises ValueError for anything else."""
    if len(raw) > MAX_LIST_BYTES:
        raise ValueError("a list of updates is not so long")
    try:
        return _offers(raw).offers
    except Unreadable as error:
        raise ValueError(f"this is no list of updates ({error})") from error
