"""What a technician can do at the screen: test papers, a shot, lamps, scale keys, a backup, a bundle, a new epoch."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.base.json_reader import reader
from kiosk.base.refused import Refused
from kiosk.base.root_requests import REQUESTS, MessageFile
from kiosk.devices.ports import CameraFault, CommandOutcome, Panel, Shot
from kiosk.domain.events import BackupMade as BackupMadeEvent
from kiosk.labels.papers.printer_diagnostics import TestLabel, TestReceipt
from kiosk.station.doctor.bundle import write_bundle
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.papers.network_printer import host_of, is_reachable, reachable_networks, request_access
from kiosk.station.papers.papers import LABEL_PRINTER, origin
from kiosk.station.papers.rendering import TEST_LABEL, TEST_RECEIPT
from kiosk.station.recovery.kit_creation import KitSource, write_kit_beside
from kiosk.station.scale.keys import REASON_CODES, REFUSED_BY_SCALE
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.backup.backup import FinishedBackup, make_backup
from kiosk.store.backup.medium import BackupRefused, is_other_medium
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.persistence import BOX_VARIABLE
from kiosk.store.shared.records import NewPaper

logger = logging.getLogger(__name__)

SHOT_S: Final = 12.0
LAMPS: Final = ("ready", "busy", "fault")
FORKED: Final = "forked"  # Why the epoch began: two machines used one database, and this one continues in a new epoch


# The sentence of a code of BackupRefused where another page has it; the others are `technician.care.fault.…`.
_BACKUP_TEXTS: Final = {
    "medium": "doctor.do.backup_medium",
    "same_disk": "doctor.do.backup_same_disk",
    "other": "doctor.do.backup_other",
    "read_only": "setup.fault.read_only",
    "running": "technician.refused.backup_running",
    "full": "setup.fault.full",
    "database": "technician.refused.store_failed",
}


@dataclass(frozen=True, slots=True)
class BackupState:
    """``word``: none, running, made or failed; ``text`` is the file, or the reason in English. ``text_id`` says the
    reason in a sentence for the screen, which ``values`` fill.
    """

    word: str = "none"
    text: str = ""
    text_id: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def back_up(
    store: Store,
    settings: BackupSettings,
    station: StationSettings,
    stamp: Stamp,
    *,
    same_disk: bool = False,
    own_key: bytes = b"",
) -> FinishedBackup:
    """Make a backup and record it as an event. Raises StoreError, also when only the event fails."""
    made = make_backup(station.database, station.station, settings, stamp, same_disk=same_disk, own_key=own_key)
    manifest = made.manifest
    store.journal.append(BackupMadeEvent(manifest.size_bytes, manifest.sha256, manifest.events), stamp)
    return made


def _backup_failed(code: str, text: str, settings: BackupSettings) -> BackupState:
    text_id = _BACKUP_TEXTS.get(code, f"technician.care.fault.{code}")
    return BackupState("failed", text, text_id, {"place": str(settings.folder), "command": "kiosk backup --bind"})


def _is_available(settings: BackupSettings) -> bool:
    try:
        return settings.folder.is_dir() and not is_other_medium(settings.folder, settings.uuid)
    except OSError:
        return False  # pulled while it was looked at


class CopyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``bundle`` is the name of a file in the data folder."""

    bundle: Annotated[str, msgspec.Meta(pattern=r"^support-S[0-9]{4}-[0-9]{4}(-[0-9]{4}-[0-9]{2}-[0-9]{2})?\.zip\Z")]


_read_copy_request: Final = reader(msgspec.json.Decoder(CopyRequest))


def copy_request_file(data: Path) -> MessageFile[CopyRequest]:
    """Return the request for ``kiosk-bundle.service``: on a box only root may copy the bundle to a plugged-in stick."""
    return MessageFile(data / REQUESTS / "bundle.json", _read_copy_request)


class TechnicianTools:
    """On the doctor's equipment. Safe from several threads. Codes of Refused: ``technician.refused.…``. A backup runs
    in its own thread; when the station ends meanwhile, the next one removes its remains.
    """

    def __init__(self, doctor: Doctor) -> None:
        self._doctor = doctor
        self._lock = threading.Lock()
        self._backup = BackupState()
        self._shot: Shot | None = None
        self.last_bundle = ""  # The path of the newest bundle

    def print_test(self, printer: str) -> None:
        self._queue(printer, lambda stamp: self._test_paper(printer, stamp))

    def print_sample(self, kind: str) -> None:
        self._queue(LABEL_PRINTER, lambda stamp: self._test_label(stamp, kind))

    def _queue(self, printer: str, paper: Callable[[Stamp], NewPaper]) -> None:
        if printer not in self._doctor.equipment.printers:
            raise Refused("no_printer", f"no {printer} printer is set up")
        station = self._doctor.station
        station.store.papers.queue(paper(station.stamp()), f"test-{printer}")
        self._doctor.equipment.on_event()

    def unreachable_printers(self) -> Mapping[str, str]:
        """Return name and address of network printers that the station's unit does not let it reach."""
        printers = self._doctor.equipment.config.printers
        hosts = {name: host_of(settings) for name, settings in printers.items()}
        if not any(hosts.values()):
            return {}
        networks = reachable_networks()
        return {name: host for name, host in hosts.items() if not is_reachable(host, networks)}

    def request_printer_access(self, printer: str) -> None:
        """Request access to the printer; the station then restarts. Raises Refused."""
        host = self.unreachable_printers().get(printer)
        if host is None:
            raise Refused("no_printer", f"the {printer} printer is not out of reach")
        try:
            request_access(host, self._doctor.station.settings.data)
        except ValueError as error:
            raise Refused("printer_address", f"{host}: {error}") from error
        except OSError as error:
            logger.warning("the printer at %s cannot be asked for: %s", host, error)
            raise Refused("store_failed", str(error)) from error

    def shoot(self) -> None:
        camera = self._doctor.equipment.camera
        if camera is None:
            raise Refused("camera_missing", "no camera is set up")
        try:
            shot = camera.shoot(SHOT_S)
        except CameraFault as fault:
            logger.info("the technician's shot failed: %s", fault)
            raise Refused("camera_missing" if fault.code == "missing" else "camera_failed", str(fault)) from fault
        with self._lock:
            self._shot = shot

    def take_shot(self) -> bytes | None:
        """Return the picture once and forget it; it is in no folder."""
        with self._lock:
            shot, self._shot = self._shot, None
        return shot.jpeg if shot else None

    def lamp(self, name: str) -> None:
        panel = self._panel()
        panel.show(ready=name == "ready", busy=name == "busy", fault=name == "fault")

    def buzz(self) -> None:
        self._panel().buzz("attention")

    def end_lamp_test(self) -> None:
        self._doctor.equipment.end_lamp_test()

    def scale_keys(self) -> tuple[str, ...]:
        keys = self._doctor.equipment.scale_keys
        return keys.names if keys is not None else ()

    def backup_now(self) -> None:
        """Begin a backup; ``backup_state`` reports its progress. Raises Refused."""
        settings = self._doctor.equipment.config.backup
        if settings is None:
            raise Refused("no_backup", "no backup is set up")
        with self._lock:
            if self._backup.word == "running":
                raise Refused("backup_running", "a backup is being made")
            self._backup = BackupState("running")
            threading.Thread(target=self._run, args=(settings,), name="backup", daemon=True).start()

    def backup_state(self) -> BackupState:
        with self._lock:
            return self._backup

    def bundle(self) -> Path:
        """Write the support bundle to the station's own backup medium, else into the data folder. Raises Refused."""
        backup, data = self._doctor.equipment.config.backup, self._doctor.station.settings.data
        folder = backup.folder if backup is not None and _is_available(backup) else data
        try:
            path = write_bundle(self._doctor.bundle_subject(), folder)
            self.last_bundle = str(path)
            if folder == data and os.environ.get(BOX_VARIABLE) == "1":
                copy_request_file(data).write(CopyRequest(path.name))
            return path
        except OSError as error:
            logger.warning("the support bundle cannot be written to %s: %s", folder, error)
            raise Refused("bundle_failed", str(error)) from error

    def begin_epoch(self, ending: str) -> None:
        """Continue in a new epoch after a fork; what the sorting center has not acknowledged is sent again in it.
        ``ending`` is the epoch that the page showed: of two presses at once only one begins an epoch. Raises Refused
        (stale_page) for the other, and StoreError.
        """
        station = self._doctor.station
        if not station.store.epochs.start(FORKED, station.stamp(), ending=ending):
            raise Refused("stale_page")
        logger.warning("a technician began a new epoch: %s", station.store.epochs.identity())
        self._doctor.equipment.on_event()

    def press(self, key: str) -> CommandOutcome:
        """Press ``zero`` or ``clear_tare`` once: DONE, NO_ANSWER or UNCONFIRMED. Waits up to 3 s.

        Raises Refused when nothing was changed.
        """
        keys = self._doctor.equipment.scale_keys
        if keys is None:
            raise Refused("no_scale_key", "no scale is set up")
        result = keys.press(key)
        if result.outcome is CommandOutcome.NOT_SUPPORTED:
            raise Refused("no_scale_key", f"the format of the scale has no {key}")
        if result.outcome is CommandOutcome.REFUSED:
            raise Refused(REASON_CODES.get(result.reason, REFUSED_BY_SCALE), result.reason)
        return result.outcome

    def _panel(self) -> Panel:
        panel = self._doctor.equipment.panel
        if panel is None or not panel.fitted:
            raise Refused("no_panel", "no panel is fitted")
        return panel

    def _run(self, settings: BackupSettings) -> None:
        station = self._doctor.station
        try:
            equipment = self._doctor.equipment
            source = KitSource(equipment.config, equipment.settings_file, os.environ)
            made = back_up(station.store, settings, station.settings, station.stamp(), own_key=source.own_key())
            made = write_kit_beside(made, settings, source, station.stamp())
            state = BackupState("made", str(made.path))
            if made.problem:
                state = _backup_failed("beside", made.problem, settings)
        except StoreError as error:
            logger.warning("no backup: %s", error)
            code = error.code if isinstance(error, BackupRefused) else "database"
            state = _backup_failed(code, str(error), settings)
        except Exception:
            logger.exception("no backup")
            state = _backup_failed("log", "The backup failed: look at the station's log.", settings)
        with self._lock:
            self._backup = state
        self._doctor.equipment.on_event()

    def _test_label(self, stamp: Stamp, sample: str = "") -> NewPaper:
        where = origin(self._doctor.station.settings, stamp)
        label = TestLabel(software=stamp.software, sample=sample, **where)
        return NewPaper(TEST_LABEL, LABEL_PRINTER, msgspec.json.encode(label))

    def _test_paper(self, printer: str, stamp: Stamp) -> NewPaper:
        if printer == LABEL_PRINTER:
            return self._test_label(stamp)
        where = origin(self._doctor.station.settings, stamp)
        receipt = TestReceipt(time=stamp.moment.local_time, software=stamp.software, **where)
        return NewPaper(TEST_RECEIPT, printer, msgspec.json.encode(receipt))
