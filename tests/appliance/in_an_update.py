"""Runs as root inside the booted machine: a villager brings something in, then an update is asked for.

Input: ``bundle`` to hand in, ``phase`` to wait for, or one that follows it ("" for none), then ``after_s`` seconds.
When the new release was kept before, somebody brings something in again. Prints the receipts that were confirmed, the
phase at the end, and how long the update took if it is over.

With ``look`` alone it prints what the machine has now; with ``acknowledge`` no event waits any more.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

RELEASES, DATA = Path("/var/lib/kiosk-releases"), Path("/var/lib/kiosk")
CURRENT, PACKAGED = RELEASES / "current/code", Path("/usr/lib/station-kiosk/code")
PATIENCE_S = 240.0
PHASES = ("unpacking", "asking", "copying", "switching", "trial", "back", "keep", "over")


def bring_in() -> str:
    """One confirmed intake: its receipt, once it is durable."""
    sys.path.insert(0, str(CURRENT if CURRENT.is_dir() else PACKAGED))
    from kiosk.config.station import load
    from kiosk.domain.intake import Intake, TareSource, Weighing
    from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
    from kiosk.station.shared.open_store import open_store, stamps

    settings = load(Path("/etc/kiosk/station.toml")).station
    store, stamp = open_store(settings), stamps(settings)()
    version, catalog = store.catalogs.get()
    goods = (Party(None), catalog.products[0].code, Mode.CONSIGNMENT, version, 100)
    intake = store.intakes.open(lambda receipt: Intake(receipt, *goods), stamp)
    weighed = intake.with_bag(Weighing(1000, 1, 1, 1000, 1), "BARE", TareSource.PRESET, 0)
    certificate = Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED)
    row = store.intakes.confirm(weighed.confirm(certificate), str(intake.receipt), lambda head: (), stamp)
    store.close()
    return row.receipt


def acknowledge() -> None:
    """As a sorting center does with everything there is."""
    sys.path.insert(0, str(CURRENT if CURRENT.is_dir() else PACKAGED))
    from kiosk.config.station import load
    from kiosk.station.shared.open_store import open_store

    store = open_store(load(Path("/etc/kiosk/station.toml")).station)
    store.outbox.acknowledge(store.outbox.counts().last_seq, ())
    store.close()


def brought_in() -> str:
    """By the release that runs now, in a process of its own: this one has the modules of another."""
    return subprocess.run([sys.executable, __file__, "bring-in"], check=True, capture_output=True, text=True).stdout


def phase() -> str:
    try:
        return str(json.loads((RELEASES / "journal.json").read_bytes())["phase"])
    except FileNotFoundError:
        return ""


def kept(version: str) -> bool:
    """Whether it was, also by an update that is over."""
    try:
        outcome = json.loads((RELEASES / "outcome.json").read_bytes())
    except FileNotFoundError:
        return False
    return outcome["version"] == version and outcome["why"] is None


def over(before: int) -> bool:
    """Whether something came of this update."""
    try:
        return (RELEASES / "outcome.json").stat().st_mtime_ns != before and not phase()
    except FileNotFoundError:
        return False


def look() -> dict[str, object]:
    """Of releases and database."""
    connection = sqlite3.connect(f"file:{DATA / 'station.db'}?mode=ro", uri=True)
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
    rows = connection.execute("SELECT receipt FROM intake WHERE state = 'confirmed'").fetchall()
    steps = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'step_%'").fetchall()
    connection.close()
    return {
        "schema": schema,
        "whole": whole == "ok",
        "receipts": [receipt for (receipt,) in rows],
        "steps": len(steps),
        "releases": sorted(path.name for path in RELEASES.iterdir() if path.is_dir() and not path.is_symlink()),
        "held": sorted(path.name for path in Path("/run/kiosk-update").glob("*")),
        "copy": (DATA / "before-update").exists(),
        "phase": phase(),
        "asked": (DATA / "requests/update.json").exists(),
    }


def main() -> None:
    if sys.argv[1] == "look":
        sys.stdout.write(json.dumps(look()))
        return
    if sys.argv[1] == "bring-in":
        sys.stdout.write(bring_in())
        return
    user = pwd.getpwnam("kiosk")
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    if sys.argv[1] == "acknowledge":
        acknowledge()
        return
    asked = json.loads(sys.argv[1])
    receipts = [brought_in()]
    name = Path(asked["bundle"]).name
    shutil.copyfile(asked["bundle"], DATA / "updates.new")
    (DATA / "updates").mkdir(mode=0o700, exist_ok=True)
    (DATA / "updates.new").replace(DATA / "updates" / name)
    outcome = RELEASES / "outcome.json"
    before = outcome.stat().st_mtime_ns if outcome.exists() else 0
    (DATA / "requests").mkdir(mode=0o700, exist_ok=True)
    (DATA / "requests/.ask").write_text(json.dumps({"kind": "update", "id": "0" * 32, "body": {"bundle": name}}))
    (DATA / "requests/.ask").replace(DATA / "requests/update.json")
    began = time.monotonic()
    awaited = PHASES[PHASES.index(asked["phase"]) :] if asked["phase"] else ("", *PHASES)
    while phase() not in awaited and not over(before) and time.monotonic() < began + PATIENCE_S:
        time.sleep(0.0005)
    end = time.monotonic() + asked["after_s"]
    while not over(before) and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.01))
    took_s = time.monotonic() - began if over(before) else None
    if kept(name.removesuffix(".kioskupdate")) and not phase():
        receipts.append(brought_in())
    sys.stdout.write(json.dumps({"receipts": receipts, "phase": phase(), "took_s": took_s}))


if __name__ == "__main__":
    main()
