"""Around every page: its language, its way to the other pages, what a refusal looks like."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, jsonify, make_response, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, default_exceptions

from kiosk.sorting_center.desk.errors import DeskError, Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.web.access import current, doors
from kiosk.sorting_center.web.asked import asked_again
from kiosk.sorting_center.web.pictures.names import Named
from kiosk.sorting_center.web.pictures.times import local_time
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.texts import FALLBACK, CenterTexts, languages
from kiosk.texts import formats, html

LANGUAGE_COOKIE: Final = "language"
_NOTHING_MORE: Final = frozenset(error.description for error in default_exceptions.values())
"""What the library says of its own: the page says it in the language of who asks."""
_YEAR_S: Final = 365 * 24 * 3600

PLACES: Final = (
    ("today.front", "nav_today", Role.VIEWER),
    ("fleet.stations", "nav_fleet", Role.VIEWER),
    ("alarms.cases", "nav_alarms", Role.VIEWER),
    ("days.month", "nav_days", Role.VIEWER),
    ("days.goods", "nav_goods", Role.VIEWER),
    ("reconciliation.day", "nav_reconciliation", Role.VIEWER),
    ("quarantine.everything", "nav_quarantine", Role.VIEWER),
    ("listings.everything", "nav_listings", Role.VIEWER),
    ("registry.stations", "nav_registry", Role.VIEWER),
    ("people.everybody", "nav_people", Role.ADMIN),
    ("notices.targets", "nav_notices", Role.ADMIN),
    ("people.audit", "nav_audit", Role.ADMIN),
)
"""The way through the pages: endpoint, text, and who sees it."""


def install(app: Flask) -> None:
    """Filters, refusals, and the language of each answer."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        kg=html.bdi_kg,
        money=html.bdi_money,
        number=html.bdi_number,
        code=html.bdi_code,
        name=html.bdi_name,
        yuan=formats.YUAN,
    )
    app.register_error_handler(LedgerError, _no_database)
    app.register_error_handler(DeskError, _no_database)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _other)
    app.after_request(_keep_language)


def show(template: str, **values: object) -> str:
    """A page or a part of one, in the language of who asks."""
    now = sources().now()
    who = current()
    places = [(place, text) for place, text, least in PLACES if who.session and who.person.role >= least]
    return render_template(
        template,
        t=texts(),
        languages=languages(),
        in_language=in_language,
        session=who.session,
        places=places,
        named=Named(texts(), sources().reports),
        local=lambda timestamp: local_time(timestamp, now),
        **values,
    )


def in_language(code: str) -> str:
    """The address of this page in another language, with all else that was asked for."""
    return asked_again(request.args.items(multi=True), lang=code)


def texts() -> CenterTexts:
    """In the language that was asked for, chosen before, or is the browser's."""
    spoken = [language.code for language in languages()]
    mine = (request.args.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, ""), _persons_language())
    for asked in mine:
        if asked in spoken:
            return CenterTexts(asked)
    return CenterTexts(request.accept_languages.best_match(spoken, FALLBACK) or FALLBACK)


def _persons_language() -> str:
    session = current().session
    return session.person.language if session is not None else ""


def _keep_language(response: Response) -> Response:
    asked = request.args.get("lang", "")
    if asked in [language.code for language in languages()] and request.endpoint != "static":
        response.set_cookie(LANGUAGE_COOKIE, asked, max_age=_YEAR_S, samesite="Strict", secure=request.is_secure)
    return response


def _wants_json() -> bool:
    need = doors().needs.get(request.endpoint or "")
    return need is not None and need.role is None and need.scope is not None


def _refusal(status: int, text_id: str, said: str, why: Markup | None = None) -> Response:
    """``said`` is for programs, and for whoever helps; ``why`` the same in the language of who asks."""
    if _wants_json() or request.path.endswith(".json"):
        answer = jsonify(error=said)
    else:
        shown = said if said not in _NOTHING_MORE else ""
        answer = make_response(show("refusal.html", text_id=text_id, said=shown, why=why, status=status))
    answer.status_code = status
    return answer


def _no_database(error: Exception) -> Response:
    return _refusal(503, "no_database", str(error))


def _refused(error: Refused) -> Response:
    known = texts().known(f"refused_{error.code}")
    return _refusal(409, "refused_act", str(error), texts().refusal(error) if known else None)


def _other(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    known = {403: "forbidden", 404: "not_found", 413: "too_large", 429: "too_often"}
    return _refusal(status, known.get(status, "not_possible"), error.description or error.name)
