"""``sorting-center user`` and ``token`` as a technician calls them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffMember, StaffRole

GOOD = "melon and almond"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'county.db'}"


def call(url: str, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, [*arguments, "--ledger", url], input=typed)


def test_the_first_admin_comes_from_the_command_line(url: str, tmp_path: Path) -> None:
    result = call(url, "user", "add", "gulnar", "--role", "admin", typed=f"{GOOD}\n")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"gulnar may sign in as admin; kept in {tmp_path / 'county.desk.db'}\n"
    with CenterDesk.open(url) as desk:
        assert desk.people.verify("gulnar", GOOD) == StaffMember("gulnar", StaffRole.ADMIN)
        (row,) = desk.audit.page()
        assert (row.who, row.act, row.subject) == ("command", "person_added", "gulnar")


def test_a_person_is_listed_changed_disabled_and_enabled(url: str) -> None:
    for name in ("root", "gulnar"):
        assert call(url, "user", "add", name, "--role", "admin", typed=f"{GOOD}\n").exit_code == 0
    assert call(url, "user", "role", "gulnar", "--role", "viewer").stdout == "gulnar is viewer\n"
    assert call(url, "user", "disable", "gulnar").exit_code == 0
    rows = [json.loads(line) for line in call(url, "user", "list").stdout.splitlines()]
    assert rows[0] == {"name": "gulnar", "role": "viewer", "disabled": True, "language": ""}
    assert call(url, "user", "enable", "gulnar").exit_code == 0
    assert call(url, "user", "password", "gulnar", typed="another good one\n").exit_code == 0
    with CenterDesk.open(url) as desk:
        assert desk.people.verify("gulnar", "another good one") is not None
        acts = [row.act for row in desk.audit.page()]
    assert acts[:4] == ["password_changed", "person_enabled", "person_disabled", "role_changed"]


def test_what_is_wrong_is_one_line_and_exit_2(url: str) -> None:
    call(url, "user", "add", "root", "--role", "admin", typed=f"{GOOD}\n")
    for arguments, typed, said in [
        (("user", "add", "Root!", "--role", "admin"), f"{GOOD}\n", "a name has 2 to 40"),
        (("user", "add", "root", "--role", "admin"), f"{GOOD}\n", "there is a root already"),
        (("user", "add", "turdi", "--role", "admin"), "short\n", "12 to 200 characters"),
        (("user", "add", "turdi", "--role", "admin"), "", "no password came"),
        (("user", "add", "turdi", "--role", "king"), "", "king"),
        (("user", "disable", "root"), "", "only admin"),
        (("user", "role", "ghost", "--role", "viewer"), "", "there is no 'ghost' here"),
        (("user", "password", "ghost"), f"{GOOD}\n", "there is no 'ghost' here"),
        (("token", "add", "x", "--scope", "feed"), "", "a name has 2 to 40"),
        (("token", "add", "ware", "--scope", "feed", "--per-minute", "0"), "", "1 to 100000"),
        (("token", "revoke", "ware"), "", "no token 'ware'"),
    ]:
        result = call(url, *arguments, typed=typed)
        assert (result.exit_code, result.stdout) == (2, ""), arguments
        assert said in result.stderr.splitlines()[-1], arguments
        assert "short" not in result.stderr or "short" not in typed


def test_a_token_is_told_once_listed_without_its_secret_and_revoked(url: str) -> None:
    secret = call(url, "token", "add", "warehouse", "--scope", "feed", "--scope", "read", "--days", "30").stdout.strip()
    with CenterDesk.open(url) as desk:
        assert desk.tokens.find(secret, datetime.now(UTC)) is not None
        listed = call(url, "token", "list").stdout
        assert secret not in listed
        row = json.loads(listed)
        assert (row["name"], row["scopes"], row["per_minute"]) == ("warehouse", ["feed", "read"], 600)
        assert row["expires_at"] > row["made_at"]
        assert call(url, "token", "revoke", "warehouse").exit_code == 0
        assert desk.tokens.find(secret, datetime.now(UTC)) is None


def test_on_a_terminal_the_password_is_asked_twice_and_not_shown(url: str) -> None:
    program = "import sys; from kiosk.cli.sorting_center import main; main()"
    master, slave = pty.openpty()
    try:
        arguments = ["user", "add", "gulnar", "--role", "viewer", "--ledger", url]
        with subprocess.Popen(
            [sys.executable, "-c", program, *arguments], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        ) as running:
            shown = b""
            for prompt in (b"Password", b"Once more"):
                while prompt not in shown:
                    shown += os.read(master, 1024)
                os.write(master, f"{GOOD}\n".encode())
            while b"may sign in" not in shown:
                shown += os.read(master, 1024)
            assert running.wait(30) == 0
        assert GOOD.encode() not in shown
    finally:
        os.close(slave)
        os.close(master)
    with CenterDesk.open(url) as desk:
        assert desk.people.verify("gulnar", GOOD) is not None


def test_each_help_says_what_it_changes() -> None:
    for group, verbs in {"user": ("add", "password", "role", "disable", "enable"), "token": ("add", "revoke")}.items():
        for verb in verbs:
            told = CliRunner().invoke(main, [group, verb, "--help"]).stdout
            words = ("Changes", "Signs", "Let ", "Have ", "Re-enable")
            assert any(word in told for word in words), (group, verb)
