"""What goods are called: told with offers, kept beside the reports."""

from __future__ import annotations

import pytest

from kiosk.domain.events import WordsData
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.tables.opening import recreate_tables
from kiosk.sorting_center.reports.tables.schema import NameKind
from kiosk.sorting_center.reports.tables.stamps import ReportsStamp
from tests.sorting_center.reports.ledgers import ZONE, ClockedStation, content, followed
from tests.sorting_center.station_journal import NOW, WORDS, believed

PHOTO = "ab" * 32
WALNUT = WordsData("ياڭاق", "核桃", "Walnut")


def fill(ledger: Ledger) -> None:
    station = ClockedStation()
    told = [
        station.start(),
        *(station.intake(number) for number in (1, 2)),
        station.offer(1, PHOTO, product="WALNUT", title=WordsData("كونا", "旧名", "Old name")),
        station.offer(2, PHOTO),
        station.offer(1, PHOTO, product="WALNUT", title=WALNUT, **WORDS),
        station.offer(1, PHOTO, product="WALNUT", title=WALNUT, grade_words=WordsData("", "特级", "")),
        station.offer(1, PHOTO, product="WALNUT", title=WordsData("", "", "Walnut")),
    ]
    ledger.accept(told, "shache", NOW)


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_the_newest_word_of_each_language_holds(
    ledger: Ledger, reports: Reports, follower: ReportsFollower, at_once: int
) -> None:
    fill(ledger)
    followed(follower, at_once)
    assert reports.names.of("WALNUT") == WALNUT
    assert reports.names.of("BADAM") == WordsData("بادام", "巴旦木", "Almonds")
    assert reports.names.of("CHILI") is None, "nobody has offered them"
    assert [code for code, _ in reports.names.goods()] == ["BADAM", "WALNUT"]
    assert reports.names.of("WALNUT/A", NameKind.GRADE) == WordsData("", "特级", "First")
    assert reports.names.of("SHACHE", NameKind.ORIGIN) == WordsData("يەكەن", "莎车县", "Yarkant")
    assert reports.names.of("BADAM/A", NameKind.GRADE) is reports.names.of("A", NameKind.GRADE) is None
    before = content(reports)
    with reports.tables.writing() as connection:
        recreate_tables(connection, ReportsStamp(ledger.ledger_id, ledger.generation, ZONE.key))
    followed(ReportsFollower(ledger, reports))
    assert content(reports) == before, "made again they are the same"


def test_names_of_strangers_are_short_lines_without_direction_marks(
    ledger: Ledger, reports: Reports, follower: ReportsFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = ClockedStation()
    title = WordsData("x" * 10_000, "\u202e<b>\n核\u2066桃", "\u202e\u200f\u0007")
    told = [
        station.start(),
        believed(station.offer(1, PHOTO, title=title)),
    ]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    found = reports.names.of("BADAM")
    assert found is not None and len(found.ug) == 120 and (found.zh, found.en) == ("<b> 核桃", "")
    assert [code for code, _ in reports.names.goods()] == ["BADAM"]
    monkeypatch.setattr("kiosk.sorting_center.reports.search.MAX_GOODS", 0)
    assert reports.names.goods() == []
