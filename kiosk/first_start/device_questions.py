"""The questions about scale, printers, scanner and camera, each with its trial."""

from __future__ import annotations

import dataclasses
import re
import secrets
import textwrap
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.printer.profiles import PrinterProfile, profile, profiles
from kiosk.devices.printer.settings import IPP_PORT, PrinterKind
from kiosk.devices.scanner.settings import ScannerKind, ScannerSettings
from kiosk.domain.identifiers import BODY_ALPHABET
from kiosk.first_start.question import (
    NONE,
    Choices,
    Form,
    Take,
    TrialOf,
    WizardQuestion,
    absent,
    check_or_refuse,
    device_tile,
    has,
    none_tile,
    one_of,
    parse_int,
    unproven,
    value,
)
from kiosk.first_start.settings import FORMATS, printer_settings, scale_settings, station_settings
from kiosk.first_start.shared.draft import CameraDraft, PrinterDraft, ScaleDraft, ScannerDraft, SettingsDraft
from kiosk.first_start.shared.ports import Choice, FirstStartMachine
from kiosk.first_start.trials import DeviceTrial, ListenTrial, OnDemandTrial, ScaleTrial, ScannerTrial
from kiosk.labels.papers.printer_diagnostics import TestLabel, TestReceipt, render_test_label, render_test_receipt
from kiosk.protocols.printers.languages import encode
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import Proposal
from kiosk.protocols.scales.shared.protocol import ScaleProtocol
from kiosk.station.shared.clock import StationClock, software_id

BY_CAMERA = "camera"  # No scanner: the camera reads codes
FOUND = "found:"  # Starts the answer with a format and the line it was received at: `found:xk3190_tf0 9600 8N1`
BAUDS = (1200, 2400, 4800, 9600, 19_200)  # What the manuals of indicators name
PRINT_S = 20.0
SHOT_S = 10.0
_CODE_LENGTH = 4
_GRAMS_PER_KG = 1000
_MAX_MAKERS: Final = 34  # Characters: two lines of a tile
_NARROW_DOTS: Final = 384
# Everything else is an indicator beside a platform.
_SCALES: Final = {
    "scale-price": "st_gs_stx18 ff_bcd cas_type6 cas_m_pro mt_8217 mt_8213 nci_ecr ups_worldship dialog06 dibal_tisa "
    "toledo_prix micheletti_p15 magellan_s pos2_m massak_j",
    "scale-balance": "mt_print gg_14 kern_18 steinberg_sbs ussolid creedmoor adam_highland and_standard mt_sics "
    "sartorius_sbi usb_hid_scale",
    "scale-board": "xk3190_ww hx711",
}
_SCALE_PICTURES: Final = {protocol: picture for picture, row in _SCALES.items() for protocol in row.split()}
_PRINTERS: Final = {
    "tspl": ("TSC, Xprinter, Gprinter, Deli", "printer-label"),
    "zpl": ("Zebra", "printer-label"),
    "cpcl": ("Zebra QLn, ZQ, HPRT, Brother", "printer-belt"),
    "ipp": ("IPP, A4", "printer-sheet"),
}


# --- makers and drawings: what people know a device by ---------------------------------------------------------------


def scale_makers(row: ScaleProtocol) -> str:
    """Return the makers and models that use a format, as many as a tile can hold."""
    models = re.split(r" and (?:their )?copies|, set to ", row.devices)[0]
    return textwrap.shorten(models, _MAX_MAKERS, placeholder=" …")


def scale_picture(row: ScaleProtocol) -> str:
    return _SCALE_PICTURES.get(row.id, "scale-platform")


def printer_makers(row: PrinterProfile) -> tuple[str, str]:
    """Return the makers of printers of this row, or the width of their paper, and the drawing."""
    if row.language == "escpos":
        narrow = row.width_dots <= _NARROW_DOTS
        return ("58 mm", "printer-narrow") if narrow else ("80 mm", "printer-wide")
    return _PRINTERS[row.language]


# --- scale ------------------------------------------------------------------------------------------------------------


def _scales(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.scale.port if draft.scale else ""
    yield from (device_tile(path, chosen, "scale") for path in machine.serial_ports())
    yield none_tile("scale", "setup.choice.no_scale", draft)


def _take_scale(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        return absent(draft, "scale")
    port = one_of(form, machine.serial_ports())
    if draft.scale is not None and draft.scale.port == port:
        return draft
    scale = replace(draft.scale, port=port) if draft.scale else ScaleDraft(port)
    if draft.scanner is not None and draft.scanner.port == port:  # two devices cannot have it: ask for the other again
        draft = replace(draft, scanner=None, proven=unproven(draft, "scanner"))
    return replace(draft, scale=scale, proven=unproven(draft, "scale"))


def _reset_scale(draft: SettingsDraft, **changes: Any) -> SettingsDraft:
    assert draft.scale is not None
    scale = replace(draft.scale, **changes)
    proven = draft.proven if scale == draft.scale else unproven(draft, "scale")
    return replace(draft, scale=scale, proven=proven)


def _protocols(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.scale.protocol if draft.scale else ""
    for row in registry.PROTOCOLS.values():
        polled = "setup.choice.polled" if row.mode == "poll" else "setup.choice.streams"
        makers, picture = scale_makers(row), scale_picture(row)
        yield Choice(row.id, row.id, detail_id=polled, picture=picture, chosen=row.id == chosen, makers=makers)


def with_found(listed: Iterable[Choice], found: Iterable[Proposal]) -> tuple[Choice, ...]:
    """Put what was found on the port first, with its line; choose it only when it is the one candidate.

    A format that needs a parameter is not offered: it is taught on the technician's page.
    """
    tiles, rest, proposals = [], list(listed), list(found)
    answer = next((tile.label for tile in rest if tile.chosen), "")
    for one in proposals:
        line, name = one.candidate.line, one.candidate.protocol
        layout = f"{line.bytesize}{line.parity}{line.stopbits}"
        if one.candidate.params or layout not in FORMATS:
            continue
        at = f"{line.baud} {layout}"
        chosen = name == answer or (not answer and len(proposals) == 1)
        row = registry.get(name)
        value, picture = f"{FOUND}{name} {at}", scale_picture(row)
        tiles.append(Choice(value, name, "", at, "setup.choice.found", picture, chosen, scale_makers(row)))
    found_labels = {tile.label for tile in tiles}
    return (*tiles, *(tile for tile in rest if tile.label not in found_labels))


def _listen(draft: SettingsDraft, machine: FirstStartMachine) -> DeviceTrial:
    assert draft.scale is not None
    port = draft.scale.port
    return ListenTrial(lambda on_progress: machine.probe(port, on_progress))


def _take_protocol(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    assert draft.scale is not None
    if value(form).startswith(FOUND):
        name, _, at = value(form).removeprefix(FOUND).partition(" ")
        row = check_or_refuse("protocol", lambda: registry.get(name))
        return _at_line(_reset_scale(draft, protocol=row.id), at)
    row = check_or_refuse("protocol", lambda: registry.get(value(form)))
    if draft.scale.protocol == row.id:
        return draft
    line = row.line
    return _reset_scale(draft, protocol=row.id, baud=line.baud, format=f"{line.bytesize}{line.parity}{line.stopbits}")


def _lines(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    """Yield every speed with the format's own layout, and the layouts at the speed that is chosen."""
    assert draft.scale is not None
    baud, layout = draft.scale.baud, draft.scale.format
    speeds = BAUDS if baud in BAUDS else (baud, *BAUDS)
    yield from (Choice(f"{speed} {layout}", f"{speed}", detail=layout, chosen=speed == baud) for speed in speeds)
    others = (other for other in FORMATS if other != layout)
    yield from (Choice(f"{baud} {other}", f"{baud}", detail=other) for other in others)


def _at_line(draft: SettingsDraft, line: str) -> SettingsDraft:
    baud, _, layout = line.partition(" ")
    if layout not in FORMATS:
        raise Refused("line", line)
    changed = _reset_scale(draft, baud=parse_int(baud), format=layout)
    check_or_refuse("line", lambda: changed.scale and scale_settings(changed.scale))
    return changed


def _read_scale(draft: SettingsDraft, machine: FirstStartMachine) -> DeviceTrial:
    assert draft.scale is not None
    settings = scale_settings(draft.scale)
    return ScaleTrial(lambda listener: machine.scale(settings, listener))


def _take_e(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    assert draft.scale is not None
    e_g = parse_int(value(form))
    if not e_g:
        raise Refused("e", "0 g is no verification interval")
    scale = replace(draft.scale, e_g=e_g, max_g=0)
    check_or_refuse("e", lambda: scale_settings(scale))
    # Max was checked against the e it was typed with, and stays only with that one.
    return draft if e_g == draft.scale.e_g else replace(draft, scale=scale)


def _typed_e(draft: SettingsDraft) -> str:
    return str(draft.scale.e_g or "") if draft.scale else ""


def _take_max(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    assert draft.scale is not None
    grams = check_or_refuse("max", lambda: _grams(value(form)))
    scale = replace(draft.scale, max_g=grams)
    check_or_refuse("max", lambda: scale_settings(scale))
    return replace(draft, scale=scale)


def _grams(kilograms: str) -> int:
    try:
        grams = Decimal(kilograms) * _GRAMS_PER_KG
    except InvalidOperation:
        raise ValueError(f"{kilograms!r} is no number of kilograms") from None
    if not grams.is_finite() or grams <= 0 or grams != int(grams):
        raise ValueError(f"{kilograms} kg is no whole number of grams above 0")
    return int(grams)


def _typed_max(draft: SettingsDraft) -> str:
    if draft.scale is None or not draft.scale.max_g:
        return ""
    return f"{(Decimal(draft.scale.max_g) / _GRAMS_PER_KG).normalize():f}"


_has_scale = has("scale")
SCALE = (
    WizardQuestion("scale", "scale", _take_scale, _scales),
    WizardQuestion("protocol", "scale", _take_protocol, _protocols, _has_scale, trial=_listen),
    WizardQuestion("line", "scale", lambda draft, form, machine: _at_line(draft, value(form)), _lines, _has_scale),
    WizardQuestion("reads", "scale", when=_has_scale, trial=_read_scale, proves="scale"),
    WizardQuestion("e", "scale", _take_e, when=_has_scale, typed=_typed_e),
    WizardQuestion("max", "scale", _take_max, when=_has_scale, typed=_typed_max),
)


# --- printers ---------------------------------------------------------------------------------------------------------


def _printers(name: str) -> Choices:
    def choices(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
        printer: PrinterDraft | None = getattr(draft, name)
        at = printer.address if printer else ""
        yield from (device_tile(path, at, name) for path in machine.printers())
        used_ports = {draft.scale.port if draft.scale else "", draft.scanner.port if draft.scanner else ""}
        for path in machine.serial_ports():
            if path not in used_ports:
                yield device_tile(path, at, name, "setup.choice.serial")
        if printer and printer.kind in ("tcp", "ipp"):
            where = at if printer.kind == "tcp" else urlsplit(at).netloc
            yield Choice(f"tcp:{where}", where, detail_id="setup.choice.network_printer", picture=name, chosen=True)
        yield none_tile(name, f"setup.choice.no_{name}", draft)

    return choices


def _take_printer(name: str) -> Take:
    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        if value(form) == NONE:
            return absent(draft, name)
        kind, address = _printer_place(form, machine)
        if kind == "serial" and draft.scale is not None and draft.scale.port == address:
            raise Refused("port_of_scale", address)
        before: PrinterDraft | None = getattr(draft, name)
        if before is not None and (before.kind, before.address) == (kind, address):
            return draft
        printer = PrinterDraft(kind, address, before.profile if before and before.kind == kind else "")
        check_or_refuse("address", lambda: printer_settings(printer))
        return replace(draft, **{name: printer}, proven=unproven(draft, name))

    return take


def _printer_place(form: Form, machine: FirstStartMachine) -> tuple[PrinterKind, str]:
    """Return kind and address. A typed one begins with "tcp:"; at the IPP port it is an office printer's usual path."""
    kind, _, address = value(form).partition(":")
    if kind == "tcp" and address.endswith(f":{IPP_PORT}"):
        return "ipp", f"ipp://{address}/ipp/print"
    if kind == "tcp":
        return "tcp", address
    chosen = one_of(form, (*machine.printers(), *machine.serial_ports()))
    return ("file" if chosen in machine.printers() else "serial"), chosen


def _profiles(name: str, languages: tuple[str, ...]) -> Choices:
    """Offer first what a USB printer reports as its language; an office printer has profiles of its own."""

    def choices(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
        printer: PrinterDraft | None = getattr(draft, name)
        spoken = ("ipp",) if printer and printer.kind == "ipp" else languages
        reported = machine.printer_language(printer.address) if printer and printer.kind == "file" else None
        rows = [row for row in profiles().values() if row.language in spoken]
        for row in sorted(rows, key=lambda row: row.language != reported):
            answers = "setup.choice.silent" if row.proof == "write" else "setup.choice.answers"
            chosen = printer is not None and printer.profile == row.id
            makers, picture = printer_makers(row)
            yield Choice(row.id, row.id, "", f"{row.dpi} dpi", answers, picture, chosen, makers)

    return choices


def _take_profile(name: str) -> Take:
    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        row = check_or_refuse("profile", lambda: profile(value(form)))
        printer: PrinterDraft = replace(getattr(draft, name), profile=row.id)
        proven = draft.proven if printer == getattr(draft, name) else unproven(draft, name)
        return replace(draft, **{name: printer}, proven=proven)

    return take


def _test_paper(name: str, draft: SettingsDraft, data: Path) -> bytes:
    """Encode a test paper. Raises FontProblem, LayoutProblem, ValueError or BadIdentifier."""
    printer: PrinterDraft = getattr(draft, name)
    setup = profile(printer.profile).setup
    station = station_settings(draft, data)
    now = StationClock(station.zone).now()
    origin: dict[str, Any] = {
        "station": station.station,
        "village": station.village,
        "county": station.county_name,
        "date": now.local_date,
        "zone": station.zone,
    }
    if name == "label":
        return encode(render_test_label(TestLabel(software=software_id(), **origin), setup.head), setup)
    receipt = TestReceipt(time=now.local_time, software=software_id(), **origin)
    return encode(render_test_receipt(receipt, setup.head), dataclasses.replace(setup, gap_mm=0))


def _print_paper(name: str) -> TrialOf:
    def make(draft: SettingsDraft, machine: FirstStartMachine) -> DeviceTrial:
        settings = printer_settings(getattr(draft, name))

        def act() -> None:
            machine.printer(settings).print(_test_paper(name, draft, machine.data), PRINT_S, lambda: None)

        return OnDemandTrial(f"{name} printer", act, place=settings.address)

    return make


def _printer(name: str, *languages: str) -> tuple[WizardQuestion, ...]:
    fitted = has(name)
    return (
        WizardQuestion(name, "printers", _take_printer(name), _printers(name)),
        WizardQuestion(f"{name}_profile", "printers", _take_profile(name), _profiles(name, languages), fitted),
        WizardQuestion(f"{name}_test", "printers", when=fitted, trial=_print_paper(name), proves=name),
    )


PRINTERS = (*_printer("label", "tspl", "zpl", "cpcl"), *_printer("receipt", "escpos"))


# --- scanner and camera -----------------------------------------------------------------------------------------------


def _scanners(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.scanner.port if draft.scanner else ""
    used_ports = {
        draft.scale.port if draft.scale else "",
        *(row.address for row in (draft.label, draft.receipt) if row),
    }
    for path in machine.serial_ports():
        if path not in used_ports:
            yield device_tile(path, chosen, "scan", "setup.choice.serial")
    yield from (device_tile(path, chosen, "scan", "setup.choice.hid_pos") for path in machine.hid_scanners())
    yield from (device_tile(path, chosen, "number-pad", "setup.choice.keyboard") for path in machine.keyboards())
    if machine.cameras():
        by_camera = draft.scanner is not None and draft.scanner.kind == "camera"
        yield Choice(BY_CAMERA, text_id="setup.choice.camera_scans", picture="camera", chosen=by_camera)
    yield none_tile("scanner", "setup.choice.no_scanner", draft)


def _take_scanner(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        return absent(draft, "scanner")
    if value(form) == BY_CAMERA and machine.cameras():
        return replace(draft, scanner=ScannerDraft("camera"), proven={**draft.proven, "scanner": "unseen"})
    listed: tuple[tuple[ScannerKind, tuple[str, ...]], ...] = (
        ("serial", machine.serial_ports()),
        ("hid_pos", machine.hid_scanners()),
        ("evdev", machine.keyboards()),
    )
    kinds = {port: kind for kind, ports in listed for port in ports}
    port = one_of(form, tuple(kinds))
    if draft.scale is not None and draft.scale.port == port:
        raise Refused("port_of_scale", port)
    scanner = ScannerDraft(kinds[port], port)
    check_or_refuse("gone", lambda: ScannerSettings(scanner.port, scanner.kind))
    return draft if scanner == draft.scanner else replace(draft, scanner=scanner, proven=unproven(draft, "scanner"))


def _scan_code(draft: SettingsDraft, machine: FirstStartMachine) -> DeviceTrial:
    """Start a trial with a random code, so that what is read can only be what is on the screen."""
    assert draft.scanner is not None
    settings = ScannerSettings(draft.scanner.port, draft.scanner.kind)
    code = "TEST-" + "".join(secrets.choice(BODY_ALPHABET) for _ in range(_CODE_LENGTH))
    return ScannerTrial(code, lambda on_scan, on_state: machine.scanner(settings, on_scan, on_state))


def _has_own_scanner(draft: SettingsDraft) -> bool:
    """Return whether there is a scanner other than the camera, which is tried at its own question."""
    return draft.scanner is not None and draft.scanner.kind != "camera"


def _cameras(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.camera.path if draft.camera else ""
    for kind, path in machine.cameras():
        if kind == "rpicam":
            yield Choice(path, f"rpicam {path}", picture="camera", chosen=path == chosen)
        else:
            yield device_tile(path, chosen, "camera")
    yield none_tile("camera", "setup.choice.no_camera", draft)


def _take_camera(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        if draft.scanner is not None and draft.scanner.kind == "camera":
            draft = absent(draft, "scanner")
        return absent(draft, "camera")
    drafts = {path: CameraDraft(kind, path) for kind, path in machine.cameras()}
    camera = drafts[one_of(form, tuple(drafts))]
    check_or_refuse("gone", lambda: CameraSettings(camera.kind, camera.path))
    return draft if camera == draft.camera else replace(draft, camera=camera, proven=unproven(draft, "camera"))


def _shoot_mat(draft: SettingsDraft, machine: FirstStartMachine) -> DeviceTrial:
    assert draft.camera is not None
    camera = machine.camera(CameraSettings(draft.camera.kind, draft.camera.path))
    return OnDemandTrial("camera", lambda: camera.measure(SHOT_S), camera.close, str(draft.camera.path))


CODES = (
    WizardQuestion("scanner", "scanner", _take_scanner, _scanners),
    WizardQuestion("scanner_test", "scanner", when=_has_own_scanner, trial=_scan_code, proves="scanner"),
    WizardQuestion("camera", "camera", _take_camera, _cameras),
    WizardQuestion("camera_test", "camera", when=has("camera"), trial=_shoot_mat, proves="camera"),
)
