"""The support bundle: one file that shows how a station is, and nothing of a person.

It holds no event's data, no row of a table, no picture, key or paper; every text in it goes through the scrubber.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from kiosk.base.files import atomic_writer
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.doctor.finding import DoctorFinding
from kiosk.station.doctor.scrub import Scrubber
from kiosk.station.shared.settings import StationSettings
from kiosk.store.database.inspection import (
    SQLITE_VERSION,
    all_epochs,
    inspect_database,
    last_events,
    private_words,
    row_counts,
)
from kiosk.store.shared.errors import StoreError
from kiosk.texts import load

KEEP: Final = 5  # Bundles of a station in one folder; older ones are deleted when a new one is made
_MODE: Final = 0o600
_TAIL_BYTES: Final = 256 * 1024
_MAX_LOGS: Final = 20
_SECRET = re.compile(r"password|passphrase|secret|token|credential|user|(^|_)(pin|key)($|_)", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]*@")
_MASK: Final = "***"
_SYSTEMD: Final = Path("/run/systemd/system")
_NO_JOURNAL: Final = "the journal cannot be read\n"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a bundle is about. ``running`` tells whether the findings are those of a running station."""

    station: StationSettings
    settings_file: Path | None
    findings: Sequence[DoctorFinding]
    moment: Moment
    software: str
    metrology: str
    running: bool


def write_bundle(subject: Subject, folder: Path) -> Path:
    """Write the bundle into an existing folder, whole or not at all, and return its path. Raises OSError."""
    path = folder / _file_name(subject, folder)
    with atomic_writer(path, _MODE) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in contents(subject):
            bundle.writestr(name, text)
    _prune(folder, subject.station.station)
    return path


def contents(subject: Subject) -> Iterator[tuple[str, str]]:
    database = subject.station.database
    try:
        scrubber, readable = _scrubber(database) if database.exists() else Scrubber(()), True
    except (StoreError, OSError, ValueError, AttributeError, KeyError, TypeError):
        scrubber, readable = Scrubber(()), False
    yield "about.json", _json(_about(subject), scrubber)
    yield "doctor.txt", scrubber.structured(_findings(subject.findings))
    yield "settings.json", scrubber.free(_settings(subject.settings_file))
    yield "database.json", _json(_database(database), scrubber)
    if not readable:
        yield "logs.txt", "Left out: the names to take out of the logs cannot be read from the database.\n"
        return
    for name, text in _logs(subject.station.data):
        yield f"logs/{scrubber.free(name)}", scrubber.free(text)


def _scrubber(database: Path) -> Scrubber:
    epochs = all_epochs(database)
    return Scrubber(private_words(database), [mark for epoch in epochs for mark in (epoch.epoch, epoch.head)])


def _about(subject: Subject) -> dict[str, object]:
    return {
        "station": subject.station.station,
        "region": subject.station.region,
        "running": subject.running,
        "software": subject.software,
        "metrology": subject.metrology,
        "python": platform.python_version(),
        "sqlite": SQLITE_VERSION,
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "made_at": subject.moment.timestamp,
        "clock": subject.moment.quality.value,
        "zone": subject.moment.zone,
    }


def _findings(findings: Sequence[DoctorFinding]) -> str:
    texts = load("en")
    return "".join(f"{row.verdict:5} {row.device:16} {row.sentence(texts)}\n" for row in findings)


def _settings(path: Path | None) -> str:
    """The settings as they are understood: comments, which may hold anything, are gone."""
    if path is None:
        return '"no settings file was named"\n'
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return '"the settings file cannot be read"\n'
    return json.dumps(_mask_secrets(tables), indent=1, ensure_ascii=False, default=str) + "\n"


def _mask_secrets(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _mask_secrets(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mask_secrets(inner, key) for inner in value]
    if _SECRET.search(key) and not key.endswith("_file"):
        return _MASK
    return _USERINFO.sub(f"{_MASK}@", value) if isinstance(value, str) else value


def _database(path: Path) -> dict[str, object]:
    try:
        seen = inspect_database(path)
        return {
            "look": asdict(seen) if seen else None,
            "epochs": [asdict(epoch) for epoch in all_epochs(path)],
            "rows": row_counts(path),
            "last_events": [asdict(event) for event in last_events(path)],
            "megabytes": path.stat().st_size // 1_000_000,
        }
    except (StoreError, OSError, ValueError, KeyError, TypeError) as error:
        return {"unreadable": type(error).__name__}


def _logs(data: Path) -> Iterator[tuple[str, str]]:
    files = [*data.glob("*.log"), *data.glob("*.log.[0-9]"), *(data / "logs").glob("*")]
    log_count = 0
    for path in sorted(files):
        if log_count == _MAX_LOGS:
            break
        try:
            text = _tail(path) if path.is_file() else None
        except OSError as error:
            text = f"cannot be read: {error.strerror}\n"
        if text is not None:
            log_count += 1
            yield f"{path.name}.txt", text
    if _SYSTEMD.is_dir():
        yield "services.txt", _journal()


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        text = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    # The first line may be cut in the middle of a name, where the scrubber does not know it again.
    return text if size <= _TAIL_BYTES else text.partition("\n")[2]


def _journal() -> str:
    """What the services said since the start. A user who may not read the journal sees an empty one."""
    try:
        text = subprocess.run(
            ["journalctl", "--unit=kiosk-*", "--lines=3000", "--no-pager", "--output=short-iso", "--quiet"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=15.0,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return _NO_JOURNAL
    if not text.strip():
        return _NO_JOURNAL
    return text if len(text) <= _TAIL_BYTES else text[-_TAIL_BYTES:].partition("\n")[2]


def _json(value: object, scrubber: Scrubber) -> str:
    return scrubber.structured(json.dumps(value, indent=1, ensure_ascii=False)) + "\n"


def _file_name(subject: Subject, folder: Path) -> str:
    """The date when the clock can be believed, and a number that only grows."""
    station = subject.station.station
    number = max((_number(path) for path in folder.glob(f"support-{station}-*.zip")), default=0) + 1
    date = "" if subject.moment.quality is ClockQuality.UNSET else f"-{subject.moment.timestamp[:10]}"
    return f"support-{station}-{number:04}{date}.zip"


def _number(path: Path) -> int:
    digits = path.name.split("-")[2][:4]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _prune(folder: Path, station: str) -> None:
    old = sorted(folder.glob(f"support-{station}-*.zip"), key=_number)[:-KEEP]
    for path in old:
        # Somebody else's, or a medium that is full of errors: the new one is written, and that is what counts.
        with suppress(OSError):
            path.unlink(missing_ok=True)
