"""Whether everything of a county's server works: one finding a check."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from kiosk.sorting_center.server.certificates import REPORTED_BEFORE, ServerCertificates
from kiosk.sorting_center.server.checks import FREE_BYTES, ServerFinding, ServerVerdict, dynamic_security_plugin
from kiosk.sorting_center.server.layout import (
    BROKER_PORT,
    COMMAND,
    DROP_IN,
    PAGES_PORT,
    PORTS,
    SOCKET,
    USER,
    ServerLayout,
)
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.server.postgresql import PostgresqlDatabase

_OLD_BACKUP: Final = timedelta(days=2)
_SETUP: Final = "sorting-center setup"
_STICK: Final = "Put it back from the stick or a backup."
_UNITS: Final = (
    *("sorting-center.service", "sorting-center-photos.socket", "sorting-center-photos.service"),
    *("sorting-center-renew.timer", "mosquitto.service", "nginx.service"),
)


def _finding(
    name: str, problem: str, fix: str, *, verdict: ServerVerdict = ServerVerdict.FAIL, good: str = "it works"
) -> ServerFinding:
    return ServerFinding(name, verdict, problem, fix) if problem else ServerFinding(name, ServerVerdict.OK, good)


class ServerDoctor:
    """``tables`` are those of the settings."""

    def __init__(self, machine: ServerMachine, layout: ServerLayout, tables: dict[str, Any]) -> None:
        self._machine, self._layout, self._tables = machine, layout, tables
        self._certificates = ServerCertificates(layout, machine)
        database = PostgresqlDatabase(machine, layout)
        self._environ = database.environ() if layout.pgpass.exists() else {}

    def findings(self) -> Iterator[ServerFinding]:
        yield _finding("user", self._failure("id", "-u", USER), "systemd-sysusers sorting-center.conf")
        sites = [site for site in PORTS if (self._layout.sites / f"sorting-center-{site}").exists()]
        storefront = ["sorting-center-storefront.service"] if "storefront" in sites else []
        for unit in (*_UNITS, *storefront):
            yield _finding(unit, self._failure("systemctl", "is-active", unit), f"systemctl enable --now {unit}")
        for name, words in (("ledger", ("ledger", "count")), ("desk", ("user", "list"))):
            failure = self._failure("runuser", "-u", USER, "--", COMMAND, *words)
            yield _finding(name, failure, "journalctl -eu sorting-center.service")
        for name, problem in self._machine.health(PAGES_PORT).items():
            yield _finding(f"center, {name}", problem, "journalctl -eu sorting-center.service")
        free = self._machine.free_bytes(self._layout.data)
        room = f"{free // 1_000_000} MB are free"
        fix = "Make room: the center takes nothing in on a full disk."
        yield _finding("disk", room if free < FREE_BYTES else "", fix, good=room)
        yield self._dynamic_security()
        due = self._certificates.problem(margin=REPORTED_BEFORE)
        left = "" if due else f"{self._certificates.days_left()} days are left"
        yield _finding("certificates", due, "sorting-center certificates renew", good=left)
        problem = self._certificates.configuration_problem()
        if not problem and "configuration_key" not in self._tables:
            problem = "settings.toml does not name it"
        fix = "sorting-center configuration key, and configuration_key in settings.toml: docs/set-up-a-county.md"
        yield _finding("key of the configuration", problem, fix, verdict=ServerVerdict.WARN)
        for port in (BROKER_PORT, *(PORTS[site] for site in dict.fromkeys(("pages", "photos", *sites)))):
            silent = "" if self._certificates.is_served(port) else "it does not answer with this server's certificate"
            unit = "mosquitto" if port == BROKER_PORT else "nginx"
            yield _finding(f"TLS at port {port}", silent, f"systemctl restart {unit}, or {_SETUP}")
        missing = "" if (self._layout.root / SOCKET.lstrip("/")).is_socket() else f"{SOCKET} is missing"
        yield _finding("photos", missing, "systemctl restart sorting-center-photos.socket")
        done = self._machine.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
        slow = "" if done.output.strip() == "yes" else "it is not synchronised"
        yield _finding("clock", slow, "timedatectl set-ntp true", verdict=ServerVerdict.WARN)
        fix = "sorting-center backup DIR, every day, with DIR on another disk"
        last, is_recent = self._backup()
        yield _finding("backup", "" if is_recent else last, fix, verdict=ServerVerdict.WARN, good=last)
        lost = [path for path in self._layout.sealed_on_stick() if not path.exists()]
        yield _finding("authority", f"{lost[0]} is missing" if lost else "", _STICK)
        unsaved = "" if self._layout.exported.exists() else "it is on no stick yet"
        fix = "sorting-center certificates export DIR, with DIR on a stick"
        yield _finding("authority's copy", unsaved, fix, verdict=ServerVerdict.WARN)

    def _failure(self, *command: str) -> str:
        done = self._machine.run(command, "", self._environ)
        return done.reason if done.code != 0 else ""

    def _dynamic_security(self) -> ServerFinding:
        place, link = self._layout.broker_clients, self._layout.broker_link
        problem, fix = "", _SETUP
        if dynamic_security_plugin(self._layout) is None or not place.exists():
            problem = f"the plugin or {place} is missing"
        elif stat.S_IMODE(place.stat().st_mode) & 0o077:
            problem, fix = f"others can read {place}", f"chmod 600 {place}"
        elif not link.is_symlink() or str(link.readlink()) != DROP_IN:
            problem, fix = f"{link} is no link to {DROP_IN}", f"rm {link}, then {_SETUP}"
        elif self._tables.get("broker_access") != "dynamic-security":
            problem = "the center does not keep the broker's clients"
            fix = 'Write broker_access = "dynamic-security" into settings.toml.'
        return _finding("dynamic security", problem, fix)

    def _backup(self) -> tuple[str, bool]:
        try:
            found = json.loads(self._layout.backup.read_text(encoding="utf-8"))
            age = self._machine.now() - datetime.fromisoformat(found["at"])
            return f"the last one is {age.days} days old, in {found['where']}", age < _OLD_BACKUP
        except (OSError, ValueError, KeyError, TypeError):
            return "there is none", False
