from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.sorting_center.certificate import ReloadingCertificate
from kiosk.sorting_center.photos.listener.tls import certificate_of as of_photos
from kiosk.sorting_center.web.connections.tls import certificate_of as of_pages
from tests.messaging.authority import Authority


def looked(certificate: ReloadingCertificate, times: int = 2) -> ReloadingCertificate:
    for _ in range(times):
        certificate.reload_if_changed()
    return certificate


@pytest.mark.parametrize("of", ["pages", "photos"])
def test_a_renewed_pair_is_taken_when_it_is_whole(of: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("center", host="127.0.0.1")
    key.chmod(0o600)
    pair = str(cert), str(key)
    certificate = of_pages(*pair) if of == "pages" else of_photos(*pair, str(authority.file))
    first = certificate.context
    assert looked(certificate, 3).context is first

    authority.issue("center", host="127.0.0.1")
    assert looked(certificate, 1).context is first, "it may be half of it: nobody knows before it stands still"
    second = looked(certificate, 1).context
    assert second is not first

    with caplog.at_level(logging.ERROR):
        whole = key.read_bytes()
        authority.issue("center", host="127.0.0.1")
        new_key = key.read_bytes()
        key.write_bytes(whole)
        assert looked(certificate, 4).context is second
        key.unlink()
        assert looked(certificate, 4).context is second
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 2
    assert "does not belong to the certificate" in said[0]
    assert "cannot be read: No such file" in said[1]

    key.write_bytes(new_key)
    key.chmod(0o600)
    assert looked(certificate).context is not second
