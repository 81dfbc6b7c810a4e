"""Drawing the screen of the step the desk is in."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from kiosk.station.desk.view import DeskStep, DeskView
from kiosk.texts import Texts
from kiosk.web.public.papers import papers
from kiosk.web.public.payload import PATHS, page_version
from kiosk.web.public.sentences import Sentence, hint, mark_text, scan_sentence
from kiosk.web.shared.paging import page_of
from kiosk.web.shared.ports import Station
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.signs import drawing, public_mark, shot_drawing
from kiosk.web.shared.speech import speech_of

MEMBER_DIGITS = 5
# Questions a step may ask on a page of their own: one question per screen.
_ASKS = {DeskStep.WHO: ("number",), DeskStep.AGREE: ("container", "mode", "leave"), DeskStep.TAKE: ("unscanned",)}


class Screens:
    """Turns a view of the desk into a page. Knows nothing of what may be done, only of what is seen."""

    def __init__(self, station: Station, settings: WebSettings) -> None:
        self._station = station
        self._settings = settings

    def step(self, view: DeskView, notice: Sentence | None = None) -> str:
        """The page of the desk's step. ``notice`` lies over it until it is touched away."""
        notice = notice or self._scan_notice()
        extra: dict[str, Any] = {"ask": "" if notice else self._ask(view), "notice": notice}
        if view.step is DeskStep.WHO:
            extra["digits"] = _digits(request.args.get("number"))
        if view.step is DeskStep.WHAT:
            extra["page"] = page_of(view.catalog.products, self._settings.tiles, request.args.get("page"))
        if view.step is DeskStep.AGREE:
            extra["scale_mark"] = public_mark(self._station.standing)
        if view.step is DeskStep.TAKE:
            receipt = view.result.receipt if view.result else ""
            extra["scale_mark"] = public_mark(lambda: self._station.store.weighings.legal_status(receipt))
            extra["papers"] = papers(view.prints, self._station.board.snapshot().marks, view.scanned_bags)
        return self.page(f"{view.step.value}.html", view, **extra)

    def page(self, template: str, view: DeskView, **extra: Any) -> str:
        """Any page that has the rail and follows the desk."""
        snapshot = self._station.board.snapshot()
        return render_template(
            template,
            view=view,
            drawn=page_version(view, snapshot.marks),
            here=PATHS[view.step],
            hint=hint(view),
            heard=snapshot.notice.count,
            marks=snapshot.marks,
            **self._common(),
            **extra,
        )

    def texts(self) -> Texts:
        """The texts in the chosen language."""
        return speech_of(request, self._settings.language).main

    def bare(self, template: str, **extra: Any) -> str:
        """A page that needs nothing of the desk: it must work when the desk does not."""
        return render_template(template, **self._common(), **extra)

    def _common(self) -> dict[str, Any]:
        speech = speech_of(request, self._settings.language)
        return {
            "speech": speech,
            "both": speech.both,
            "one": speech.one,
            "names": speech.names,
            "drawing": drawing,
            "shot_drawing": shot_drawing,
            "mark_text": mark_text,
            "decimals": self._settings.weight_decimals,
            "settings": self._settings,
        }

    def _scan_notice(self) -> Sentence | None:
        """What came of the scan this address asks for, as long as it is the newest one."""
        notice = self._station.board.snapshot().notice
        if not notice.count or request.args.get("notice") != str(notice.count):
            return None
        return scan_sentence(notice.word, self.texts())

    @staticmethod
    def _ask(view: DeskView) -> str:
        """What was shown is asked about first, and once."""
        if view.step is DeskStep.AGREE and view.shown_ref:
            return "certificate"
        requested = request.args.get("ask", "")
        return requested if requested in _ASKS.get(view.step, ()) else ""


def _digits(typed: str | None) -> str:
    """What stands on the pad so far; anything but a few Western digits is an empty pad."""
    good = typed is not None and typed.isascii() and typed.isdigit() and len(typed) <= MEMBER_DIGITS
    return typed if typed is not None and good else ""
