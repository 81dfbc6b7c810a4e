"""`sorting-center setup` and `certificates export` as a technician types them, on a stand-in machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.center import certificates, doctor, setup
from kiosk.cli.sorting_center import main
from kiosk.sorting_center.server.layout import ServerLayout
from tests.sorting_center.server.stand_in import StandInMachine

ANSWERS = """\
host = "center.county.example"
region = "yarkant"
zone = "Asia/Urumqi"
database = "sqlite"
admin = "gulnar"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInMachine:
    made = StandInMachine(tmp_path / "root")
    for module in (setup, certificates, doctor):
        monkeypatch.setattr(module, "ServerLayout", lambda: ServerLayout(made.layout.root))
        monkeypatch.setattr(module, "ServerMachine", lambda: made)
    (tmp_path / "pass").write_text("a pass phrase of the county\n")
    (tmp_path / "admin").write_text("walnut and apricot\n")
    files = f'pass_phrase_file = "{tmp_path}/pass"\nadmin_password_file = "{tmp_path}/admin"\n'
    (tmp_path / "answers.toml").write_text(ANSWERS + files)
    return made


def call(*words: str, text: str = "") -> Result:
    return CliRunner().invoke(main, words, input=text)


def test_from_answers_to_a_server_and_to_the_stick(machine: StandInMachine, tmp_path: Path) -> None:
    answers = ("setup", "--answers", str(tmp_path / "answers.toml"))
    first = call(*answers)
    assert first.exit_code == 0, first.output
    assert "everybody      8443  nginx, for the pages\n" in first.output
    assert "this machine   1883  mosquitto\n" in first.output
    assert "https://center.county.example:8443, sign in as gulnar" in first.output
    assert machine.people == {"gulnar": "walnut and apricot"}
    assert "Nothing was changed" in call(*answers).output
    stick = tmp_path / "stick"
    stick.mkdir()
    assert call("certificates", "export", str(stick)).exit_code == 0
    names = ("authority.crt", "authority.key", "kit.key")
    assert [(stick / name).read_bytes() for name in names] == [
        (machine.layout.authority / name).read_bytes() for name in names
    ]
    assert b"ENCRYPTED" in (stick / "authority.key").read_bytes()
    assert b"ENCRYPTED" in (stick / "kit.key").read_bytes()
    listed = call("certificates", "list").output
    assert f"2028-01-02  {machine.layout.tls}/pages.crt" in listed
    assert call("doctor").exit_code == 1, "nothing is at the socket of this machine"


def test_on_a_terminal_it_asks_and_a_wrong_answer_is_asked_for_again(machine: StandInMachine) -> None:
    typed = ["center.county.example", "", "YARKANT", "yarkant", "", "", "gulnar", "", "no"]
    typed += ["a pass phrase of the county"] * 2 + ["walnut and apricot"] * 2
    done = call("setup", text="".join(f"{row}\n" for row in typed))
    assert done.exit_code == 0, done.output
    assert machine.layout.answers.read_text() == ANSWERS
    assert "a pass phrase of the county" not in done.output


@pytest.mark.parametrize(
    ("wrong", "code", "expected"),
    [
        ('zona = "x"\n', 2, "sorting-center: answers.toml, line 8: there is no key 'zona'"),
        ('names = ["a b"]\n', 2, "sorting-center: answers.toml, line 8: server 'a b' must be a host name"),
        ('names = ["shop.example"]\n', 1, "fail host: the name shop.example does not resolve here"),
    ],
)
def test_what_is_wrong_with_the_answers_changes_nothing(
    machine: StandInMachine, tmp_path: Path, wrong: str, code: int, expected: str
) -> None:
    path = tmp_path / "answers.toml"
    path.write_text(path.read_text() + wrong)
    done = call("setup", "--answers", str(path))
    assert (done.exit_code, done.output[: len(expected)]) == (code, expected)
    assert machine.operations == []


def test_settings_that_differ_from_the_answers_are_listed(machine: StandInMachine, tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    assert call("setup", "--answers", str(path)).exit_code == 0
    machine.operations.clear()
    path.write_text(path.read_text().replace("Urumqi", "Shanghai"))
    done = call("setup", "--answers", str(path))
    assert done.exit_code == 1
    assert "zone is 'Asia/Urumqi', and would be 'Asia/Shanghai'" in done.output
    assert machine.operations == []
