"""``kiosk scan`` and ``kiosk waybill``: what a technician and a check ask about things that were scanned."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO

import click

from kiosk.protocols.barcodes.in_store import BadLayout, InStoreLayout, InStoreNumber
from kiosk.protocols.barcodes.postal import S10
from kiosk.protocols.barcodes.scan import Scan, parse_scan
from kiosk.protocols.barcodes.waybills import Waybill, identify
from kiosk.texts import LANGUAGES, load

_source = click.argument("source", type=click.File("rb"), default="-", metavar="[FILE]")


@click.group("scan", no_args_is_help=False)
def scan() -> None:
    """Scans: what a scanner sent and what it means."""


def _layouts(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[InStoreLayout, ...]:
    try:
        return tuple(InStoreLayout(text) for text in given)
    except BadLayout as error:
        raise click.BadParameter(str(error)) from None


@scan.command("parse")
@click.option(
    "--in-store",
    "layouts",
    multiple=True,
    callback=_layouts,
    metavar="LAYOUT",
    help="How a shop's own numbers are divided, 20IIIIIWWWWWC; once for each layout.",
)
@_source
def parse(source: IO[bytes], layouts: tuple[InStoreLayout, ...]) -> None:
    """Judge scans, one a line as the scanner sent them: AIM identifier first when it sends one, GS as byte 0x1D."""
    for line in _lines(source):
        _say(_scan_json(parse_scan(line, layouts)))


@click.group("waybill", no_args_is_help=False)
def waybill() -> None:
    """Waybill numbers: whose parcel it may be."""


@waybill.command("identify")
@_source
def identify_each(source: IO[bytes]) -> None:
    """Name the carriers a number may belong to, the likeliest first, one number a line."""
    for line in _lines(source):
        _say(_waybill_json(identify(line.decode("utf-8", "replace"))))


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Lines as bytes: only LF ends one, for a carriage return inside a scan is part of what must be refused."""
    for line in source:
        yield line.removesuffix(b"\n")


def _say(row: Mapping[str, object]) -> None:
    click.echo(json.dumps(row))


def _scan_json(found: Scan) -> dict[str, object]:
    return {
        "kind": found.kind,
        "aim": found.aim,
        "symbology": found.symbology,
        "data": found.data,
        "ais": found.ais,
        "valid": found.valid,
        "error": found.error,
        "in_store": _in_store_json(found.in_store),
    }


def _in_store_json(number: InStoreNumber | None) -> dict[str, object] | None:
    return (
        None if number is None else {"item": number.item, "weight_g": number.weight_g, "amount_fen": number.amount_fen}
    )


def _waybill_json(found: Waybill) -> dict[str, object]:
    return {
        "normalized": found.normalized,
        "candidates": found.candidates,
        "names": {carrier: _names(carrier) for carrier in found.candidates},
        "accept": found.accept,
        "s10": _s10_json(found.s10),
        "why_not": found.why_not,
    }


def _names(carrier: str) -> dict[str, str]:
    return {language: load(language).text(f"counter.carrier.{carrier.lower()}") for language in LANGUAGES}


def _s10_json(found: S10 | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "valid": found.valid,
        "service": found.service,
        "country": found.country,
        "service_name": found.service_name,
    }
