"""People and programs before the pages of a sorting center, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.tokens import MAX_PER_MINUTE, Scope
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.watch.county_watch import CountyWatch, county_snapshot
from kiosk.sorting_center.web.app import create_app
from kiosk.sorting_center.web.shared.sources import Stores

PASSWORD: Final = "melon and almond"
HOST: Final = "localhost"
"""What a client of Flask's asks under."""
ZONE: Final = ZoneInfo("Asia/Shanghai")
NOON: Final = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


@contextmanager
def stores_of(ledger: Ledger) -> Iterator[Stores]:
    """All that pages look at, of this ledger."""
    with CenterDesk.open(ledger.url) as desk, Reports.open(ledger.url, ZONE) as reports:
        yield Stores(ledger, desk, reports)


def app_of(
    stores: Stores,
    health: CenterHealth | None = None,
    now: datetime = NOON,
    *,
    publish_alone: bool = False,
    configuration_key: Path | None = None,
) -> Flask:
    """The pages on the wall clock of a fixed noon."""
    return create_app(
        stores,
        health or CenterHealth(),
        lambda: now,
        publish_alone=publish_alone,
        configuration_key=configuration_key,
    )


def sign_in(client: FlaskClient, desk: CenterDesk, role: StaffRole = StaffRole.VIEWER) -> str:
    """This client is a new person of that role from here on, without the door; the word for the forms."""
    name = f"{role.word}-{len(desk.people.all())}"
    token = desk.sessions.begin(desk.people.add(name, role, PASSWORD, datetime.now(UTC)), HOST, datetime.now(UTC))
    client.set_cookie("center", token)
    found = desk.sessions.find(token, HOST, datetime.now(UTC))
    assert found is not None
    return found.csrf


def bearer(desk: CenterDesk, *scopes: Scope) -> dict[str, str]:
    """The header of a program."""
    name = f"program-{len(desk.tokens.all())}"
    return {"Authorization": f"Bearer {desk.tokens.add(name, scopes or Scope, datetime.now(UTC), MAX_PER_MINUTE)}"}


def followed(stores: Stores) -> None:
    """The reports have read all of the ledger."""
    follower = ReportsFollower(stores.ledger, stores.reports)
    while follower.step():
        pass


def looked_after(stores: Stores, now: datetime = NOON) -> None:
    """What is wrong by now has become cases."""
    followed(stores)
    look = partial(county_snapshot, stores.ledger, stores.reports, stores.desk)
    CountyWatch(look, stores.desk, lambda: True, lambda: now).step()


@contextmanager
def viewer(ledger: Ledger, health: CenterHealth | None = None) -> Iterator[FlaskClient]:
    """A viewer who is signed in."""
    with stores_of(ledger) as stores, app_of(stores, health).test_client() as client:
        sign_in(client, stores.desk)
        yield client
