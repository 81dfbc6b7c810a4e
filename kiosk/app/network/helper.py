"""Composition of ``kiosk-network.service``: root applies the network settings, and carries out one request.

    network.json           what is set, on the data partition, where only root writes
    /run/systemd/…/*.conf  the files made of it, anew at each start of the machine

A request with a password is removed before it is carried out; iwd keeps the password once it has joined.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from kiosk.app.network.requests import NetworkRequest, NetworkResponse, answer_file, request_file
from kiosk.app.shared.helper_answer import answer_fields
from kiosk.app.shared.systemd_control import run_command, settle_file
from kiosk.base.files import write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.base.refused import Refused
from kiosk.base.root_requests import CannotRemove, MessageFile, serve, working
from kiosk.devices.network.ports import NetworkState, Wifi, WifiNetwork
from kiosk.devices.network.settings import NetworkSettings
from kiosk.first_start.identity.vault import FileVault
from kiosk.store.database.persistence import require_persistent

logger = logging.getLogger(__name__)

SETTINGS: Final = "network.json"
_read_settings: Final = reader(msgspec.json.Decoder(NetworkSettings))


@dataclass(frozen=True, slots=True)
class NetworkPaths:
    """The paths of all files on a box; other folders in tests."""

    data: Path = Path("/var/lib/kiosk")
    keys: Path = Path("/var/lib/kiosk-keys")
    credentials: Path = Path("/etc/credstore")
    systemd: Path = Path("/run/systemd")
    answers: MessageFile[NetworkResponse] = field(default_factory=answer_file)


@dataclass(frozen=True, slots=True)
class NetworkHelper:
    paths: NetworkPaths
    wifi: Wifi
    command: Callable[..., None] = run_command
    host: Callable[[], str] = socket.gethostname

    def run(self) -> NetworkResponse:
        """Serve one request. Raises OSError; NotPersistent on a box whose data partition is missing."""
        require_persistent(self.paths.keys)
        answers = self.paths.answers
        with working(answers.path.parent):
            self.settle()
            answer = None
            try:
                answer = serve(request_file(self.paths.data), lambda message: self.answer(message.body), answers)
            except CannotRemove as error:
                logger.warning("no request is carried out: %s", error)
            now = self._state(self._last_networks())
            return answer or answers.renew(NetworkResponse(state=now), state=now)

    def settle(self) -> None:
        """Set this machine's name, write the files of the settings; systemd reads them where they change."""
        identity = FileVault(self.paths.keys, self.paths.credentials).in_use()
        name = f"station-{identity.station.lower()}" if identity else ""
        if name and self.host() != name:
            self._try("hostnamectl", "hostname", name)
        if self._write_files(self._settings()):
            self._reload()

    def answer(self, request: NetworkRequest) -> NetworkResponse:
        """Validate it and carry it out; a refusal is returned as an answer, too."""
        networks, refusal = self._last_networks(), Refused("")
        try:
            if request.action == "apply":
                settings = request.settings or NetworkSettings()
                write_durably(self.paths.keys / SETTINGS, msgspec.json.encode(settings), 0o600)
                self._write_files(settings)
                self._reload()
            elif request.action == "join":
                self.wifi.join(request.name, request.security, request.password)
            elif request.action == "forget":
                self.wifi.forget(request.name, request.security)
            if request.action != "apply":
                networks = self.wifi.networks(scan=request.action == "search")
        except Refused as error:
            refusal = error
        except OSError as error:
            refusal = Refused("network_failed", str(error))
        if refusal.code:
            logger.warning("%s is refused: %s %s", request.action, refusal.code, refusal)
        return NetworkResponse(**answer_fields(refusal), state=self._state(networks))

    def _settings(self) -> NetworkSettings:
        """Read the settings and judge them as strictly as a request: a card may be damaged after years."""
        with suppress(FileNotFoundError):
            try:
                return _read_settings((self.paths.keys / SETTINGS).read_bytes())
            except Unreadable as error:
                logger.warning("the stored settings of the network are not used: %s", error)
        return NetworkSettings()

    def _write_files(self, settings: NetworkSettings) -> bool:
        """Write them and return whether anything had to change. Raises OSError."""
        changes = [settle_file(self.paths.systemd / name, text) for name, text in settings.drop_ins().items()]
        return any(changes)

    def _reload(self) -> None:
        self._try("networkctl", "reload")  # And each link whose files are others
        self._try("systemctl", "try-restart", "systemd-timesyncd.service")

    def _try(self, *command: str) -> None:
        """Run the command; log a failure: systemd does it at the next start, since the files are there."""
        try:
            self.command(*command)
        except OSError as error:
            logger.warning("%s", error)

    def _last_networks(self) -> tuple[WifiNetwork, ...]:
        last = self.paths.answers.last()
        return last.body.state.wifi if last else ()

    def _state(self, networks: tuple[WifiNetwork, ...]) -> NetworkState:
        return NetworkState(self.host(), self._settings(), networks)
