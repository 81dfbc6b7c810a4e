"""The hardware of a station that is being set up for the first time, simulated below a folder that looks like /dev."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Self

from kiosk.app.first_start import run_first_start
from kiosk.app.machine import ThisMachine
from kiosk.config.station import load
from kiosk.first_start.shared.draft import SettingsDraft, draft_path, save_draft
from kiosk.first_start.wizard import FirstStartPaths, FirstStartWizard
from kiosk.simulators.camera.simulator import CameraSimulator
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.scanner.simulator import ScannerSimulator
from tests.memory import other_disk
from tests.messaging.ports import claimed_port
from tests.web.first_start.answers import Kits, Stick
from tests.web.village_air import VillageAir

SCALE = "usb-1a86_USB_Serial-if00-port0"
SCANNER = "usb-Newland_NLS-HR22_A1B2C3-if00"
CAMERA = "usb-046d_C270_HD_WEBCAM_200901010001-video-index0"
CATALOG, STICK, BACKUP = "yarkant-autumn.toml", "KIOSK-USB", "kiosk-backup"
BROKEN = "price-list.json"
BOX_CA, STATION_CERTIFICATE, PASSWORD = "county-ca.crt", "station.crt", "broker-password"


class Bench:
    """Scale, scanner, two printers, a camera and somebody who listens where the broker should; all on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dev, self.keys, self.data = folder / "dev", folder / "keys", folder / "data"
        self.config = folder / "station.toml"
        self.stick, self.kits, self.air = Stick(), Kits(), VillageAir()
        self.air.managed = False
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        for name in ("serial/by-id", "v4l/by-id", "input/by-id", "usb"):
            (self.dev / name).mkdir(parents=True)
        self.keys.mkdir()
        for name in (BOX_CA, STATION_CERTIFICATE, "station.key", PASSWORD):
            (self.keys / name).write_text("", encoding="ascii")
        self._plug_in()
        self.scale = self._ends.enter_context(
            ScaleSimulator("st_gs_csv", self.port(SCALE), settings=IndicatorSettings(step_g=5))
        )
        self.scanner = self._ends.enter_context(ScannerSimulator(self.port(SCANNER)))
        self.labels = self._ends.enter_context(PrinterSimulator("tspl", self.folder / "labels"))
        self.receipts = self._ends.enter_context(PrinterSimulator("escpos", self.folder / "receipts"))
        self.camera = CameraSimulator(self.folder / "lens")
        (self.dev / "v4l/by-id" / CAMERA).symlink_to(self.camera.path)
        # A port that was asked for by number stays the socket's own over ``hang_up``.
        port = self._ends.enter_context(claimed_port())
        self.broker = socket.create_server(("127.0.0.1", port))
        self.broker_address = f"127.0.0.1:{port}"
        self._ends.callback(self.broker.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _plug_in(self) -> None:
        """Two media on another disk: one with a catalog on it, and an empty one."""
        disk = self._ends.enter_context(tempfile.TemporaryDirectory(dir=other_disk(self.folder), prefix="kiosk-media-"))
        self.media = Path(disk) / "mnt"
        for name in (STICK, BACKUP):
            (self.media / name).mkdir(parents=True)
        sample = files("kiosk.catalogs").joinpath("yarkant.toml").read_bytes()
        self.catalog.write_bytes(sample)

    @property
    def catalog(self) -> Path:
        """The catalog on the stick."""
        return self.media / STICK / CATALOG

    def is_mount(self, path: str | os.PathLike[str]) -> bool:
        """Stands for the kernel's list of mounts: nobody but root may mount."""
        return Path(path).parent == self.media

    def port(self, name: str) -> Path:
        """A serial port's name that stays."""
        return self.dev / "serial/by-id" / name

    @property
    def machine(self) -> ThisMachine:
        """What the wizard sees of it."""
        sys = self.dev / "no-sys"
        return ThisMachine(
            self.dev, (self.keys,), (self.media,), self.data, self.is_mount, sys, self.stick, self.kits, self.air
        )

    def hang_up(self) -> None:
        """Nobody listens where the broker should be, until ``reset``."""
        self.broker.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Nothing set up, and every device well."""
        self.config.unlink(missing_ok=True)
        self.air.managed = False
        self.stick.plugged_in = self.kits.plugged_in = self.kits.working = False
        self.kits.ended = None
        shutil.rmtree(self.data, ignore_errors=True)
        (self.keys / BROKEN).unlink(missing_ok=True)
        self.labels.command("paper-in")
        self.camera.command("scene badam")
        self.scale.command("take")
        self.broker.listen()

    def begin(self, draft: SettingsDraft | None = None, port: int = 8080) -> FirstStartWizard:
        """A wizard, on a draft that was left by an earlier one."""
        if draft is not None:
            save_draft(draft_path(self.config), draft)
        return FirstStartWizard(FirstStartPaths(self.config, self.data, port), self.machine, load)


class FirstStart:
    """``kiosk run`` without a settings file, as far as the wizard goes, and what comes after it."""

    def __init__(self, bench: Bench, then: Callable[[threading.Event], None] = lambda stop: None) -> None:
        self._bench, self._then = bench, then
        self._ends = ExitStack()
        self.port = self._ends.enter_context(claimed_port())
        self.stop = threading.Event()
        self.wrote: bool | None = None
        self._thread = threading.Thread(target=self._run, name="first-start")

    def _run(self) -> None:
        self.wrote = run_first_start(
            self._bench.config, self.stop, port=self.port, data=self._bench.data, machine=self._bench.machine
        )
        if self.wrote:
            self._then(self.stop)

    def __enter__(self) -> Self:
        self._thread.start()
        while self._thread.is_alive():
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
                break
            except OSError:
                # Nothing announces a listening socket from outside; asking again soon is all there is.
                time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(60)
        self._ends.close()
        assert not self._thread.is_alive()
