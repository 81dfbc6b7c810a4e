"""Documents of stations: their numbers, their parts, and two processes that make them at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from kiosk.base.refused import Refused
from kiosk.domain.configuration import ConfigurationVersion
from kiosk.messaging.contract.configuration import MAX_NUMBER, MAX_PART_BYTES, BadConfiguration, Part, parse_document
from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.documents import PartsOfStation
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
REGION = "shache"
AUTHORITY = CountyAuthority.create(REGION, NOW)
KEY, SECOND_KEY = (ConfigurationKey(AUTHORITY.issue_configuration_key(REGION, number, NOW)) for number in (1, 2))
PRICES, DEARER, GOODS = b'{"prices":[]}', b'{"prices":[1]}', b'{"products":[]}'


def wanted(station: str = "S0147", prices: bytes = PRICES, above: tuple[int, int] | None = None) -> PartsOfStation:
    version = ConfigurationVersion(*above) if above is not None else None
    return PartsOfStation(station, {"prices": prices, "goods": GOODS}, version)


def test_a_document_is_made_when_its_parts_change_and_gives_them_to_its_station_alone(desk: CenterDesk) -> None:
    documents = desk.documents
    (made,) = documents.issue(KEY, 0, [wanted()], NOW)
    stored = documents.newest(REGION, "S0147")
    assert stored == made and documents.all_newest(REGION) == {"S0147": made}
    parsed = parse_document(made.content)
    assert (parsed.version, parsed.issued, parsed.effective) == ((1, 1), "2026-12-01T08:00:00Z", None)
    assert parsed.parts == {"goods": Part.of(GOODS), "prices": Part.of(PRICES)} and parsed.signature
    prices = parsed.parts["prices"].sha256
    assert documents.part(REGION, "S0147", prices) == PRICES
    assert documents.part(REGION, "S0148", prices) is None and documents.part("hotan", "S0147", prices) is None
    assert documents.issue(KEY, 0, [wanted()], NOW) == []
    (other, dearer) = documents.issue(KEY, 0, [wanted("S0148"), wanted(prices=DEARER)], NOW)
    assert (str(other.version), str(dearer.version)) == ("1.1", "1.2")
    assert documents.part(REGION, "S0147", prices) is None  # it is another station's now
    assert documents.part(REGION, "S0148", prices) == PRICES
    documents.issue(KEY, 0, [wanted("S0148", DEARER)], NOW)
    with desk.database.reading() as connection:
        parts = connection.exec_driver_sql("SELECT count(*) FROM document_part").scalar_one()
    assert parts == 2  # goods and the dearer prices


def test_numbers_go_on_above_what_the_station_has(desk: CenterDesk) -> None:
    documents = desk.documents
    documents.issue(KEY, 0, [wanted()], NOW)
    assert documents.issue(KEY, 0, [wanted(above=(1, 0))], NOW) == []
    (made,) = documents.issue(KEY, 0, [wanted(above=(1, 40))], NOW)  # the county was restored
    assert str(made.version) == "1.41"
    assert documents.next_number(REGION, "S0147", 1) == 42
    assert documents.next_number(REGION, "S0147", 2, ConfigurationVersion(1, 90)) == 1
    (made,) = documents.issue(SECOND_KEY, 0, [wanted(above=(1, 90))], NOW)
    assert str(made.version) == "2.1"
    assert documents.issue(KEY, 0, [wanted(prices=DEARER)], NOW) == [], "the key of before came out of a backup"


def test_a_station_that_claims_the_largest_number_waits_alone_for_a_new_key(
    desk: CenterDesk, caplog: pytest.LogCaptureFixture
) -> None:
    made = desk.documents.issue(KEY, 0, [wanted(above=(1, MAX_NUMBER)), wanted("S0148")], NOW)
    assert [one.station for one in made] == ["S0148"]
    assert "S0147 has the document 1.2147483647: it needs a key after 1." in caplog.text
    (made_again,) = desk.documents.issue(SECOND_KEY, 0, [wanted(above=(1, MAX_NUMBER))], NOW)
    assert str(made_again.version) == "2.1"


def test_rows_that_have_changed_meanwhile_make_no_document(desk: CenterDesk) -> None:
    row = BookRow("member", "", "M-00001", '{"short_name":"A","card":""}')
    desk.book.change(REGION, [row], 0, "ali", NOW)
    with pytest.raises(Refused, match="meanwhile"):
        desk.documents.issue(KEY, 0, [wanted()], NOW)
    assert desk.documents.newest(REGION, "S0147") is None
    assert len(desk.documents.issue(KEY, 1, [wanted()], NOW)) == 1


def test_what_no_station_could_read_is_not_signed(desk: CenterDesk) -> None:
    with pytest.raises(ValueError, match="too large"):
        wanted(prices=bytes(MAX_PART_BYTES + 1))
    with pytest.raises(BadConfiguration):
        desk.documents.issue(KEY, 0, [wanted()], datetime(1970, 1, 1, tzinfo=UTC))
    assert desk.documents.all_newest(REGION) == {}


def test_two_processes_never_give_one_number_twice(desk: CenterDesk, ledger_url: str) -> None:
    made: list[str] = []
    both = threading.Barrier(2)

    def render(mark: bytes) -> None:
        with CenterDesk.open(ledger_url) as own:
            both.wait()
            for turn in range(8):
                parts = wanted(prices=b'{"prices":["%s%d"]}' % (mark, turn))
                made.extend(str(one.version) for one in own.documents.issue(KEY, 0, [parts, wanted("S0148")], NOW))

    threads = [threading.Thread(target=render, args=(mark,)) for mark in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made, key=lambda version: int(version[2:])) == ["1.1", *(f"1.{number}" for number in range(1, 17))]
    newest = desk.documents.newest(REGION, "S0147")
    assert newest is not None and str(newest.version) == "1.16"
