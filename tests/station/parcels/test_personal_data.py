"""What a station stores about people, as docs/personal-data.md says: brought in at the counter, looked for in bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from kiosk.domain.catalog import Member
from kiosk.domain.clerk import Role
from kiosk.domain.intake import Intake
from kiosk.domain.trade import Mode, Party
from kiosk.station.parcels.sweeper import RETENTION_AFTER_CLOSE, RETENTION_OF_MEMBERS, ParcelSweep
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.medium import MAX_AGE
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.shared.records import ExpectedParcel
from tests.house.documents import personal_data
from tests.station.counter.rig import HASHES, PIN, CounterRig, waybill
from tests.station.fakes import CATALOG
from tests.store.village import JOBS, weighed

PLANTED: Final[Mapping[str, str]] = {
    "waybills": waybill(739_154_628_017),
    "proxies": "ئابلىكىم قوشنام",
    "parcel_pictures": "label of zarinqiz.planted",
    "members": "古丽巴哈尔·买买提",
    "clerks": "Tursunay Planted",
}
NO_WORDS: Final = {
    *(
        "pickup_codes",
        "member_code",
        "journal",
        "papers",
        "goods_pictures",
        "station_logs",
        "station_backups",
        "bundles",
    ),
}
"""Numbers, pictures of goods, copies of the above, and what programs write."""
HOUR: Final = timedelta(hours=1)


def found_in(folder: Path) -> set[str]:
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return {place for place, word in PLANTED.items() if word.encode() in content}


def plant(rig: CounterRig) -> None:
    """At the counter and with files; the parcel has left, and another price list is in force."""
    member = Member("M-07391", PLANTED["members"], "Y1P07391")
    version = rig.store.catalogs.add(replace(CATALOG, members=(member,)), rig.clock.stamp())
    goods = (Party(member.number), "BADAM", Mode.PURCHASE, version, 2200)
    intake = rig.store.intakes.open(lambda receipt: Intake(receipt, *goods), rig.clock.stamp())
    rig.store.intakes.confirm(weighed(intake, 12_000), "token", JOBS, rig.clock.stamp())
    rig.store.catalogs.add(CATALOG, rig.clock.stamp())
    rig.store.clerks.add(PLANTED["clerks"], Role.CLERK, HASHES[PIN], rig.clock.stamp())
    rig.store.deliveries.expect([ExpectedParcel(PLANTED["waybills"], "SF", "7391")], rig.clock.stamp())
    row = rig.bring_damaged(739_154_628_017)
    rig.click(row.number, PLANTED["parcel_pictures"].encode())
    rig.counter.shelf.accept_damaged(rig.session, str(row.number))
    rig.counter.handovers.collect_by_proxy(rig.session, str(row.number), PLANTED["proxies"])


def test_the_table_is_what_the_program_has() -> None:
    table = personal_data("At a station")
    assert table.keys() == PLANTED.keys() | NO_WORDS
    for place in ("waybills", "proxies", "parcel_pictures"):
        assert f"{RETENTION_AFTER_CLOSE.days} days" in table[place]
    assert f"{RETENTION_OF_MEMBERS.days} days" in table["members"]
    assert f"none older than {MAX_AGE.days} days" in table["station_backups"]
    assert f"the newest {BackupSettings(Path()).keep}" in table["station_backups"]


def test_what_is_about_people_is_there_until_its_term_and_nowhere_after(
    rig: CounterRig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    medium = tmp_path / "medium"
    medium.mkdir()
    plant(rig)
    assert found_in(tmp_path) == PLANTED.keys()
    with closing(sqlite3.connect(tmp_path / "station.db")) as database:
        bodies = b"".join(body for (body,) in database.execute("SELECT body FROM journal"))
    told = [place for place, word in PLANTED.items() if word.encode() in bodies]
    assert told == [], "the sorting center gets the number alone"
    assert b'"M-07391"' in bodies
    sweep = ParcelSweep(rig.store, rig.photos, rig.parcels, rig.clock.stamp, lambda: None)
    gone: set[str] = set()
    for term, places in (
        (RETENTION_AFTER_CLOSE, {"waybills", "proxies", "parcel_pictures"}),
        (RETENTION_OF_MEMBERS, {"members"}),
    ):
        start = rig.clock.moment
        rig.clock.wait((term - HOUR).total_seconds())
        assert sweep.sweep()
        assert found_in(tmp_path) == PLANTED.keys() - gone
        rig.clock.wait((2 * HOUR).total_seconds())
        assert sweep.sweep()
        gone |= places
        assert found_in(tmp_path) == PLANTED.keys() - gone
        rig.clock.moment = start
    make_backup(tmp_path / "station.db", "S0147", BackupSettings(medium), rig.clock.stamp(), same_disk=True)
    assert found_in(medium) == {"clerks"}
    assert not [word for word in PLANTED.values() if word in caplog.text]
