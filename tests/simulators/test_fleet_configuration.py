"""Simulated stations take what their county gives them: from the page's publish to the report that it is applied."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from sqlalchemy import select

from kiosk.domain.events import ConfigApplied
from kiosk.messaging.contract.configuration import DOCUMENT, INBOX, parse_document
from kiosk.simulators.broker import Broker
from kiosk.simulators.fleet import Fleet, FleetPlan, Manner
from kiosk.simulators.fleet.plan import REGION
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import event
from kiosk.sorting_center.service import SortingCenter
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.county_rows import County, price

STATIONS = 6


def applied(ledger_url: str) -> set[tuple[str, int, int]]:
    """Station, key and number of every report in the ledger."""
    with Ledger.open_readonly(ledger_url) as ledger, ledger.reading() as connection:
        rows = connection.execute(select(event.c.station, event.c.body).where(event.c.type == ConfigApplied.TYPE))
        found = ((row.station, json.loads(row.body)["data"]) for row in rows)
        return {(station, data["key"], data["number"]) for station, data in found}


def test_a_price_that_is_published_is_applied_and_reported_by_every_station(tmp_path: Path) -> None:
    url, names = f"sqlite:///{tmp_path / 'ledger.db'}", [f"S{number:04d}" for number in range(1, STATIONS + 1)]
    with (
        Broker(tmp_path / "broker") as broker,
        SortingCenter(Ledger.open(url), BrokerAddress.parse(broker.url), None) as center,
        CenterDesk.open(url) as desk,
    ):
        county = County(desk, tmp_path, REGION)
        county.expect(dict.fromkeys(names, ""))
        center.send_configurations(county.key_file)
        assert center.start(SOON_S)
        manner = Manner(durable=False, stay_s=10 * SOON_S)
        fleet = Fleet(FleetPlan(STATIONS, 1, broker.url, tmp_path / "fleet", 1, 10 * SOON_S, manner))
        living = threading.Thread(target=fleet.run)
        living.start()
        try:
            for number, fen in enumerate((2400, 2500), 1):
                county.publish(price(fen))
                until(lambda n=number: applied(url) >= {(name, 1, n) for name in names})
        finally:
            fleet.end()
            living.join()
        for name in names:
            document = parse_document((tmp_path / "fleet" / name / INBOX / DOCUMENT).read_bytes())
            assert (document.station, document.version) == (name, (1, 2))
    assert applied(url) == {(name, 1, number) for name in names for number in (1, 2)}
