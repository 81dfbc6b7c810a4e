"""What can be chosen at each question at this moment, and what stands in the field of a typed one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from urllib.parse import urlsplit

from kiosk.devices.printer.profiles import profiles
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.first_start.answers import BY_CAMERA, FOUND, LATER, NONE, PASSWORDS, authorities, key_pairs
from kiosk.first_start.goods import SAMPLE
from kiosk.first_start.identity_questions import BY_HAND
from kiosk.first_start.questions import DEVICES
from kiosk.first_start.recovery.questions import NEW, NO_RECEIPT
from kiosk.first_start.settings import FORMATS, diagonal
from kiosk.first_start.shared.draft import (
    BrokerDraft,
    CameraDraft,
    PrinterDraft,
    ScaleDraft,
    ScannerDraft,
    SettingsDraft,
)
from kiosk.first_start.shared.ports import Choice, FirstStartMachine, GoodsView, SummaryRow
from kiosk.first_start.shared.recovery.ports import Lacks
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import Proposal
from kiosk.texts import LANGUAGES

DIAGONALS = ("7", "10.1", "13.3", "15.6", "21.5")  # Touch screens sold for kiosks, in inches
# Counties around the first stations; any other is typed.
REGIONS = ("yarkant", "kargilik", "poskam", "makit", "yengisar", "kashgar")
BAUDS = (1200, 2400, 4800, 9600, 19_200)  # What the manuals of indicators name

List = Callable[[SettingsDraft, FirstStartMachine], Iterable[Choice]]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _shown(path: str) -> str:
    """What tells one device from another: udev's prefix and suffix are the same for all of a kind."""
    name = _name(path).removeprefix("usb-")
    for suffix in ("-video-index0", "-event-kbd"):
        name = name.removesuffix(suffix)
    return name


def _folder(path: str) -> str:
    """The last folder only: "by-id" says enough, and a tile is narrow."""
    return _name(path.rpartition("/")[0])


def _device(path: str, chosen: bool, picture: str, detail_id: str = "") -> Choice:
    return Choice(
        path,
        _shown(path),
        detail="" if detail_id else _folder(path),
        detail_id=detail_id,
        picture=picture,
        chosen=chosen,
    )


def _languages(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    return (Choice(row.code, row.own_name, chosen=row.code == draft.language) for row in LANGUAGES.values())


def _diagonals(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    return (Choice(size, f'{size}"', chosen=float(size) == diagonal(draft)) for size in DIAGONALS)


def _regions(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    known = REGIONS if draft.region in ("", *REGIONS) else (draft.region, *REGIONS[:-1])
    return (Choice(name, name, chosen=name == draft.region) for name in known)


_RECOVERY: Mapping[Lacks, str] = {
    "": "setup.choice.recovery_whole",
    "kit": "setup.choice.recovery_no_kit",
    "backup": "setup.choice.recovery_no_backup",
    "opening": "setup.choice.recovery_unopened",
}


def _recoveries(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    """What is not whole is shown, too: a technician who sees nothing does not know what to bring."""
    yield Choice(NEW, text_id="setup.choice.recovery_new", picture="wrench")
    for row in machine.recoveries.offered():
        chosen = row.station == draft.recovery
        yield Choice(row.station, row.station, "", row.made_on, _RECOVERY[row.lacks], "shelf", chosen)


def _letters(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    yield Choice(NO_RECEIPT, text_id="setup.choice.recovery_no_receipt", picture="absent")
    yield from (Choice(letter, letter, chosen=letter == draft.letter) for letter in SERIES_LETTERS)


def _identities(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    present = machine.identities.in_use()
    if present is not None:
        where = present.village or present.region
        yield Choice(present.station, present.station, "", where, "setup.choice.identity_here", "card", chosen=True)
        return
    # First: with two hundred stations nobody would find it behind them.
    yield Choice(BY_HAND, text_id="setup.choice.identity_by_hand", picture="wrench")
    for row in machine.identities.offered():
        chosen = row.station == draft.identity
        yield Choice(row.station, row.station, detail=row.village or row.region, picture="card", chosen=chosen)


def _scales(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.scale.port if draft.scale else ""
    yield from (_device(path, path == chosen, "scale") for path in machine.serial_ports())
    yield _none("scale", "setup.choice.no_scale", draft, draft.scale is None)


def _none(device: str, text_id: str, draft: SettingsDraft, absent: bool) -> Choice:
    """The tile that says that a device is not there; it counts as chosen only once the question was left behind."""
    return Choice(NONE, text_id=text_id, picture="absent", chosen=absent and draft.proven.get(device) == "absent")


def _protocols(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.scale.protocol if draft.scale else ""
    for row in registry.PROTOCOLS.values():
        polled = "setup.choice.polled" if row.mode == "poll" else "setup.choice.streams"
        yield Choice(row.id, row.id, detail_id=polled, chosen=row.id == chosen)


def _with_found(listed: Iterable[Choice], found: Sequence[Proposal]) -> Iterable[Choice]:
    """What was heard on the port stands first, with its line; chosen only when nothing else could be it.

    A format that needs a parameter is not offered: it is taught on the technician's page.
    """
    tiles, rest = [], list(listed)
    answer = next((tile.label for tile in rest if tile.chosen), "")
    for one in found:
        line, name = one.candidate.line, one.candidate.protocol
        layout = f"{line.bytesize}{line.parity}{line.stopbits}"
        if one.candidate.params or layout not in FORMATS:
            continue
        at = f"{line.baud} {layout}"
        chosen = name == answer or (not answer and len(found) == 1)
        tiles.append(Choice(f"{FOUND}{name} {at}", name, "", at, "setup.choice.found", "scale", chosen))
    found_labels = {tile.label for tile in tiles}
    yield from tiles
    yield from (tile for tile in rest if tile.label not in found_labels)


def _lines(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    """Every speed with the format's own layout, and the layouts at the speed that is chosen."""
    assert draft.scale is not None
    baud, layout = draft.scale.baud, draft.scale.format
    speeds = BAUDS if baud in BAUDS else (baud, *BAUDS)
    yield from (Choice(f"{speed} {layout}", f"{speed}", detail=layout, chosen=speed == baud) for speed in speeds)
    others = (other for other in FORMATS if other != layout)
    yield from (Choice(f"{baud} {other}", f"{baud}", detail=other) for other in others)


def _printers(name: str, text_id: str) -> List:
    def choices(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
        printer: PrinterDraft | None = getattr(draft, name)
        at = printer.address if printer else ""
        yield from (_device(path, path == at, name) for path in machine.printers())
        used_ports = {draft.scale.port if draft.scale else "", draft.scanner.port if draft.scanner else ""}
        for path in machine.serial_ports():
            if path not in used_ports:
                yield _device(path, path == at, name, "setup.choice.serial")
        if printer and printer.kind in ("tcp", "ipp"):
            where = at if printer.kind == "tcp" else urlsplit(at).netloc
            yield Choice(f"tcp:{where}", where, detail_id="setup.choice.network_printer", picture=name, chosen=True)
        yield _none(name, text_id, draft, printer is None)

    return choices


def _profiles(name: str, languages: tuple[str, ...]) -> List:
    """What a USB printer says that it speaks comes first; an office printer has profiles of its own."""

    def choices(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
        printer: PrinterDraft | None = getattr(draft, name)
        spoken = ("ipp",) if printer and printer.kind == "ipp" else languages
        reported = machine.printer_language(printer.address) if printer and printer.kind == "file" else None
        rows = [row for row in profiles().values() if row.language in spoken]
        for row in sorted(rows, key=lambda row: row.language != reported):
            answers = "setup.choice.silent" if row.proof == "write" else "setup.choice.answers"
            chosen = printer is not None and printer.profile == row.id
            yield Choice(row.id, row.id, detail=f"{row.dpi} dpi", detail_id=answers, chosen=chosen)

    return choices


def _scanners(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.scanner.port if draft.scanner else ""
    used_ports = {
        draft.scale.port if draft.scale else "",
        *(row.address for row in (draft.label, draft.receipt) if row),
    }
    for path in machine.serial_ports():
        if path not in used_ports:
            yield _device(path, path == chosen, "scan", "setup.choice.serial")
    for path in machine.hid_scanners():
        yield _device(path, path == chosen, "scan", "setup.choice.hid_pos")
    for path in machine.keyboards():
        yield _device(path, path == chosen, "number-pad", "setup.choice.keyboard")
    if machine.cameras():
        by_camera = draft.scanner is not None and draft.scanner.kind == "camera"
        yield Choice(BY_CAMERA, text_id="setup.choice.camera_scans", picture="camera", chosen=by_camera)
    yield _none("scanner", "setup.choice.no_scanner", draft, draft.scanner is None)


def _cameras(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.camera.path if draft.camera else ""
    for kind, path in machine.cameras():
        if kind == "rpicam":
            yield Choice(path, f"rpicam {path}", picture="camera", chosen=path == chosen)
        else:
            yield _device(path, path == chosen, "camera")
    yield _none("camera", "setup.choice.no_camera", draft, draft.camera is None)


def _brokers(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    scheme = draft.broker.scheme if draft.broker else ""
    yield Choice("mqtts", "mqtts", detail_id="setup.choice.mqtts", picture="link", chosen=scheme == "mqtts")
    yield Choice("mqtt", "mqtt", detail_id="setup.choice.mqtt", picture="link", chosen=scheme == "mqtt")
    later = draft.broker is None and draft.proven.get("broker") == "absent"
    yield Choice(LATER, text_id="setup.choice.later", picture="link-off", chosen=later)


def _authorities(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.broker.ca_file if draft.broker else ""
    yield from (_device(path, path == chosen, "link") for path in authorities(machine))
    yield Choice(
        NONE, text_id="setup.choice.system_ca", picture="link", chosen=_is_account_chosen(draft) and not chosen
    )


def _accounts(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    broker = draft.broker
    chosen = (broker.cert_file or broker.password_file) if broker else ""
    for path in key_pairs(machine) if broker and broker.scheme == "mqtts" else ():
        yield _device(path, path == chosen, "card", "setup.choice.certificate")
    for path in machine.key_files(*PASSWORDS):
        yield _device(path, path == chosen, "lock", "setup.choice.password")
    yield Choice(
        NONE, text_id="setup.choice.no_account", picture="absent", chosen=_is_account_chosen(draft) and not chosen
    )


def _goods(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen, found = draft.goods.source if draft.goods else "", machine.catalogs()
    if draft.goods and chosen not in (SAMPLE, *found):
        yield Choice(chosen, draft.goods.name, detail_id="setup.choice.kept", picture="bring", chosen=True)
    yield from (_device(path, path == chosen, "bring") for path in found)
    yield Choice(
        SAMPLE,
        text_id="setup.choice.sample",
        detail_id="setup.choice.sample_prices",
        picture="badam",
        chosen=chosen == SAMPLE,
    )
    yield Choice(
        LATER,
        text_id="setup.choice.later",
        detail_id="setup.choice.no_goods",
        picture="absent",
        chosen=draft.proven.get("goods") == "absent",
    )


def _media(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    for path in machine.backup_media():
        yield _device(path, path == draft.backup, "shelf")
    yield Choice(
        NONE,
        text_id="setup.choice.no_backup",
        detail_id="setup.choice.no_backup_yet",
        picture="absent",
        chosen=draft.proven.get("backup") == "absent",
    )


def _is_account_chosen(draft: SettingsDraft) -> bool:
    """Whether the account of the broker has been chosen, so that "none" is an answer and not merely a beginning."""
    return draft.broker is not None and bool(draft.broker.account)


LISTS: Mapping[str, List] = {
    "language": _languages,
    "panel": _diagonals,
    "recovery": _recoveries,
    "recovery_letter": _letters,
    "identity": _identities,
    "region": _regions,
    "scale": _scales,
    "protocol": _protocols,
    "line": _lines,
    "label": _printers("label", "setup.choice.no_label"),
    "label_profile": _profiles("label", ("tspl", "zpl", "cpcl")),
    "receipt": _printers("receipt", "setup.choice.no_receipt"),
    "receipt_profile": _profiles("receipt", ("escpos",)),
    "scanner": _scanners,
    "camera": _cameras,
    "broker": _brokers,
    "broker_ca": _authorities,
    "broker_account": _accounts,
    "goods": _goods,
    "backup": _media,
}


def choices(
    question: str, draft: SettingsDraft, machine: FirstStartMachine, found: Sequence[Proposal] = ()
) -> tuple[Choice, ...]:
    """The tiles of a question; none for a typed one. ``found`` is what was heard at the port of the scale."""
    listed = LISTS.get(question)
    tiles = tuple(listed(draft, machine)) if listed else ()
    return tuple(_with_found(tiles, found)) if question == "protocol" else tiles


def typed(question: str, draft: SettingsDraft) -> str:
    """The present answer of a typed question, as it was typed."""
    match question:
        case "station":
            return draft.station.removeprefix("S")
        case "region":
            return draft.region
        case "village":
            return draft.village.lower()  # a pad has small letters only
        case "e":
            return str(draft.scale.e_g or "") if draft.scale else ""
        case "max":
            return _kilograms(draft.scale.max_g) if draft.scale and draft.scale.max_g else ""
        case "broker_address":
            return draft.broker.address if draft.broker else ""
        case "technician" | "clerk":
            person = getattr(draft, question)
            return person.name.lower() if person else ""
    return ""


def goods(draft: SettingsDraft, language: str) -> GoodsView | None:
    goods_draft = draft.goods
    if goods_draft is None:
        return None
    counts = {name: getattr(goods_draft, name) for name in ("products", "prices", "containers", "members")}
    return GoodsView(goods_draft.name, counts, goods_draft.first.get(language, ()))


def _kilograms(grams: int) -> str:
    return f"{(Decimal(grams) / 1000).normalize():f}"


def summary(draft: SettingsDraft) -> tuple[SummaryRow, ...]:
    """What the wizard has set, and what of it has shown itself."""
    station = " ".join(filter(None, (draft.station, draft.region, draft.village)))
    people = ", ".join(person.name for person in (draft.technician, draft.clerk) if person)
    return (
        SummaryRow("setup.device.station", station, "set"),
        *(
            SummaryRow(f"setup.device.{name}", _place(name, draft), draft.proven.get(name, "absent"))
            for name in DEVICES
        ),
        SummaryRow("setup.device.goods", draft.goods.name if draft.goods else "", "set" if draft.goods else "absent"),
        SummaryRow("setup.device.backup", _name(draft.backup), "set" if draft.backup else "absent"),
        SummaryRow("setup.device.people", people, "set"),
    )


def _place(device: str, draft: SettingsDraft) -> str:
    match getattr(draft, device):
        case ScaleDraft(port=where) | ScannerDraft(port=where) | CameraDraft(path=where):
            return _shown(where)
        case PrinterDraft(address=where) | BrokerDraft(address=where):
            return _shown(where)
    return ""
