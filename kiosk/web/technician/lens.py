"""Calibrate the lens: the technician's page that asks for one shot of the mat after the other, each lying another way.

GET changes nothing. A post acts and answers 303; a refused one answers 409 with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.domain.lens import LensFit
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.photos.lens_calibration import SHOTS, CalibrationRefused, LensCalibration
from kiosk.web.roles import Need
from kiosk.web.settings import WebSettings
from kiosk.web.technician.frame import draw

HOME: Final = "/technician/lens"
POSTS: Final = ("begin", "shoot", "forget", "end")
NEEDS: Final = {
    "lens.page": Need.TECHNICIAN,
    **{f"lens.act_{name}": Need.TECHNICIAN for name in POSTS},
}


def blueprint(settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Everything under ``/technician/lens``. Without a camera these pages answer 503."""
    routes = Blueprint("lens", __name__)
    pages = _Pages(settings, doctor)
    routes.add_url_rule(HOME, "page", pages.page, methods=["GET"])
    acts: dict[str, Callable[[LensCalibration], None]] = {
        "begin": LensCalibration.begin,
        "shoot": _shoot,
        "forget": LensCalibration.forget,
        "end": LensCalibration.end,
    }
    for name in POSTS:
        act = partial(pages.act, acts[name])
        routes.add_url_rule(f"{HOME}/{name}", f"act_{name}", act, methods=["POST"])
    routes.register_error_handler(CalibrationRefused, lambda error: pages.refused(error.code))
    return routes


def _shoot(lens: LensCalibration) -> None:
    """The form carries the number of the shot that the page asked for."""
    number = request.form.get("number", "")
    lens.shoot(int(number) if number.isascii() and number.isdigit() and len(number) < 3 else 0)


def _quality(fit: LensFit) -> dict[str, str | int]:
    """Pixels with two digits behind the point, and whole percent of the frame."""
    return {
        "after": f"{fit.error_px:.2f}",
        "before": f"{fit.plain_error_px:.2f}",
        "covered": round(fit.coverage * 100),
    }


class _Pages:
    """Draws and acts."""

    def __init__(self, settings: WebSettings, doctor: Doctor | None) -> None:
        self._settings, self._doctor = settings, doctor

    @property
    def lens(self) -> LensCalibration:
        """The use case, or 503."""
        lens = None if self._doctor is None else self._doctor.equipment.lens
        return lens or abort(503)

    def page(self) -> str:
        """What is known of the lens; during a calibration the shot that is asked for."""
        view = self.lens.view()
        picture, fit = f"lens-{view.lying.value}", view.known.fit
        return draw(
            self._settings,
            "lens",
            "tests",
            HOME,
            view=view,
            shots=SHOTS,
            picture=picture,
            quality=None if fit is None else _quality(fit),
        )

    def act(self, do: Callable[[LensCalibration], None]) -> AnyResponse:
        """One post."""
        do(self.lens)
        return redirect(HOME, 303)

    def refused(self, code: str) -> tuple[str, int]:
        """Why it was not done."""
        return draw(self._settings, "refused", "tests", HOME, text_id=f"technician.lens.refused.{code}"), 409
