"""Every fault word in every printer language, from the queue to the tray: what is called printed lies there, once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pytest

from kiosk.base.worker import Worker
from kiosk.devices.printer.profiles import profile
from kiosk.devices.printer.stream import TcpPrinter
from kiosk.labels.raster import Raster
from kiosk.protocols.printers.languages import encode
from kiosk.protocols.printers.page_setup import StreamLanguage
from kiosk.simulators.printer import mechanism as printer_mechanism
from kiosk.simulators.printer.model import PrinterModel
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.simulators.shared.faults import FAULT_WORDS
from kiosk.station.papers.rendering import RenderedJob
from kiosk.station.papers.worker import FittedPrinter, PrintListeners, PrintTiming, print_worker
from kiosk.store import PrintJob, Store
from kiosk.store.database.opening import OpenOptions
from tests.station.fakes import CATALOG, STAMP
from tests.station.hardware import PAPERS, Heard, bring_in

WORDS = tuple(row.word for row in FAULT_WORDS if row.device == "printer")
HARMLESS = {"on", "paper-in", "slow"}
STOPS = {"paper-out", "head-open", "jam", "off"}
ROWS = 320
PAGE_S = 0.4
MARGIN_S = 2.5
WAIT_S = 60.0
NO_SECOND_S = PAGE_S + 0.3

Moment = Literal["before", "during"]


@dataclass
class Outcome:
    """``state`` of the job before the cure and after it; ``papers`` in the tray then."""

    state: str
    papers: int
    cured_state: str
    cured_papers: int


class Play:
    """One job, one printer, one word."""

    def __init__(self, folder: Path, template: Path, language: StreamLanguage, word: str, moment: Moment) -> None:
        folder.mkdir()
        self.word, self.moment = word, moment
        self.row = profile(language)
        head = self.row.setup.head
        model = PrinterModel(head.dpi, head.width_dots, ROWS / head.per_mm / PAGE_S)
        self.simulator = PrinterSimulator(language, folder / "tray", model=model)
        self.store = Store.open(folder / "station.db", "S0147", STAMP, OpenOptions(template=template, reserve_bytes=0))
        self.store.catalogs.add(CATALOG, STAMP)
        self.news = Heard()
        self.begun = threading.Event()

    def run(self) -> Outcome:
        with self.simulator:
            return self._run()

    def _run(self) -> Outcome:
        if self.moment == "before":
            self.simulator.command(self.word)
        bring_in(self.store, PAPERS[:1])
        worker = self._worker()
        worker.start()
        try:
            if self.moment == "during":
                assert self.begun.wait(WAIT_S)
                self.simulator.command(self.word)
            self.news.wait(lambda told: bool(told) and told[-1] not in ("sending", "none"), WAIT_S)
            state, papers = self._state(), len(self.simulator.printed)
            self.simulator.command("on")
            if state == "queued":
                self.news.wait(lambda told: told[-1] in ("printed", "unknown"), WAIT_S)
            if self.word == "late":
                assert self.simulator.wait_for(1, WAIT_S), "it never came"
            assert not self.simulator.wait_for(2, NO_SECOND_S), "a paper came twice"
            return Outcome(state, papers, self._state(), len(self.simulator.printed))
        finally:
            worker.stop(WAIT_S)

    def _worker(self) -> Worker:
        setup = self.row.setup
        page = encode(Raster(384, ROWS, b"\xaa" * 48 * ROWS), setup)

        def render(_: PrintJob) -> RenderedJob:
            return RenderedJob(page, PAGE_S)

        return print_worker(
            FittedPrinter("label", TcpPrinter(self.simulator.host, self.simulator.port, self.row.id), render),
            self.store.papers,
            lambda: STAMP,
            PrintListeners(self._tell, lambda name, problem: self._tell() if problem else None),
            PrintTiming(margin_s=MARGIN_S, retry_s=0.05),
        )

    def _tell(self) -> None:
        state = self._state()
        if state == "sending":
            self.begun.set()
        self.news(state)

    def _state(self) -> str:
        rows = [job for intake in self.store.intakes.recent() for job in self.store.papers.of_receipt(intake.receipt)]
        return rows[0].state if rows else "none"


def faults(word: str, moment: Moment, seen: Outcome) -> list[str]:
    """What is wrong with an outcome; nothing when it is right."""
    wrong = []
    if seen.state == "printed" and seen.papers != 1:
        wrong.append("called printed, and no paper came out")
    if seen.cured_state == "printed" and seen.cured_papers != 1:
        wrong.append("called printed after the cure, and no paper came out")
    if seen.cured_papers > 1:
        wrong.append("came out twice")
    if seen.state not in ("printed", "unknown", "queued") or seen.cured_state not in ("printed", "unknown"):
        wrong.append("ended in no state")
    if seen.state == "unknown" != seen.cured_state:
        wrong.append("an unknown paper was decided without a person")
    if word in HARMLESS and (seen.state, seen.papers) != ("printed", 1):
        wrong.append("not printed, though nothing was wrong")
    if word in STOPS and moment == "before" and (seen.state, seen.cured_state) != ("queued", "printed"):
        wrong.append("not kept until the fault was mended")
    if word == "forget" and moment == "before" and (seen.state, seen.cured_papers) != ("unknown", 0):
        wrong.append("believed a printer that forgets")
    if word == "late" and moment == "before" and (seen.state, seen.cured_papers) != ("unknown", 1):
        wrong.append("a late paper is unknown until it lies there")
    return wrong


def test_what_is_called_printed_lies_in_the_tray_once(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printer_mechanism, "_SLOW_S", 1.5)
    assert HARMLESS | STOPS | {"forget", "late"} == set(WORDS)
    plays = [
        (language, word, moment)
        for language in get_args(StreamLanguage)
        for word in WORDS
        for moment in get_args(Moment)
        if moment == "before" or word in ("paper-out", "off")
    ]

    stations = [Play(tmp_path / "-".join(chosen), template, *chosen) for chosen in plays]
    with ThreadPoolExecutor(16) as pool:
        outcomes = dict(zip(plays, pool.map(Play.run, stations), strict=True))
    for station in stations:
        station.store.close()
    wrong = {
        (language, word, moment): (reasons, seen)
        for (language, word, moment), seen in outcomes.items()
        if (reasons := faults(word, moment, seen))
    }
    assert wrong == {}
