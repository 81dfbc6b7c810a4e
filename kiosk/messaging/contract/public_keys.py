"""The county's public keys as a file.

``sorting-center keys export`` writes it, the storefront serves it at ``/keys.json``, ``kiosk verify --keys`` reads it.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from kiosk.base.json_reader import reader
from kiosk.messaging.contract.configuration import KeyRow


class PublicKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``keys``: of the stations. ``voids``: receipts that are void. ``log``: the lines by which checkpoints of the
    county's log are checked (C2SP note verifier keys), one for each generation of its key.
    """

    region: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,16}\Z")]
    keys: Annotated[tuple[KeyRow, ...], msgspec.Meta(max_length=200_000)] = ()
    voids: Annotated[tuple[str, ...], msgspec.Meta(max_length=1_000_000)] = ()
    log: Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)] = ()

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


# Raises Unreadable.
parse_public_keys: Final = reader(msgspec.json.Decoder(PublicKeys))
