"""The paper side of the simulated printer: faults, the buffer of accepted pages, one thread that draws them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Self

from PIL import Image

from kiosk.simulators.printer.model import PrinterModel
from kiosk.simulators.shared.faults import parse_fault

_BUFFER_PAGES = 32
_SLOW_S = 3.0


@dataclass(slots=True)
class _Faults:
    """What is wrong with the printer at the moment; a new one has no fault."""

    paper: bool = True
    head_open: bool = False
    jammed: bool = False
    forgetful: bool = False
    late: bool = False
    slow: bool = False

    @property
    def can_print(self) -> bool:
        return self.paper and not self.head_open and not self.jammed


Work = Image.Image | Callable[[], None]  # A page to draw, or an answer that waits behind the pages


class PrinterMechanism:
    """Accepts pages like the buffer of a real printer: a page taken while the paper is out comes out afterwards."""

    def __init__(self, out_dir: Path, model: PrinterModel) -> None:
        self._model = model
        out_dir.mkdir(parents=True, exist_ok=True)
        self._out_dir = out_dir
        self._changed = threading.Condition()
        self._buffer: deque[Work] = deque()
        self._printed: list[Path] = []
        self._numbers = max((int(path.stem) for path in out_dir.glob("[0-9]*.png")), default=0)
        self._drawing = False
        self._powered = True
        self._generation = 0  # Counts power losses: what was taken in before one never comes out after it
        self._closed = False
        self._faults = _Faults()
        self._thread = threading.Thread(target=self._work, name="printer-mechanism", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def printed(self) -> tuple[Path, ...]:
        with self._changed:
            return tuple(self._printed)

    @property
    def count(self) -> int:
        """Pages that have come out in the life of this printer."""
        with self._changed:
            return self._numbers

    @property
    def waiting(self) -> int:
        with self._changed:
            return sum(isinstance(work, Image.Image) for work in self._buffer) + self._drawing

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait for at least ``count`` pages since the start; return False at the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._printed) >= count, timeout_s)

    def accept(self, work: Work) -> None:
        """Queue a page or an answer; wait while the buffer is full, as a real printer stops taking bytes.

        A forgetful printer drops pages without a sign in its state.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._powered or len(self._buffer) < _BUFFER_PAGES)
            if not self._powered:
                return
            if self._faults.forgetful and isinstance(work, Image.Image):
                return
            if self._faults.late and isinstance(work, Image.Image):
                self._faults.late, self._faults.paper = False, False
            self._buffer.append(work)
            self._changed.notify_all()

    def drop(self, pages: tuple[Image.Image, ...]) -> None:
        """Remove pages that have not begun to come out."""
        with self._changed:
            remaining = [work for work in self._buffer if not any(work is page for page in pages)]
            self._buffer = deque(remaining)
            self._changed.notify_all()

    def flags(self) -> frozenset[str]:
        """Return the state in the words of the command-line contract: paper_out, head_open, paper_jam, printing."""
        with self._changed:
            now = self._faults
            faults = {"paper_out": not now.paper, "head_open": now.head_open, "paper_jam": now.jammed}
            found = {name for name, present in faults.items() if present}
            if self._drawing or (self._buffer and not found):
                found.add("printing")
            return frozenset(found)

    def set(self, word: str) -> None:
        with self._changed:
            now = self._faults
            match word:
                case "paper-out":
                    now.paper = False
                case "paper-in":
                    now.paper, now.head_open = True, False
                case "head-open":
                    now.head_open = True
                case "jam":
                    now.jammed = True
                case "slow":
                    now.slow = True
                case "forget":
                    now.forgetful = True
                case "late":
                    now.late = True
            self._changed.notify_all()

    def power_off(self) -> None:
        """Switch off; what was accepted and not printed is lost."""
        with self._changed:
            self._powered = False
            self._generation += 1
            self._buffer.clear()
            self._changed.notify_all()

    def power_on(self) -> None:
        """Clear every fault; after a mere fault (no power loss) the buffer is still there and comes out."""
        with self._changed:
            self._powered = True
            self._faults = _Faults()
            self._changed.notify_all()

    def _lost_power(self, generation: int) -> bool:
        return self._closed or generation != self._generation

    def _work(self) -> None:
        while (item := self._next()) is not None:
            work, generation = item
            if isinstance(work, Image.Image):
                self._print(work, generation)
            else:
                work()

    def _next(self) -> tuple[Work, int] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._buffer and self._faults.can_print))
            if self._closed:
                return None
            work = self._buffer.popleft()
            self._drawing = isinstance(work, Image.Image)
            self._changed.notify_all()
            return work, self._generation

    def _print(self, image: Image.Image, generation: int) -> None:
        path = self._save(image) if self._feed(self._model.page_s(image.height), generation) else None
        with self._changed:  # in one step: a caller that has seen the page come out finds the printer idle
            if path is not None:
                self._printed.append(path)
                self._numbers += 1
            self._drawing = False
            self._changed.notify_all()

    def _feed(self, page_s: float, generation: int) -> bool:
        """Wait the time of a page; False when power was lost."""
        with self._changed:
            until = monotonic() + max(page_s, _SLOW_S if self._faults.slow else 0.0)
            while (left := until - monotonic()) > 0 and not self._lost_power(generation):
                self._changed.wait(left)
            self._changed.wait_for(lambda: self._lost_power(generation) or self._faults.can_print)
            return not self._lost_power(generation)

    def _save(self, image: Image.Image) -> Path:
        path = self._out_dir / f"{self._numbers + 1:06d}.png"
        unfinished = path.with_suffix(".part")
        image.save(unfinished, "PNG")
        return unfinished.replace(path)


class SimulatedPrinter(ABC):
    """A printer at a port, obeying the printer's fault words. ``port`` 0 takes a free one, kept over off and on."""

    def __init__(self, out_dir: Path, host: str, port: int, model: PrinterModel) -> None:
        self.host, self.port, self.model = host, port, model
        self._mechanism = PrinterMechanism(out_dir, model)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def printed(self) -> tuple[Path, ...]:
        return self._mechanism.printed

    def wait_for(self, count: int, timeout: float) -> bool:
        """Wait for ``count`` pages in all; return False after ``timeout`` seconds."""
        return self._mechanism.wait_for(count, timeout)

    def start(self) -> None:
        self._mechanism.start()
        self._listen()

    def stop(self) -> None:
        self._mechanism.power_off()
        self._hang_up()
        self._mechanism.stop()

    def command(self, text: str) -> None:
        """Carry out a fault word of the printer. Raises BadFaultWord."""
        word, _ = parse_fault("printer", text)
        if word == "off":
            self._mechanism.power_off()
            self._hang_up()
        elif word == "on":
            self._mechanism.power_on()
            self._listen()
        else:
            self._mechanism.set(word)

    @abstractmethod
    def _listen(self) -> None: ...

    @abstractmethod
    def _hang_up(self) -> None:
        """Refuse new connections, and wait until the present ones have ended."""
