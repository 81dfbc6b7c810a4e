"""A backup of a whole server, checked and put in place on a bare machine; if killed at any moment, it starts again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from kiosk.base import files
from kiosk.base.json_reader import Unreadable, reader
from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.care import copy_desk
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.database import desk_path
from kiosk.sorting_center.desk.shared.schema import REVISION
from kiosk.sorting_center.ledger import Ledger, without_password
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.database.schema import SCHEMA_VERSION
from kiosk.sorting_center.server.backup import (
    LEDGER,
    MANIFEST,
    OPTIONAL,
    PHOTOGRAPH_LIST,
    PHOTOGRAPHS,
    REQUIRED,
    SEALED,
    Convert,
    ServerFiles,
    ServerManifest,
    backups,
    copy_photograph,
    digest_of,
)

_STAGED: Final = ".restore"
_SECRET, _PUBLIC = 0o600, 0o644
_PHOTOGRAPH: Final = re.compile(r"[a-z0-9-]{1,16}/S[0-9]{4}/[0-9a-f]{2}/[0-9a-f]{64}\.jpg")
_read_manifest: Final = reader(msgspec.json.Decoder(ServerManifest))


def checked_backup(folder: Path) -> tuple[Path, ServerManifest]:
    """Find the newest backup in the folder, or the folder when it is one; check every file against its manifest.

    Raises Refused, OSError.
    """
    found = [folder] if (folder / MANIFEST).is_file() else backups(folder, finished=True)
    if not found:
        raise Refused("no_backup", f"there is no finished backup in {folder}")
    backup = found[-1]
    try:
        manifest = _read_manifest((backup / MANIFEST).read_bytes())
    except Unreadable as error:
        raise Refused("damaged", f"{backup / MANIFEST} is damaged ({error}): name an older backup") from error
    made, here = (
        [int(number) for number in re.findall(r"[0-9]+", text.partition("+")[0])]
        for text in (manifest.software, version("station-kiosk"))
    )
    if made > here or manifest.ledger_schema > SCHEMA_VERSION or manifest.desk_revision > int(REVISION):
        text = f"{backup} was made by newer software ({manifest.software}): install that version here first"
        raise Refused("newer", text)
    ledger = LEDGER if LEDGER in manifest.files else f"{LEDGER}{SEALED}"
    for name in sorted({ledger, PHOTOGRAPH_LIST, *REQUIRED, *manifest.files}):
        path = backup / name
        if not path.is_file() or digest_of(path) != manifest.files.get(name):
            raise Refused("damaged", f"{path} is missing or damaged: name an older backup")
    return backup, manifest


def put_configuration(backup: Path, configuration: Path) -> None:
    """Restore the configuration. Raises OSError, and Refused before any write when another server is set up here."""
    names = [name for name in (*REQUIRED, *OPTIONAL) if (backup / name).exists()]
    contents = {name: (backup / name).read_bytes() for name in names}
    for name, content in contents.items():
        path = configuration / name
        if path.exists() and path.read_bytes() != content:
            text = f"{path} is not that of the backup: a restore is for a machine on which nothing is set up"
            raise Refused("set_up", text)
    for name, content in contents.items():
        path = configuration / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_durably(path, content, _PUBLIC if path.suffix in (".toml", ".crt", ".pub") else _SECRET)


def put_ledger(backup: Path, target: ServerFiles, unseal: Convert | None = None) -> bool:
    """Restore the ledger, migrated and in a new feed generation; return False when it is already there.

    Raises Refused for another ledger that is not empty, LedgerError, DeskError, OSError, and what ``unseal`` raises,
    which a sealed backup needs.
    """
    path = LedgerAddress.parse(target.ledger_url).path
    staged = (path or target.photographs).parent / _STAGED / LEDGER
    shutil.rmtree(staged.parent, ignore_errors=True)
    staged.parent.mkdir(mode=0o700, parents=True)
    for source, copy in ((backup / LEDGER, staged), (desk_path(backup / LEDGER), desk_path(staged))):
        if unseal is not None and (sealed := source.with_name(f"{source.name}{SEALED}")).exists():
            with files.open_regular(sealed) as closed, copy.open("wb") as opened:
                unseal(closed, opened)
        elif source.exists():
            shutil.copyfile(source, copy)
    url = f"sqlite:///{staged}"
    with Ledger.open(url) as ledger, closing(CenterDesk.open(url)):
        ledger_id = ledger.ledger_id
    Ledger.begin_generation(url)
    new = not _holds(target.ledger_url, ledger_id)
    if path is not None and new:
        # The ledger comes last: while it is not there, all of it is done once more.
        for left in path.parent.glob(f"{path.stem}.*"):  # Also what was made of another ledger's events
            left.unlink()
        for fresh, place in ((desk_path(staged), desk_path(path)), (staged, path)):
            with fresh.open("rb") as written:
                files.flush_to_disk(written)
            fresh.replace(place)
            files.chown_to_folder_owner(place)
            files.sync_folder(place.parent)
    elif path is None:
        if new:
            copy_ledger(url, target.ledger_url)
        with closing(CenterDesk.open(target.ledger_url)) as desk:
            has_people = bool(desk.people.all())
        if not has_people:
            copy_desk(url, target.ledger_url)
    shutil.rmtree(staged.parent)
    return new


def _holds(url: str, ledger_id: str) -> bool:
    """Return whether this ledger is there; make an empty one where none is. Raises Refused for another."""
    with Ledger.open(url) as ledger:
        if ledger.ledger_id != ledger_id and ledger.counts().events:
            raise Refused(
                "not_empty", f"{without_password(url)} holds another ledger: move it away first. It was not changed"
            )
        return ledger.ledger_id == ledger_id


def put_photographs(backup: Path, target: Path) -> Iterator[str]:
    """Restore missing photographs; yield the names of those missing or damaged in the backup. Raises OSError."""
    for name in (backup / PHOTOGRAPH_LIST).read_text("ascii").splitlines():
        # A disk may come from anybody: nothing is written outside of the folder.
        is_safe = _PHOTOGRAPH.fullmatch(name) is not None
        if is_safe and (target / name).exists():
            continue
        if not is_safe or not copy_photograph(backup.parent / PHOTOGRAPHS / name, target / name):
            yield name
