from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterable

import pytest

from kiosk.domain.events import IntakeConfirmed
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.export import epcis, jsonl, table
from kiosk.sorting_center.export.rows import COLUMNS
from kiosk.sorting_center.ledger import Ledger
from tests.sorting_center.histories import random_ledger
from tests.sorting_center.station_journal import NOW, Station, believed, confirmed


def test_a_line_is_the_event_as_it_was_hashed(ledger: Ledger, station: Station) -> None:
    events = station.run(3)
    ledger.accept(events, "shache", NOW)
    lines = list(jsonl(ledger.events()))
    assert [parse_event(line.encode()).sha256 for line in lines] == [event.sha256 for event in events]
    for seq, line in enumerate(lines, start=1):
        assert line.count("\n") == 1
        found = json.loads(line)
        assert (found["station"], found["epoch"], found["seq"]) == (station.station, station.epoch, seq)


@pytest.mark.parametrize(
    "hostile", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")', "\r=1", "\n=1", "\uff1d1+1", "\uff201"]
)
def test_no_cell_is_a_formula(ledger: Ledger, station: Station, hostile: str) -> None:
    ledger.accept([station.start(), station.intake(1, product=hostile)], "shache", NOW)
    text = "".join(table(ledger.events()))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[2][COLUMNS.index("product")] == f"'{hostile}"


def test_the_table_is_rfc_4180(ledger: Ledger, station: Station) -> None:
    awkward = 'a "quoted", two\r\nlines'
    ledger.accept([station.start(), station.intake(1, product=awkward), station.void(1)], "shache", NOW)
    pieces = list(table(ledger.events()))
    assert all(piece.endswith("\r\n") for piece in pieces)
    header, start, intake, void = csv.reader(io.StringIO("".join(pieces), newline=""))
    assert tuple(header) == COLUMNS
    assert {len(row) for row in (start, intake, void)} == {len(COLUMNS)}
    found = dict(zip(header, intake, strict=True))
    assert found["product"] == awkward
    assert (found["net_g"], found["amount_fen"], found["receipt"]) == ("12450", "29880", "0147-A-000001")
    assert found["bag_codes"] == ReceiptNumber("S0147", "A", 1).bag_code(1)
    assert dict(zip(header, void, strict=True))["reason"] == "wrong_party"


def rows_of(ledger: Ledger) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(table(ledger.events())), newline="")))


def totals_of(rows: Iterable[dict[str, str]]) -> tuple[int, int, int]:
    intakes = [row for row in rows if row["type"] == IntakeConfirmed.TYPE]
    return len(intakes), sum(int(row["net_g"]) for row in intakes), sum(int(row["amount_fen"]) for row in intakes)


@pytest.mark.parametrize("seed", range(12))
def test_the_sum_of_the_table_is_that_of_the_dashboard(ledger: Ledger, seed: int) -> None:
    random_ledger(ledger, random.Random(seed), with_gaps=seed % 2 == 1)
    rows, totals = rows_of(ledger), ledger.overview("").totals
    shown = (totals.intakes, totals.net_g, totals.amount_fen)
    assert totals.intakes > 3
    assert totals_of(row for row in rows if row["counted"] == "yes") == shown
    if seed % 2 == 0:  # what is held above a gap is in no total, and nothing but `counted` says so
        plain = [row for row in rows if not (row["reissued"] or row["voided"] or row["problem"])]
        assert totals_of(plain) == shown


def test_a_row_told_again_names_the_one_that_counts(ledger: Ledger, station: Station) -> None:
    ledger.accept([*station.run(3), station.void(2)], "shache", NOW)
    new = Station(epoch="00000000000000bb")
    again = new.add(confirmed("S0147", 1), reissued=f"{station.epoch}-2")
    assert again.seq == 1
    ledger.accept([again], "shache", NOW)
    found = [(row["seq"], row["counted"], row["reissued"], row["voided"], row["region"]) for row in rows_of(ledger)]
    assert found == [
        ("1", "", f"{station.epoch}-2", "", "shache"),
        ("1", "", "", "", "shache"),
        ("2", "yes", "", "", "shache"),
        ("3", "", "", "yes", "shache"),
        ("4", "", "", "", "shache"),
    ]


def document(ledger: Ledger) -> dict[str, object]:
    found = json.loads("".join(epcis(ledger.events(), NOW)))
    assert isinstance(found, dict)
    return found


def events_of(ledger: Ledger) -> list[dict[str, object]]:
    body = document(ledger)["epcisBody"]
    assert isinstance(body, dict)
    return list(body["eventList"])


def test_an_empty_ledger_is_an_empty_document(ledger: Ledger) -> None:
    found = document(ledger)
    assert (found["type"], found["schemaVersion"], found["creationDate"]) == ("EPCISDocument", "2.0", NOW)
    assert found["epcisBody"] == {"eventList": []}


def test_an_intake_is_an_object_event_in_kilograms(ledger: Ledger, station: Station) -> None:
    ledger.accept([station.start(), station.intake(1)], "shache", NOW)
    (found,) = events_of(ledger)
    assert (found["type"], found["action"], found["bizStep"], found["disposition"]) == (
        "ObjectEvent",
        "ADD",
        "commissioning",
        "active",
    )
    lot = confirmed("S0147", 1).lot
    assert found["quantityList"] == [{"epcClass": f"urn:station-kiosk:lot:{lot}", "quantity": 12.45, "uom": "KGM"}]
    assert found["epcList"] == [f"urn:station-kiosk:bag:{ReceiptNumber('S0147', 'A', 1).bag_code(1)}"]
    assert (found["eventTime"], found["eventTimeZoneOffset"]) == ("2026-11-25T03:00:00.000Z", "+00:00")


@pytest.mark.parametrize(
    ("reason", "declared"), [("wrong_party", "incorrect_data"), ("goods_taken_back", "did_not_occur")]
)
def test_a_void_declares_the_same_event_an_error(ledger: Ledger, station: Station, reason: str, declared: str) -> None:
    events = [station.start(), station.intake(1), station.intake(2), station.void(1, reason, "0147-A-000002")]
    ledger.accept(events, "shache", NOW)
    first, second, correction = events_of(ledger)
    error = correction.pop("errorDeclaration")
    assert correction == first
    assert error == {
        "declarationTime": "2026-11-25T03:00:00.000Z",
        "reason": declared,
        "correctiveEventIDs": [second["eventID"]],
    }


def test_what_is_void_is_told_with_its_station_and_not_kept_to_the_end(ledger: Ledger) -> None:
    for name in ("S0147", "S0148"):
        station = Station(name)
        ledger.accept([*station.run(3), station.void(1)], "shache", NOW)
    told = [(str(event["kiosk:event"])[:5], "errorDeclaration" in event) for event in events_of(ledger)]
    assert told == [(name, is_void) for name in ("S0147", "S0148") for is_void in (False, False, True)]


def test_what_waits_above_a_gap_is_exported_once(ledger: Ledger, station: Station) -> None:
    events = [*station.run(3), station.intake(3), station.intake(4), station.void(1, "wrong_party", "0147-A-000004")]
    del events[3]  # event 4: what follows is held
    ledger.accept(events, "shache", NOW)
    again = Station(epoch="00000000000000bb")
    again.start()
    ledger.accept([again.add(confirmed("S0147", 4), reissued=f"{station.epoch}-5")], "shache", NOW)
    *intakes, correction = events_of(ledger)
    assert sorted(str(row["eventID"]) for row in intakes) == [
        f"urn:station-kiosk:intake:0147-A-00000{number}" for number in (1, 2, 4)
    ]
    error = correction.pop("errorDeclaration")
    assert correction in intakes
    assert isinstance(error, dict)
    assert error["correctiveEventIDs"] == ["urn:station-kiosk:intake:0147-A-000004"]


def test_a_hostile_lot_stays_a_legal_urn(ledger: Ledger, station: Station) -> None:
    hostile = believed(station.intake(1, lot='Y1" <b>', receipt="r/ü"))
    ledger.accept([hostile], "shache", NOW)
    (found,) = events_of(ledger)
    assert found["eventID"] == "urn:station-kiosk:intake:r%2F%C3%BC"
    assert '"urn:station-kiosk:lot:Y1%22%20%3Cb%3E"' in json.dumps(found)
