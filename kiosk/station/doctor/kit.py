"""What the row of the backup says of the recovery kit beside the newest one."""

from __future__ import annotations

from pathlib import Path

from kiosk.station.doctor.finding import Finding, Verdict
from kiosk.store.backup.kit.beside import county_key, is_kit_of
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.settings import BackupSettings


def recovery_kit(settings: BackupSettings, newest: Path, station: str, age_s: float | None) -> Finding:
    """``newest`` is the manifest of a backup that is in order, ``age_s`` how long ago it was made, None when no clock
    tells. Without a county's key no kit is made: a county decides that, so it is told and is no fault.

    Raises PermissionError.
    """
    try:
        county = county_key(settings)
    except KitRefused:
        values = {"place": "[backup] county_key_file"}
        return Finding("backup", True, False, Verdict.WARN, "kit_key", last_seen_s=age_s, values=values)
    if county is None:
        values = {"place": "[backup] county_key"}
        return Finding("backup", True, True, word="kit_none", last_seen_s=age_s, values=values)
    if not is_kit_of(newest, station, county):
        values = {"command": "kiosk backup"}
        return Finding("backup", True, False, Verdict.WARN, "kit_missing", last_seen_s=age_s, values=values)
    return Finding("backup", True, True, last_seen_s=age_s)
