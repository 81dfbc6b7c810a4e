"""Whether a certificate is that of a station, and its key the other half. Loads cryptography: not for the station."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID


class BadCertificate(ValueError):
    """The broker would refuse it; the text says why."""


class BadPrivateKey(BadCertificate):
    """It is not the other half of the certificate, or cannot be used by itself."""


def check_certificate(station: str, certificate: str, now: datetime | None = None) -> None:
    """Raise BadCertificate if unreadable, another station's, or ended by ``now`` (a new box has no clock for it)."""
    try:
        read = x509.load_pem_x509_certificate(certificate.encode("ascii", "replace"))
    except ValueError as error:
        raise BadCertificate(f"the certificate cannot be read: {error}") from error
    names = [str(row.value) for row in read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [station]:
        raise BadCertificate(f"the certificate has the common name {', '.join(names)!r}, not {station!r}")
    if now is not None and read.not_valid_after_utc <= now:
        raise BadCertificate(f"the certificate has ended on {read.not_valid_after_utc:%Y-%m-%d}")


def check_key(certificate: str, key: str) -> None:
    """Raise BadCertificate unless the private key belongs to the certificate and has no password."""
    try:
        private = load_pem_private_key(key.encode("ascii", "replace"), password=None)
        public = x509.load_pem_x509_certificate(certificate.encode("ascii", "replace")).public_key()
    except TypeError:
        raise BadPrivateKey("the key has a password: nobody is there to type it at each start") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadPrivateKey("the key or the certificate cannot be read") from None
    halves = [
        one.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for one in (private.public_key(), public)
    ]
    if halves[0] != halves[1]:
        raise BadPrivateKey("the key is not that of the certificate")


def check_authority(authority: str) -> None:
    """Raise BadCertificate unless each certificate in it can be read."""
    try:
        x509.load_pem_x509_certificates(authority.encode("ascii", "replace"))
    except ValueError as error:
        raise BadCertificate(f"the authority cannot be read: {error}") from error
