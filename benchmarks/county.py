"""A county's events from the broker to the ledger's commit, and on into the feed: real programs, one machine.

    python -m benchmarks county

50 stations send events of about 1 KB as fast as Mosquitto takes them; what counts is in the ledger. The baseline of
each row is the same publisher and broker with a consumer that decodes, hashes and throws away.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from benchmarks.center_ingest import MOMENT, intake, signed_journal
from benchmarks.measure import Row, pss_mb
from kiosk.messaging.contract.receive import build_batch
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from kiosk.messaging.contract.topics import Topics
from kiosk.simulators.broker import Broker
from kiosk.sorting_center.feed.feed import POSITION_NAME
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import stream
from tests.servers.postgres import running_postgres

STATIONS: Final = 50
SINGLE: Final = 400
"""Events of each station, sent one by one; in batches five times as many."""
BATCHED: Final = 2000
REGION: Final = "bench"
GIVE_UP_S: Final = 300.0
Message = tuple[str, bytes]

THROW_AWAY: Final = """
import hashlib, json, sys, zlib
import paho.mqtt.client as mqtt
port, wanted = int(sys.argv[1]), int(sys.argv[2])
seen = 0
def message(client, _userdata, message):
    global seen
    if message.topic.endswith("batch"):
        events = [json.dumps(event).encode() for event in json.loads(zlib.decompress(message.payload))]
    else:
        json.loads(message.payload)
        events = [message.payload]
    for event in events:
        hashlib.sha256(event).hexdigest()
    seen += len(events)
    if seen >= wanted:
        print("done", flush=True)
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.on_message = message
client.on_subscribe = lambda *_: print("ready", flush=True)
client.connect("127.0.0.1", port)
client.subscribe("kiosk/v1/+/+/up/#", qos=1)
client.loop_forever()
"""


def journals(events: int) -> list[list[tuple[str, bytes]]]:
    """Of each station its topic and body, event by event."""
    found = []
    for number in range(1, STATIONS + 1):
        source, prevhash, bodies = EventSource(f"S{number:04d}", "1.0.0"), ZERO_HASH, []
        for seq in range(1, events + 1):
            told = intake(seq, source.station)
            sealed = seal(told, source, JournalPosition(f"{number:016x}", seq, prevhash), MOMENT)
            bodies.append((Topics(REGION, source.station).event, sealed.body))
            prevhash = sealed.sha256
        found.append(bodies)
    return found


def signed_journals(events: int) -> list[list[tuple[str, bytes]]]:
    """The same, signed."""
    found = []
    for number in range(1, STATIONS + 1):
        topic = Topics(REGION, f"S{number:04d}").event
        found.append([(topic, body) for body in signed_journal(events, f"S{number:04d}", f"{number:016x}")])
    return found


def singles(stations: Sequence[Sequence[Message]]) -> list[Message]:
    """The stations by turns, event by event."""
    return [message for turn in zip(*stations, strict=True) for message in turn]


def batches(stations: Sequence[Sequence[Message]]) -> list[Message]:
    """The stations by turns, a hundred events a message."""
    found = []
    for start in range(0, len(stations[0]), 100):
        for bodies in stations:
            topic = bodies[0][0].replace("/up/event", "/up/batch")
            found.append((topic, build_batch([body for _, body in bodies[start : start + 100]])))
    return found


def publish(port: int, messages: Sequence[Message], login: tuple[str, str] | None = None) -> None:
    """QoS 1 over one connection, written as fast as the broker reads; returns when it has confirmed all.

    By hand (MQTT 5.0, 3.1 and 3.3): a client library would take as long as what is measured.
    """
    with socket.create_connection(("127.0.0.1", port)) as line:
        flags = b"\2" if login is None else b"\xc2"
        who = b"".join(_text(text) for text in (f"bench{port}", *(login or ())))
        # Keep-alive and properties: none.
        line.sendall(_packet(0x10, _text("MQTT") + b"\5" + flags + b"\0\0" + b"\0" + who))
        line.recv(256)
        stream_of_packets = b"".join(
            _packet(0x32, _text(topic) + (number % 65_535 + 1).to_bytes(2, "big") + b"\0" + payload)
            for number, (topic, payload) in enumerate(messages)
        )
        sender = threading.Thread(target=line.sendall, args=(stream_of_packets,))
        sender.start()
        left, read = len(messages), b""
        while left > 0:
            got = line.recv(65_536)
            if not got:
                raise SystemExit("the broker hung up on the publisher")
            confirmed, read = _confirmed(read + got)
            left -= confirmed
        sender.join()


def _confirmed(read: bytes) -> tuple[int, bytes]:
    """How many PUBACKs these are, and the rest; with reason 0 their last two bytes may be missing (3.4.2.1).

    A reason below 0x80 is none against the message: 0x10 says that nobody has subscribed yet.
    """
    place = count = 0
    while len(read) >= place + 2 and len(read) >= (end := place + 2 + read[place + 1]):
        if read[place] != 0x40 or (end - place > 4 and read[place + 4] >= 0x80):
            raise SystemExit(f"the broker did not take a message: {read[place:end].hex()}")
        place, count = end, count + 1
    return count, read[place:]


def _packet(kind: int, rest: bytes) -> bytes:
    length, left = b"", len(rest)
    while True:
        left, low = divmod(left, 128)
        length += bytes([low | (0x80 if left else 0)])
        if not left:
            return bytes([kind]) + length + rest


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def bare(folder: Path, messages: Sequence[Message], events: int) -> float:
    """Events a second of the consumer that throws away."""
    with Broker(folder / "bare") as broker:
        command = [sys.executable, "-c", THROW_AWAY, str(broker.port), str(events)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
            assert consumer.stdout is not None
            _wait_for(consumer.stdout.readline().strip() == "ready", "the consumer is ready")
            started = time.perf_counter()
            sender = threading.Thread(target=publish, args=(broker.port, messages))
            sender.start()
            _wait_for(consumer.stdout.readline().strip() == "done", "the consumer has all")
            seconds = time.perf_counter() - started
            sender.join()
            consumer.kill()
    return events / seconds


def _wait_for(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"it never happened that {what}")


@contextmanager
def center(broker_url: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """`sorting-center run`, ready."""
    command = [sys.executable, "-m", "kiosk.cli.sorting_center", "run", "--broker", broker_url, "--ledger", url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "ready" in line:
                break
        drain = threading.Thread(target=lambda: [None for _ in process.stderr or ()])
        drain.start()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            drain.join()


def taken(ledger: Ledger) -> int:
    """Events in the ledger, every stream without a gap."""
    with ledger.reading() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(stream.c.upto), 0))).scalar_one())


def until(reached: Callable[[], bool]) -> float:
    """When it was, on the clock of `time.perf_counter`."""
    give_up = time.monotonic() + GIVE_UP_S
    while not reached():
        if time.monotonic() > give_up:
            raise SystemExit("the ledger never got there")
        time.sleep(0.02)
    return time.perf_counter()


def through(folder: Path, url: str, messages: Sequence[Message], events: int) -> tuple[float, float, list[float]]:
    """Events a second into the ledger, and through the feed while both work; megabytes of each process."""
    with Broker(folder / "through") as broker, center(broker.url, url) as process, Ledger.open_readonly(url) as ledger:
        started = time.perf_counter()
        sender = threading.Thread(target=publish, args=(broker.port, messages))
        sender.start()
        kept = until(lambda: taken(ledger) >= events)
        memory = [pss_mb(pid) for pid in (process.pid, *children(process.pid))]
        fed = until(lambda: ledger.feed_position(POSITION_NAME) >= events)
        sender.join()
    return events / (kept - started), events / (fed - started), memory


def children(pid: int) -> list[int]:
    """Processes that any of its threads has begun."""
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in listed.read_text().split()]
    return found


def feed_alone(folder: Path, url: str, events: int) -> float:
    """Events a second out of a ledger that takes nothing in: from nothing published to all."""
    with Ledger.open(url) as ledger:
        ledger.set_feed_position(POSITION_NAME, 0)
    with Broker(folder / "alone") as broker, Ledger.open_readonly(url) as ledger, center(broker.url, url):
        started = until(lambda: ledger.feed_position(POSITION_NAME) > 0)
        before = ledger.feed_position(POSITION_NAME)
        ended = until(lambda: ledger.feed_position(POSITION_NAME) >= events)
    return (events - before) / (ended - started)


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    stations = journals(BATCHED)
    few = [bodies[:SINGLE] for bodies in stations]
    one_by_one, together = singles(few), batches(stations)
    single, batched = len(one_by_one), STATIONS * BATCHED
    bare_single, bare_batched = bare(folder, one_by_one, single), bare(folder, together, batched)
    rows = []
    url = f"sqlite:///{folder / 'single.db'}"
    kept, fed, _ = through(folder, url, one_by_one, single)
    name = "a consumer that throws away"
    rows.append(Row("county, SQLite: single events to the commit", kept, "/s", None, bare_single, name, least=5000))
    rows.append(Row("county, SQLite: the feed meanwhile", fed, "/s"))
    rows.append(Row("county, SQLite: the feed alone", feed_alone(folder, url, single), "/s", least=5000))
    url = f"sqlite:///{folder / 'signed.db'}"
    signed, _, _ = through(folder, url, singles(signed_journals(SINGLE)), single)
    rows.append(Row("county, SQLite: signed single events, ratio to unsigned", signed / kept, "", least=0.8))
    url = f"sqlite:///{folder / 'batched.db'}"
    kept, fed, memory = through(folder, url, together, batched)
    rows.append(Row("county, SQLite: batches to the commit", kept, "/s", None, bare_batched, name, least=12_000))
    rows.append(Row("county, SQLite: 50,000 events of a backlog", 50_000 / kept, "s", 15))
    rows.append(Row("county, SQLite: largest process of the center", max(memory), "MB PSS", 120))
    with running_postgres() as server, server.fresh() as database:
        kept, fed, memory = through(folder, server.url(database), together, batched)
        rows.append(Row("county, PostgreSQL: batches to the commit", kept, "/s", None, bare_batched, name, least=8000))
        rows.append(Row("county, PostgreSQL: the feed meanwhile", fed, "/s"))
        rows.append(Row("county, PostgreSQL: largest process of the center", max(memory), "MB PSS", 120))
    return rows
