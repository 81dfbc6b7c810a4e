"""Which trial belongs to which question, made from the answers there are."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.identifiers import BODY_ALPHABET
from kiosk.first_start.papers import test_paper
from kiosk.first_start.settings import printer_settings, relay_settings, scale_settings
from kiosk.first_start.shared.draft import SettingsDraft
from kiosk.first_start.shared.ports import DeviceTrial, FirstStartMachine
from kiosk.first_start.trials import ListenTrial, OnDemandTrial, ScaleTrial, ScannerTrial

PRINT_S = 20.0
SHOT_S = 10.0
_CODE_LENGTH = 4

Make = Callable[[SettingsDraft, FirstStartMachine, Path], DeviceTrial]


def trial_of(draft: SettingsDraft, machine: FirstStartMachine, data: Path) -> DeviceTrial | None:
    """The device of the present question, if it has one. Raises OSError or ValueError when it cannot be tried."""
    make = _TRIALS.get(draft.at)
    return make(draft, machine, data) if make else None


def _scale(draft: SettingsDraft, machine: FirstStartMachine, data: Path) -> DeviceTrial:
    assert draft.scale is not None
    settings = scale_settings(draft.scale)
    return ScaleTrial(lambda listener: machine.scale(settings, listener))


def _listen(draft: SettingsDraft, machine: FirstStartMachine, data: Path) -> DeviceTrial:
    assert draft.scale is not None
    port = draft.scale.port
    return ListenTrial(lambda on_progress: machine.probe(port, on_progress))


def _printer(name: str) -> Make:
    def make(draft: SettingsDraft, machine: FirstStartMachine, data: Path) -> DeviceTrial:
        settings = printer_settings(getattr(draft, name))

        def act() -> None:
            machine.printer(settings).print(test_paper(name, draft, data), PRINT_S, lambda: None)

        return OnDemandTrial(f"{name} printer", act, place=settings.address)

    return make


def _scanner(draft: SettingsDraft, machine: FirstStartMachine, data: Path) -> DeviceTrial:
    """A code nobody has lying about: what is read is what is on the screen."""
    assert draft.scanner is not None
    settings = ScannerSettings(draft.scanner.port, draft.scanner.kind)
    code = "TEST-" + "".join(secrets.choice(BODY_ALPHABET) for _ in range(_CODE_LENGTH))
    return ScannerTrial(code, lambda on_scan, on_state: machine.scanner(settings, on_scan, on_state))


def _camera(draft: SettingsDraft, machine: FirstStartMachine, data: Path) -> DeviceTrial:
    assert draft.camera is not None
    camera = machine.camera(CameraSettings(draft.camera.kind, draft.camera.path))
    return OnDemandTrial("camera", lambda: camera.measure(SHOT_S), camera.close, str(draft.camera.path))


def _broker(draft: SettingsDraft, machine: FirstStartMachine, data: Path) -> DeviceTrial:
    settings = relay_settings(draft, data)

    def act() -> None:
        machine.reach(settings)

    return OnDemandTrial("broker", act)


_TRIALS: Mapping[str, Make] = {
    "protocol": _listen,
    "reads": _scale,
    "label_test": _printer("label"),
    "receipt_test": _printer("receipt"),
    "scanner_test": _scanner,
    "camera_test": _camera,
    "broker_test": _broker,
}
