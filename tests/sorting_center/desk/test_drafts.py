from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.drafts import LIFETIME, RegistryDraft

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
FILE = b"region,station\nshache,S0001\n\x00\xff"


def code(desk: CenterDesk, who: str, session: str, sha256: str, now: datetime) -> str:
    with pytest.raises(Refused) as refused:
        desk.drafts.find(who, session, sha256, now)
    return refused.value.code


def test_a_file_is_kept_for_its_session_until_it_is_taken(desk: CenterDesk) -> None:
    kept = desk.drafts.store("gulnar", "word", FILE, "mark", NOW)
    assert desk.drafts.find("gulnar", "word", kept.file_sha256, NOW) == RegistryDraft(FILE, kept.file_sha256, "mark")
    for who, session, sha256 in (
        ("turdi", "word", kept.file_sha256),
        ("gulnar", "other", kept.file_sha256),
        ("gulnar", "word", "0" * 64),
    ):
        assert code(desk, who, session, sha256, NOW) == "no_draft"
    desk.drafts.discard("gulnar")
    assert code(desk, "gulnar", "word", kept.file_sha256, NOW) == "no_draft"


def test_it_is_good_for_an_hour_and_until_the_next(desk: CenterDesk) -> None:
    first = desk.drafts.store("gulnar", "word", FILE, "mark", NOW)
    assert desk.drafts.find("gulnar", "word", first.file_sha256, NOW + LIFETIME)
    later = NOW + LIFETIME + timedelta(seconds=1)
    assert code(desk, "gulnar", "word", first.file_sha256, later) == "no_draft"
    second = desk.drafts.store("gulnar", "word", b"another", "mark", NOW)
    assert code(desk, "gulnar", "word", first.file_sha256, NOW) == "no_draft"
    assert desk.drafts.find("gulnar", "word", second.file_sha256, NOW)
