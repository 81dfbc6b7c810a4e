"""The second medium of a new station: what is offered, and a first backup that proves it or is told."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.app.machine import ThisMachine
from kiosk.app.shared.media import MAX_MEDIA, mounted, on_another_disk
from kiosk.config.station import load
from kiosk.first_start.database import fill
from kiosk.first_start.questions import DONE
from kiosk.first_start.shared.ports import BACKUP_AT_NIGHT
from kiosk.station.shared.open_store import open_store
from kiosk.store.backup.medium import BackupRefused, finished_manifests, nearest_existing, read_manifest
from tests.memory import other_disk
from tests.web.first_start.start import Start


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Path]:
    """Where media are mounted, on another disk than the data folder."""
    with tempfile.TemporaryDirectory(dir=other_disk(tmp_path), prefix="kiosk-media-") as folder:
        yield Path(folder)


@pytest.fixture
def stick(media: Path) -> Path:
    path = media / "kiosk-backup"
    path.mkdir()
    return path


@pytest.fixture
def start(tmp_path: Path, media: Path, stick: Path) -> Iterator[Start]:
    start = Start(tmp_path)
    start.machine = replace(start.machine, media=(media,), is_mount=lambda path: Path(path).parent == media)
    start.fill = fill
    start.restart()
    yield start
    start.wizard.close()


class TestWhatIsOffered:
    def test_mount_points_one_and_two_levels_deep(self, media: Path) -> None:
        deep, shallow = media / "pi/STICK", media / "DISK"
        for folder in (deep, shallow, media / "pi/plain", media / "pi/STICK/below", media / ".hidden"):
            folder.mkdir(parents=True)
        (media / "link").symlink_to(deep)
        mounts = {deep, shallow, deep / "below", media / ".hidden", media / "link", media}
        found = mounted((media, media / "gone"), lambda path: Path(path) in mounts)
        assert found == (shallow, deep)

    def test_not_more_than_a_screen_can_bear(self, media: Path) -> None:
        for number in range(MAX_MEDIA + 4):
            (media / f"{number}").mkdir()
        assert len(mounted((media,), lambda _: True)) == MAX_MEDIA

    def test_the_disk_of_the_data_is_no_second_medium(self, tmp_path: Path, stick: Path) -> None:
        same = tmp_path / "other-folder"
        same.mkdir()
        pulled = stick / "pulled"
        assert on_another_disk((same, stick, pulled), tmp_path / "not/there/yet") == (stick,)

    def test_a_folder_that_is_not_there_yet_has_the_disk_of_the_one_above(self, tmp_path: Path) -> None:
        assert nearest_existing(tmp_path / "a/b") == tmp_path
        assert nearest_existing(tmp_path) == tmp_path

    def test_a_plain_machine_knows_no_media(self) -> None:
        assert ThisMachine().backup_media() == ()

    def test_tiles(self, start: Start, stick: Path) -> None:
        start.walk("backup")
        assert [(tile.value, tile.label) for tile in start.wizard.view().choices] == [
            (str(stick), "kiosk-backup"),
            ("none", ""),
        ]
        start.wizard.answer("backup", {"value": str(stick)})
        assert start.draft.backup == str(stick)
        start.wizard.back()
        assert [tile.value for tile in start.wizard.view().choices if tile.chosen] == [str(stick)]
        start.wizard.answer("backup", {"value": "none"})
        assert (start.draft.backup, start.draft.proven["backup"]) == ("", "absent")

    def test_a_medium_that_may_not_be_written_is_refused_with_the_reason(
        self, start: Start, stick: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.walk("backup")
        monkeypatch.setattr("kiosk.store.backup.medium.os.access", lambda *_: False)
        assert start.refused("backup", str(stick)) == "backup"
        monkeypatch.undo()
        start.wizard.answer("backup", {"value": str(stick)})

    def test_a_medium_that_was_pulled_before_the_tap_is_gone(self, start: Start, stick: Path) -> None:
        start.walk("backup")
        stick.rmdir()
        assert start.refused("backup", str(stick)) == "gone"


class TestTheFirstBackup:
    def test_it_is_there_and_told_before_the_settings_file_is(self, start: Start, stick: Path) -> None:
        start.walk(backup=str(stick)).answer("check", {})
        assert (start.at, start.wizard.view().no_backup) == (DONE, "")
        config = load(start.place.config_file)
        assert config.backup is not None
        assert config.backup.folder == stick
        (made,) = finished_manifests(stick, "S0147")
        manifest = read_manifest(made)
        with closing(open_store(config.station)) as store:
            assert manifest.epoch == store.epochs.identity().epoch
            assert store.outbox.counts().pending > manifest.events  # what the backup holds, and the news of it

    def test_the_uuid_of_the_chosen_medium_is_written_down_and_another_one_gets_nothing(
        self, start: Start, stick: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kiosk.first_start.data_questions.uuid_of", lambda path: "1A2B-3C4D")
        start.walk(backup=str(stick))
        monkeypatch.setattr("kiosk.store.backup.medium.uuid_of", lambda path: "5E6F-7081")  # exchanged meanwhile
        start.restart().answer("check", {})
        assert "not the one of this station" in start.wizard.view().no_backup
        assert list(stick.iterdir()) == []
        config = load(start.place.config_file)
        assert config.backup is not None
        assert config.backup.uuid == "1A2B-3C4D"

    def test_a_medium_that_is_pulled_stops_nothing_and_is_told(self, start: Start, stick: Path) -> None:
        start.walk(backup=str(stick))
        stick.rmdir()
        start.wizard.answer("check", {})
        assert start.at == DONE
        assert f"there is no folder {stick}" in start.wizard.view().no_backup
        config = load(start.place.config_file)
        assert config.backup is not None

    def test_a_medium_that_is_full_stops_nothing_and_is_told(
        self, start: Start, stick: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise BackupRefused("database", "The backup medium is full")

        start.walk(backup=str(stick))
        monkeypatch.setattr("kiosk.station.doctor.tools.make_backup", full)
        start.wizard.answer("check", {})
        assert start.wizard.view().no_backup == "The backup medium is full"
        assert start.place.config_file.exists()

    def test_a_station_that_has_worked_is_left_to_the_night(self, start: Start, stick: Path) -> None:
        (start.place.data / "photos").mkdir(parents=True)
        start.walk(backup=str(stick)).answer("check", {})
        assert start.wizard.view().no_backup == BACKUP_AT_NIGHT
        assert finished_manifests(stick, "S0147") == []

    def test_a_cut_after_the_backup_makes_another_and_nothing_twice(
        self, start: Start, stick: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut(*_: object) -> None:
            raise OSError("the power went away")

        start.walk(backup=str(stick))
        monkeypatch.setattr("kiosk.first_start.wizard.write_settings", cut)
        assert start.refused("check", "go") == "not_written"
        assert len(finished_manifests(stick, "S0147")) == 1
        monkeypatch.undo()
        start.restart().answer("check", {})
        assert len(finished_manifests(stick, "S0147")) == 2
        with closing(open_store(load(start.place.config_file).station)) as store:
            assert len(store.clerks.everyone()) == 2
            assert store.catalogs.get()[0] == 1

    def test_the_answer_stays_over_a_restart_and_on_the_last_page(self, start: Start, stick: Path) -> None:
        start.walk("technician", backup=str(stick))
        start.restart()
        view = start.walk().view()
        rows = {row.text_id: (row.what, row.proof) for row in view.rows}
        assert rows["setup.device.backup"] == ("kiosk-backup", "set")
        shutil.rmtree(stick)
