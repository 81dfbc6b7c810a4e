"""``kiosk photo``: shots judged, channels' pictures made, the mat printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

import click

from kiosk.cli.photo.process import STANDARD_INPUT, ChildFault, JudgeResult, PictureJudge
from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import config_option, settings_path
from kiosk.photo.channels.rules import (
    BadRules,
    ChannelRule,
    ChannelRules,
    UnknownChannel,
    rules_with,
    shipped_rules,
)

VILLAGE_RULES = "channels.toml"  # Beside the settings file


@click.group()
def photo() -> None:
    """Photographs: is a shot good, what a channel gets of it, the mat on paper."""


@photo.command()
@click.argument(
    "files", metavar="[FILE]...", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), nargs=-1
)
def check(files: tuple[Path, ...]) -> None:
    """Judge each FILE (standard input when it is - or absent), one line of JSON a file.

    Exit 0 also when a shot is to be taken again, 2 when a file cannot be opened.
    """
    for file in files or (STANDARD_INPUT,):
        answer, _ = _judge(file, None)
        click.echo(json.dumps({"file": str(file), **_verdict(answer)}))


def _judge(file: Path, rule: ChannelRule | None) -> tuple[JudgeResult, bytes]:
    try:
        return PictureJudge().judge(file, rule)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ChildFault as error:
        end(f"the program that looks at pictures cannot start: {error}", 1)


def _verdict(answer: JudgeResult) -> dict[str, object]:
    reasons = [{"code": code, "value": value / 1000, "limit": limit / 1000} for code, value, limit in answer.reasons]
    verdict = "accept" if answer.accepted else "retake"
    why = {} if answer.why is None else {"why": answer.why}
    return {"verdict": verdict, "reasons": reasons, "metrics": answer.metrics, **why}


@photo.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--channel", required=True, metavar="NAME", help="See 'kiosk photo channels'.")
@click.option("--out", type=click.File("wb", lazy=True), required=True, help="The JPEG to write.")
@click.option(
    "--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day whose rules hold; today without this option."
)
@config_option
def listing(file: Path, channel: str, out: IO[bytes], day: datetime | None, path: Path | None) -> None:
    """Make the channel's picture of the goods on the shot FILE.

    Exit 1 with every reason on standard error, and nothing written, when the shot is to be taken again or the channel's
    limits cannot be kept.
    """
    try:
        rule = _rules(path).on(channel, _today() if day is None else day.date())
    except UnknownChannel as error:
        raise click.UsageError(str(error)) from error
    answer, picture = _judge(file, rule)
    if reasons := list(_refusal_lines(answer, channel)):
        end("\n".join(reasons), 1)
    _write(out, picture)


def _refusal_lines(answer: JudgeResult, channel: str) -> Iterator[str]:
    for code, value, limit in answer.reasons:
        yield f"{code}: {answer.why}" if answer.why else f"{code}: {value / 1000:g}, limit {limit / 1000:g}"
    for code, value, limit in answer.refused:
        yield f"{channel}: {code}: {value}, limit {limit}"


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


def _rules(path: Path | None) -> ChannelRules:
    """Return the shipped rules, overridden by those beside the settings file, if any."""
    settings = settings_path(path)
    village = None if settings is None else settings.parent / VILLAGE_RULES
    try:
        return shipped_rules() if village is None or not village.exists() else rules_with(village)
    except BadRules as error:
        raise click.UsageError(str(error)) from error


@photo.command()
@config_option
def channels(path: Path | None) -> None:
    """List what each channel requires of a picture, since when, read when, and whether the channel itself says so."""
    rows = [_HEADINGS, *(_cells(rule) for rule in _rules(path))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


_HEADINGS = ("channel", "from", "pixels", "bytes", "cut", "background", "margin", "read on", "confirmed", "source")


def _cells(rule: ChannelRule) -> tuple[str, ...]:
    return (
        rule.channel,
        "always" if rule.valid_from == date.min else rule.valid_from.isoformat(),
        "{}x{}".format(*rule.size_px),
        f"{rule.least_bytes}-{rule.most_bytes}",
        rule.cut,
        rule.background,
        "-" if rule.margin_px is None else "{}-{} px".format(*rule.margin_px),
        rule.as_of.isoformat(),
        "yes" if rule.confirmed else "no",
        rule.source,
    )


@photo.command()
@click.option("--out", type=click.File("wb", lazy=True), required=True, help="The PDF to write.")
@click.option(
    "--paper", type=click.Choice(["a3", "a4"]), default="a3", show_default=True, help="One sheet, or two to glue."
)
def mat(out: IO[bytes], paper: str) -> None:
    """Draw the mat to scale. Print it at 100 % on matte paper and measure the line on it."""
    from kiosk.cli.photo.mat_pdf import PaperSize, mat_pdf
    from kiosk.labels.typesetting.fonts import FontProblem

    try:
        document = mat_pdf(PaperSize(paper))
    except FontProblem as error:
        end(str(error), 1)
    _write(out, document)


def _write(out: IO[bytes], content: bytes) -> None:
    try:
        out.write(content)
    except (OSError, click.FileError) as error:
        raise click.UsageError(f"cannot write {out.name}: {error}") from error
