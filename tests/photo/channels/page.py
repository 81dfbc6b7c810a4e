"""Write the part of docs/photos.md that is made from the rules: ``python -m tests.photo.channels.page``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from kiosk.photo.channels.rules import ChannelRule, shipped_rules

PAGE = Path(__file__).resolve().parents[3] / "docs" / "photos.md"
BEGIN = "<!-- made by tests/photo/channels/page.py: change kiosk/photo/channels/rules.toml, not this -->"
END = "<!-- end of what is made -->"


def table() -> Iterator[str]:
    """One line for each row of the rules."""
    headings = (
        "channel",
        "from",
        "pixels",
        "the channel takes",
        "bytes",
        "cut",
        "margin",
        "read on",
        "confirmed",
        "source",
    )
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    for rule in shipped_rules():
        cells = (
            f"`{rule.channel}`",
            "always" if rule.valid_from == date.min else rule.valid_from.isoformat(),
            "{} × {}".format(*rule.size_px),
            takes(rule),
            f"{rule.least_bytes:,} to {rule.most_bytes:,}" if rule.least_bytes > 1 else f"up to {rule.most_bytes:,}",
            rule.cut if rule.background == "free" else f"{rule.cut}, on white",
            "" if rule.margin_px is None else "{} to {} px".format(*rule.margin_px),
            rule.as_of.isoformat(),
            "**yes**" if rule.confirmed else "no",
            rule.source,
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def takes(rule: ChannelRule) -> str:
    """The sizes that the channel states."""
    fields = type(rule).__struct_defaults__
    least = "" if rule.least_px in fields else "from {} × {}".format(*rule.least_px)
    most = "" if rule.most_px in fields else "to {} × {}".format(*rule.most_px)
    if rule.least_px == rule.most_px:
        return "exactly this"
    return " ".join(word for word in (least, most) if word)


def made(page: str) -> str:
    """The page with the table in its place."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return "\n".join([before + BEGIN, "", *table(), "", END]) + after


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
