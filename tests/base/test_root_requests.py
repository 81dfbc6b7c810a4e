"""Requests to root: only what the station's user wrote is read, and a power cut at any line repeats nothing."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import msgspec
import pytest

from kiosk.base.json_reader import reader
from kiosk.base.root_requests import (
    MAX_BYTES,
    PUBLIC,
    Asker,
    BadMessage,
    CannotRemove,
    Message,
    MessageFile,
    is_working,
    serve,
    working,
)
from tests.station.update.power import lines_of, run, worth_a_cut

WAIT_S = 30.0


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class Result(msgspec.Struct, frozen=True):
    text: str


read_order = reader(msgspec.json.Decoder(Order))
read_result = reader(msgspec.json.Decoder(Result))


class Machine:
    """The station's data, root's answers, and an effect that is counted on the disk."""

    def __init__(self, folder: Path) -> None:
        (folder / "run").mkdir(parents=True)
        self.effects = folder / "effects"
        self.requests = MessageFile(folder / "data/requests/order.json", read_order)
        self.requests.path.parent.parent.mkdir()
        self.answers = MessageFile(folder / "run/answer.json", read_result, PUBLIC)
        self.asker = Asker(self.requests, self.answers, time.monotonic)

    def handle(self, message: Message[Order]) -> Result:
        with self.effects.open("a") as file:
            file.write(f"{message.body.text}\n")
        return Result(f"done {message.body.text}")

    def serve(self, *, repeatable: bool = False) -> Result | None:
        return serve(self.requests, self.handle, self.answers, repeatable=repeatable)

    def done(self) -> list[str]:
        return self.effects.read_text().split() if self.effects.exists() else []

    def lay(self, content: bytes) -> None:
        self.requests.path.parent.mkdir(exist_ok=True)
        self.requests.path.write_bytes(content)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


def envelope(**changed: object) -> bytes:
    return msgspec.json.encode({"kind": "order", "id": "0" * 32, "body": {"text": "one"}} | changed)


def test_a_request_is_answered_and_both_sides_leave_nothing_behind(machine: Machine) -> None:
    stop = threading.Event()

    def unit() -> None:
        while not stop.wait(0.005):
            machine.serve()

    thread = threading.Thread(target=unit, name="unit")
    thread.start()
    try:
        assert machine.asker.ask(Order("one")) == Result("done one")
        assert machine.asker.ask(Order("two")) == Result("done two")
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert machine.done() == ["one", "two"]
    assert list(machine.requests.path.parent.iterdir()) == []
    assert (machine.answers.path.stat().st_mode & 0o777, machine.requests.path.parent.stat().st_mode & 0o777) == (
        0o644,
        0o700,
    )


def test_without_an_answer_in_time_the_request_is_withdrawn(machine: Machine) -> None:
    passed = count()
    asker = replace(machine.asker, clock=lambda: float(next(passed)), timeout_s=3.0)
    assert asker.ask(Order("one")) is None
    assert not machine.requests.exists()
    assert machine.serve() is None


def test_an_answer_to_somebody_else_is_none(machine: Machine) -> None:
    machine.answers.write(Result("old"), "1" * 32)
    assert replace(machine.asker, timeout_s=0.05).ask(Order("one")) is None


def test_a_path_unit_that_missed_the_request_sees_it_touched_until_it_is_taken(machine: Machine) -> None:
    path, seen = machine.requests.path, threading.Event()

    def unit() -> None:
        while not path.exists():
            seen.wait(0.005)
        os.utime(path, (1, 1))
        while path.stat().st_mtime == 1:
            seen.wait(0.005)
        machine.serve()

    thread = threading.Thread(target=unit, name="late-unit")
    thread.start()
    assert replace(machine.asker, retry_s=0.02).ask(Order("one")) == Result("done one")
    thread.join(WAIT_S)
    assert machine.done() == ["one"]


def test_a_request_that_is_taken_never_comes_back_while_it_is_carried_out(machine: Machine) -> None:
    """The asker goes on touching it: it must not make it anew."""
    present: list[bool] = []

    def slow(message: Message[Order]) -> Result:
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            present.append(machine.requests.exists())
        return Result("done")

    stop = threading.Event()

    def unit() -> None:
        while not stop.is_set():
            serve(machine.requests, slow, machine.answers)

    thread = threading.Thread(target=unit, name="slow-unit")
    thread.start()
    try:
        assert replace(machine.asker, retry_s=0.001).ask(Order("one")) == Result("done")
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert present
    assert not any(present)


@pytest.mark.parametrize("repeatable", [False, True])
def test_no_request_is_lost_that_comes_while_the_helper_looks(machine: Machine, repeatable: bool) -> None:
    stop, done = threading.Event(), threading.Semaphore(0)

    def handle(message: Message[Order]) -> Result:
        done.release()
        return machine.handle(message)

    def unit() -> None:
        while not stop.is_set():
            serve(machine.requests, handle, repeatable=repeatable)

    thread = threading.Thread(target=unit, name="busy-unit")
    thread.start()
    texts = [str(number) for number in range(100)]
    try:
        for text in texts:
            machine.requests.write(Order(text))
            assert done.acquire(timeout=WAIT_S), text
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert machine.done() == texts


def test_one_id_is_carried_out_once(machine: Machine) -> None:
    for repeatable in (False, True, False):
        machine.lay(envelope())
        assert machine.serve(repeatable=repeatable) == Result("done one")
        assert not machine.requests.exists()
    assert machine.done() == ["one"]


def test_a_power_cut_at_any_line_repeats_nothing(tmp_path: Path) -> None:
    """What lies in memory is gone with the power."""
    folders = (tmp_path / str(number) for number in count())
    first = Machine(next(folders))
    first.requests.write(Order("one"))
    lines = lines_of(first.serve)
    assert len(lines) > 40
    finished = 0
    for number in worth_a_cut(lines):
        machine = Machine(next(folders))
        machine.requests.write(Order("one"))
        assert run(machine.serve, number)
        machine.answers.path.unlink(missing_ok=True)
        machine.serve()
        assert len(machine.done()) <= 1, lines[number - 1]
        assert list(machine.requests.path.parent.iterdir()) == [], "it may hold a code"
        assert machine.serve() is None
        finished += len(machine.done())
    assert finished > 20


def test_a_power_cut_at_any_line_loses_nothing_that_may_be_repeated(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in count())
    first = Machine(next(folders))
    first.requests.write(Order("one"))
    lines = lines_of(lambda: first.serve(repeatable=True))
    for number in worth_a_cut(lines):
        machine = Machine(next(folders))
        machine.requests.write(Order("one"))
        assert run(lambda machine=machine: machine.serve(repeatable=True), number)  # type: ignore[misc]
        machine.answers.path.unlink(missing_ok=True)
        machine.serve(repeatable=True)
        assert 1 <= len(machine.done()) <= 2, lines[number - 1]
        assert not machine.requests.exists()


def test_a_power_cut_while_it_is_written_leaves_the_old_request_or_the_new_one(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in count())

    def write(machine: Machine) -> Callable[[], object]:
        return lambda: machine.requests.write(Order("new"))

    lines = lines_of(write(Machine(next(folders))))
    texts = set()
    for number in worth_a_cut(lines):
        machine = Machine(next(folders))
        machine.requests.write(Order("old"))
        assert run(write(machine), number)
        message = machine.requests.read()
        assert message is not None
        texts.add(message.body.text)
    assert texts == {"old", "new"}


def test_what_comes_while_a_repeatable_one_is_carried_out_stays(machine: Machine) -> None:
    def handle(message: Message[Order]) -> Result:
        machine.requests.write(Order("two"))
        return machine.handle(message)

    machine.requests.write(Order("one"))
    assert serve(machine.requests, handle, repeatable=True) == Result("done one")
    assert machine.serve(repeatable=True) == Result("done two")
    assert not machine.requests.exists()

    def spoil(message: Message[Order]) -> Result:
        machine.lay(b"{")
        return machine.handle(message)

    machine.requests.write(Order("three"))
    assert serve(machine.requests, spoil, repeatable=True) == Result("done three")
    assert machine.serve(repeatable=True) is None
    assert not machine.requests.exists()


LINKED = "elsewhere"


def _socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as made:
        made.bind(str(path))


def _elsewhere(path: Path, lay: Callable[[Path, Path], object]) -> None:
    other = path.parent.parent / LINKED
    other.write_bytes(envelope())
    lay(path, other)


def _with_mode(path: Path, mode: int) -> None:
    path.write_bytes(envelope())
    path.chmod(mode)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "nothing in it": lambda path: path.write_bytes(b""),
    "no JSON": lambda path: path.write_bytes(b"{"),
    "deep": lambda path: path.write_bytes(b"[" * MAX_BYTES),
    "not UTF-8": lambda path: path.write_bytes(b'{"kind":"\xff"}'),
    "not UTF-8 within": lambda path: path.write_bytes(envelope().replace(b"one", b"\xff")),
    "large": lambda path: path.write_bytes(envelope() + b" " * MAX_BYTES),
    "another kind": lambda path: path.write_bytes(envelope(kind="other")),
    "no id": lambda path: path.write_bytes(envelope(id="")),
    "a line in the id": lambda path: path.write_bytes(envelope(id="0" * 32 + "\n")),
    "more beside it": lambda path: path.write_bytes(envelope(more=1)),
    "more within": lambda path: path.write_bytes(envelope(body={"text": "one", "more": 1})),
    "another body": lambda path: path.write_bytes(envelope(body={"text": 1})),
    "a link": lambda path: _elsewhere(path, lambda here, there: here.symlink_to(there)),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a folder": lambda path: (path / "full/of").mkdir(parents=True),
    "for all to write": lambda path: _with_mode(path, 0o666),
    "for the group to write": lambda path: _with_mode(path, 0o620),
}


@pytest.mark.parametrize("repeatable", [False, True])
def test_what_is_no_request_is_removed_and_changes_nothing(
    machine: Machine, repeatable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    machine.requests.path.parent.mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for name, lay in HOSTILE.items():
        lay(machine.requests.path)
        with pytest.raises(BadMessage):
            machine.requests.read()
        assert machine.serve(repeatable=repeatable) is None, name
        assert not machine.requests.exists(), name
        assert "is refused" in caplog.text, name
        caplog.clear()
        (machine.requests.path.parent.parent / LINKED).unlink(missing_ok=True)
    assert machine.done() == []
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_no_request(machine: Machine) -> None:
    machine.requests.write(Order("one"))
    os.chown(machine.requests.path.parent, 12345, 12345)
    assert machine.requests.read() is not None, "root's own"
    os.chown(machine.requests.path, 12345, 12345)
    assert machine.requests.read() is not None
    os.chown(machine.requests.path, 12346, 12345)
    assert machine.serve() is None
    assert machine.done() == []


def test_a_folder_that_leads_elsewhere_is_not_followed_and_is_an_error(machine: Machine, tmp_path: Path) -> None:
    """Else its path unit would start the helper again at once, for a request that stays."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/order.json").write_bytes(envelope())
    machine.requests.path.parent.symlink_to(tmp_path / "other")
    for repeatable in (False, True):
        with pytest.raises(CannotRemove, match="requests"):
            machine.serve(repeatable=repeatable)
    machine.requests.path.parent.unlink()
    machine.requests.path.parent.write_text("no folder")
    with pytest.raises(CannotRemove, match="requests"):
        machine.serve()
    machine.requests.path.parent.unlink()
    assert (machine.serve(), machine.serve(repeatable=True), machine.done()) == (None, None, [])


def test_an_answer_that_cannot_be_read_is_none(machine: Machine) -> None:
    machine.answers.path.mkdir()
    assert machine.answers.last() is None
    machine.answers.path.rmdir()
    machine.answers.path.parent.rmdir()
    assert machine.answers.last() is None


def test_who_works_is_seen_and_waited_for(machine: Machine) -> None:
    assert not is_working(machine.answers.path.parent)
    order: list[str] = []

    def second() -> None:
        with working(machine.answers.path.parent):
            order.append("second")

    with working(machine.answers.path.parent):
        assert is_working(machine.answers.path.parent)
        thread = threading.Thread(target=second, name="second-helper")
        thread.start()
        order.append("first")
    thread.join(WAIT_S)
    assert order == ["first", "second"]
    assert not is_working(machine.answers.path.parent)
