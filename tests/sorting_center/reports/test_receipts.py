from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import update

from kiosk.domain.events import EpochStarted, IntakeAbandoned, PhotoAccepted, PhotoRemoved, PhotoTaken, PictureData
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason
from kiosk.domain.moment import ClockQuality
from kiosk.domain.verdict import Measures
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.opening import open_shared
from kiosk.sorting_center.ledger.database.schema import event
from kiosk.sorting_center.reports import Figures, Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.journal import ChainLink
from tests.sorting_center.reports.ledgers import ClockedStation, followed
from tests.sorting_center.station_journal import NOW, confirmed, of_weight

FIRST, SECOND = ReceiptNumber("S0147", "A", 1), ReceiptNumber("S0147", "A", 2)


def test_a_receipt_with_everything_about_it(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    photo = PhotoTaken(FIRST.lot, "ab" * 32, 1000, 800, 600)
    told = [
        station.start(),
        station.intake(1),
        station.add(photo),
        station.intake(2),
        station.void(1, replacement=str(SECOND)),
    ]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    (first,) = reports.receipts.find(FIRST)
    assert first.row is not None and first.confirmed is not None and first.void is not None
    assert (first.row.net_g, first.row.amount_fen, first.row.bags, first.row.member) == (12_450, 29_880, 1, "M-04412")
    assert (first.row.at, first.row.day, first.row.late) == (station.at, date(2026, 11, 25), False)
    assert first.confirmed.bags[0].tare_g == 160
    assert (first.void.reason, first.void.replacement) == ("wrong_party", str(SECOND))
    assert first.photos == (PictureData("ab" * 32, 1000, 800, 600),)
    assert [one.type.split(".")[2] for one in first.events] == ["confirmed", "taken", "voided"]
    assert all(one.recomputed and one.before is ChainLink.LINKED for one in first.events)
    assert [one.after for one in first.events] == [ChainLink.LINKED, ChainLink.LINKED, ChainLink.NOT_HERE]
    assert [one.sha256 for one in first.events] == [told[1].sha256, told[2].sha256, told[4].sha256]
    (second,) = reports.receipts.find(SECOND, "shache")
    assert (second.replaces, second.void) == ((str(FIRST),), None)
    assert reports.receipts.find(ReceiptNumber("S0147", "A", 3)) == ()


def test_a_receipt_is_found_beside_an_event_that_names_no_clock(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    """Its neighbors are read for the links of the chain, and one of them may be an event with a problem."""
    station = ClockedStation()
    told = [station.start(), station.intake(1), station.raw(clock=None, bootid=None, monotonicms=None)]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    (found,) = reports.receipts.find(FIRST)
    assert [one.after for one in found.events] == [ChainLink.LINKED]


def test_photos_of_a_receipt_are_those_of_buyers_without_the_removed(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    master, natural = PictureData("cd" * 32, 900, 1600, 1600), PictureData("dc" * 32, 800, 1600, 1600)
    accepted = PhotoAccepted(FIRST.lot, master, natural, Measures(2_400, 130, 90, 3, 2_100, 1_500, 3_200))
    told = [
        station.start(),
        station.intake(1),
        station.add(PhotoTaken(FIRST.lot, "ab" * 32, 1000, 800, 600)),
        station.add(PhotoTaken(FIRST.lot, "ef" * 32, 1000, 800, 600)),
        station.add(accepted),
        station.add(PhotoRemoved(FIRST.lot, "ab" * 32, "face")),
    ]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    (first,) = reports.receipts.find(FIRST)
    assert first.photos == (PictureData("ef" * 32, 1000, 800, 600), master)


def test_a_receipt_that_was_told_again_counts_once(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    old, new = ClockedStation(), ClockedStation(epoch="ff" * 8)
    told = [old.start(), old.intake(1)]
    again = [new.add(EpochStarted("B", "restored")), new.add(confirmed("S0147", 1), reissued=f"{old.epoch}-2")]
    for some in (told, again):
        ledger.accept(some, "shache", NOW)
    followed(follower)
    (found,) = reports.receipts.find(FIRST)
    assert found.row is not None
    assert found.row.epoch == old.epoch
    assert [(one.epoch, one.reissued) for one in found.repeat_confirmations] == [(new.epoch, f"{old.epoch}-2")]
    assert reports.days.total(date(2026, 11, 25), date(2026, 11, 25)).intakes == 1


def test_an_abandoned_receipt_never_counted(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    ledger.accept(
        [station.start(), station.add(IntakeAbandoned(str(FIRST), "opened", AbandonReason.LEFT))], "shache", NOW
    )
    followed(follower)
    (found,) = reports.receipts.find(FIRST)
    assert (found.row, found.confirmed, found.is_abandoned) == (None, None, True)


def test_a_receipt_of_two_counties_is_two(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    for region, epoch in (("shache", "aa" * 8), ("yarkant", "bb" * 8)):
        station = ClockedStation(epoch=epoch)
        ledger.accept([station.start(), station.intake(1, **of_weight(1000 + len(region)))], region, NOW)
    followed(follower)
    assert [(one.region, one.row and one.row.net_g) for one in reports.receipts.find(FIRST)] == [
        ("shache", 1006),
        ("yarkant", 1007),
    ]


def test_a_body_that_was_altered_in_the_ledger_is_seen(
    ledger: Ledger, ledger_url: str, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    ledger.accept([station.start(), told := station.intake(1), station.intake(2)], "shache", NOW)
    followed(follower)
    opened = open_shared(ledger_url)
    with opened.writing.begin() as connection:
        altered = told.body.replace(b"29880", b"29881")
        connection.execute(update(event).where(event.c.seq == 2).values(body=altered))
    opened.close()
    (found,) = reports.receipts.find(FIRST)
    assert [one.recomputed for one in found.events] == [False]


def test_the_time_of_an_event_is_the_corrected_one(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    station.quality, station.at = ClockQuality.RESTORED, datetime(2026, 11, 20, tzinfo=UTC)
    told = [station.start(), station.intake(1)]
    station.passes(timedelta(minutes=5))
    station.quality, station.at = ClockQuality.SYNCED, datetime(2026, 11, 25, 3, 5, tzinfo=UTC)
    ledger.accept([*told, station.intake(2)], "shache", NOW)
    followed(follower)
    (found,) = reports.receipts.find(FIRST)
    assert found.row is not None
    assert found.events[0].at == found.row.at == datetime(2026, 11, 25, 3, tzinfo=UTC)
    assert found.row.written_at == datetime(2026, 11, 20, tzinfo=UTC)


def test_lists_are_in_pages_and_an_export_is_whole(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    ledger.accept(station.run(8), "shache", NOW)
    followed(follower)
    day = date(2026, 11, 25)
    whole = list(reports.receipts.each(day, day))
    assert [row.receipt[-1] for row in whole] == ["1", "2", "3", "4", "5", "6", "7"]
    first = reports.receipts.page(day, day, limit=4)
    assert [*first, *reports.receipts.page(day, day, after=first[-1], limit=4)] == whole


def test_a_members_year_is_the_sum_of_its_receipts(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1), station.intake(2, **of_weight(500)), station.void(2)]
    told += [station.intake(3, party="M-00001"), station.intake(4, party="non_member")]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    year = reports.members.year("M-04412", "shache", 2026)
    assert (year.figures, len(year.receipts), year.cut_off) == (
        Figures(1, 1, 1, 0, 0, 12_450, 29_880, 500, 1_200),
        2,
        False,
    )
    assert [(row.product, row.figures.consigned_g, row.figures.bought_g) for row in year.goods] == [
        ("BADAM", 12_450, 0)
    ]
    assert reports.members.years("M-04412", "shache") == (2026,)
    assert reports.members.year("M-04412", "yarkant", 2026).receipts == ()


def test_a_lot_has_its_owner_and_its_receipt(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    ledger.accept([station.start(), station.intake(1)], "shache", NOW)
    followed(follower)
    (found,) = reports.receipts.of_lot(FIRST.lot)
    assert found.number == str(FIRST)
    assert found.confirmed is not None and (found.confirmed.owner, found.confirmed.net_g) == ("Y1P00412", 12_450)
    assert reports.receipts.of_lot("Y1L") == reports.receipts.of_lot(FIRST.code) == ()


def test_a_receipt_told_twice_shows_both_events(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1), station.intake(1, **of_weight(700)), station.intake(2)]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    (twice,) = reports.receipts.find(FIRST)
    assert twice.row is not None and twice.row.seq == 2
    assert [(event.seq, event.data["net_g"]) for event in twice.conflicts] == [(3, 700)]
    (once,) = reports.receipts.find(SECOND)
    assert once.conflicts == ()
