"""From the reports of a scanner to the event in the stream of the counter's page, the parcel booked on the disk."""

from __future__ import annotations

import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from benchmarks.measure import Row, percentile
from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import Slip, SlipVerdict
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.configuration import CountySettings, KeyRow, to_base64
from kiosk.messaging.contract.slip import slip_text
from kiosk.simulators.scanner.hid_pos import HidPosScannerSimulator, reports
from kiosk.simulators.village import REGION, Village, VillagePlan
from kiosk.station.configuration.checks import LiveContent
from kiosk.station.slips import SlipChecks

SCANS = 300
SHELVES = '\n[parcels]\nshelves = ["A-1:80", "A-2:80", "A-3:80", "A-4:80"]\n'
PIN = "480317"
BARE = "bare socket → TCP"


class CounterStream:
    """Reads the counter's stream on a thread and notes when another scan was told of; or another stream's ``field``."""

    def __init__(self, address: str, cookie: str, path: str = "/counter/live", field: str = "scan") -> None:
        self._field = field
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n".encode())
        self._condition = threading.Condition()
        self._newest: tuple[str, float] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._socket.makefile("rb") as lines:
            for line in lines:
                at, start = time.monotonic(), line.find(b"data: {")
                if start >= 0:
                    scan = str(json.loads(line[start + 6 :])[self._field])
                    with self._condition:
                        if self._newest is None or self._newest[0] != scan:
                            self._newest = (scan, at)
                            self._condition.notify_all()

    def newest(self) -> str:
        """The name of the newest scan, as soon as the stream has told of any state."""
        with self._condition:
            self._condition.wait_for(lambda: self._newest is not None, 10)
            return self._newest[0] if self._newest else ""

    def after(self, scan: str) -> float:
        """When another scan than this one was told of."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._newest is not None and self._newest[0] != scan, 10):
                raise RuntimeError("a scan was never told of")
            assert self._newest is not None
            return self._newest[1]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


def _each_scan(act: Callable[[int], float]) -> list[float]:
    """Milliseconds from sending to hearing, as a hand scans: never in step with anything."""
    dice, took = random.Random(9), []
    for number in range(SCANS):
        took.append(act(number))
        time.sleep(0.12 + dice.random() * 0.06)
    return took


def _waybill(number: int) -> str:
    return f"YT{7_300_000_000_000 + number}"


def bare_socket() -> list[float]:
    """Baseline: the same reports through such a socket and one thread to a TCP client, and nothing else."""
    near, slave = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    far, _ = server.accept()

    def carry() -> None:
        while data := slave.recv(1024):
            far.sendall(data)

    thread = threading.Thread(target=carry)
    thread.start()

    def act(number: int) -> float:
        report, got = b"".join(reports(_waybill(number).encode())), 0
        start = time.monotonic()
        near.send(report)
        while got < len(report):
            got += len(client.recv(4096))
        return (time.monotonic() - start) * 1000

    took = _each_scan(act)
    near.close()
    thread.join()
    for one in (client, far, server, slave):
        one.close()
    return took


def _clerk(village: Village) -> tuple[str, str]:
    """A clerk who has unlocked the counter and takes parcels in: the address and the cookie."""
    command = [sys.executable, "-m", "kiosk.cli.kiosk", "clerk", "add", "Patigul", "--config", str(village.config)]
    subprocess.run(command, input=f"{PIN}\n{PIN}\n", capture_output=True, text=True, check=True)
    address = village.station_url.removeprefix("http://")
    headers = {"Origin": village.station_url, "Content-Type": "application/x-www-form-urlencoded"}
    cookie = ""
    for path, form in (("unlock", {"number": "01", "pin": PIN}), ("mode", {"mode": "in"})):
        link = http.client.HTTPConnection(address)
        link.request("POST", f"/counter/{path}", urllib.parse.urlencode(form), {**headers, "Cookie": cookie})
        answer = link.getresponse()
        if answer.status != 303:
            raise RuntimeError(f"/counter/{path} answered {answer.status}")
        cookie = cookie or str(answer.headers["Set-Cookie"]).partition(";")[0]
        link.close()
    return address, cookie


_KEY = Ed25519Key(bytes(range(32)))


def _receipt(number: int) -> str:
    """Another station's, so that every one is new."""
    receipt, minute = ReceiptNumber("S0201", "A", number + 1), 29_900_000
    figures = ("BADAM", 3, 37_440, 5_800, 217_152, Mode.PURCHASE)
    slip = Slip(REGION, receipt, minute, ClockQuality.SYNCED, *figures, (3, 1, 0), 0, bytes(8))
    return slip_text("slips.example", _KEY, slip)


def judged() -> list[float]:
    """Milliseconds for a slip that is right, where the county's document is as long as it may be."""
    others = (KeyRow(f"S{number % 9999:04d}", to_base64(bytes([number % 256] * 32))) for number in range(19_999))
    keys = (*others, KeyRow("S0201", to_base64(_KEY.public)))
    live = LiveContent({}, CountySettings(), keys, frozenset(f"0201-B-{number:06d}" for number in range(20_000)))
    checks = SlipChecks("S0147", REGION, cast(Any, None), lambda: live)  # No receipt is of this station
    took = []
    for text in map(_receipt, range(SCANS)):
        start = time.monotonic()
        checked = checks.check(text)
        took.append((time.monotonic() - start) * 1000)
        if checked.verdict is not SlipVerdict.RIGHT:
            raise RuntimeError(f"a receipt that is right was called {checked.verdict}")
    return took


def run(folder: Path) -> list[Row]:
    """Scan → event over 300 scans, and the baseline beside it; then receipts before the villagers' screen."""
    base = bare_socket()
    with Village(folder, VillagePlan(hz=10, scanner="hid_pos", county=False, more_settings=SHELVES)) as village:
        scanner = village.scanner
        assert isinstance(scanner, HidPosScannerSimulator)

        def each(stream: CounterStream, text_of: Callable[[int], str]) -> list[float]:
            def act(number: int) -> float:
                before, start = stream.newest(), time.monotonic()
                scanner.scan(text_of(number))
                return (stream.after(before) - start) * 1000

            took = _each_scan(act)
            stream.close()
            return took

        address = village.station_url.removeprefix("http://")
        public = CounterStream(address, "", "/live", "notice")
        while public.newest() == "0":  # The station may answer before it has opened its scanner
            scanner.scan("WARM-UP")
            time.sleep(0.5)
        checked = each(public, _receipt)
        took = each(CounterStream(*_clerk(village)), _waybill)
    return [
        Row("scan → event at the counter's page, p50", percentile(took, 0.5), "ms", None, percentile(base, 0.5), BARE),
        Row("scan → event at the counter's page, p99", percentile(took, 0.99), "ms", 100, percentile(base, 0.99), BARE),
        Row("receipt scanned → verdict at the villagers' page, p50", percentile(checked, 0.5), "ms", None),
        Row("receipt scanned → verdict at the villagers' page, p99", percentile(checked, 0.99), "ms", 50),
        Row("signed code judged among 20,000 keys and voids, p99", percentile(judged(), 0.99), "ms", 10),
    ]
