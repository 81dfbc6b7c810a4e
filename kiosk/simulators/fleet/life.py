"""The life of one station in one call: some days of work, and what goes wrong on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

from kiosk.simulators.fleet.plan import FleetPlan, Tally
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.simulators.fleet.station import FleetStation, StationFolder

STRETCHES: Final = 4  # Parts of the time, each with its own fault and, unless the line is down, with sending at its end
_LIKELY: Final = {"": 4, "outage": 4, "clock": 2, "image": 2, "restore": 2, "clone": 1}


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many intakes, and what happens meanwhile: a word of ``_LIKELY``."""

    intakes: int
    fault: str = ""


def stretches(plan: FleetPlan, station: str) -> list[Stretch]:
    """The time of one station: in one piece without faults."""
    if plan.manner.faults is None:
        return [Stretch(plan.intakes)]
    random = Random(f"{plan.manner.faults} {station}")  # noqa: S311  a simulator
    cuts = [plan.intakes * part // STRETCHES for part in range(STRETCHES + 1)]
    faults = random.choices(list(_LIKELY), list(_LIKELY.values()), k=STRETCHES)
    return [Stretch(end - start, fault) for (start, end), fault in zip(pairwise(cuts), faults, strict=True)]


class Life:
    """One station, and the clone of its card when there is one."""

    def __init__(self, plan: FleetPlan, name: str, template: Path, ending: FleetShutdown) -> None:
        self._plan, self._template, self._ending = plan, template, ending
        self._station = FleetStation(plan, StationFolder(name, plan.database(name)), template, ending)
        self._image: StationFolder | None = None
        self._clone: FleetStation | None = None

    def write(self) -> Tally:
        """Everything before the last sending; only the intakes and their time count in the answer."""
        started, intakes = monotonic(), 0
        for stretch in stretches(self._plan, self._station.card.station):
            intakes += self._live(stretch)
        return Tally(intakes=intakes, writing_s=monotonic() - started)

    def send(self) -> Tally:
        """The last sending: the clone's, too, and then the station's again if that has raised anything."""
        tally = self._station.send()
        if self._clone is not None:
            tally += self._clone.send()
        return tally

    def _live(self, stretch: Stretch) -> int:
        clock = self._station.clock
        if stretch.fault == "restore" and self._image is not None:
            self._image.copy_to(self._station.card.database.parent)
        clock.is_unset = stretch.fault == "clock"
        written = self._station.write(stretch.intakes)
        if stretch.fault == "image":
            self._image = self._station.card.copy_to(self._beside("image"))
        if stretch.fault == "clone" and self._clone is None:
            self._clone = self._cloned()
            written += self._clone.write(min(1, self._plan.intakes))
        clock.is_unset = False
        if self._plan.manner.faults is not None and stretch.fault != "outage":
            self._station.send()
        return written

    def _cloned(self) -> FleetStation:
        card = self._station.card.copy_to(self._beside("clone"))
        plan = replace(self._plan, seed=self._plan.seed + 1)
        return FleetStation(plan, card, self._template, self._ending)

    def _beside(self, what: str) -> Path:
        folder = self._station.card.database.parent
        return folder.with_name(f"{folder.name}-{what}")
