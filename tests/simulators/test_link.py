"""The line: what passes, how fast, and what breaks."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from random import Random

import pytest

from kiosk.simulators.link import LinkConditions, SimulatedLink, _Budget, parse_link_word
from kiosk.simulators.shared.faults import BadFaultWord

PATIENCE_S = 30.0


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(line,)))
                self._threads[-1].start()

    def _serve(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            while block := line.recv(65536):
                line.sendall(block)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(PATIENCE_S)  # first: it may still begin one of the others
        for thread in (self._accepting, *self._threads):
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[SimulatedLink]:
    with SimulatedLink(echo.port, random=Random(5)) as one:
        yield one


def dial(link: SimulatedLink, timeout_s: float = PATIENCE_S) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=timeout_s)


def through(line: socket.socket, data: bytes) -> bytes:
    """Send while receiving: both directions are bounded, so whoever only sends waits for ever."""
    sender = threading.Thread(target=line.sendall, args=(data,))
    sender.start()
    back = b""
    while len(back) < len(data) and (block := line.recv(65536)):
        back += block
    sender.join()
    return back


def test_everything_passes_in_order(link: SimulatedLink) -> None:
    data = Random(1).randbytes(1_000_000)
    with dial(link) as line:
        assert through(line, data) == data


def test_many_at_once(link: SimulatedLink) -> None:
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(dial(link)) for _ in range(50)]
        for number, line in enumerate(lines):
            line.sendall(b"%d" % number)
        assert [line.recv(10) for line in lines] == [b"%d" % number for number in range(50)]


def test_the_end_of_one_side_reaches_the_other(link: SimulatedLink) -> None:
    with dial(link) as line:
        line.sendall(b"last")
        line.shutdown(socket.SHUT_WR)
        assert line.recv(10) == b"last"
        assert line.recv(10) == b""


def test_down_holds_back_and_up_lets_go(link: SimulatedLink) -> None:
    with dial(link) as line:
        assert through(line, b"before") == b"before"
        line.settimeout(0.2)
        link.command("down")
        line.sendall(b"held")
        with pytest.raises(TimeoutError):
            line.recv(10)
        with dial(link, 0.2) as second:
            second.sendall(b"new")
            with pytest.raises(TimeoutError):
                second.recv(10)
            link.command("up")
            line.settimeout(PATIENCE_S)
            second.settimeout(PATIENCE_S)
            assert line.recv(10) == b"held"
            assert second.recv(10) == b"new"


class Waited(_Budget):
    """Its clock moves by what it makes the line wait, and by nothing else: a loaded machine adds nothing."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(lambda: self.now)

    def wait_s(self, state: LinkConditions) -> float | None:
        wait = super().wait_s(state)
        self.now += wait or 0.0
        return None if wait is None else 0.0


def test_slow_takes_its_time(link: SimulatedLink) -> None:
    """2,000 bytes there and 2,000 back at 4,000 bytes a second: one second, give or take a block of 512."""
    link._budget = budget = Waited()
    link.command("slow 32kbit")
    data = bytes(2000)
    with dial(link) as line:
        began = budget.now
        assert through(line, data) == data
        took = budget.now - began
    assert 0.8 < took < 1.3


def test_lossy_breaks_connections(link: SimulatedLink) -> None:
    link.command("lossy 50%")
    broken = 0
    for _ in range(30):
        with dial(link) as line, contextlib.suppress(OSError):
            line.sendall(b"x")
            broken += line.recv(10) == b""
    assert 10 < broken < 30


def test_always_lossy_and_then_up(link: SimulatedLink) -> None:
    link.command("lossy 100%")
    with dial(link) as line:
        line.sendall(b"x")
        assert line.recv(10) == b""
    link.command("up")
    with dial(link) as line:
        assert through(line, b"y") == b"y"


def passed_before_it_breaks(seed: int, block: int) -> list[int]:
    """How much of 20,000 bytes arrived over each of ten lines, when they were sent in blocks of this size."""
    counts = []
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        SimulatedLink(server.getsockname()[1], random=Random(seed)) as link,
    ):
        link.command("lossy 10%")
        for _ in range(10):
            with dial(link) as line, server.accept()[0] as far:
                with contextlib.suppress(OSError):
                    for at in range(0, 20_000, block):
                        line.sendall(bytes(min(block, 20_000 - at)))
                    line.shutdown(socket.SHUT_WR)
                counts.append(0)
                with contextlib.suppress(OSError):
                    while back := far.recv(65536):
                        counts[-1] += len(back)
    return counts


def test_the_seed_decides_at_which_byte_a_lossy_line_breaks() -> None:
    """Not the blocks in which TCP happens to carry them."""
    once = passed_before_it_breaks(11, 2048)
    assert once == passed_before_it_breaks(11, 20_000) == passed_before_it_breaks(11, 700)
    assert once != passed_before_it_breaks(12, 2048)
    assert {count % 1024 for count in once if count != 20_000} == {0}
    assert len(set(once)) > 3


@pytest.mark.parametrize("byte", [1, 511, 4096, 5000, 9_999])
def test_a_cut_lets_so_many_bytes_pass_and_breaks_every_line_once(echo: Echo, byte: int) -> None:
    """Sent to a server that keeps silent until the end, so that the other direction has no share in the count."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server, SimulatedLink(server.getsockname()[1]) as link:
        with dial(link) as other, server.accept()[0], dial(link) as line:
            link.set(LinkConditions(cut_at=byte))
            far, _ = server.accept()
            with far, contextlib.suppress(OSError):
                line.sendall(bytes(10_000))
                while block := far.recv(65536):
                    got.append(block)
            assert link.wait_cut(1, PATIENCE_S)
            assert other.recv(1) == b"", "it breaks for everybody"
        with dial(link) as again, server.accept()[0] as far:
            again.sendall(bytes(20_000))
            assert far.recv(65536), "and is up again"
        assert link.cuts == 1
    assert sum(map(len, got)) == byte


def test_a_cut_at_once(link: SimulatedLink) -> None:
    with dial(link) as line:
        assert through(line, b"x") == b"x"
        link.set(LinkConditions(cut_at=0))
        assert line.recv(1) == b""


def test_a_delay_holds_everything_back_and_loses_nothing(echo: Echo) -> None:
    """By a clock of the test's own: it does not move, so nothing arrives; it moves, and all is there in order."""
    now = [100.0]
    with SimulatedLink(echo.port, clock=lambda: now[0]) as link, dial(link, 0.2) as line:
        link.set(LinkConditions(delay_s=5.0))
        line.sendall(b"later")
        with pytest.raises(TimeoutError):
            line.recv(10)
        now[0] = 104.9
        link.set(LinkConditions(delay_s=5.0))
        with pytest.raises(TimeoutError):
            line.recv(10)
        line.settimeout(PATIENCE_S)
        for now[0] in (105.0, 111.0):  # there, and back
            link.set(LinkConditions(delay_s=5.0))
            if now[0] == 105.0:
                line.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    line.recv(10)
                line.settimeout(PATIENCE_S)
        assert line.recv(10) == b"later"


def test_a_delayed_line_carries_much_at_once_and_in_order(link: SimulatedLink) -> None:
    link.set(LinkConditions(delay_s=0.02))
    data = Random(2).randbytes(300_000)
    with dial(link) as line:
        assert through(line, data) == data


def test_what_no_line_does(subtests: pytest.Subtests) -> None:
    for wrong in [{"delay_s": -1.0}, {"cut_at": -1}]:
        with subtests.test(wrong=wrong), pytest.raises(ValueError, match="not below 0"):
            LinkConditions(**wrong)  # type: ignore[arg-type]


def test_nobody_at_the_other_end(echo: Echo) -> None:
    with socket.socket() as nobody:  # holds the port, so that no other program gets it, and does not listen
        nobody.bind(("127.0.0.1", 0))
        with SimulatedLink(nobody.getsockname()[1]) as link, dial(link) as line:
            assert line.recv(10) == b""


def test_a_sender_nobody_reads_from_fills_no_memory(link: SimulatedLink) -> None:
    with dial(link, 0.3) as line:
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += line.send(bytes(65536))
        assert sent < 64 * 1024 * 1024


def test_closing_breaks_what_is_open_and_may_be_repeated(echo: Echo) -> None:
    link = SimulatedLink(echo.port)
    with dial(link) as line:
        assert through(line, b"x") == b"x"
        link.close()
        link.close()
        with contextlib.suppress(OSError):
            assert line.recv(10) == b""


def test_words(subtests: pytest.Subtests) -> None:
    for word, state in [
        ("down", LinkConditions(up=False)),
        ("up", LinkConditions()),
        ("slow 32kbit", LinkConditions(bytes_per_s=4000.0)),
        ("slow 2Mbit", LinkConditions(bytes_per_s=250_000.0)),
        ("lossy 20%", LinkConditions(loss=0.2)),
    ]:
        with subtests.test(word=word, state=state):
            assert parse_link_word(word) == state


def test_wrong_words(subtests: pytest.Subtests) -> None:
    for word in ["", "sideways", "slow", "slow fast", "slow 0kbit", "lossy 20", "lossy 120%", "up 3"]:
        with subtests.test(word=word), pytest.raises(BadFaultWord, match="link"):
            parse_link_word(word)
