"""A server that was lost comes back from its backup, or nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.base.refused import Refused
from kiosk.cli.center.restore import ServerRestore
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.server import restore as module
from kiosk.sorting_center.server.backup import (
    LEDGER,
    MANIFEST,
    OPTIONAL,
    PHOTOGRAPH_LIST,
    PHOTOGRAPHS,
    REQUIRED,
    ServerFiles,
    back_up_server,
)
from kiosk.sorting_center.server.restore import checked_backup, put_configuration, put_ledger, put_photographs
from kiosk.sorting_center.server.setup import SetupFailed
from kiosk.sorting_center.stations.authority import BadPassPhrase
from tests.sorting_center.server.county import PowerCut, Server, night, power_cut
from tests.sorting_center.server.stand_in import Killed, StandInMachine
from tests.sorting_center.server.test_setup import PHRASE, answers, setting_up


def put(disk: Path, target: ServerFiles) -> list[str]:
    """As the command does it; what photographs are damaged."""
    backup, _ = checked_backup(disk)
    put_configuration(backup, target.configuration)
    put_ledger(backup, target)
    return list(put_photographs(backup, target.photographs))


def bare(folder: Path, url: str = "") -> ServerFiles:
    (folder / "var").mkdir(parents=True)
    (folder / "etc").mkdir()
    return ServerFiles(url or f"sqlite:///{folder}/var/ledger.db", folder / "etc", folder / "var/photos")


def power_off(*_: object) -> None:
    raise PowerCut


def assert_same(target: ServerFiles, server: Server) -> None:
    with Ledger.open_readonly(server.files.ledger_url) as was, Ledger.open_readonly(target.ledger_url) as here:
        assert here.counts() == was.counts()
        assert (here.ledger_id, here.generation != was.generation) == (was.ledger_id, True)
    with closing(CenterDesk.open(target.ledger_url)) as desk:
        assert [person.name for person in desk.people.all()] == ["gulnar"]
    for name in (*REQUIRED, *OPTIONAL):
        assert (target.configuration / name).read_text() == f"# {name}\n"
    names = {path.name for path in target.photographs.rglob("*.jpg")}
    assert names == {path.name for path in server.files.photographs.rglob("*.jpg")}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_it_comes_back_and_a_second_time_changes_nothing(
    server: Server,
    disk: Path,
    tmp_path: Path,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In PostgreSQL also when the power goes between its two transactions."""
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else ""
    target = bare(tmp_path / "new", url)
    back_up_server(server.files, disk, night(0), keep=2)
    with monkeypatch.context() as patch, suppress(PowerCut):
        patch.setattr(module, "copy_desk", power_off)
        put(disk, target)
    put(disk, target)
    assert_same(target, server)
    with Ledger.open(target.ledger_url) as ledger:
        ledger.accept([server.station.intake(90)], "yarkant", "2026-12-02T04:00:00.000Z")
        generation = ledger.generation
    put(disk, target)
    with Ledger.open_readonly(target.ledger_url) as ledger:
        assert (ledger.counts().events, ledger.generation) == (6, generation)


def test_killed_at_any_moment_and_begun_again_it_comes_back(
    server: Server, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up_server(server.files, disk, night(0), keep=2)
    cut, ended = 0, False
    while not ended:
        target = bare(tmp_path / f"new{cut}")
        with power_cut(monkeypatch, cut), suppress(PowerCut):
            put(disk, target)
            ended = True
        put(disk, target)
        assert_same(target, server)
        assert {path.suffix for path in (tmp_path / f"new{cut}/var").iterdir()} <= {".db", ".lock", ""}
        cut += 1
    assert cut > 20, "every act was cut off"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_nothing_is_written_when_a_file_is_damaged_or_missing(
    server: Server, disk: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    backup, manifest = back_up_server(server.files, disk, night(0), keep=2)
    whole = tmp_path / "whole"
    shutil.copytree(disk, whole)
    harms: list[Callable[[Path], None]] = [flip, Path.unlink, lambda path: path.write_bytes(b"")]
    for name in manifest.files:
        for harm in harms:
            with subtests.test(name):
                harm(backup / name)
                with pytest.raises((Refused, OSError), match=Path(name).name):
                    checked_backup(disk)
                shutil.rmtree(disk)
                shutil.copytree(whole, disk)
    (backup / MANIFEST).write_text("{")
    with pytest.raises(Refused, match="older backup"):
        checked_backup(disk)
    (backup / MANIFEST).unlink()
    with pytest.raises(Refused, match="no finished backup"):
        checked_backup(disk)


def test_a_backup_of_newer_software_is_refused(server: Server, disk: Path) -> None:
    backup, _ = back_up_server(server.files, disk, night(0), keep=2)
    written = json.loads((backup / MANIFEST).read_text())
    for key, value in (("software", "99.0.0+gabc"), ("ledger_schema", 99), ("desk_revision", 99)):
        (backup / MANIFEST).write_text(json.dumps({**written, key: value}))
        with pytest.raises(Refused, match="newer software"):
            checked_backup(backup)


def test_the_newest_is_taken_or_the_one_that_is_named(server: Server, disk: Path) -> None:
    first, _ = back_up_server(server.files, disk, night(0), keep=2)
    second, _ = back_up_server(server.files, disk, night(1), keep=2)
    assert (checked_backup(disk)[0], checked_backup(first)[0]) == (second, first)


def test_another_server_is_not_overwritten(server: Server, disk: Path, tmp_path: Path) -> None:
    back_up_server(server.files, disk, night(0), keep=2)
    target = bare(tmp_path / "new")
    (target.configuration / "settings.toml").write_text("of another county")
    with pytest.raises(Refused, match="nothing is set up"):
        put(disk, target)
    assert [path.name for path in target.configuration.iterdir()] == ["settings.toml"]
    other = Server(tmp_path / "other")
    other.root.mkdir()
    other.fill()
    with pytest.raises(Refused, match="holds another ledger"):
        put_ledger(checked_backup(disk)[0], other.files)
    with Ledger.open_readonly(other.files.ledger_url) as ledger:
        assert ledger.counts().events == 5


def test_a_damaged_photograph_is_left_out_and_named(server: Server, disk: Path, tmp_path: Path) -> None:
    backup, _ = back_up_server(server.files, disk, night(0), keep=2)
    first, second, _ = (backup / PHOTOGRAPH_LIST).read_text().splitlines()
    flip(disk / PHOTOGRAPHS / first)
    (disk / PHOTOGRAPHS / second).unlink()
    target = bare(tmp_path / "new")
    assert put(disk, target) == [first, second]
    assert len(list(target.photographs.rglob("*.jpg"))) == 1


def test_a_list_that_leads_out_of_the_folder_writes_nothing_there(server: Server, disk: Path, tmp_path: Path) -> None:
    backup, _ = back_up_server(server.files, disk, night(0), keep=2)
    inside, _, _ = (backup / PHOTOGRAPH_LIST).read_text().splitlines()
    outside = f"../../{Path(inside).name}"
    shutil.copyfile(disk / PHOTOGRAPHS / inside, disk / PHOTOGRAPHS / outside)
    (backup / PHOTOGRAPH_LIST).write_text(outside)
    target = bare(tmp_path / "new")
    assert list(put_photographs(backup, target.photographs)) == [outside]
    assert not list((tmp_path / "new").rglob("*.jpg"))


def test_what_was_made_of_another_ledger_goes(server: Server, disk: Path, tmp_path: Path) -> None:
    """An empty ledger that a first start has made, and what was read of it."""
    back_up_server(server.files, disk, night(0), keep=2)
    target = bare(tmp_path / "new")
    with Ledger.open(target.ledger_url):
        pass
    for name in ("ledger.reports.db", "ledger.db-wal", "ledger.photos.db"):
        (tmp_path / "new/var" / name).write_text("of the empty one")
    put(disk, replace(target))
    assert_same(target, server)
    assert {path.name for path in (tmp_path / "new/var").glob("ledger*")} <= {
        LEDGER,
        "ledger.desk.db",
        "ledger.db.lock",
    }
    assert not (tmp_path / "new/var" / module._STAGED).exists()


def begun_restore(machine: StandInMachine, disk: Path, phrase: str = PHRASE) -> list[str]:
    backup, _ = checked_backup(disk)
    machine.people = {"gulnar": "as in the backup"}  # of the desk that is put in place before they are listed
    return list(ServerRestore(machine.layout, machine, backup, phrase).steps(accept_host=False))


@pytest.fixture
def county(server: Server, disk: Path, tmp_path: Path) -> StandInMachine:
    """A server that was set up, and is in a backup; its data lie in the same place on the next one."""
    machine = StandInMachine(tmp_path / "lost")
    list(setting_up(machine, answers("sqlite")).steps())
    var = machine.layout.data
    shutil.copytree(server.root / "var", var, dirs_exist_ok=True)
    settings = machine.layout.settings.read_text().replace("/var/lib/sorting-center", str(tmp_path / "data"))
    machine.layout.settings.write_text(settings)
    source = ServerFiles(f"sqlite:///{var}/ledger.db", machine.layout.settings.parent, var / "photos")
    back_up_server(source, disk, night(0), keep=1)
    return machine


def test_a_whole_server_comes_back_killed_at_every_operation(
    county: StandInMachine, server: Server, disk: Path, tmp_path: Path
) -> None:
    number, operations = 0, 1
    while number <= operations:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        (tmp_path / "data").mkdir()
        machine = StandInMachine(tmp_path / str(number))
        machine.kill_at = number
        with suppress(Killed):
            begun_restore(machine, disk)
        operations = max(operations, len(machine.operations))
        machine.kill_at = 0
        begun_restore(machine, disk)
        old, new = county.layout, machine.layout
        for name in ("settings.toml", "answers.toml", *(path for path in OPTIONAL if "exported" not in path)):
            assert (new.settings.parent / name).read_bytes() == (old.settings.parent / name).read_bytes(), number
        assert new.servers_key.read_bytes() != old.servers_key.read_bytes()
        assert new.broker_password.read_bytes() != old.broker_password.read_bytes()
        assert {"sorting-center.service", "sorting-center-backup.timer", "mosquitto.service"} <= machine.active
        with Ledger.open_readonly(f"sqlite:///{tmp_path}/data/ledger.db") as ledger:
            assert ledger.counts().events == 5
        assert len(list((tmp_path / "data/photos").rglob("*.jpg"))) == 3
        number += 1
    assert operations > 20


def test_a_wrong_pass_phrase_or_a_machine_that_cannot_be_a_server_changes_nothing(
    county: StandInMachine, disk: Path, tmp_path: Path
) -> None:
    machine = StandInMachine(tmp_path / "new")
    with pytest.raises(BadPassPhrase):
        begun_restore(machine, disk, "another pass phrase")
    machine.names = set()
    with pytest.raises(SetupFailed, match="nothing was changed"):
        begun_restore(machine, disk)
    assert machine.operations == []
    assert not machine.layout.settings.exists()
