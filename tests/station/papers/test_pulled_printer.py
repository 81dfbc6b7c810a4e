"""A printer that is pulled out in the middle of a paper, and one that prints late: one paper is the paper, each further
one says COPY.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from PIL import Image

from kiosk.base.worker import Worker
from kiosk.devices.printer.ports import PrinterChannel
from kiosk.devices.printer.profiles import profile
from kiosk.devices.printer.stream import TcpPrinter
from kiosk.labels.raster import Raster
from kiosk.protocols.printers.languages import encode
from kiosk.protocols.printers.page_setup import StreamLanguage
from kiosk.simulators.printer.model import PrinterModel
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.station.papers.rendering import RenderedJob
from kiosk.station.papers.worker import FittedPrinter, PrintListeners, PrintTiming, print_worker
from kiosk.store import PrintJob, Store
from kiosk.store.database.opening import OpenOptions
from tests.depth import many
from tests.station.fakes import CATALOG, STAMP
from tests.station.hardware import PAPERS, Heard, bring_in

ROWS = 160
SPEED_MM_S = 400.0
WAIT_S = 60.0
PATIENT_S, HASTY_S = 30.0, 0.5
"""How long a job may take: it ends by what happens, or, where a late printer says nothing, by the clock."""

CLERK = "clerk:07"
COMMANDS = re.compile(rb"\r\n|\^|\x1dv0|\x1bJ|\x1dV")
"""Where a command begins or ends, in any of the languages; the dots below hold none of these."""

FIRST, COPY = Raster(384, ROWS, b"\xaa" * 48 * ROWS), Raster(384, ROWS, b"\xcc" * 48 * ROWS)


class Pulled:
    """A channel to a printer that is pulled out when so many bytes of the job have left."""

    def __init__(self, channel: PrinterChannel, owner: PulledPrinter) -> None:
        self._channel = channel
        self._owner = owner
        self.receive, self.discard_input = channel.receive, channel.discard_input
        self.flush, self.close = channel.flush, channel.close

    def send(self, data: memoryview, until: float) -> int:
        left = self._owner.left
        if left == 0:
            self._owner.left = None
            self._owner.pull()
        elif left is not None:
            data = data[:left]
        sent = self._channel.send(data, until)
        if self._owner.left is not None:
            self._owner.left -= sent
        return sent


class PulledPrinter(TcpPrinter):
    """``pull_at``: the byte of the next job before which the printer is pulled out; None never."""

    pull_at: int | None = None
    left: int | None = None

    def __init__(self, simulator: PrinterSimulator, row: str) -> None:
        super().__init__(simulator.host, simulator.port, row)
        self.pull: Callable[[], None] = lambda: simulator.command("off")

    def _open(self, until: float) -> PrinterChannel:
        return Pulled(super()._open(until), self)

    def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
        def begin() -> None:
            before_first_byte()
            self.left, self.pull_at = self.pull_at, None

        super().print(data, deadline_s, begin)


class Station:
    """One printer, its worker and its queue; what the clerk sees is the tray."""

    def __init__(self, folder: Path, template: Path, language: StreamLanguage) -> None:
        folder.mkdir()
        row = profile(language)
        self.setup = row.setup
        self.simulator = PrinterSimulator(
            language, folder / "tray", model=PrinterModel(203, row.width_dots, SPEED_MM_S)
        )
        self.store = Store.open(folder / "station.db", "S0147", STAMP, OpenOptions(template=template, reserve_bytes=0))
        self.store.catalogs.add(CATALOG, STAMP)
        self.news = Heard()
        self.receipt = ""
        self.seen = 0
        self.patience_s = PATIENT_S

    def run(self, offsets: Callable[[bytes], Iterator[int]], late: int) -> list[str]:
        """What went wrong; nothing when all is well."""
        with self.simulator:
            self.printer = PulledPrinter(self.simulator, self.simulator.language)
            worker = print_worker(
                FittedPrinter("label", self.printer, self.draw),
                self.store.papers,
                lambda: STAMP,
                PrintListeners(lambda: self.news("changed"), lambda *_: None),
                PrintTiming(margin_s=0.0, retry_s=0.02),
            )
            worker.start()
            try:
                wrong = [self.pulled(worker, at) for at in offsets(encode(FIRST, self.setup))]
                wrong += [self.late(worker) for _ in range(late)]
            finally:
                worker.stop(WAIT_S)
        self.store.close()
        return [f"{self.simulator.language}: {found}" for found in wrong if found]

    def draw(self, job: PrintJob) -> RenderedJob:
        return RenderedJob(encode(COPY if job.copy else FIRST, self.setup), self.patience_s)

    def states(self) -> list[str]:
        return [job.state for job in self.jobs()]

    def jobs(self) -> list[PrintJob]:
        return [job for job in self.store.papers.of_receipt(self.receipt) if job.printer == "label"]

    def begin(self, worker: Worker) -> None:
        self.seen = len(self.simulator.printed)
        self.receipt = bring_in(self.store, PAPERS[:1]).receipt
        worker.wake()

    def pulled(self, worker: Worker, at: int) -> str:
        """Pulled before byte ``at`` of the paper, put back, printed again as long as nothing lies in the tray."""
        self.printer.pull_at = at
        self.begin(worker)
        self.settled()
        self.simulator.command("on")
        if self.states() != ["unknown"]:
            return f"pulled at {at} and {self.states()}"
        self.clerk_looks(worker)
        self.settled()
        return self.judge(f"pulled at {at}", 1)

    def late(self, worker: Worker) -> str:
        """Out of paper on the job; printed again by a clerk who did not wait; then a new roll is in."""
        self.simulator.command("late")
        self.patience_s = HASTY_S
        self.begin(worker)
        self.settled()
        self.patience_s = PATIENT_S
        self.clerk_looks(worker)
        self.simulator.command("paper-in")
        self.settled()
        return self.judge("late", 2)

    def settled(self) -> None:
        """Every change is told after it was written, and the queue is looked at anew each time."""
        self.news.wait(lambda _: not {"queued", "sending"} & set(self.states()), WAIT_S)

    def clerk_looks(self, worker: Worker) -> None:
        """An unknown paper is in the tray, or it is printed again."""
        for job in self.jobs():
            if job.state == "unknown":
                self.store.papers.resolve(job.id, len(self.simulator.printed) > self.seen, CLERK, STAMP)
        worker.wake()

    def judge(self, scene: str, most: int) -> str:
        """A printer prints in turn: when the last paper is known to be out, so is everything it had taken before."""
        papers = [kind(path) for path in self.simulator.printed[self.seen :]]
        states = self.states()
        least = "printed" in states
        if not least <= len(papers) <= most or papers.count("first") > 1 or "noise" in papers:
            return f"{scene}: {papers}, {states}"
        return f"{scene}: {list(self.simulator.unknown)}" if self.simulator.unknown else ""


def kind(path: Path) -> str:
    """Which of the two papers it is, or noise."""
    with Image.open(path) as picture:
        dots = picture.convert("L")
        box = dots.point(lambda gray: 255 - gray).getbbox()
        width = 384 if box is None else box[0]
        found = dots.crop((width, 0, width + 384, ROWS)).convert("1")
    for name, raster in (("first", FIRST), ("copy", COPY)):
        if found.tobytes() == raster.to_image().tobytes():
            return name
    return "noise"


def offsets(data: bytes) -> Iterator[int]:
    """Every border between commands, and seeded bytes between them; the whole of it, before the proof."""
    borders = sorted({at for found in COMMANDS.finditer(data) for at in found.span()} | {0, len(data)})
    chance = random.Random(147)
    yield from borders
    yield from (chance.randrange(1, len(data)) for _ in range(many(3, torture=64)))


def test_one_paper_is_the_paper_and_each_further_one_says_copy(tmp_path: Path, template: Path) -> None:
    stations = [Station(tmp_path / language, template, language) for language in get_args(StreamLanguage)]
    with ThreadPoolExecutor(len(stations)) as pool:
        wrong = list(pool.map(lambda station: station.run(offsets, many(1, torture=4)), stations))
    assert [found for each in wrong for found in each] == []
