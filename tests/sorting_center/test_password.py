"""The broker's password is where no other user of the machine sees it: not in the list of processes, not in the log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.simulators.broker import Broker
from tests.depth import TORTURE

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "kiosk.cli.sorting_center", "run"]
SECRET = "geheim:7/@#"
QUOTED = "geheim%3A7%2F%40%23"
SOON_S = 60.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    passwords = tmp_path / "passwords"
    command = ["/usr/bin/mosquitto_passwd", "-c", "-b", str(passwords), "sorting-center", SECRET]
    subprocess.run(command, check=True, capture_output=True)
    with Broker(tmp_path / "broker", conf=f"allow_anonymous false\npassword_file {passwords}\n") as running:
        yield running


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "broker-password"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    return file


def command_line(process: subprocess.Popen[str]) -> str:
    """What ``ps`` shows to everybody."""
    return Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


WAYS = ["option", "whole address in the environment", "environment"]


@pytest.mark.parametrize("way", WAYS if TORTURE else WAYS[:2])
def test_the_password_is_used_and_shown_nowhere(broker: Broker, password_file: Path, tmp_path: Path, way: str) -> None:
    address = broker.url.replace("mqtt://", "mqtt://sorting-center@")
    arguments, environ = {
        "option": (["--broker", address, "--broker-password-file", str(password_file)], {}),
        "environment": ([], {"BROKER": address, "BROKER_PASSWORD_FILE": str(password_file)}),
        "whole address in the environment": ([], {"BROKER": address.replace("@", f":{QUOTED}@")}),
    }[way]
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--ledger", f"sqlite:///{tmp_path / 'ledger.db'}"],
        env=os.environ | environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if "ready" in line:
                    break
            shown = command_line(process)
        finally:
            process.send_signal(signal.SIGTERM)
        lines += process.stderr.readlines()
    assert process.returncode == 0
    assert "not connected" not in "".join(lines)
    for secret in (SECRET, QUOTED):
        assert secret not in shown
        assert secret not in "".join(lines)


def test_a_password_on_the_command_line_is_spoken_of(broker: Broker, tmp_path: Path) -> None:
    address = broker.url.replace("mqtt://", f"mqtt://sorting-center:{QUOTED}@")
    command = [*COMMAND, "--broker", address, "--ledger", f"sqlite:///{tmp_path / 'ledger.db'}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert "--broker-password-file" in first
    assert "every user of this machine" in first
    assert QUOTED not in first


def test_what_cannot_be_meant_is_refused_in_one_line(password_file: Path, tmp_path: Path) -> None:
    empty, ledger = tmp_path / "empty", tmp_path / "ledger.db"
    empty.write_text("\n", encoding="utf-8")
    for address, file, text in (
        ("mqtt://127.0.0.1:1", password_file, "name the user in the address"),
        ("mqtt://sorting-center:x@127.0.0.1:1", password_file, "a password already"),
        ("mqtt://sorting-center@127.0.0.1:1", empty, "is empty"),
        ("mqtt://sorting-center@127.0.0.1:1", tmp_path / "none", "none"),
        ("mqtt://sorting-center@127.0.0.1:1", tmp_path, "directory"),
    ):
        words = ["--broker", address, "--broker-password-file", str(file), "--ledger", f"sqlite:///{ledger}"]
        done = CliRunner().invoke(main, ["run", *words])
        error = done.stderr.splitlines()
        assert (done.exit_code, len(error)) == (2, 1), (text, done.stderr)
        assert text in error[0]
        assert SECRET not in done.stderr
    assert not ledger.exists()


def test_no_unit_hands_the_broker_s_address_on_as_an_argument() -> None:
    for unit in (ROOT / "systemd").glob("*.service"):
        starts = [line for line in unit.read_text(encoding="utf-8").splitlines() if line.startswith("Exec")]
        assert not any("BROKER" in line or "PASSWORD" in line for line in starts), unit.name
