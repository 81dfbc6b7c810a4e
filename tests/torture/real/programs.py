"""The programs of a real run: `sorting-center run` and a `kiosk relay` for each station, and how they are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from kiosk.simulators.shared.processes import ChildProgram
from tests.torture.machine import REGION, Machine
from tests.torture.real.stands import Servers

_SETTINGS: Final = """\
[station]
station = "{station}"
region = "{region}"
village = "Torture"
data = "{data}"

[relay]
broker_url = "{broker_url}"
resend_s = 0.5
resend_max_s = 2.0
reconnect_s = 0.1
reconnect_max_s = 0.5
"""


def center_name(number: int) -> str:
    """What a sorting center is called here, and where PostgreSQL tells its connections."""
    return f"center-{number}"


class Programs:
    """Every program in a process of its own; each writes its log into ``folder``."""

    def __init__(self, folder: Path, machines: Sequence[Machine], servers: Servers) -> None:
        self._folder, self._servers = folder, servers
        self.centers = [self._center(number, url) for number, url in enumerate(servers.center_urls)]
        urls = zip(machines, servers.relay_urls, strict=True)
        self.relays = [self._relay(machine, url) for machine, url in urls]

    def _center(self, number: int, broker_url: str) -> ChildProgram:
        name, ledger_url = center_name(number), self._servers.ledger_url
        if ledger_url.startswith("postgresql:"):
            ledger_url += f"?application_name={name}"
        command = ["kiosk.cli.sorting_center", "run", "--broker", broker_url, "--ledger", ledger_url]
        return ChildProgram(name, command, self._folder / f"{name}.log")

    def _relay(self, machine: Machine, broker_url: str) -> ChildProgram:
        config = self._folder / f"{machine.station}.toml"
        text = _SETTINGS.format(station=machine.station, region=REGION, data=machine.folder, broker_url=broker_url)
        if self._servers.login is not None:
            user, password = self._servers.login
            file = self._folder / "password"
            file.write_text(password)
            text += f'username = "{user}"\npassword_file = "{file}"\n'
        config.write_text(text)
        command = ["kiosk.cli.kiosk", "relay", "--config", str(config)]
        return ChildProgram(f"relay of {machine.station}", command, self._folder / f"{machine.station}.log")

    @contextmanager
    def running(self) -> Iterator[None]:
        """All of them are up, and gone afterwards."""
        with ExitStack() as ends:
            for child in (*self.centers, *self.relays):
                child.start()
                ends.callback(child.kill)
            yield

    def revive(self) -> int:
        """Begin again what ended by itself, as systemd does; how many that were."""
        ended = [child for child in (*self.centers, *self.relays) if not child.running]
        for child in ended:
            child.start()
        return len(ended)

    def kill_feed(self, center: ChildProgram) -> bool:
        """SIGKILL for the process of its own that a sorting center has for the feed; false when it has none now."""
        for pid in _children(center.pid):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def last_words(self) -> str:
        """The ends of all logs."""
        return "; ".join(f"{child.name}: {child.last_words()}" for child in (*self.centers, *self.relays))


def _children(pid: int | None) -> list[int]:
    """Of every thread of a process; a process that is gone has none."""
    try:
        files = list(Path(f"/proc/{pid}/task").glob("*/children"))
        return [int(child) for file in files for child in file.read_text().split()]
    except OSError:
        return []
