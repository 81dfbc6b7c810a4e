"""``kiosk scale protocols``, ``decode`` and ``encode``: the formats, without a scale."""

from __future__ import annotations

from typing import IO

import click

from kiosk.cli.scale.options import params_option, protocol_option
from kiosk.cli.scale.output import print_json, reading_json
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import ScaleProtocol
from kiosk.protocols.scales.shared.reading import Reading, Record, Rejected


@click.command("protocols")
def protocols() -> None:
    """List every format the station speaks, one JSON object a line."""
    for row in registry.PROTOCOLS.values():
        print_json(_protocol_json(row))


def _protocol_json(row: ScaleProtocol) -> dict[str, object]:
    return {
        "protocol": row.id,
        "mode": row.mode,
        "reports": row.reports,
        "trade": row.trade,
        "books": not row.no_booking,
        "line": str(row.line),
        "parameters": {parameter.name: parameter.choices for parameter in registry.parameters(row.id)},
        "commands": tuple(row.commands),
    }


@click.command("decode")
@click.argument("source", type=click.File("rb"), default="-")
@protocol_option
@params_option
def decode(source: IO[bytes], protocol: str, params: dict[str, str]) -> None:
    """Decode lines of hex, each by a fresh decoder, one JSON object a line."""
    registry.decoder(protocol, params)
    for line in source:
        print_json(_decoded_json(line, protocol, params))


def _decoded_json(line: bytes, protocol: str, params: dict[str, str]) -> dict[str, object]:
    try:
        data = bytes.fromhex(line.decode("ascii"))
    except ValueError:
        return {"error": "the line is not hexadecimal bytes", "readings": [], "records": [], "rejected": []}
    decoded = registry.read(protocol, params, data)
    return {
        "readings": [reading_json(item) for item in decoded if isinstance(item, Reading)],
        "records": [{"kind": item.kind, "value": item.value} for item in decoded if isinstance(item, Record)],
        "rejected": [{"reason": item.reason} for item in decoded if isinstance(item, Rejected)],
    }


@click.command("encode")
@protocol_option
@click.option("--command", required=True, metavar="NAME", help="such as read, zero, tare, request_weight")
@params_option
def encode(protocol: str, command: str, params: dict[str, str]) -> None:
    """Print the hex a host sends for a command."""
    sent = registry.encode(protocol, command, params)
    if not sent:
        raise click.UsageError(f"{protocol} has no command {command!r} with these parameters")
    click.echo(sent.hex())
