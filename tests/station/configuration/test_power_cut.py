"""The power goes between any two lines of taking a document: the next start finds one whole version, and goes on."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.base import files
from kiosk.messaging.contract.configuration import CheckpointsPart, ClerkRow, ClerksPart
from kiosk.station.configuration import checks, county, floor, inbox
from kiosk.store import Store, catalogs, checkpoints, clerks, county_documents
from kiosk.store.database.opening import OpenOptions
from tests.depth import many
from tests.station.configuration.rig import CONTAINERS, GOODS, PEOPLE, CountyRig, Sent, document, prices
from tests.station.configuration.test_checkpoints import row
from tests.station.fakes import STAMP
from tests.station.update.power import lines_of, run, worth_a_cut

FILES = {
    module.__file__ for module in (files, checks, county, floor, inbox, catalogs, checkpoints, clerks, county_documents)
}
CUTS = many(24, torture=10_000, quick=4)
BEFORE, AFTER = "1.17", "1.18"
PERSON = {"1.17": ["Patime", "Memet"], "1.18": ["Aygul"]}


def sent(number: int) -> Sent:
    people = PEOPLE if number == 17 else ClerksPart((ClerkRow("01", "Aygul", "technician"),))
    log = CheckpointsPart((row(number, number - 1 if number > 17 else 0),))
    return document(number, goods=GOODS, containers=CONTAINERS, prices=prices(number), clerks=people, checkpoints=log)


def opened(folder: Path) -> closing[Store]:
    return closing(Store.open(folder / "station.db", "S0147", STAMP, OpenOptions(check=False, reserve_bytes=0)))


def work(folder: Path) -> None:
    with opened(folder) as store:
        CountyRig(store, folder).step()


def look(rig: CountyRig) -> str:
    """The version in force, of which everything is there."""
    version = rig.version()
    assert rig.price() == int(version.partition(".")[2])
    assert [row.name for row in rig.store.clerks.everyone()] == PERSON[version]
    assert [f"{row['key']}.{row['number']}" for row in rig.events("config.applied")][-1] == version
    assert [row["size"] for row in rig.events("checkpoint.kept")] == list(range(17, rig.price() + 1))
    assert rig.county.prices_confirmed() or version == BEFORE
    return version


@pytest.fixture
def waiting(tmp_path: Path, begun: Path) -> Path:
    """A station with the document 17, and 18 in its folder."""
    folder = tmp_path / "waiting"
    shutil.copytree(begun, folder)
    with opened(folder) as store:
        rig = CountyRig(store, folder)
        rig.receive(sent(17))
        assert look(rig) == BEFORE
    sent(18).put_into(folder / "configuration")
    return folder


def test_cut_at_any_line(waiting: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(waiting, whole)
    cuts = worth_a_cut(lines_of(lambda: work(whole), FILES))
    assert len(cuts) > 200
    seen = set()
    for cut in cuts[:: max(1, len(cuts) // CUTS)]:
        folder = tmp_path / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(waiting, folder)
        assert run(lambda: work(folder), cut, FILES)  # noqa: B023 - run before the next round
        with opened(folder) as store:
            rig = CountyRig(store, folder)
            seen.add(look(rig))
            rig.step()
            assert look(rig) == AFTER
            assert [row["number"] for row in rig.events("config.applied")] == [17, 18]
            assert rig.refusals() == []
    assert seen == {BEFORE, AFTER}
