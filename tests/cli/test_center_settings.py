"""settings.toml: the defaults of every command of the sorting center, and a wrong key or value with its line."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kiosk.cli.center.run import run
from kiosk.cli.center.settings_file import options_of, with_settings
from kiosk.cli.sorting_center import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("SORTING_CENTER_CONFIG", str(path))
    monkeypatch.setenv("PGPASSWORD", "")
    return path


def call(*words: str, text: str = "walnut and apricot\n") -> tuple[int, str]:
    done = CliRunner().invoke(main, words, input=text)
    return done.exit_code, done.output


def test_commands_take_the_ledger_from_it_and_the_command_line_wins(file: Path, tmp_path: Path) -> None:
    file.write_text(f'ledger = "sqlite:///{tmp_path}/ledger.db"\n')
    assert call("user", "add", "gulnar", "--role", "admin")[0] == 0
    assert (tmp_path / "ledger.desk.db").exists()
    assert '"gulnar"' in call("user", "list")[1]
    other = f"sqlite:///{tmp_path}/other.db"
    assert call("user", "list", "--ledger", other) == (0, "")
    second = tmp_path / "second.toml"
    second.write_text(f'ledger = "{other}"\n')
    assert call("user", "list", "--config", str(second)) == (0, "")


def defaults_of(command: str, file: Path) -> dict[str, object]:
    """What a command is called with that the file alone says."""
    found = main.get_command(click.Context(main), command)
    assert found is not None
    with main.make_context("sorting-center", [command]) as parent:
        with_settings(found)
        return found.make_context(command, [], parent=parent).params


def test_every_program_of_a_unit_works_from_it_alone(file: Path, tmp_path: Path) -> None:
    file.write_text(
        f'broker = "mqtt://127.0.0.1:1"\nledger = "sqlite:///{tmp_path}/l.db"\nhttp = "127.0.0.1:8090"\n'
        f'http_name = ["a.example", "b.example"]\nregion = ["yarkant"]\nphotos_dir = "{tmp_path}/p"\n'
        f'[photos]\nupdates_dir = "{tmp_path}/u"\n[storefront]\nhttp = "127.0.0.1:8100"\nseller_zh = "合作社"\n'
    )
    started = defaults_of("run", file)
    assert (started["broker"], started["regions"]) == ("mqtt://127.0.0.1:1", ("yarkant",))
    assert started["http_names"] == ("a.example", "b.example") == defaults_of("web", file)["http_names"]
    photos = defaults_of("photos", file)
    assert (photos["photos_dir"], photos["updates_dir"]) == (tmp_path / "p", tmp_path / "u")
    assert photos["http"] is None, "that of the pages is another one"
    storefront = defaults_of("storefront", file)
    assert (storefront["http"], storefront["seller_zh"]) == ("127.0.0.1:8100", "合作社")
    assert storefront["photos_dir"] == str(tmp_path / "p")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '# a\n\nbrokr = "x"\n',
            "settings.toml, line 3: there is no key 'brokr'; there are allow_webhook_host, broker,",
        ),
        ("http = 8090\n", "settings.toml, line 1: http must be a text"),
        ('http = "8090"\n', "settings.toml, line 1: --http '8090' must be HOST:PORT"),
        ('region = "yarkant"\n', 'settings.toml, line 1: region must be a list of texts, like ["REGION"]'),
        ('region = ["YARKANT"]\n', "settings.toml, line 1: "),
        ('\nledger = "mysql://x"\n', "settings.toml, line 2: ledger: a ledger is a file or a database"),
        ('broker = "http://x"\n', "settings.toml, line 1: broker: the broker address must be"),
        ('zone = "Mars"\n', "settings.toml, line 1: zone: "),
        ('broker_access = "yes"\n', "settings.toml, line 1: "),
        ('[photos]\nsoket = "x"\n', "settings.toml, line 2: there is no key 'soket' in [photos]; there are "),
        ("[photo]\n", "settings.toml, line 1: there is no command 'photo'"),
        ('broker = "a"\nbroker =\n', "settings.toml, line 2: this is not TOML"),
    ],
)
def test_a_wrong_key_or_value_is_told_with_its_line(file: Path, text: str, expected: str) -> None:
    file.write_text(text)
    code, output = call("run")
    assert (code, output[: len(expected) + 16]) == (2, f"sorting-center: {expected}")


def test_a_file_that_is_named_must_be_there(file: Path) -> None:
    code, output = call("ledger", "count", "--config", f"{file}.none")
    assert code == 2
    assert "cannot be read" in output


def test_the_password_of_the_database_comes_from_the_credential(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("PGPASSWORD", "taken away again by this fixture")
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.delenv("PGPASSFILE", raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "sorting-center.pgpass").write_text("127.0.0.1:5432:sorting-center:sorting-center:abc123\n")
    file.write_text("")
    call("user", "list")
    assert os.environ["PGPASSWORD"] == "abc123"


def test_every_key_is_in_the_table_of_the_page() -> None:
    page = (ROOT / "docs/set-up-a-county.md").read_text(encoding="utf-8")
    table = page.partition("| key | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()]
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(options_of(run))
    for command in ("photos", "storefront"):
        found = main.get_command(click.Context(main), command)
        assert found is not None
        written = re.search(rf"`\[{command}\]` \(([^)]*)\)", page)
        assert written is not None
        assert set(re.findall(r"`(\w+)`", written[1])) == set(options_of(found)) - {"ledger", "photos_dir"}
