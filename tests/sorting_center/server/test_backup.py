"""One backup of the whole server: the last good one stays, whatever happens while the next is made."""

from __future__ import annotations

import json
import shutil
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from kiosk.base.refused import Refused
from kiosk.cli.center import backup as command
from kiosk.cli.sorting_center import main
from kiosk.sorting_center.desk.shared.schema import REVISION
from kiosk.sorting_center.ledger.database.schema import SCHEMA_VERSION
from kiosk.sorting_center.server import backup as module
from kiosk.sorting_center.server.backup import (
    LEDGER,
    MANIFEST,
    OPTIONAL,
    PHOTOGRAPH_LIST,
    PHOTOGRAPHS,
    REQUIRED,
    ServerManifest,
    back_up_server,
    backups,
    digest_of,
)
from kiosk.sorting_center.server.layout import ServerLayout
from tests.servers.postgres import PostgresServer
from tests.sorting_center.server.county import PowerCut, Server, night, power_cut


def assert_whole(backup: Path) -> ServerManifest:
    """Every file is what the manifest says, and every photograph of it is there."""
    manifest = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=ServerManifest)
    there = {str(path.relative_to(backup)) for path in backup.rglob("*") if path.is_file()}
    assert there == {MANIFEST, *manifest.files}
    assert {name: digest_of(backup / name) for name in manifest.files} == manifest.files
    names = (backup / PHOTOGRAPH_LIST).read_text().splitlines()
    assert len(names) == manifest.photographs
    assert all(digest_of(backup.parent / PHOTOGRAPHS / name)[1] == Path(name).stem for name in names)
    return manifest


def test_everything_is_in_it_and_root_alone_reads_it(server: Server, disk: Path) -> None:
    for left_out in ("authority/servers.key", "pgpass", "tls/pages.key"):
        (server.files.configuration / left_out).parent.mkdir(exist_ok=True)
        (server.files.configuration / left_out).write_text("secret")
    backup, manifest = back_up_server(server.files, disk, night(0), keep=2)
    assert assert_whole(backup) == manifest
    assert manifest.files.keys() == {LEDGER, "ledger.desk.db", PHOTOGRAPH_LIST, *REQUIRED, *OPTIONAL}
    assert (manifest.events, manifest.photographs, manifest.damaged) == (5, 3, 0)
    assert (manifest.ledger_schema, manifest.desk_revision) == (SCHEMA_VERSION, int(REVISION))
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in disk.glob("*")} == {0}


def test_of_postgresql(server: Server, disk: Path, tmp_path: Path, postgres: PostgresServer, postgres_url: str) -> None:
    other = Server(tmp_path / "other", postgres_url)
    other.root.mkdir()
    other.fill()
    backup, manifest = back_up_server(other.files, disk, night(0), keep=2)
    assert assert_whole(backup).events == manifest.events == 5
    assert manifest.desk_revision == int(REVISION)


def test_photographs_are_copied_once_and_leave_with_the_last_backup_that_had_them(server: Server, disk: Path) -> None:
    erased = server.photograph("erased")
    back_up_server(server.files, disk, night(0), keep=2)
    copy = disk / PHOTOGRAPHS / erased.relative_to(server.files.photographs)
    before = {path: path.stat().st_mtime_ns for path in (disk / PHOTOGRAPHS).rglob("*.jpg")}
    erased.unlink()
    server.photograph("new")
    (erased.with_name(f".{erased.stem}.part")).write_text("coming")
    server.photograph("torn").write_text("to")
    _, manifest = back_up_server(server.files, disk, night(1), keep=2)
    assert (manifest.photographs, manifest.damaged) == (4, 1)
    assert copy.exists(), "the older backup has it"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    back_up_server(server.files, disk, night(2), keep=2)
    assert not copy.exists()
    assert len(list((disk / PHOTOGRAPHS).rglob("*.jpg"))) == 4
    assert [path.name for path in backups(disk, finished=True)] == ["20261202T220000Z", "20261203T220000Z"]


def test_killed_at_any_moment_the_last_one_is_whole_and_the_next_one_is_made(
    server: Server, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up_server(server.files, disk, night(0), keep=1)
    shutil.copytree(disk, tmp_path / "before")
    server.photograph("new")
    server.take_in(1)
    cut, ended = 0, False
    while not ended:
        shutil.rmtree(disk)
        shutil.copytree(tmp_path / "before", disk)
        with power_cut(monkeypatch, cut), suppress(PowerCut):
            back_up_server(server.files, disk, night(1), keep=1)
            ended = True
        finished = backups(disk, finished=True)
        assert finished, f"cut {cut}"
        for backup in finished:
            assert_whole(backup)
        back_up_server(server.files, disk, night(2), keep=1)
        (last,) = backups(disk, finished=True)
        assert assert_whole(last).events == 6
        assert backups(disk, finished=False) == []
        cut += 1
    assert cut > 30, "every act was cut off"


def test_what_changes_meanwhile_is_no_error(server: Server, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph is removed and another one comes while they are copied, and a station sends an event."""
    removed = sorted(server.files.photographs.rglob("*.jpg"))[-1]
    copy = module.copy_photograph

    def copy_meanwhile(path: Path, target: Path) -> bool:
        if removed.exists():
            removed.unlink()
            server.photograph("came meanwhile")
            server.take_in(1)
        return copy(path, target)

    monkeypatch.setattr(module, "copy_photograph", copy_meanwhile)
    backup, manifest = back_up_server(server.files, disk, night(0), keep=1)
    assert_whole(backup)
    assert (manifest.events, manifest.photographs, manifest.damaged) == (5, 2, 0)


def test_what_is_wrong_is_named_and_changes_nothing(
    server: Server, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up_server(server.files, disk, night(5), keep=2)

    def refused(folder: Path, words: str) -> None:
        with pytest.raises((Refused, OSError), match=words):
            back_up_server(server.files, folder, night(6), keep=1)
        (only,) = backups(disk, finished=True)
        assert_whole(only)

    (tmp_path / "link").symlink_to(disk)
    refused(tmp_path / "link", "mount the disk")
    refused(tmp_path / "missing", "mount the disk")
    with module.files.exclusive_folder(disk):
        refused(disk, "another backup")
    with pytest.raises(Refused, match="set the clock"):
        back_up_server(server.files, disk, night(4), keep=1)
    for needed in (server.files.configuration / "settings.toml", server.files.photographs):
        needed.rename(tmp_path / "aside")
        refused(disk, needed.name)
        (tmp_path / "aside").rename(needed)
    gone = replace(server.files, ledger_url=f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(Exception, match="no ledger"):
        back_up_server(gone, disk, night(6), keep=1)


def test_a_full_disk_is_named(server: Server, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs full: SQLite's own copy, or a file."""
    back_up_server(server.files, disk, night(0), keep=2)
    real = module.files.write_durably

    def full(path: Path, content: bytes, mode: int | None = None) -> None:
        if path.name == MANIFEST:
            raise OSError(28, "No space left on device")
        real(path, content, mode)

    with monkeypatch.context() as patch:
        patch.setattr(module.files, "write_durably", full)
        with pytest.raises(OSError, match=f"{disk} failed .*No space.*has room"):
            back_up_server(server.files, disk, night(1), keep=1)
    (only,) = backups(disk, finished=True)
    assert_whole(only)


def test_the_command_notes_when_and_where(server: Server, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = ServerLayout(server.root)
    layout.settings, layout.data, layout.backup = (
        server.files.configuration / "settings.toml",
        server.root / "var",
        server.root / "var/backup.json",
    )
    rows = (f'ledger = "{server.files.ledger_url}"', f'photos_dir = "{server.files.photographs}"', "[backup]")
    layout.settings.write_text("\n".join((*rows, f'folder = "{disk}"', "keep = 3")))
    monkeypatch.setattr(command, "LAYOUT", layout)
    given = ["backup", "--config", str(layout.settings)]
    refused = CliRunner().invoke(main, given)
    assert (refused.exit_code, "own disk" in refused.stderr) == (2, True)
    made = CliRunner().invoke(main, [*given, "--same-disk"])
    assert made.exit_code == 0, made.stderr
    (backup,) = backups(disk, finished=True)
    assert made.stdout == f"Backup {backup}: 5 events, 3 photographs.\n"
    note = json.loads((server.root / "var/backup.json").read_text())
    assert (note["where"], note.keys()) == (str(backup), {"at", "where"})
