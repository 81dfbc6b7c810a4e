"""Teaching a scale step by step: nothing out of turn, the port always given back, nothing offered that is not sure."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kiosk.base.refused import Refused
from kiosk.devices.ports import OnProgress, ProbeCancelled, ProbeFailed, ProbeProgress
from kiosk.protocols.scales.probe.proposals import Candidate, Proposal, Recording, propose
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.station.scale.teach import MAX_OBSERVE_S, OBSERVE_S, Teach, TeachTools

LINE = LineSettings()
PORT = "/dev/serial/by-id/usb-scale"
ZERO, TWO = b"=000.0000" * 6, b"=000.2000" * 6


class Probe:
    """Finds what the test says."""

    def __init__(self, found: tuple[Proposal, ...] = (), error: Exception | None = None, waits: bool = False) -> None:
        self._found, self._error = found, error
        self._over = threading.Event()
        if not waits:
            self._over.set()
        self.cancelled = False

    def run(self) -> tuple[Proposal, ...]:
        self._over.wait(30)
        if self.cancelled:
            raise ProbeCancelled
        if self._error is not None:
            raise self._error
        return self._found

    def cancel(self) -> None:
        self.cancelled = True
        self._over.set()


class Capture:
    """Hears what lies on the pan."""

    def __init__(self) -> None:
        self.failure = ""
        self.heard = TWO
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")

    def latest(self) -> tuple[Recording, ...]:
        return (Recording(LINE, (self.heard,)),)

    def mark(self) -> None:
        self.told.append("mark")

    def since_mark(self) -> tuple[Recording, ...]:
        return self.latest()


class OwnScale:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.stuck = False

    def pause(self) -> None:
        if self.stuck:
            raise TimeoutError("the scale did not stop")
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


class Room:
    """A teach with everything in the test's hands; time goes on when the test says so."""

    def __init__(self, file: Path | None = None) -> None:
        self.now = 100.0
        self.probe = Probe(propose([Recording(LINE, (TWO,))]))
        self.capture, self.own_scale = Capture(), OwnScale()
        self.asked: list[tuple[str, bool]] = []
        self.candidates: Sequence[Candidate] = ()
        self.teach = Teach(
            TeachTools(lambda: (PORT,), self._probe, self._capture, self.own_scale, file, plate=(5, 60_000)),
            clock=lambda: self.now,
            idle_s=60,
        )

    def _probe(self, port: str, ask: bool, told: OnProgress) -> Probe:
        self.asked.append((port, ask))
        told(ProbeProgress(0.5, "9600 8N1", ask, 12, b"x"))
        return self.probe

    def _capture(self, port: str, candidates: Sequence[Candidate]) -> Capture:
        self.candidates = candidates
        return self.capture

    def step(self) -> str:
        return self.teach.view().step

    def until(self, step: str, advance: float = 0.0) -> None:
        def met() -> bool:
            self.now += advance
            return self.step() == step

        _until(met)
        assert self.step() == step

    def ended(self) -> None:
        """The session's thread is over and the station has its scale back."""
        _until(lambda: self.own_scale.told[-1:] == ["resume"])
        assert self.own_scale.told == ["pause", "resume"]


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not met() and time.monotonic() < deadline:
        threading.Event().wait(0.02)


def toledo(digits: bytes) -> bytes:
    """Six frames of a terminal in steps of 10 kg that leaves the last zero out."""
    body = b"\x02\x29\x30\x20" + digits.rjust(6) + b"     0\r"
    return (body + bytes((-sum(body) & 0x7F,))) * 6


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_whole_way(room: Room) -> None:
    view = room.teach.view()
    assert (view.step, view.ports) == ("ports", (PORT,))
    room.teach.begin(PORT)
    room.until("heard")
    assert room.asked == [(PORT, False)]
    rows = {row.proposal.candidate.protocol: row.reads for row in room.teach.view().rows}
    assert rows == {"xk3190_eq_reversed": "2.000", "xk3190_eq_forward": "0.2000"}
    room.capture.heard = ZERO
    room.teach.confirm_empty()
    room.until("known", advance=0.1)
    room.capture.heard = TWO
    room.teach.confirm_known_weight("2")
    room.until("offer", advance=0.1)
    room.ended()
    view = room.teach.view()
    assert view.outcome is not None
    assert view.outcome.offer is not None
    assert view.outcome.offer.candidate.protocol == "xk3190_eq_reversed"
    assert 'protocol = "xk3190_eq_reversed"' in view.section
    assert "e_g = 5" in view.section
    assert not view.can_write, "there is no file"
    assert room.capture.told == ["start", "mark", "mark", "stop"]
    room.teach.end()
    assert room.step() == "ports"


def test_a_pan_is_looked_at_long_enough_and_not_for_ever(room: Room) -> None:
    room.teach.begin(PORT)
    room.until("heard")
    room.capture.heard = b""
    room.teach.confirm_empty()
    room.now += OBSERVE_S + 0.1
    threading.Event().wait(0.3)
    assert room.step() == "emptied", "nothing was read yet"
    room.now += MAX_OBSERVE_S
    room.until("known")
    room.teach.confirm_known_weight("2.000")
    room.until("unclear", advance=0.5)
    view = room.teach.view()
    assert view.outcome is not None
    assert (view.outcome.offer, view.section) == (None, ())
    with pytest.raises(Refused) as refused:
        room.teach.write()
    assert refused.value.code == "not_offered"


def test_nothing_out_of_turn(room: Room) -> None:
    room.teach.confirm_empty()
    room.teach.confirm_known_weight("2")
    assert room.step() == "ports"
    room.teach.begin(PORT)
    room.until("heard")
    room.teach.confirm_known_weight("2")
    assert room.step() == "heard"
    with pytest.raises(Refused) as refused:
        room.teach.begin(PORT)
    assert refused.value.code == "busy"
    room.teach.close()
    room.ended()


@pytest.mark.parametrize(
    "text", ["", ".", "0", "0.05", "-2", "1e9", "NaN", "Infinity", "2.0005", "301", "two", "22222"]
)
def test_what_is_no_known_weight(room: Room, text: str) -> None:
    with pytest.raises(Refused) as refused:
        room.teach.confirm_known_weight(text)
    assert refused.value.code == "no_weight"


@pytest.mark.parametrize("port", ["", "/dev/ttyUSB0", "tcp://192.0.2.1:4001"])
def test_only_a_port_of_the_list_is_ever_opened(room: Room, port: str) -> None:
    with pytest.raises(Refused) as refused:
        room.teach.begin(port)
    assert refused.value.code == "gone"
    assert (room.asked, room.own_scale.told) == ([], [])


def test_a_scale_that_does_not_let_go(room: Room) -> None:
    room.own_scale.stuck = True
    with pytest.raises(Refused) as refused:
        room.teach.begin(PORT)
    assert refused.value.code == "not_released"
    assert room.asked == []


def test_nothing_that_sounds_like_a_scale(room: Room) -> None:
    room.probe = Probe()
    room.teach.begin(PORT, ask=True)
    room.until("nothing")
    room.ended()
    view = room.teach.view()
    assert (view.ask, view.port, view.progress.received_bytes) == (True, PORT, 12)


@pytest.mark.parametrize("error", [ProbeFailed("the port is gone"), RuntimeError("odd")])
def test_a_probe_that_fails(room: Room, error: Exception) -> None:
    room.probe = Probe(error=error)
    room.teach.begin(PORT)
    room.until("failed")
    room.ended()
    assert str(error) in room.teach.view().problem


def test_a_cable_that_is_pulled_while_the_pan_is_looked_at(room: Room) -> None:
    room.teach.begin(PORT)
    room.until("heard")
    room.capture.failure = "The port is gone: check its cable."
    room.until("failed")
    room.ended()
    assert room.teach.view().problem == room.capture.failure
    assert room.capture.told[-1] == "stop"


@pytest.mark.parametrize("act", ["end", "close"])
def test_it_can_be_ended_at_any_moment(room: Room, act: str) -> None:
    room.probe = Probe(waits=True)
    room.teach.begin(PORT)
    assert room.step() == "listening"
    getattr(room.teach, act)()
    room.ended()
    assert room.probe.cancelled


def test_a_forgotten_page_gives_the_scale_back(room: Room) -> None:
    room.teach.begin(PORT)
    room.until("heard")
    room.now += 61
    room.ended()
    assert room.step() == "ports"


def test_a_settings_file_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("scale = 1\n", encoding="utf-8")
    room = Room(file)
    room.teach.begin(PORT)
    room.until("heard")
    room.capture.heard = ZERO
    room.teach.confirm_empty()
    room.until("known", advance=0.2)
    room.capture.heard = TWO
    room.teach.confirm_known_weight("2")
    room.until("offer", advance=0.2)
    assert room.teach.view().can_write
    with pytest.raises(Refused) as refused:
        room.teach.write()
    assert refused.value.code == "not_written"
    assert file.read_text("utf-8") == "scale = 1\n"
    assert room.teach.view().can_write


def test_it_finds_the_zeros_that_nobody_has_set(tmp_path: Path) -> None:
    """The terminal shows 120 kg as 12 in steps of ten; the settings file gets the parameter."""
    file = tmp_path / "station.toml"
    file.write_text('[scale]\nport = "old"\nprotocol = "xk3190_tf0"\n', encoding="utf-8")
    room = Room(file)
    room.probe = Probe(propose([Recording(LINE, (toledo(b"0"),))]))
    room.capture.heard = toledo(b"0")
    room.teach.begin(PORT)
    room.until("heard")
    room.teach.confirm_empty()
    room.until("known", advance=0.1)
    room.capture.heard = toledo(b"12")
    room.teach.confirm_known_weight("120")
    room.until("offer", advance=0.1)
    room.ended()
    assert 'params = { dummy_zeros = "omitted" }' in room.teach.view().section
    room.teach.write()
    assert tomllib.loads(file.read_text("utf-8"))["scale"]["params"] == {"dummy_zeros": "omitted"}
