"""``kiosk backup`` and ``kiosk restore`` as a technician types them: one clear line, and the right exit status."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.config.station import load
from kiosk.store.database.migrate import migrate
from tests.store.village import CATALOG, bring_in, change, events, open_store, stamp


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def config(tmp_path: Path, template: Path) -> Path:
    """The settings of a station with two intakes."""
    data = tmp_path / "data"
    with closing(open_store(data / "station.db", template)) as store:
        store.catalogs.add(CATALOG, stamp())
        for _ in range(2):
            bring_in(store)
    path = tmp_path / "station.toml"
    path.write_text(
        f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{data}"\n'
        f'[backup]\nfolder = "{tmp_path / "medium"}"\nkeep = 2\n'
    )
    (tmp_path / "medium").mkdir()
    return path


def kiosk(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def made(config: Path) -> Path:
    (newest,) = (config.parent / "medium").glob("*.db")
    return newest


def test_a_backup_says_where_it_is_and_how_much_is_in_it(config: Path) -> None:
    done = kiosk("backup", "--config", config, "--same-disk")
    assert done.exit_code == 0, done.output
    assert str(made(config)) in done.stdout
    assert "4 events" in done.stdout
    event = events(config.parent / "data" / "station.db")[-1]
    assert event["type"] == "station.backup.made.v1"
    assert event["data"]["events"] == 4
    assert event["data"]["size_bytes"] == made(config).stat().st_size


def test_a_folder_on_the_same_card_is_refused(config: Path) -> None:
    done = kiosk("backup", "--config", config)
    assert done.exit_code == 1
    assert "a backup on the same card is none" in done.stderr
    assert not list((config.parent / "medium").glob("*.db"))


def test_another_folder_by_hand(config: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert kiosk("backup", "--config", config, "--to", tmp_path / "other", "--same-disk").exit_code == 0
    assert list((tmp_path / "other").glob("*.db"))


def test_no_medium_and_no_setting(config: Path) -> None:
    (config.parent / "medium").rmdir()
    done = kiosk("backup", "--config", config)
    assert (done.exit_code, "Plug it in" in done.stderr) == (1, True)
    config.write_text(config.read_text().partition("[backup]")[0])
    done = kiosk("backup", "--config", config)
    assert (done.exit_code, "--to" in done.stderr) == (2, True)


def test_no_database_is_made_by_a_backup(config: Path) -> None:
    database = config.parent / "data" / "station.db"
    database.unlink()
    done = kiosk("backup", "--config", config, "--same-disk")
    assert (done.exit_code, str(database) in done.stderr) == (1, True)
    assert not database.exists()


def test_a_restore_tells_what_it_did(config: Path, template: Path) -> None:
    assert kiosk("backup", "--config", config, "--same-disk").exit_code == 0
    done = kiosk("restore", made(config), "--config", config)
    assert done.exit_code == 0, done.output
    for told in (
        "4 events",
        "byte for byte",
        "Old epoch",
        "receipts go on with B-000001",
        "3 events of the backup are told",
        "4 papers waited",
        "before-restore-1",
    ):
        assert told in done.stdout, told
    assert "receipt-series" not in done.stdout
    with closing(open_store(config.parent / "data" / "station.db", template)) as store:
        assert store.epochs.identity().series == "B"


def test_a_new_card_is_warned_about_its_letters(config: Path, tmp_path: Path) -> None:
    assert kiosk("backup", "--config", config, "--same-disk").exit_code == 0
    card = tmp_path / "card.toml"
    card.write_text(f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{tmp_path / "card"}"\n')
    done = kiosk("restore", made(config), "--config", card)
    assert done.exit_code == 0
    assert "look at the newest paper receipt" in done.stdout
    done = kiosk("restore", made(config), "--config", card, "--letter", "E")
    assert "receipts go on with F-000001" in done.stdout


def test_a_restore_that_was_refused_changed_nothing(config: Path) -> None:
    assert kiosk("backup", "--config", config, "--same-disk").exit_code == 0
    change(made(config), "UPDATE intake SET amount_fen = 1")
    done = kiosk("restore", made(config), "--config", config)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "manifest" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_wrong_usage(config: Path) -> None:
    assert kiosk("restore", "--config", config).exit_code == 2
    assert kiosk("restore", "x.db", "--config", config.parent / "none.toml").exit_code == 2
    assert kiosk("restore", config.parent / "x.db", "--config", config).exit_code == 1


UUID, OTHER = "8a1f1f1c-5d0a-4c6e-9f0b-0123456789ab", "1A2B-3C4D"


@pytest.fixture
def plugged(config: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A medium on another disk; ``uuid`` is what udev says of it."""
    said = {"uuid": UUID}
    medium = config.parent / "medium"
    monkeypatch.setattr("kiosk.store.backup.medium.disk_of", str)
    monkeypatch.setattr("kiosk.store.backup.medium.uuid_of", lambda path: said["uuid"] if path == medium else "")
    monkeypatch.setattr("kiosk.cli.backup.uuid_of", lambda path: said["uuid"])
    return said


def test_a_medium_is_bound_by_a_command_and_no_other_gets_the_database(config: Path, plugged: dict[str, str]) -> None:
    before = config.read_text()
    assert kiosk("backup", "--config", config).exit_code == 0, "a station of before goes on"
    done = kiosk("backup", "--config", config, "--bind")
    assert done.exit_code == 0, done.output
    assert UUID in done.stdout
    settings = load(config).backup
    assert settings is not None
    assert (settings.uuid, settings.keep) == (UUID, 2)
    assert config.with_name("station.toml.before").read_text() == before
    assert config.stat().st_mode & 0o777 == config.with_name("station.toml.before").stat().st_mode & 0o777
    plugged["uuid"] = OTHER
    done = kiosk("backup", "--config", config)
    assert done.exit_code == 1
    assert "kiosk backup --bind" in done.stderr
    assert kiosk("backup", "--config", config, "--bind").exit_code == 0
    assert 'uuid = "1A2B-3C4D"' in config.read_text()
    assert config.read_text().count("uuid") == 1
    plugged["uuid"] = UUID
    assert kiosk("backup", "--config", config).exit_code == 1


def test_what_cannot_be_bound_says_so_and_changes_nothing(config: Path, plugged: dict[str, str]) -> None:
    before, plugged["uuid"] = config.read_text(), ""
    done = kiosk("backup", "--config", config, "--bind")
    assert (done.exit_code, "has no UUID" in done.stderr) == (1, True)
    assert kiosk("backup", "--config", config, "--bind", "--to", config.parent / "medium").exit_code == 2
    assert config.read_text() == before


def test_a_medium_is_bound_however_a_person_wrote_the_section(config: Path, plugged: dict[str, str]) -> None:
    written = f'backup = {{ folder = "{config.parent / "medium"}" }}  # the stick'
    config.write_text(f"{written}\n{config.read_text().partition('[backup]')[0]}")
    assert kiosk("backup", "--config", config, "--bind").exit_code == 0
    settings = load(config).backup
    assert settings is not None
    assert settings.uuid == UUID
    assert "}  # the stick\n" in config.read_text()


def test_another_folder_by_hand_is_another_matter(config: Path, plugged: dict[str, str], tmp_path: Path) -> None:
    assert kiosk("backup", "--config", config, "--bind").exit_code == 0
    (tmp_path / "elsewhere").mkdir()
    assert kiosk("backup", "--config", config, "--to", tmp_path / "elsewhere").exit_code == 0


@pytest.mark.parametrize("uuid", ["../x", "1A2B 3C4D", "x" * 80, "\u0661"])
def test_a_uuid_that_is_none_is_refused_with_its_line(config: Path, uuid: str) -> None:
    config.write_text(config.read_text() + f'uuid = "{uuid}"\n')
    done = kiosk("backup", "--config", config)
    assert (done.exit_code, "uuid" in done.stderr) == (2, True)
