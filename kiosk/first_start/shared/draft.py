"""What the first start has learned so far, kept beside the settings file it will become.

``FILE.draft.json`` is written whole after every answer, so that a power cut costs at most one screen. It holds the
hashes of PINs and is readable by the station's own user alone.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final, Literal

import msgspec

from kiosk.base.files import write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.devices.camera.settings import FittedKind
from kiosk.devices.printer.settings import PrinterKind
from kiosk.devices.scanner.settings import ScannerKind

logger = logging.getLogger(__name__)

DRAFT_MODE = 0o600
# A device has shown itself, was measured outside its limits, has not been tried, is not there.
Proof = Literal["seen", "poor", "unseen", "absent"]


class DraftPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One device's answers; a field that is still at its default has not been asked."""


class ScaleDraft(DraftPart, frozen=True):
    """``format`` is data bits, parity and stop bits in the usual shorthand, like 8N1."""

    port: str
    protocol: str = ""
    baud: int = 0
    format: str = "8N1"
    e_g: int = 0
    max_g: int = 0


class PrinterDraft(DraftPart, frozen=True):
    """As PrinterSettings; the profile comes after the address."""

    kind: PrinterKind
    address: str
    profile: str = ""


class ScannerDraft(DraftPart, frozen=True):
    kind: ScannerKind
    port: str = ""


class CameraDraft(DraftPart, frozen=True):
    kind: FittedKind
    path: str


class BrokerDraft(DraftPart, frozen=True):
    """``account``: how the station proves itself, ``none``, ``certificate`` or ``password``; the files go with it.

    ``photos`` and ``updates``: the sorting center's addresses for them, as far as an identity contains them.
    """

    scheme: Literal["mqtts", "mqtt"]
    address: str = ""
    ca_file: str = ""
    account: str = ""
    cert_file: str = ""
    key_file: str = ""
    password_file: str = ""
    photos: str = ""
    updates: str = ""


class GoodsDraft(DraftPart, frozen=True):
    """The catalog the station begins with: where it was found, the file itself, and what it was seen to hold.

    ``first`` are the names of some of its goods, by language.
    """

    source: str
    name: str
    content: bytes
    products: int
    prices: int = 0
    containers: int = 0
    members: int = 0
    first: dict[str, tuple[str, ...]] = {}


class PersonDraft(DraftPart, frozen=True):
    name: str
    pin_hash: str = ""


class SettingsDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All answers. ``at`` is the question on the screen, ``proven`` what was seen working, by device.

    ``backup`` is the folder of the second medium, "" for none, and ``backup_uuid`` that of its file system.

    ``offered``: identities were in sight; ``identity`` is the station that was chosen, ``taken``: this machine is it,
    ``county_key`` is what it says of recovery kits, and ``county``: it brought the files of ``[county]``.

    ``networked``: a helper sets this machine's network; ``wifi`` is "" for a cable, "search", or the kind and name of
    the network whose password is typed.

    ``kits``: kits or backups were in sight; ``recovery`` is the station that is to be put back, ``lettered``: the card
    knows its receipt letters, else ``letter`` is that of the newest paper receipt.
    """

    at: str = "language"
    language: Literal["", "ug", "zh", "en"] = ""
    width_px: int = 800
    height_px: int = 480
    diagonal_in: float = 0.0
    station: str = ""
    region: str = ""
    village: str = ""
    scale: ScaleDraft | None = None
    label: PrinterDraft | None = None
    receipt: PrinterDraft | None = None
    scanner: ScannerDraft | None = None
    camera: CameraDraft | None = None
    broker: BrokerDraft | None = None
    goods: GoodsDraft | None = None
    backup: str = ""
    backup_uuid: str = ""
    networked: bool = False
    wifi: str = ""
    kits: bool = False
    recovery: str = ""
    lettered: bool = False
    letter: str = ""
    offered: bool = False
    identity: str = ""
    taken: bool = False
    county_key: str = ""
    county: bool = False
    technician: PersonDraft | None = None
    clerk: PersonDraft | None = None
    proven: dict[str, Proof] = {}


def draft_path(config_file: Path) -> Path:
    return config_file.with_name(f"{config_file.name}.draft.json")


def drop_draft(config_file: Path) -> None:
    """Delete the draft, which holds hashes of PINs: with settings in place it is not continued. It may have been kept
    in the moment in which the settings came by another way.
    """
    try:
        draft_path(config_file).unlink(missing_ok=True)
    except OSError as error:
        logger.warning("the draft of the first start stays: %s", error)


def needs_first_start(config_file: Path) -> bool:
    """Return whether there is no settings file yet. One that is inaccessible or of another kind is not "no file"."""
    try:
        config_file.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


_draft: Final = reader(msgspec.json.Decoder(SettingsDraft))


def load_draft(path: Path) -> SettingsDraft:
    """Read the draft; a fresh one when there is none or it is damaged: the questions are asked again then."""
    try:
        return _draft(path.read_bytes())
    except FileNotFoundError:
        return SettingsDraft()
    except (OSError, Unreadable) as error:
        logger.warning("the draft %s cannot be used (%s): the first start begins again", path, error)
        return SettingsDraft()


def save_draft(path: Path, draft: SettingsDraft) -> None:
    write_durably(path, msgspec.json.format(msgspec.json.encode(draft), indent=1), DRAFT_MODE)
