"""``kiosk bundle``: writes one file and prints where it is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.station.doctor import bundle
from kiosk.store.database.migrate import migrate
from tests.cli.test_doctor import Village


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def village(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Village]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    with ExitStack() as ends:
        yield Village(tmp_path, template, ends)


def kiosk_bundle(village: Village, *words: str) -> Result:
    return CliRunner().invoke(main, ["bundle", "--config", str(village.config), *words])


def test_it_lies_in_the_data_folder(village: Village) -> None:
    done = kiosk_bundle(village)
    assert done.exit_code == 0, done.output
    path = Path(done.stdout.strip())
    assert path.parent == village.folder / "data"
    with zipfile.ZipFile(path) as opened:
        names = opened.namelist()
        text = "\n".join(opened.read(name).decode() for name in names)
    assert {"about.json", "doctor.txt", "settings.json", "database.json"} <= set(names)
    for private in ("Reyhan", "Tursun", "Aygul"):
        assert private not in text
    assert "station.catalog.imported.v1" in text


def test_another_folder(village: Village) -> None:
    done = kiosk_bundle(village, "--to", str(village.folder / "medium"))
    assert Path(done.stdout.strip()).parent == village.folder / "medium"


def test_a_folder_that_is_not_there(village: Village) -> None:
    done = kiosk_bundle(village, "--to", str(village.folder / "gone"))
    assert (done.exit_code, str(village.folder / "gone") in done.stderr) == (2, True)


def test_a_medium_that_cannot_be_written(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, "write_bundle", full)
    done = kiosk_bundle(village)
    assert (done.exit_code, "No space left on device" in done.stderr) == (1, True)
