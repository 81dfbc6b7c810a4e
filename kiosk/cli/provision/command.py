"""``kiosk provision``: one sealed identity and one page with its code for each station of a list."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.base.files import sync_folder, write_synced
from kiosk.cli.provision.paper import paper_pdf
from kiosk.cli.provision.stations import MAX_BYTES, BadStations, files_beside, read_stations
from kiosk.cli.shared.one_line import counted, end, progress
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import StationIdentity, seal, sealed_name
from kiosk.labels.typesetting.fonts import FontProblem

PAPERS: Final = "papers"
# A stick with ext4 keeps the modes of what is copied, and the station's user looks at it: sealed, anybody may. Where
# they are made, the folder around them is for its owner alone.
_FOLDER_OF_STICK, _FILE_OF_STICK = 0o755, 0o644


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
    if os.path.lexists(out):
        end(f"{out} is there already: name a new folder, its codes may be in use", 2)
    table = None if str(file) == "-" else file
    try:
        with click.open_file(str(file), "rb") as source:
            content = source.read(MAX_BYTES + 1)
        identities = read_stations(content, files_beside(table), datetime.now(UTC))
    except BadStations as bad:
        end("\n".join(map(str, bad.faults)), 2)
    except OSError as error:
        end(str(error), 2)
    try:
        with progress(f"{len(identities)} stations", "done") as show, _complete_folder(out) as folder:
            for identity in counted(identities, show):
                _write(folder, identity)
    except (OSError, FontProblem) as error:
        end(f"{out} was not made: {error}", 1)
    click.echo(json.dumps({"stations": len(identities), "out": str(out)}))


@contextmanager
def _complete_folder(out: Path) -> Iterator[Path]:
    """A folder that gets its name once everything is in it: half of the codes would look like all of them."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))  # 0700
    try:
        for name, mode in ((FOLDER, _FOLDER_OF_STICK), (PAPERS, 0o700)):
            (fresh / name).mkdir()
            (fresh / name).chmod(mode)
        yield fresh
        for folder in (fresh / FOLDER, fresh / PAPERS, fresh):
            sync_folder(folder)
        if os.path.lexists(out):  # an empty folder would be replaced
            raise FileExistsError(f"{out} is there already")
        fresh.rename(out)
        sync_folder(out.absolute().parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _write(folder: Path, identity: StationIdentity) -> None:
    code = PaperCode.generate(secrets.randbelow)
    _new(folder / FOLDER / sealed_name(identity.station), seal(identity, code), _FILE_OF_STICK)
    _new(folder / PAPERS / f"{identity.station}.pdf", paper_pdf(identity, code), 0o600)


def _new(path: Path, content: bytes, mode: int) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.chmod(mode)
    write_synced(path, content)
