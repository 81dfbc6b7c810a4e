"""The front page: what the county does now."""

from __future__ import annotations

from flask import Response, request

from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.web.access import Pages
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources

today = Pages("today", __name__)


@today.look("/", Role.VIEWER)
def front() -> str:
    return _shown("front.html")


@today.look("/live", Role.VIEWER)
def live() -> Response:
    """The changing part of the page; 304 while nothing changed."""
    response = Response(_shown("live.html"), mimetype="text/html")
    response.add_etag()
    response.make_conditional(request)
    return response


def _shown(template: str) -> str:
    found = sources()
    return show(template, picture=found.pictures.current(), health=found.health.report())
