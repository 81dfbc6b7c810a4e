"""The simulated scale, read through its own pseudo-terminal by nothing but a decoder."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import TransmissionMode, Transport
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected
from kiosk.simulators.scale import simulator as scale_module
from kiosk.simulators.scale.line import at_an_eighth_of_the_speed
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.shared.faults import FAULT_WORDS, BadFaultWord

_PATIENCE_MS = 30_000


class _Reader:
    """Opens the port as any program would and decodes what comes."""

    def __init__(self, path: str, protocol: str) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._decoder = registry.decoder(protocol, {})
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN)

    def some(self) -> list[Decoded]:
        """The results of the next bytes; fails when none come."""
        assert self._poll.poll(_PATIENCE_MS), "nothing came"
        return self._decoder.feed(os.read(self.descriptor, 4096))

    def nothing_comes(self, wait_ms: int = 0) -> bool:
        return self._poll.poll(wait_ms) == []

    def newest(self) -> Reading:
        end = time.monotonic() + _PATIENCE_MS / 1000
        while time.monotonic() < end:
            readings = [item for item in self.some() if isinstance(item, Reading)]
            if readings:
                return readings[-1]
        raise AssertionError("no reading came")


@contextmanager
def _read(simulator: ScaleSimulator, protocol: str = "st_gs_csv") -> Iterator[_Reader]:
    reader = _Reader(simulator.path, protocol)
    try:
        yield reader
    finally:
        os.close(reader.descriptor)


@pytest.fixture
def scale(tmp_path: Path) -> Iterator[ScaleSimulator]:
    """Sends only when told to, settles at once, and leaves nothing behind."""
    threads, descriptors = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with ScaleSimulator("st_gs_csv", tmp_path / "scale", hz=0, settle_s=0) as simulator:
        yield simulator
    assert set(threading.enumerate()) == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208
    assert list(tmp_path.iterdir()) == []


def test_every_fault_word_of_the_list_is_obeyed(scale: ScaleSimulator) -> None:
    for row in FAULT_WORDS:
        if row.device == "scale":
            scale.command(f"{row.word} {row.argument}".strip())


@pytest.mark.parametrize(
    "text",
    [
        "put",
        "put 2.480",
        "put 2.4805kg",
        "put xkg",
        "take 1kg",
        "garble -1",
        "garble ٣",
        "unit stone",
        "dance",
        "",
        "net",
    ],
)
def test_a_wrong_fault_word_is_named_and_changes_nothing(scale: ScaleSimulator, text: str) -> None:
    before = scale.write_now(1500)
    with pytest.raises(BadFaultWord):
        scale.command(text)
    assert scale.write_now() == before


def test_the_port_is_raw_and_8n1(scale: ScaleSimulator) -> None:
    with _read(scale) as reader:
        iflag, oflag, cflag, lflag = termios.tcgetattr(reader.descriptor)[:4]
    assert not iflag & (termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP)
    assert not oflag & termios.OPOST
    assert not lflag & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert cflag & termios.CSIZE == termios.CS8
    assert not cflag & (termios.PARENB | termios.CSTOPB)


def test_goods_are_put_and_taken(scale: ScaleSimulator) -> None:
    with _read(scale) as reader:
        for word, weight in (
            ("put 2.480kg", "2.480"),
            ("put 640g", "0.640"),
            ("put -0.050kg", "-0.050"),
            ("take", "0.000"),
        ):
            scale.command(word)
            scale.write_now()
            assert str(reader.newest().weight) == weight
    assert scale.frames_sent == 4


def test_a_load_moves_and_then_is_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of its own: on a loaded machine it could have settled before the first frame."""
    now = [1000.0]
    monkeypatch.setattr(scale_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with ScaleSimulator("st_gs_csv", hz=0, settle_s=0.3) as simulator, _read(simulator) as reader:
        simulator.write_now()
        assert reader.newest().stable
        simulator.command("put 5kg")
        readings = []
        for _ in range(40):
            simulator.write_now()
            readings.append(reader.newest())
            now[0] += 0.01
    assert [reading.stable for reading in readings[:29]] == [False] * 29
    assert (readings[-1].stable, readings[-1].weight) == (True, 5)


def test_overload_unit_net_and_jitter_are_on_the_display(scale: ScaleSimulator) -> None:
    with _read(scale) as reader:
        scale.command("put 2.480kg")
        scale.command("net 0.640kg")
        scale.write_now()
        reading = reader.newest()
        assert (str(reading.weight), reading.net) == ("1.840", True)
        scale.command("net 0kg")
        scale.command("unit lb")
        scale.write_now()
        reading = reader.newest()
        assert (str(reading.weight), reading.unit, reading.net) == ("5.467", "lb", False)
        scale.command("unit g")
        scale.write_now()
        assert str(reader.newest().weight) == "2480"
        scale.command("unit kg")
        scale.command("jitter 0.010kg")
        swung = []
        for _ in range(7):
            scale.write_now()
            reading = reader.newest()
            assert reading.stable is False
            assert reading.weight is not None
            swung.append(reading.weight)
        assert min(swung) == Decimal("2.470")
        assert max(swung) == Decimal("2.490")
        scale.command("overload")
        scale.write_now()
        reading = reader.newest()
        assert (reading.weight, reading.overload) == (None, True)
        scale.command("take")
        scale.write_now()
        assert str(reader.newest().weight) == "0.000"


def test_the_step_is_the_scale_interval(tmp_path: Path) -> None:
    with (
        ScaleSimulator("st_gs_csv", hz=0, settle_s=0, settings=IndicatorSettings(step_g=5)) as simulator,
        _read(simulator) as reader,
    ):
        simulator.write_now(2483)
        assert str(reader.newest().weight) == "2.485"


def test_an_overload_of_a_format_without_overload_is_silence() -> None:
    with ScaleSimulator("xk3190_tf0", hz=0) as simulator, _read(simulator, "xk3190_tf0") as reader:
        simulator.command("overload")
        assert simulator.write_now() == b""
        assert reader.nothing_comes()
        simulator.write_now(1000)
        assert reader.newest().weight == 1
        assert simulator.frames_sent == 1


def test_frozen_it_repeats_its_last_frame_until_it_is_replugged(scale: ScaleSimulator) -> None:
    sent = scale.write_now(1000)
    scale.command("freeze")
    scale.command("put 9kg")
    assert [scale.write_now() for _ in range(3)] == [sent] * 3
    scale.command("replug")
    assert b"9.000" in scale.write_now()


def test_damage_gives_rejections_and_never_another_weight(subtests: pytest.Subtests) -> None:
    for protocol in ["st_gs_csv", "xk3190_tf0"]:
        with (
            subtests.test(protocol=protocol),
            ScaleSimulator(protocol, hz=0) as simulator,
            _read(simulator, protocol) as reader,
        ):
            for word, damaged in (("garble 3", 3), ("cut", 1)):
                decoded: list[Decoded] = []
                simulator.command(word)
                for _ in range(damaged + 1):
                    simulator.write_now(12_345)
                while not any(isinstance(item, Reading) for item in decoded):
                    decoded += reader.some()
                assert isinstance(decoded[-1], Reading)
                assert decoded[-1].weight == Decimal("12.345")
                assert decoded[:-1]
                assert all(isinstance(item, Rejected) for item in decoded[:-1])


_STREAMS = sorted(
    row.id
    for row in registry.PROTOCOLS.values()
    if row.transport is Transport.SERIAL and row.mode is TransmissionMode.STREAM
)
"""A polled indicator that is set to another speed does not understand the question and says nothing at all."""


def test_another_speed_is_noise(subtests: pytest.Subtests) -> None:
    for protocol in _STREAMS:
        with subtests.test(protocol=protocol):
            with ScaleSimulator(protocol, hz=0) as simulator:
                frames = [simulator.write_now(load_g) for load_g in range(0, 9_000, 100)]
            noise = b"".join(at_an_eighth_of_the_speed(frame) for frame in frames)
            assert len(noise) > 500
            assert not any(isinstance(item, Reading) for item in registry.decoder(protocol, {}).feed(noise))


def test_silent_it_sends_nothing(scale: ScaleSimulator) -> None:
    with _read(scale) as reader:
        scale.command("silent")
        assert scale.write_now(1000) == b""
        assert reader.nothing_comes()
        scale.command("replug")
        scale.write_now()
        assert reader.newest().weight == 1


def test_unplugged_the_reader_gets_a_hang_up_and_the_link_goes(scale: ScaleSimulator) -> None:
    link = Path(scale.path)
    first = link.resolve()
    with _read(scale) as reader:
        scale.command("unplug")
        assert not link.is_symlink()
        assert scale.write_now(1000) == b""
        with pytest.raises(OSError, match="Input/output error"):
            if os.read(reader.descriptor, 100) == b"":
                raise OSError("Input/output error")
    scale.command("unplug")
    scale.command("replug")
    assert link.is_symlink()
    assert link.resolve().exists()
    assert first.parent == link.resolve().parent
    with _read(scale) as reader:
        scale.write_now(2000)
        assert reader.newest().weight == 2


def test_nobody_reads_and_it_goes_on_with_the_newest_frames(scale: ScaleSimulator) -> None:
    begun = time.monotonic()
    for load_g in range(20_000):
        scale.write_now(load_g)
    assert time.monotonic() - begun < 120  # it waits for nobody: waiting would last for ever
    scale.write_now(77_000)
    weights = []
    with _read(scale) as reader:
        while not reader.nothing_comes(100):
            weights += [item.weight for item in reader.some() if isinstance(item, Reading)]
    assert weights[-1] == 77
    assert len(weights) < 10_000


def test_it_sends_at_its_rate() -> None:
    took: list[float] = []
    with ScaleSimulator("st_gs_csv", hz=50) as simulator, _read(simulator) as reader:
        while len(took) < 1 or (min(took) >= 5 and len(took) < 5):  # the machine may be busy with something else
            begun, first = time.monotonic(), simulator.frames_sent
            while simulator.frames_sent < first + 25:
                reader.some()
            took.append(time.monotonic() - begun)
    assert 0.4 < min(took) < 5


def test_a_file_in_the_place_of_the_link_is_left_alone(tmp_path: Path) -> None:
    taken = tmp_path / "scale"
    taken.write_text("precious")
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(FileExistsError, match="is not a link to a simulated scale"):
        ScaleSimulator("st_gs_csv", taken).start()
    with pytest.raises(FileNotFoundError):
        ScaleSimulator("st_gs_csv", tmp_path / "none" / "scale").start()
    assert taken.read_text() == "precious"
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208


def test_a_link_that_leads_elsewhere_by_now_is_not_removed(tmp_path: Path) -> None:
    link = tmp_path / "scale"
    first, second = (ScaleSimulator("st_gs_csv", link, hz=0) for _ in range(2))
    first.start()
    with second:
        now = link.readlink()
        first.stop()
        assert link.readlink() == now
    assert not link.is_symlink()


def test_what_is_not_a_scale_is_refused(subtests: pytest.Subtests) -> None:
    for wrong in [
        {"hz": -1.0},
        {"settle_s": -1.0},
        {"settings": IndicatorSettings(unit="stone")},
        {"settings": IndicatorSettings(decimals=5)},
        {"settings": IndicatorSettings(step_g=0)},
    ]:
        with subtests.test(wrong=wrong), pytest.raises(ValueError, match=r"scale"):
            ScaleSimulator("st_gs_csv", **wrong)


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(registry.UnknownProtocol):
        ScaleSimulator("none")
