"""What is looked at before anything is written: each finding has its reason and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole, check_password
from kiosk.sorting_center.server.answers import ServerAnswers, SetupSecrets
from kiosk.sorting_center.server.layout import (
    BROKER_PORT,
    LOCAL_BROKER_PORT,
    PAGES_PORT,
    PORTS,
    STOREFRONT_PORT,
    ServerLayout,
)
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.server.postgresql import PostgresqlDatabase
from kiosk.sorting_center.stations.authority import BadAuthority, BadPassPhrase, CountyAuthority

FREE_BYTES: Final = 2_000_000_000
_MIN_PASS_PHRASE: Final = 12
_FIRST_YEAR: Final = 2026
_PROGRAMS: Final = {"mosquitto": "mosquitto", "nginx": "nginx"}


class ServerVerdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ServerFinding:
    """``fix`` is a command or an act; "" where nothing is wrong."""

    name: str
    verdict: ServerVerdict
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:5}{self.name}: {self.reason}{f'. {self.fix}' if self.fix else ''}"


def failed(name: str, reason: str, fix: str) -> ServerFinding:
    return ServerFinding(name, ServerVerdict.FAIL, reason, fix)


def preconditions(
    machine: ServerMachine, layout: ServerLayout, answers: ServerAnswers, secret: SetupSecrets, *, accept_host: bool
) -> Iterator[ServerFinding]:
    """Yield what is wrong; nothing for a machine that can become a server."""
    if not machine.is_root():
        yield failed("user", "this is not the administrator", "Type the command with sudo, or as root.")
    if not (layout.root / "run/systemd/system").exists():
        yield failed("systemd", "it does not run here", "Use a Debian server that was started with systemd.")
    for program, package in _PROGRAMS.items():
        if not (layout.root / "usr/sbin" / program).exists():
            yield failed(program, "it is not installed", f"apt-get install {package}")
    if dynamic_security_plugin(layout) is None:
        yield failed("mosquitto", "its plugin for dynamic security is missing", "apt-get install --reinstall mosquitto")
    for other in layout.broker_link.parent.glob("*.conf"):
        if other != layout.broker_link and "listener" in other.read_text(encoding="utf-8", errors="replace"):
            yield failed("mosquitto", f"{other} has listeners of its own", f"mv {other} {other}.off")
    if machine.now().year < _FIRST_YEAR:
        yield failed("clock", f"it says {machine.now():%Y-%m-%d}", "timedatectl set-ntp true")
    free = machine.free_bytes(layout.root)
    if free < FREE_BYTES:
        yield failed("disk", f"{free // 1_000_000} MB are free", f"Have {FREE_BYTES // 1_000_000} MB free.")
    if answers.database == "postgresql" and (reason := PostgresqlDatabase(machine, layout).problem()):
        yield failed("PostgreSQL", reason, "apt-get install postgresql, and systemctl start postgresql")
    yield from _secrets(layout, answers, secret)
    for name in answers.all_names:
        if not machine.resolves(name):
            verdict = ServerVerdict.WARN if accept_host else ServerVerdict.FAIL
            fix = "" if accept_host else "Have your name server know it, or accept that with --accept-host."
            yield ServerFinding("host", verdict, f"the name {name} does not resolve here", fix)
    for port, owner in owners(answers).items():
        holder = machine.port_holder(port)
        if holder not in (None, owner):
            yield failed("port", f"{port} is in use by {holder}", f"Stop {holder}; the port is for {owner}.")


def dynamic_security_plugin(layout: ServerLayout) -> Path | None:
    return next(layout.root.glob("usr/lib/*/mosquitto_dynamic_security.so"), None)


def owners(answers: ServerAnswers) -> dict[int, str]:
    """Return which program uses which port."""
    own = {PAGES_PORT: "sorting-center", **({STOREFRONT_PORT: "sorting-center"} if answers.storefront else {})}
    sites = {PORTS[site]: "nginx" for site in answers.sites}
    return {LOCAL_BROKER_PORT: "mosquitto", BROKER_PORT: "mosquitto", **sites, **own}


def _secrets(layout: ServerLayout, answers: ServerAnswers, secret: SetupSecrets) -> Iterator[ServerFinding]:
    try:
        check_password(secret.admin_password, answers.admin, StaffRole.ADMIN)
    except Refused as error:
        yield failed("administrator", str(error), "Take another password.")
    if len(secret.pass_phrase) < _MIN_PASS_PHRASE:
        yield failed("pass phrase", "it is too short", f"Take one of at least {_MIN_PASS_PHRASE} characters.")
    if not layout.authority_certificate.exists():
        return
    try:
        certificate, key = (path.read_text() for path in (layout.authority_certificate, layout.authority_key))
        CountyAuthority.open(certificate, key, secret.pass_phrase)
    except BadPassPhrase:
        fix = "Type the one with which the set-up was begun."
        yield failed("pass phrase", f"it does not open {layout.authority_key}", fix)
    except (BadAuthority, OSError) as error:
        yield failed("authority", str(error), f"Put {layout.authority} back from the stick.")
