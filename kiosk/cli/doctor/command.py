"""``kiosk doctor``: every device and service of a station, found, answering, last seen, and what to do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import SETTINGS_PATHS, config_option, settings_path
from kiosk.config.file import BadConfig
from kiosk.station.doctor.finding import DoctorFinding, Severity, has_failure
from kiosk.texts import Texts, load

# Made on a box by kiosk-data.service while the data partition is not there.
_WAITING_FOR_DATA = Path("/run/kiosk-data/waiting")
_DATA = Path("/var/lib/kiosk")  # Where a box has its data, while no settings say so
_MARKS = {Severity.OK: "ok", Severity.WARN: "look", Severity.FAIL: "BROKEN"}
_KNOWN = {True: "yes", False: "no", None: "-"}


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def doctor(path: Path | None, as_json: bool) -> None:
    """Check every device and service: found, answering, last seen, what to do.

    Exit 0 when the station has all it needs, 1 when something it needs is broken, 2 on wrong usage, without settings
    (--json then reports on the machine alone), and for a user who may not read settings and data.
    """
    found = settings_path(path)
    if found is None or _is_missing(found):
        if _WAITING_FOR_DATA.exists():
            _print_report(False, (_without_data(),), as_json=as_json)
        place = found or SETTINGS_PATHS[1]
        if as_json:
            click.echo(_as_json(False, _without_settings(place)))
        end(f"no settings file: there is no {place}. The first start makes it; or name another with --config", 2)
    _require_open(found, os.R_OK)
    _print_report(*_examine(found), as_json=as_json)


def _print_report(running: bool, findings: tuple[DoctorFinding, ...], *, as_json: bool) -> NoReturn:
    click.echo(_as_json(running, findings) if as_json else _as_table(running, findings))
    sys.exit(1 if has_failure(findings) else 0)


def _without_data() -> DoctorFinding:
    """Build the finding for a missing data partition, which holds the settings."""
    values = {"place": "/etc/fstab"}
    return DoctorFinding("disk", False, False, Severity.FAIL, "disk_missing", needed=True, values=values)


def _without_settings(place: Path) -> tuple[DoctorFinding, ...]:
    from kiosk.station.doctor.environment import machine
    from kiosk.station.shared.clock import StationClock

    values = {"place": str(place)}
    row = DoctorFinding("settings", False, False, Severity.FAIL, "settings_none", needed=True, values=values)
    return row, *machine(_DATA, StationClock("UTC").now())


def _is_missing(path: Path) -> bool:
    """Return whether the file is missing; one that the caller may not see is reported by a row."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _require_open(path: Path, mode: int) -> None:
    """End with one line when this user may not read it: every row would be a guess."""
    try:
        path.stat()
        is_open = os.access(path, mode, effective_ids=True)
    except PermissionError:
        is_open = False
    except OSError:
        return  # missing or broken, which a row reports
    if not is_open:
        end(f"{path} is closed to this user (Permission denied): type the command as administrator, with sudo", 2)


def _examine(path: Path) -> tuple[bool, tuple[DoctorFinding, ...]]:
    from kiosk.config.station import load as load_config

    try:
        config = load_config(path)
    except BadConfig as error:
        return False, (_wrong_settings(path, str(error)),)
    _require_open(config.station.data, os.R_OK | os.X_OK)
    from kiosk.cli.doctor.report import full_report

    return full_report(config)


def _wrong_settings(path: Path, problem: str) -> DoctorFinding:
    values = {"place": str(path), "problem": problem.removeprefix(f"{path}:")}
    return DoctorFinding("settings", True, False, Severity.FAIL, "settings_wrong", needed=True, values=values)


def _as_json(running: bool, findings: tuple[DoctorFinding, ...]) -> str:
    texts = load("en")
    rows = [{**row.as_json(), "name": texts.text(row.name_id), "what_to_do": row.sentence(texts)} for row in findings]
    return json.dumps({"ok": not has_failure(findings), "running": running, "rows": rows}, ensure_ascii=False)


def _as_table(running: bool, findings: tuple[DoctorFinding, ...]) -> str:
    texts = load("en")
    head = "The station runs." if running else "The station is not running: its devices were asked directly."
    lines = [head, "", f"{'':7}{'':26}{'found':7}{'answers':9}{'last seen':14}what to do"]
    lines += [_line(row, texts) for row in findings]
    return "\n".join(lines)


def _line(row: DoctorFinding, texts: Texts) -> str:
    name, seen = texts.text(row.name_id), ago(row.last_seen_s)
    return (
        f"{_MARKS[row.verdict]:7}{name:26}{_KNOWN[row.found]:7}{_KNOWN[row.answering]:9}{seen:14}{row.sentence(texts)}"
    )


def ago(seconds: float | None) -> str:
    """Return ``3 s ago``, ``12 min ago``, ``5 h ago``, ``2 d ago``; a dash when it is not known."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"
