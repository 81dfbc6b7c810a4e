"""The updates lane as a relay of a station has it: from its settings file to a bundle in its folder."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from kiosk.app import relay
from kiosk.app.update.board import UpdatePaths
from kiosk.config.relay import load
from kiosk.messaging.relay.updates import lane as updates_lane
from kiosk.store.database.migrate import migrate
from tests.messaging.relay.updates.test_lane import Center, offered, part
from tests.messaging.relay.updates.village import Hostile
from tests.sorting_center.brokers import until
from tests.sorting_center.updates.bundles import bundle
from tests.station.update.machine import Machine
from tests.store.village import open_store

SETTINGS = """\
[station]
station = "S0147"
region = "shache"
data = "{data}"

[relay]
broker_url = "mqtt://127.0.0.1:1"
{more}
"""


def test_a_relay_fetches_only_where_it_is_set_and_something_can_be_updated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, settings = Machine(tmp_path / "machine").lay(), tmp_path / "station.toml"
    raw = bundle(tmp_path, size=6_000, architecture="all").read_bytes()
    monkeypatch.setattr(updates_lane, "MAX_FIRST_DELAY_S", 0.0)
    migrate(tmp_path / "empty.db")
    with (
        Hostile(Center(raw, offered(raw), part)) as center,
        closing(open_store(tmp_path / "station.db", tmp_path / "empty.db")) as store,
    ):
        for more, places, fetches in (
            ("", UpdatePaths(machine.releases, machine.package), False),
            (f'updates = "{center.url}"', UpdatePaths(tmp_path / "none", machine.package), False),
            (f'updates = "{center.url}"', UpdatePaths(machine.releases, machine.package), True),
        ):
            settings.write_text(SETTINGS.format(data=machine.data, more=more))
            monkeypatch.setattr(relay, "UPDATE_PATHS", places)
            made = relay._updates_lane(load(settings), store)
            assert (made is not None) == fetches
        assert made is not None
        assert made.turn() > 0
        assert center.asked == [], "the event of the start waits, and goes first"
        made.start()
        try:
            store.outbox.acknowledge(store.outbox.counts().last_seq, ())
            assert until(lambda: list((machine.data / "updates").glob("fetched-*")))
        finally:
            made.stop()
    (place,) = (machine.data / "updates").glob("fetched-*")
    assert place.read_bytes() == raw
