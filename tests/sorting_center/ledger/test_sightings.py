from __future__ import annotations

from sqlalchemy import func, select

from kiosk.messaging.contract.control import DoctorRow, Status
from kiosk.sorting_center.ledger import Delivery, Ledger, RejectedMessage, Sighting
from kiosk.sorting_center.ledger.database.schema import refused, station_status
from kiosk.sorting_center.ledger.sightings import MAX_REFUSED, MAX_REFUSED_BYTES

EPOCH = "00112233445566aa"
LATER = "2026-11-25T05:00:00.000Z"
NOW = "2026-11-25T04:00:00.000Z"


def test_a_last_will_changes_the_state_but_not_when_the_station_was_heard(ledger: Ledger) -> None:
    def say(online: bool, pending: int, at: str) -> None:
        status = Status(online=online, pending=pending, software="1.0.0", epoch=EPOCH)
        ledger.commit(Delivery(sightings=[Sighting("shache", "S0147", status)]), at)

    say(True, 3, NOW)
    say(False, 5, LATER)
    (row,) = ledger.overview(NOW).stations
    assert (row.online, row.pending, row.last_seen) == (False, 5, NOW)


def test_a_station_that_reports_an_alarm_counts_among_the_alarms_until_it_reports_none(ledger: Ledger) -> None:
    def say(station: str, alarm: str) -> int:
        status = Status(online=True, pending=3, software="1.0.0", epoch=EPOCH, alarm=alarm)
        ledger.commit(Delivery(sightings=[Sighting("shache", station, status), Sighting("shache", station)]), NOW)
        return ledger.counts().alarms

    assert say("S0147", "fork") == 1
    assert say("S0148", "fork") == 2
    assert [row.alarm for row in ledger.overview(NOW).stations] == ["fork", "fork"]
    assert say("S0147", "") == 1
    assert [row.alarm for row in ledger.overview(NOW).stations] == ["", "fork"]


def test_refused_messages_are_bounded_and_still_counted(ledger: Ledger) -> None:
    garbage = [RejectedMessage("kiosk/v1/x/y", "not_json", b"x" * (MAX_REFUSED_BYTES + 1)) for _ in range(200)]
    for _ in range(6):
        ledger.commit(Delivery(refusals=garbage), NOW)
    assert ledger.counts().refused == 1200
    with ledger.reading() as connection:
        rows, longest, size = connection.execute(
            select(func.count(), func.max(func.length(refused.c.payload)), func.max(refused.c.size_bytes))
        ).one()
    assert (rows, longest, size) == (MAX_REFUSED, MAX_REFUSED_BYTES, MAX_REFUSED_BYTES + 1)


def test_the_newest_rows_of_a_stations_doctor_are_kept(ledger: Ledger) -> None:
    def say(station: str, online: bool, *rows: DoctorRow) -> dict[str, str | None]:
        status = Status(online, 3, "1.0.0", EPOCH, doctor=rows)
        told = [Sighting("shache", station, status), Sighting("shache", station)]
        ledger.commit(Delivery(sightings=told), NOW)
        with ledger.reading() as connection:
            return {row.station: row.doctor for row in connection.execute(select(station_status))}

    scale = DoctorRow("scale", "fail", "scale_silent")
    silent = '[{"row":"scale","state":"fail","code":"scale_silent","since":"NOW"},{"row":"clock"}]'.replace("NOW", NOW)
    assert say("S0147", True, scale, DoctorRow("clock")) == {"S0147": silent}
    assert say("S0148", False) == {"S0147": silent, "S0148": None}
    assert say("S0147", False) == {"S0147": silent, "S0148": None}, "a last will is the broker's word"
    assert say("S0147", True) == {"S0147": "[]", "S0148": None}, "older software was put on it, and says none"
