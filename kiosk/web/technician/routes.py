"""The technician's pages: what the doctor found, tests of the devices, care of the data.

GET changes nothing. A post acts and answers 303; a refused one answers 409 with the reason. ``/doctor.json`` is for
``kiosk doctor`` on this machine: words about devices, and no data about persons or places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from flask import Blueprint, Response, abort, jsonify, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.devices.ports import CommandOutcome
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, Verification
from kiosk.domain.metrology.pan import STALE_S
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.finding import Severity
from kiosk.station.doctor.liveness import ScaleLiveness
from kiosk.station.doctor.tools import LAMPS, TechnicianTools
from kiosk.station.scale.keys import KEYS
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.service import StationService
from kiosk.station.shared.ports import Configuration
from kiosk.store import StoreError
from kiosk.texts import LANGUAGES, Texts
from kiosk.texts.html import bdi, bdi_code, bdi_kg
from kiosk.texts.plain import printable
from kiosk.web.shared.paging import rows_of
from kiosk.web.shared.roles import Need
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.signs import send_estimate
from kiosk.web.shared.speech import Speech, set_language_cookie, speech_of
from kiosk.web.technician.frame import TABS, age, draw, row_values

# Text id of the name, the value as HTML, and the class of the value's state ("" for a plain one).
Row = tuple[str, Markup, str]

_TRADE: Final = {True: "trade_yes", False: "trade_no", None: "trade_unsaid"}
_BAD, _WARNING, _GOOD, _PLAIN = "lost", "overdue", "known", ""
_CHECK_LOOKS: Final = {
    CheckState.FAILED: _BAD,
    CheckState.LATE: _WARNING,
    CheckState.PASSED: _GOOD,
    CheckState.NONE: _PLAIN,
}
_VERIFICATION_LOOKS: Final = {
    Verification.EXPIRED: _BAD,
    Verification.UNJUDGED: _WARNING,
    Verification.VALID: _GOOD,
    Verification.NONE: _PLAIN,
}


def about_rows(station: StationService, config: Configuration, speech: Speech, decimals: int) -> list[Row]:
    """Return all rows, enough for a printed page of their own at a verification. Raises StoreError."""
    standing = station.standing()
    return [
        ("software", bdi_code(station.software), _PLAIN),
        ("metrology", bdi_code(station.metrology), _PLAIN),
        *_scale(config.scale, speech, decimals),
        ("scale_no", bdi_code(standing.serial_no) if standing.serial_no else _text(speech, "unset"), _PLAIN),
        ("verified", _verification(config.metrology, standing, speech), _VERIFICATION_LOOKS[standing.verification]),
        ("check", _text(speech, f"check_state.{standing.check.value}"), _CHECK_LOOKS[standing.check]),
        ("counters", bdi_code(standing.counters.text), _PLAIN),
        ("trade", _text(speech, _TRADE[standing.trade]), _BAD if standing.trade is False else _PLAIN),
    ]


def _scale(scale: ScaleSettings | None, speech: Speech, decimals: int) -> list[Row]:
    if scale is None:
        return [("protocol", _text(speech, "unset"), _PLAIN)]
    profile = scale.profile
    ranged = (bdi_kg(profile.max_g, decimals), bdi_kg(profile.min_g, decimals), bdi_kg(profile.e_g, decimals))
    return [("protocol", bdi_code(scale.protocol), _PLAIN), ("range", Markup(" · ").join(ranged), _PLAIN)]


def _verification(settings: MetrologySettings, standing: ScaleLegalStatus, speech: Speech) -> Markup:
    word = _text(speech, f"verification.{standing.verification.value}")
    return Markup("{} {}").format(bdi(settings.verified_until), word) if settings.verified_until else word


def _text(speech: Speech, word: str) -> Markup:
    return speech.one(f"technician.about.{word}")


_RAW: Final = 48
# The last parts of the text ids `technician.scale.told.…`, one for each outcome of a sent command.
OUTCOME_WORDS: Final = (
    *(f"{key}_{CommandOutcome.DONE}" for key in KEYS),
    CommandOutcome.NO_ANSWER,
    CommandOutcome.UNCONFIRMED,
)


def frame_words(live: ScaleLiveness, texts: Texts) -> dict[str, str]:
    """Return the newest frame as the indicator sent it; dashes when it is too old to be live."""
    return {
        "weight": _weight(live) or "– – –",
        "word": texts.text(f"technician.scale.{_scale_word(live)}"),
        "raw": printable((live.reading.raw if live.reading else b"")[:_RAW]),
    }


def _weight(live: ScaleLiveness) -> str:
    fresh = live.reading is not None and live.age_s is not None and live.age_s <= STALE_S
    if not fresh or live.reading is None or live.reading.weight is None:
        return ""
    return f"{live.reading.weight} {live.reading.unit or ''}".strip()


def _scale_word(live: ScaleLiveness) -> str:
    if live.reading is None or live.age_s is None or live.age_s > STALE_S:
        return "lost"
    if live.reading.overload:
        return "overload"
    return {True: "stable", False: "moving", None: "unknown"}[live.reading.stable]


ROWS: Final = 4
MAX_NUMBERS: Final = 40
_ORDER: Final = (Severity.FAIL, Severity.WARN, Severity.OK)

PAGES: Final = ("doctor", "tests", "scale", "shot", "lamps", "care", "events", "epoch", "about")
# What a post does, and where it leads.
_ACTS: Final[Mapping[str, tuple[Callable[[TechnicianTools], object], str]]] = {
    "print": (lambda tools: tools.print_test(request.form.get("printer", "")), "/technician/tests?printed=1"),
    # The station restarts for it: the page that comes back shows the message.
    "reach": (
        lambda tools: tools.request_printer_access(request.form.get("printer", "")),
        "/technician/tests?asked=1",
    ),
    "shoot": (lambda tools: tools.shoot(), "/technician/shot"),
    "backup": (lambda tools: tools.backup_now(), "/technician/care"),
    "bundle": (lambda tools: tools.bundle(), "/technician/care"),
    # The form of the confirming page contains the epoch it showed: a repeated post ends no second one.
    "new_epoch": (lambda tools: tools.begin_epoch(request.form.get("epoch", "")), "/technician/events"),
}
POSTS: Final = (*_ACTS, "lamp", "language")
NEEDS: Mapping[str, Need] = {
    **{f"technician.{name}": Need.TECHNICIAN for name in (*PAGES, "scale_json", "shot_jpg")},
    **{f"technician.act_{name}": Need.TECHNICIAN for name in (*POSTS, *KEYS)},
    "technician.doctor_json": Need.OPEN,
}


def blueprint(station: StationService, settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Serve everything under ``/technician``, and ``/doctor.json``; without a doctor these pages answer 503."""
    technician = Blueprint("technician", __name__)
    pages = _TechnicianPages(station, settings, doctor)
    for path, name, show in (
        ("/technician", "doctor", pages.doctor_page),
        ("/technician/tests", "tests", pages.tests_page),
        ("/technician/scale", "scale", pages.scale_page),
        ("/technician/scale.json", "scale_json", lambda: jsonify(pages.scale_sign())),
        ("/technician/shot", "shot", lambda: pages.page("shot", "tests")),
        ("/technician/shot.jpg", "shot_jpg", pages.shot_jpg),
        ("/technician/lamps", "lamps", lambda: pages.page("lamps", "tests", lamps=LAMPS)),
        ("/technician/care", "care", pages.care_page),
        ("/technician/events", "events", pages.events_page),
        ("/technician/epoch", "epoch", pages.epoch_page),
        ("/technician/about", "about", pages.about_page),
        ("/doctor.json", "doctor_json", pages.doctor_json),
    ):
        technician.add_url_rule(path, name, show, methods=["GET"])
    for name, (act, where) in _ACTS.items():
        technician.add_url_rule(f"/technician/{name}", f"act_{name}", partial(pages.act, act, where), methods=["POST"])
    technician.add_url_rule("/technician/lamp", "act_lamp", pages.lamp, methods=["POST"])
    technician.add_url_rule("/technician/language", "act_language", pages.language, methods=["POST"])
    for key in KEYS:
        technician.add_url_rule(f"/technician/scale/{key}", f"act_{key}", partial(pages.press, key), methods=["POST"])
    technician.register_error_handler(Refused, lambda error: pages.refused(error.code))
    technician.register_error_handler(StoreError, lambda error: pages.refused("store_failed"))
    return technician


class _TechnicianPages:
    def __init__(self, station: StationService, settings: WebSettings, doctor: Doctor | None) -> None:
        self._station, self._settings, self._doctor = station, settings, doctor
        self._tools = TechnicianTools(doctor) if doctor is not None else None

    @property
    def doctor(self) -> Doctor:
        return self._doctor or abort(503)

    @property
    def tools(self) -> TechnicianTools:
        return self._tools or abort(503)

    def page(self, template: str, tab: str, **extra: Any) -> str:
        here = request.full_path.rstrip("?") if request.method == "GET" else TABS[0][1]
        return draw(self._settings, template, tab, here, **extra)

    def doctor_page(self) -> str:
        findings = self.doctor.findings(fresh="page" not in request.args)
        rows = sorted(findings, key=lambda row: _ORDER.index(row.verdict))
        counts = {verdict.value: sum(row.verdict is verdict for row in findings) for verdict in _ORDER}
        return self.page(
            "doctor",
            "doctor",
            page=rows_of(rows, ROWS, request.args.get("page")),
            counts=counts,
            values=row_values,
            ago=age,
        )

    def tests_page(self) -> str:
        """Draw what can be tested; a printer that the station may not reach has to be let through first."""
        return self.page("tests", "tests", closed=self.tools.unreachable_printers() if self._tools else {})

    def scale_page(self) -> str:
        outcome = request.args.get("told", "")
        outcome = outcome if outcome in OUTCOME_WORDS else ""
        return self.page("scale", "tests", sign=self.scale_sign(), keys=self.tools.scale_keys(), told=outcome)

    def care_page(self) -> str:
        rows = [row for row in self.doctor.findings() if row.device in ("backup", "disk")]
        done = {"backup": self.tools.backup_state(), "bundle": self.tools.last_bundle}
        goods = self.doctor.equipment.catalogs is not None
        return self.page("care", "care", rows=rows, goods=goods, values=row_values, ago=age, **done)

    def events_page(self) -> str:
        store = self.doctor.station.store
        numbers, identity = store.outbox.quarantined(), store.epochs.identity()
        pending = store.outbox.counts().pending
        return self.page(
            "events",
            "events",
            numbers=numbers[:MAX_NUMBERS],
            more=max(0, len(numbers) - MAX_NUMBERS),
            pending=pending,
            left=send_estimate(self.doctor.station.settings.data) if pending else None,
            pictures=store.photos.unsent_count(),
            identity=identity,
        )

    def epoch_page(self) -> str:
        return self.page("epoch", "events", epoch=self.doctor.station.store.epochs.identity().epoch)

    def about_page(self) -> str:
        speech = speech_of(request, self._settings.language)
        rows = about_rows(self._station, self.doctor.equipment.config, speech, self._settings.weight_decimals)
        equipment = self.doctor.equipment
        has = {"updates": equipment.updates is not None, "network": equipment.network is not None}
        return self.page("about", "about", rows=rows, **has)

    def refused(self, code: str) -> tuple[str, int]:
        return self.page("refused", "doctor", text_id=f"technician.refused.{code}"), 409

    def doctor_json(self) -> AnyResponse:
        """Answer without a login, to this machine alone."""
        if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104 - stands for "not known"
            abort(403)
        return jsonify(self.doctor.as_json())

    def scale_sign(self) -> dict[str, str]:
        return frame_words(self.doctor.equipment.scale.liveness(), speech_of(request, self._settings.language).main)

    def shot_jpg(self) -> AnyResponse:
        jpeg = self.tools.take_shot()
        if jpeg is None:
            abort(404)
        return Response(jpeg, mimetype="image/jpeg")

    def act(self, run: Callable[[TechnicianTools], object], where: str) -> AnyResponse:
        run(self.tools)
        return redirect(where, 303)

    def press(self, key: str) -> AnyResponse:
        """Press a key of the scale once. The result is on a page that can be reloaded without sending again."""
        outcome = self.tools.press(key)
        word = f"{key}_{outcome}" if outcome is CommandOutcome.DONE else outcome.value
        return redirect(f"/technician/scale?told={word}", 303)

    def lamp(self) -> AnyResponse:
        name = request.form.get("lamp", "")
        if name in LAMPS:
            self.tools.lamp(name)
        elif name == "buzzer":
            self.tools.buzz()
        else:
            self.tools.end_lamp_test()
        return redirect("/technician/lamps" if name else "/technician/tests", 303)

    def language(self) -> AnyResponse:
        here = request.form.get("here", "")
        if not here.isprintable():
            abort(400)  # no page of ours sends a line break: it would start another header
        known = here.partition("?")[0] in {path for _, path, _ in TABS}
        answer = redirect(here if known else "/technician", 303)
        code = request.form.get("lang", "")
        return set_language_cookie(answer, code) if code in LANGUAGES and isinstance(answer, Response) else answer
