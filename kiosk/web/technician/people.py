"""The people at the counter: add one, give a new PIN, close one. As ``kiosk clerk`` does it.

GET changes nothing. A post acts and answers 303; a refused one answers 409 with the reason, which holds no PIN.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kiosk.domain.clerk import BadClerk, BadPin, Role
from kiosk.station.clerk.access import Access
from kiosk.station.clerk.pin_hash import Person, clean_person_name
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.service import StationService
from kiosk.web.counter.forgotten import typed_twice
from kiosk.web.counter.lists import ALPHABETS
from kiosk.web.shared.paging import rows_of
from kiosk.web.shared.roles import session
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician.frame import TechnicianArea, blueprint_of, draw, needs_technician

logger = logging.getLogger(__name__)

HOME: Final = "/technician/people"
PAGES: Final = ("page", "new", "pin", "person")
POSTS: Final = ("name", "add", "pin", "retire")
NEEDS: Final = needs_technician("people", PAGES, POSTS)
ROWS: Final = 3  # On one page
_STALE: Final = "technician.refused.stale_page"
_FAILED: Final = "technician.refused.store_failed"
# Other failures are those of the database.
_REFUSED: Final = {
    "last_technician": "technician.people.refused.last_technician",
    "no_pin_key": "technician.people.refused.no_pin_key",
    "county_people": "technician.people.refused.county_people",
    "unknown_clerk": _STALE,
}


def blueprint(station: StationService, settings: WebSettings) -> Blueprint:
    pages = _PeoplePages(station, settings)
    gets = {"page": pages.page, "new": pages.new, "pin": pages.pin, "person": pages.person}
    routes = blueprint_of("people", HOME, gets, pages.posts())
    routes.register_error_handler(BadClerk, lambda error: pages.refused("setup.refused.name", f"{HOME}/new"))
    routes.register_error_handler(BadPin, lambda error: pages.refused(f"setup.refused.pin_{error.code}", _pad()))
    routes.register_error_handler(CounterRefused, lambda error: pages.refused(_REFUSED.get(error.code, _FAILED)))
    return routes


class _PeoplePages(TechnicianArea):
    """Draws and acts. A name that has no PIN yet is forgotten with the session."""

    def __init__(self, station: StationService, settings: WebSettings) -> None:
        super().__init__(settings, None, "care", HOME)
        self._station = station
        self._lock = threading.Lock()
        # Token of the session, name and role of the person who waits for a PIN.
        self._named: tuple[str, str, Role] | None = None

    @property
    def access(self) -> Access:
        return self._station.access

    def page(self) -> str:
        rows = rows_of(list(self.access.staff().items()), ROWS, request.args.get("page"))
        return self.draw("people", page=rows, done=bool(request.args.get("done")), managed=self._managed())

    def _managed(self) -> bool:
        """Return whether the county decides who works here; then a technician only sets PINs."""
        with as_counter_refusals():
            return self._station.county.manages_people()

    def _require_own_list(self) -> None:
        if self._managed():
            raise CounterRefused("county_people")

    def new(self) -> str:
        self._require_own_list()
        requested = request.args.get("letters", "")
        alphabet = requested if requested in ALPHABETS else "en"
        return self.draw("people_name", alphabet=alphabet, keys=ALPHABETS[alphabet], all_roles=tuple(Role))

    def pin(self) -> str | AnyResponse:
        if "number" in request.args:
            person = self._person()
            return self.draw("people_pin", name=person.name, number=person.number)
        named = self._waiting()
        return redirect(f"{HOME}/new", 303) if named is None else self.draw("people_pin", name=named[0], number="")

    def person(self) -> str:
        return self.draw("people_person", person=self._person(), close="close" in request.args, managed=self._managed())

    def refused(self, text_id: str, here: str = HOME) -> tuple[str, int]:
        return draw(self._settings, "refused", "care", here, text_id=text_id), 409

    def posts(self) -> dict[str, Callable[[], AnyResponse | tuple[str, int]]]:
        return {"name": self._name, "add": self._add, "pin": self._set_pin, "retire": self._retire}

    def _name(self) -> AnyResponse:
        self._require_own_list()
        role = request.form.get("role", "")
        if role not in tuple(Role):
            abort(400)
        named = (session().token, clean_person_name(request.form.get("name", "")), Role(role))
        with self._lock:
            self._named = named
        return redirect(f"{HOME}/pin", 303)

    def _add(self) -> AnyResponse | tuple[str, int]:
        """Add one person at a time: a repeated touch adds no second one."""
        self._require_own_list()
        with self._lock:
            named = self._waiting()
            if named is None:
                return self.refused(_STALE)
            person = self.access.add(*named, typed_twice())
            self._named = None
        return _done("took on", person.number)

    def _set_pin(self) -> AnyResponse:
        number = request.form.get("number", "")
        self.access.set_pin(number, typed_twice())
        return _done("gave a new PIN to", number)

    def _retire(self) -> AnyResponse:
        self._require_own_list()
        number = request.form.get("number", "")
        self.access.retire(number)
        return _done("closed", number)

    def _waiting(self) -> tuple[str, Role] | None:
        named = self._named
        return named[1:] if named is not None and named[0] == session().token else None

    def _person(self) -> Person:
        number = request.args.get("number", "")
        return next((one for one in self.access.staff() if one.number == number), None) or abort(404)


def _done(what: str, number: str) -> AnyResponse:
    logger.info("%s %s clerk %s", session().person.actor, what, number)
    return redirect(f"{HOME}?done=1", 303)


def _pad() -> str:
    """Return the page where the PIN of the form was typed."""
    number = request.form.get("number")
    return url_for("people.pin") if number is None else url_for("people.pin", number=number)
