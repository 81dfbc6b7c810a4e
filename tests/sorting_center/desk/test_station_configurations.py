"""What stations say of the county's documents: from the feed, once, and the same when the feed is read again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.domain.events import CatalogImported, ConfigApplied, ConfigRefused
from kiosk.messaging.contract.configuration import ClerkRow, ClerksPart, ConfigurationDocument, Part, encode_part
from kiosk.sorting_center.desk.shared.schema import (
    document_part,
    former_person,
    listing_place,
    station_configuration,
    station_document,
)
from kiosk.sorting_center.desk.station_configurations import DocumentState, StationConfiguration
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from tests.sorting_center.listings.centers import REGION, Center, running

MADE_AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
DAY = "2026-11-25T03:00:00.000Z"
STATION = "S0147"


@pytest.fixture
def center(ledger_url: str, tmp_path: Path) -> Iterator[Center]:
    with running(ledger_url, tmp_path) as opened:
        opened.take(opened.station.start())
        yield opened


def document(center: Center, number: int, *people: str) -> str:
    """The newest of the station, with these people in it; its hash."""
    content = encode_part(ClerksPart(tuple(ClerkRow(one, "Gulnar", "technician") for one in people)))
    part = Part.of(content)
    made = ConfigurationDocument(
        STATION, REGION, (1, number), "2026-11-24T08:00:00Z", None, {"clerks": part} if people else {}, ""
    )
    values = {
        "region": REGION,
        "station": STATION,
        "key": 1,
        "number": number,
        "parts_sha256": "",
        "sha256": sha(number),
    }
    with center.desk.database.writing() as connection:
        connection.execute(delete(station_document))
        connection.execute(delete(document_part))
        connection.execute(insert(document_part).values(sha256=part.sha256, content=content))
        connection.execute(
            insert(station_document).values(**values, made_at=to_rfc3339(MADE_AT), document=made.encode())
        )
    return sha(number)


def sha(number: int) -> str:
    return f"{number:064x}"


def applied(center: Center, number: int, catalog: int = 1) -> None:
    center.take(center.station.add(ConfigApplied(1, number, sha(number), catalog)))


def refused(center: Center, number: int, reason: str, key: int = 1) -> None:
    center.take(center.station.add(ConfigRefused(key, number, sha(number), reason)))


def imported(center: Center, catalog: int) -> None:
    center.take(center.station.add(CatalogImported(catalog, sha(1000 + catalog), 3, 3, 1, 20)))


def seen(center: Center) -> StationConfiguration:
    return center.desk.configurations.of_station(REGION, STATION)


def test_a_station_waits_has_it_or_refused_it(center: Center) -> None:
    imported(center, 1)
    assert (seen(center).state, seen(center).by_hand_since) == (DocumentState.NONE, "")
    document(center, 5)
    assert (seen(center).state, seen(center).by_hand_since, seen(center).is_behind) == (
        DocumentState.WAITING,
        DAY,
        True,
    )
    imported(center, 2)
    applied(center, 5, 2)
    assert (seen(center).state, seen(center).by_hand_since) == (DocumentState.CURRENT, "")
    assert not seen(center).is_behind
    document(center, 6)
    refused(center, 6, "prices")
    found = seen(center)
    assert (found.state, found.newest) == (DocumentState.REFUSED, ConfigurationVersion(1, 6))
    assert found.refused is not None
    assert (found.refused.reason, found.refused.at) == ("prices", DAY)
    refused(center, 0, "unreadable", key=0)
    assert seen(center).state is DocumentState.REFUSED
    applied(center, 5, 2)
    assert seen(center).state is DocumentState.REFUSED, "the prices of another day are of the same document"
    document(center, 7)
    refused(center, 6, "older")
    assert seen(center).state is DocumentState.WAITING
    applied(center, 7, 2)
    assert (seen(center).state, seen(center).refused) == (DocumentState.CURRENT, None)
    with center.desk.database.writing() as connection:  # a county that came back gives the number once more
        connection.execute(update(station_document).values(sha256=sha(99)))
    assert seen(center).state is DocumentState.WAITING
    document(center, 7)
    imported(center, 3)
    assert (seen(center).state, seen(center).by_hand_since, seen(center).is_behind) == (
        DocumentState.CURRENT,
        DAY,
        True,
    )


def test_the_feed_read_again_comes_to_the_same(center: Center) -> None:
    document(center, 6)
    for number in (3, 4):
        imported(center, number)
        applied(center, number, number)
    refused(center, 6, "self_test")
    before = seen(center)
    events = _rows(center)
    assert center.arrivals.step() == 0
    with center.desk.database.writing() as connection:
        connection.execute(delete(listing_place))
    center.follow()
    assert _rows(center) == events
    with center.desk.database.writing() as connection:  # a desk from before any of it
        connection.execute(delete(listing_place))
        connection.execute(delete(station_configuration))
    center.follow()
    assert (_rows(center), seen(center)) == (events, before)


def _rows(center: Center) -> list[tuple[object, ...]]:
    with center.desk.database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(station_configuration).order_by("state"))]


def test_who_has_left_is_locked_out_when_a_document_without_them_is_in_force(center: Center) -> None:
    left = {"region": REGION, "station": STATION, "number": "02", "name": "Aygul", "role": "clerk"}
    with center.desk.database.writing() as connection:
        connection.execute(insert(former_person).values(**left, ended_at=to_rfc3339(MADE_AT)))

    def locked_out_at() -> str | None:
        with center.desk.database.reading() as connection:
            return connection.execute(select(former_person.c.locked_out_at)).scalar_one()

    document(center, 5, "01", "02")
    applied(center, 5)
    assert locked_out_at() is None, "the document has this person"
    document(center, 6)
    applied(center, 6)
    assert locked_out_at() is None, "a document without people leaves them as they are"
    document(center, 8, "01")
    applied(center, 7)
    assert locked_out_at() is None, "nothing is known of a document that is not the newest"
    applied(center, 8)
    assert locked_out_at() == DAY
