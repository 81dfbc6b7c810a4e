"""The technician's pages with a scale to be taught: the real probe at a simulated indicator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from jinja2 import StrictUndefined

from kiosk.config.station import load
from kiosk.devices.ports import OnProgress, ProbeProgress
from kiosk.devices.scale.capture import SerialCapture
from kiosk.devices.scale.probe import ProbeTiming, ScaleProbe
from kiosk.domain.clerk import Role
from kiosk.simulators.scale.simulator import ScaleSimulator
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.scale.teach import OBSERVE_S, Teach, TeachTools
from kiosk.web.factory import _FILTERS, ServedApp
from kiosk.web.first_start.app import NoStreams
from kiosk.web.shared import guard, roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import goods, teach, technical, update
from kiosk.web.technician import routes as technician
from tests.devices.scale.rig import QUICK, FairClock
from tests.station.doctor.clinic import Clinic

LEISURELY = ProbeTiming(first_s=1.0, listen_s=0.7, answer_s=0.5, gap_s=0.08)
ATTENTIVE = replace(LEISURELY, first_s=30.0)
"""For a scale that speaks by itself: it is heard until enough has come, however slow the machine is."""
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


class Pace:
    """Steps that pass by themselves stay until the test goes on: the probe, while ``go`` is not set, after each word
    of it, and the look at a pan until ``looked``.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.go = threading.Event()
        self.go.set()

    def told(self, told: OnProgress) -> OnProgress:
        """The word is on the page before the probe does what it says."""

        def tell(progress: ProbeProgress) -> None:
            told(progress)
            self.go.wait()

        return tell

    def looked(self) -> None:
        """The pan has been looked at for long enough."""
        self.now += OBSERVE_S


@contextmanager
def taught(
    clinic: Clinic,
    ports: Callable[[], tuple[str, ...]],
    file: Path | None = None,
    asked: ScaleSimulator | None = None,
    pace: Pace | None = None,
) -> Iterator[Teach]:
    """The clinic's station with something to teach; its own scale is ``clinic.teach_paused``.

    ``asked`` is a scale that says nothing by itself: it is given up soon, and never because its answer comes late.
    """
    clinic_any = cast(Any, clinic)
    clinic_any.teach_paused = Paused()
    slow = pace or Pace()
    timing = LEISURELY if asked else ATTENTIVE

    def probe(port: str, ask: bool, told: OnProgress) -> ScaleProbe:
        if asked is None:
            return ScaleProbe(port, ask, slow.told(told), timing=timing)
        return ScaleProbe(port, ask, slow.told(told), FairClock(asked), QUICK)

    tools = TeachTools(
        ports,
        probe,
        lambda port, candidates: SerialCapture(port, candidates, timing=timing),
        clinic_any.teach_paused,
        file,
        load,
        (5, 60_000),
    )
    teach = Teach(tools, (lambda: pace.now) if pace else time.monotonic)
    try:
        yield teach
    finally:
        slow.go.set()
        teach.close()


def app_of(clinic: Clinic, settings: WebSettings, can_teach: Teach | None = None) -> ServedApp:
    """These blueprints, and of the others what their pages are drawn with. The cookie's value is who it is."""
    app = ServedApp("kiosk.web", NoStreams())
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(_FILTERS)
    guard.install(app)
    needs = roles.merge([technician.NEEDS, technical.NEEDS, teach.NEEDS, update.NEEDS, goods.NEEDS])
    roles.install(app, needs, lambda token: CounterSession(token, PEOPLE[token]) if token in PEOPLE else None)
    app.register_error_handler(roles.AccessDenied, lambda error: ("", 403))
    app.register_blueprint(technical.blueprint(cast(Any, clinic), settings, cast(Any, None)))
    app.register_blueprint(technician.blueprint(cast(Any, clinic), settings, clinic.doctor))
    app.register_blueprint(teach.blueprint(can_teach, settings))
    app.register_blueprint(update.blueprint(settings, clinic.doctor))
    app.register_blueprint(goods.blueprint(settings, clinic.doctor))
    return app
