"""``kiosk gs1`` and ``kiosk digit``: element strings and check digits, judged or made. ``kiosk scan`` and ``kiosk
waybill``: what was scanned, and what it means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

import click

from kiosk.protocols.barcodes.gs1.digital_link import build_digital_link, is_domain, parse_digital_link
from kiosk.protocols.barcodes.gs1.elements import (
    BadElementString,
    Elements,
    build_element_string,
    check_associations,
    check_pairs,
    parse_notation,
)
from kiosk.protocols.barcodes.in_store import BadLayout, InStoreLayout
from kiosk.protocols.barcodes.scan import Scan, parse_scan
from kiosk.protocols.barcodes.shared.digits import gs1_check_digit, has_valid_check_digit, is_digits, s10_check_digit
from kiosk.protocols.barcodes.waybills import Waybill, identify, parse_s10
from kiosk.texts import LANGUAGES, load

_source = click.argument("source", type=click.File("rb"), default="-", metavar="[FILE]")


@click.group("gs1", no_args_is_help=False)
def gs1() -> None:
    """GS1 data: element strings and what is wrong with them."""


@gs1.command("check")
@click.option("--no-associations", is_flag=True, help="Do not ask what must stand together.")
@_source
def check(source: IO[bytes], no_associations: bool) -> None:
    """Judge element strings, one a line: (01)...(10)..., or without brackets and ^ for FNC1."""
    for text in _lines(source):
        click.echo(json.dumps(_check(text, associations=not no_associations)))


@gs1.command("link")
@click.option("--domain", default="", help="Where links lead, id.example.org. Left out, links are only read.")
@_source
def link(source: IO[bytes], domain: str) -> None:
    """Make Digital Links of element strings, and element strings of links, one a line."""
    if domain and not is_domain(domain):
        raise click.BadParameter(f"{domain!r} must be a domain like id.example.org", param_hint="--domain")
    for text in _lines(source):
        click.echo(json.dumps(_convert(text, domain)))


def _convert(text: str, domain: str) -> dict[str, object]:
    try:
        elements = parse_digital_link(text) if "://" in text else parse_notation(text)
        check_pairs(elements)
        made = build_digital_link(domain, elements) if domain else None
    except BadElementString as error:
        return _error_row((), error)
    return {**_valid_row(elements), "link": made}


def _check(text: str, *, associations: bool) -> dict[str, object]:
    elements: Elements = ()
    try:
        elements = parse_notation(text)
        check_pairs(elements)
        if associations:
            check_associations(elements)
    except BadElementString as error:
        return _error_row(elements, error)
    return _valid_row(elements)


def _valid_row(elements: Elements) -> dict[str, object]:
    return {"valid": True, "ais": elements, "element_string": build_element_string(elements), "error": None}


def _error_row(elements: Elements, error: BadElementString) -> dict[str, object]:
    """Build the row of an error. ``elements``: those of a string that could be split."""
    return {
        "valid": False,
        "ais": elements,
        "element_string": build_element_string(elements) if elements else None,
        "error": error.code,
        "ai": error.identifier or None,
        "at": error.at,
        "message": str(error),
    }


@dataclass(frozen=True, slots=True)
class _NumberKind:
    """A kind of number: how many digits it has without its check digit, how to make that, how to check a whole number.

    ``letters`` is how many letters precede and how many follow the digits, when they are given.
    """

    lengths: tuple[int, ...]
    digit: Callable[[str], str]
    checks: Callable[[str], bool]
    letters: int = 0


def _s10_checks(text: str) -> bool:
    """Check a whole item number with its letters, or nine digits."""
    item = parse_s10(text)
    if item is not None:
        return item.valid
    return len(text) == 9 and is_digits(text) and s10_check_digit(text[:-1]) == text[-1]


_KINDS: Mapping[str, _NumberKind] = {
    "gtin": _NumberKind((7, 11, 12, 13), gs1_check_digit, has_valid_check_digit),
    "sscc": _NumberKind((17,), gs1_check_digit, has_valid_check_digit),
    "gln": _NumberKind((12,), gs1_check_digit, has_valid_check_digit),
    "s10": _NumberKind((8,), s10_check_digit, _s10_checks, letters=2),
}


@click.command("digit")
@click.option("--kind", type=click.Choice(list(_KINDS)), required=True, help="What the number is.")
@click.option("--verify", is_flag=True, help="The number has its check digit: is it right?")
@_source
def digit(source: IO[bytes], kind: str, verify: bool) -> None:
    """Make or judge check digits, one number a line."""
    for text in _lines(source):
        row = _verify(_KINDS[kind], text.strip()) if verify else _complete(_KINDS[kind], text.strip())
        click.echo(json.dumps(row))


def _verify(kind: _NumberKind, text: str) -> dict[str, object]:
    fits = len(text) - 1 in kind.lengths or len(text) - 1 - 2 * kind.letters in kind.lengths
    return {"valid": fits and kind.checks(text)}


def _complete(kind: _NumberKind, text: str) -> dict[str, object]:
    """Compute the check digit; a postal item's letters stay around its digits."""
    around = kind.letters if len(text) - 2 * kind.letters in kind.lengths else 0
    before, body, behind = text[:around], text[around : len(text) - around], text[len(text) - around :]
    if not is_digits(body):
        return {"check_digit": None, "full": None, "error": "charset"}
    if len(body) not in kind.lengths:
        return {"check_digit": None, "full": None, "error": "length"}
    made = kind.digit(body)
    return {"check_digit": int(made), "full": f"{before}{body}{made}{behind}"}


def _lines(source: IO[bytes]) -> Iterator[str]:
    """Yield lines as text; a byte that is no UTF-8 becomes a character that no rule accepts."""
    for line in source:
        yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")


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
    for line in _raw_lines(source):
        click.echo(json.dumps(_scan_json(parse_scan(line, layouts))))


@click.group("waybill", no_args_is_help=False)
def waybill() -> None:
    """Waybill numbers: whose parcel it may be."""


@waybill.command("identify")
@_source
def identify_each(source: IO[bytes]) -> None:
    """Name the carriers a number may belong to, the likeliest first, one number a line."""
    for line in _raw_lines(source):
        click.echo(json.dumps(_waybill_json(identify(line.decode("utf-8", "replace")))))


def _raw_lines(source: IO[bytes]) -> Iterator[bytes]:
    """Yield lines as bytes, ended by LF only: a carriage return inside a scan must be refused."""
    for line in source:
        yield line.removesuffix(b"\n")


def _fields(found: object, *names: str) -> dict[str, object]:
    return {name: getattr(found, name) for name in names}


def _scan_json(found: Scan) -> dict[str, object]:
    number = found.in_store
    in_store = None if number is None else _fields(number, "item", "weight_g", "amount_fen")
    return {**_fields(found, "kind", "aim", "symbology", "data", "ais", "valid", "error"), "in_store": in_store}


def _waybill_json(found: Waybill) -> dict[str, object]:
    names = {
        carrier: {language: load(language).text(f"counter.carrier.{carrier.lower()}") for language in LANGUAGES}
        for carrier in found.candidates
    }
    s10 = None if found.s10 is None else _fields(found.s10, "valid", "service", "country", "service_name")
    return {
        **_fields(found, "normalized", "candidates"),
        "names": names,
        "accept": found.accept,
        "s10": s10,
        "why_not": found.why_not,
    }
