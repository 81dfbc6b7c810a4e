"""What the commands below ``kiosk scale`` have in common: JSON lines, and an end in good order."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import click

from kiosk.protocols.scales.shared.numbers import to_text
from kiosk.protocols.scales.shared.reading import Reading


def print_json(row: Mapping[str, object]) -> None:
    """One line of JSON."""
    click.echo(json.dumps(row, ensure_ascii=False))


def reading_json(reading: Reading) -> dict[str, object]:
    """The keys of every reading; those of a bare converter only where there is one."""
    converter = {"raw": reading.counts, "suspect": reading.suspect}
    return {
        "weight": None if reading.weight is None else to_text(reading.weight),
        "unit": reading.unit,
        "stable": reading.stable,
        "net": reading.net,
        "overload": reading.overload,
        "underload": reading.underload,
        **{name: value for name, value in converter.items() if value is not None},
    }


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """SIGINT and SIGTERM end the command in good order: ports and links are given back, exit code 0."""

    def end(_: int, __: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
