"""The web application of one station."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from flask import Flask, request
from jinja2 import StrictUndefined

from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.counter.state import CounterSnapshot
from kiosk.station.desk.live import Snapshot
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.scale.teach import Teach
from kiosk.station.service import StationService
from kiosk.texts import html
from kiosk.web import errors, mat_view
from kiosk.web.counter import check as counter_check
from kiosk.web.counter import forgotten
from kiosk.web.counter import listings as counter_listings
from kiosk.web.counter import live as counter_live
from kiosk.web.counter import routes as counter
from kiosk.web.counter.check import MAX_STREAMS, PanSnapshot, live_blueprint, pan_source
from kiosk.web.counter.frame import CounterFrame
from kiosk.web.public import brought, live, my_parcel
from kiosk.web.public import clock as public_clock
from kiosk.web.public import routes as public
from kiosk.web.public.live import Streams
from kiosk.web.public.screens import Screens
from kiosk.web.shared import guard, roles
from kiosk.web.shared.ports import Endable
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import clock as clock_pages
from kiosk.web.technician import county as county_pages
from kiosk.web.technician import goods as goods_pages
from kiosk.web.technician import layouts as layout_pages
from kiosk.web.technician import network as network_pages
from kiosk.web.technician import people as people_pages
from kiosk.web.technician import routes as technician
from kiosk.web.technician import teach as teach_pages
from kiosk.web.technician import technical
from kiosk.web.technician import update as update_pages

MAX_BODY_BYTES = 64 * 1024
# Of the server: an eighth of what the unit grants the process, which devices, workers and the camera's child share.
THREADS: Final = 16
# Threads no stream may take: pages, forms and pictures need them (four streams on four threads hang a station).
_SPARE_THREADS: Final = 6
PUBLIC_STREAMS: Final = THREADS - _SPARE_THREADS  # Live streams of the public face at a time

# The only ways a number or a name reaches a page.
_FILTERS = {
    "kg": html.bdi_kg,
    "money": html.bdi_money,
    "price": html.bdi_price,
    "number": html.bdi_number,
    "code": html.bdi_code,
    "name": html.bdi_name,
}

_BLUEPRINT_MODULES = (
    public,
    my_parcel,
    brought,
    public_clock,
    technical,
    live,
    mat_view,
    counter,
    forgotten,
    counter_check,
    counter_listings,
    counter_live,
    technician,
    teach_pages,
    layout_pages,
    update_pages,
    goods_pages,
    people_pages,
    clock_pages,
    county_pages,
    network_pages,
)
# Who may reach which endpoint; one without an entry is refused to all.
NEEDS = roles.merge(face.NEEDS for face in _BLUEPRINT_MODULES)


class ServedApp(Flask):
    def __init__(self, name: str, streams: Endable) -> None:
        super().__init__(name)
        self.streams = streams


@dataclass(frozen=True, slots=True)
class AllStreams:
    public: Streams[Snapshot]
    counter: Streams[CounterSnapshot]
    check: Streams[PanSnapshot]

    def stop(self) -> None:
        self.public.stop()
        self.counter.stop()
        self.check.stop()


def _session(access: Access, token: str) -> CounterSession | None:
    """Return the session of a request; what a page requests by itself does not renew it."""
    return access.peek(token) if request.endpoint in mat_view.WATCHED else access.session(token)


def create_app(
    service: StationService,
    settings: WebSettings,
    doctor: Doctor | None = None,
    teach: Teach | None = None,
    alive: Callable[[], None] = technical.ignore_alive,
) -> ServedApp:
    """Build all pages of the station without starting anything: ``serve`` does that. The technician's pages answer 503
    without a ``doctor``, those that teach a scale without ``teach``. ``alive`` is called whenever a page on the screen
    reports that it runs.
    """
    streams = AllStreams(
        Streams(live.public_source(service.board), PUBLIC_STREAMS),
        Streams(counter_live.counter_source(service.counter_board), counter_live.MAX_STREAMS),
        Streams(pan_source(service), MAX_STREAMS),
    )
    app = ServedApp("kiosk.web", streams)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES, MAX_FORM_PARTS=32)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(_FILTERS)
    screens, frame = Screens(service, settings), CounterFrame(service, settings)
    guard.install(app)
    counter.install(app, service, frame)
    roles.install(app, NEEDS, partial(_session, service.access), service.access.sign_out)
    errors.install(app, service, screens, settings)
    app.register_blueprint(public.blueprint(service, screens))
    app.register_blueprint(my_parcel.blueprint(service, screens))
    app.register_blueprint(brought.blueprint(service, screens))
    app.register_blueprint(public_clock.blueprint(service, screens))
    app.register_blueprint(technical.blueprint(service, settings, screens, alive))
    app.register_blueprint(live.blueprint(streams.public, settings.language, settings.weight_decimals))
    app.register_blueprint(mat_view.blueprint(service))
    app.register_blueprint(counter.blueprint(service, frame))
    app.register_blueprint(forgotten.blueprint(service, frame))
    app.register_blueprint(counter_live.blueprint(service, streams.counter))
    app.register_blueprint(counter_check.blueprint(service, frame))
    app.register_blueprint(counter_listings.blueprint(service, frame))
    app.register_blueprint(live_blueprint(service, streams.check, settings.language, settings.weight_decimals))
    app.register_blueprint(technician.blueprint(service, settings, doctor))
    app.register_blueprint(teach_pages.blueprint(teach, settings))
    app.register_blueprint(layout_pages.blueprint(settings, doctor))
    app.register_blueprint(update_pages.blueprint(settings, doctor))
    app.register_blueprint(goods_pages.blueprint(settings, doctor))
    app.register_blueprint(people_pages.blueprint(service, settings))
    app.register_blueprint(clock_pages.blueprint(service, settings))
    app.register_blueprint(county_pages.blueprint(service, settings))
    app.register_blueprint(network_pages.blueprint(settings, doctor))
    return app
