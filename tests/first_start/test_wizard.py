"""The first start as a use case: every refusal, every resumption, and a settings file that the station takes."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.base.refused import Refused
from kiosk.config.station import load
from kiosk.domain.clerk import Role
from kiosk.first_start.database import fill
from kiosk.first_start.questions import DONE, QUESTIONS
from kiosk.first_start.shared.draft import PrinterDraft, ScannerDraft, SettingsDraft, draft_path
from kiosk.first_start.shared.ports import Choice
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.open_store import open_store
from kiosk.store import StoreError
from tests.web.first_start.answers import CAMERA, CLERK_PIN, KEYBOARD, PIN, PRINTER, SCALE, SCANNER
from tests.web.first_start.start import Start

ALL = [row.id for row in QUESTIONS if not row.id.startswith(("identity", "recovery", "check"))]
"""Without an identity or a kit on a stick."""


def tiles(name: str, start: Start) -> list[Choice]:
    """Those of a question that need not be the present one."""
    row = next(row for row in QUESTIONS if row.id == name)
    assert row.choices is not None
    return list(row.choices(start.draft, start.machine))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    start = Start(tmp_path)
    yield start
    start.wizard.close()


class TestTheWay:
    def test_from_the_first_question_to_a_file_the_station_takes(self, start: Start) -> None:
        start.walk().answer("check", {})
        assert start.at == DONE
        assert start.wizard.written.is_set()
        config = load(start.place.config_file)
        assert (config.station.station, config.station.region) == ("S0147", "yarkant")
        assert config.station.village == "Tagharchi 5-kent"
        assert config.station.data == start.place.data
        assert config.web.language == "en"
        assert (config.web.width_px, config.web.height_px, config.web.diagonal_in) == (1024, 600, 7.0)
        assert config.web.weight_decimals == 2
        assert config.scale is not None
        assert (config.scale.protocol, config.scale.e_g, config.scale.max_g) == ("xk3190_tf0", 10, 60_500)
        assert str(config.scale.line) == "4800 7E1"
        label, receipt = config.printers["label"], config.printers["receipt"]
        assert (label.kind, label.endpoint, label.profile) == ("tcp", ("192.168.1.50", 9100), "tspl_300")
        assert (receipt.kind, receipt.profile) == ("file", "escpos_58_silent")
        assert config.scanner is not None
        assert (config.scanner.kind, config.scanner.port) == ("evdev", str(start.machine.dev / KEYBOARD))
        assert config.camera is not None
        assert config.relay is not None
        assert config.relay.broker_url == "mqtts://center.example:8883"
        assert config.relay.ca_file == start.machine.keys[0] / "county-ca.crt"
        assert config.relay.key_file == start.machine.keys[0] / "station.key"
        assert stat.S_IMODE(start.place.config_file.stat().st_mode) == 0o640
        assert not draft_path(start.place.config_file).exists()

    def test_a_station_without_any_device(self, start: Start) -> None:
        none = dict.fromkeys(("scale", "label", "receipt", "scanner", "camera"), "none")
        start.walk(village="", broker="later", **none).answer("check", {})
        config = load(start.place.config_file)
        assert config.scale is config.scanner is config.camera is config.relay is None
        assert config.printers == {}
        assert config.station.village == ""

    def test_a_camera_at_the_connector_of_the_board_is_offered_and_written_by_its_number(self, start: Start) -> None:
        receiver = start.machine.sys / "class/video4linux/video0/name"
        receiver.parent.mkdir(parents=True)
        receiver.write_text("unicam-image\n")
        start.walk("camera")
        assert [tile.label for tile in start.wizard.view().choices][1:2] == ["rpicam 0"]
        start.walk(camera="0").answer("check", {})
        camera = load(start.place.config_file).camera
        assert camera is not None
        assert (camera.kind, camera.path) == ("rpicam", "0")

    def test_a_password_account_bears_the_name_of_the_station(self, start: Start) -> None:
        password = str(start.machine.keys[0] / "broker-password")
        start.walk(broker="mqtt", broker_account=password).answer("check", {})
        relay = load(start.place.config_file).relay
        assert relay is not None
        assert (relay.username, str(relay.password_file)) == ("S0147", password)
        assert relay.ca_file is None

    def test_back_from_the_end_to_the_beginning(self, start: Start) -> None:
        start.walk()
        seen = [start.at]
        while start.wizard.view().can_back:
            start.wizard.back()
            seen.append(start.at)
        joined = [name for name in ALL if name != "network_password"]  # a network asks for its password once
        assert seen == ["check", *reversed(joined)]
        start.wizard.back()
        assert start.at == "language"

    def test_answers_stay_when_one_goes_back_and_on_again(self, start: Start) -> None:
        start.walk()
        before = start.draft
        while start.wizard.view().can_back:
            start.wizard.back()
        start.walk()
        after = start.draft
        assert after.scale == before.scale
        assert after.broker == before.broker
        assert after.proven == before.proven

    def test_another_answer_takes_the_proof_away(self, start: Start) -> None:
        start.walk("receipt")
        assert start.draft.proven["label"] == "unseen"
        start.wizard.back()
        start.wizard.back()
        start.wizard.answer("label_profile", {"value": "zpl_203"})
        assert "label" not in start.draft.proven

    def test_an_answer_to_another_question_does_nothing(self, start: Start) -> None:
        start.walk("region")
        start.wizard.answer("station", {"value": "0999"})
        start.wizard.answer("check", {})
        start.wizard.start_trial("label_test")
        assert start.at == "region"
        assert start.draft.station == "S0147"

    def test_the_language_changes_and_the_question_stays(self, start: Start) -> None:
        start.walk("region").set_language("ug")
        assert (start.wizard.view().language, start.at) == ("ug", "region")
        with pytest.raises(Refused):
            start.wizard.set_language("fr")

    def test_the_panel_is_proposed_from_what_the_browser_says(self, start: Start) -> None:
        start.wizard.answer("language", {"value": "zh", "width_px": "1366", "height_px": "768"})
        view = start.wizard.view()
        assert [tile.value for tile in view.choices if tile.chosen] == ["15.6"]
        assert view.screen.width_px == 1366

    @pytest.mark.parametrize("size", [("", ""), ("-5", "480"), ("99999", "1"), ("800.5", "480"), ("0", "0")])
    def test_a_browser_that_says_nonsense_is_not_believed(self, start: Start, size: tuple[str, str]) -> None:
        start.wizard.answer("language", {"value": "zh", "width_px": size[0], "height_px": size[1]})
        assert start.wizard.view().screen.width_px == 800

    def test_what_is_plugged_in_later_is_listed(self, start: Start) -> None:
        start.walk("scale")
        late = start.machine.dev / "serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0"
        late.parent.mkdir()
        late.write_bytes(b"")
        assert str(late) in [tile.value for tile in start.wizard.view().choices]


class TestRefusals:
    @pytest.mark.parametrize(
        ("question", "value", "code"),
        [
            ("language", "fr", "language"),
            ("language", "", "language"),
            ("panel", "99", "panel"),
            ("panel", "", "panel"),
            ("panel", "nan", "panel"),
            ("panel", "inf", "panel"),
            ("station", "147", "station"),
            ("station", "01470", "station"),
            ("station", "٠١٤٧", "station"),
            ("region", "feed", "region"),
            ("region", "Yarkant", "region"),
            ("region", "", "region"),
            ("region", "a" * 17, "region"),
            ("region", "a/b", "region"),
            ("scale", "/dev/ttyUSB9", "gone"),
            ("scale", "", "gone"),
            ("protocol", "no_such", "protocol"),
            ("line", "9600 9X9", "line"),
            ("line", "100 8N1", "line"),
            ("line", "", "line"),
            ("reads", "yes", "not_seen"),
            ("reads", "maybe", "answer"),
            ("label_test", "yes", "not_seen"),
            ("scanner_test", "yes", "not_seen"),
            ("camera_test", "yes", "not_seen"),
            ("broker_test", "yes", "not_seen"),
            ("e", "3", "e"),
            ("e", "0", "e"),
            ("e", "", "e"),
            ("max", "0.5", "max"),
            ("max", "", "max"),
            ("max", "1.2.3", "max"),
            ("max", "0.0001", "max"),
            ("max", "Infinity", "max"),
            ("max", "-5", "max"),
            ("label", "tcp:192.168.1.50", "address"),
            ("label", "tcp::9100", "address"),
            ("label", "tcp:host:99999", "address"),
            ("label", "/dev/usb/lp7", "gone"),
            ("label_profile", "laser", "profile"),
            ("label_test", "no", "answer"),
            ("scanner", "/dev/input/by-id/nothing-event-kbd", "gone"),
            ("camera", "/dev/video9", "gone"),
            ("broker", "http", "answer"),
            ("broker_address", "a b", "broker"),
            ("broker_address", "host:99999999", "broker"),
            ("broker_address", "", "broker"),
            ("broker_ca", "/etc/passwd", "gone"),
            ("broker_account", "/etc/shadow", "gone"),
            ("goods", "", "gone"),
            ("goods", "/etc/passwd", "gone"),
            ("goods_shown", "no", "answer"),
            ("backup", "/", "gone"),
            ("backup", "", "gone"),
            ("technician", "", "name"),
            ("technician", "13800001234", "name"),
            ("technician_pin", "12345", "pin_not_six_digits"),
            ("technician_pin", "123456", "pin_too_easy"),
            ("technician_pin", "000000", "pin_too_easy"),
            ("technician_again", "193747", "pin_differs"),
            ("technician_again", "", "pin_differs"),
        ],
    )
    def test_refused_with_its_word_and_nothing_changes(
        self, start: Start, question: str, value: str, code: str
    ) -> None:
        start.walk(question)
        before = start.draft
        assert start.refused(question, value) == code
        assert start.draft == before

    def test_a_scanner_cannot_have_the_port_of_the_scale(self, start: Start) -> None:
        start.walk("scanner")
        assert start.refused("scanner", str(start.machine.dev / SCALE)) == "port_of_scale"

    def test_a_camera_that_scans_is_not_asked_to_show_it_and_goes_with_the_camera(self, start: Start) -> None:
        start.walk("camera", scanner="camera")
        assert start.draft.scanner == ScannerDraft("camera")
        start.wizard.answer("camera", {"value": "none"})
        assert start.draft.scanner is None

    def test_a_printer_on_a_serial_port_or_at_the_port_of_ipp(self, start: Start) -> None:
        start.walk("label")
        scale, free = (str(start.machine.dev / name) for name in (SCALE, SCANNER))
        offered = [choice.value for choice in tiles("label", start)]
        assert free in offered and scale not in offered
        assert start.refused("label", scale) == "port_of_scale"
        start.wizard.answer("label", {"value": free})
        assert start.draft.label == PrinterDraft("serial", free)
        assert "cpcl_203" in [choice.value for choice in tiles("label_profile", start)]
        assert free not in [choice.value for choice in tiles("scanner", start)]
        start.wizard.back()
        start.wizard.answer("label", {"value": "tcp:192.0.2.7:631"})
        assert start.draft.label == PrinterDraft("ipp", "ipp://192.0.2.7:631/ipp/print")
        rows = [choice.value for choice in tiles("label_profile", start)]
        assert rows == ["office_a4", "office_a4_receipt"]
        (chosen,) = (choice for choice in tiles("label", start) if choice.chosen)
        assert (chosen.value, chosen.label) == ("tcp:192.0.2.7:631", "192.0.2.7:631")

    def test_what_a_usb_printer_says_that_it_speaks_comes_first(self, start: Start) -> None:
        start.walk("label_profile", label=str(start.machine.dev / PRINTER))
        said = start.machine.sys / "class/usbmisc" / Path(PRINTER).name / "device/ieee1284_id"
        said.parent.mkdir(parents=True)
        for text, first in (("MFG:Z;CMD:ZPL;", "zpl_203"), ("MFG:HPRT;CMD:CPCL;", "cpcl_203"), ("\xff", "tspl_203")):
            said.write_text(text, encoding="latin-1")
            assert tiles("label_profile", start)[0].value == first

    def test_a_scale_on_the_port_of_the_scanner_takes_it(self, start: Start) -> None:
        port = str(start.machine.dev / SCANNER)
        start.walk("camera", scanner=port)
        while start.at != "scale":
            start.wizard.back()
        start.wizard.answer("scale", {"value": port})
        assert start.draft.scanner is None
        assert start.draft.scale is not None
        assert start.draft.scale.port == port

    def test_a_port_that_was_pulled_since_the_list_was_drawn(self, start: Start) -> None:
        start.walk("scale")
        (start.machine.dev / SCALE).unlink()
        assert start.refused("scale", str(start.machine.dev / SCALE)) == "gone"

    def test_a_hostile_village_stays_text(self, start: Start) -> None:
        hostile = '<script>"\\\x1b[31m\n^XZ\u202eevil'
        start.walk(village=hostile).answer("check", {})
        assert load(start.place.config_file).station.village == '<script>"\\[31m ^XZevil'

    def test_an_answer_that_cannot_be_kept_is_refused(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        start.walk("region")

        def full(path: Path, draft: SettingsDraft) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("kiosk.first_start.wizard.save_draft", full)
        assert start.refused("region", "yarkant") == "not_kept"
        monkeypatch.undo()
        start.wizard.answer("region", {"value": "yarkant"})
        assert start.at == "village"


class TestPowerCuts:
    @pytest.mark.parametrize("question", ALL)
    def test_resumes_at_each_question(self, start: Start, question: str) -> None:
        start.walk(question)
        answered = start.draft
        start.restart()
        memory_only = {"technician_again": "technician_pin", "clerk_again": "clerk_pin"}
        assert start.at == memory_only.get(question, question)
        assert start.draft == answered
        start.walk().answer("check", {})
        assert load(start.place.config_file).station.station == "S0147"

    def test_no_file_before_the_end(self, start: Start) -> None:
        for question in [*ALL[1:], "check"]:
            start.walk(question)
            names = {path.name for path in start.place.config_file.parent.iterdir()}
            assert names - {"data"} == {"dev", "keys", "station.toml.draft.json"}
            made = [path.name for path in start.place.data.rglob("*")]
            assert made in ([], ["pickup-key"]), "the key comes before the first PIN that is kept under it"

    def test_no_pin_in_any_file(self, start: Start) -> None:
        for question in ("technician_again", "clerk", "clerk_again", "check"):
            start.walk(question)
            kept = draft_path(start.place.config_file).read_bytes()
            assert PIN.encode() not in kept
            assert CLERK_PIN.encode() not in kept
        start.wizard.answer("check", {})
        assert b"argon2" not in start.place.config_file.read_bytes()

    def test_a_first_pin_is_forgotten_when_one_goes_back(self, start: Start) -> None:
        start.walk("technician_again").back()
        start.wizard.back()
        start.wizard.answer("technician", {"value": "aygul"})
        assert start.at == "technician_pin"
        start.wizard.answer("technician_again", {"value": PIN})
        assert start.at == "technician_pin"

    @pytest.mark.parametrize("change", [b'"width_px": 1', b'"language": "fr"', b'"diagonal_in": 900.0'])
    def test_a_draft_that_no_screen_can_be_drawn_from(self, start: Start, change: bytes) -> None:
        start.walk("region")
        start.wizard.close()
        path = draft_path(start.place.config_file)
        path.write_bytes(b'{"at": "region", ' + change + b"}")
        start.again()
        assert start.at == "language"

    def test_the_file_is_refused_when_somebody_was_faster(self, start: Start) -> None:
        start.walk()
        start.place.config_file.write_text("# theirs\n", encoding="ascii")
        assert start.refused("check", "go") == "not_written"
        assert start.place.config_file.read_text(encoding="ascii") == "# theirs\n"
        assert start.draft.at == "check"

    def test_settings_that_do_not_fit_leave_no_file(self, start: Start) -> None:
        start.walk()
        start.wizard.close()
        path = draft_path(start.place.config_file)
        path.write_bytes(path.read_bytes().replace(b'"yarkant"', b'"feed"'))
        start.again()
        assert start.refused("check", "go") in ("settings", "not_written")
        assert not start.place.config_file.exists()


class TestPeople:
    @pytest.fixture
    def real(self, start: Start) -> Start:
        start.fill = fill
        start.restart()
        return start

    def clerks(self, start: Start) -> Mapping[tuple[str, Role], str]:
        with closing(open_store(load(start.place.config_file).station)) as store:
            return {(row.name, row.role): row.pin_hash for row in store.clerks.everyone()}

    def test_they_are_in_the_database_once_the_file_is_there(self, real: Start) -> None:
        real.walk().answer("check", {})
        people = self.clerks(real)
        assert set(people) == {("Aygul", Role.TECHNICIAN), ("تۇرسۇن", Role.CLERK)}
        pins = PickupKey.from_existing(ParcelSettings(), real.place.data, {}).pins()
        assert pins.matches(PIN, people["Aygul", Role.TECHNICIAN])
        assert pins.matches(CLERK_PIN, people["تۇرسۇن", Role.CLERK])
        assert all(row.startswith("$keyed$") for row in people.values())

    def test_a_cut_between_database_and_file_adds_nobody_twice(
        self, real: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut(*_: object) -> None:
            raise OSError("the power went away")

        real.walk()
        monkeypatch.setattr("kiosk.first_start.wizard.write_settings", cut)
        assert real.refused("check", "go") == "not_written"
        monkeypatch.undo()
        real.restart()
        assert real.at == "check"
        real.wizard.answer("check", {})
        assert len(self.clerks(real)) == 2

    def test_the_data_of_another_station_is_told(self, real: Start) -> None:
        real.walk()

        def other(draft: SettingsDraft, data: Path) -> str:
            raise StoreError("The database belongs to S0999: give it another folder.")

        real.fill = other
        real.restart()
        with pytest.raises(Refused, match="belongs to S0999"):
            real.wizard.answer("check", {})
        assert not real.place.config_file.exists()


def test_what_is_listed_for_each_device(start: Start) -> None:
    start.walk("scanner")
    values = [tile.value for tile in start.wizard.view().choices]
    dev = start.machine.dev
    assert values == [str(dev / SCANNER), str(dev / KEYBOARD), "camera", "none"]
    start.walk("camera")
    assert [tile.value for tile in start.wizard.view().choices] == [str(dev / CAMERA), "none"]
    start.walk("broker_account")
    keys = start.machine.keys[0]
    assert [tile.value for tile in start.wizard.view().choices] == [
        str(keys / "station.crt"),
        str(keys / "broker-password"),
        "none",
    ]


def test_the_summary_says_what_was_proven(start: Start) -> None:
    view = start.walk(camera="none").view()
    rows = {row.text_id: (row.what, row.proof) for row in view.rows}
    assert rows["setup.device.station"] == ("S0147 yarkant Tagharchi 5-kent", "set")
    assert rows["setup.device.label"] == ("192.168.1.50:9100", "unseen")
    assert rows["setup.device.receipt"] == (Path(PRINTER).name, "unseen")
    assert rows["setup.device.camera"] == ("", "absent")
    assert rows["setup.device.goods"] == ("yarkant.toml", "set")
    assert rows["setup.device.backup"] == ("", "absent")
    assert rows["setup.device.people"] == ("Aygul, تۇرسۇن", "set")
