"""The county's public keys as a file.

``sorting-center keys export`` writes it, the storefront serves it at ``/keys.json``, ``kiosk verify --keys`` reads it.
"""

from __future__ import annotations

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

from kiosk.base.ed25519 import is_signed_by, key_id_of
from kiosk.base.json_reader import reader
from kiosk.messaging.contract.checkpoint import parse_verifier
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


class KnownKey(NamedTuple):
    """``state`` as in `KeyRow`."""

    public: bytes
    key_id: bytes
    state: str


class KeyRing:
    """The same, to look keys up by their station. Raises ValueError. ``log``: names and keys of its lines."""

    def __init__(self, keys: PublicKeys) -> None:
        self.source = keys
        self.region, self.voids = keys.region, frozenset(keys.voids)
        self.log = [parse_verifier(line) for line in keys.log]
        self._rows: dict[str, list[KnownKey]] = defaultdict(list)
        for row in keys.keys:
            public = b64decode(row.public)
            self._rows[row.station].append(KnownKey(public, key_id_of(public), row.state))

    def of(self, station: str, region: object) -> Sequence[KnownKey]:
        """Return the station's keys; none for another region."""
        return self._rows.get(station, ()) if region == self.region else ()


def signer_of(keys: Iterable[KnownKey], message: bytes, signature: bytes) -> KnownKey | None:
    """Find the key that signed. Two keys may have the same id, so each is tried."""
    return next((key for key in keys if is_signed_by(key.public, message, signature)), None)
