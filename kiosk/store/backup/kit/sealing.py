"""Encrypts a recovery kit and opens it. Composed of what ``cryptography`` and Argon2 give, nothing of our own:

* to the county: a sealed box. A fresh X25519 key for each kit; its secret with the county's key goes through
  HKDF-SHA256 (RFC 5869), salted with both public keys, into a key of ChaCha20Poly1305 (RFC 8439).
* to a paper code: Argon2id (RFC 9106) of its digits under a fresh salt gives that key (`store/shared/paper_key.py`).

Either key encrypts once, so the nonce is zero. The outside of the kit is the associated data. Why, and what it does not
do: docs/decisions/recovery-kit.md.

The libraries are imported where they are used: they cost 9 MB that a station which makes no kit does not pay.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.store.backup.kit.contents import CountyKeyRequired, Kit, KitRefused, WrongPaperCode, from_bytes, to_bytes
from kiosk.store.backup.kit.envelope import KitEnvelope, KitKind
from kiosk.store.backup.shared.county_key import KEY_BYTES, CountyKey
from kiosk.store.shared.paper_key import SALT_BYTES, paper_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

_INFO: Final = b"station-kiosk: recovery kit, 1"
_NONCE: Final = bytes(12)
_SEALED: Final = "it lies as the station wrote it. The county opens it first: sorting-center kit open."


def seal_to_county(kit: Kit, county: CountyKey) -> bytes:
    """The file that lies beside a backup. Only the county's private key opens it. Raises KitRefused."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    ephemeral = X25519PrivateKey.generate()
    public = ephemeral.public_key().public_bytes_raw()
    outside = KitEnvelope(KitKind.COUNTY, kit.station, kit.region, county.name + public)
    return _encrypt(kit, outside, _shared_key(ephemeral, county.public, public, county.public))


def open_as_county(content: bytes, private: X25519PrivateKey) -> Kit:
    """Raises KitRefused for another county's kit, another kind, and for one that was changed anywhere."""
    outside = _parse_envelope(
        content, KitKind.COUNTY, "it was made for a technician's paper: kiosk restore --kit takes it."
    )
    county = CountyKey(private.public_key().public_bytes_raw())
    if outside.county_name != county.name:
        raise KitRefused(
            f"The recovery kit of {outside.station} is encrypted to another key ({outside.county_name.hex()}), not to "
            f"this one ({county.name.hex()}): take that key."
        )
    ephemeral = outside.parameters[-KEY_BYTES:]
    return _decrypt(outside, lambda: _shared_key(private, ephemeral, ephemeral, county.public))


def seal_to_code(kit: Kit, code: PaperCode) -> bytes:
    """For the technician who makes the new card: who has the file and not the paper has nothing."""
    outside = KitEnvelope(KitKind.CODE, kit.station, kit.region, os.urandom(SALT_BYTES))
    return _encrypt(kit, outside, paper_key(code, outside.parameters))


def require_paper(content: bytes) -> None:
    """Before anybody is asked for the digits: raises KitRefused when nothing on a paper opens this kit."""
    _parse_envelope(content, KitKind.CODE, _SEALED)


def open_with_paper(content: bytes, typed: str) -> Kit:
    """Raises KitRefused for a slip of the finger, a wrong code, another kind, and a kit that was changed anywhere."""
    outside = _parse_envelope(content, KitKind.CODE, _SEALED)
    try:
        code = PaperCode.parse(typed)
    except BadCode as error:
        raise KitRefused(f"These are not the digits on the paper: {error}. Nothing was changed.") from None
    return _decrypt(outside, lambda: paper_key(code, outside.parameters))


def _shared_key(own: X25519PrivateKey, other: bytes, ephemeral: bytes, county: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    secret = own.exchange(X25519PublicKey.from_public_bytes(other))
    return HKDF(SHA256(), KEY_BYTES, salt=ephemeral + county, info=_INFO).derive(secret)


def _encrypt(kit: Kit, outside: KitEnvelope, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    return outside.header + ChaCha20Poly1305(key).encrypt(_NONCE, to_bytes(kit), outside.header)


def _parse_envelope(content: bytes, kind: KitKind, otherwise: str) -> KitEnvelope:
    outside = KitEnvelope.parse(content)
    if outside.kind is not kind:
        message = f"The recovery kit of {outside.station} is not for this: {otherwise}"
        raise CountyKeyRequired(message) if outside.kind is KitKind.COUNTY else KitRefused(message)
    return outside


def _decrypt(outside: KitEnvelope, key: Callable[[], bytes]) -> Kit:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        content = ChaCha20Poly1305(key()).decrypt(_NONCE, outside.sealed, outside.header)
    except (InvalidTag, ValueError):  # ValueError: an ephemeral key that shares nothing with any other
        message = f"The recovery kit of {outside.station} does not open: "
        if outside.kind is KitKind.COUNTY:
            raise KitRefused(f"{message}it was changed.") from None
        raise WrongPaperCode(f"{message}another paper belongs to it, or it was changed.") from None
    kit = from_bytes(content)
    if (kit.station, kit.region) != (outside.station, outside.region):
        raise KitRefused(f"The recovery kit of {outside.station} holds another station: it was made by a mistake.")
    return kit
