"""Around every page: its language, its way to the other pages, what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, default_exceptions

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.web.shared.access import FIRST_RANK_IN_MORE, OPERATORS, access_policy, current_principal
from kiosk.sorting_center.web.shared.names import DisplayNames
from kiosk.sorting_center.web.shared.query_params import query_with
from kiosk.sorting_center.web.shared.refreshing_cache import VersionedValue, etag_of
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.shared.texts import CenterTexts, center_texts
from kiosk.texts import formats, html
from kiosk.texts.catalog import FALLBACK
from kiosk.texts.languages import LANGUAGES

LANGUAGE_COOKIE: Final = "language"
# Default texts of the library: the page has its own, in the language of the viewer.
_DEFAULT_DESCRIPTIONS: Final = frozenset(error.description for error in default_exceptions.values())
_YEAR_S: Final = 365 * 24 * 3600


def install(app: Flask) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        kg=html.bdi_kg,
        tonnes=html.bdi_tonnes,
        money=html.bdi_money,
        estimate=html.bdi_estimate,
        number=html.bdi_number,
        code=html.bdi_code,
        name=html.bdi_name,
        yuan=formats.YUAN,
    )
    app.register_error_handler(LedgerError, _database_error)
    app.register_error_handler(DeskError, _database_error)
    app.register_error_handler(Refused, _domain_refusal)
    app.register_error_handler(HTTPException, _http_error)
    app.after_request(_store_language)


def render_page(template: str, **values: object) -> str:
    """Render a page; ``done`` is what the address says was done by the form that led here."""
    now = sources().now()
    who = current_principal()
    policy = access_policy()
    places = [entry for entry in policy.menu if who.may(policy.access_rules[entry[1]])]
    return render_template(
        template,
        t=texts(),
        menu_counts={"settle.everything": len(sources().snapshots.settling.peek() or ())},
        languages=LANGUAGES.values(),
        in_language=in_language,
        session=who.session,
        places=[entry for entry in places if entry[0] < FIRST_RANK_IN_MORE],
        more_places=[entry for entry in places if entry[0] >= FIRST_RANK_IN_MORE],
        may_decide=who.may(OPERATORS),
        done=request.args.get("done", "")[:12],
        named=DisplayNames(texts(), sources().reports),
        now=f"{now:%Y-%m-%d %H:%M}",
        local=lambda timestamp: local_time(timestamp, now),
        **values,
    )


def page_response(page: str, status: int) -> Response:
    answer = make_response(page)
    answer.status_code = status
    return answer


def form_text(name: str, max_chars: int = 400) -> str:
    return request.form.get(name, "")[:max_chars]


def in_language(code: str) -> str:
    """Return this page's address in another language, parameters kept; after a form that of the form's page."""
    path, query = request.path, query_with(request.args.items(multi=True), lang=code)
    if request.method in ("GET", "HEAD"):
        return query
    while path and path_if_routed(path) is None:
        path = path.rpartition("/")[0]
    return quote(f"/{path.lstrip('/')}") + query


def texts() -> CenterTexts:
    session = current_principal().session
    account_language = session.person.language if session is not None else ""
    preferred = (request.args.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, ""), account_language)
    for code in preferred:
        if code in LANGUAGES:
            return center_texts(code)
    return center_texts(request.accept_languages.best_match(LANGUAGES, FALLBACK) or FALLBACK)


def local_time(timestamp: str, now: datetime) -> str:
    """Format a timestamp of the ledger on the wall clock of ``now``'s zone, with the date unless it is today."""
    local = datetime.fromisoformat(timestamp).astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M")


def _store_language(response: Response) -> Response:
    requested = request.args.get("lang", "")
    if requested in LANGUAGES and request.endpoint != "static":
        response.set_cookie(LANGUAGE_COOKIE, requested, max_age=_YEAR_S, samesite="Strict", secure=request.is_secure)
    return response


def _error_answer(status: int, text_id: str, detail: str, why: Markup | None = None) -> Response:
    """Answer with an error. ``detail`` is for programs and for support; ``why`` the same in the reader's language."""
    need = access_policy().access_rules.get(request.endpoint or "")
    if (need is not None and need.role is None and need.scope is not None) or request.path.endswith(".json"):
        answer = jsonify(error=detail)
    else:
        shown = detail if detail not in _DEFAULT_DESCRIPTIONS else ""
        answer = make_response(render_page("refusal.html", text_id=text_id, said=shown, why=why, status=status))
    answer.status_code = status
    return answer


def _database_error(error: Exception) -> Response:
    return _error_answer(503, "no_database", str(error))


def _domain_refusal(error: Refused) -> Response:
    known = f"refused_{error.code}" in texts()
    return _error_answer(409, "refused_act", str(error), texts().refusal(error) if known else None)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    known = {403: "forbidden", 404: "not_found", 413: "too_large", 429: "too_often"}
    return _error_answer(status, known.get(status, "not_possible"), error.description or error.name)


class LiveFragment:
    """``variant`` is what it shows besides ``versioned``: filters, a page. The language and the day are thought of
    here."""

    def __init__(self, versioned: VersionedValue[Any], variant: tuple[object, ...], render: Callable[[], str]) -> None:
        found = sources()
        place = (found.snapshots.process, request.blueprint, texts().language.code, found.now().date())
        self._etag = etag_of(*place, versioned.version, variant)
        self._render = render

    @property
    def html(self) -> Markup:
        return Markup(sources().snapshots.rendered.html(self._etag, self._render))  # noqa: S704 - a template of ours

    def answer(self) -> Response:
        """Answer 304 while nothing changed."""
        if request.if_none_match.contains(self._etag):
            answer = Response(status=304)
        else:
            answer = Response(self.html, mimetype="text/html")
        answer.set_etag(self._etag)
        return answer


def path_if_routed(path: str) -> str | None:
    return path if current_app.url_map.bind("").test(path, "GET") else None
