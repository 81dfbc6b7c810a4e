"""Drawing the wizard's present screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import render_template, request, url_for
from markupsafe import Markup

from kiosk.base.refused import Refused
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.first_start.shared.ports import TrialView, WizardView, fault_text
from kiosk.first_start.wizard import FirstStartWizard
from kiosk.station.screen import ScreenGeometry
from kiosk.texts import LANGUAGES
from kiosk.texts.html import bdi
from kiosk.web.first_start.screens import GROUPS, NAMES, PADS, SCREENS, Pad, Screen, filter_typed, press_key
from kiosk.web.shared.paging import page_of
from kiosk.web.shared.signs import drawing
from kiosk.web.shared.speech import speech

MAX_FIELD_CHARACTERS = 200  # Characters of a form that are looked at
CARD_MM = 85.6  # The long side of a bank card (ISO/IEC 7810, ID-1): everybody has something to measure the screen with


_OWN = frozenset({"absent"})  # Drawings that only these pages have; they lie beside the style sheet


def picture(name: str) -> str:
    return url_for("static", filename=f"setup/{name}.svg") if name in _OWN else drawing(name)


class WizardPages:
    def __init__(self, wizard: FirstStartWizard, language: str) -> None:
        self._wizard, self._language = wizard, language

    def screen(self, *, typed: str | None = None, refused: Refused | None = None) -> str:
        """Draw the whole page. ``typed`` is the text on the pad when it is not the present answer."""
        view = self._wizard.view()
        row = SCREENS[view.question]
        asks_pad = row.body != "pad" and bool(row.pad) and request.values.get("ask") == "pad"
        return render_template(
            "setup/screen.html",
            refused=refused,
            refused_text=fault_text(refused),
            detail=_detail(refused),
            body="pad" if asks_pad else row.body,
            **self._common(view, row),
            **(_pad(view, row, typed) if row.pad else {}),
        )

    def piece(self) -> str:
        view = self._wizard.view()
        row = SCREENS[view.question]
        return render_template(f"setup/_{row.body}.html", **self._common(view, row))

    def fault(self, text_id: str) -> str:
        """Draw one sentence and the way back, without the wizard, which may be what has failed."""
        spoken = speech(self._language)
        return render_template("setup/fault.html", text_id=text_id, speech=spoken, one=spoken.one, drawing=picture)

    def _common(self, view: WizardView, row: Screen) -> dict[str, Any]:
        spoken = speech(view.language)
        return {
            "view": view,
            "row": row,
            "speech": spoken,
            "one": spoken.one,
            "drawing": picture,
            "seconds": lambda refused: int(refused.values.get("seconds", "0")),
            "tongues": {code: speech(code).one("setup.ask.language") for code in LANGUAGES},
            "size": _size(view),
            "measures": mat_rows(view.trial),
            "advice": advice(view.trial),
            "page": page_of(view.choices, row.tiles, request.args.get("page")),
        }


def _detail(refused: Refused | None) -> str:
    """Return the technical words; "" when a text says more or there are none."""
    if refused is None or "why" in refused.values or str(refused) == refused.code:
        return ""
    return str(refused)


def _size(view: WizardView) -> str:
    """Return the diagonal for which the card on the page of the screen's size is drawn; one of the tiles."""
    requested = request.args.get("size", "")
    present = next((tile.value for tile in view.choices if tile.chosen), "")
    return requested if any(tile.value == requested for tile in view.choices) else present


def rule_css(screen: ScreenGeometry, size: str) -> str:
    """Return the length of a bank card on this screen, if its diagonal is ``size`` inches. Raises ValueError."""
    tried = ScreenGeometry(screen.width_px, screen.height_px, float(size))
    return f".rule{{inline-size:{CARD_MM * tried.px_per_mm:.0f}px}}\n"


def _pad(view: WizardView, row: Screen, typed: str | None) -> dict[str, Any]:
    text = view.typed if typed is None else typed
    group = GROUPS.get(row.pad, ())
    name = _one_of_group(group, view.language, text) if group else row.pad
    pad = PADS[name]
    return {"pad": pad, "pad_name": name, "typed": filter_typed(pad, text), "pads": group}


def _one_of_group(group: tuple[str, ...], language: str, text: str) -> str:
    """Return the requested pad, else the one that has the letters of ``text``, else that of the language."""
    requested = request.form.get("switch") or request.form.get("pad", "")
    if requested in group:
        return requested
    if group != NAMES:
        return group[0]
    usual = "ug" if language == "ug" else "latin"
    return next((name for name in (usual, *NAMES) if PADS[name].keys.issuperset(text)), usual)


def typed_after_key(row: Screen) -> str | None:
    """Return the text on the pad after a key, on a page without scripts; None when the form is an answer."""
    typed = request.form.get("value", "")[:MAX_FIELD_CHARACTERS]
    if "switch" in request.form:
        return typed
    pad: Pad | None = PADS.get(row.pad) or PADS.get(request.form.get("pad", ""))
    key = request.form.get("key")
    return None if key is None or pad is None else press_key(pad, typed, key)


def after_refusal(row: Screen, typed: str) -> str:
    """Keep a refused answer so that it can be corrected; a PIN has to be typed again."""
    pad = PADS.get(row.pad)
    return "" if pad is not None and pad.secret else typed


@dataclass(frozen=True, slots=True)
class _MeasureFormat:
    """How a number is written, and what to do when it is bad: a text id and a drawing."""

    digits: int
    unit: str
    advice: str
    picture: str


_FORMATS: Final[Mapping[MatQuality, _MeasureFormat]] = {
    MatQuality.MARKERS: _MeasureFormat(0, " / 4", "photo.reason.mat", "shot-mat"),
    MatQuality.TILT: _MeasureFormat(1, "°", "photo.reason.tilt", "shot-tilt"),
    MatQuality.SCALE: _MeasureFormat(1, " px/mm", "setup.advice.scale", "shot-small"),
    MatQuality.SHARPNESS: _MeasureFormat(1, " px", "photo.reason.blur", "shot-blur"),
    MatQuality.EVENNESS: _MeasureFormat(1, " : 1", "setup.advice.evenness", "shot-dark"),
    MatQuality.FLICKER: _MeasureFormat(1, " %", "photo.reason.banding", "shot-banding"),
}


@dataclass(frozen=True, slots=True)
class Advice:
    text_id: str
    picture: str


@dataclass(frozen=True, slots=True)
class MeasureRow:
    text_id: str
    value: Markup
    good: bool


def mat_rows(trial: TrialView | None) -> tuple[MeasureRow, ...]:
    """Return the measured rows; () before the mat was measured."""
    measures = _measures(trial)
    return tuple(_row(row) for row in measures.rows) if measures else ()


def advice(trial: TrialView | None) -> Advice | None:
    """Return the first thing to do; it may solve others, as the place of the camera does light and sharpness."""
    measures = _measures(trial)
    bad = next((row for row in measures.rows if not row.good), None) if measures else None
    return Advice(_FORMATS[bad.quality].advice, _FORMATS[bad.quality].picture) if bad else None


def _measures(trial: TrialView | None) -> MatMeasures | None:
    return trial.mat if trial else None


def _row(row: MatMeasure) -> MeasureRow:
    measure_format = _FORMATS[row.quality]
    return MeasureRow(
        f"setup.measure.{row.quality}",
        bdi(f"{row.value / 1000:.{measure_format.digits}f}{measure_format.unit}"),
        row.good,
    )
