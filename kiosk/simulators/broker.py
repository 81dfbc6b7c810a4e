"""A real Mosquitto on a free loopback port, with the broker's fault words: kill, restart, deny."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from kiosk.simulators.shared.faults import parse_fault
from kiosk.simulators.shared.processes import HeldPort, StartFailed

_START_S: Final = 10.0
_STOP_S: Final = 5.0
_PLACES: Final = (Path("/usr/sbin/mosquitto"), Path("/usr/local/sbin/mosquitto"))
DEFAULT_CONF: Final = """\
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 100000
"""


def mosquitto_path() -> Path:
    """Find the broker's program; raises StartFailed naming the package."""
    found = shutil.which("mosquitto")
    for place in (Path(found),) if found else _PLACES:
        if place.exists():
            return place
    raise StartFailed("the MQTT broker is not installed: apt-get install mosquitto")


class Broker:
    """Start with ``start`` or as a context manager; the port stays the same over every restart."""

    def __init__(self, folder: Path, port: int | None = None, conf: str = DEFAULT_CONF) -> None:
        """Prepare a broker with its files in ``folder``. ``conf`` is Mosquitto configuration without a listener."""
        self._folder, self._conf = folder, conf
        self._held = HeldPort()
        self.port = port or self._held.number
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        return self._folder / "mosquitto.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it accepts connections; raises StartFailed."""
        self._launch(self._conf)

    def stop(self) -> None:
        """End it in good order and release its port."""
        self._end(signal.SIGTERM)
        self._held.release()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again with its usual configuration, in whatever state it is."""
        self._end(signal.SIGTERM)
        self._launch(self._conf)

    def deny(self) -> None:
        """Restart it so that it refuses every client, until ``restart``."""
        self._end(signal.SIGTERM)
        allowing = ("allow_anonymous", "password_file")
        remaining_lines = [line for line in self._conf.splitlines() if not line.startswith(allowing)]
        self._launch("\n".join([*remaining_lines, "allow_anonymous false", ""]))

    def command(self, text: str) -> None:
        """Carry out a fault word; raises BadFaultWord."""
        word, _ = parse_fault("broker", text)
        {"kill": self.kill, "restart": self.restart, "deny": self.deny}[word]()

    def _launch(self, conf: str) -> None:
        program = mosquitto_path()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "mosquitto.conf"
        # Started by root it would become the user mosquitto, who may not write into this directory.
        user = "user root\n" if os.geteuid() == 0 else ""
        path.write_text(f"listener {self.port} 127.0.0.1\n{user}{conf}", encoding="utf-8")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", path], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self._folder
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + _START_S
        while time.monotonic() < give_up and self.running:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
                return
            except OSError:
                # Nothing announces a listening socket from outside; asking again soon is all there is.
                time.sleep(0.02)
        tail = self.log_path.read_text(encoding="utf-8", errors="replace")[-800:]
        raise StartFailed(f"Mosquitto does not answer at 127.0.0.1:{self.port}; its log ends: {tail}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
