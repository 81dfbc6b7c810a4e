"""Whether a document or a request was signed by this county's configuration key, which its authority has certified.

Loads cryptography: in a process of its own, ``python -m kiosk.station.configuration.signature``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk.domain.configuration import RefusalReason
from kiosk.messaging.contract.configuration import (
    BadConfiguration,
    ConfigurationDocument,
    from_base64,
    parse_document,
)
from kiosk.messaging.contract.station_request import StationRequest, parse_request


def check_signature(document: ConfigurationDocument | StationRequest, authority: bytes) -> RefusalReason | None:
    """Verify the signature; None when it is good. ``authority``: the county's certificates, PEM. Their dates are
    ignored: a station's clock may be in 1970, and a key that must not be used any more is replaced by the next
    generation.
    """
    try:
        certificate = x509.load_der_x509_certificate(from_base64(document.certificate))
        signature = from_base64(document.signature)
        roots = x509.load_pem_x509_certificates(authority)
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, BadConfiguration, x509.ExtensionNotFound):
        return RefusalReason.SIGNATURE
    if not any(_is_issued_by(certificate, root) for root in roots):
        return RefusalReason.OTHER_COUNTY
    expected = {
        NameOID.SERIAL_NUMBER: str(document.version[0]),
        NameOID.COMMON_NAME: "configuration",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "configuration",
        NameOID.ORGANIZATION_NAME: document.region,
    }
    key = certificate.public_key()
    if {row.oid: row.value for row in certificate.subject} != expected or ExtendedKeyUsageOID.CODE_SIGNING not in uses:
        return RefusalReason.SIGNATURE
    if not isinstance(key, Ed25519PublicKey):
        return RefusalReason.SIGNATURE
    try:
        key.verify(signature, document.signed_bytes())
    except InvalidSignature:
        return RefusalReason.SIGNATURE
    return None


def _is_issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def main(arguments: list[str]) -> int:
    """Check ``DOCUMENT AUTHORITY`` (or a request as DOCUMENT); print the reason of a refusal, or an empty line."""
    document, authority = (Path(name).read_bytes() for name in arguments)
    sys.stdout.write(f"{check_signature(_parse(document), authority) or ''}\n")
    return 0


def _parse(content: bytes) -> ConfigurationDocument | StationRequest:
    """Parse a document or a request. No bytes are both: their fields differ, and unknown fields are refused."""
    try:
        return parse_document(content)
    except BadConfiguration:
        return parse_request(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
