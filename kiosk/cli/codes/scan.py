"""``kiosk scan`` and ``kiosk waybill``: what a technician and a check ask about things that were scanned."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO

import click

from kiosk.protocols.barcodes.postal import S10
from kiosk.protocols.barcodes.scan import Scan, parse_scan
from kiosk.protocols.barcodes.waybills import Waybill, identify

_source = click.argument("source", type=click.File("rb"), default="-", metavar="[FILE]")


@click.group("scan", no_args_is_help=False)
def scan() -> None:
    """Scans: what a scanner sent and what it means."""


@scan.command("parse")
@_source
def parse(source: IO[bytes]) -> None:
    """Judge scans, one a line as the scanner sent them: AIM identifier first when it sends one, GS as byte 0x1D."""
    for line in _lines(source):
        _say(_scan_json(parse_scan(line)))


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
    }


def _waybill_json(found: Waybill) -> dict[str, object]:
    return {
        "normalized": found.normalized,
        "candidates": found.candidates,
        "accept": found.accept,
        "s10": _s10_json(found.s10),
        "why_not": found.why_not,
    }


def _s10_json(found: S10 | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "valid": found.valid,
        "service": found.service,
        "country": found.country,
        "service_name": found.service_name,
    }
