from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import update

from kiosk.domain.events import (
    CountersData,
    EpochStarted,
    IntakeAbandoned,
    PhotoAccepted,
    PhotoRemoved,
    PhotoTaken,
    PictureData,
    ScaleChanged,
    ScaleChecked,
    ScaleData,
)
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason
from kiosk.domain.metrology.legal_status import CheckState, Verification
from kiosk.domain.verdict import Measures
from kiosk.messaging.contract.control import DoctorRow, Hello, Status
from kiosk.sorting_center.ledger import Delivery, EventKey, Ledger, Sighting
from kiosk.sorting_center.ledger.database import schema as ledger_schema
from kiosk.sorting_center.ledger.database.opening import open_shared
from kiosk.sorting_center.reports import Reports, ReportScope
from kiosk.sorting_center.reports.closings import Difference
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.projection.closing_checks import ClosingVerdict
from kiosk.sorting_center.reports.stations import MAX_GAPS
from kiosk.sorting_center.reports.tables.opening import recreate_tables
from kiosk.sorting_center.reports.tables.stamps import ReportsStamp
from tests.sorting_center.reports.ledgers import ZONE, ClockedStation, closed, content, followed
from tests.sorting_center.station_journal import NOW, confirmed

DAY = date(2026, 11, 25)


def test_the_fleet_at_a_glance(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station, gappy = ClockedStation(), ClockedStation("S0002", "aa" * 8)
    ledger.accept(station.run(3), "shache", NOW)
    clone = station.clone()
    ledger.accept([station.intake(5)], "shache", NOW)
    ledger.accept([clone.add(confirmed("S0147", 6))], "shache", NOW)
    told = gappy.run(4)
    ledger.accept([told[0], told[3]], "shache", NOW)
    status = Status(online=True, pending=3, software="1.0.0", epoch=station.epoch, alarm="fork")
    ledger.commit(Delivery(sightings=[Sighting("shache", "S0147", status)]), "2026-11-25T05:00:00.000Z")
    followed(follower)
    second, first = reports.fleet.rows(DAY)
    assert (first.station, first.online, first.pending, first.software) == ("S0147", True, 3, "1.0.0")
    assert (first.alarms, first.quarantined["fork"]) == ({"fork": 1}, 1)
    assert first.last_seen == datetime(2026, 11, 25, 5, tzinfo=UTC)
    assert first.newest is not None
    assert (first.newest.clock, first.newest.receipt_at) == ("synced", station.at)
    assert (first.today.intakes, first.gaps.missing) == (3, 0)
    assert (second.station, second.gaps.missing, second.gaps.lost, second.alarms) == ("S0002", 2, 0, {})
    assert second.gaps.since == datetime.fromisoformat(NOW)
    assert reports.fleet.row("shache", "S0147", DAY) == first
    assert reports.fleet.row("shache", "S0999", DAY) is None
    assert reports.fleet.rows(DAY, ReportScope("yarkant")) == ()


def test_what_the_doctor_of_a_station_says(ledger: Ledger, reports: Reports) -> None:
    paper, scale = DoctorRow("printer_label", "warn", "printer_near_end"), DoctorRow("scale", "fail", "scale_silent")
    said = {"S0001": (scale, paper, DoctorRow("clock")), "S0002": (paper,), "S0003": (DoctorRow("clock"),), "S0004": ()}
    told = [Sighting("shache", name, Status(True, 0, "1", "00" * 8, doctor=rows)) for name, rows in said.items()]
    ledger.commit(Delivery(sightings=[*told, Sighting("shache", "S0005")]), NOW)
    rows = {name: reports.stations.doctor("shache", name) for name in said}
    assert {name: tuple(DoctorRow(row.row, row.state, row.code) for row in rows[name]) for name in said} == said
    assert reports.stations.doctor("shache", "S0005") == reports.stations.doctor("yarkant", "S0001") == ()
    worst = {row.station: row.doctor for row in reports.fleet.rows(DAY)}
    assert worst == {"S0001": "fail", "S0002": "warn", "S0003": "ok", "S0004": "", "S0005": ""}


def test_since_when_a_row_of_the_doctor_is_seen_so(ledger: Ledger, reports: Reports) -> None:
    paper, scale = DoctorRow("printer_label", "warn", "printer_near_end"), DoctorRow("scale", "fail", "scale_silent")

    def since(hour: int, *rows: DoctorRow, online: bool = True) -> list[str]:
        status = Status(online, 0, "1", "00" * 8, doctor=rows)
        told = [Sighting(region, "S0001", status) for region in ("shache", "yarkant")]
        ledger.commit(Delivery(sightings=told if hour else told[:1]), f"2026-11-25T{hour:02}:00:00.000Z")
        return [row.since[11:13] for row in reports.stations.doctor("shache", "S0001")]

    assert since(0, scale, DoctorRow("clock")) == ["00", ""], "what is well needs no time"
    assert since(1, scale, paper) == ["00", "01"]
    assert since(2, DoctorRow("scale", "warn", "scale_silent"), paper) == ["02", "01"]
    assert since(3, online=False) == ["02", "01"], "a last will says nothing of it"
    assert since(4, DoctorRow("scale", "warn", "scale_parameter"), paper) == ["04", "01"]
    assert since(5, DoctorRow("scale"), paper) == ["", "01"]
    assert since(6, DoctorRow("scale", "warn", "scale_parameter")) == ["06"], "it was well in between"
    assert [row.since[11:13] for row in reports.stations.doctor("yarkant", "S0001")] == ["06"]
    opened = open_shared(ledger.url)
    for hour, kept in ((7, '[{"row":"scale","state":"fail","code":"scale_silent"}]'), (8, '[{"row":1}]')):
        with opened.writing.begin() as connection:
            connection.execute(update(ledger_schema.station_status).values(doctor=kept))
        assert since(hour, scale) == [f"{hour:02}"], "other software kept no time"
    opened.close()


def test_two_machines_under_one_number_are_a_twin(ledger: Ledger, reports: Reports) -> None:
    for number, boot in enumerate(("aa", "bb", "aa"), 1):
        hello = Hello("00" * 8, 2, 1, 0, "1.0.0", boot, number * 1000)
        ledger.commit(Delivery(sightings=[Sighting("shache", "S0147", hello=hello)]), NOW)
    assert ["twin" in row.alarms for row in reports.fleet.rows(DAY)] == [True]


def test_what_a_station_says_of_its_scale(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    profile = ScaleChanged(3, "", "ab" * 32, "xk3190_tf0", 50, 60_000, "kg", True)
    check = ScaleChecked(20_000, 20_000, 50, True, 1, 1, 1200, None, "clerk:07")
    standing = ScaleData(True, CheckState.PASSED, Verification.VALID, CountersData(3, 2, 4))
    told = [station.start(), station.add(profile), station.add(check), station.intake(1, scale=standing)]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    scale = reports.stations.scale("shache", "S0147")
    assert (scale.profile, scale.standing, scale.counters) == (profile, standing, CountersData(3, 2, 4))
    assert [row.check for row in reports.stations.checks("shache", "S0147")] == [check]
    assert reports.stations.scale("shache", "S0001").counters is None


def test_epochs_and_gaps_of_a_station(ledger: Ledger, reports: Reports) -> None:
    old, new = ClockedStation(), ClockedStation(epoch="ff" * 8)
    told = old.run(6)
    ledger.accept([told[0], told[2], told[5]], "shache", NOW)
    ledger.accept([new.add(EpochStarted("B", "restored"))], "shache", "2026-11-25T06:00:00.000Z")
    assert [(one.epoch, one.series, one.why) for one in reports.stations.epochs("shache", "S0147")] == [
        (old.epoch, "A", "new"),
        (new.epoch, "B", "restored"),
    ]
    gaps = reports.stations.gaps("shache", "S0147")
    assert [(gap.first, gap.last, gap.lost) for gap in gaps] == [(2, 2, True), (4, 5, True)]
    assert len(gaps) < MAX_GAPS


def test_a_close_beside_what_the_ledger_has(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1), station.intake(2), station.void(1), station.intake(3, mode="purchase")]
    told += [station.add(IntakeAbandoned(str(ReceiptNumber("S0147", "A", 4)), "opened", AbandonReason.LEFT))]
    said = {"intakes": 3, "voids": 1, "abandoned": 1, "bags": 2, "net_g": 24_900}
    said |= {"purchase_fen": 29_880, "consignment_fen": 29_880}
    told += [station.add(closed(**said, first_seq=1, last_seq=6))]
    told += [
        station.intake(5),
        station.void(2),
        station.add(closed(intakes=2, voids=1, bags=2, net_g=24_900, consignment_fen=59_760, first_seq=8, last_seq=9)),
    ]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    second, first = reports.closings.of_station("shache", "S0147")
    assert (first.verdict, first.differences, first.missing) == (ClosingVerdict.SAME, (), 0)
    assert first.voided_since == ("0147-A-000002",)
    assert second.verdict is ClosingVerdict.DIFFERENT
    assert second.differences[0] == Difference("intakes", 2, 1)
    assert [one.field for one in second.differences] == ["intakes", "bags", "net_g", "consignment_fen"]


def test_a_photo_counts_for_the_day_whichever_version_tells_it(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    lot = ReceiptNumber("S0147", "A", 1).lot
    master, natural = (PictureData(name * 32, 900, 1600, 1600) for name in ("cd", "dc"))
    told = [
        station.start(),
        station.intake(1),
        station.add(PhotoTaken(lot, "ab" * 32, 1000, 800, 600)),
        station.add(PhotoAccepted(lot, master, natural, Measures(2_400, 130, 90, 3, 2_100, 1_500, 3_200))),
        station.add(PhotoRemoved(lot, "ab" * 32, "face")),
    ]
    said = {"intakes": 1, "bags": 1, "net_g": 12_450, "consignment_fen": 29_880, "photos": 2}
    told.append(station.add(closed(**said, first_seq=1, last_seq=5)))
    ledger.accept(told, "shache", NOW)
    followed(follower)
    (found,) = reports.closings.of_station("shache", "S0147")
    assert (found.verdict, found.found.photos) == (ClosingVerdict.SAME, 2)


def test_a_close_over_an_event_that_was_set_apart_says_so(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    told = [station.start(), station.raw(type="station.lot.packed.v1"), station.add(closed(first_seq=1, last_seq=2))]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    (found,) = reports.closings.of_station("shache", "S0147")
    assert (found.verdict, found.missing) == (ClosingVerdict.MISSING, 1)


def test_a_close_is_compared_again_when_what_it_lacked_is_taken_in(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    said = closed(intakes=2, bags=2, net_g=24_900, consignment_fen=59_760, first_seq=1, last_seq=3)
    told = [station.start(), station.intake(1), station.intake(2), station.add(said), station.intake(3)]
    apart = told[1]
    told[1] = replace(apart, problem="unknown_type")
    ledger.accept(told, "shache", NOW)
    followed(follower)
    assert [(one.verdict, one.missing) for one in reports.closings.of_station("shache", "S0147")] == [
        (ClosingVerdict.MISSING, 1)
    ]
    ledger.readmit(EventKey("shache", "S0147", station.epoch, 2, apart.sha256))
    while ledger.number(100):
        pass
    followed(follower)
    (found,) = reports.closings.of_station("shache", "S0147")
    assert (found.verdict, found.missing, found.found) == (ClosingVerdict.SAME, 0, found.reported)
    before = content(reports)
    for limit in (1, 1000):
        with reports.tables.writing() as connection:
            recreate_tables(connection, ReportsStamp(ledger.ledger_id, ledger.generation, ZONE.key))
        followed(follower, limit)
        assert content(reports) == before, limit


def test_a_history_has_every_day(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1)]
    station.passes(timedelta(days=2))
    ledger.accept([*told, station.intake(2)], "shache", "2026-11-27T04:00:00.000Z")
    followed(follower)
    history = reports.days.each(DAY - timedelta(days=27), DAY + timedelta(days=2), ReportScope("shache", "S0147"))
    assert len(history) == 30
    assert [row.figures.intakes for row in history[-3:]] == [1, 0, 1]


def test_a_close_of_a_day_that_began_in_an_earlier_epoch_is_not_called_wrong(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    old, new = ClockedStation(), ClockedStation(epoch="ff" * 8)
    ledger.accept([old.start(), old.intake(1)], "shache", NOW)
    said = closed(intakes=2, bags=2, net_g=24_900, consignment_fen=59_760, first_seq=1, last_seq=2)
    again = [new.add(EpochStarted("B", "restored")), new.intake(2), new.add(said)]
    ledger.accept(again, "shache", NOW)
    followed(follower)
    (found,) = reports.closings.of_station("shache", "S0147")
    assert (found.verdict, found.found.intakes, found.missing) == (ClosingVerdict.OTHER_EPOCH, 1, 0)


def test_a_close_that_was_told_again_is_one_close(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    old, new = ClockedStation(), ClockedStation(epoch="ff" * 8)
    said = closed(intakes=1, bags=1, net_g=12_450, consignment_fen=29_880, first_seq=1, last_seq=2)
    ledger.accept([old.start(), old.intake(1), old.add(said)], "shache", NOW)
    again = [new.add(EpochStarted("B", "restored")), new.add(said, reissued=f"{old.epoch}-3")]
    ledger.accept(again, "shache", NOW)
    followed(follower)
    (found,) = reports.closings.of_station("shache", "S0147")
    assert (found.verdict, found.epoch, found.seq) == (ClosingVerdict.SAME, old.epoch, 3)


def test_days_of_one_epoch_that_overlap_are_not_compared(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1), station.add(closed(first_seq=1, last_seq=1))]
    told += [station.add(closed(first_seq=1, last_seq=3)), station.add(closed(first_seq=2, last_seq=90_000))]
    told += [station.add(closed(first_seq=90_001, last_seq=99_999_999)), station.add(closed(first_seq=7, last_seq=6))]
    ledger.accept(told, "shache", NOW)
    followed(follower, 4)
    found = reports.closings.of_station("shache", "S0147")
    assert [one.verdict for one in reversed(found)] == [
        ClosingVerdict.SAME,
        ClosingVerdict.OVERLAPS,
        ClosingVerdict.TOO_LONG,
        ClosingVerdict.TOO_LONG,
        ClosingVerdict.SAME,
    ]
    assert found[1].differences == ()


def test_a_receipt_of_the_day_that_counts_elsewhere_is_named(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    old, new = ClockedStation(), ClockedStation(epoch="ff" * 8)
    ledger.accept([old.start(), old.intake(1)], "shache", NOW)
    again = [
        new.add(EpochStarted("B", "new")),
        new.add(confirmed("S0147", 1), reissued=f"{old.epoch}-2"),
        new.intake(2),
    ]
    said = closed(intakes=2, bags=2, net_g=24_900, consignment_fen=59_760, first_seq=1, last_seq=3)
    ledger.accept([*again, new.add(said)], "shache", NOW)
    followed(follower)
    (found,) = reports.closings.of_day(DAY)
    assert (found.verdict, found.not_counted) == (ClosingVerdict.SAME, ("0147-A-000001",))
