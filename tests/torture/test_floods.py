"""One station floods the real program: memory stays flat, the others are acknowledged, the disk keeps its reserve."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import psutil
import pytest

from kiosk.messaging.contract.control import Ack, Hello, decode, encode
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.topics import Topics
from kiosk.simulators.broker import Broker
from kiosk.simulators.shared.processes import answers
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.cases import CaseFilter, CaseState
from kiosk.sorting_center.ledger import Ledger, StreamState
from kiosk.sorting_center.ledger.shares import DAY_BYTES, RESERVE_SHARE, HeldBack
from tests.depth import TORTURE, many
from tests.messaging.ports import claimed_port
from tests.sorting_center.brokers import SOON_S, Peer, until
from tests.sorting_center.station_journal import Station
from tests.torture.flooding import FLOODING, KINDS, REGION, chain

ROOT = Path(__file__).parents[2]
LOOPBACK = ROOT / "firmware_config" / "mosquitto" / "loopback.conf"
MB = 1_000_000
MORE_MEMORY = 150 * MB
HONEST_S = 2.0 if TORTURE else SOON_S
"""Nothing else runs while this is tortured."""
SMALL_DISK = 80 * MB
"""Too small for a share."""
COUNT = many(1_500, torture=12_000, quick=200)
HELD = many(500, torture=12_000, quick=100)
EVENT = Topics(REGION, "S0147").event
ACK = Topics(REGION, "S0147").ack


class Center:
    """The real program, and what it uses."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, ledger_url: str) -> None:
        self._process, self._folder, self.ledger_url = process, folder, ledger_url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="looking at a center")
        self.peak, self.least_free, self.lives = 0, self.disk().f_bavail * self.disk().f_frsize, 1

    def disk(self) -> os.statvfs_result:
        """Of the ledger."""
        return os.statvfs(self._folder)

    @property
    def file(self) -> Path:
        """The ledger's."""
        return self._folder / "ledger.db"

    def memory(self) -> int:
        """Of all its processes, in bytes; what they share counts once."""
        found = 0
        for one in [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]:
            try:
                found += one.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return found

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.peak = max(self.peak, self.memory())
            self.least_free = min(self.least_free, self.disk().f_bavail * self.disk().f_frsize)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Its memory and its disk."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()


@contextmanager
def running(folder: Path, broker: Broker, *, small_disk: bool = False) -> Iterator[Center]:
    """Its ledger is in ``folder``, which may be a small disk."""
    folder.mkdir(exist_ok=True)
    if small_disk:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", folder], check=True)
    ledger_url = f"sqlite:///{folder / 'ledger.db'}"
    with claimed_port() as port, (folder.parent / "center.log").open("wb") as log:
        options = ["--broker", broker.url, "--ledger", ledger_url, "--http", f"127.0.0.1:{port}"]
        program = [sys.executable, "-m", "kiosk.cli.sorting_center", "run", *options]
        process = subprocess.Popen(program, cwd=ROOT, stdout=log, stderr=log)
        try:
            center = Center(process, folder, ledger_url)
            question = encode(Hello("00112233445566aa", 1, 1, 0, "1.0.0"))
            with closing(Peer(broker, ACK)) as peer:
                until(lambda: peer.send(Topics(REGION, "S0147").hello, question) or peer.last(ACK))
            until(answers(f"http://127.0.0.1:{port}/sign-in"))
            yield center
            assert process.poll() is None, (folder.parent / "center.log").read_text()
        finally:
            process.terminate()
            process.wait()
            if small_disk:
                subprocess.run(["umount", folder], check=True)


@contextmanager
def flooding(port: int, kind: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """A station that is ready to."""
    command = [sys.executable, "-m", "tests.torture.flooding", str(port), kind, str(count)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as flood:
        try:
            assert line(flood.stdout).startswith(b"ready")
            yield flood
        finally:
            flood.kill()


def line(pipe: IO[bytes] | None) -> bytes:
    assert pipe is not None
    return pipe.readline()


def tell(pipe: IO[bytes] | None) -> None:
    assert pipe is not None
    pipe.write(b"\n")
    pipe.flush()


def honest(peer: Peer, station: Station) -> float:
    """Sends an event; how long it took until it was acknowledged."""
    upto = len(station.sealed) + 1
    body = (station.intake(upto) if station.sealed else station.start()).body
    started = time.monotonic()
    peer.send(EVENT, body)
    until(lambda: (ack := peer.last(ACK)) is not None and decode(Ack, ack).upto == upto)
    return time.monotonic() - started


def state(center: Center) -> tuple[StreamState, bool, list[HeldBack]]:
    """How far the flooding station is, whether more of it can be released, and who is held back."""
    with Ledger.open_readonly(center.ledger_url) as ledger:
        keys = [one for one in ledger.stream_keys(("", "", ""), 10) if one[0] == FLOODING]
        reached = ledger.stream(*(keys[0] if keys else (FLOODING, "", REGION)))
        return reached, bool(ledger.unfinished()), ledger.held_back(datetime.now(UTC).isoformat())


def told(what: str, center: Center, start: int, waits: list[float]) -> None:
    """For who looks: ``-s``."""
    disk, size = center.disk(), center.file.stat().st_size
    print(
        f"\n{what}: memory {start / MB:.0f}, at most {center.peak / MB:.0f} MB; {len(waits)} honest events "
        f"acknowledged within {max(waits):.2f} s; ledger {size / MB:.0f} MB; least free {center.least_free / MB:.0f} "
        f"of {disk.f_blocks * disk.f_frsize / MB:.0f} MB; {state(center)[2]}"
    )


@contextmanager
def shipped(folder: Path) -> Iterator[Broker]:
    conf = LOOPBACK.read_text(encoding="utf-8").replace("listener 1883 127.0.0.1", "")
    with Broker(folder / "broker", conf=conf) as broker:
        yield broker


def test_what_was_held_for_days_is_released_in_flat_memory_and_others_are_served_meanwhile(tmp_path: Path) -> None:
    """More than any share: the station has sent all but its first event on many days."""
    (tmp_path / "center").mkdir()
    first, *others = chain(HELD, KINDS["unknown type"])
    with Ledger.open(f"sqlite:///{tmp_path / 'center' / 'ledger.db'}") as ledger:
        for number, at in enumerate(range(0, len(others), 100)):
            day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number // 9)
            ledger.accept([parse_event(one) for one in others[at : at + 100]], REGION, day.isoformat())
    station, waits = Station(), list[float]()
    with (
        shipped(tmp_path) as broker,
        running(tmp_path / "center", broker) as center,
        closing(Peer(broker, ACK)) as peer,
    ):
        honest(peer, station)
        start = center.memory()
        with center.watched():
            peer.send(Topics(REGION, FLOODING).event, first)
            until(lambda: waits.append(honest(peer, station)) or state(center)[0].upto == HELD, 5 * SOON_S)
        told("held for days", center, start, waits)
    assert center.peak < start + MORE_MEMORY
    assert max(waits) < HONEST_S


@pytest.mark.parametrize("kind", KINDS if TORTURE else ["unknown type"])
@pytest.mark.parametrize("small_disk", [False, True] if TORTURE and os.geteuid() == 0 else [False])
def test_one_station_that_floods_takes_nothing_from_the_others(kind: str, small_disk: bool, tmp_path: Path) -> None:
    station, waits = Station(), list[float]()
    with (
        shipped(tmp_path) as broker,
        flooding(broker.port, kind, COUNT) as flood,
        running(tmp_path / "center", broker, small_disk=small_disk) as center,
        closing(Peer(broker, ACK)) as peer,
    ):
        honest(peer, station)
        start = center.memory()
        with center.watched():
            tell(flood.stdin)
            sent = threading.Thread(target=line, args=(flood.stdout,))
            sent.start()

            def over() -> bool:
                waits.append(honest(peer, station))
                reached, more, held = state(center)
                return not sent.is_alive() and (bool(held) or (reached.upto > 1 and not more))

            until(over, 5 * SOON_S)
        told(f"{kind}, {'small disk' if small_disk else 'disk'}", center, start, waits)
        if TORTURE:
            assert [one.station for one in state(center)[2]] == [FLOODING]
            until(lambda: cases(center) == [("held_back", FLOODING)])
        size, total = center.file.stat().st_size, center.disk().f_blocks * center.disk().f_frsize
    assert center.peak < start + MORE_MEMORY
    assert max(waits) < HONEST_S
    assert size < 2 * DAY_BYTES
    if small_disk:
        assert center.least_free > total // RESERVE_SHARE


def cases(center: Center) -> list[tuple[str, str]]:
    """Kind and station of those about too much that are open."""
    with CenterDesk.open(center.ledger_url) as desk:
        return [(one.kind, one.station) for one in desk.cases.page([CaseState.OPEN], only=CaseFilter(kind="held_back"))]
