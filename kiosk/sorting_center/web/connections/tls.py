"""The certificate the pages show, and its key."""

from __future__ import annotations

import ssl
import stat
from functools import partial
from pathlib import Path

from kiosk.sorting_center.certificate import ReloadingCertificate, TlsFilesError, load_pair


def certificate_of(cert_file: str, key_file: str) -> ReloadingCertificate:
    """Raises TlsFilesError for files that cannot be used."""
    return ReloadingCertificate((cert_file, key_file), partial(tls_context, cert_file, key_file))


def tls_context(cert_file: str, key_file: str) -> ssl.SSLContext:
    """TLS 1.2 or later, HTTP/1.1; raises TlsFilesError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # of TLS 1.2: a client could have it done again and again
    context.set_alpn_protocols(["http/1.1"])
    load_pair(context, cert_file, key_file)
    if _mode(key_file) & stat.S_IROTH:
        raise TlsFilesError(f"every user of this machine can read the key {key_file}: chmod o-r {key_file}")
    return context


def _mode(file: str) -> int:
    try:
        return Path(file).stat().st_mode
    except OSError as error:
        raise TlsFilesError(f"the private key {file} cannot be read: {error.strerror}") from error
