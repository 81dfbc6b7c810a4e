"""``kiosk printer`` and ``kiosk label``: what a technician and a check ask about printers and papers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO
from typing import IO, Any, NamedTuple

import click
import msgspec

from kiosk.labels import documents
from kiosk.labels.day_slip import render_day_slip
from kiosk.labels.fonts import FontProblem
from kiosk.labels.label import render_bag_label
from kiosk.labels.layout import DOTS_PER_MM, dots_per_mm
from kiosk.labels.parcel_papers import render_parcel_label, render_pickup_slip
from kiosk.labels.raster import Raster
from kiosk.labels.receipt import render_receipt
from kiosk.labels.test_papers import render_test_label, render_test_receipt
from kiosk.protocols.printers import escpos, status, tspl, zpl

_LABEL_GAP_MM = 2


class WrongUsage(click.ClickException):
    """Exit code 2 and one line, as the command-line contract asks."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {' '.join(self.format_message().split())}", file=file or sys.stderr)


class OneLineGroup(click.Group):
    """A group whose subcommands say what is wrong in one line, without the usage text."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise WrongUsage(error.format_message()) from error


@click.group(cls=OneLineGroup)
def printer() -> None:
    """Printers: what their answers mean."""


@printer.command("status")
@click.option("--language", type=click.Choice(sorted(status.PARSERS)), required=True)
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
def printer_status(language: str, file: IO[str]) -> None:
    """Judge status replies, one hex line each. What is no whole reply is unknown, never ready."""
    for line in file:
        report = status.parse(language, _hex(line))
        click.echo(json.dumps({"ready": report.ready, "fault": report.fault, "flags": list(report.flags)}))


def _hex(line: str) -> bytes:
    """Bytes of a hex line; what is not hex counts as no reply."""
    try:
        return bytes.fromhex(line)
    except ValueError:
        return b""


@click.group(cls=OneLineGroup)
def label() -> None:
    """Labels and receipts as bytes for a printer or as a picture."""


class _Template(NamedTuple):
    """A kind of paper: its document, who draws it, and the gap after it on the roll (a strip has none)."""

    document: type[Any]
    draw: Callable[[Any, int], Raster]
    gap_mm: int = 0


_TEMPLATES = {
    "bag": _Template(documents.BagLabel, render_bag_label, _LABEL_GAP_MM),
    "receipt": _Template(documents.Receipt, render_receipt),
    "parcel_label": _Template(documents.ParcelLabel, render_parcel_label, _LABEL_GAP_MM),
    "pickup_slip": _Template(documents.PickupSlip, render_pickup_slip),
    "day_slip": _Template(documents.DaySlip, render_day_slip),
    "test_label": _Template(documents.TestLabel, render_test_label, _LABEL_GAP_MM),
    "test_receipt": _Template(documents.TestReceipt, render_test_receipt),
}


@label.command("render")
@click.option("--template", type=click.Choice(sorted(_TEMPLATES)), required=True)
@click.option("--data", type=click.File("rb"), default="-", help="JSON document; standard input when absent")
@click.option("--dpi", type=click.Choice([str(dpi) for dpi in DOTS_PER_MM]), default="203", show_default=True)
@click.option("--language", type=click.Choice(["zpl", "tspl", "escpos", "png"]), required=True)
@click.option("--out", type=click.File("wb", lazy=True), required=True)
def render(template: str, data: IO[bytes], dpi: str, language: str, out: IO[bytes]) -> None:
    """Write the bytes a printer gets for one document, or the picture of it."""
    paper = _TEMPLATES[template]
    try:
        raster = paper.draw(msgspec.json.decode(data.read(), type=paper.document), int(dpi))
    except FontProblem as error:
        raise click.ClickException(str(error)) from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise WrongUsage(f"{data.name}: {error}") from error
    try:
        out.write(encode(raster, language, int(dpi), paper.gap_mm))
    except (OSError, click.FileError) as error:
        raise WrongUsage(f"cannot write {out.name}: {error}") from error


def encode(raster: Raster, language: str, dpi: int, gap_mm: int) -> bytes:
    """Return a page in a printer language or as a PNG file."""
    per_mm = dots_per_mm(dpi)
    if language == "tspl":
        size_mm = (-(-raster.width_dots // per_mm), -(-raster.height_dots // per_mm))
        return tspl.page(raster, *size_mm, gap_mm=gap_mm)
    if language == "zpl":
        return zpl.page(raster)
    if language == "escpos":
        return escpos.page(raster)
    picture = BytesIO()
    raster.to_image().save(picture, "PNG", dpi=(dpi, dpi))
    return picture.getvalue()
