"""``kiosk provision``: one sealed identity and one page with its code for each station of a list."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import click
import msgspec
from fpdf import FPDF
from PIL import Image, ImageOps

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.base.files import sync_folder, write_synced
from kiosk.cli.provision.stations import MAX_BYTES, BadStations, files_beside, read_stations
from kiosk.cli.shared.one_line import counted, end, progress
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import StationIdentity, seal, sealed_name
from kiosk.labels.paper_texts import PaperText
from kiosk.labels.typesetting.fonts import FontProblem
from kiosk.labels.typesetting.typeset import Align, draw, fit, styles

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


WIDTH_MM, HEIGHT_MM = 210.0, 148.5  # Half of A4: two of them on one sheet are still one station each, when they are cut
_MARGIN_MM: Final = 12.0
_DOTS_PER_MM: Final = 12
_BY_HAND: Final = "…" * 20


def paper_pdf(identity: StationIdentity, code: PaperCode) -> bytes:
    pdf = FPDF(unit="mm")
    pdf.set_auto_page_break(False)
    pdf.set_title(f"Station {identity.station}")
    pdf.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    pdf.add_page(orientation="P", format=(WIDTH_MM, HEIGHT_MM))
    top = _MARGIN_MM
    for text, height, rtl in lines_of(identity, code):
        room = (WIDTH_MM - 2 * _MARGIN_MM, height)
        pdf.image(_line(text, rtl, room), _MARGIN_MM, top, *room)
        top += height + 1.0
    return bytes(pdf.output())


def lines_of(identity: StationIdentity, code: PaperCode) -> tuple[tuple[str, float, bool], ...]:
    """Text, height in mm, whether it runs from right to left. A village that is not in the list is written by hand."""
    return (
        (identity.station, 24.0, False),
        (f"{_label('village')}: {identity.village or _BY_HAND}", 8.0, False),
        (f"{_label('county')}: {identity.region}", 8.0, False),
        ("  ".join(code.groups), 18.0, False),
        *((text, 6.0, rtl) for key in ("type", "secret", "after") for text, rtl in _languages(_texts()[key])),
    )


def _label(key: str) -> str:
    return " · ".join(text for text, _ in _languages(_texts()[key]))


def _languages(text: PaperText) -> tuple[tuple[str, bool], ...]:
    return (text.ug, True), (text.zh, False), (text.en, False)


_PREBUILT_DECODER: Final = msgspec.json.Decoder(dict[str, PaperText])


@cache
def _texts() -> dict[str, PaperText]:
    text = Path(__file__).with_name("paper_texts.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, PaperText])


def _line(text: str, rtl: bool, size_mm: tuple[float, float]) -> Image.Image:
    room = round(size_mm[0] * _DOTS_PER_MM), round(size_mm[1] * _DOTS_PER_MM)
    choices = styles(round(size_mm[1] * 0.62 * _DOTS_PER_MM), round(2.2 * _DOTS_PER_MM))
    return ImageOps.invert(draw(fit(text, room, choices, rtl), room, Align.CENTER).convert("L"))
