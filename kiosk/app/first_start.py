"""Composition root of the first start: the wizard on its port until the settings file is there."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from kiosk.app.identity import messages as identity_messages
from kiosk.app.identity.requests import RequestedIdentities
from kiosk.app.identity.vault import CERTIFICATE
from kiosk.app.machine import ThisMachine
from kiosk.app.recovery import messages as recovery_messages
from kiosk.app.recovery.requests import RequestedRecoveries
from kiosk.app.settings_file_watcher import SettingsFileWatcher
from kiosk.app.shared.media import ROOTS
from kiosk.app.systemd import Notifier
from kiosk.config.station import load
from kiosk.first_start.wizard import FirstStartPaths, FirstStartWizard
from kiosk.station.parcels.pickup_key import CREDENTIALS
from kiosk.station.shared.health import PageHeartbeat, fetch
from kiosk.store.database.persistence import BOX_VARIABLE, is_box, require_persistent
from kiosk.web.first_start import create_first_start_app
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings

logger = logging.getLogger(__name__)

# Data folders that go with a settings file of the system (systemd/, and the places `kiosk run` looks at).
SYSTEM_DATA: Mapping[Path, Path] = {
    Path("/etc/kiosk"): Path("/var/lib/kiosk"),
}
# How long the last page may take to say that it is on the screen; then the station begins without it.
LAST_PAGE_S = 10.0
# The station makes its database on whatever card there is: as `TimeoutStartSec=` of its unit. Nobody feeds the watchdog
# meanwhile, which was armed for the wizard.
STATION_START_S = 300.0
_WATCH_S = 5.0


def data_folder(config_file: Path, environ: Mapping[str, str]) -> Path:
    """Where the station will keep its data when nobody says: the service's state folder, else beside the file.

    STATE_DIRECTORY is set for a unit with StateDirectory= (systemd.exec(5)).
    """
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if state:
        return Path(state)
    folder = config_file.absolute().parent
    return SYSTEM_DATA.get(folder, folder / "data")


def run_first_start(
    config_file: Path,
    stop: threading.Event,
    *,
    port: int,
    data: Path | None = None,
    machine: ThisMachine | None = None,
) -> bool:
    """Serve the wizard until ``stop`` is set or it has ended; True when ``config_file`` is there, and this process may
    become the station.

    It ends by its last answer, or by a whole settings file that somebody else has put there meanwhile.

    Certificates, passwords and catalogs are looked for beside ``config_file`` and in the data folder. Raises OSError
    when the port cannot be used, NotLasting on a box whose answers would be gone at the next start.
    """
    data = (data or data_folder(config_file, os.environ)).absolute()
    for place in (data, config_file.absolute().parent):
        require_persistent(place)
    machine = machine or _this_machine(config_file.absolute().parent, data)
    with ExitStack() as ends:
        wizard = FirstStartWizard(FirstStartPaths(config_file, data, port), machine, load)
        ends.callback(wizard.close)
        settings = WebSettings(port=port)
        app = create_first_start_app(wizard, settings, PageHeartbeat.from_environ().beat)
        server = serve(app, settings.host, port)
        ends.callback(server.stop)
        server.start()
        logger.info("there is no %s yet: the first start waits on %s", config_file, server.url)
        _wait(wizard, server, stop, SettingsFileWatcher(config_file))
        Notifier.from_environ().restarting(STATION_START_S)
        if wizard.written.is_set():
            _wait_for_either(wizard.left, stop, LAST_PAGE_S)
    return wizard.written.is_set() and has_certificate(machine)


def has_certificate(machine: ThisMachine) -> bool:
    """Whether this process holds what the station needs. systemd gives a service the certificate when it starts it: one
    that an identity has brought since is there after another start alone, which its unit does by itself.
    """
    if os.environ.get(BOX_VARIABLE) != "1" or machine.identities.in_use() is None:
        return True
    held = Path(os.environ.get(CREDENTIALS, ""), CERTIFICATE).exists()
    if not held:
        logger.info("the station is started anew: its service gets the certificate for recovery kits then")
    return held


def _this_machine(settings: Path, data: Path) -> ThisMachine:
    """Identities are taken and stations put back by root helpers, which a box alone has."""
    machine = ThisMachine(keys=(settings, data), media=ROOTS, data=data)
    if not is_box():
        return machine
    return replace(
        machine,
        identities=RequestedIdentities(identity_messages.request_file(data)),
        recoveries=RequestedRecoveries(recovery_messages.request_file(data), data),
    )


def _wait(wizard: FirstStartWizard, server: Server, stop: threading.Event, file_watcher: SettingsFileWatcher) -> None:
    """Until the file is there or the end; the service manager hears of it while the pages answer."""
    manager = Notifier.from_environ()
    every_s = min(_WATCH_S, manager.watchdog_s / 4) if manager.watchdog_s else _WATCH_S
    notified = False
    while not stop.is_set() and not wizard.written.is_set():
        if _pages_answer(server):
            if not notified:
                manager.ready("first start: the wizard waits on the screen")
                notified = True
            manager.alive()
        if file_watcher.poll():
            wizard.yield_to_file()
        _wait_for_either(wizard.written, stop, every_s)


def _pages_answer(server: Server) -> bool:
    try:
        fetch("127.0.0.1", server.port, "/setup")
    except OSError as error:
        logger.warning("the pages of the first start do not answer: %s", error)
        return False
    return True


def _wait_for_either(event: threading.Event, stop: threading.Event, timeout_s: float) -> None:
    """Wait for the first of two events; a signal's event is looked at twice a second."""
    slices = max(1, round(timeout_s / 0.5))
    for _ in range(slices):
        if stop.is_set() or event.wait(timeout_s / slices):
            return
