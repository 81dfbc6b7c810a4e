"""Teach me this scale: the technician's page that ends in one format for the settings file, or in "cannot tell".

One step is on the screen at a time (``kiosk.station.scale.teach``). GET changes nothing; a post acts and answers 303, a
refused one 409 with the reason. What a device sent is shown as printable text only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from flask import Blueprint, abort, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.station.scale.teach import Teach
from kiosk.texts.plain import printable
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.speech import speech_of
from kiosk.web.technician.frame import blueprint_of, draw, needs_technician

HOME: Final = "/technician/teach"
ROWS: Final = 4  # Proposals on one screen, the likeliest first; more than four were never seen
MAX_PORTS: Final = 6
_RAW: Final = 40
_TYPED: Final = 8

_ACTS: Final[Mapping[str, Callable[[Teach], object]]] = {
    "begin": lambda teach: teach.begin(request.form.get("port", ""), ask=request.form.get("ask") == "1"),
    "emptied": lambda teach: teach.confirm_empty(),
    "known": lambda teach: teach.confirm_known_weight(request.form.get("kg", "")[:_TYPED]),
    "write": lambda teach: teach.write(),
    "end": lambda teach: teach.end(),
}
POSTS: Final = tuple(_ACTS)
NEEDS: Final = needs_technician("teach", ("page", "state"), POSTS)
# Steps that share a template; the others have one of their own name.
_BODIES: Final = {"emptied": "looking", "loaded": "looking"}


def blueprint(teach: Teach | None, settings: WebSettings) -> Blueprint:
    """Serve everything under ``/technician/teach``. Where nothing can be taught these pages answer 503."""
    pages = _TeachPages(teach, settings)
    posts = {name: partial(pages.act, act) for name, act in _ACTS.items()}
    routes = blueprint_of("teach", HOME, {"page": pages.page}, posts)
    routes.add_url_rule(f"{HOME}.json", "state", pages.state, methods=["GET"])
    routes.register_error_handler(Refused, lambda error: pages.refused(error.code))
    return routes


class _TeachPages:
    def __init__(self, teach: Teach | None, settings: WebSettings) -> None:
        self._teach, self._settings = teach, settings

    @property
    def teach(self) -> Teach:
        return self._teach or abort(503)

    def page(self) -> str:
        view = self.teach.view()
        return draw(
            self._settings,
            "teach",
            "tests",
            HOME,
            view=view,
            body=_BODIES.get(view.step, view.step),
            rows=view.rows[:ROWS],
            ports=view.ports[:MAX_PORTS],
            name_of=_shown,
            sample=printable(view.progress.sample[-_RAW:]),
            percent=round(view.progress.done * 100),
        )

    def state(self) -> AnyResponse:
        """Return what changes while the page is on the screen, by the name of its place."""
        view = self.teach.view()
        texts = speech_of(request, self._settings.language).main
        parts = {f"reads-{number}": row.reads or "– – –" for number, row in enumerate(view.rows[:ROWS])}
        if view.step == "listening":
            word = "asking" if view.progress.asking else "listening"
            parts["line"] = texts.text(f"technician.teach.{word}", line=view.progress.line)
            parts["bytes"] = texts.text("technician.teach.bytes", n=view.progress.received_bytes)
            parts["sample"] = printable(view.progress.sample[-_RAW:])
        return jsonify({"step": view.step, "done": round(view.progress.done, 2), "parts": parts})

    def refused(self, code: str) -> tuple[str, int]:
        return draw(self._settings, "refused", "tests", HOME, text_id=f"technician.teach.refused.{code}"), 409

    def act(self, run: Callable[[Teach], object]) -> AnyResponse:
        run(self.teach)
        return redirect(HOME, 303)


def _shown(port: str) -> str:
    """Return what distinguishes one port from another: udev's folder and prefix are the same for all."""
    return port.rpartition("/")[2].removeprefix("usb-") if port.startswith("/") else port
