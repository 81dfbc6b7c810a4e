"""Updates: the technician's page of what runs, what is here, and what came of the newest one.

GET changes nothing. The post asks for an update and answers 303; a refused one answers 409 with the reason.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.environment import updates
from kiosk.station.update.refusals import UpdateRefused
from kiosk.station.update.updates import Updates
from kiosk.web.shared.roles import Need
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician.frame import TechnicianArea, age, blueprint_of, draw, row_values

HOME: Final = "/technician/update"
NEEDS: Final = {"update.page": Need.TECHNICIAN, "update.act_install": Need.TECHNICIAN}


def blueprint(settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Serve ``/technician/update``. Where nothing can be updated the page says so; an update is refused with 409."""
    pages = _UpdatePages(settings, doctor, "about", HOME)
    routes = blueprint_of("update", HOME, {"page": pages.page}, {"install": pages.install})
    routes.register_error_handler(UpdateRefused, lambda error: pages.refuse(f"technician.update.why.{error.why}"))
    routes.register_error_handler(_OtherWay, lambda error: pages.refuse("technician.update.other_way"))
    routes.register_error_handler(OSError, lambda error: pages.refuse("technician.update.why.disk"))
    return routes


class _OtherWay(Exception):
    """This station does not update itself: its program comes with the system's packages, or from a source tree."""


class _UpdatePages(TechnicianArea):
    @property
    def updates(self) -> Updates:
        if self._doctor is None or self._doctor.equipment.updates is None:
            raise _OtherWay
        return self._doctor.equipment.updates

    def page(self) -> str:
        try:
            view = self.updates.view()
        except _OtherWay:
            return draw(self._settings, "refused", "about", "/technician/about", text_id="technician.update.other_way")
        line = None if self._doctor is None else updates(self._doctor.equipment.config)
        return self.draw("update", view=view, line=line, values=row_values, ago=age)

    def install(self) -> AnyResponse:
        self.updates.install(request.form.get("bundle", ""))
        return redirect(HOME, 303)
