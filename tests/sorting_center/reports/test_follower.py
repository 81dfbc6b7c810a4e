from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, delete
from sqlalchemy.exc import OperationalError

from kiosk.sorting_center.followers.feed_follower import follower_worker
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.ledger.care.archive import archive
from kiosk.sorting_center.ledger.database.opening import open_shared
from kiosk.sorting_center.ledger.database.schema import event, intake
from kiosk.sorting_center.reports import Reports, ReportScope, ReportsReplaced
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.reports.tables.opening import recreate_tables
from kiosk.sorting_center.reports.tables.stamps import ReportsStamp
from tests.messaging.ports import SOON_S
from tests.sorting_center.brokers import until
from tests.sorting_center.reports.ledgers import ZONE, ClockedStation, content, followed
from tests.sorting_center.station_journal import NOW

DAY: Final = date(2026, 11, 25)
_FOLLOWS: Final = """
import sys
from zoneinfo import ZoneInfo
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
with Ledger.open_readonly(sys.argv[1]) as ledger, Reports.open(sys.argv[1], ZoneInfo("Asia/Shanghai")) as reports:
    follower = ReportsFollower(ledger, reports)
    while True:
        follower.step(1)
        print("went on", flush=True)
"""


def made_anew(ledger: Ledger, reports: Reports) -> Mapping[str, list[tuple[Any, ...]]]:
    """What tables hold that are made from the beginning."""
    with reports.tables.writing() as connection:
        recreate_tables(connection, ReportsStamp(ledger.ledger_id, ledger.generation, ZONE.key))
    followed(ReportsFollower(ledger, reports))
    return content(reports)


def test_a_step_that_fails_leaves_nothing(
    ledger: Ledger, reports: Reports, follower: ReportsFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = ClockedStation()
    ledger.accept(station.run(9), "shache", NOW)
    follower.step(4)
    before = content(reports)
    with monkeypatch.context() as patch:

        def full(self: ReportsStamp, connection: Connection) -> None:
            raise OperationalError("", None, Exception("disk full"))

        patch.setattr(ReportsStamp, "write", full)
        with pytest.raises(LedgerError, match="disk full"):
            follower.step(4)
    assert content(reports) == before
    followed(follower)
    assert content(reports) == made_anew(ledger, reports)


def test_a_follower_that_is_killed_is_gone_on_from(ledger: Ledger, ledger_url: str, reports: Reports) -> None:
    station = ClockedStation()
    ledger.accept([*station.run(80), *(station.void(number) for number in range(1, 80))], "shache", NOW)
    with subprocess.Popen([sys.executable, "-c", _FOLLOWS, ledger_url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.kill()
    assert 20 <= reports.progress().followed < 160
    followed(ReportsFollower(ledger, reports), 7)
    assert content(reports) == made_anew(ledger, reports)
    assert reports.days.total(DAY, DAY).voided == 79


def test_of_two_followers_one_follows(
    ledger: Ledger, ledger_url: str, reports: Reports, follower: ReportsFollower
) -> None:
    ledger.accept(ClockedStation().run(9), "shache", NOW)
    with Reports.open(ledger_url, ZONE) as others:
        other = ReportsFollower(ledger, others)
        assert follower.step(3) == 3
        assert other.step(3) == 0
        reports.tables.leader_lock.close()
        until(lambda: other.step(3) == 3)  # the server releases the lock when it has seen the end of the connection
        assert follower.step(3) == 0
    until(lambda: follower.step(3) == 3)
    assert reports.progress().behind == 0


def test_another_generation_is_followed_from_its_beginning(ledger_url: str) -> None:
    station = ClockedStation()
    with Ledger.open(ledger_url) as ledger, Reports.open(ledger_url, ZONE) as reports:
        ledger.accept(station.run(9), "shache", NOW)
        followed(ReportsFollower(ledger, reports))
    Ledger.begin_generation(ledger_url)
    with Ledger.open(ledger_url) as ledger, Reports.open(ledger_url, ZONE) as reports:
        follower = ReportsFollower(ledger, reports)
        assert follower.step(4) == 4
        assert reports.progress().followed == 4
        followed(follower)
        assert content(reports) == made_anew(ledger, reports)


def test_a_ledger_that_went_back_without_a_word_is_noticed(
    ledger: Ledger, ledger_url: str, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    ledger.accept(station.run(9), "shache", NOW)
    followed(follower)
    opened = open_shared(ledger_url)
    with opened.writing.begin() as connection:
        connection.execute(delete(event).where(event.c.seq > 5))
        connection.execute(delete(intake).where(intake.c.seq > 5))
    opened.close()
    followed(follower)
    assert reports.progress().followed == 5
    assert reports.days.total(DAY, DAY).intakes == 4


def test_another_zone_makes_them_again_and_ends_who_follows_for_the_old_one(
    ledger: Ledger, ledger_url: str, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    ledger.accept(station.run(3), "shache", NOW)
    followed(follower)
    with Reports.open(ledger_url, ZoneInfo("America/Los_Angeles")) as others:
        with pytest.raises(ReportsReplaced):
            follower.step()
        reports.tables.leader_lock.close()
        followed(ReportsFollower(ledger, others))
        assert [row.day.day for row in others.receipts.newest(ReportScope("shache", "S0147"), 9)] == [24, 24]


def test_a_file_that_is_no_database_is_made_again(file_url: str, tmp_path: Path) -> None:
    with Ledger.open(file_url) as ledger:
        ledger.accept(ClockedStation().run(3), "shache", NOW)
        (tmp_path / "county.reports.db").write_bytes(b"garbage" * 1000)
        with Reports.open(file_url, ZONE) as reports:
            followed(ReportsFollower(ledger, reports))
            assert reports.days.total(DAY, DAY).intakes == 2


def test_what_is_in_an_archive_counts_on_the_day_it_arrived(ledger_url: str, tmp_path: Path) -> None:
    station = ClockedStation()
    with Ledger.open(ledger_url) as ledger:
        told = [*station.run(9), station.void(1)]
        ledger.accept(told[:5], "shache", "2026-09-20T04:00:00.000Z")
        ledger.accept([*told[5:], station.void(6)], "shache", "2026-10-20T04:00:00.000Z")
        ledger.accept([station.intake(50)], "shache", "2026-11-20T04:00:00.000Z")
        ledger.set_feed_position("mqtt", ledger.feed_end())
    months = list(archive(ledger_url, "2026-11", tmp_path))
    assert len(months) == 2
    with Ledger.open(ledger_url) as ledger, Reports.open(ledger_url, ZONE) as reports:
        followed(ReportsFollower(ledger, reports), 2)
        overview = ledger.overview("").totals
        whole = total(row.figures for row in reports.days.each(date(2026, 9, 1), date(2026, 11, 30)))
        assert (whole.intakes, whole.voided, whole.net_g) == (overview.intakes, overview.voided, overview.net_g)
        assert (whole.intakes, whole.voided) == (7, 2)
        assert reports.days.total(date(2026, 9, 20), date(2026, 9, 20)).time_unknown == 3
        assert reports.progress().behind == 0
        assert ReportsFollower(ledger, reports).step() == 0


def test_a_void_that_left_for_an_archive_before_it_was_followed_is_missed_in_no_total(
    ledger_url: str, tmp_path: Path
) -> None:
    """Pages are shown now and then, and somebody archives meanwhile: of the receipt before it is told already."""
    station = ClockedStation()
    with Ledger.open(ledger_url) as ledger, Reports.open(ledger_url, ZONE) as reports:
        ledger.accept(station.run(4), "shache", "2026-09-20T04:00:00.000Z")
        followed(ReportsFollower(ledger, reports))
        ledger.accept([station.void(1), station.intake(9), station.void(9)], "shache", "2026-09-21T04:00:00.000Z")
        ledger.accept([station.intake(50)], "shache", "2026-11-20T04:00:00.000Z")
        ledger.set_feed_position("mqtt", ledger.feed_end())
    assert len(list(archive(ledger_url, "2026-11", tmp_path))) == 1
    with Ledger.open(ledger_url) as ledger, Reports.open(ledger_url, ZONE) as reports:
        followed(ReportsFollower(ledger, reports), 2)
        overview = ledger.overview("").totals
        whole = total(row.figures for row in reports.days.each(date(2026, 9, 1), date(2026, 11, 30)))
        assert (whole.intakes, whole.voided, whole.net_g) == (overview.intakes, overview.voided, overview.net_g)
        assert (whole.intakes, whole.voided) == (3, 2)


def test_a_follower_in_a_thread_ends(ledger: Ledger, reports: Reports) -> None:
    worker = follower_worker("reports", ReportsFollower(ledger, reports).step)
    worker.start()
    ledger.accept(ClockedStation().run(3), "shache", NOW)
    give_up = time.monotonic() + SOON_S
    while reports.progress().followed < 3 and time.monotonic() < give_up:
        time.sleep(0.01)
    worker.stop(SOON_S)
    assert (reports.progress().followed, worker.is_alive) == (3, False)
