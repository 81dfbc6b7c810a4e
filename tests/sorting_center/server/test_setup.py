"""The set-up of a server: killed anywhere and begun again, done twice, and what it refuses before it writes."""

from __future__ import annotations

import stat
from pathlib import Path

import click
import pytest

from kiosk.cli.center.settings_file import check_tables
from kiosk.cli.sorting_center import main
from kiosk.sorting_center.server.answers import ServerAnswers, SetupSecrets, read_answers
from kiosk.sorting_center.server.checks import ServerVerdict, preconditions
from kiosk.sorting_center.server.machine import CommandOutcome
from kiosk.sorting_center.server.setup import ServerSetup, SetupFailed
from kiosk.sorting_center.server.toml_document import BadDocument, TomlDocument
from kiosk.sorting_center.stations.authority import CountyAuthority
from tests.sorting_center.server.stand_in import Killed, StandInMachine

PHRASE, PASSWORD = "a pass phrase of the county", "walnut and apricot"
SECRET = SetupSecrets(PHRASE, PASSWORD, "wifi secret")


def answers(database: str = "postgresql", zone: str = "Asia/Urumqi") -> ServerAnswers:
    return ServerAnswers(
        host="center.county.example",
        region="yarkant",
        zone=zone,
        database=database,
        admin="gulnar",
        wifi_network="Bazar",
        storefront=True,
    )


def kit(phrase: str) -> tuple[bytes, str]:
    return f"sealed with {phrase}".encode(), "kit1-abc"


def setting_up(machine: StandInMachine, said: ServerAnswers | None = None) -> ServerSetup:
    return ServerSetup(machine, machine.layout, said or answers(), SECRET, kit)


def refusals(machine: StandInMachine, *, accept: bool = False, secret: SetupSecrets = SECRET) -> list[str]:
    found = preconditions(machine, machine.layout, answers(), secret, accept_host=accept)
    return [str(finding) for finding in found if finding.verdict is ServerVerdict.FAIL]


def state(machine: StandInMachine) -> tuple[object, ...]:
    files = sorted(
        (str(path.relative_to(machine.layout.root)), stat.S_IMODE(path.lstat().st_mode))
        for path in machine.layout.root.rglob("*")
        if path.is_symlink() or path.is_file()
    )
    return files, machine.enabled, machine.active, set(machine.served), set(machine.people)


def assert_consistent(machine: StandInMachine) -> None:
    """Everything opens with what it must open with, and nothing lies open."""
    place = machine.layout
    CountyAuthority.open(place.authority_certificate.read_text(), place.authority_key.read_text(), PHRASE)
    assert place.kit_key.read_bytes() == kit(PHRASE)[0]
    assert ServerSetup(machine, place, answers(), SECRET, kit).differences() == []
    assert place.pgpass.read_text().strip().endswith(f":{machine.role_password}")
    assert place.broker_password.read_text()
    assert place.broker_link.readlink() == Path("/usr/share/sorting-center/mosquitto/mosquitto.conf")
    assert [
        name for name in ("pages", "photos", "storefront") if not (place.sites / f"sorting-center-{name}").is_symlink()
    ] == []
    secrets = (PHRASE, PASSWORD, machine.role_password, place.broker_password.read_text(), "wifi secret")
    for path in place.root.rglob("*"):
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            text = path.read_text()
            assert not any(secret in text for secret in secrets), path
            assert "PRIVATE KEY" not in text, path


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_operation_and_begun_again_it_ends_as_if_it_was_not(tmp_path: Path, after: bool) -> None:
    whole = StandInMachine(tmp_path / "whole")
    assert all(new for _, new in setting_up(whole).steps())
    assert_consistent(whole)
    for number in range(1, len(whole.operations) + 1):
        machine = StandInMachine(tmp_path / str(number))
        machine.kill_at, machine.after = number, after
        with pytest.raises(Killed):
            list(setting_up(machine).steps())
        machine.kill_at = 0
        assert refusals(machine) == [], machine.operations[-1]
        list(setting_up(machine).steps())
        assert state(machine) == state(whole), machine.operations
        assert_consistent(machine)


def test_done_twice_it_changes_nothing(tmp_path: Path) -> None:
    machine = StandInMachine(tmp_path)
    list(setting_up(machine).steps())
    machine.operations.clear()
    assert refusals(machine) == []
    assert {new for _, new in setting_up(machine).steps()} == {False}
    assert machine.operations == []


def test_what_is_wrong_with_the_machine_is_named_before_anything_is_written(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    def port(machine: StandInMachine) -> None:
        machine.holders[8443] = "apache2"

    def name(machine: StandInMachine) -> None:
        machine.names.clear()

    def database(machine: StandInMachine) -> None:
        machine.postgresql = CommandOutcome(2, errors="psql: error: connection refused\n")

    def old(machine: StandInMachine) -> None:
        machine.postgresql = CommandOutcome(0, "130012\n")

    def former(machine: StandInMachine) -> None:
        path = machine.layout.broker_link.with_name("station-kiosk.conf")
        path.parent.mkdir(parents=True)
        path.write_text("listener 1883 127.0.0.1\n")

    def broker(machine: StandInMachine) -> None:
        (machine.layout.root / "usr/sbin/mosquitto").unlink()

    expected = {
        port: ["port: 8443 is in use by apache2. Stop apache2"],
        name: ["host: the name center.county.example does not resolve here. Have your name server"],
        database: ["PostgreSQL: psql: error: connection refused. apt-get install postgresql"],
        old: ["PostgreSQL: its version 130012 is below 15"],
        former: [f"mosquitto: {tmp_path}/former/etc/mosquitto/conf.d/station-kiosk.conf has listeners of its own. mv "],
        broker: ["mosquitto: it is not installed. apt-get install mosquitto"],
    }
    for make_wrong, rows in expected.items():
        with subtests.test(wrong=make_wrong.__name__):
            machine = StandInMachine(tmp_path / make_wrong.__name__)
            make_wrong(machine)
            found = refusals(machine)
            assert [row.removeprefix("fail ")[: len(text)] for row, text in zip(found, rows, strict=True)] == rows
            assert machine.operations == []
    machine = StandInMachine(tmp_path / "accepted")
    machine.names.clear()
    assert refusals(machine, accept=True) == []


def test_another_pass_phrase_the_second_time_is_refused(tmp_path: Path) -> None:
    machine = StandInMachine(tmp_path)
    list(setting_up(machine).steps())
    (found,) = refusals(machine, secret=SetupSecrets("another pass phrase", PASSWORD))
    assert "does not open" in found
    assert "another pass phrase" not in found


def test_settings_of_a_person_stay_and_are_compared(tmp_path: Path) -> None:
    machine = StandInMachine(tmp_path)
    list(setting_up(machine).steps())
    text = machine.layout.settings.read_text()
    machine.layout.settings.write_text(
        text.replace("8090", "8091").replace("[photos]", 'metrics = "127.0.0.1:1"\n[photos]')
    )
    (difference,) = setting_up(machine).differences()
    assert difference == "http is '127.0.0.1:8091', and would be '127.0.0.1:8090'"
    before = machine.layout.settings.read_bytes()
    list(setting_up(machine).steps())
    assert machine.layout.settings.read_bytes() == before


def test_an_authority_that_was_lost_is_not_made_again(tmp_path: Path) -> None:
    machine = StandInMachine(tmp_path)
    list(setting_up(machine).steps())
    machine.layout.kit_key.unlink()
    with pytest.raises(SetupFailed, match="put it back from the stick"):
        list(setting_up(machine).steps())


def test_what_it_writes_is_what_the_commands_read(tmp_path: Path) -> None:
    machine = StandInMachine(tmp_path)
    text = setting_up(machine).settings()
    if "station" not in main.list_commands(click.Context(main)):
        text = text.partition("[station.")[0]
    check_tables(TomlDocument("settings.toml", text), main)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('host = "a.example"\nregoin = "x"\n', "answers.toml, line 2: there is no key 'regoin'; there are admin, "),
        ('database = "oracle"\n', "answers.toml, line 1: database 'oracle' must be sqlite or postgresql"),
        ('\nzone = "Mars"\n', "answers.toml, line 2: zone 'Mars' must be a time zone"),
        ("storefront = 1\n", "answers.toml, line 1: storefront must be true or false"),
        ('admin = "Ä"\n', "answers.toml, line 1: a name has 2 to 40"),
        ('host = "x"\nhost =\n', "answers.toml, line 2: this is not TOML"),
    ],
)
def test_a_wrong_answer_is_told_with_its_line(text: str, expected: str) -> None:
    with pytest.raises(BadDocument) as refused:
        read_answers(TomlDocument("answers.toml", text))
    assert str(refused.value).startswith(expected)


def test_answers_are_stored_without_secrets_and_read_again(tmp_path: Path) -> None:
    machine = StandInMachine(tmp_path)
    list(setting_up(machine).steps())
    text = machine.layout.answers.read_text()
    assert "secret" not in text
    assert ServerAnswers(**read_answers(TomlDocument("answers.toml", text))) == answers()
