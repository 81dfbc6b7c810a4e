"""Makes this machine a county's server, step by step; each step can be killed and restarted, and done twice."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kiosk.sorting_center.server.answers import ServerAnswers, SetupSecrets, toml_rows
from kiosk.sorting_center.server.certificates import PUBLIC_MODE, SECRET_MODE, ServerCertificates
from kiosk.sorting_center.server.layout import (
    BROKER_CREDENTIAL,
    BROKER_PORT,
    COMMAND,
    DROP_IN,
    LOCAL_BROKER_PORT,
    PAGES_PORT,
    PORTS,
    STOREFRONT_PORT,
    USER,
    ServerLayout,
)
from kiosk.sorting_center.server.machine import CommandOutcome, ServerMachine
from kiosk.sorting_center.server.postgresql import PostgresqlDatabase
from kiosk.sorting_center.server.toml_document import TomlDocument
from kiosk.sorting_center.stations.authority import CountyAuthority
from kiosk.sorting_center.stations.broker_access import initial_document

_ANSWERS_S: Final = 60.0
KitMaker = Callable[[str], tuple[bytes, str]]  # From a pass phrase the sealed private key and the public one


class SetupFailed(Exception):
    """The text names the step, the reason and what to do."""


class ServerSetup:
    def __init__(
        self, machine: ServerMachine, layout: ServerLayout, answers: ServerAnswers, secret: SetupSecrets, kit: KitMaker
    ) -> None:
        self._machine, self._layout, self._answers, self._secret, self._kit = machine, layout, answers, secret, kit
        self._certificates = ServerCertificates(layout, machine)
        self._database = PostgresqlDatabase(machine, layout)

    def steps(self, bring_data: Callable[[], bool] | None = None) -> Iterator[tuple[str, bool]]:
        """Yield the name of each step and whether it changed something. ``bring_data`` restores the data of a backup.

        Raises SetupFailed, BadPassPhrase, OSError, and whatever ``bring_data`` raises.
        """
        yield "the county's authority and the key of recovery kits", self._make_authority()
        yield "the certificate of this server", self._make_certificates()
        if self._answers.database == "postgresql":
            yield "the database in PostgreSQL", self._database.create()
        yield "the broker", self._make_broker()
        yield "the settings", self._write_settings()
        if bring_data is not None:
            self._make_data_folder()
            yield "ledger, desk and photographs", bring_data()
        yield f"the administrator {self._answers.admin}", self._add_administrator()
        yield "the key of what stations are given", self._make_configuration_key()
        yield "nginx", self._enable_sites()
        yield "the programs of the sorting center", self._start_units()

    def _make_authority(self) -> bool:
        place, phrase = self._layout, self._secret.pass_phrase
        missing = [path for path in (place.authority_certificate, place.kit_key) if not path.exists()]
        if missing and place.settings.exists():
            raise SetupFailed(f"{missing[0]} is missing: put it back from the stick that holds the authority")
        changed = bool(missing)
        if place.authority_certificate in missing:
            county = CountyAuthority.create(self._answers.region, self._machine.now())
            self._write_secret(place.authority_key, county.sealed_key(phrase))
            self._machine.write(place.authority_certificate, county.certificate.encode(), PUBLIC_MODE)
        else:
            certificate, key = (path.read_text() for path in (place.authority_certificate, place.authority_key))
            county = CountyAuthority.open(certificate, key, phrase)
        if not place.servers_certificate.exists():
            issued = county.issue_server_authority(self._answers.region, self._machine.now())
            self._write_secret(place.servers_key, issued.key)
            self._machine.write(place.servers_certificate, issued.certificate.encode(), PUBLIC_MODE)
            changed = True
        if place.kit_key in missing:
            sealed, public = self._kit(phrase)
            self._machine.write(place.kit_public, f"{public}\n".encode("ascii"), PUBLIC_MODE)
            self._machine.write(place.kit_key, sealed, SECRET_MODE)
        return changed

    def _make_certificates(self) -> bool:
        names = self._answers.all_names
        if not self._certificates.problem(names):
            return False
        folder = str(self._layout.broker_folder)
        self._call(["install", "-d", "-m", "750", "-o", "mosquitto", "-g", "mosquitto", folder])
        self._certificates.issue(self._answers.region, names)
        return True

    def _make_broker(self) -> bool:
        place, changed = self._layout, False
        if not place.broker_password.exists():
            if place.broker_clients.exists():
                raise SetupFailed(
                    f"{place.broker_password} is missing, and the broker has clients already: put it back from a backup"
                )
            self._write_secret(place.broker_password, secrets.token_hex(32))
            changed = True
        if not place.broker_clients.exists():
            document = initial_document(place.broker_password.read_text())
            self._machine.write(place.broker_clients, document, SECRET_MODE)
            changed = True
        changed = self._link(place.broker_link, DROP_IN) or changed
        changed = self._enable("mosquitto.service") or changed
        return self._certificates.have_served("mosquitto.service", [BROKER_PORT], "restart") or changed

    def settings(self) -> str:
        data, host = "/var/lib/sorting-center", self._answers.host
        sqlite = f"sqlite:///{data}/ledger.db"
        top: dict[str, Any] = {
            "broker": f"mqtt://{USER}@127.0.0.1:{LOCAL_BROKER_PORT}",
            "broker_password_file": f"/run/credentials/sorting-center.service/{BROKER_CREDENTIAL}",
            "broker_access": "dynamic-security",
            "ledger": self._database.url if self._answers.database == "postgresql" else sqlite,
            "http": f"127.0.0.1:{PAGES_PORT}",
            "http_name": self._answers.all_names,
            "trusted_proxy": "127.0.0.2",
            "zone": self._answers.zone,
            "region": [self._answers.region],
            "photos_dir": f"{data}/photos",
            "configuration_key": f"/{self._layout.configuration_key.relative_to(self._layout.root)}",
        }
        public = {"storefront_url": f"https://{host}"} if self._answers.storefront else {}
        text = "# Of this sorting center: docs/set-up-a-county.md says what each key means.\n" + toml_rows(top | public)
        text += "\n[photos]\n" + toml_rows({"updates_dir": f"{data}/updates"})
        text += "\n[storefront]\n" + toml_rows({"http": f"127.0.0.1:{STOREFRONT_PORT}"})
        if public:
            text += toml_rows({"public_url": f"https://{host}"})
        identity = {"broker_url": f"mqtts://{host}:{BROKER_PORT}"}
        identity |= dict.fromkeys(("photos", "updates"), f"https://{host}:{PORTS['photos']}")
        if self._answers.wifi_network:
            identity["wifi_network"] = self._answers.wifi_network
        if self._secret.wifi_password or self._layout.wifi_password.exists():
            identity["wifi_password_file"] = f"/{self._layout.wifi_password.relative_to(self._layout.root)}"
        return f"{text}\n[station.identity]\n{toml_rows(identity)}"

    def differences(self) -> list[str]:
        """Return where the existing settings differ from the answers. Raises BadDocument."""
        if not self._layout.settings.exists():
            return []
        there = _flat(TomlDocument.read(self._layout.settings).tables)
        expected = _flat(TomlDocument("answers", self.settings()).tables)
        return [
            f"{key} is {there.get(key)!r}, and would be {v!r}" for key, v in expected.items() if there.get(key) != v
        ]

    def _write_settings(self) -> bool:
        place, answers = self._layout, self._answers.as_toml().encode()
        changed = not place.answers.exists() or place.answers.read_bytes() != answers
        if changed:
            self._machine.write(place.answers, answers, PUBLIC_MODE)
        wifi = self._secret.wifi_password
        if wifi and not (place.wifi_password.exists() and place.wifi_password.read_text() == wifi):
            self._write_secret(place.wifi_password, wifi)
            changed = True
        if not place.settings.exists():
            self._machine.write(place.settings, self.settings().encode(), PUBLIC_MODE)
            changed = True
        return changed

    def _make_data_folder(self) -> None:
        if not self._layout.data.exists():
            self._call(["install", "-d", "-m", "700", "-o", USER, "-g", USER, str(self._layout.data)])

    def _add_administrator(self) -> bool:
        self._make_data_folder()
        rows = self._call_as_user("user", "list").output.splitlines()
        if any(json.loads(row)["name"] == self._answers.admin for row in rows):
            return False
        password = f"{self._secret.admin_password}\n"
        self._call_as_user("user", "add", self._answers.admin, "--role", "admin", stdin=password)
        return True

    def _make_configuration_key(self) -> bool:
        """Make a key unless one is usable: a new generation, so a restored server's differs from the lost one's."""
        if not self._certificates.configuration_problem():
            return False
        environ = self._database.environ() if self._answers.database == "postgresql" else {}
        self._call([COMMAND, "configuration", "key"], stdin=f"{self._secret.pass_phrase}\n", environ=environ)
        return True

    def _enable_sites(self) -> bool:
        names = [f"sorting-center-{site}" for site in self._answers.sites]
        linked = [self._link(self._layout.sites / name, f"../sites-available/{name}") for name in names]
        self._call(["nginx", "-t", "-q"])
        enabled = self._enable("nginx.service")
        ports = [PORTS[site] for site in self._answers.sites]
        served = self._certificates.have_served("nginx.service", ports, "reload-or-restart")
        return any(linked) or enabled or served

    def _start_units(self) -> bool:
        storefront = ["sorting-center-storefront.service"] if self._answers.storefront else []
        units = ["sorting-center.service", "sorting-center-photos.socket", "sorting-center-photos.service", *storefront]
        changed = False
        timers = ("sorting-center-renew.timer", "sorting-center-backup.timer")
        for unit in (*units, "sorting-center-certificates.path", *timers):
            changed = self._enable(unit) or changed
            if self._machine.run(["systemctl", "is-active", "--quiet", unit]).code != 0:
                self._call(["systemctl", "start", unit], f"journalctl -eu {unit}")
                changed = True
        for port in (PAGES_PORT, *([STOREFRONT_PORT] if storefront else [])):
            if not self._machine.wait_until(lambda: self._machine.port_holder(port) is not None, _ANSWERS_S):  # noqa: B023
                raise SetupFailed(f"nothing answers at 127.0.0.1:{port}: journalctl -e says why")
        return changed

    # --- what the steps need

    def _enable(self, unit: str) -> bool:
        if self._machine.run(["systemctl", "is-enabled", "--quiet", unit]).code == 0:
            return False
        self._call(["systemctl", "enable", "--quiet", unit])
        return True

    def _link(self, path: Path, target: str) -> bool:
        if path.is_symlink() and str(path.readlink()) == target:
            return False
        if path.is_symlink() or path.exists():
            raise SetupFailed(f"{path} is somebody's own: move it away, it must be a link to {target}")
        self._machine.link(path, target)
        return True

    def _write_secret(self, path: Path, text: str) -> None:
        self._machine.write(path, text.encode(), SECRET_MODE)

    def _call_as_user(self, *words: str, stdin: str = "") -> CommandOutcome:
        """Run the center's own command as its user, who must own its files."""
        environ = self._database.environ() if self._answers.database == "postgresql" else {}
        return self._call(["runuser", "-u", USER, "--", COMMAND, *words], stdin=stdin, environ=environ)

    def _call(
        self, command: list[str], then: str = "", stdin: str = "", environ: dict[str, str] | None = None
    ) -> CommandOutcome:
        done = self._machine.run(command, stdin, environ or {})
        if done.code != 0:
            raise SetupFailed(f"{' '.join(command)}: {done.reason}{f' ({then})' if then else ''}")
        return done


def _flat(tables: Mapping[str, Any], table: str = "") -> dict[str, Any]:
    """Flatten the tables: each key is prefixed with its tables, as ``table.key``."""
    found: dict[str, Any] = {}
    for key, value in tables.items():
        found |= _flat(value, f"{table}{key}.") if isinstance(value, dict) else {f"{table}{key}": value}
    return found
