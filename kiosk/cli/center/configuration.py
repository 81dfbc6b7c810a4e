"""``sorting-center configuration``: the county's key, what each station has, and documents for sticks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.base.files import sync_folder
from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.people import COMMAND
from kiosk.cli.center.station import county_command, open_authority
from kiosk.cli.provision.folder import complete_folder, write_new
from kiosk.cli.shared.one_line import end
from kiosk.messaging.contract.configuration import DOCUMENT, FOLDER, parse_document
from kiosk.sorting_center.configuration.keys import KEY_FILE, issue_key
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.station_configurations import NO_CONFIGURATION
from kiosk.sorting_center.server.layout import USER, ServerLayout

# A stick with ext4 keeps the modes of copied files, and the station's user reads them.
_FOLDER_OF_STICK, _FILE_OF_STICK = 0o755, 0o644


@click.group()
def configuration() -> None:
    """Manage what stations are given: the key that signs it, the version that each has, and the same on a stick."""


@configuration.command()
@click.option(
    "--pass-phrase-file",
    "phrase",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds the pass phrase of authority.key, else asked for.",
)
@click.option(
    "--authority",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=ServerLayout().authority,
    show_default=True,
    help="Where authority.crt and authority.key are.",
)
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), default=KEY_FILE, show_default=True)
@click.option("--generation", type=click.IntRange(1), help="Its number, where a backup has lost the last ones.")
@ledger_option
@clear_errors
def key(phrase: Path | None, folder: Path, file: Path, generation: int | None, url: str) -> None:
    """Make the next generation of the county's key, also for one that was stolen. As root.

    Writes the key (mode 0600) into --file, its certificate (.crt) beside it. Every station gets a new document under
    it, and takes none of the key before any more.
    """
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        authority = open_authority(folder, phrase)
        owner = USER if file == KEY_FILE else ""
        made = issue_key(authority, desk.documents, file, now, generation=generation, owner=owner)
        desk.audit.record(COMMAND, AuditAction.CONFIGURATION_KEY_MADE, authority.region, f"generation {made}", now)
    click.echo(json.dumps({"region": authority.region, "generation": made, "file": str(file)}))


@configuration.command("list")
@county_command
def list_versions(desk: CenterDesk, region: str) -> None:
    """Print a JSON object per station: newest document, applied one, last refused one. Changes nothing."""
    known = desk.configurations.all()
    for of, station in sorted(known.keys() | desk.registry.current().stations):
        if of == region:
            one = known.get((of, station), NO_CONFIGURATION)
            versions = {
                "document": one.newest,
                "applied": one.applied and one.applied.version,
                "refused": one.refused and one.refused.version,
            }
            texts = {name: str(version or "") for name, version in versions.items()}
            reason = one.refused.reason if one.refused is not None else ""
            click.echo(json.dumps({"station": station} | texts | {"reason": reason}))


@configuration.command()
@click.argument("stations", nargs=-1, metavar="[STATION]...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder.")
@county_command
def stick(desk: CenterDesk, region: str, stations: tuple[str, ...], out: Path) -> None:
    """Write the newest signed documents of STATIONS, or of all, with their parts as a folder for sticks.

    Copy what is in the folder to the top of the stick; the technician's page of each station takes its own.
    """
    with complete_folder(out) as fresh:
        chosen = stations or sorted(desk.documents.all_newest(region))
        if not chosen:
            end(f"{PROGRAM}: no document was made yet: {PROGRAM} run makes them, with --configuration-key", 2)
        (fresh / FOLDER).mkdir(mode=_FOLDER_OF_STICK)
        for station in dict.fromkeys(chosen):
            newest = desk.documents.newest(region, station)
            if newest is None:
                end(f"{PROGRAM}: no document was made for {station[:20]!r} yet", 2)
            folder = fresh / FOLDER / station
            folder.mkdir(mode=_FOLDER_OF_STICK)
            for sha256 in {part.sha256 for part in parse_document(newest.content).parts.values()}:
                part = desk.documents.part(region, station, sha256)
                if part is None:
                    end(f"{PROGRAM}: a newer document of {station} is being made: type the same command again", 1)
                write_new(folder / f"{sha256}.json", part, _FILE_OF_STICK)
            write_new(folder / DOCUMENT, newest.content, _FILE_OF_STICK)
            sync_folder(folder)
    click.echo(json.dumps({"stations": len(dict.fromkeys(chosen)), "out": str(out)}))
