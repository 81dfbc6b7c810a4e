"""What an answer does to the draft, question by question; what cannot be is refused by the real settings classes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

from msgspec.structs import replace

from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.printer.profiles import profile
from kiosk.devices.printer.settings import IPP_PORT, PrinterKind
from kiosk.devices.scanner.settings import ScannerKind, ScannerSettings
from kiosk.domain.clerk import BadClerk
from kiosk.domain.identifiers import check_region, check_station
from kiosk.first_start.goods import SAMPLE, read_goods
from kiosk.first_start.settings import FORMATS, printer_settings, relay_settings, scale_settings, screen_of
from kiosk.first_start.shared.draft import (
    BrokerDraft,
    CameraDraft,
    PersonDraft,
    PrinterDraft,
    Proof,
    ScaleDraft,
    ScannerDraft,
    SettingsDraft,
)
from kiosk.first_start.shared.ports import AnswerRefused, FirstStartMachine
from kiosk.protocols.scales import registry
from kiosk.station.catalog.file import CatalogError
from kiosk.station.clerk.pin_hash import clean_person_name
from kiosk.store.backup.medium import check_medium, nearest_existing, uuid_of
from kiosk.store.shared.errors import StoreError
from kiosk.texts import LANGUAGES
from kiosk.texts.plain import plain

NONE, LATER, YES, SKIP = "none", "later", "yes", "skip"  # Words of the tiles that name no device
BY_CAMERA = "camera"  # No scanner: the camera reads codes
FOUND = "found:"  # Begins the answer that names a format with the line it was heard at: `found:xk3190_tf0 9600 8N1`

Form = Mapping[str, str]
Take = Callable[[SettingsDraft, Form, FirstStartMachine], SettingsDraft]

# What the pad for it can type, in the order that makes a host and a port.
_ADDRESS = re.compile(r"[a-z0-9.-]+(:[0-9]+)?")
_VILLAGE = 40
_GRAMS_PER_KG = 1000
_MAX_PIXELS = 16_384


def check_or_refuse(code: str, check: Callable[[], Any]) -> Any:
    """What ``check`` gives; its ValueError becomes a refusal with this word."""
    try:
        return check()
    except ValueError as error:
        raise AnswerRefused(code, str(error)) from error


def value(form: Form) -> str:
    return form.get("value", "")


def _one_of(form: Form, allowed: tuple[str, ...], code: str = "gone") -> str:
    """An answer from a list: it may have been unplugged since the list was drawn."""
    if value(form) not in allowed:
        raise AnswerRefused(code, value(form))
    return value(form)


def _unproven(draft: SettingsDraft, *devices: str) -> dict[str, Proof]:
    return {name: word for name, word in draft.proven.items() if name not in devices}


def _absent(draft: SettingsDraft, device: str) -> SettingsDraft:
    """The device is not there: an answer, and nothing left to prove."""
    return replace(draft, **{device: None}, proven={**draft.proven, device: "absent"})


def _language(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return _with_screen_size(replace(draft, language=_one_of(form, tuple(LANGUAGES), "language")), form)


def _with_screen_size(draft: SettingsDraft, form: Form) -> SettingsDraft:
    """The browser's own word for the size of its screen; without scripts there is none."""
    width, height = (_parse_int(form.get(name, "")) for name in ("width_px", "height_px"))
    if not (0 < width <= _MAX_PIXELS and 0 < height <= _MAX_PIXELS):
        return draft
    measured = replace(draft, width_px=width, height_px=height)
    check_or_refuse("panel", lambda: screen_of(measured))
    return measured


def _parse_int(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _screen(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    def with_diagonal() -> SettingsDraft:
        sized = replace(_with_screen_size(draft, form), diagonal_in=float(value(form)))
        screen_of(sized)
        return sized

    made: SettingsDraft = check_or_refuse("panel", with_diagonal)
    return made


def _station(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return replace(draft, station=check_or_refuse("station", lambda: check_station(f"S{value(form)}")))


def _region(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return replace(draft, region=check_or_refuse("region", lambda: check_region(value(form))))


def _village(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return replace(draft, village=name_of(plain(value(form), _VILLAGE)))


def name_of(text: str) -> str:
    """A name as it is written: a pad has small letters only."""
    words = unicodedata.normalize("NFC", text).split()
    return " ".join(word[:1].upper() + word[1:] for word in words)


def _scale(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        return _absent(draft, "scale")
    port = _one_of(form, machine.serial_ports())
    if draft.scale is not None and draft.scale.port == port:
        return draft
    scale = replace(draft.scale, port=port) if draft.scale else ScaleDraft(port)
    if draft.scanner is not None and draft.scanner.port == port:  # two devices cannot have it: ask for the other again
        draft = replace(draft, scanner=None, proven=_unproven(draft, "scanner"))
    return replace(draft, scale=scale, proven=_unproven(draft, "scale"))


def _reset_scale(draft: SettingsDraft, **changes: Any) -> SettingsDraft:
    assert draft.scale is not None
    scale = replace(draft.scale, **changes)
    proven = draft.proven if scale == draft.scale else _unproven(draft, "scale")
    return replace(draft, scale=scale, proven=proven)


def _protocol(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    assert draft.scale is not None
    if value(form).startswith(FOUND):
        return _format_found(draft, value(form).removeprefix(FOUND))
    row = check_or_refuse("protocol", lambda: registry.get(value(form)))
    if draft.scale.protocol == row.id:
        return draft
    line = row.line
    return _reset_scale(draft, protocol=row.id, baud=line.baud, format=f"{line.bytesize}{line.parity}{line.stopbits}")


def _format_found(draft: SettingsDraft, text: str) -> SettingsDraft:
    """A format that was heard on the port, with the line it was heard at."""
    name, _, line = text.partition(" ")
    row = check_or_refuse("protocol", lambda: registry.get(name))
    return _at_line(_reset_scale(draft, protocol=row.id), line)


def _line(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return _at_line(draft, value(form))


def _at_line(draft: SettingsDraft, line: str) -> SettingsDraft:
    baud, _, layout = line.partition(" ")
    if layout not in FORMATS:
        raise AnswerRefused("line", line)
    changed = _reset_scale(draft, baud=_parse_int(baud), format=layout)
    assert changed.scale is not None
    scale = changed.scale
    check_or_refuse("line", lambda: scale_settings(scale))
    return changed


def _proven(device: str) -> Take:
    """``yes`` is the word of the person in front, ``skip`` goes on without proof."""

    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        word: Proof = "seen" if _one_of(form, (YES, SKIP), "answer") == YES else "unseen"
        return replace(draft, proven={**draft.proven, device: word})

    return take


def _e(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    assert draft.scale is not None
    e_g = _parse_int(value(form))
    scale = replace(draft.scale, e_g=e_g, max_g=0)
    check_or_refuse("e", lambda: scale_settings(scale) if e_g else _no_number())
    # Max was checked against the e it was typed with, and stays only with that one.
    return draft if e_g == draft.scale.e_g else replace(draft, scale=scale)


def _no_number() -> NoReturn:
    raise ValueError("0 g is no verification interval")


def _max(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    assert draft.scale is not None
    grams = check_or_refuse("max", lambda: _grams(value(form)))
    scale = replace(draft.scale, max_g=grams)
    check_or_refuse("max", lambda: scale_settings(scale))
    return replace(draft, scale=scale)


def _grams(kilograms: str) -> int:
    """Whole grams of a decimal number of kilograms; raises ValueError."""
    try:
        grams = Decimal(kilograms) * _GRAMS_PER_KG
    except InvalidOperation:
        raise ValueError(f"{kilograms!r} is no number of kilograms") from None
    if not grams.is_finite() or grams <= 0 or grams != int(grams):
        raise ValueError(f"{kilograms} kg is no whole number of grams above 0")
    return int(grams)


def _printer_place(form: Form, machine: FirstStartMachine) -> tuple[PrinterKind, str]:
    """A typed address begins with "tcp:"; at the port of IPP stands an office printer, at the path all of them have."""
    kind, _, address = value(form).partition(":")
    if kind == "tcp" and address.endswith(f":{IPP_PORT}"):
        return "ipp", f"ipp://{address}/ipp/print"
    if kind == "tcp":
        return "tcp", address
    chosen = _one_of(form, (*machine.printers(), *machine.serial_ports()))
    return ("file" if chosen in machine.printers() else "serial"), chosen


def _printer(name: str) -> Take:
    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        if value(form) == NONE:
            return _absent(draft, name)
        kind, address = _printer_place(form, machine)
        if kind == "serial" and draft.scale is not None and draft.scale.port == address:
            raise AnswerRefused("port_of_scale", address)
        before: PrinterDraft | None = getattr(draft, name)
        if before is not None and (before.kind, before.address) == (kind, address):
            return draft
        printer = PrinterDraft(kind, address, before.profile if before and before.kind == kind else "")
        check_or_refuse("address", lambda: printer_settings(printer))
        return replace(draft, **{name: printer}, proven=_unproven(draft, name))

    return take


def _profile(name: str) -> Take:
    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        row = check_or_refuse("profile", lambda: profile(value(form)))
        printer: PrinterDraft = replace(getattr(draft, name), profile=row.id)
        proven = draft.proven if printer == getattr(draft, name) else _unproven(draft, name)
        return replace(draft, **{name: printer}, proven=proven)

    return take


def _scanner(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        return _absent(draft, "scanner")
    if value(form) == BY_CAMERA and machine.cameras():
        return replace(draft, scanner=ScannerDraft("camera"), proven={**draft.proven, "scanner": "unseen"})
    listed: tuple[tuple[ScannerKind, tuple[str, ...]], ...] = (
        ("serial", machine.serial_ports()),
        ("hid_pos", machine.hid_scanners()),
        ("evdev", machine.keyboards()),
    )
    kinds = {port: kind for kind, ports in listed for port in ports}
    port = _one_of(form, tuple(kinds))
    if draft.scale is not None and draft.scale.port == port:
        raise AnswerRefused("port_of_scale", port)
    scanner = ScannerDraft(kinds[port], port)
    check_or_refuse("gone", lambda: ScannerSettings(scanner.port, scanner.kind))
    return draft if scanner == draft.scanner else replace(draft, scanner=scanner, proven=_unproven(draft, "scanner"))


def _camera(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        if draft.scanner is not None and draft.scanner.kind == "camera":
            draft = _absent(draft, "scanner")
        return _absent(draft, "camera")
    drafts = {draft.path: draft for draft in (CameraDraft(kind, path) for kind, path in machine.cameras())}
    camera = drafts[_one_of(form, tuple(drafts))]
    check_or_refuse("gone", lambda: CameraSettings(camera.kind, camera.path))
    return draft if camera == draft.camera else replace(draft, camera=camera, proven=_unproven(draft, "camera"))


def _broker(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    scheme = _one_of(form, ("mqtts", "mqtt", LATER), "answer")
    if scheme == LATER:
        return _absent(draft, "broker")
    if draft.broker is not None and draft.broker.scheme == scheme:
        return draft
    address = draft.broker.address if draft.broker else ""
    broker = BrokerDraft("mqtts" if scheme == "mqtts" else "mqtt", address)
    return replace(draft, broker=broker, proven=_unproven(draft, "broker"))


def _change_broker(draft: SettingsDraft, code: str, **changes: Any) -> SettingsDraft:
    assert draft.broker is not None
    broker = replace(draft.broker, **changes)
    changed = replace(draft, broker=broker)
    check_or_refuse(code, lambda: relay_settings(changed, Path("/")).endpoint)
    return changed if broker == draft.broker else replace(changed, proven=_unproven(draft, "broker"))


def _broker_address(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if not _ADDRESS.fullmatch(value(form)):
        raise AnswerRefused("broker", value(form))
    return _change_broker(draft, "broker", address=value(form))


def _broker_ca(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    chosen = _one_of(form, (NONE, *authorities(machine)))
    return _change_broker(draft, "broker_files", ca_file="" if chosen == NONE else chosen)


def _broker_account(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    pairs, passwords = key_pairs(machine), machine.key_files(*PASSWORDS)
    chosen = _one_of(form, (NONE, *pairs, *passwords))
    account = "certificate" if chosen in pairs else "password" if chosen in passwords else NONE
    return _change_broker(
        draft,
        "broker_files",
        account=account,
        cert_file=chosen if account == "certificate" else "",
        key_file=pairs.get(chosen, ""),
        password_file=chosen if account == "password" else "",
    )


CERTIFICATES, PASSWORDS = (".crt", ".pem"), ("password",)


def key_pairs(machine: FirstStartMachine) -> Mapping[str, str]:
    """Certificates that have their private key beside them: certificate to key."""
    keys = {path.removesuffix(".key"): path for path in machine.key_files(".key")}
    found = {path: keys.get(path.rpartition(".")[0], "") for path in machine.key_files(*CERTIFICATES)}
    return {path: key for path, key in found.items() if key}


def authorities(machine: FirstStartMachine) -> tuple[str, ...]:
    """Certificates without a private key: those of somebody else."""
    pairs = key_pairs(machine)
    return tuple(path for path in machine.key_files(*CERTIFICATES) if path not in pairs)


def _goods(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    """The file is read now. One that is not there any more, but was chosen before, stays chosen: it was kept."""
    chosen, offered = value(form), (SAMPLE, *machine.catalogs())
    if chosen == LATER:
        return _absent(draft, "goods")
    if draft.goods is not None and chosen == draft.goods.source and chosen not in offered:
        return draft
    try:
        goods = read_goods(_one_of(form, offered))
    except CatalogError as error:
        raise AnswerRefused("goods", str(error)) from error
    return replace(draft, goods=goods, proven=_unproven(draft, "goods"))


def _goods_shown(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    _one_of(form, (YES,), "answer")
    return draft


def _backup(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        return replace(draft, backup="", backup_uuid="", proven={**draft.proven, "backup": "absent"})
    folder = _one_of(form, machine.backup_media())
    try:
        check_medium(Path(folder), nearest_existing(machine.data), same_disk=False)
        uuid = uuid_of(Path(folder))
    except (StoreError, OSError) as error:
        raise AnswerRefused("backup", str(error)) from error
    return replace(draft, backup=folder, backup_uuid=uuid, proven=_unproven(draft, "backup"))


def _person(role: str) -> Take:
    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        try:
            name = clean_person_name(name_of(value(form)))
        except BadClerk as error:
            raise AnswerRefused("name", str(error)) from error
        before: PersonDraft | None = getattr(draft, role)
        return replace(draft, **{role: PersonDraft(name, before.pin_hash if before else "")})

    return take


# The PINs are not here: they live between two screens, never in the draft (`pins.py`).
ANSWERS: Mapping[str, Take] = {
    "language": _language,
    "panel": _screen,
    "station": _station,
    "region": _region,
    "village": _village,
    "scale": _scale,
    "protocol": _protocol,
    "line": _line,
    "reads": _proven("scale"),
    "e": _e,
    "max": _max,
    "label": _printer("label"),
    "label_profile": _profile("label"),
    "label_test": _proven("label"),
    "receipt": _printer("receipt"),
    "receipt_profile": _profile("receipt"),
    "receipt_test": _proven("receipt"),
    "scanner": _scanner,
    "scanner_test": _proven("scanner"),
    "camera": _camera,
    "camera_test": _proven("camera"),
    "broker": _broker,
    "broker_address": _broker_address,
    "broker_ca": _broker_ca,
    "broker_account": _broker_account,
    "broker_test": _proven("broker"),
    "goods": _goods,
    "goods_shown": _goods_shown,
    "backup": _backup,
    "technician": _person("technician"),
    "clerk": _person("clerk"),
}
