"""``kiosk doctor`` from outside: devices are asked directly while the station is stopped, the station while it runs."""

from __future__ import annotations

import http.server
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.app.update.board import UpdatePaths
from kiosk.cli.doctor import command, report
from kiosk.cli.doctor.command import ago
from kiosk.cli.kiosk import main
from kiosk.devices.printer import stream as printer_stream
from kiosk.domain.clerk import Role
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.simulators.scale.simulator import ScaleSimulator
from kiosk.simulators.scanner.simulator import ScannerSimulator
from kiosk.station.doctor import devices as doctor_devices
from kiosk.station.doctor import environment as doctor_place
from kiosk.station.doctor.finding import Severity
from kiosk.station.shared.open_store import stamps
from kiosk.station.shared.settings import StationSettings
from kiosk.station.update.journal import JournalFile, UpdateEntry, UpdatePhase
from kiosk.store import Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from kiosk.texts import load as load_texts
from tests.messaging.ports import claimed_port
from tests.station.doctor.rows import DEVICES
from tests.store.village import CATALOG, change

PATIENCE_S = 30.0
"""A device that answers is waited for, however long the machine stands still."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


class Village:
    """A stopped station whose devices are simulated; ``config`` is its settings file."""

    def __init__(self, folder: Path, template: Path, ends: ExitStack) -> None:
        self.folder, self.port = folder, ends.enter_context(claimed_port())
        self.database = folder / "data" / "station.db"
        self.label = ends.enter_context(PrinterSimulator("tspl", folder / "label"))
        self.receipt = ends.enter_context(PrinterSimulator("escpos", folder / "receipt"))
        self.scale = ends.enter_context(ScaleSimulator("xk3190_tf0", folder / "scale"))
        self.scanner = ends.enter_context(ScannerSimulator(folder / "scanner"))
        self.broker = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.config = folder / "station.toml"
        (folder / "camera.jpg").touch()
        (folder / "medium").mkdir()
        now = stamps(StationSettings("S0147", "shache", Path()))()
        with closing(Store.open(self.database, "S0147", now, OpenOptions(template=template, reserve_bytes=0))) as store:
            store.catalogs.add(CATALOG, now)
            store.clerks.add("Reyhan", Role.TECHNICIAN, "hash", now)
            store.clerks.add("Tursun", Role.CLERK, "hash", now)
            store.outbox.acknowledge(store.outbox.counts().last_seq, ())
        (folder / "data" / "pickup-key").write_text("ab" * 32)
        make_backup(self.database, "S0147", BackupSettings(folder / "medium"), now, same_disk=True)
        self.write()

    def write(self, more: str = "") -> None:
        self.config.write_text(
            f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{self.folder / "data"}"\n'
            f"[web]\nport = {self.port}\n"
            f'[scale]\nport = "{self.folder / "scale"}"\nprotocol = "xk3190_tf0"\ne_g = 5\nmax_g = 60000\nunit = "kg"\n'
            f'[printer.label]\nkind = "tcp"\naddress = "127.0.0.1:{self.label.port}"\nprofile = "tspl"\n'
            f'[printer.receipt]\nkind = "tcp"\naddress = "127.0.0.1:{self.receipt.port}"\nprofile = "escpos"\n'
            f'[camera]\nkind = "file"\npath = "{self.folder / "camera.jpg"}"\n'
            f'[scanner]\nport = "{self.folder / "scanner"}"\n'
            f'[relay]\nbroker_url = "mqtt://127.0.0.1:{self.broker.getsockname()[1]}"\n'
            f'[backup]\nfolder = "{self.folder / "medium"}"\n{more}'
        )

    def doctor(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["doctor", "--config", str(self.config), *words])

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["device"]: row for row in json.loads(self.doctor("--json").stdout)["rows"]}


@pytest.fixture
def village(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Village]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    monkeypatch.setattr(doctor_place, "disk_of", str)
    monkeypatch.setattr(doctor_place, "memory_file_system", lambda _: "")
    monkeypatch.setattr(doctor_place, "uuid_of", lambda folder: "")
    for module, name in (
        (report, "_SCALE_S"),
        (report, "_SCANNER_S"),
        (doctor_devices, "STATUS_S"),
        (printer_stream, "ANSWER_S"),
    ):
        monkeypatch.setattr(module, name, PATIENCE_S)
    with ExitStack() as ends:
        yield Village(tmp_path, template, ends)


def test_a_stopped_station_whose_devices_are_well(village: Village) -> None:
    done = village.doctor("--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["ok"], told["running"]) == (True, False)
    rows = {row["device"]: row for row in told["rows"]}
    assert set(rows) == {*DEVICES, "broker"} - {"page"}
    assert {device: row["what_to_do"] for device, row in rows.items() if not row["ok"]} == {
        "station": "The station is not running: start it.",
        "signing_key": rows["signing_key"]["what_to_do"],  # Its first start makes it
        **({"clock": rows["clock"]["what_to_do"]} if not rows["clock"]["ok"] else {}),
    }
    assert rows["scale"]["last_seen_s"] < PATIENCE_S
    assert rows["scale"]["answering"] is True
    assert rows["broker"]["answering"] is True


def test_an_update_that_cannot_be_ended_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "UPDATE_PATHS", UpdatePaths(tmp_path))
    journal = JournalFile(tmp_path)
    assert report.station_finding().word == "station_stopped"
    journal.write(UpdateEntry("1", UpdatePhase.TRIAL, "0.9.1"))
    assert report.station_finding().word == "station_stopped"
    journal.write(UpdateEntry("1", UpdatePhase.BACK, "0.9.1"))
    assert (report.station_finding().word, report.station_finding().verdict) == (
        "station_between",
        Severity.FAIL,
    )
    assert "systemctl status kiosk-update says why" in report.station_finding().sentence(load_texts("en"))
    (tmp_path / "journal.json").write_bytes(b"{")
    assert report.station_finding().word == "station_between"


def test_the_table_is_for_people(village: Village) -> None:
    done = village.doctor()
    assert "The station is not running: its devices were asked directly." in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if "Label printer" in line)
    assert line.split() == ["ok", "Label", "printer", "yes", "yes", "0", "s", "ago", "Nothing", "to", "do."]


def test_what_is_broken_is_named_with_place_and_act(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_SCALE_S", 6.0)
    village.label.command("paper-out")
    village.receipt.command("off")
    village.scale.command("silent")
    (village.folder / "camera.jpg").unlink()
    village.broker.close()
    done = village.doctor("--json")
    assert done.exit_code == 1
    rows = {row["device"]: row for row in json.loads(done.stdout)["rows"]}
    assert {device: row["word"] for device, row in rows.items() if device in DEVICES[2:6]} == {
        "scale": "scale_silent",
        "printer_label": "printer_paper_out",
        "printer_receipt": "printer_silent",
        "camera": "camera_missing",
    }
    assert f"127.0.0.1:{village.receipt.port}" in rows["printer_receipt"]["what_to_do"]
    assert str(village.folder / "scale") in rows["scale"]["what_to_do"]
    assert rows["broker"]["word"] == "broker_missing"
    assert len(list((village.folder / "label").glob("*.png"))) == 0, "nothing was printed"


def test_a_damaged_database_is_found(village: Village) -> None:
    change(village.database, "UPDATE intake SET state = 'confirmed'", "UPDATE epoch SET acked_upto = 99")
    row = village.rows()["database"]
    assert (row["word"], row["needed"]) == ("database_broken", True)
    assert str(village.database) in row["what_to_do"]


def test_the_doctor_changes_nothing(village: Village) -> None:
    before = {path: path.read_bytes() for path in sorted(village.database.parent.iterdir()) if path.is_file()}
    village.doctor()
    assert {path: path.read_bytes() for path in sorted(village.database.parent.iterdir()) if path.is_file()} == before


def test_a_wrong_setting_is_a_finding(village: Village) -> None:
    village.write("[web2]\nport = 1\n")
    done = village.doctor()
    assert done.exit_code == 1
    assert "[web2]" in done.stdout
    assert str(village.config) in done.stdout


def test_settings_that_lie_on_a_data_partition_that_is_not_there(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaited = village.folder / "waiting"
    monkeypatch.setattr(command, "_WAITING_FOR_DATA", awaited)
    asked = ["doctor", "--json", "--config", str(village.folder / "none.toml")]
    done = CliRunner().invoke(main, asked)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    awaited.touch()
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 1
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["device"], row["word"]) == ("disk", "disk_missing")
    assert "/etc/fstab" in row["what_to_do"]
    assert village.doctor("--json").exit_code == 0, "settings that are there are looked at"


def test_no_settings_file_is_wrong_usage(village: Village) -> None:
    done = CliRunner().invoke(main, ["doctor", "--config", str(village.folder / "none.toml")])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert village.doctor("--xml").exit_code == 2


@pytest.mark.parametrize("box", [True, False])
def test_without_settings_the_machine_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, box: bool
) -> None:
    """A new card before its first start: a program that reads the answer finds one."""
    monkeypatch.setenv("KIOSK_BOX", "1" if box else "0")
    monkeypatch.setattr(command, "_DATA", tmp_path)
    none = tmp_path / "none.toml"
    done = CliRunner().invoke(main, ["doctor", "--json", "--config", str(none)])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert str(none) in line
    told = json.loads(done.stdout)
    rows = {row["device"]: row for row in told["rows"]}
    assert (told["ok"], told["running"], rows["settings"]["word"]) == (False, False, "settings_none")
    assert {"clock", "fonts"} <= rows.keys()
    assert ({"disk", "root", "watchdog"} & rows.keys()) == ({"disk", "root", "watchdog"} if box else set())


def test_logging_is_as_before(village: Village) -> None:
    village.doctor()
    assert logging.root.manager.disable == logging.NOTSET


# --- the station runs -------------------------------------------------------------------------------------------------


@contextmanager
def answering(port: int, status: int, body: bytes) -> Iterator[list[str]]:
    """Something that listens at the station's address."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['Host']}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def live_row(device: str, word: str = "fine", verdict: str = "ok", **more: Any) -> dict[str, Any]:
    row = {"device": device, "found": True, "answering": True, "last_seen_s": 1.0, "needed": True}
    return {**row, "verdict": verdict, "word": word, **more}


def test_a_running_station_is_asked_for_its_devices(village: Village) -> None:
    rows = [
        live_row("station"),
        live_row("scale", "scale_silent", "fail"),
        live_row("database", "database_broken", "fail"),
    ]
    body = json.dumps({"ok": False, "rows": rows}).encode()
    with answering(village.port, 200, body) as asked:
        done = village.doctor("--json")
    assert asked == [f"/doctor.json 127.0.0.1:{village.port}"]
    told = json.loads(done.stdout)
    assert (told["running"], done.exit_code) == (True, 1)
    found = {row["device"]: row for row in told["rows"]}
    assert str(village.folder / "scale") in found["scale"]["what_to_do"], "the place comes from the settings"
    assert found["database"]["ok"], "what can be seen from here is looked at from here"
    assert "printer_label" not in found, "a device the station holds is not touched"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"{}"),
        (200, b'{"rows": 5}'),
        (200, b'{"rows": [{"device": "scale"}]}'),
        (503, b""),
        (404, b"x"),
    ],
)
def test_something_else_at_its_address(village: Village, status: int, body: bytes) -> None:
    with answering(village.port, status, body):
        done = village.doctor("--json")
    rows = {row["device"]: row for row in json.loads(done.stdout)["rows"]}
    assert (done.exit_code, rows["station"]["word"]) == (1, "station_mute")
    assert f"127.0.0.1:{village.port}" in rows["station"]["what_to_do"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.0, "0 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (7_200, "2 h ago"), (200_000, "2 d ago")],
)
def test_ages(seconds: float | None, text: str) -> None:
    assert ago(seconds) == text
