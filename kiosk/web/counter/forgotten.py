"""A first or a forgotten PIN by telephone: the digits to read out, the pad for the answer, then the new PIN.

These pages come before the sign-in and do not sign in; GET changes nothing. After a visit to the villagers' screen, or
too long a wait, no new PIN can be typed: the right answer is valid only in the browser in which it was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.domain.clerk import PIN_DIGITS, BadPin
from kiosk.domain.telephone_pin import DIGITS
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.clerk.telephone import TelephonePin
from kiosk.station.service import StationService
from kiosk.web.counter.frame import HOME as DOOR
from kiosk.web.counter.frame import CounterFrame
from kiosk.web.shared import roles
from kiosk.web.shared.roles import Need

HOME: Final = f"{DOOR}/forgotten"
POSTS: Final = ("begin", "answer", "pin", "end")
NEEDS: Final = {"forgotten.page": Need.OPEN, **{f"forgotten.act_{name}": Need.OPEN for name in POSTS}}

Answer = str | tuple[str, int] | AnyResponse


def blueprint(station: StationService, frame: CounterFrame) -> Blueprint:
    routes = Blueprint("forgotten", __name__)
    pages = _ForgottenPages(station, frame)
    routes.add_url_rule(HOME, "page", pages.page, methods=["GET"])
    for name in POSTS:
        routes.add_url_rule(f"{HOME}/{name}", f"act_{name}", pages.posts[name], methods=["POST"])
    return routes


class _ForgottenPages:
    def __init__(self, station: StationService, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame
        self.posts: dict[str, Callable[[], Answer]] = {
            "begin": self._begin,
            "answer": self._answer,
            "pin": self._set_pin,
            "end": self._end,
        }

    @property
    def _pins(self) -> TelephonePin:
        return self._station.telephone_pin

    def page(self) -> Answer:
        return self._draw() or redirect(DOOR, 303)

    def _begin(self) -> Answer:
        """Begin, and end the open session: the digits are for a person who cannot sign in."""
        number = request.form.get("number", "")
        try:
            if not number:
                raise CounterRefused("choose_person")
            self._pins.begin(number)
        except CounterRefused as error:
            return self._frame.unlock(error), 409
        self._station.access.sign_out(_token())
        return roles.clear_session_cookie(redirect(HOME, 303))

    def _answer(self) -> Answer:
        try:
            token = self._pins.check(request.form.get("challenge", ""), request.form.get("answer", ""))
        except CounterRefused as error:
            return self._refused(error)
        return roles.set_session_cookie(redirect(HOME, 303), token)

    def _set_pin(self) -> Answer:
        try:
            self._pins.set_pin(_token(), typed_twice())
        except (CounterRefused, BadPin) as error:
            return self._refused(error)
        return roles.clear_session_cookie(redirect(f"{DOOR}?done=pin", 303))

    def _end(self) -> Answer:
        self._pins.cancel()
        return redirect(DOOR, 303)

    def _refused(self, error: Refused) -> Answer:
        """Show the refusal on the person's present page, or on the unlock page when that one has ended."""
        if isinstance(error, BadPin):
            error = CounterRefused(f"pin_{error.code}")
        assert isinstance(error, CounterRefused)
        return (self._draw(error) or self._frame.unlock(error)), 409

    def _draw(self, error: CounterRefused | None = None) -> str:
        """Draw the step this browser is at; "" when it is at none."""
        found = self._pins.current
        if found is None or (found.answered and self._pins.answered_by(_token()) is None):
            return ""
        return self._frame.before_door(
            "forgotten",
            error,
            here=HOME,
            asks=found,
            digits_asked=DIGITS,
            phone=self._station.phone,
        )


def _token() -> str:
    return request.cookies.get(roles.COOKIE, "")


def typed_twice() -> str:
    """Return the PIN of the form, which holds it twice. Raises BadPin."""
    typed = request.form.get("pin", "")
    first, repeated = typed[:PIN_DIGITS], typed[PIN_DIGITS:]
    if first != repeated and len(typed) <= 2 * PIN_DIGITS:
        raise BadPin("differs", "the two PINs are not the same")
    return first if first == repeated else typed
