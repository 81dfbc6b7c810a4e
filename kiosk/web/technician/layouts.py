"""The technician's page of a layout: what a label looks like, the rows it is made of, and a print of it.

GET changes nothing. A post acts and answers 303; a layout that is refused comes back with its reason and status 409, as
it was sent. The post that draws what is being typed answers with the picture, or with the reason alone, and changes
nothing. Nothing of a person is on these pages: the labels hold sample data.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final

from flask import Blueprint, Response, abort, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.labels.label_page import draw_label
from kiosk.labels.layout import LabelLayout, shipped_text
from kiosk.labels.layout_check import check, problem_word
from kiosk.labels.papers.printer_test import CALIBRATION
from kiosk.labels.papers.samples import SAMPLES
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.tools import ActRefused, TechnicianTools
from kiosk.station.papers.own_layouts import OwnLayouts
from kiosk.store import StoreError
from kiosk.web.roles import Need
from kiosk.web.settings import WebSettings
from kiosk.web.speech import speech_of
from kiosk.web.technician.frame import draw

HOME: Final = "/technician/layouts"
POSTS: Final = ("look", "draw", "keep", "shipped", "other", "print")
OTHERS: Final[Mapping[str, Mapping[str, str]]] = {
    "bag": {"small": "bag_small", "shop": "bag_shop"},
    "member": {"card": "member_card"},
}
"""Shipped layouts that a label may have instead of the first one, by what the page calls them."""
NEEDS: Mapping[str, Need] = {
    "layouts.page": Need.TECHNICIAN,
    "layouts.picture": Need.TECHNICIAN,
    **{f"layouts.act_{name}": Need.TECHNICIAN for name in POSTS},
}
_HEAD: Final = PrintHead(203, 832)


def blueprint(settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Everything under ``/technician/layouts``; without a doctor these pages answer 503."""
    routes = Blueprint("layouts", __name__)
    pages = _Pages(settings, doctor)
    routes.add_url_rule(HOME, "page", pages.page, methods=["GET"])
    routes.add_url_rule(f"{HOME}.png", "picture", pages.picture, methods=["GET"])
    for name, act in pages.posts().items():
        routes.add_url_rule(f"{HOME}/{name}", f"act_{name}", act, methods=["POST"])
    routes.register_error_handler(ActRefused, lambda error: pages.refused(error.code))
    routes.register_error_handler(StoreError, lambda error: pages.refused("store_failed"))
    routes.register_error_handler(OSError, lambda error: pages.refused("store_failed"))
    return routes


class _Pages:
    """Draws and acts. What was looked at and not kept is forgotten with the process."""

    def __init__(self, settings: WebSettings, doctor: Doctor | None) -> None:
        self._settings = settings
        self._tools = TechnicianTools(doctor) if doctor is not None else None
        self._own = doctor.station.own_layouts if doctor is not None else None
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        """A label of 400 x 400 mm takes 50 MB while it is drawn: one at a time."""
        self._drafts: dict[str, str] = {}

    @property
    def own(self) -> OwnLayouts:
        """The station's own layouts, or 503."""
        return self._own or abort(503)

    def page(self) -> str:
        """One kind of label: its picture and its rows; why they are not used, of a file the card has spoiled."""
        kind = _kind(request.args)
        return self._draw(kind, self._text(kind))

    def picture(self) -> AnyResponse:
        """The label by the rows that were looked at last, as a 203 dpi printer would print it."""
        kind = _kind(request.args)
        with self._drawing:
            try:
                layout = check(kind, self._text(kind), SAMPLES[kind])
            except ValueError:
                layout = self.own.layouts.of(kind)
            return _picture(kind, layout)

    def refused(self, code: str) -> tuple[str, int]:
        """Why it was not done."""
        return self._page("refused", here=HOME, text_id=f"technician.refused.{code}"), 409

    def posts(self) -> dict[str, Callable[[], AnyResponse | tuple[str, int]]]:
        """By the last part of its path."""
        return {
            "look": self._look,
            "draw": self._typed,
            "keep": self._keep,
            "shipped": self._shipped,
            "other": self._other,
            "print": self._print,
        }

    def _look(self) -> AnyResponse | tuple[str, int]:
        kind, text = _kind(request.form), _sent()
        try:
            with self._drawing:
                check(kind, text, SAMPLES[kind])
        except ValueError as error:
            return self._draw(kind, text, error), 409
        self._remember(kind, text)
        return _back(kind)

    def _typed(self) -> AnyResponse:
        """The label by rows that are being typed."""
        kind = _kind(request.form)
        try:
            with self._drawing:
                return _picture(kind, check(kind, _sent(), SAMPLES[kind]))
        except ValueError as error:
            said = speech_of(request, self._settings.language).main.text(_text_id(error))
            return make_response({"said": said, "problem": str(error)}, 409)

    def _keep(self) -> AnyResponse | tuple[str, int]:
        kind, text = _kind(request.form), _sent()
        try:
            with self._drawing:
                self.own.keep(kind, text, SAMPLES[kind])
        except ValueError as error:
            return self._draw(kind, text, error), 409
        self._remember(kind, None)
        return _back(kind)

    def _shipped(self) -> AnyResponse:
        kind = _kind(request.form)
        self.own.put_back(kind)
        self._remember(kind, None)
        return _back(kind)

    def _other(self) -> AnyResponse:
        """The rows that are shipped for another stock or use, to be looked at; nothing is kept yet."""
        kind, other = _kind(request.form), request.form.get("other", "")
        if self._own is None:
            abort(503)
        if other not in OTHERS.get(kind, {}):
            abort(404)
        self._remember(kind, shipped_text(OTHERS[kind][other]))
        return _back(kind)

    def _print(self) -> AnyResponse:
        kind = _kind(request.form)
        sample = CALIBRATION if "calibration" in request.form else kind
        (self._tools or abort(503)).print_sample(sample)
        return redirect(f"{HOME}?kind={kind}&printed=1", 303)

    def _text(self, kind: str) -> str:
        with self._lock:
            draft = self._drafts.get(kind)
        return draft if draft is not None else self.own.text(kind)

    def _remember(self, kind: str, text: str | None) -> None:
        with self._lock:
            self._drafts.pop(kind, None)
            if text is not None:
                self._drafts[kind] = text

    def _draw(self, kind: str, text: str, problem: Exception | None = None) -> str:
        with self._lock:
            draft = kind in self._drafts
        if problem is None and not draft:
            problem = self.own.damage(kind)
        return self._page(
            "layouts",
            kind=kind,
            kinds=tuple(SAMPLES),
            others=tuple(OTHERS.get(kind, ())),
            text=text,
            problem=problem,
            problem_id=_text_id(problem) if problem is not None else "",
            draft=draft,
            own=self.own.is_own(kind),
            told=bool(request.args.get("printed")),
        )

    def _page(self, template: str, here: str = HOME, **extra: Any) -> str:
        return draw(self._settings, template, "care", here, **extra)


def _text_id(problem: Exception) -> str:
    return f"technician.layouts.fault.{problem_word(problem)}"


def _kind(values: Mapping[str, str]) -> str:
    """The kind that is asked for, the bag when none is; 404 for one there is no sample of."""
    kind = values.get("kind", "bag")
    if kind not in SAMPLES:
        abort(404)
    return kind


def _picture(kind: str, layout: LabelLayout) -> Response:
    png = BytesIO()
    draw_label(layout, SAMPLES[kind], _HEAD).to_image().save(png, "PNG")
    return Response(png.getvalue(), mimetype="image/png", headers={"Cache-Control": "no-store"})


def _sent() -> str:
    """What a form's text field sends, with the line ends of a file."""
    return request.form.get("text", "").replace("\r\n", "\n")


def _back(kind: str) -> AnyResponse:
    return redirect(f"{HOME}?kind={kind}", 303)
