"""The ``kiosk`` command as a technician meets it: what it lists, what it costs, how it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kiosk.cli.kiosk import NOUNS, main
from kiosk.simulators.shared.processes import ChildProgram, answers
from kiosk.station.shared.open_store import stamps
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from tests.depth import TORTURE
from tests.messaging.ports import claimed_port

HEAVY = ("flask", "cv2", "sqlalchemy", "numpy", "PIL", "paho", "serial", "waitress", "kiosk.simulators", "kiosk.web")
CLEAN_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "KIOSK_CONFIG"}


def kiosk(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-m", "kiosk.cli.kiosk", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**CLEAN_ENVIRONMENT, "PYTHONPATH": root},
    )


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "station.toml"
    with claimed_port() as port:
        path.write_text(
            f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{tmp_path}/data"\n[web]\nport = {port}\n'
        )
        yield path


def database(config: Path) -> Path:
    return config.parent / "data" / "station.db"


def test_help_lists_every_noun() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    for noun, (_, summary) in NOUNS.items():
        assert f"  {noun} " in shown
        assert summary in " ".join(shown.split())
    assert CliRunner().invoke(main, ["bake"]).exit_code == 2


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_says_what_it_does(noun: str) -> None:
    result = CliRunner().invoke(main, [noun, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: main {noun}")


FLEET = ("fleet", "--stations", "1", "--intakes", "1", "--broker", "mqtt://127.0.0.1:1", "--dir", "nowhere")


@pytest.mark.parametrize("noun", NOUNS)
def test_an_option_nobody_knows_ends_with_2_and_one_line(noun: str) -> None:
    result = CliRunner().invoke(main, [noun, "--zzz"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: No such option '--zzz'.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing command: see 'main --help'."),
        (["clerk"], "Missing command: see 'main clerk --help'."),
        (["bake"], "No such command 'bake'."),
        (["clerk", "add"], "Missing argument 'NAME'."),
        (["run", "extra"], "Got unexpected extra argument (extra)"),
        ([*FLEET, "--stations", "0"], "a fleet has 1 to 9999 stations and no negative intakes"),
        ([*FLEET, "--stations", "two"], "Invalid value for '--stations': 'two' is not a valid integer."),
        ([*FLEET, "--timeout", "nan"], "a fleet has some time, and an end of it: give the seconds as a number above 0"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {said}\n")


def test_the_program_says_it_in_one_line_too() -> None:
    done = kiosk("doctor", "--bogus")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "Error: No such option '--bogus'.\n")


def test_a_caller_that_wants_the_exception_gets_it() -> None:
    with pytest.raises(click.UsageError):
        main(["doctor", "--bogus"], standalone_mode=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["bake"]])
def test_a_plain_question_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom kiosk.cli.kiosk import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("noun", "section", "message"),
    [
        ("run", "[scale]\nport = 3\n", ":7: [scale]: protocol is missing\n"),
        ("relay", "[relay]\nresend_s = 2.0\n", ":7: [relay]: broker_url is missing\n"),
        ("relay", "", ":1: [relay]: is missing\n"),
    ],
)
def test_a_wrong_setting_ends_with_2_and_one_line(config: Path, noun: str, section: str, message: str) -> None:
    config.write_text(config.read_text() + section)
    done = CliRunner().invoke(main, [noun, "--config", str(config)])
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"{config}{message}")
    assert not database(config).exists()


def test_without_a_settings_file_it_says_where_one_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KIOSK_CONFIG", raising=False)
    done = CliRunner().invoke(main, ["run"])
    assert done.exit_code == 2
    assert done.stderr.startswith("no settings file: name one with --config")
    assert len(done.stderr.splitlines()) == 1


def test_the_settings_file_here_and_in_the_environment_are_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("[station]\n")
    monkeypatch.chdir(config.parent)
    monkeypatch.delenv("KIOSK_CONFIG", raising=False)
    here = CliRunner().invoke(main, ["run"])
    assert (here.exit_code, here.stderr.startswith("station.toml:1: [station]: station is missing")) == (2, True)
    monkeypatch.chdir("/")
    found = CliRunner().invoke(main, ["run"], env={"KIOSK_CONFIG": str(config)})
    assert (found.exit_code, found.stderr.startswith(f"{config}:1: [station]: ")) == (2, True)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(path)
    return path


DAMAGED = [("run", "torn in the middle"), ("relay", "not a database"), ("run", "empty")]
if TORTURE:
    DAMAGED += [("relay", "torn in the middle"), ("run", "not a database"), ("relay", "empty")]


@pytest.mark.parametrize(("noun", "how"), DAMAGED)
def test_a_damaged_database_ends_with_3_a_clear_line_and_stays_as_it_is(
    config: Path, template: Path, noun: str, how: str
) -> None:
    config.write_text(config.read_text() + '[relay]\nbroker_url = "mqtt://127.0.0.1:1"\n')
    path = database(config)
    Store.open(
        path, "S0147", stamps(StationSettings("S0147", "shache", Path()))(), OpenOptions(template=template)
    ).close()
    whole = path.read_bytes()
    bad = {"torn in the middle": whole[: len(whole) // 2], "not a database": b"hello " * 999, "empty": b""}[how]
    path.write_bytes(bad)
    before = sorted(entry.name for entry in path.parent.iterdir())
    done = kiosk(noun, "--config", str(config))
    assert done.returncode == 3, done.stderr
    last = done.stderr.splitlines()[-1]
    assert "is damaged" in last
    assert str(path) in last
    assert "Nothing was changed" in last
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == bad
    assert sorted(entry.name for entry in path.parent.iterdir()) == before


@pytest.fixture
def port() -> Iterator[int]:
    with claimed_port() as port:
        yield port


def test_a_port_in_use_ends_with_3_and_a_clear_line(config: Path, template: Path, tmp_path: Path, port: int) -> None:
    """The port of the command line; the settings file names another one."""
    Store.open(
        database(config), "S0147", stamps(StationSettings("S0147", "shache", Path()))(), OpenOptions(template=template)
    ).close()
    arguments = ["run", "--config", str(config), "--port", str(port)]
    draft = config.with_name(f"{config.name}.draft.json")
    draft.write_text("{}")  # kept in the moment in which the settings came by another way; it holds hashes of PINs
    first = ChildProgram(
        "first", ["kiosk.cli.kiosk", *arguments], tmp_path / "first.log", answers(f"http://127.0.0.1:{port}/health")
    )
    first.start()
    try:
        done = kiosk(*arguments)
    finally:
        pid = first.pid
        assert pid is not None
        os.kill(pid, signal.SIGINT)
        first.stop()
    assert not draft.exists()
    assert done.returncode == 3
    assert "Address already in use" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "Traceback" not in (tmp_path / "first.log").read_text()
