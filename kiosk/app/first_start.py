"""Composition root of the first start: the wizard on its port until the settings file exists.

The file may also arrive in another way: copied by a technician, or restored. Such a file counts when it is whole: no
process has it open for writing any more, it has not changed for a while, the station can read it, and it would survive
a power cut. Half a file may be valid, too, only with half of the devices.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from kiosk.app.identity import requests as identity
from kiosk.app.machine import ThisMachine
from kiosk.app.network import requests as network
from kiosk.app.recovery import requests as recovery
from kiosk.app.shared.media import ROOTS
from kiosk.app.systemd import Notifier
from kiosk.base.files import flush_to_disk, sync_folder
from kiosk.config.file import BadConfig
from kiosk.config.station import load
from kiosk.first_start.identity.vault import CERTIFICATE
from kiosk.first_start.wizard import FirstStartPaths, FirstStartWizard
from kiosk.station.parcels.pickup_key import CREDENTIALS
from kiosk.station.shared.health import PageHeartbeat, fetch
from kiosk.store.database.persistence import BOX_VARIABLE, is_box, require_persistent
from kiosk.web.first_start import create_first_start_app
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings

logger = logging.getLogger(__name__)

# Data folders that belong to a settings file of the system (systemd/, and the places `kiosk run` checks).
SYSTEM_DATA: Mapping[Path, Path] = {
    Path("/etc/kiosk"): Path("/var/lib/kiosk"),
}
# How long the last page may take to say that it is on the screen; then the station begins without it.
LAST_PAGE_S = 10.0
# The station makes its database on whatever card there is: as `TimeoutStartSec=` of its unit. The watchdog, armed for
# the wizard, is not fed meanwhile.
STATION_START_S = 300.0
_WATCH_S = 5.0


def data_folder(config_file: Path, environ: Mapping[str, str]) -> Path:
    """Return the default data folder: the service's state folder, else one beside the file.

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
    """Serve the wizard until ``stop`` is set or it has ended; return True when ``config_file`` is there, and this
    process may become the station.

    It ends by its last answer, or by a whole settings file that was put there meanwhile.

    Certificates, passwords and catalogs are looked for beside ``config_file`` and in the data folder. Raises OSError
    when the port cannot be used, NotPersistent on a box whose answers would be gone at the next start.
    """
    data = (data or data_folder(config_file, os.environ)).absolute()
    for place in (data, config_file.absolute().parent):
        require_persistent(place)
    machine = replace(machine, data=data) if machine else _this_machine(config_file.absolute().parent, data)
    with ExitStack() as ends:
        wizard = FirstStartWizard(FirstStartPaths(config_file, data, port), machine, load)
        ends.callback(wizard.close)
        settings = WebSettings(port=port)
        app = create_first_start_app(wizard, settings, PageHeartbeat.from_environ().beat)
        server = serve(app, settings.host, port)
        ends.callback(server.stop)
        server.start()
        logger.info("there is no %s yet: the first start waits on %s", config_file, server.url)
        # Until the file is there or the end; the service manager hears of it while the pages answer
        file_watcher = SettingsFileWatcher(config_file)
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
        Notifier.from_environ().restarting(STATION_START_S)
        if wizard.written.is_set():
            _wait_for_either(wizard.left, stop, LAST_PAGE_S)
    return wizard.written.is_set() and has_certificate(machine)


def has_certificate(machine: ThisMachine) -> bool:
    """Return whether this process has the certificate it needs. systemd gives it to a service at its start: one that an
    identity has brought since is there only after another start, which its unit does by itself.
    """
    if os.environ.get(BOX_VARIABLE) != "1" or machine.identities.in_use() is None:
        return True
    held = Path(os.environ.get(CREDENTIALS, ""), CERTIFICATE).exists()
    if not held:
        logger.info("the station is started anew: its service gets the certificate for recovery kits then")
    return held


def _this_machine(settings: Path, data: Path) -> ThisMachine:
    """Return this machine; the root helpers for identities, recoveries and the network exist on a box alone."""
    machine = ThisMachine(keys=(settings, data), media=ROOTS, data=data)
    if not is_box():
        return machine
    return replace(
        machine,
        identities=identity.RequestedIdentities(identity.FILES.asker(data, time.monotonic)),
        recoveries=recovery.RequestedRecoveries(recovery.FILES.asker(data, time.monotonic), data),
        network=network.RequestedNetwork(network.FILES.asker(data, time.monotonic, timeout_s=network.ANSWER_S)),
    )


def _pages_answer(server: Server) -> bool:
    try:
        fetch("127.0.0.1", server.port, "/setup")
    except OSError as error:
        logger.warning("the pages of the first start do not answer: %s", error)
        return False
    return True


def _wait_for_either(event: threading.Event, stop: threading.Event, timeout_s: float) -> None:
    """Wait for the first of two events; a signal's event is polled twice a second."""
    slices = max(1, round(timeout_s / 0.5))
    for _ in range(slices):
        if stop.is_set() or event.wait(timeout_s / slices):
            return


SETTLE_S: Final = 5.0
# For a file of another user, where the system does not report a writer: a copy may pause for a while.
FOREIGN_SETTLE_S: Final = 20.0

Fingerprint = tuple[int, ...]


class SettingsFileWatcher:
    """Looked at again and again by one thread. ``clock`` counts seconds and is not set by anybody."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = file, clock
        self._fingerprint: Fingerprint | None = None
        self._since = 0.0
        self._refused: Fingerprint | None = None

    def poll(self) -> bool:
        """Return whether a file is there that the station can begin with."""
        fingerprint = _fingerprint(self._file)
        now = self._clock()
        if fingerprint is None or fingerprint != self._fingerprint:
            self._fingerprint, self._since = fingerprint, now
            return False
        if now - self._since < SETTLE_S or fingerprint == self._refused:
            return False
        written = _is_open_for_writing(self._file)
        if written:
            self._since = now
        settled_s = FOREIGN_SETTLE_S if written is None else SETTLE_S
        return now - self._since >= settled_s and self._can_begin(fingerprint)

    def _can_begin(self, fingerprint: Fingerprint) -> bool:
        try:
            load(self._file)
            with self._file.open("rb") as file:
                flush_to_disk(file)
            sync_folder(self._file.parent)
        except (BadConfig, OSError) as error:
            self._refused = fingerprint
            logger.warning("a settings file has come, and the first start goes on: %s", error)
            return False
        return _fingerprint(self._file) == fingerprint


def _fingerprint(file: Path) -> Fingerprint | None:
    """Return what changes with every write and with every other file of the name; None without a file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_open_for_writing(file: Path) -> bool | None:
    """Return whether a process has it open for writing; None when that cannot be known.

    A read lease is given for no such file, and only to its owner (fcntl(2), F_SETLEASE).
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        # A process that opens it meanwhile breaks the lease: by a signal that ends nothing.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False
