"""The command as technicians and other programs call it: what runs, and one call of each, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.messaging.contract.control import Ack, decode
from kiosk.messaging.contract.receive import build_batch
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.tokens import Scope
from kiosk.sorting_center.ledger import Ledger
from tests.depth import many
from tests.messaging.ports import claimed_port
from tests.sorting_center.brokers import IN_TIME_S, SOON_S, Broker, Peer, Stopwatch, until
from tests.sorting_center.staff import bearer
from tests.sorting_center.station_journal import NOW, Station

COMMAND = [sys.executable, "-m", "kiosk.cli.sorting_center"]
TOPICS = Topics("shache", "S0147")


def call(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Without a terminal, and without a language."""
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=120, check=False, env=environment)


def call_here(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The same in this process: for what sets no signals."""
    done = CliRunner().invoke(main, arguments)
    if done.exc_info is not None and not isinstance(done.exception, SystemExit | None):
        raise done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout_bytes, done.stderr_bytes)


class Process:
    def __init__(self, broker: Broker, ledger_url: str, *more: str) -> None:
        arguments = ["run", "--broker", broker.url, "--ledger", ledger_url, *more]
        self._process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        self.ready = next(line for line in self._process.stderr if "ready" in line)

    def end(self, number: int) -> tuple[int, float]:
        """Exit code and seconds."""
        with Stopwatch() as watch:
            self._process.send_signal(number)
            code = self._process.wait(SOON_S)
        assert self._process.stderr is not None
        self._process.stderr.close()
        return code, watch.seconds


@pytest.fixture
def peer(broker: Broker) -> Iterator[Peer]:
    connected = Peer(broker, TOPICS.ack, "kiosk/v1/shache/feed/#")
    yield connected
    connected.close()


def upto(peer: Peer) -> int:
    payload = peer.last(TOPICS.ack)
    return 0 if payload is None else decode(Ack, payload).upto


def test_a_wrong_call_is_one_line_and_exit_2(subtests: pytest.Subtests) -> None:
    for arguments, says in [
        (["ledger", "count", "--ledger", "postgresql://db"], "no database"),
        (["ledger", "count", "--ledger", "sqlite:////nowhere/at/all.db"], "no ledger"),
        (["ledger", "count"], "--ledger"),
        (["ledger", "export", "--ledger", "sqlite:///x", "--format", "xml"], "jsonl"),
        (["run", "--broker", "amqp://h/a/b", "--ledger", "sqlite:////tmp/x.db"], "amqp"),
        (["run", "--broker", "mqtt://h", "--ledger", "postgresql://db"], "no database"),
        (["run", "--broker", "mqtt://h"], "--ledger"),
        (["run", "--broker", "mqtt://h", "--ledger", "sqlite:////tmp/x.db", "--http", "8090"], "HOST:PORT"),
        (["weigh"], "weigh"),
        ([], "Missing command: see"),
        (["ledger"], "Missing command: see"),
    ]:
        with subtests.test(arguments=arguments, says=says):
            sets_signals_first = arguments[:1] == ["run"] and says == "no database"
            done = call(*arguments) if sets_signals_first else call_here(*arguments)
            assert done.returncode == 2
            (line,) = done.stderr.decode().splitlines()
            assert says in line
            assert done.stdout == b""


def test_a_damaged_ledger_is_one_line_and_exit_1(ledger_url: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is no database, whatever its name says" * 100)
    done = call_here("ledger", "count", "--ledger", ledger_url)
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, "damaged" in line) == (1, True)


def test_count_and_export(ledger_url: str, station: Station) -> None:
    with Ledger.open(ledger_url) as ledger:
        events = station.run(5)
        ledger.accept([event for event in events if event.seq != 3], "shache", NOW)
        counted = call("ledger", "count", "--ledger", ledger_url)
        lines = call_here("ledger", "export", "--ledger", ledger_url, "--format", "jsonl")
    assert counted.returncode == 0
    counts = json.loads(counted.stdout)
    assert {name: counts[name] for name in ("events", "stations", "gaps", "quarantined", "forks")} == {
        "events": 4,
        "stations": 1,
        "gaps": 1,
        "quarantined": 0,
        "forks": 0,
    }
    assert [json.loads(line)["seq"] for line in lines.stdout.splitlines()] == [1, 2, 4, 5]
    assert call_here("ledger", "export", "--ledger", ledger_url, "--format", "csv").stdout.count(b"\r\n") == 5
    document = json.loads(call_here("ledger", "export", "--ledger", ledger_url, "--format", "epcis").stdout)
    assert len(document["epcisBody"]["eventList"]) == 3


def test_it_runs_says_so_and_ends_in_time(broker: Broker, peer: Peer, ledger_url: str, station: Station) -> None:
    process = Process(broker, ledger_url, "--http", "127.0.0.1:0")
    assert process.ready.startswith(f"sorting center ready: ledger {ledger_url}, broker {broker.url}, http http://")
    address = process.ready.split("http ")[-1].strip()
    peer.send(TOPICS.event, station.start().body)
    until(lambda: upto(peer) == 1)
    with CenterDesk.open(ledger_url) as desk:
        asked = urllib.request.Request(f"{address}/feed?after=0", headers=bearer(desk, Scope.FEED))
    with urllib.request.urlopen(asked) as answer:
        assert [event["feedseq"] for event in json.load(answer)["events"]] == [1]
    code, seconds = process.end(signal.SIGTERM)
    assert code == 0
    assert seconds < IN_TIME_S


def test_a_worker_without_pages_answers_its_monitoring(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    process = Process(broker, ledger_url, "--metrics", "127.0.0.1:0")
    assert ", http none, metrics http://127.0.0.1:" in process.ready
    address = process.ready.split("metrics ")[-1].strip()
    peer.send(TOPICS.event, station.start().body)
    until(lambda: upto(peer) == 1)
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        assert b"sorting_center_connected 1.0" in answer.read()
    with urllib.request.urlopen(f"{address}/health") as answer:
        assert json.load(answer)["status"] == "ok"
    for path, host, status in (("/", "", 404), ("/feed", "", 404), ("/metrics", "evil.example", 403)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(address + path, headers={"Host": host} if host else {}))
        with refused.value:
            assert refused.value.code == status, path
    code, _ = process.end(signal.SIGTERM)
    assert code == 0


def test_monitoring_is_answered_on_this_machine_alone(subtests: pytest.Subtests) -> None:
    for address in ["0.0.0.0:9108", "[::]:9108", "192.0.2.7:9108", "center.example:9108", "127.0.0.1", "9108"]:
        with subtests.test(address=address):
            done = call_here("run", "--broker", "mqtt://127.0.0.1:1", "--ledger", "sqlite:///x", "--metrics", address)
            assert done.returncode == 2
            assert b"--metrics" in done.stderr


def started(broker_url: str, ledger_url: str) -> subprocess.Popen[str]:
    arguments = ["run", "--broker", broker_url, "--ledger", ledger_url, "--http", "127.0.0.1:0"]
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, float, str]:
    """Exit code, seconds from the SIGTERM on, and what it said after it."""
    with Stopwatch() as watch:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SOON_S)
    return process.returncode, watch.seconds, said


def test_asked_to_end_before_it_was_ready_while_nobody_listens(ledger_url: str) -> None:
    with claimed_port() as port:
        process = started(f"mqtt://127.0.0.1:{port}", ledger_url)
        assert process.stderr is not None
        assert any("does not answer" in line for line in process.stderr)
        code, seconds, said = ended(process)
    assert (code, "center ready" in said) == (0, False), said
    assert seconds < IN_TIME_S


def test_asked_to_end_before_it_was_ready_while_the_broker_says_nothing(ledger_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = started(f"mqtt://127.0.0.1:{silent.getsockname()[1]}", ledger_url)
        silent.settimeout(SOON_S)
        with silent.accept()[0]:
            code, seconds, said = ended(process)
    assert (code, "center ready" in said) == (0, False), said
    assert seconds < IN_TIME_S


def test_it_ends_in_time_when_the_broker_has_frozen(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    process = Process(broker, ledger_url, "--http", "127.0.0.1:0")
    peer.send(TOPICS.event, station.start().body)
    until(lambda: upto(peer) == 1)
    broker.freeze()
    code, seconds = process.end(signal.SIGTERM)
    broker.kill()
    assert code == 0
    assert seconds < IN_TIME_S


def test_after_a_restored_backup_readers_are_told_and_lose_nothing(
    broker: Broker, ledger_url: str, tmp_path: Path
) -> None:
    """The reader follows docs/messaging.md; the events after the backup come again in another order."""
    ours, theirs = Station("S0147"), Station("S0148")
    mine, others = ours.run(4), theirs.run(4)
    path = tmp_path / "ledger.db"
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([*mine[:2], *others[:2]], "shache", NOW)
    backup = path.read_bytes()
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(mine[2:], "shache", NOW)
        before, position = ledger.generation, ledger.feed_end()
        has = {entry.body for entry in ledger.feed(0, 100)}
    path.write_bytes(backup)
    done = call_here("ledger", "restored", "--ledger", ledger_url)
    (line,) = done.stdout.decode().splitlines()
    with Ledger.open(ledger_url) as ledger:
        assert (done.returncode, ledger.generation != before, ledger.generation in line) == (0, True, True)
        generation = ledger.generation
        ledger.accept([*others[2:], *mine[2:]], "shache", NOW)
        missed = {entry.body for entry in ledger.feed(position, 100)}
        everything = {event.body for event in [*mine, *others]}
        assert has | missed != everything, "going on from the old position is what loses events"
        assert has | {entry.body for entry in ledger.feed(0, 100)} == everything
    with Ledger.open(ledger_url) as ledger:
        assert ledger.generation == generation, "a mere restart begins no generation"


def test_no_generation_is_begun_where_there_is_no_ledger_or_while_it_is_written(ledger_url: str) -> None:
    missing = call_here("ledger", "restored", "--ledger", ledger_url)
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)
    with Ledger.open(ledger_url):
        busy = call_here("ledger", "restored", "--ledger", ledger_url)
    assert (busy.returncode, b"another sorting center" in busy.stderr) == (1, True)


def test_a_port_that_is_taken_is_one_clear_line(broker: Broker, ledger_url: str) -> None:
    done = call("run", "--broker", broker.url, "--ledger", ledger_url, "--http", f"127.0.0.1:{broker.port}")
    assert done.returncode == 1
    assert f"127.0.0.1:{broker.port}" in done.stderr.decode().splitlines()[-1]


def test_killed_in_the_middle_of_batches_it_loses_and_doubles_nothing(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    """The peer behaves as a station does: it sends everything above the last acknowledgement again."""
    deaths = many(2, torture=4)
    bodies = [event.body for event in station.run(600 * (deaths + 1))]
    kills = 0
    process = Process(broker, ledger_url)
    while upto(peer) < len(bodies):
        for start in range(upto(peer), len(bodies), 100):
            peer.send(TOPICS.batch, build_batch(bodies[start : start + 100]))
            if kills < deaths and start >= 600 * (kills + 1):
                process.end(signal.SIGKILL)
                kills += 1
                process = Process(broker, ledger_url)
        before = upto(peer)
        deadline = time.monotonic() + 2
        while upto(peer) < len(bodies) and (upto(peer) > before or time.monotonic() < deadline):
            before = upto(peer)
            time.sleep(0.01)
    until(lambda: any(b'"feedseq":%d,' % len(bodies) in payload for topic, payload in peer.heard if "/feed/" in topic))
    process.end(signal.SIGTERM)
    assert kills == deaths
    with Ledger.open_readonly(ledger_url) as ledger:
        assert [event.body for event in ledger.events()] == bodies
        assert ledger.counts().quarantined == 0
    fed = [json.loads(payload)["feedseq"] for topic, payload in peer.heard if "/feed/" in topic]
    assert sorted(set(fed)) == list(range(1, len(bodies) + 1)), "at least once, without a hole"


def test_its_help_names_what_it_does() -> None:
    assert b"run" in call_here("--help").stdout
