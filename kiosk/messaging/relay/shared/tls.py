"""TLS to the broker: always with the broker's certificate and name checked, there is no switch to turn that off."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.messaging.relay.shared.settings import RelaySettings


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho leaves it open, one more at every attempt of a bad week."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(settings: RelaySettings) -> ssl.SSLContext:
    """The context for ``mqtts``; raises OSError naming the file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _ClosingSocket
    if settings.ca_file is None:
        context.load_default_certs()
    else:
        # Only the named authority: a broker of this county has no business being vouched for by anybody else.
        with _name_files_in_errors(settings.ca_file):
            context.load_verify_locations(settings.ca_file)
    if settings.cert_file is not None and settings.key_file is not None:
        with _name_files_in_errors(settings.cert_file, settings.key_file):
            context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


@contextmanager
def _name_files_in_errors(*files: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"{' and '.join(map(str, files))} cannot be used for TLS: {error}") from error
