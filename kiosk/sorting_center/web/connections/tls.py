"""The certificate the pages show, and its key."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 1024 * 1024
"""A certificate with its chain has some kilobytes."""


class TlsFilesError(ValueError):
    """One line that names the file and what would do."""


def tls_context(cert_file: str, key_file: str) -> ssl.SSLContext:
    """TLS 1.2 or later, HTTP/1.1; raises TlsFilesError for files that cannot be used."""
    _check(cert_file, "CERTIFICATE-----", "certificate")
    _check(key_file, "PRIVATE KEY-----", "private key")
    if _mode(key_file) & stat.S_IROTH:
        raise TlsFilesError(f"every user of this machine can read the key {key_file}: chmod o-r {key_file}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # of TLS 1.2: a client could have it done again and again
    context.set_alpn_protocols(["http/1.1"])

    def password() -> bytes:  # without one OpenSSL would ask for it on the terminal
        raise TlsFilesError(
            f"the key {key_file} is encrypted: give one without a password, readable by its owner alone"
        )

    try:
        context.load_cert_chain(cert_file, key_file, password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsFilesError(f"the key {key_file} does not belong to the certificate {cert_file}") from error
        said = (error.reason or "damaged").replace("_", " ").lower()
        raise TlsFilesError(f"{cert_file} and {key_file} cannot be used for TLS: {said}") from error
    except OSError as error:
        raise TlsFilesError(f"{cert_file} and {key_file} cannot be read: {error.strerror or error}") from error
    return context


def _check(file: str, mark: str, what: str) -> None:
    """What OpenSSL would say of it names neither the file nor what is missing."""
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TlsFilesError(f"the {what} {file} cannot be read: {said}") from error
    if mark.encode() not in text:
        raise TlsFilesError(f"{file} holds no {what} in PEM")


def _mode(file: str) -> int:
    try:
        return Path(file).stat().st_mode
    except OSError as error:
        raise TlsFilesError(f"the private key {file} cannot be read: {error.strerror}") from error
