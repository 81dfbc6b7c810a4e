"""The web application of the sorting center: pages for its staff, and what programs ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Flask

from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.shared.ports import HealthSource
from kiosk.sorting_center.web.listings.exports import listing_exports
from kiosk.sorting_center.web.listings.pages import listings
from kiosk.sorting_center.web.machine.openapi import openapi
from kiosk.sorting_center.web.machine.routes import machine
from kiosk.sorting_center.web.shared import access, frame, guard
from kiosk.sorting_center.web.shared.guard import Hosts, TrustedProxy
from kiosk.sorting_center.web.shared.metrics import LedgerCollector
from kiosk.sorting_center.web.shared.snapshots import PageSnapshots
from kiosk.sorting_center.web.shared.sources import PageSources, Stores
from kiosk.sorting_center.web.sign_in import sign_in_blueprint
from kiosk.sorting_center.web.staff.alarms import alarms
from kiosk.sorting_center.web.staff.days import days
from kiosk.sorting_center.web.staff.exports import exports
from kiosk.sorting_center.web.staff.fleet import fleet
from kiosk.sorting_center.web.staff.members import members
from kiosk.sorting_center.web.staff.notices import notices
from kiosk.sorting_center.web.staff.people import people
from kiosk.sorting_center.web.staff.quarantine import quarantine
from kiosk.sorting_center.web.staff.receipts import receipts
from kiosk.sorting_center.web.staff.reconciliation import reconciliation
from kiosk.sorting_center.web.staff.registry import registry
from kiosk.sorting_center.web.staff.search import search
from kiosk.sorting_center.web.staff.station import station
from kiosk.sorting_center.web.staff.today import today

BLUEPRINTS: Final = (
    sign_in_blueprint,
    machine,
    openapi,
    today,
    fleet,
    station,
    alarms,
    registry,
    people,
    notices,
    search,
    receipts,
    members,
    days,
    exports,
    reconciliation,
    quarantine,
    listings,
    listing_exports,
)
MAX_FORM_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ExternalAddresses:
    """``hosts`` are the names the pages answer under, None: loopback only; ``trusted_proxy`` speaks for who asks;
    ``storefront`` is where buyers find what is published.
    """

    hosts: Hosts | None = None
    trusted_proxy: str | None = None
    storefront: PublicAddresses | None = None


def compile_templates(app: Flask) -> None:
    """All of them, so that nobody waits for it at the first look at a page: it takes about a second."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def create_app(
    stores: Stores, health: HealthSource, now: Callable[[], datetime], addresses: ExternalAddresses | None = None
) -> Flask:
    addresses = addresses or ExternalAddresses()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FORM_BYTES
    app.wsgi_app = TrustedProxy(app.wsgi_app, addresses.trusted_proxy)  # type: ignore[method-assign]
    pictures = PageSnapshots(stores.ledger, stores.desk, stores.reports, now)
    figures = LedgerCollector(stores.ledger)
    app.extensions["sources"] = PageSources(stores, health, figures, pictures, now, addresses.storefront)
    guard.install(app, addresses.hosts or Hosts())
    access.install(app, BLUEPRINTS, stores.desk)
    frame.install(app)
    return app
