"""Write the part of docs/scales.md that is made from the registry: ``python -m tests.protocols.scales.page``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import ScaleProtocol, TransmissionMode, Transport
from tests.protocols.scales.damage import KINDS
from tests.protocols.scales.format_rows import Format, Judged, formats

PAGE = Path(__file__).resolve().parents[3] / "docs" / "scales.md"
BEGIN = "<!-- made by tests/protocols/scales/page.py: change the rows in kiosk/protocols/scales, not this -->"
END = "<!-- end of what is made -->"
SPEAKS = {TransmissionMode.STREAM: "by itself", TransmissionMode.POLL: "when asked"}
USUAL_WIRING = "RS-232: 2, 3 and 5 of a DB9, or the indicator's own USB port."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def table() -> Iterator[str]:
    """One line for each format, in the order a technician is shown them."""
    yield "| protocol | indicators | speaks | line | reports | check | for trade |"
    yield "|---|---|---|---|---|---|---|"
    for row in registry.PROTOCOLS.values():
        cells = (
            f"`{row.id}`",
            row.devices,
            SPEAKS[row.mode],
            line_of(row),
            ", ".join(row.reports),
            formats()[row.id].check,
            "yes" if row.trade else "no",
        )
        yield f"| {' | '.join(map(_cell, cells))} |"


def line_of(row: ScaleProtocol) -> str:
    """The usual settings of the line, or what else brings the bytes."""
    return {Transport.SERIAL: str(row.line), Transport.HID: "USB (HID)", Transport.GPIO: "pins of the board"}[
        row.transport
    ]


def section(row: ScaleProtocol) -> Iterator[str]:
    """Everything about one format."""
    yield f"### `{row.id}`"
    yield ""
    yield f"{row.devices.rstrip('.')}. Source: {row.source.rstrip('.')}."
    yield ""
    yield "```"
    yield from row.picture.strip("\n").splitlines()
    yield "```"
    yield ""
    if row.menu:
        yield f"- At the indicator: {row.menu}"
    if row.wiring or row.transport is Transport.SERIAL:
        yield f"- Wiring: {row.wiring or USUAL_WIRING}"
    yield f"- Line: {line_of(row)}. Reports: {', '.join(row.reports)}.{_unit(row)}"
    yield from _parameters(row)
    yield from _commands(row)
    yield from blind(formats()[row.id])
    yield ""


def _unit(row: ScaleProtocol) -> str:
    return f" The unit is not sent: it is {row.default_unit}." if row.default_unit else ""


def _parameters(row: ScaleProtocol) -> Iterator[str]:
    for parameter in row.parameters:
        allowed = "|".join(parameter.choices) if parameter.choices else f"{parameter.pattern}"
        unset = ", no usual value" if parameter.choices else ""
        default = f", usually `{parameter.default}`" if parameter.default else unset
        yield f"- Parameter `{parameter.name}={allowed}`{default}: {parameter.meaning}"


def _commands(row: ScaleProtocol) -> Iterator[str]:
    if row.no_booking:
        yield f"- **Nothing can be booked from it**: {row.no_booking}"
    if row.commands:
        yield f"- Commands: {', '.join(f'`{name}`' for name in row.commands)}"
    if row.poll is not None:
        steps = ", then ".join(f"`{step}`" for step in row.poll.steps)
        yield (
            f"- Asked with {steps}: every {row.poll.interval_s:g} s, answered within {row.poll.timeout_s:g} s, "
            f"else asked again up to {row.poll.retries} times"
        )
        if row.poll.why:
            yield f"- A bare NAK is followed by `{row.poll.why}`, which asks why there is no weight"
        if row.poll.accept:
            accept, refuse = row.poll.accept.hex(), row.poll.refuse.hex()
            yield f"- The host says {accept} to a whole answer and {refuse} to a damaged one"


def blind(row: Format) -> Iterator[str]:
    """What the format cannot notice; the damage test proves every line of it."""
    yield f"- Check: {row.check}"
    for judged in row.judged:
        if judged.blind or judged.params:
            yield f"- Cannot notice{_with(judged)}: {_blind(judged) or 'nothing of the damage table'}"
    if row.check == "none" and not row.judged[0].blind:
        yield "- Cannot notice: nothing of the damage table"
    if row.late:
        yield f"- The first frame behind noise may be lost: {row.late}"


def _with(judged: Judged) -> str:
    return f" with {', '.join(f'`{name}={value}`' for name, value in judged.params.items())}" if judged.params else ""


def _blind(judged: Judged) -> str:
    told = []
    for kind in KINDS:
        named = judged.blind.get(kind.id, ())
        if named:
            told.append(f"{kind.text} ({'; '.join(reason.text for reason in named)})")
    return "; ".join(told)


def generated() -> str:
    """What stands between the two marks."""
    lines = [BEGIN, "", *table(), ""]
    for row in registry.PROTOCOLS.values():
        lines += section(row)
    return "\n".join([*lines, END])


def parts(text: str) -> tuple[str, str, str]:
    """Before, between (marks included) and after."""
    before, begin, rest = text.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has lost its marks")
    return before, begin + between + end, after


def main() -> int:
    """Write the page."""
    before, _, after = parts(PAGE.read_text("utf-8"))
    PAGE.write_text(before + generated() + after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
