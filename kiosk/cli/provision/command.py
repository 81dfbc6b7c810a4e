"""``kiosk provision``: one sealed identity and one page with its code for each station of a list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.cli.provision.folder import complete_folder, require_free, write_identities
from kiosk.cli.provision.stations import MAX_BYTES, BadStations, files_beside, read_stations
from kiosk.cli.shared.one_line import end, progress
from kiosk.labels.typesetting.fonts import FontProblem


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder; it must not be there yet.")
def provision(file: Path, out: Path) -> None:
    """Make the identities of the stations in FILE (CSV; standard input when it is - or absent).

    What it changes: it makes the folder that --out names, mode 0700, with a file identity-S0147.toml for each station
    in station-identities (for the stick) and a page S0147.pdf with the code that opens it in papers (for the printer),
    mode 0600. The sealed files may be read by all: a stick with ext4 keeps their modes, and a station looks at it.
    Nothing else is written, and nothing at all unless every row is good. The codes are in the pages alone. A folder
    that is there already is refused: it may hold codes that are in use.
    """
    table = None if str(file) == "-" else file
    try:
        require_free(out)
        with click.open_file(str(file), "rb") as source:
            content = source.read(MAX_BYTES + 1)
        identities = read_stations(content, files_beside(table), datetime.now(UTC))
    except BadStations as bad:
        end("\n".join(map(str, bad.faults)), 2)
    except OSError as error:
        end(str(error), 2)
    try:
        with progress(f"{len(identities)} stations", "done") as show, complete_folder(out) as folder:
            write_identities(folder, identities, show)
    except (OSError, FontProblem) as error:
        end(f"{out} was not made: {error}", 1)
    click.echo(json.dumps({"stations": len(identities), "out": str(out)}))
