"""``kiosk catalog import``: one file in, a new version, or one clear line and nothing changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.station.shared.open_store import stamps
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions

SAMPLE = files("kiosk.catalogs").joinpath("yarkant.toml").read_bytes()


@pytest.fixture
def config(tmp_path: Path, template: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{tmp_path}/data"\n')
    opened(path, template).close()
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(path)
    return path


def opened(config: Path, template: Path | None = None) -> Store:
    now = stamps(StationSettings("S0147", "shache", Path()))()
    return Store.open(
        config.parent / "data" / "station.db", "S0147", now, OpenOptions(template=template, reserve_bytes=0)
    )


def version(config: Path) -> int:
    with closing(opened(config)) as store:
        return store.catalogs.get()[0]


def run(config: Path, *arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["catalog", "import", *arguments, "--config", str(config)], input=stdin)


def test_a_good_file_is_a_new_version_and_the_same_again_is_not(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(SAMPLE)
    first = run(config, str(path))
    assert (first.exit_code, first.stderr) == (0, "")
    told = json.loads(first.stdout)
    with closing(opened(config)) as store:
        number, catalog = store.catalogs.get()
    assert told == {
        "version": number,
        "products": len(catalog.products),
        "prices": len(catalog.prices),
        "containers": len(catalog.containers),
        "members": len(catalog.members),
    }
    assert (number, len(catalog.products)) == (1, 12)
    assert json.loads(run(config, str(path)).stdout)["version"] == 1
    path.write_bytes(SAMPLE.replace(b"fen_per_kg = 2400", b"fen_per_kg = 2300", 1))
    assert json.loads(run(config, str(path)).stdout)["version"] == 2


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_standard_input_is_read_when_the_file_is_a_dash_or_absent(config: Path, arguments: list[str]) -> None:
    result = run(config, *arguments, stdin=SAMPLE)
    assert (result.exit_code, json.loads(result.stdout)["products"]) == (0, 12)
    assert version(config) == 1


def edited(old: bytes, new: bytes) -> Callable[[], bytes]:
    def make() -> bytes:
        assert old in SAMPLE
        return SAMPLE.replace(old, new, 1)

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"", "products: is missing"),
        (lambda: b"[[products", "cannot be read"),
        (lambda: b"\xff\xfe", "is not UTF-8"),
        (lambda: b"x" * 4_000_001, "4000001 bytes"),
        (edited(b"fen_per_kg = 2400", b"fen_per_kg = 24.0"), "whole number of fen"),
        (edited(b"fen_per_kg = 2400", b"fen_per_jin = 1200"), "fen_per_jin"),
        (edited(b'"BADAM"', b'"BADAM<script>"'), "A-Z, 0-9"),
        (edited('"بادام"'.encode(), '"با\\u202eدام"'.encode()), "U+202E"),
        (edited('"بادام"'.encode(), b'"a\\u001b[31m"'), "U+001B"),
    ],
)
def test_a_bad_file_ends_with_2_one_line_and_the_old_version(
    config: Path, make: Callable[[], bytes], words: str
) -> None:
    run(config, stdin=SAMPLE)
    result = run(config, "-", stdin=make())
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert result.stderr.startswith("standard input")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr[:-1].isprintable()
    assert version(config) == 1


def test_a_file_that_is_not_there_is_named(config: Path, tmp_path: Path) -> None:
    result = run(config, str(tmp_path / "none.toml"))
    assert result.exit_code == 2
    assert "none.toml" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_damaged_database_ends_with_3_and_is_not_touched(config: Path) -> None:
    path = config.parent / "data" / "station.db"
    path.write_bytes(b"SQLite format 3\0" + b"?" * 4000)
    result = run(config, stdin=SAMPLE)
    assert result.exit_code == 3
    assert "is damaged" in result.stderr
    assert path.read_bytes() == b"SQLite format 3\0" + b"?" * 4000


def test_bad_settings_end_with_2(config: Path) -> None:
    config.write_text("[station]\nstation = 1\n")
    result = run(config, stdin=SAMPLE)
    assert result.exit_code == 2
    assert f"{config}:1: [station]: region is missing" in result.stderr


def test_before_the_first_start_nothing_is_left_that_only_root_can_write(tmp_path: Path) -> None:
    """As root everything goes to the owner of the folder; any other user's files are its own anyway."""
    data, config = tmp_path / "fresh", tmp_path / "station.toml"
    data.mkdir(mode=0o700)
    owner = (12_345, 12_345) if os.geteuid() == 0 else (os.geteuid(), data.stat().st_gid)
    os.chown(data, *owner)
    config.write_text(f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{data}"\n')
    assert run(config, stdin=SAMPLE).exit_code == 0
    made = list(data.rglob("*"))
    assert {one.name for one in made} >= {"station.db", "receipt-series", "receipt-series.lock"}
    assert [str(one) for one in made if (one.stat().st_uid, one.stat().st_gid) != owner] == []
