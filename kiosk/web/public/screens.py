"""Drawing the screen of the step the desk is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template, request

from kiosk.domain.moment import ClockQuality
from kiosk.station.desk.live import OK, Marks, ScanNotice
from kiosk.station.desk.view import BAG_LABEL, DeskStep, DeskView, PrintView
from kiosk.station.service import StationService
from kiosk.texts import Texts
from kiosk.web.public.payload import PATHS, page_version
from kiosk.web.public.sentences import Sentence, hint, mark_text, scan_sentence
from kiosk.web.shared.paging import page_of
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.signs import drawing, public_mark, shot_drawing, unconfirmed_prices
from kiosk.web.shared.speech import speech_of

_KINDS = (
    (BAG_LABEL, "label", "take.take_label", "take.look_label"),
    ("receipt", "receipt", "take.take_receipt", "take.look_receipt"),
)
_CALL = "take.call_clerk"
_SIGNS = {"unknown": "attention", "waiting": "attention", "printed": "state-locked", "sending": "printer"}


@dataclass(frozen=True, slots=True)
class PaperStatus:
    """``state`` is sending, waiting, printed, unknown or scan; ``sign`` is its drawing.

    Where the label of each bag is scanned after sticking, ``missing`` are the bags whose labels were not yet.
    """

    picture: str
    text_id: str
    state: str
    sign: str
    count: int
    missing: tuple[int, ...] = ()


def papers(prints: Sequence[PrintView], marks: Marks, scanned_bags: Mapping[int, bool]) -> list[PaperStatus]:
    """List labels, then the receipt; a kind that is not printed here is left out.

    A paper that waits for a person (no paper, an open lid) is for the clerk: a villager opens no printer. One of
    unknown fate whose printer has no fault, as of a printer that never answers, is a question and no alarm.
    """
    found = []
    problems = {"label": marks.label, "receipt": marks.receipt}
    for document, picture, text_id, check_id in _KINDS:
        states = [row.state for row in prints if row.document == document]
        if not states:
            continue
        state, shown_id = _state(states), text_id
        if document == BAG_LABEL and scanned_bags and state in ("printed", "unknown"):
            found.append(_scan_status(scanned_bags))
            continue
        sign = _SIGNS[state]
        if state == "sending" and problems[picture] not in (OK, "printer_unknown"):
            state, shown_id, sign = "waiting", _CALL, _SIGNS["waiting"]
        elif state == "unknown" and problems[picture] == OK:
            shown_id, sign = check_id, "help"
        elif state == "unknown":
            shown_id = _CALL
        found.append(PaperStatus(picture, shown_id, state, sign, len(states)))
    return found


def _scan_status(bags: Mapping[int, bool]) -> PaperStatus:
    """Ask for a scan of each label that is out, or may be; the scan also proves that it came out."""
    missing = tuple(bag for bag, scanned in bags.items() if not scanned)
    status = ("take.scan_bags", "scan", "scan") if missing else ("take.bags_scanned", "printed", _SIGNS["printed"])
    return PaperStatus("bag-scan", *status, len(bags), missing)


def _state(states: Sequence[str]) -> str:
    """Return the worst state: a paper of unknown fate counts more than one that is still coming."""
    if "unknown" in states:
        return "unknown"
    return "printed" if all(state == "printed" for state in states) else "sending"


MEMBER_DIGITS = 5
# Questions a step may ask on a page of their own: one question per screen.
_ASKS = {DeskStep.WHO: ("number",), DeskStep.AGREE: ("container", "mode", "leave"), DeskStep.TAKE: ("unscanned",)}


class Screens:
    """Turns a view of the desk into a page. Knows only what is shown, not what may be done."""

    def __init__(self, station: StationService, settings: WebSettings) -> None:
        self._station = station
        self._settings = settings

    def step(self, view: DeskView, notice: Sentence | None = None) -> str:
        """Draw the page of the desk's step. ``notice`` covers it until it is dismissed by touch."""
        requested = self.requested_notice()
        notice = notice or (scan_sentence(requested.word, self.texts()) if requested is not None else None)
        extra: dict[str, Any] = {"ask": "" if notice else self._ask(view), "notice": notice}
        if view.step is DeskStep.WHO:
            # The number typed on the pad so far; anything but a few Western digits is an empty pad
            typed = request.args.get("number")
            good = typed is not None and typed.isascii() and typed.isdigit() and len(typed) <= MEMBER_DIGITS
            extra["digits"] = typed if typed is not None and good else ""
        if view.step is DeskStep.WHAT:
            extra["page"] = page_of(view.catalog.products, self._settings.tiles, request.args.get("page"))
        if view.step in (DeskStep.AGREE, DeskStep.TAKE):
            extra["unconfirmed"] = unconfirmed_prices(self._station.county)
        if view.step is DeskStep.AGREE:
            extra["scale_mark"] = public_mark(self._station.standing)
        if view.step is DeskStep.TAKE:
            receipt = view.result.receipt if view.result else ""
            extra["scale_mark"] = public_mark(lambda: self._station.store.weighings.legal_status(receipt))
            extra["papers"] = papers(view.prints, self._station.board.snapshot().marks, view.scanned_bags)
        return self.page(f"{view.step.value}.html", view, **extra)

    def page(self, template: str, view: DeskView, **extra: Any) -> str:
        snapshot = self._station.board.snapshot()
        return render_template(
            template,
            view=view,
            drawn=page_version(view, snapshot.marks),
            here=PATHS[view.step],
            hint=hint(view),
            heard=snapshot.notice.count,
            marks=snapshot.marks,
            clock_unset=self._station.stamp().moment.quality is ClockQuality.UNSET,
            **self._common(),
            **extra,
        )

    def texts(self) -> Texts:
        return speech_of(request, self._settings.language).main

    def bare(self, template: str, **extra: Any) -> str:
        """Draw a page that needs nothing of the desk: it must work when the desk does not."""
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

    def requested_notice(self) -> ScanNotice | None:
        """Return the result of the scan that the address names, as long as it is the newest one."""
        notice = self._station.board.snapshot().notice
        return notice if notice.count and request.args.get("notice") == str(notice.count) else None

    @staticmethod
    def _ask(view: DeskView) -> str:
        """Return the question to ask; a certificate that was shown comes first, and once."""
        if view.step is DeskStep.AGREE and view.shown_ref:
            return "certificate"
        requested = request.args.get("ask", "")
        return requested if requested in _ASKS.get(view.step, ()) else ""
