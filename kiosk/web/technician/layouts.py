"""The technician's page of labels: what each one looks like, which shipped layout is used for it, and a print of it.

GET changes nothing. A post acts and answers 303; a refused one answers 409 with the reason. There is no personal data
on these pages: the labels hold sample data.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from io import BytesIO
from typing import Final

from flask import Blueprint, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.labels.label_page import draw_label
from kiosk.labels.layout import shipped_layout
from kiosk.labels.layout_check import problem_word
from kiosk.labels.papers.printer_diagnostics import CALIBRATION
from kiosk.labels.papers.samples import SAMPLES
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.tools import TechnicianTools
from kiosk.station.papers.own_layouts import OwnLayouts
from kiosk.store import StoreError
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician.frame import TechnicianArea, blueprint_of, needs_technician

HOME: Final = "/technician/layouts"
# Shipped layouts that a label may have instead of the first one, by what the page calls them.
OTHERS: Final[Mapping[str, Mapping[str, str]]] = {
    "bag": {"small": "bag_small", "shop": "bag_shop"},
    "member": {"card": "member_card"},
}
NEEDS: Final = needs_technician("layouts", ("page", "picture"), ("choose", "print"))
_HEAD: Final = PrintHead(203, 832)


def blueprint(settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Serve everything under ``/technician/layouts``; without a doctor these pages answer 503."""
    pages = _LayoutPages(settings, doctor)
    routes = blueprint_of("layouts", HOME, {"page": pages.page}, {"choose": pages.choose, "print": pages.print})
    routes.add_url_rule(f"{HOME}.png", "picture", pages.picture, methods=["GET"])
    routes.register_error_handler(Refused, lambda error: pages.refuse(f"technician.refused.{error.code}"))
    routes.register_error_handler(StoreError, lambda error: pages.refuse("technician.refused.store_failed"))
    routes.register_error_handler(OSError, lambda error: pages.refuse("technician.refused.store_failed"))
    return routes


class _LayoutPages(TechnicianArea):
    def __init__(self, settings: WebSettings, doctor: Doctor | None) -> None:
        super().__init__(settings, doctor, "care", HOME)
        self._tools = TechnicianTools(doctor) if doctor is not None else None
        self._own = doctor.station.own_layouts if doctor is not None else None
        self._drawing = threading.Lock()  # A label of 400 x 400 mm takes 50 MB while it is drawn: one at a time

    @property
    def own(self) -> OwnLayouts:
        return self._own or abort(503)

    def page(self) -> str:
        """Draw one kind of label as printed, or by another shipped layout; say why the station's file is not used."""
        kind, other = _requested(request.args)
        of_county = self.own.is_of_county(kind)
        problem = None if of_county else self.own.damage(kind)
        return self.draw(
            "layouts",
            kind=kind,
            kinds=tuple(SAMPLES),
            other=other,
            others=tuple(OTHERS.get(kind, ())),
            problem=problem,
            problem_id=f"technician.layouts.fault.{problem_word(problem)}" if problem is not None else "",
            own=self.own.is_own(kind),
            of_county=of_county,
            told=bool(request.args.get("printed")),
        )

    def picture(self) -> AnyResponse:
        kind, other = _requested(request.args)
        layout = shipped_layout(OTHERS[kind][other]) if other else self.own.layouts.of(kind)
        png = BytesIO()
        with self._drawing:
            draw_label(layout, SAMPLES[kind], _HEAD).to_image().save(png, "PNG")
        return Response(png.getvalue(), mimetype="image/png", headers={"Cache-Control": "no-store"})

    def choose(self) -> AnyResponse | tuple[str, int]:
        kind, other = _requested(request.form)
        if self.own.is_of_county(kind):
            return self.refuse("technician.layouts.of_county")
        if other:
            self.own.choose(kind, OTHERS[kind][other])
        else:
            self.own.put_back(kind)
        return redirect(f"{HOME}?kind={kind}", 303)

    def print(self) -> AnyResponse:
        kind, _ = _requested(request.form)
        (self._tools or abort(503)).print_sample(CALIBRATION if "calibration" in request.form else kind)
        return redirect(f"{HOME}?kind={kind}&printed=1", 303)


def _requested(values: Mapping[str, str]) -> tuple[str, str]:
    """Return the kind, by default the bag, and the other shipped layout or ""; answer 404 for unknown ones."""
    kind, other = values.get("kind", "bag"), values.get("other", "")
    if kind not in SAMPLES or (other and other not in OTHERS.get(kind, {})):
        abort(404)
    return kind, other
