"""A county asks a station for two things at once: from the command line to the files in the county's folder."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.app.relay import run_relay
from kiosk.cli.sorting_center import main
from kiosk.config.relay import RelayConfig
from kiosk.domain.events import RequestAnswered
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.broker import Broker
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.service import SortingCenter
from kiosk.station.configuration.county import signature_check
from kiosk.station.shared.settings import CountyKeys
from kiosk.store.database.migrate import migrate
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.county_rows import County
from tests.sorting_center.photos.lanes import Listening, Receiving
from tests.station.doctor.asked import Asked
from tests.station.doctor.clinic import Clinic
from tests.station.fakes import MOMENT

REGION = "yarkant"


def call(url: str, *arguments: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, ["station", *arguments, "--ledger", url])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def relaying(station: Asked, broker_url: str, photos: str) -> Iterator[None]:
    """The whole relay of a station, with its lanes, as its process has it."""
    settings = RelaySettings(broker_url, REGION, "S0147", "test", photos=photos, reconnect_s=0.05, reconnect_max_s=0.2)
    stop, config = threading.Event(), RelayConfig(station.clinic.settings, settings)
    thread = threading.Thread(target=run_relay, args=(config, stop), name="relay")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SOON_S)


def test_from_the_command_line_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    monkeypatch.setattr("kiosk.sorting_center.configuration_worker.MIN_RESEND_S", 0.1)
    url, empty = f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "empty.db"
    migrate(empty)
    clinic = Clinic(tmp_path, empty)
    clinic.moment = replace(MOMENT, utc=datetime.now(UTC))
    with (
        closing(clinic.store),
        Broker(tmp_path / "broker") as broker,
        SortingCenter(Ledger.open(url), BrokerAddress.parse(broker.url), None) as center,
        CenterDesk.open(url) as desk,
        Ledger.open_readonly(url) as ledger,
        Receiving(ledger, tmp_path / "photos") as receiving,
        Listening(receiving) as listening,
    ):
        county = County(desk, tmp_path, REGION)
        county.expect({"S0147": ""})
        (tmp_path / "ca.crt").write_text(county.authority.certificate)
        center.send_configurations(county.key_file)
        assert center.start(SOON_S)
        for kind in ("bundle", "report"):
            call(url, "request", "S0147", kind)
        station, follower = (
            Asked(clinic, signature_check(CountyKeys(tmp_path / "ca.crt"))),
            OfferFollower(ledger, desk.database),
        )

        def answered() -> list[dict[str, Any]]:
            station.worker.step()
            receiving.follow()
            while follower.step():
                pass
            rows = call(url, "requests")
            here = [(tmp_path / "photos" / row["file"]).is_file() for row in rows if row["outcome"] == "done"]
            return rows if here == [True, True] else []

        with relaying(station, broker.url, f"http://127.0.0.1:{listening.port}"):
            rows = until(answered)
            until(lambda: not station.files())
        bundle, report = ((tmp_path / "photos" / row["file"]).read_bytes() for row in rows)
        assert {row["device"] for row in json.loads(report)} >= {"settings", "station", "scale"}
        (tmp_path / "bundle.zip").write_bytes(bundle)
        assert "about.json" in zipfile.ZipFile(tmp_path / "bundle.zip").namelist()
        assert [len(bundle), len(report)] == [row["size_bytes"] for row in rows]
        told = [json.loads(row.body)["data"] for row in ledger.feed(0, 1000) if row.type == RequestAnswered.TYPE]
        assert list(dict.fromkeys(row["sha256"] for row in told)) == [row["sha256"] for row in rows], "each made once"
        figures = receiving.photos.figures()
        assert (figures.received, figures.pending) == (0, 0), "they are no pictures"
        assert receiving.arrivals.path(REGION, "S0147", rows[0]["sha256"]) is None
