"""``kiosk printer`` and ``kiosk label``: what a technician and a check ask about printers and papers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import click
import msgspec

from kiosk.base.json_reader import reader
from kiosk.cli.scale.options import ended_by_signal, run_fault_commands
from kiosk.devices.printer.profiles import profile as find_profile
from kiosk.devices.printer.profiles import profiles
from kiosk.labels.layout import Layouts
from kiosk.labels.layout_check import check
from kiosk.labels.papers.bag_label import (
    BagLabel,
    CrateLabel,
    render_bag_label,
    render_crate_label,
    render_shop_bag_label,
    render_small_bag_label,
)
from kiosk.labels.papers.day_slip import DaySlip, render_day_slip
from kiosk.labels.papers.manifest import ManifestDocument, render_manifest
from kiosk.labels.papers.parcel import ParcelLabel, PickupSlip, render_parcel_label, render_pickup_slip
from kiosk.labels.papers.printer_diagnostics import TestLabel, TestReceipt, render_test_label, render_test_receipt
from kiosk.labels.papers.receipt import ReceiptDocument, render_receipt
from kiosk.labels.papers.samples import SAMPLES
from kiosk.labels.papers.tags import (
    MemberCard,
    SealTag,
    ToteTag,
    render_member_card,
    render_member_label,
    render_seal_tag,
    render_tote_tag,
)
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting.fonts import FontProblem
from kiosk.protocols.printers.languages import LANGUAGES, encode, parse_status
from kiosk.protocols.printers.page_setup import DOTS_PER_MM, Language, PageSetup, PrintHead


@click.group()
def printer() -> None:
    """Printers: what their answers mean, and one to try things with."""


@printer.command("status")
@click.option("--language", type=click.Choice(sorted(LANGUAGES)), required=True)
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
def printer_status(language: str, file: IO[str]) -> None:
    """Judge status replies, one hex line each. What is no whole reply is unknown, never ready."""
    for line in file:
        report = parse_status(language, _hex(line))
        click.echo(json.dumps({"ready": report.ready, "fault": report.fault, "flags": list(report.flags)}))


@printer.command("simulate")
@click.option("--language", type=click.Choice(list(LANGUAGES)), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder for the pictures of its papers")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0, as without it, takes a free one")
def printer_simulate(language: Language, out: Path, port: int) -> None:
    """Be a printer on loopback: print its address, then obey fault words from standard input until it ends.

    Each paper becomes a picture. What no printer of the language would have understood is counted as unknown.
    """
    from kiosk.simulators.printer.ipp import IppSimulator
    from kiosk.simulators.printer.simulator import PrinterSimulator

    try:
        made = IppSimulator(out, port=port) if language == "ipp" else PrinterSimulator(language, out, port=port)
        with ended_by_signal(), made as simulator:
            click.echo(simulator.address)
            run_fault_commands(
                simulator.command,
                lambda: {"printed": len(simulator.printed), "unknown": len(simulator.unknown)},
            )
    except OSError as error:
        raise click.UsageError(f"the simulated printer cannot be made: {error}") from error


def _hex(line: str) -> bytes:
    """Decode a hex line; anything else counts as no reply."""
    try:
        return bytes.fromhex(line)
    except ValueError:
        return b""


@click.group()
def label() -> None:
    """Labels and receipts as bytes for a printer or as a picture."""


class _Template(NamedTuple):
    """A kind of paper: its document, the function that draws it, and whether it is a strip, which has no gaps.

    ``width_mm`` is the printed width where it is not the usual one; ``own`` is the kind of label for which a station
    may have its own layout: its ``draw`` takes layouts, too.
    """

    document: type[Any]
    draw: Callable[..., Raster]
    strip: bool
    width_mm: int = 0
    own: str = ""


_TEMPLATES = {
    "bag": _Template(BagLabel, render_bag_label, strip=False, own="bag"),
    "bag_40x30": _Template(BagLabel, render_small_bag_label, strip=False),
    "bag_shop": _Template(BagLabel, render_shop_bag_label, strip=False),
    "crate_label": _Template(CrateLabel, render_crate_label, strip=False, own="crate"),
    "member_card": _Template(MemberCard, render_member_label, strip=False, own="member"),
    "member_card_86x54": _Template(MemberCard, render_member_card, strip=False),
    "tote_tag": _Template(ToteTag, render_tote_tag, strip=False, own="tote"),
    "seal_tag": _Template(SealTag, render_seal_tag, strip=False, own="seal"),
    "manifest": _Template(ManifestDocument, render_manifest, strip=False),
    "manifest_a4": _Template(ManifestDocument, render_manifest, strip=False, width_mm=186),
    "receipt_80": _Template(ReceiptDocument, render_receipt, strip=True, width_mm=72),
    "receipt": _Template(ReceiptDocument, render_receipt, strip=True),
    "parcel_label": _Template(ParcelLabel, render_parcel_label, strip=False, own="parcel"),
    "pickup_slip": _Template(PickupSlip, render_pickup_slip, strip=True),
    "day_slip": _Template(DaySlip, render_day_slip, strip=True),
    "test_label": _Template(TestLabel, render_test_label, strip=False),
    "test_receipt": _Template(TestReceipt, render_test_receipt, strip=True),
}

_DOCUMENTS: Final = {name: reader(msgspec.json.Decoder(paper.document)) for name, paper in _TEMPLATES.items()}

_STRIP_LANGUAGE, _LABEL_LANGUAGE = "escpos", "tspl"


@label.command("render")
@click.option("--template", type=click.Choice(sorted(_TEMPLATES)), required=True)
@click.option("--data", type=click.File("rb"), default="-", help="JSON document; standard input when absent")
@click.option("--layout", type=click.File("rb"), help="a layout of one's own; draw the label by it")
@click.option("--dpi", type=click.Choice([str(dpi) for dpi in DOTS_PER_MM]), default="203", show_default=True)
@click.option("--language", type=click.Choice([*LANGUAGES, "png"]), required=True)
@click.option("--profile", type=click.Choice(sorted(profiles())), help="draw and send it as for this printer")
@click.option("--out", type=click.File("wb", lazy=True), required=True)
def render(
    template: str,
    data: IO[bytes],
    layout: IO[bytes] | None,
    dpi: str,
    language: str,
    profile: str | None,
    out: IO[bytes],
) -> None:
    """Write the bytes a printer gets for one document, or the picture of it.

    The paper is drawn for the usual printer of the language, of the dpi that is named; with --profile for that printer.
    """
    paper = _TEMPLATES[template]
    own = (_own_layouts(template, layout),) if layout is not None else ()
    try:
        setup = _setup(paper, int(dpi), language, profile)
        raster = paper.draw(_DOCUMENTS[template](data.read()), setup.head, *own)
        for warning in raster.warnings:
            click.echo(f"warning: {warning}", err=True)
        page = _png(raster, setup.head.dpi) if language == "png" else encode(raster, setup)
    except FontProblem as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.UsageError(f"{data.name}: {error}") from error
    try:
        out.write(page)
    except (OSError, click.FileError) as error:
        raise click.UsageError(f"cannot write {out.name}: {error}") from error


def _own_layouts(template: str, layout: IO[bytes]) -> Layouts:
    """Read the layout that replaces the shipped one, checked as the station checks it."""
    kind = _TEMPLATES[template].own
    try:
        if not kind:
            raise ValueError(f"the paper {template} has no layout of one's own")
        return Layouts({kind: check(kind, layout.read().decode(), SAMPLES[kind])})
    except FontProblem as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.UsageError(f"{layout.name}: {error}") from error


def _setup(paper: _Template, dpi: int, language: str, name: str | None) -> PageSetup:
    """Return the page setup. Without a profile the paper sets the width, and the language does not."""
    if name is not None:
        row = find_profile(name)
        if language not in ("png", row.language):
            raise ValueError(f"the printer {name} speaks {row.language}, not {language}")
        setup = row.setup
    else:
        usual = find_profile(language if language != "png" else _LABEL_LANGUAGE).setup
        drawn = find_profile(_STRIP_LANGUAGE if paper.strip else _LABEL_LANGUAGE).setup
        if language == "ipp":  # a sheet has one pitch
            dpi = usual.head.dpi
        elif language == "cpcl" and dpi != usual.head.dpi:
            raise ValueError(f"a cpcl printer has {usual.head.dpi} dpi, not {dpi}")
        width = (paper.width_mm or drawn.head.width_dots // drawn.head.per_mm) * DOTS_PER_MM[dpi]
        setup = replace(usual, head=PrintHead(dpi, width))
    return replace(setup, gap_mm=0) if paper.strip else setup


def _png(raster: Raster, dpi: int) -> bytes:
    picture = BytesIO()
    raster.to_image().save(picture, "PNG", dpi=(dpi, dpi))
    return picture.getvalue()
