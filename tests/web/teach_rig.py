"""The technician's pages with a scale to be taught: the real probe at a simulated indicator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from flask import Flask
from jinja2 import StrictUndefined

from kiosk.config import load
from kiosk.devices.scale_ear import ScaleEar
from kiosk.devices.scale_probe import ProbeTiming, ScaleProbe
from kiosk.domain.clerk import Role
from kiosk.station.counter_view import Person, Session
from kiosk.station.teach import Teach, TeachTools
from kiosk.web import guard, roles, teach, technical, technician
from kiosk.web.factory import _FILTERS
from kiosk.web.settings import WebSettings
from tests.station.clinic import Clinic

QUICK = ProbeTiming(first_s=1.0, listen_s=0.7, answer_s=0.15, gap_s=0.08)
PEOPLE = {
    "technician": Person("01", "Reyhan", Role.TECHNICIAN),
    "clerk": Person("02", "Tursun", Role.CLERK),
}
SETTINGS = """\
# The station of the test village.
[station]
station = "S0147"
region = "yarkant"
data = "{data}"

[scale]
port = "/dev/serial/by-id/usb-old"  # the scale on the long table
protocol = "xk3190_tf0"
e_g = 5        # from the plate
max_g = 60000

[web]
language = "en"
"""


class Paused:
    """Counts how often the station's scale let go and came back."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


def settings_file(folder: Path) -> Path:
    path = folder / "station.toml"
    path.write_text(SETTINGS.format(data=folder), encoding="utf-8")
    return path


@contextmanager
def taught(
    clinic: Clinic, ports: Callable[[], tuple[str, ...]], file: Path | None = None, idle_s: float = 60.0
) -> Iterator[Teach]:
    """The clinic's station with something to teach; the supervisor is ``clinic.teach_paused``."""
    clinic_any = cast(Any, clinic)
    clinic_any.teach_paused = Paused()
    tools = TeachTools(
        ports,
        lambda port, ask, told: ScaleProbe(port, ask, told, timing=QUICK),
        lambda port, candidates: ScaleEar(port, candidates, timing=QUICK),
        clinic_any.teach_paused,
        file,
        load,
        (5, 60_000),
    )
    clinic_any.teach = Teach(tools, idle_s=idle_s)
    try:
        yield clinic_any.teach
    finally:
        clinic_any.teach.close()


def app_of(clinic: Clinic, settings: WebSettings) -> Flask:
    """These blueprints, and of the others what their pages are drawn with. The cookie's value is who it is."""
    app = Flask("kiosk.web")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(_FILTERS)
    guard.install(app)
    needs = roles.merge([technician.NEEDS, technical.NEEDS, teach.NEEDS])
    roles.install(app, needs, lambda token: Session(token, PEOPLE[token]) if token in PEOPLE else None)
    app.register_error_handler(roles.Denied, lambda error: ("", 403))
    app.register_blueprint(technical.blueprint(cast(Any, clinic), settings, cast(Any, None)))
    app.register_blueprint(technician.blueprint(cast(Any, clinic), settings, cast(Any, None)))
    app.register_blueprint(teach.blueprint(cast(Any, clinic), settings))
    return app
