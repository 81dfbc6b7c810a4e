"""How a station takes a document of its county: whole or not at all, and never an older one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.store import Store
from tests.station.configuration.rig import CountyRig, document


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> CountyRig:
    return CountyRig(store, tmp_path)


def test_a_document_is_applied_and_says_so(rig: CountyRig) -> None:
    sent = document(17)
    rig.receive(sent)
    found = rig.county.in_force()
    assert found is not None
    assert (rig.version(), found.sha256, found.confirmed, rig.price()) == ("1.17", sent.sha256, True, 17)
    event = {"key": 1, "number": 17, "document_sha256": sent.sha256, "catalog_version": 2}
    assert rig.events("config.applied") == [event]
    assert not list(rig.folder.iterdir()), "parts lie in the database"
    assert rig.store.county_documents.missing(sent.parts) == []
    assert not rig.county.is_by_hand()
    assert rig.sent_events == 1
