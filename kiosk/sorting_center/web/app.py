"""The web application of the sorting center: pages for its staff, and what programs ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from flask import Flask

from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.shared.ports import HealthSource
from kiosk.sorting_center.web import staff
from kiosk.sorting_center.web.machine.routes import machine, openapi
from kiosk.sorting_center.web.shared import access, frame, guard
from kiosk.sorting_center.web.shared.access import GuardedBlueprint
from kiosk.sorting_center.web.shared.guard import Hosts, TrustedProxy
from kiosk.sorting_center.web.shared.metrics import LedgerCollector
from kiosk.sorting_center.web.shared.sources import PageSnapshots, PageSources, Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.sorting_center.web.staff.fleet import telephone
from kiosk.texts.languages import LANGUAGES


def page_blueprints() -> tuple[GuardedBlueprint, ...]:
    """Return every blueprint of the modules in `staff`: a page is served because its module is there."""
    modules = [import_module(f"{staff.__name__}.{found.name}") for found in iter_modules(staff.__path__)]
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, GuardedBlueprint)
    }
    return tuple(found.values())


BLUEPRINTS: Final = (machine, openapi, *page_blueprints())
MAX_FORM_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ExternalAddresses:
    """``hosts`` are the names the pages answer under, None: loopback only; ``trusted_proxy``: the proxy whose headers
    about clients are believed; ``storefront`` is where buyers find what is published.
    """

    hosts: Hosts | None = None
    trusted_proxy: str | None = None
    storefront: PublicAddresses | None = None


def load_pages(app: Flask) -> None:
    """Load all templates and texts, which takes about a second, so that the first view of a page does not wait."""
    for code in LANGUAGES:
        center_texts(code)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def create_app(
    stores: Stores,
    health: HealthSource,
    now: Callable[[], datetime],
    addresses: ExternalAddresses | None = None,
    *,
    publish_alone: bool = False,
    configuration_key: Path | None = None,
) -> Flask:
    addresses = addresses or ExternalAddresses()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FORM_BYTES
    app.wsgi_app = TrustedProxy(app.wsgi_app, addresses.trusted_proxy)  # type: ignore[method-assign]
    pictures = PageSnapshots(stores.ledger, stores.desk, stores.reports, now)
    figures = LedgerCollector(stores.ledger)
    app.extensions["sources"] = PageSources(
        stores, health, figures, pictures, now, addresses.storefront, publish_alone, configuration_key
    )
    guard.install(app, addresses.hosts or Hosts())
    access.install(app, BLUEPRINTS, stores.desk)
    frame.install(app)
    app.jinja_env.globals["telephone"] = telephone
    return app
