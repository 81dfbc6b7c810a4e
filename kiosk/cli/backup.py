"""``kiosk backup`` and ``kiosk restore``: the database on a second medium, and back."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import SETTINGS_PATHS, config_option, read_config, settings_path
from kiosk.config.station import StationConfig, load
from kiosk.station.papers.network_printer import STATION_UNIT
from kiosk.station.shared.open_store import stamps
from kiosk.store import Store, StoreError
from kiosk.store.backup.backup import FinishedBackup
from kiosk.store.backup.kit.contents import Kit
from kiosk.store.backup.kit.kit_files import read_kit
from kiosk.store.backup.kit.sealing import open_with_paper, require_paper
from kiosk.store.backup.medium import BackupRefused, check_medium, uuid_of
from kiosk.store.backup.restore import RestoreOptions, RestoreResult
from kiosk.store.backup.restore import restore as bring_back
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.opening import OpenOptions
from kiosk.store.database.persistence import is_box, require_persistent


@click.command()
@config_option
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Another folder than the one in [backup].")
@click.option("--same-disk", is_flag=True, help="Allow the disk of the database itself: for a trial, it is no backup.")
@click.option("--bind", is_flag=True, help="From now on this medium alone: writes its UUID into the settings file.")
def backup(path: Path | None, to: Path | None, same_disk: bool, bind: bool) -> None:
    """Copy the database and the pictures to a second medium, while the station works.

    Exit 0 when the backup was made, 1 when it was not or not whole, 2 on wrong usage.
    """
    config = read_config(path, load)
    settings = _settings(config, to)
    if bind:
        settings = _bind(config, settings, settings_path(path), to)
    try:
        made = _make(config, settings, same_disk, settings_path(path))
    except StoreError as error:
        end(str(error), 1)
    size = made.manifest.size_bytes / 1_000_000
    click.echo(
        f"Backup {made.path}: {made.manifest.events} events, {size:.1f} MB, checked; "
        f"{made.photos} pictures copied, {made.dropped} old backups deleted."
    )
    if made.problem:
        end(made.problem, 1)


def _settings(config: StationConfig, to: Path | None) -> BackupSettings:
    if config.backup is None and to is None:
        end("no backup medium: give a folder with --to, or write [backup] folder into the settings", 2)
    settings = config.backup or BackupSettings(Path())
    return settings if to is None else replace(settings, folder=to, uuid="")


def _bind(config: StationConfig, settings: BackupSettings, file: Path | None, to: Path | None) -> BackupSettings:
    """Write the UUID of the present medium into the settings file and return the settings; end with 1 or 2."""
    from kiosk.station.shared.settings_edit import NotWritten, rewrite

    if to is not None or config.backup is None or file is None:
        end("--bind is for the folder in [backup]: write it into the settings, without --to", 2)
    try:
        check_medium(settings.folder, config.station.data, same_disk=False)
        uuid = uuid_of(settings.folder)
        if not uuid:
            raise BackupRefused("database", f"The medium at {settings.folder} has no UUID that could be written down.")
        copy = rewrite(file, "backup", {"uuid": uuid}, load)
    except (StoreError, OSError, NotWritten) as error:
        end(f"The medium is not bound: {error}", 1)
    click.echo(f"Backups go to the medium with the UUID {uuid} alone: {file} says so, {copy} is as it was before.")
    click.echo("Restart the station: its own page takes it then, too.")
    return replace(settings, uuid=uuid)


def _make(config: StationConfig, settings: BackupSettings, same_disk: bool, file: Path | None) -> FinishedBackup:
    from kiosk.station.doctor.tools import back_up
    from kiosk.station.recovery.kit_creation import KitSource, write_kit_beside

    own = config.station
    if not own.database.is_file():
        raise StoreError(f"There is no database {own.database} to back up: start the station once.")
    for folder in (own.data, settings.folder):
        require_persistent(folder)
    stamp = stamps(own)
    with closing(Store.open(own.database, own.station, stamp(), OpenOptions(check=False, stamps=stamp))) as store:
        source = KitSource(config, file, os.environ)
        made = back_up(store, settings, own, stamp(), same_disk=same_disk, own_key=source.own_key())
    return write_kit_beside(made, settings, source, stamp())


ADD_LETTER: Final = (
    "add --letter with the letter on the newest paper receipt (A when there is none), or copy receipt-series "
    "from the old card into the data folder"
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@click.option("--letter", help="The letter on the newest paper receipt, for a card without its receipt-series.")
@click.option(
    "--kit",
    "kit_path",
    type=click.Path(path_type=Path),
    help="For a new card: the recovery kit as the county has opened it. Asks for the digits on the paper.",
)
def restore(file: Path, path: Path | None, letter: str | None, kit_path: Path | None) -> None:
    """Bring the backup FILE (.age or .db) back; the station goes on in a new epoch with the next receipt letter.

    The station and its relay must be stopped. The present database is kept beside. With --kit a new card becomes the
    station: its settings, its key and its certificates are put in place as well, as administrator.

    Exit 0 when the backup is in its place, 1 when nothing was changed, 2 on wrong usage.
    """
    if kit_path is not None:
        _restore_new_card(file, settings_path(path) or SETTINGS_PATHS[-1], letter, kit_path)
        return
    config = read_config(path, load)
    try:
        problem = _restore(file, config, letter)
    except StoreError as error:
        end(str(error), 1)
    if problem:
        end(problem, 1)


def _restore(file: Path, config: StationConfig, letter: str | None) -> str:
    """Restore the database; return a sentence when something beside it is not restored. Raises StoreError."""
    from kiosk.station.recovery.kit_creation import KitSource

    own, key = config.station, KitSource(config, None, os.environ).own_key()
    has_letters = own.database.with_name("receipt-series").exists()
    require_persistent(own.data)
    back = bring_back(file, own.database, own.station, stamps(own)(), RestoreOptions(letter, own_key=key))
    for line in _summary(file, back, sure_of_letters=has_letters or letter is not None):
        click.echo(line)
    return back.problem


def _restore_new_card(file: Path, settings_file: Path, letter: str | None, kit_path: Path) -> None:
    """Restore a new card. Everything is checked before the first byte is written; the settings come last."""
    from kiosk.station.recovery.kit_restore import LetterMissing, RestoreSource, make_station

    try:
        _require_stopped()
        kit = _open_kit(kit_path)
        back = make_station(RestoreSource(kit, file, letter), settings_file, load)
    except LetterMissing as error:
        end(f"{error}: {ADD_LETTER}", 2)
    except StoreError as error:
        end(str(error), 1)
    for line in _summary(file, back, sure_of_letters=True):
        click.echo(line)
    click.echo(
        f"This card is station {kit.station} of {kit.region}: its key, {len(kit.credentials)} files of the relay and "
        f"{settings_file} are in place, and old pickup codes and PINs hold. Destroy the paper and the opened kit."
    )
    if back.problem:
        end(back.problem, 1)


def _require_stopped() -> None:
    """Raise StoreError while the station runs: a waiting first start would go on with the key it began with."""
    if not is_box(os.environ):
        return
    try:
        answer = subprocess.run(["systemctl", "--quiet", "is-active", STATION_UNIT], timeout=5.0, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
    if answer.returncode == 0:
        raise StoreError(
            "The station runs, or its first start waits: stop it first (systemctl stop kiosk-station kiosk-relay). "
            "It starts by itself when everything is in place. Nothing was changed."
        )


def _open_kit(path: Path) -> Kit:
    from kiosk.store.backup.kit.kit_files import read_folder

    if path.is_dir():
        return read_folder(path)
    content = read_kit(path)
    require_paper(content)
    return open_with_paper(content, click.prompt("The digits on the paper", hide_input=True))


def _summary(file: Path, back: RestoreResult, *, sure_of_letters: bool) -> list[str]:
    epoch = back.epoch
    proof = (
        "it is, byte for byte, what its manifest says" if back.verified else "it had no manifest, only its own checks"
    )
    lines = [
        f"The backup {file} is in its place ({epoch.events} events; {proof}).",
        f"Old epoch {epoch.old.epoch} (receipts {epoch.old.letter}) has ended.",
        f"New epoch {epoch.new.epoch} has begun: receipts go on with {epoch.new.letter}-000001.",
        f"{epoch.reissued_events} events of the backup are told to the sorting center again; it counts each once.",
    ]
    if epoch.papers:
        lines.append(
            f"{epoch.papers} papers waited to be printed then: the queue at the counter asks whether they came out."
        )
    if back.photos:
        lines.append(f"{back.photos} pictures were brought back.")
    if back.previous_database is not None:
        lines.append(f"The database that was here is kept in {back.previous_database}; nothing of it was changed.")
    if not sure_of_letters:
        lines.append(
            f"This card had no receipt-series: look at the newest paper receipt. When its letter is {epoch.new.letter} "
            "or later, restore again with --letter before the station starts."
        )
    lines.append(
        "Compare shelves and papers with the lists at the counter: what was done after the backup is not in it."
    )
    return lines
