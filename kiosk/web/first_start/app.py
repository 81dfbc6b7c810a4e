"""The web application of the first start: the only pages there are until the station has its settings file."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Blueprint, Flask, Response, abort, redirect, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.first_start.wizard import FirstStartWizard
from kiosk.protocols.barcodes import linear, matrix
from kiosk.texts import html
from kiosk.web.factory import MAX_BODY_BYTES, ServedApp
from kiosk.web.first_start.pages import MAX_FIELD_CHARACTERS, WizardPages, after_refusal, rule_css, typed_after_key
from kiosk.web.first_start.screens import SCREENS
from kiosk.web.shared import guard
from kiosk.web.shared.settings import WebSettings

logger = logging.getLogger(__name__)

HOME = "/setup"
DONE = "done"  # The last page, which waits for the station


class NoStreams:
    """The wizard has no live stream that the server would have to end."""

    def stop(self) -> None: ...


def _ignore_alive() -> None: ...


def create_first_start_app(
    wizard: FirstStartWizard, settings: WebSettings, alive: Callable[[], None] = _ignore_alive
) -> ServedApp:
    """Build all pages of the first start. ``alive`` is called for every sign of life of the page."""
    app = ServedApp("kiosk.web", NoStreams())
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES, MAX_FORM_PARTS=32)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(code=html.bdi_code, name=html.bdi_name, number=html.bdi_number)
    guard.install(app)
    pages = WizardPages(wizard, settings.language)
    app.register_blueprint(_questions(wizard, pages))
    app.register_blueprint(_pieces(wizard, pages, alive))
    _install_errors(app, pages)
    return app


def _questions(wizard: FirstStartWizard, pages: WizardPages) -> Blueprint:
    routes = Blueprint("setup", __name__)

    @routes.get("/")
    def start() -> AnyResponse:
        return redirect(HOME, 302)

    @routes.get("/setup")
    def screen() -> str:
        return pages.screen()

    @routes.post("/setup/<question>")
    def answer(question: str) -> AnyResponse | str | tuple[str, int]:
        if question not in SCREENS:
            abort(404)
        row = SCREENS[question]
        typed = typed_after_key(row)
        if typed is not None and wizard.view().question == question:
            return pages.screen(typed=typed)
        sent = request.form.get("value", "")[:MAX_FIELD_CHARACTERS]
        form = {**request.form.to_dict(), "value": row.sends + sent if "ask" in request.form else sent}
        try:
            wizard.answer(question, form)
        except Refused as refusal:
            return pages.screen(typed=after_refusal(row, sent), refused=refusal), 409
        return redirect(HOME, 303)

    @routes.post("/setup/back")
    def back() -> AnyResponse:
        wizard.back()
        return redirect(HOME, 303)

    @routes.post("/setup/speak")
    def speak() -> AnyResponse:
        wizard.set_language(request.form.get("lang", ""))
        return redirect(HOME, 303)

    @routes.post("/setup/go/<question>")
    def go(question: str) -> AnyResponse:
        wizard.start_trial(question)
        return redirect(HOME, 303)

    return routes


def _pieces(wizard: FirstStartWizard, pages: WizardPages, alive: Callable[[], None]) -> Blueprint:
    routes = Blueprint("setup_pieces", __name__)

    @routes.get("/setup/live/<question>")
    def live(question: str) -> str | tuple[str, int]:
        if wizard.view().question != question:
            return "", 410  # another screen is due: the page goes there
        if not SCREENS[question].live:
            abort(404)  # it does not change by itself
        return pages.piece()

    @routes.post("/setup/alive")
    def page_alive() -> tuple[str, int]:
        alive()
        shown = request.args.get("question", DONE)
        if shown != DONE and wizard.view().question == DONE:
            return "", 205  # the first start has ended behind the page's back: it goes to the last one
        return "", 204

    @routes.post("/setup/leave")
    def leave() -> tuple[str, int]:
        wizard.leave()
        return "", 204

    @routes.get("/setup/shot.jpg")
    def shot() -> AnyResponse:
        picture = wizard.shot()
        if picture is None:
            abort(404)
        return Response(picture, mimetype="image/jpeg")

    @routes.get("/setup/<kind>.svg")
    def code(kind: str) -> AnyResponse:
        view, draw = wizard.view(), {"code128": code128_svg, "qr": qr_svg}.get(kind)
        if draw is None or view.trial is None or not view.trial.code:
            abort(404)
        return Response(draw(view.trial.code, view.screen.px_per_mm), mimetype="image/svg+xml")

    @routes.get("/setup/panel.css")
    def geometry() -> AnyResponse:
        shown = wizard.view().screen
        css = f":root{{--mm:{shown.px_per_mm:.2f}px;--room:{shown.roominess:.2f}}}\n"
        return Response(css, mimetype="text/css")

    @routes.get("/setup/rule.css")
    def card_css() -> AnyResponse:
        view = wizard.view()
        size = request.args.get("size", "")
        known = any(tile.value == size for tile in view.choices)
        return Response(rule_css(view.screen, size) if known else "", mimetype="text/css")

    return routes


def _install_errors(app: Flask, pages: WizardPages) -> None:
    """Show a refusal outside a question over the present screen; no traceback leaves the program."""

    def refused(error: Refused) -> tuple[str, int]:
        return pages.screen(refused=error), 409

    def http(error: HTTPException) -> tuple[str, int]:
        return pages.fault("setup.refused.not_here"), error.code or 500

    def unexpected(error: Exception) -> tuple[str, int]:
        logger.error("%s %s failed", request.method, request.path, exc_info=error)
        return pages.fault("problem.error"), 500

    app.register_error_handler(Refused, refused)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, unexpected)


_BAR_HEIGHT = 60
# Modules large enough for a cheap scanner held a hand away; edges between pixels would blur them.
_BAR_MM, _SQUARE_MM = 0.4, 1.0


def code128_svg(text: str, px_per_mm: float) -> str:
    """Draw a Code 128 symbol with its quiet zones, whole pixels a module of about 0.4 mm. Raises NotEncodable."""
    modules = linear.code128_modules(text)
    quiet = linear.QUIET_ZONE_MODULES
    bars = matrix.dark_runs([module == "1" for module in modules])
    path = "".join(f"M{start + quiet} 0h{length}v{_BAR_HEIGHT}h-{length}z" for start, length in bars)
    return _svg(len(modules) + 2 * quiet, _BAR_HEIGHT, path, _dots(_BAR_MM, px_per_mm))


def qr_svg(text: str, px_per_mm: float) -> str:
    """Draw a QR code with its quiet zone, whole pixels a module of about 1 mm. Raises ValueError."""
    rows = matrix.qr_modules(text)
    side = len(rows) + 2 * matrix.QUIET_ZONE_MODULES
    return _svg(side, side, matrix.svg_path(rows), _dots(_SQUARE_MM, px_per_mm))


def _dots(module_mm: float, px_per_mm: float) -> int:
    return max(1, round(module_mm * px_per_mm))


def _svg(width: int, height: int, path: str, dots: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * dots}" height="{height * dots}" '
        f'viewBox="0 0 {width} {height}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{width}v{height}h-{width}z"/><path fill="#000" d="{path}"/></svg>'
    )
