"""The technician's pages: what the doctor found, tests of the devices, care of the data.

GET changes nothing. A post acts and answers 303; a refused one answers 409 with the reason. ``/doctor.json`` is for
``kiosk doctor`` on this machine: words about devices, and nothing of a person or a place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from flask import Blueprint, Response, abort, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.shared.finding import Severity
from kiosk.station.doctor.tools import LAMPS, TechnicianTools
from kiosk.station.scale.keys import KEYS
from kiosk.store import StoreError
from kiosk.texts import LANGUAGES
from kiosk.web.shared.paging import rows_of
from kiosk.web.shared.ports import Station
from kiosk.web.shared.roles import Need
from kiosk.web.shared.send_estimate import send_estimate
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.speech import set_language_cookie, speech_of
from kiosk.web.technician.about import about_rows
from kiosk.web.technician.frame import TABS, age, draw, row_values
from kiosk.web.technician.scale import frame_words, known_outcome, outcome_word

ROWS: Final = 4
MAX_NUMBERS: Final = 40
_ORDER: Final = (Severity.FAIL, Severity.WARN, Severity.OK)

PAGES: Final = ("doctor", "tests", "scale", "shot", "lamps", "care", "events", "epoch", "about")
POSTS: Final = ("print", "reach", "shoot", "lamp", "backup", "bundle", "new_epoch", "language")
NEEDS: Mapping[str, Need] = {
    **{f"technician.{name}": Need.TECHNICIAN for name in (*PAGES, "scale_json", "shot_jpg")},
    **{f"technician.act_{name}": Need.TECHNICIAN for name in (*POSTS, *KEYS)},
    "technician.doctor_json": Need.OPEN,
}


def blueprint(station: Station, settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Everything under ``/technician``, and ``/doctor.json``; without a doctor these pages answer 503."""
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
    for name, act in pages.posts().items():
        technician.add_url_rule(f"/technician/{name}", f"act_{name}", act, methods=["POST"])
    for key in KEYS:
        technician.add_url_rule(f"/technician/scale/{key}", f"act_{key}", partial(pages.press, key), methods=["POST"])
    technician.register_error_handler(Refused, lambda error: pages.refused(error.code))
    technician.register_error_handler(StoreError, lambda error: pages.refused("store_failed"))
    return technician


class _TechnicianPages:
    def __init__(self, station: Station, settings: WebSettings, doctor: Doctor | None) -> None:
        self._station, self._settings, self._doctor = station, settings, doctor
        self._tools = TechnicianTools(doctor) if doctor is not None else None

    @property
    def doctor(self) -> Doctor:
        """The station's doctor, or 503."""
        return self._doctor or abort(503)

    @property
    def tools(self) -> TechnicianTools:
        """The technician's tools on this doctor's equipment, or 503."""
        return self._tools or abort(503)

    # --- pages

    def page(self, template: str, tab: str, **extra: Any) -> str:
        here = request.full_path.rstrip("?") if request.method == "GET" else TABS[0][1]
        return draw(self._settings, template, tab, here, **extra)

    def doctor_page(self) -> str:
        """The rows, those with something to do first."""
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
        """What can be tried; a printer that the station may not reach is let through first."""
        return self.page("tests", "tests", closed=self.tools.unreachable_printers() if self._tools else {})

    def scale_page(self) -> str:
        """The scale live, its keys, and what came of the one pressed last."""
        outcome = known_outcome(request.args.get("told", ""))
        return self.page("scale", "tests", sign=self.scale_sign(), keys=self.tools.scale_keys(), told=outcome)

    def care_page(self) -> str:
        """Backup and bundle, and how the last of each went."""
        rows = [row for row in self.doctor.findings() if row.device in ("backup", "disk")]
        done = {"backup": self.tools.backup_state(), "bundle": self.tools.last_bundle}
        goods = self.doctor.equipment.catalogs is not None
        return self.page("care", "care", rows=rows, goods=goods, values=row_values, ago=age, **done)

    def events_page(self) -> str:
        """What the sorting center keeps apart, and the way out of a fork."""
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
        """The question before a new epoch."""
        return self.page("epoch", "events", epoch=self.doctor.station.store.epochs.identity().epoch)

    def about_page(self) -> str:
        """Software, scale, counters: what is asked for at a verification."""
        speech = speech_of(request, self._settings.language)
        rows = about_rows(self._station, self.doctor.equipment.config, speech, self._settings.weight_decimals)
        return self.page("about", "about", rows=rows, updates=self.doctor.equipment.updates is not None)

    def refused(self, code: str) -> tuple[str, int]:
        return self.page("refused", "doctor", text_id=f"technician.refused.{code}"), 409

    # --- for programs and pictures

    def doctor_json(self) -> AnyResponse:
        """Readable without a login, from this machine alone."""
        if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104 - stands for "not known"
            abort(403)
        return jsonify(self.doctor.as_json())

    def scale_sign(self) -> dict[str, str]:
        """The newest frame as the indicator sent it; dashes when it is too old to be live."""
        return frame_words(self.doctor.equipment.scale.liveness(), speech_of(request, self._settings.language).main)

    def shot_jpg(self) -> AnyResponse:
        """The shot just taken, once."""
        jpeg = self.tools.take_shot()
        if jpeg is None:
            abort(404)
        return Response(jpeg, mimetype="image/jpeg")

    # --- acts

    def posts(self) -> dict[str, Callable[[], AnyResponse]]:
        """By the last part of its path: what it does, and where it leads."""
        return {
            "print": self._print,
            "reach": self._reach,
            "shoot": self._shoot,
            "lamp": self._lamp,
            "backup": self._backup,
            "bundle": self._bundle,
            "new_epoch": self._new_epoch,
            "language": self._language,
        }

    def _print(self) -> AnyResponse:
        self.tools.print_test(request.form.get("printer", ""))
        return redirect("/technician/tests?printed=1", 303)

    def _reach(self) -> AnyResponse:
        """The station starts anew for it: what was told stands on the page that comes back."""
        self.tools.request_printer_access(request.form.get("printer", ""))
        return redirect("/technician/tests?asked=1", 303)

    def _shoot(self) -> AnyResponse:
        self.tools.shoot()
        return redirect("/technician/shot", 303)

    def press(self, key: str) -> AnyResponse:
        """One press of a key of the scale. What was sent is told on a page that can be read again without sending."""
        outcome = self.tools.zero() if key == "zero" else self.tools.clear_tare()
        return redirect(f"/technician/scale?told={outcome_word(key, outcome)}", 303)

    def _backup(self) -> AnyResponse:
        self.tools.backup_now()
        return redirect("/technician/care", 303)

    def _bundle(self) -> AnyResponse:
        self.tools.bundle()
        return redirect("/technician/care", 303)

    def _lamp(self) -> AnyResponse:
        name = request.form.get("lamp", "")
        if name in LAMPS:
            self.tools.lamp(name)
        elif name == "buzzer":
            self.tools.buzz()
        else:
            self.tools.end_lamp_test()
        return redirect("/technician/lamps" if name else "/technician/tests", 303)

    def _new_epoch(self) -> AnyResponse:
        """The form of the confirming page carries the epoch it asked about: a repeated post ends no second one."""
        self.tools.begin_epoch(request.form.get("epoch", ""))
        return redirect("/technician/events", 303)

    def _language(self) -> AnyResponse:
        here = request.form.get("here", "")
        if not here.isprintable():
            abort(400)  # no page of ours sends a line break: it would begin a header of its own
        known = here.partition("?")[0] in {path for _, path, _ in TABS}
        answer = redirect(here if known else "/technician", 303)
        code = request.form.get("lang", "")
        return set_language_cookie(answer, code) if code in LANGUAGES and isinstance(answer, Response) else answer
