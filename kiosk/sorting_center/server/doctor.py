"""Whether everything of a county's server works: one finding a check."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from kiosk.sorting_center.server.certificates import REPORTED_BEFORE, ServerCertificates
from kiosk.sorting_center.server.checks import FREE_BYTES, PLUGIN, ServerFinding, ServerVerdict, failed
from kiosk.sorting_center.server.layout import BROKER_PORT, COMMAND, DROP_IN, PORTS, SOCKET, USER, ServerLayout
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.server.postgresql import PostgresqlDatabase
from kiosk.sorting_center.stations.authority import BadAuthority, expiry_of

_OLD_BACKUP: Final = timedelta(days=2)
_UNITS: Final = (
    "sorting-center.service",
    "sorting-center-photos.socket",
    "sorting-center-photos.service",
    "sorting-center-renew.timer",
    "mosquitto.service",
    "nginx.service",
)
_SETUP: Final = "sorting-center setup"


class ServerDoctor:
    """``tables`` are those of the settings."""

    def __init__(self, machine: ServerMachine, layout: ServerLayout, tables: dict[str, Any]) -> None:
        self._machine, self._layout, self._tables = machine, layout, tables
        self._certificates = ServerCertificates(layout, machine)

    def findings(self) -> Iterator[ServerFinding]:
        yield self._command("user", ["id", "-u", USER], "systemd-sysusers sorting-center.conf")
        sites = [site for site in PORTS if (self._layout.sites / f"sorting-center-{site}").exists()]
        storefront = ["sorting-center-storefront.service"] if "storefront" in sites else []
        for unit in (*_UNITS, *storefront):
            yield self._unit(unit)
        for name, words in (("ledger", ("ledger", "count")), ("desk", ("user", "list"))):
            command = ["runuser", "-u", USER, "--", COMMAND, *words]
            yield self._command(name, command, "journalctl -eu sorting-center.service")
        yield self._disk()
        yield self._broker()
        yield from self._tls(sites)
        yield self._photos()
        done = self._machine.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
        if done.output.strip() == "yes":
            yield _ok("clock", "it is synchronised")
        else:
            yield ServerFinding("clock", ServerVerdict.WARN, "it is not synchronised", "timedatectl set-ntp true")
        yield self._backup()
        yield self._authority()

    def _command(self, name: str, command: list[str], fix: str) -> ServerFinding:
        environ = PostgresqlDatabase(self._machine, self._layout).environ() if self._layout.pgpass.exists() else {}
        done = self._machine.run(command, "", environ)
        return _ok(name, "it answers") if done.code == 0 else failed(name, done.reason, fix)

    def _unit(self, unit: str) -> ServerFinding:
        done = self._machine.run(["systemctl", "is-active", unit])
        state = done.output.strip() or done.reason
        return _ok(unit, state) if done.code == 0 else failed(unit, state, f"systemctl enable --now {unit}")

    def _disk(self) -> ServerFinding:
        free = self._machine.free_bytes(self._layout.data)
        reason = f"{free // 1_000_000} MB are free"
        if free >= FREE_BYTES:
            return _ok("disk", reason)
        return failed("disk", reason, "Make room: the center takes nothing in on a full disk.")

    def _broker(self) -> ServerFinding:
        place, link = self._layout.broker_clients, self._layout.broker_link
        if next(self._layout.root.glob(PLUGIN), None) is None or not place.exists():
            return failed("dynamic security", f"the plugin or {place} is missing", _SETUP)
        if stat.S_IMODE(place.stat().st_mode) & 0o077:
            return failed("dynamic security", f"others can read {place}", f"chmod 600 {place}")
        if not link.is_symlink() or str(link.readlink()) != DROP_IN:
            return failed("dynamic security", f"{link} is no link to {DROP_IN}", f"rm {link}, then {_SETUP}")
        if self._tables.get("broker_access") != "dynamic-security":
            fix = 'Write broker_access = "dynamic-security" into settings.toml.'
            return failed("dynamic security", "the center does not keep the broker's clients", fix)
        return _ok("dynamic security", "it is on")

    def _tls(self, sites: list[str]) -> Iterator[ServerFinding]:
        problem = self._certificates.problem(margin=REPORTED_BEFORE)
        if problem:
            yield failed("certificates", problem, "sorting-center certificates renew")
        else:
            left = expiry_of(self._layout.pairs()[0][0].read_text()) - self._machine.now()
            yield _ok("certificates", f"valid for {left.days} days")
        services = {"broker": ("mosquitto", BROKER_PORT)}
        services |= {site: ("nginx", PORTS[site]) for site in dict.fromkeys(("pages", "photos", *sites))}
        for name, (unit, port) in services.items():
            if self._certificates.is_served(port):
                yield _ok(f"TLS of the {name}", f"port {port} answers with the certificate of this server")
            else:
                reason = f"port {port} does not answer with the certificate of this server"
                yield failed(f"TLS of the {name}", reason, f"systemctl restart {unit}, or {_SETUP}")

    def _photos(self) -> ServerFinding:
        place = self._layout.root / SOCKET.lstrip("/")
        if place.is_socket():
            return _ok("photos", f"{SOCKET} is there")
        return failed("photos", f"{SOCKET} is missing", "systemctl restart sorting-center-photos.socket")

    def _backup(self) -> ServerFinding:
        fix = "sorting-center backup DIR, every day, to another machine or a disk of its own"
        try:
            found = json.loads(self._layout.backup.read_text(encoding="utf-8"))
            made, where = datetime.fromisoformat(found["at"]), found["where"]
            age = self._machine.now() - made
        except (OSError, ValueError, KeyError, TypeError):
            return ServerFinding("backup", ServerVerdict.WARN, "there is none", fix)
        reason = f"the last one is {max(age.days, 0)} days old, in {where}"
        return _ok("backup", reason) if age < _OLD_BACKUP else ServerFinding("backup", ServerVerdict.WARN, reason, fix)

    def _authority(self) -> ServerFinding:
        place, exported = self._layout, self._layout.exported
        missing = [
            path for path in (place.authority_certificate, place.authority_key, place.kit_key) if not path.exists()
        ]
        if missing:
            return failed("authority", f"{missing[0]} is missing", "Put it back from the stick or a backup.")
        if not exported.exists():
            fix = "sorting-center certificates export DIR, with DIR on a stick"
            return ServerFinding("authority", ServerVerdict.WARN, "it is on no stick yet", fix)
        try:
            until = expiry_of(place.authority_certificate.read_text())
        except BadAuthority as error:
            return failed("authority", str(error), "Put it back from the stick or a backup.")
        return _ok("authority", f"valid until {until:%Y-%m-%d}, on a stick since {exported.read_text().strip()}")


def _ok(name: str, reason: str) -> ServerFinding:
    return ServerFinding(name, ServerVerdict.OK, reason)
