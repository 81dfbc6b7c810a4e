"""One worker, one printer, one real database: each paper at most once, and no fault stops the next."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from kiosk.devices.ports import PrinterFault, PrintNotStarted, PrintUncertain
from kiosk.devices.printer.profiles import profiles
from kiosk.devices.printer.stream import FilePrinter
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.station.papers.papers import make_papers
from kiosk.station.papers.rendering import RenderedJob, render
from kiosk.station.papers.worker import FittedPrinter, PrintListeners, PrintTiming, print_worker
from kiosk.store import DatabaseLocked, DiskFull, PrintJob, Store
from kiosk.store.database.opening import OpenOptions
from tests.station.fakes import CATALOG, STAMP
from tests.station.hardware import PAPERS, WAIT_S, AfterTheMark, FakePrinter, Heard, PowerCut, bring_in, power_cuts
from tests.station.papers.test_papers import HEAD, SETTINGS, agreed

LABEL = PAPERS[:1]


class Line:
    """A worker with its printer, its listeners and its queue."""

    def __init__(self, store: Any, printer: Any, **options: Any) -> None:
        self.printer = printer
        self.jobs, self.problems = Heard(), Heard()
        chosen: dict[str, Any] = {
            "render": lambda job: RenderedJob(f"{job.receipt}/{job.bag}".encode(), 0.5),
            "on_job": lambda: self.jobs(states(store)),
            "on_problem": lambda name, problem: self.problems(problem),
            "timing": PrintTiming(retry_s=0.01),
            **options,
        }
        self.worker = print_worker(
            FittedPrinter("label", printer, chosen["render"]),
            store.papers,
            lambda: STAMP,
            PrintListeners(chosen["on_job"], chosen["on_problem"]),
            chosen["timing"],
        )

    def __enter__(self) -> Line:
        self.worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.stop(WAIT_S)

    def ends_with(self, *wanted: str) -> None:
        self.jobs.wait(lambda told: bool(told) and told[-1] == list(wanted))


def states(store: Store) -> list[str]:
    rows = [job for intake in reversed(store.intakes.recent()) for job in store.papers.of_receipt(intake.receipt)]
    return [job.state for job in rows if job.printer == "label"]


def events(store: Store) -> list[dict[str, Any]]:
    return [json.loads(row.body) for row in store.outbox.pending(100)]


def uncertain_papers(store: Store) -> list[tuple[str, str]]:
    found = [event["data"] for event in events(store) if event["type"] == "station.print.unknown.v1"]
    return [(data["receipt"], data["why"]) for data in found]


def test_papers_come_out_in_the_order_they_were_queued(store: Store) -> None:
    rows = [bring_in(store) for _ in range(3)]
    with Line(store, FakePrinter()) as line:
        line.ends_with("printed", "printed", "printed")
    assert line.printer.sheets.told == [f"{row.receipt}/1".encode() for row in rows]
    assert store.papers.summary() == {"queued": 3, "sending": 0, "printed": 3, "unknown": 0}, (
        "the receipts are not ours"
    )


def test_a_paper_is_marked_as_sending_before_its_first_byte(store: Store) -> None:
    bring_in(store, LABEL)
    go_on = threading.Event()
    with Line(store, FakePrinter(go_on)) as line:
        line.ends_with("sending")
        assert line.printer.sheets.told == []
        go_on.set()
        line.ends_with("printed")
    assert line.jobs.told == [["sending"], ["printed"]]


def test_a_job_that_comes_later_wakes_the_worker(store: Store) -> None:
    with Line(store, FakePrinter(), timing=PrintTiming(retry_s=3600)) as line:
        for number in range(20):
            bring_in(store, LABEL)
            line.worker.wake()
            line.ends_with(*["printed"] * (number + 1))


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ((PrinterFault.PAPER_OUT,), "paper_out"),
        ((PrinterFault.ERROR, PrinterFault.HEAD_OPEN), "head_open"),
        ((PrinterFault.COVER_OPEN,), "head_open"),
        ((PrinterFault.PAPER_JAM,), "paper_jam"),
        ((PrinterFault.UNKNOWN,), "printer_off"),
        ((), "printer_off"),
    ],
)
def test_a_printer_that_cannot_begin_keeps_the_job_and_goes_on_by_itself(
    store: Store, flags: tuple[PrinterFault, ...], word: str
) -> None:
    bring_in(store, LABEL)
    fault = PrintNotStarted("the label printer cannot begin", flags)
    with Line(store, FakePrinter(fault, fault)) as line:
        line.ends_with("printed")
    assert line.problems.told == [word, word, None]
    assert len(line.printer.sheets.told) == 1
    assert uncertain_papers(store) == []


def test_an_uncertain_paper_is_left_to_a_person_and_the_next_one_comes_out(store: Store) -> None:
    first, second = bring_in(store, LABEL), bring_in(store, LABEL)
    with Line(store, FakePrinter(AfterTheMark(PrintUncertain("it broke off")))) as line:
        line.ends_with("unknown", "printed")
    assert line.printer.sheets.told == [f"{second.receipt}/1".encode()]
    assert uncertain_papers(store) == [(first.receipt, "device")]
    assert line.problems.told == ["printer_unknown", None]


def test_a_cable_pulled_between_the_mark_and_the_first_byte_leaves_no_job_sending_for_ever(store: Store) -> None:
    row = bring_in(store, LABEL)
    with Line(store, FakePrinter(AfterTheMark(PrintNotStarted("the cable went")))) as line:
        line.ends_with("unknown")
    assert uncertain_papers(store) == [(row.receipt, "device")]


def test_a_job_that_cannot_be_drawn_is_set_aside_and_holds_up_nobody(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = bring_in(store, LABEL), bring_in(store, LABEL)

    def render(job: PrintJob) -> RenderedJob:
        if job.receipt == first.receipt:
            raise KeyError("goods_ug")
        return RenderedJob(b"fine", 0.5)

    with caplog.at_level(logging.ERROR), Line(store, FakePrinter(), render=render) as line:
        line.ends_with("unknown", "printed")
    assert line.printer.asked.told == [b"fine"], "nothing was sent for the job that cannot be drawn"
    assert uncertain_papers(store) == [(first.receipt, "device")]
    assert first.receipt in caplog.text
    assert second.receipt not in caplog.text


@pytest.mark.parametrize("after_the_mark", [False, True])
def test_an_adapter_that_breaks_does_not_end_the_worker(store: Store, after_the_mark: bool) -> None:
    bring_in(store, LABEL)
    bring_in(store, LABEL)

    class Broken(FakePrinter):
        def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
            if not self.asked.told:
                self.asked(data)
                if after_the_mark:
                    before_first_byte()
                raise ZeroDivisionError
            super().print(data, deadline_s, before_first_byte)

    with Line(store, Broken()) as line:
        line.ends_with("unknown" if after_the_mark else "printed", "printed")
    assert "printer_off" in line.problems.told
    assert line.problems.told[-1] is None


class FailingStore:
    """The real store, except that the first ``times`` calls of one method of its papers fail."""

    def __init__(self, store: Store, method: str, error: Exception, times: int) -> None:
        self._store, self._method, self._error, self.left = store, method, error, times
        self.intakes = store.intakes

    @property
    def papers(self) -> Self:
        return self

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self.left:
            self.left -= 1
            raise self._error
        return getattr(self._store.papers, name)


@pytest.mark.parametrize("method", ["next", "sending", "done"])
@pytest.mark.parametrize("error", [DiskFull("full"), DatabaseLocked("locked"), ZeroDivisionError()])
def test_what_the_store_does_not_take_now_is_written_later_and_printed_once(
    store: Store, method: str, error: Exception
) -> None:
    rows = [bring_in(store, LABEL), bring_in(store, LABEL)]
    failing = FailingStore(store, method, error, times=3)
    with Line(failing, FakePrinter()) as line:
        line.ends_with("printed", "printed")
    assert failing.left == 0
    assert line.printer.sheets.told == [f"{row.receipt}/1".encode() for row in rows]


def test_an_uncertain_paper_stays_uncertain_when_the_store_refuses_at_first(store: Store) -> None:
    row = bring_in(store, LABEL)
    failing = FailingStore(store, "unknown", DiskFull("full"), times=3)
    with Line(failing, FakePrinter(AfterTheMark(PrintUncertain("it broke off")))) as line:
        line.ends_with("unknown")
    assert (failing.left, line.printer.sheets.told) == (0, [])
    assert uncertain_papers(store) == [(row.receipt, "device")]


def test_listeners_that_raise_stop_nothing(store: Store) -> None:
    bring_in(store, LABEL)
    bring_in(store, LABEL)
    printer = FakePrinter(PrintNotStarted("off"))

    def broken(*_: object) -> None:
        raise RuntimeError("the screen is gone")

    with Line(store, printer, on_job=broken, on_problem=broken):
        printer.sheets.wait(lambda sheets: len(sheets) == 2)
    assert states(store) == ["printed", "printed"]


def cut_before_the_mark(store: Store) -> tuple[Any, FakePrinter]:
    return FailingStore(store, "sending", PowerCut(), 1), FakePrinter()  # type: ignore[arg-type]


def cut_after_the_mark(store: Store) -> tuple[Any, FakePrinter]:
    return store, FakePrinter(AfterTheMark(PowerCut()))


def cut_after_the_paper(store: Store) -> tuple[Any, FakePrinter]:
    return FailingStore(store, "done", PowerCut(), 1), FakePrinter()  # type: ignore[arg-type]


def cut_while_giving_up(store: Store) -> tuple[Any, FakePrinter]:
    failing = FailingStore(store, "unknown", PowerCut(), 1)  # type: ignore[arg-type]
    return failing, FakePrinter(AfterTheMark(PrintUncertain("it broke off")))


@pytest.mark.parametrize(
    ("cut", "sheets", "after"),
    [
        (cut_before_the_mark, 0, "printed"),
        (cut_after_the_mark, 0, "unknown"),
        (cut_after_the_paper, 1, "unknown"),
        (cut_while_giving_up, 0, "unknown"),
    ],
)
def test_a_power_cut_between_any_two_lines_prints_nothing_twice(
    store: Store,
    tmp_path: Path,
    cut: Callable[[Store], tuple[Any, FakePrinter]],
    sheets: int,
    after: str,
) -> None:
    row = bring_in(store, LABEL)
    queue, first = cut(store)
    with power_cuts() as seen:
        line = Line(queue, first)
        line.worker.start()
        line.worker._thread.join(WAIT_S)
    assert seen == [PowerCut]
    assert len(first.sheets.told) == sheets
    store.close()

    again = Store.open(tmp_path / "station.db", "S0147", STAMP, OpenOptions(reserve_bytes=0))
    recovered = again.papers.recover(STAMP)
    with Line(again, FakePrinter()) as second:
        if after == "printed":
            second.ends_with("printed")
    assert [job.receipt for job in recovered] == ([row.receipt] if after == "unknown" else [])
    assert states(again) == [after]
    assert len(second.printer.sheets.told) == (1 if after == "printed" else 0), "no paper comes twice by itself"
    assert uncertain_papers(again) == ([(row.receipt, "restart")] if after == "unknown" else [])
    again.close()


def test_a_receipt_of_300_bags_has_the_time_its_paper_takes(store: Store) -> None:
    """A printer of 50 mm a second prints it for half a minute; by its own clock, not by this machine's."""
    line = ReceiptLine("ياڭاق", "核桃", "Walnut", 1, 12_900, "خالتا", "编织袋", "woven sack", 420, 12_480, 1, 12)
    base = next(iter(make_papers(SETTINGS, CodesSettings(), agreed(12_450), CATALOG, STAMP)(HEAD)[1:]))
    one = msgspec.json.decode(base.body, type=ReceiptDocument)
    lines = tuple(replace(line, bag=number) for number in range(1, 301))
    long = replace(
        one, lines=lines, net_g=sum(each.net_g for each in lines), amount_fen=sum(each.amount_fen for each in lines)
    )
    job = PrintJob(1, "r", "receipt", "receipt", 0, msgspec.json.encode(long), "queued", 0, 0)
    slowest = min(
        (row for row in profiles().values() if row.language == "escpos"), key=lambda row: (row.speed_mm_s, row.id)
    )
    drawn = render(job, slowest.setup)
    head = slowest.setup.head
    takes_s = len(drawn.data) * 8 / head.width_dots / head.per_mm / slowest.speed_mm_s
    assert takes_s > 20, "longer than any printer was given"

    class SlowPaper(FakePrinter):
        def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
            before_first_byte()
            if deadline_s < takes_s:
                raise PrintUncertain("it was still printing")
            self.sheets(data)

    bring_in(store, LABEL)
    with Line(store, SlowPaper(), render=lambda job: drawn) as worked:
        worked.ends_with("printed")


def test_stop_comes_back_in_time_though_the_printer_hangs(store: Store) -> None:
    bring_in(store, LABEL)
    bring_in(store, LABEL)
    go_on = threading.Event()
    line = Line(store, FakePrinter(go_on))
    line.worker.start()
    line.ends_with("sending", "queued")
    line.worker.stop(0.2)
    assert line.worker.is_alive, "it was not waited for"
    assert states(store) == ["sending", "queued"], "the next start tells a person about the first one"
    go_on.set()
    line.worker.stop(WAIT_S)
    assert states(store) == ["printed", "queued"], "the job in hand was finished, no other was begun"


def test_stop_before_start_and_twice(store: Store) -> None:
    line = Line(store, FakePrinter())
    line.worker.stop(WAIT_S)
    line.worker.start()
    line.worker.stop(WAIT_S)
    line.worker.stop(WAIT_S)


def test_a_printer_that_never_answers_has_every_paper_asked_for_and_no_fault(store: Store) -> None:
    rows = [bring_in(store, LABEL), bring_in(store, LABEL)]
    printer = FakePrinter()
    printer.proves = False
    with Line(store, printer) as line:
        line.ends_with("unknown", "unknown")
    assert printer.sheets.told == [f"{row.receipt}/1".encode() for row in rows], "each was sent once"
    assert uncertain_papers(store) == [(row.receipt, "device") for row in rows]
    assert line.problems.told == [None, None], "it is the kind of printer and no fault"


@pytest.mark.parametrize("name", ["tspl_203_silent", "escpos_58_silent"])
def test_a_real_adapter_without_a_way_back_ends_as_unknown(store: Store, tmp_path: Path, name: str) -> None:
    bring_in(store, LABEL)
    paper = tmp_path / "lp0"
    paper.touch()
    printer = FilePrinter(paper, name)
    with Line(store, printer) as line:
        line.ends_with("unknown")
    assert paper.read_bytes(), "it was sent"
