"""How the sorting center checks a broker's certificate, and shows its own."""

from __future__ import annotations

import ssl

from kiosk.sorting_center.ingest.shared.address import BrokerAddress


def tls_context(address: BrokerAddress) -> ssl.SSLContext:
    """Raises OSError for files that cannot be read or do not fit."""
    context = ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if address.cert_file is not None:
        context.load_cert_chain(address.cert_file, address.key_file)
    return context
