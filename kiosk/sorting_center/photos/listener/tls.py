"""TLS of the photos listener: a station shows its certificate, and the common name of that is who it is."""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any

from kiosk.domain.identifiers import BadIdentifier, check_station
from kiosk.sorting_center.certificate import ReloadingCertificate, TlsFilesError, check_pem, load_pair, openssl_message


def certificate_of(cert: str, key: str, ca: str) -> ReloadingCertificate:
    """Raises TlsFilesError for files that cannot be used."""
    return ReloadingCertificate((cert, key, ca), partial(_context, cert, key, ca))


def _context(cert: str, key: str, ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    # A session that is taken up again would outlive the certificate it began with.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    load_pair(context, cert, key)
    check_pem(ca, "CERTIFICATE-----", "certificate")
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise TlsFilesError(f"{ca} cannot be used for TLS: {openssl_message(error)}") from error
    except OSError as error:
        raise TlsFilesError(f"the certificate {ca} cannot be read: {error.strerror or error}") from error
    return context


def station_of(sock: ssl.SSLSocket) -> str | None:
    """By the certificate that was checked in the handshake; None where its common name is no station's."""
    certificate: Any = sock.getpeercert() or {}
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    try:
        return check_station(str(names[0])) if len(names) == 1 else None
    except BadIdentifier:
        return None
