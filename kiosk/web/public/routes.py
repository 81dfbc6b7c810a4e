"""The public face: one address per step, one act per post, and only the server knows the current step.

GET never changes anything. A post acts and answers 303 to the screen the desk is in afterwards; a refused one answers
409 with the current screen and the reason on top.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.protocols.barcodes.scan import MAX_NAMED_LENGTH
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView
from kiosk.station.service import StationService
from kiosk.station.slips import PublicSlips
from kiosk.texts import LANGUAGES
from kiosk.web.public.payload import PATHS
from kiosk.web.public.screens import Screens
from kiosk.web.shared.roles import Need
from kiosk.web.shared.slip_card import slip_card
from kiosk.web.shared.speech import set_language_cookie

Form = Mapping[str, str]
Act = Callable[[Desk, Form], DeskView]

_MAX_NUMBER = 18


def _int_field(form: Form, field: str) -> int:
    """Parse a number the page itself put into the form. Raises DeskRefused for anything else."""
    text = form.get(field, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_NUMBER):
        raise DeskRefused("stale_page", f"{field} is no number")
    return int(text)


def _scan(desk: Desk, form: Form) -> DeskView:
    text = form.get("text", "")
    if len(text) > MAX_NAMED_LENGTH:
        raise DeskRefused("not_a_member_card", "the scan is too long")
    return desk.choices.scan(text)


# Every act of the public face. None takes a weight: only the number of a reading the scale itself gave.
ACTS: Mapping[str, Act] = {
    "/begin": lambda desk, form: desk.choices.begin(),
    "/scan": _scan,
    "/party": lambda desk, form: desk.choices.choose_party(form.get("party", "")),
    "/product": lambda desk, form: desk.choices.choose_product(
        form.get("code", ""), _int_field(form, "catalog_version")
    ),
    "/mode": lambda desk, form: desk.choices.choose_mode(form.get("mode", "")),
    "/container": lambda desk, form: desk.choices.choose_container(form.get("code", "")),
    "/container/take": lambda desk, form: desk.loads.take_container(
        _int_field(form, "reading_no"), form.get("token", "")
    ),
    "/certificate": lambda desk, form: desk.choices.choose_certificate(form.get("kind", "")),
    "/bag": lambda desk, form: desk.loads.another_bag(_int_field(form, "reading_no"), form.get("token", "")),
    "/agree": lambda desk, form: desk.agreement.agree(_int_field(form, "reading_no"), form.get("token", "")),
    "/back": lambda desk, form: desk.intake_exit.back(),
    "/leave": lambda desk, form: desk.intake_exit.leave(idle=form.get("idle") == "1"),
    "/finish": lambda desk, form: desk.result_screen.finish(anyway=form.get("anyway") == "1"),
    "/photo": lambda desk, form: desk.result_screen.take_photo(),
    "/photo/skip": lambda desk, form: desk.result_screen.skip_photo(),
}

# Of *Check a receipt*; a receipt is removed after half a minute, and none of it is in an address.
_SLIP_ACTS = {"check": PublicSlips.hold, "time_up": PublicSlips.time_up, "done": PublicSlips.done}

_PAIR = "[a-z_]+=[A-Za-z0-9_-]*"
# Pages that stay where they are when the language changes.
_STAFF_PAGE = rf"(?:counter|technician|setup)(?:/[A-Za-z0-9-]+)*(?:\?{_PAIR}(?:&{_PAIR})*)?"
_OWN_PAGE = re.compile(rf"/(?:parcel|slip|brought|help|clock|{_STAFF_PAGE})")


def _endpoints() -> list[str]:
    shown = [f"show_{step.value}" for step in PATHS]
    slips = ["slip", *(f"slip_{name}" for name in _SLIP_ACTS)]
    return [*shown, *(f"act{path.replace('/', '_')}" for path in ACTS), *slips, "help"]


NEEDS = {
    **{f"public.{name}": Need.PUBLIC for name in _endpoints()},
    "public.language": Need.OPEN,  # both faces change their language here: where it leads to decides
}


def blueprint(station: StationService, screens: Screens) -> Blueprint:
    public = Blueprint("public", __name__)
    for step, path in PATHS.items():
        public.add_url_rule(path, f"show_{step.value}", _show(station, screens, step), methods=["GET"])
    for path, act in ACTS.items():
        public.add_url_rule(path, f"act{path.replace('/', '_')}", _post(station, act), methods=["POST"])
    public.add_url_rule("/slip", "slip", _slip(station, screens), methods=["GET"])
    for name, check in _SLIP_ACTS.items():
        public.add_url_rule(f"/slip/{name}", f"slip_{name}", _post_slip(station, check), methods=["POST"])
    public.add_url_rule("/help", "help", lambda: screens.page("help.html", station.desk.view()), methods=["GET"])
    public.add_url_rule("/language", "language", _language(station), methods=["POST"])
    return public


def _show(station: StationService, screens: Screens, step: DeskStep) -> Callable[[], str | AnyResponse]:
    def show() -> str | AnyResponse:
        view = station.desk.view()
        return screens.step(view) if view.step is step else redirect(PATHS[view.step], 303)

    return show


def _post(station: StationService, act: Act) -> Callable[[], AnyResponse]:
    def post() -> AnyResponse:
        view = act(station.desk, request.form)
        if request.form.get("idle") == "1":
            station.counter.handovers.end_call()
        return redirect(PATHS[view.step], 303)

    return post


def _slip(station: StationService, screens: Screens) -> Callable[[], str | AnyResponse]:
    def show() -> str | AnyResponse:
        view, screen = station.desk.view(), station.slips.screen()
        if view.step is not DeskStep.HOME or screen is None:
            return redirect(PATHS[view.step], 303)
        checked, left_ms = screen
        card = slip_card(station, checked, left_ms) if checked is not None else None
        return screens.page("slip.html", view, card=card, left_ms=left_ms)

    return show


def _post_slip(station: StationService, act: Callable[[PublicSlips], None]) -> Callable[[], AnyResponse]:
    def post() -> AnyResponse:
        act(station.slips)
        return redirect("/slip", 303)

    return post


def _language(station: StationService) -> Callable[[], AnyResponse]:
    def language() -> AnyResponse:
        here = request.form.get("here", "")
        answer: AnyResponse = redirect(here if _OWN_PAGE.fullmatch(here) else PATHS[station.desk.view().step], 303)
        code = request.form.get("lang", "")
        if code in LANGUAGES and isinstance(answer, Response):
            set_language_cookie(answer, code)
        return answer

    return language
