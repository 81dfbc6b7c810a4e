"""``kiosk update``: hand a bundle in and follow it; and the root helper's own call."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click

from kiosk.app.update.board import UPDATE_PATHS
from kiosk.app.update.database import as_owner
from kiosk.app.update.helper import make_updater, refuse_request, run_helper
from kiosk.app.update.releases import ReleaseFolder
from kiosk.base.files import atomic_writer, exclusive_folder
from kiosk.base.root_requests import working
from kiosk.cli.doctor.command import ago
from kiosk.cli.shared.one_line import end, progress
from kiosk.cli.shared.settings import SETTINGS_PATHS as SETTINGS_PLACES
from kiosk.cli.shared.settings import config_option, read_config, settings_path
from kiosk.config.file import BadConfig
from kiosk.config.station import StationConfig, load
from kiosk.station.update.bundle import HEAD_BYTES, parse_head, verify_manifest
from kiosk.station.update.journal import JournalFile, UpdateOutcome
from kiosk.station.update.messages import BUNDLE_END, BUNDLES, Request, UpdateFiles, is_bundle_name
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused, sentence
from kiosk.store import StoreError
from kiosk.texts import load as load_texts

_POLL_INTERVAL_S: Final = 0.5
_FOLLOW_TIMEOUT_S: Final = 900.0  # Unpacking on a slow card, the copy, the trial and the rollback
_PICKUP_TIMEOUT_S: Final = 60.0
# A helper that cannot step back tries again every five seconds, and reads a whole database each time.
_KEEP_S: Final = 60.0


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@config_option
@click.option("--status", is_flag=True, help="What runs, what is under way, what came of the newest update.")
@click.option("--keep", is_flag=True, help="Keep the new release where the former one can never come back.")
@click.option("--helper", is_flag=True, hidden=True, help="As kiosk-update.service calls it: settle, then serve.")
def update(file: Path | None, path: Path | None, status: bool, keep: bool, helper: bool) -> None:
    """Install the update bundle FILE, and follow it until it is kept or taken back.

    FILE is copied into the station's folder of bundles. Then kiosk-update.service checks it, lays the release beside
    the others, copies the database, stops station and relay, and starts the new release on trial. When that is healthy
    it stays, and the copy is deleted; else the former release and the copied database are back within two minutes.
    Settings, keys and pictures are not touched.

    With --keep, and never by itself: a new release that was to be taken back stays, because the card has spoiled the
    copy of the database, or the database tells what the copy does not. Refused wherever the former release can come
    back.

    Exit 0 when the new release was kept, 1 when it was refused or taken back, 2 on wrong usage.
    """
    if helper:
        _run_helper(path)
    elif keep:
        _keep_new_release(read_config(path, load))
    elif status:
        click.echo(_status(path))
    elif file is None:
        end("name the bundle, or ask with --status", 2)
    else:
        _install(read_config(path, load), file)


def _status(path: Path | None) -> str:
    try:
        release = ReleaseFolder(UPDATE_PATHS.releases, UPDATE_PATHS.package).running()
        journal = JournalFile(UPDATE_PATHS.releases)
        entry, outcome = journal.read(), journal.outcome()
    except OSError as error:
        end(f"this is no machine that can be updated: {error}", 1)
    lines = [f"runs {release.version} ({release.architecture}, Python {release.python}, schema {release.schema})"]
    if entry is not None:
        lines.append(f"an update to {entry.version} is under way: {entry.phase}")
    if outcome is not None:
        lines.append(_outcome_text(outcome))
    return "\n".join([*lines, *_relay_status(path)])


def _relay_status(path: Path | None) -> Iterator[str]:
    """Yield the relay's state of updates; nothing where it has none, or the user may not read the settings."""
    from kiosk.station.doctor.environment import updates

    place = settings_path(path)
    try:
        row = None if place is None else updates(load(place))
    except (BadConfig, OSError):
        return
    if row is not None:
        age_text = "" if row.last_seen_s is None else f" (the sorting center was asked {ago(row.last_seen_s)})"
        yield f"over the line: {row.sentence(load_texts('en'))}{age_text}"


def _outcome_text(outcome: UpdateOutcome) -> str:
    if outcome.why is None:
        return f"the newest update, to {outcome.version}, was kept{f' ({outcome.detail})' if outcome.detail else ''}"
    about = f", to {outcome.version}," if outcome.version else ""
    return f"the newest update{about} was not kept: {sentence(outcome.why, outcome.detail)}"


def _keep_new_release(config: StationConfig) -> None:
    try:
        with working(UPDATE_PATHS.releases, _KEEP_S):
            outcome = make_updater(config, UPDATE_PATHS).keep_new()
    except BlockingIOError:
        end(UpdateRefusalReason.RUNNING.sentence, 1)
    except UpdateRefused as error:
        end(str(error), 1)
    except (OSError, StoreError) as error:
        end(f"nothing was changed: {error}", 1)
    if outcome is None:
        end("nothing is to be decided: no update is under way, or the former version comes back by itself", 1)
    click.echo(f"{outcome.version} is kept")


def _install(config: StationConfig, file: Path) -> None:
    data = config.station.data
    name = file.name if is_bundle_name(file.name) else f"update{BUNDLE_END}"
    journal = JournalFile(UPDATE_PATHS.releases)
    try:
        if not UPDATE_PATHS.releases.is_dir():
            end("this is no machine that can be updated: a package has to be installed", 1)
        _require_signed(file)
        before = journal.outcome()
        with progress("copying"), file.open("rb") as source, as_owner(data):
            _copy_bundle(source, data / BUNDLES / name)
            UpdateFiles(data).request.write(Request(name))
        click.echo("handed in")
        outcome = _follow(journal, UpdateFiles(data), before)
    except UpdateRefused as error:
        end(str(error), 1)
    except OSError as error:
        end(sentence(UpdateRefusalReason.DISK, str(error)), 1)
    if outcome is None:
        end("nothing was heard of it: is kiosk-update.path enabled? (systemctl status kiosk-update)", 1)
    if outcome.why is not None:
        end(sentence(outcome.why, outcome.detail), 1)
    click.echo(f"{outcome.version} is kept")


def _require_signed(file: Path) -> None:
    """Verify the bundle's signature before it is copied. Raises UpdateRefused, OSError."""
    if not file.is_file():
        raise UpdateRefused(UpdateRefusalReason.NOT_FOUND)
    with file.open("rb") as bundle:
        head = parse_head(bundle.read(HEAD_BYTES))
        verify_manifest(
            head, bundle.read(head.manifest_bytes), ReleaseFolder(UPDATE_PATHS.releases, UPDATE_PATHS.package).keys()
        )


def _copy_bundle(source: BinaryIO, target: Path) -> None:
    """Copy under another name first: the technician's page lists what is there. Raises UpdateRefused, OSError."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        with exclusive_folder(target.parent), atomic_writer(target) as copy:
            shutil.copyfileobj(source, copy)
    except BlockingIOError as error:
        raise UpdateRefused(UpdateRefusalReason.RUNNING, "another one is being copied") from error


def _follow(journal: JournalFile, files: UpdateFiles, before: UpdateOutcome | None) -> UpdateOutcome | None:
    last_phase, end_at, pickup_deadline = "", time.monotonic() + _FOLLOW_TIMEOUT_S, time.monotonic() + _PICKUP_TIMEOUT_S
    while (now := time.monotonic()) < end_at:
        entry, outcome = journal.read(), journal.outcome()
        if entry is not None and entry.phase != last_phase:
            last_phase = entry.phase.value
            click.echo(last_phase)
        if entry is None and outcome is not None and outcome != before:
            return outcome
        if entry is None and files.request.exists() and now > pickup_deadline:
            return None
        time.sleep(_POLL_INTERVAL_S)
    return None


def _run_helper(path: Path | None) -> None:
    from kiosk.app.process import setup_logging
    from kiosk.app.systemd import Notifier

    setup_logging()
    settings = path or SETTINGS_PLACES[-1]
    try:
        try:
            with as_owner(settings.parent):
                config = read_config(settings, load)
        except SystemExit:
            refuse_request(UPDATE_PATHS.data, UPDATE_PATHS, UpdateRefusalReason.NOT_SET_UP)
            raise
        run_helper(config, UPDATE_PATHS, lambda: Notifier.from_environ().ready("no update is left half done"))
    except UpdateRefused as error:
        end(error.why.sentence, 1)
    except (OSError, StoreError) as error:
        end(f"the update cannot be ended now: {error}", 3)
