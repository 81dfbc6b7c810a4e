"""A machine below a temporary root: it keeps what a server keeps, and can be killed before or after each operation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.base.files import write_durably
from kiosk.sorting_center.server.layout import BROKER_PORT, PORTS, ServerLayout
from kiosk.sorting_center.server.machine import CommandOutcome, ServerMachine
from kiosk.sorting_center.stations.authority import CountyAuthority

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Killed(BaseException):
    """Nothing can catch it, as nothing can catch a kill."""


class StandInMachine(ServerMachine):
    """``operations`` change something; it is killed at the one with the number ``kill_at``, before or ``after`` it."""

    def __init__(self, root: Path) -> None:
        self.layout = ServerLayout(root)
        self.moment = NOW
        self.operations: list[str] = []
        self.kill_at, self.after = 0, False
        self.enabled: set[str] = set()
        self.active: set[str] = set()
        self.served: dict[int, bytes] = {}
        self.holders: dict[int, str] = {}
        self.people: dict[str, str] = {}
        self.generation = 0  # Of the key of the configuration
        self.role_password = ""
        self.broker_trouble = ""
        self.postgresql = CommandOutcome(0, "150004\n")
        self.names = {"center.county.example"}
        sites = (f"etc/nginx/sites-available/sorting-center-{site}" for site in PORTS)
        for name in ("usr/sbin/mosquitto", "usr/sbin/nginx", "usr/lib/x/mosquitto_dynamic_security.so", *sites):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        for folder in ("run/systemd/system", "var/lib/mosquitto"):
            (root / folder).mkdir(parents=True)

    def _do(self, what: str, act: Callable[[], None]) -> None:
        self.operations.append(what)
        now = len(self.operations) == self.kill_at
        if now and not self.after:
            raise Killed
        act()
        if now:
            raise Killed

    def now(self) -> datetime:
        return self.moment

    def is_root(self) -> bool:
        return True

    def write(self, path: Path, content: bytes, mode: int) -> None:
        def act() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, content, mode)

        self._do(f"write {path.relative_to(self.layout.root)}", act)

    def link(self, path: Path, target: str) -> None:
        def act() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)

        self._do(f"link {path.relative_to(self.layout.root)}", act)

    def port_holder(self, port: int) -> str | None:
        return self.holders.get(port)

    def peer_certificate(self, port: int, host: str, authority: Path) -> bytes:
        if port not in self.served:
            raise ConnectionRefusedError
        return self.served[port]

    def health(self, port: int) -> dict[str, str]:
        return {"broker": self.broker_trouble}

    def resolves(self, host: str) -> bool:
        return host in self.names

    def free_bytes(self, path: Path) -> int:
        return 10**11

    def wait_until(self, probe: Callable[[], bool], seconds: float) -> bool:
        return probe()

    def run(self, command: Sequence[str], stdin: str = "", environ: Mapping[str, str] | None = None) -> CommandOutcome:
        match list(command):
            case ["systemctl", "is-enabled", "--quiet", unit]:
                return CommandOutcome(0 if unit in self.enabled else 1)
            case ["systemctl", "is-active", *_, unit]:
                return CommandOutcome(0 if unit in self.active else 3, "active" if unit in self.active else "failed")
            case ["systemctl", "enable", "--quiet", unit]:
                self._do(f"enable {unit}", lambda: self.enabled.add(unit))
            case ["systemctl", "start" | "restart" | "reload-or-restart", unit]:
                self._do(f"start {unit}", lambda: self._start(unit))
            case ["runuser", "-u", "sorting-center", "--", _, "user", "list"]:
                return CommandOutcome(0, "".join(json.dumps({"name": name}) + "\n" for name in self.people))
            case ["runuser", "-u", "sorting-center", "--", _, "user", "add", name, "--role", "admin"]:
                self._do("add administrator", lambda: self.people.update({name: stdin.strip()}))
            case [_, "configuration", "key"]:
                self._do("make the key of the configuration", lambda: self._issue_key(stdin.strip()))
            case ["runuser", "-u", "postgres", "--", "psql", *_] if "CREATE ROLE" not in stdin:
                return self.postgresql
            case ["runuser", "-u", "postgres", "--", "psql", *_]:
                self._do("make database", lambda: setattr(self, "role_password", stdin.split("PASSWORD '")[1][:64]))
            case ["psql", *_]:
                right = self.role_password and (environ or {}).get("PGPASSWORD") == self.role_password
                return CommandOutcome(0 if right else 2, errors="" if right else "psql: error: no password\n")
            case ["systemctl", "stop", "sorting-center*"]:
                self._do("stop units", lambda: self.active.intersection_update({"mosquitto.service", "nginx.service"}))
            case ["chown", "-R", *_]:
                self._do("give to the user", lambda: None)
            case ["install", "-d", *_, folder]:
                self._do(f"folder {folder}", lambda: Path(folder).mkdir(parents=True, exist_ok=True))
            case ["nginx", "-t", "-q"] | ["id", "-u", _] | ["runuser", *_] | ["timedatectl", *_]:
                pass
            case _:
                raise AssertionError(command)
        return CommandOutcome(0)

    def _issue_key(self, phrase: str) -> None:
        self.generation += 1
        place = self.layout
        texts = (place.authority_certificate.read_text(), place.authority_key.read_text())
        made = CountyAuthority.open(*texts, phrase).issue_configuration_key("yarkant", self.generation, self.moment)
        write_durably(place.configuration_key.with_suffix(".crt"), made.certificate.encode(), 0o644)
        write_durably(place.configuration_key, made.key.encode(), 0o600)

    def _start(self, unit: str) -> None:
        self.active.add(unit)
        place = {
            "mosquitto.service": "etc/mosquitto/sorting-center/server",
            "nginx.service": "etc/sorting-center/tls/pages",
        }
        if unit in place:
            pem = (self.layout.root / f"{place[unit]}.crt").read_bytes()
            shown = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
            ports = [BROKER_PORT] if unit == "mosquitto.service" else PORTS.values()
            self.served |= dict.fromkeys(ports, shown)
        if unit == "sorting-center.service":
            self.holders[8090] = "sorting-center"
        if unit == "sorting-center-storefront.service":
            self.holders[8100] = "sorting-center"
