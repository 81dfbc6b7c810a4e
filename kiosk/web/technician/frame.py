"""The frame that every page of the technician is drawn in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from flask import Blueprint, render_template, request

from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.finding import DoctorFinding
from kiosk.station.doctor.tools import BackupState
from kiosk.texts.html import bdi_code
from kiosk.web.shared.roles import Need, session
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.signs import drawing
from kiosk.web.shared.speech import speech_of

View = Callable[[], Any]
TABS: Final = (
    ("doctor", "/technician", "wrench"),
    ("tests", "/technician/tests", "scale"),
    ("care", "/technician/care", "shelf"),
    ("events", "/technician/events", "link"),
    ("about", "/technician/about", "receipt"),
)


def needs_technician(name: str, gets: Iterable[str], posts: Iterable[str]) -> dict[str, Need]:
    names = [*(f"{name}.{each}" for each in gets), *(f"{name}.act_{each}" for each in posts)]
    return dict.fromkeys(names, Need.TECHNICIAN)


def blueprint_of(name: str, home: str, gets: Mapping[str, View], posts: Mapping[str, View]) -> Blueprint:
    """Serve ``page`` at ``home``, other pages and all acts below it."""
    routes = Blueprint(name, __name__)
    for each, show in gets.items():
        routes.add_url_rule(home if each == "page" else f"{home}/{each}", each, show, methods=["GET"])
    for each, act in posts.items():
        routes.add_url_rule(f"{home}/{each}", f"act_{each}", act, methods=["POST"])
    return routes


def draw(settings: WebSettings, template: str, tab: str, here: str, **extra: Any) -> str:
    """Draw a page. ``here`` is where a change of the language leads back to."""
    speech = speech_of(request, settings.language)
    words = {
        "speech": speech,
        "both": speech.both,
        "one": speech.one,
        "drawing": drawing,
        "settings": settings,
        "tabs": TABS,
        "tab": tab,
        "here": here,
        "who": session().person,
    }
    return render_template(f"technician/{template}.html", **words, **extra)


class TechnicianArea:
    """Pages of one tab, drawn with what they need of the machine; what is refused leads back to ``home``."""

    def __init__(self, settings: WebSettings, doctor: Doctor | None, tab: str, home: str) -> None:
        self._settings, self._doctor, self._tab, self._home = settings, doctor, tab, home

    def draw(self, template: str, **extra: Any) -> str:
        return draw(self._settings, template, self._tab, self._home, **extra)

    def refuse(self, text_id: str) -> tuple[str, int]:
        return self.draw("refused", text_id=text_id), 409


def row_values(row: DoctorFinding | BackupState) -> dict[str, object]:
    """Mark places and package names so that they keep their own direction in a right-to-left line."""
    return {name: bdi_code(value) if isinstance(value, str) else value for name, value in row.values.items()}


def age(seconds: float | None) -> tuple[str, int] | None:
    if seconds is None:
        return None
    for size, word in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"technician.ago.{word}", int(seconds // size)
    return "technician.ago.seconds", int(seconds)
