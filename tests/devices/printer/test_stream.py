"""A job on a channel that fails at its n-th operation, for every n: never a lie about what reached the paper."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from kiosk.devices.ports import PrinterFault, PrintNotStarted, PrintUncertain
from kiosk.devices.printer import stream as printer_stream
from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout, PrinterChannel
from kiosk.devices.printer.profiles import profile, profiles
from kiosk.devices.printer.stream import StreamPrinter

JOB = bytes(range(65, 91)) * 4


class Clock:
    """Time passes while the adapter sleeps, and never else: a rest of this machine uses up no deadline."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


clock = Clock()


@pytest.fixture(autouse=True)
def by_that_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printer_stream, "monotonic", clock)
    monkeypatch.setattr(printer_stream, "sleep", clock.sleep)


PIECE = 30
ESCPOS_QUERY, DRAINED_QUERY, TSPL_QUERY = b"\x10\x04", b"\x1dr\x01", b"\x1b!?"
ZPL_QUERY, CPCL_QUERY = b"~HS", b"\x1bh"
COUNT_QUERY, END_OF_IT = b'! U1 getvar "odometer.total_la', b'bel_count"\r\n'
PRINTING = (0x20, 0x20)
"""What a TSPL printer answers twice while it prints the job."""


def zebra(waiting: int) -> bytes:
    strings = (b"030,0,0,0355,000,0,0,0,000,0,0,0", b"000,0,0,0,0,2,6,0,%08d,1,000" % waiting, b"1234,0")
    return b"".join(b"\x02" + text + b"\x03\r\n" for text in strings)


@dataclass
class FakePrinter:
    """The far end: takes 30 bytes at a time, prints for two status answers, then is idle.

    A ZPL printer answers with work waiting where a TSPL printer says that it is printing.
    """

    language: str
    fail_at: int = 0
    failure: type[Exception] = ChannelBroken
    states: list[int | None] = field(default_factory=list)
    """TSPL status bytes to answer first; None answers nothing."""
    while_printing: tuple[int, ...] = PRINTING
    counts: list[bytes] = field(default_factory=lambda: [b'"7"', b'"8"'])
    """Answers to the query for the labels printed so far; b"" answers nothing."""
    paper_s: float = 1.0
    """How long a receipt takes before the query behind it is answered."""
    finished: bool = False
    job: bytes = b""
    answers: bytes = b""
    operations: int = 0
    opened: int = 0
    closed: int = 0

    def step(self) -> None:
        self.operations += 1
        if self.operations == self.fail_at:
            raise self.failure("it failed")

    def open(self, until: float) -> PrinterChannel:
        self.step()
        self.opened += 1
        return self

    def send(self, data: memoryview, until: float) -> int:
        self.step()
        if clock() >= until:
            raise ChannelTimeout
        sent = bytes(data[:PIECE])
        if sent == TSPL_QUERY:
            self.answer_tspl()
        elif sent.startswith(ESCPOS_QUERY):
            self.answers += b"\x12" * 4
        elif sent == DRAINED_QUERY:
            clock.sleep(self.paper_s)
            self.answers += b"\x00"
        elif sent == CPCL_QUERY:
            self.answer_cpcl()
        elif sent == ZPL_QUERY:
            self.answers += zebra(1 if self.states and self.states.pop(0) else 0)
        elif sent == END_OF_IT:
            self.answers += self.counts.pop(0) if self.counts else b""
        elif sent != COUNT_QUERY:
            self.job += sent
            if self.job == JOB and self.language in ("tspl", "zpl"):
                self.states = [*self.states, *self.while_printing]
        return len(sent)

    def flush(self, until: float) -> None:
        self.step()

    def answer_tspl(self) -> None:
        state = self.states.pop(0) if self.states else 0
        if state is not None:
            self.answers += bytes((state,))

    def answer_cpcl(self) -> None:
        """Behind a job only when its label is out."""
        if self.job and not self.finished:
            clock.sleep(self.paper_s)
            self.finished = True
        self.answer_tspl()

    def receive(self, until: float) -> bytes:
        self.step()
        if not self.answers:
            raise ChannelTimeout
        answers, self.answers = self.answers, b""
        return answers

    def discard_input(self) -> None:
        self.step()
        self.answers = b""

    def close(self) -> None:
        self.closed += 1


class Stream(StreamPrinter):
    """The printer under test on a fake channel."""

    def __init__(self, far: FakePrinter, row: str) -> None:
        super().__init__(profile(row), "the bench")
        self.far = far

    def _open(self, until: float) -> PrinterChannel:
        return self.far.open(until)


def attempt(far: FakePrinter, row: str, deadline_s: float = 3.0) -> tuple[str, int]:
    """Print once; return the outcome and how often ``before_first_byte`` was called."""
    called: list[bytes] = []
    try:
        Stream(far, row).print(JOB, deadline_s, lambda: called.append(far.job))
    except PrintNotStarted:
        outcome = "not started"
    except PrintUncertain:
        outcome = "uncertain"
    else:
        outcome = "printed"
    assert called in ([], [b""])  # at most once, and before the first byte
    assert far.opened == far.closed
    return outcome, len(called)


ROWS = [(row.language, row.id) for row in profiles().values() if row.language != "ipp"]


@pytest.mark.parametrize(("language", "row"), ROWS)
def test_a_job_goes_through(language: str, row: str) -> None:
    far = FakePrinter(language)
    assert attempt(far, row) == ("printed", 1)
    assert far.job == JOB


@pytest.mark.parametrize("failure", [ChannelBroken, ChannelTimeout])
@pytest.mark.parametrize(("language", "row"), ROWS)
def test_the_nth_operation_fails(language: str, row: str, failure: type[Exception]) -> None:
    healthy = FakePrinter(language)
    attempt(healthy, row)
    assert healthy.operations >= 5, row
    for n in range(1, healthy.operations + 1):
        far = FakePrinter(language, fail_at=n, failure=failure)
        outcome, called = attempt(far, row)
        if far.job:
            assert called == 1, n
            if failure is ChannelTimeout and outcome == "printed":
                assert far.job == JOB, n  # one unanswered query is asked again
            else:
                assert outcome == "uncertain", n
        else:
            assert outcome == "not started", n


def test_after_the_last_operation_nothing_can_fail() -> None:
    healthy = FakePrinter("tspl")
    attempt(healthy, "tspl_203")
    assert attempt(FakePrinter("tspl", fail_at=healthy.operations + 1), "tspl_203")[0] == "printed"


@pytest.mark.parametrize(
    ("state", "flag", "act"),
    [
        (0x01, PrinterFault.HEAD_OPEN, "head open: close it"),
        (0x02, PrinterFault.PAPER_JAM, "paper jam"),
        (0x04, PrinterFault.PAPER_OUT, "out of paper: put a new roll in"),
        (0x08, PrinterFault.RIBBON_OUT, "ribbon"),
        (0x10, PrinterFault.PAUSED, "paused: press"),
        (0x40, PrinterFault.COVER_OPEN, "cover open: close it"),
        (0x80, PrinterFault.TEMPERATURE, "too hot"),
    ],
)
def test_a_faulty_printer_gets_no_byte_and_the_message_names_the_act(state: int, flag: PrinterFault, act: str) -> None:
    far = FakePrinter("tspl", states=[state])
    with pytest.raises(PrintNotStarted, match=act) as caught:
        Stream(far, "tspl_203").print(JOB, 1.0, lambda: None)
    assert caught.value.flags == (flag,)
    assert str(caught.value).startswith("The label printer at the bench ")
    assert far.job == b""


def test_a_printer_that_does_not_answer_gets_no_byte() -> None:
    far = FakePrinter("tspl", states=[None])
    with pytest.raises(PrintNotStarted, match="does not answer at the bench: check its power and cable") as caught:
        Stream(far, "tspl_203").print(JOB, 1.0, lambda: None)
    assert caught.value.flags == (PrinterFault.UNKNOWN,)
    assert far.job == b""


def test_a_busy_printer_is_waited_for() -> None:
    assert attempt(FakePrinter("tspl", states=[0x20, 0x20, 0x00]), "tspl_203") == ("printed", 1)


def test_a_printer_that_stays_busy_with_another_job_gets_no_byte() -> None:
    far = FakePrinter("tspl", states=[0x20] * 1000)
    with pytest.raises(PrintNotStarted, match="still busy"):
        Stream(far, "tspl_203").print(JOB, 0.2, lambda: None)
    assert far.job == b""


def test_nothing_is_sent_when_the_station_cannot_note_the_start() -> None:
    def disk_full() -> None:
        raise OSError("disk full")

    far = FakePrinter("tspl")
    with pytest.raises(OSError, match="disk full"):
        Stream(far, "tspl_203").print(JOB, 1.0, disk_full)
    assert far.job == b""
    assert far.closed == 1


def test_paper_that_runs_out_during_the_job_is_uncertain_and_named() -> None:
    far = FakePrinter("tspl", states=[0x00, *[0x04] * 1000])
    with pytest.raises(PrintUncertain, match=r"look at the paper.*out of paper: put a new roll in"):
        Stream(far, "tspl_203").print(JOB, 0.2, lambda: None)
    assert far.job == JOB


def test_a_printer_that_falls_silent_is_reported_with_what_it_said_last() -> None:
    far = FakePrinter("tspl", states=[0x00, 0x04, *[None] * 1000])
    with pytest.raises(PrintUncertain, match="out of paper"):
        Stream(far, "tspl_203").print(JOB, 0.2, lambda: None)


def test_a_fault_that_is_cured_in_time_is_a_printed_label() -> None:
    far = FakePrinter("tspl", states=[0x00, 0x04, 0x04, 0x04])
    assert attempt(far, "tspl_203", deadline_s=2.0) == ("printed", 1)


@pytest.mark.parametrize("row", ["tspl_203", "tspl_300", "zpl_203"])
def test_a_printer_that_was_never_seen_printing_has_not_printed(row: str) -> None:
    """It took the job, says that it is ready, and its counter, if it has one, stands still."""
    far = FakePrinter(profile(row).language, while_printing=(), counts=[b'"7"', b'"7"'])
    start = clock()
    with pytest.raises(PrintUncertain, match="took the job and was never seen printing it"):
        Stream(far, row).print(JOB, 30.0, lambda: None)
    assert clock() - start >= profile(row).settle_s
    assert far.job == JOB


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ([b'"7"', b'"8"'], "printed"),
        ([b'"7"', b'"9"'], "printed"),
        ([b'"7"', b'"6"'], "uncertain"),
        ([b'"7"', b'"?"'], "uncertain"),
        ([b'"7"', b""], "uncertain"),
        ([b'"?"', b'"8"'], "uncertain"),
        ([b"", b'"8"'], "uncertain"),
    ],
)
def test_a_label_too_fast_to_be_seen_is_proven_by_the_counter_alone(counts: list[bytes], outcome: str) -> None:
    assert attempt(FakePrinter("zpl", while_printing=(), counts=counts), "zpl_203", 30.0) == (outcome, 1)


def test_a_printer_that_does_not_count_is_asked_for_its_counter_once() -> None:
    far = FakePrinter("zpl", counts=[b'"?"', b'"7"'])
    printer = Stream(far, "zpl_203")
    for _ in range(3):
        far.job = b""
        printer.print(JOB, 30.0, lambda: None)
    assert far.counts == [b'"7"']


def test_ready_again_after_a_fault_in_the_job_is_no_proof() -> None:
    """Whether such a label is printed again differs from printer to printer; one that prints again is seen doing it."""
    jammed = FakePrinter("tspl", while_printing=(0x20, 0x20, 0x02, 0x00))
    assert attempt(jammed, "tspl_203", 30.0) == ("uncertain", 1)
    again = FakePrinter("tspl", while_printing=(0x20, 0x20, 0x04, 0x20, 0x00))
    assert attempt(again, "tspl_203", 30.0) == ("printed", 1)


def test_a_receipt_that_is_done_before_paper_can_run_is_not_printed() -> None:
    receipt = bytes(48 * 8 * 100)  # 100 mm, which no printer has out in less than 0.2 s
    for paper_s, outcome in ((0.0, "uncertain"), (0.19, "uncertain"), (0.21, "printed")):
        far = FakePrinter("escpos", paper_s=paper_s)
        printer = Stream(far, "escpos_58")
        try:
            printer.print(receipt, 30.0, lambda: None)
        except PrintUncertain as error:
            assert outcome == "uncertain", paper_s
            assert "before the paper can have come out" in str(error)
        else:
            assert outcome == "printed", paper_s


@pytest.mark.parametrize(
    ("after", "paper_s", "outcome"),
    [
        ([0x00, 0x00], 0.15, "printed"),
        ([0x10, 0x18], 0.15, "printed"),  # was switched on, battery low
        ([0x00, 0x01, 0x01, 0x00], 0.15, "printed"),
        ([0x00, 0x00], 0.0, "uncertain"),
        ([0x00, 0x02], 0.15, "uncertain"),
        ([0x02, 0x00], 0.15, "printed"),
        ([None], 0.15, "uncertain"),
        ([0x00, 0x01] + [0x01] * 3000, 0.15, "uncertain"),
    ],
)
def test_a_cpcl_label_is_printed_when_the_query_behind_it_is_answered(
    after: list[int | None], paper_s: float, outcome: str
) -> None:
    """Not sooner than any printer runs its paper, and without a fault then."""
    label = bytes(72 * 8 * 60)  # 60 mm, which no printer has out in less than 0.12 s
    far = FakePrinter("cpcl", states=[0x00, *after], paper_s=paper_s)
    if outcome == "printed":
        Stream(far, "cpcl_203").print(label, 30.0, lambda: None)
    else:
        with pytest.raises(PrintUncertain):
            Stream(far, "cpcl_203").print(label, 30.0, lambda: None)
    assert far.job == label


def test_idle_right_after_the_job_is_believed_only_after_the_settle_time() -> None:
    far = FakePrinter("escpos")
    start = clock()
    assert attempt(far, "escpos_58_status", deadline_s=3.0) == ("printed", 1)
    assert clock() - start >= profile("escpos_58_status").settle_s


def test_an_empty_job_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="empty"):
        Stream(FakePrinter("tspl"), "tspl_203").print(b"", 1.0, lambda: None)


def test_the_status_during_an_own_job_is_printing_and_a_second_job_waits_its_turn() -> None:
    far = FakePrinter("tspl")
    printer = Stream(far, "tspl_203")
    entered, leave = threading.Event(), threading.Event()

    def pause() -> None:
        entered.set()
        assert leave.wait(30)

    first = threading.Thread(target=printer.print, args=(JOB, 20.0, pause))
    first.start()
    try:
        assert entered.wait(30)
        status = printer.status(0.01)
        assert (status.ready, status.fault, status.flags) == (False, False, (PrinterFault.PRINTING,))
        with pytest.raises(PrintNotStarted, match="busy"):
            printer.print(JOB, 0.01, lambda: None)
    finally:
        leave.set()
        first.join()
    assert far.job == JOB
    assert printer.status(1.0).ready is True


@pytest.mark.parametrize(
    ("far", "row", "check"),
    [
        (FakePrinter("tspl"), "tspl_203", lambda status: status.ready is True),
        (FakePrinter("tspl", states=[None]), "tspl_203", lambda status: status.ready is None),
        (FakePrinter("tspl", fail_at=1), "tspl_203", lambda status: status.flags == (PrinterFault.UNKNOWN,)),
        (FakePrinter("tspl", fail_at=2), "tspl_203", lambda status: status.fault is None),
        (FakePrinter("tspl"), "tspl_203_silent", lambda status: status.ready is None),
    ],
)
def test_status_never_claims_more_than_was_answered(
    far: FakePrinter, row: str, check: Callable[[object], bool]
) -> None:
    assert check(Stream(far, row).status(0.5))
    assert far.opened == far.closed
