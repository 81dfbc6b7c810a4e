"""Counter pages: door, lists, acts. Reading changes nothing; a refused act answers 409, a sentence and a link back."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Blueprint, Flask, abort, g, redirect, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from kiosk.domain.clerk import Role
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.service import StationService
from kiosk.web.counter import live as counter_live
from kiosk.web.counter.acts import ACTS, Post, Run, back_to
from kiosk.web.counter.check import LIVE_NEEDS
from kiosk.web.counter.frame import HOME, CounterFrame
from kiosk.web.counter.home import CounterHome
from kiosk.web.counter.lists import CounterLists
from kiosk.web.counter.packing import CratePages, TotePages
from kiosk.web.shared import roles
from kiosk.web.shared.roles import Need

logger = logging.getLogger(__name__)

Answer = tuple[str, int] | AnyResponse
_PAGES = (
    "code",
    "type",
    "slip",
    "parcels",
    "parcel",
    "parcel_photo",
    "shown",
    "intakes",
    "intake",
    "intake_photo",
    "crate",
    "totes",
    "queue",
    "day",
    "arrivals",
)

_STREAMS = frozenset({*counter_live.NEEDS, *LIVE_NEEDS})


def _name(path: str) -> str:
    """Return the endpoint of an act: ``/counter/parcels/<about>/return`` is ``act_parcels_return``."""
    return "_".join(["act", *(part for part in path.split("/")[2:] if not part.startswith("<"))])


NEEDS = {
    "counter.door": Need.OPEN,
    "counter.unlock": Need.OPEN,
    "counter.lock": Need.OPEN,
    **{f"counter.{name}": Need.CLERK for name in (*_PAGES, *map(_name, ACTS))},
}


def blueprint(station: StationService, frame: CounterFrame) -> Blueprint:
    counter = Blueprint("counter", __name__)
    home, lists, crates = CounterHome(station, frame), CounterLists(station, frame), CratePages(station, frame)
    _add_session_routes(counter, station, frame, home)
    _pages(counter, home, lists)
    totes = TotePages(station, frame)
    counter.add_url_rule("/counter/totes", "totes", lambda: totes.page(roles.session()))
    counter.add_url_rule("/counter/intakes/<about>/crate", "crate", lambda about: crates.page(roles.session(), about))
    _pictures(counter, station)
    for path, run in ACTS.items():
        counter.add_url_rule(path, _name(path), _act(station, run), methods=["POST"])
    return counter


def install(app: Flask, station: StationService, frame: CounterFrame) -> None:
    """Draw refusals at the counter as pages of the counter."""

    def take_snapshot() -> None:
        """Take the snapshot before anything of a page is read: a page never names a change that it does not show, and
        its stream redraws it after a change meanwhile.
        """
        g.counter = station.counter_board.snapshot()

    def refused(error: CounterRefused) -> Answer:
        logger.info("refused at %s: %s", request.endpoint, error.code)
        session = station.access.session(request.cookies.get(roles.COOKIE, ""))
        if session is None or error.code == "not_unlocked":
            return frame.unlock(error), 409
        status = 404 if request.method in ("GET", "HEAD") else 409
        return frame.refused(error, session.person, back_to(request.path, request.form)), status

    def denied(error: roles.AccessDenied) -> Answer:
        # A page goes to the door; a stream that was sent there would take the door for its messages.
        asks = request.method in ("GET", "HEAD") and request.endpoint not in _STREAMS
        if asks and not error.unlocked and error.opens:
            return redirect(HOME, 303)
        return frame.denied("counter.denied.role" if error.unlocked else "counter.denied.locked"), 403

    app.before_request(take_snapshot)
    app.register_error_handler(CounterRefused, refused)
    app.register_error_handler(roles.AccessDenied, denied)


def _add_session_routes(counter: Blueprint, station: StationService, frame: CounterFrame, home: CounterHome) -> None:
    @counter.get("/counter")
    def door() -> str:
        session = station.access.session(request.cookies.get(roles.COOKIE, ""))
        if session is None:
            return frame.unlock()
        return home.home(session) if session.person.role is Role.CLERK else frame.technician(session.person)

    @counter.post("/counter/unlock")
    def unlock() -> Answer:
        try:
            session = station.access.sign_in(request.form.get("number", ""), request.form.get("pin", ""))
        except CounterRefused as error:
            return frame.unlock(error), 409
        return roles.set_session_cookie(redirect(HOME, 303), session.token)

    @counter.post("/counter/lock")
    def lock() -> AnyResponse:
        station.access.sign_out(request.cookies.get(roles.COOKIE, ""))
        return roles.clear_session_cookie(redirect(HOME, 303))


def _pages(counter: Blueprint, home: CounterHome, lists: CounterLists) -> None:
    def page(path: str, name: str, draw: Callable[[CounterSession], str | AnyResponse]) -> None:
        counter.add_url_rule(path, name, lambda: draw(roles.session()), methods=["GET"])

    page("/counter/code", "code", home.code)
    page("/counter/type", "type", home.type)
    page("/counter/slip", "slip", home.slip)
    page("/counter/parcels", "parcels", lists.parcels)
    page("/counter/intakes", "intakes", lists.intakes)
    page("/counter/queue", "queue", lists.queue)
    page("/counter/day", "day", lists.day)

    @counter.get("/counter/parcels/<any(in, out):way>")
    def arrivals(way: str) -> AnyResponse:
        """Redirect in and out to one page: the counter's mode decides what a scan means."""
        return redirect(HOME, 303)

    @counter.get("/counter/parcels/<about>")
    def parcel(about: str) -> str:
        return lists.parcel(roles.session(), about)

    @counter.post("/counter/parcels/<about>/shown")
    def shown(about: str) -> str:
        """Answer a post with its page: what may be seen once has no address to come back to."""
        return lists.shown(roles.session(), about)

    @counter.get("/counter/intakes/<about>")
    def intake(about: str) -> str:
        return lists.intake(roles.session(), about)


def _pictures(counter: Blueprint, station: StationService) -> None:
    @counter.get("/counter/parcels/<about>/photo.jpg")
    def parcel_photo(about: str) -> AnyResponse:
        row, view = station.counter.shelf.parcel(roles.session(), about), station.counter.state.view()
        new = view.photo.sha256 if view.shot_of == str(row.number) else None
        path = station.parcel_photos.path(new or row.photo_sha256 or "")
        if path is None:
            abort(404)
        return send_file(path, mimetype="image/jpeg", max_age=0, conditional=False, etag=False)

    @counter.get("/counter/intakes/<about>/photo.jpg")
    def intake_photo(about: str) -> AnyResponse:
        row = station.counter.intakes.intake(roles.session(), about)
        view = station.counter.state.view()
        path = station.photo_folder.path(view.photo.sha256 or "") if view.shot_of == row.lot else None
        if path is None:
            abort(404)
        return send_file(path, mimetype="image/jpeg", max_age=0, conditional=False, etag=False)


def _act(station: StationService, run: Run) -> Callable[..., AnyResponse]:
    def act(about: str | int = "") -> AnyResponse:
        session = roles.session()
        where = run(Post(station.counter, session, request.form, str(about)))
        if roles.is_staff_address(where):
            return redirect(where, 303)
        # The villager's screen is next. This answer may never be followed, so the session ends now.
        station.access.sign_out(session.token)
        return roles.clear_session_cookie(redirect(where, 303))

    return act
