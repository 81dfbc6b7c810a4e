"""What belongs to a person is planted everywhere, and none of it is in the bundle."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.catalog import Member
from kiosk.domain.clerk import Role
from kiosk.domain.identifiers import internal_code
from kiosk.station.doctor.bundle import KEEP, PrivateNames, Scrubber, Subject, write_bundle
from kiosk.store.shared.records import ExpectedParcel
from tests.station.doctor.clinic import Clinic
from tests.store.village import CATALOG, bring_in

NAMES = ("Aygul", "ئايگۈل", "王芳", "Ömer 'Ali' <b>", "Reyhangul Tursun", "Abla", 'quote"name', "Ünye")
PHONES = ("13800138000", "+86 139 1234 5678", "139-8765-4321", "008613512345678", "0998-7654321")
IDS = ("653125199001011234", "65312519900101123X", "653125 19900101 123x")
CODES = ("483920", "pin=730164", "code 915 268", "pickup-code:204817x", "the slip's code is 661903")
WAYBILLS = ("SF1385012345678", "JD0012345678901", "75312345678901", "RR123456785CN", "YT2012345678")
SLIP = internal_code("K", "0147A000012483920")
CARD = internal_code("P", "04412")
PRIVATE = (*NAMES, *PHONES, *IDS, "483920", "730164", "915268", "915 268", "204817", "661903", *WAYBILLS, SLIP, CARD)
SECRETS = ("hunter2", "broker-user", "s3cr3t")


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    yield clinic
    clinic.store.close()


def planted(clinic: Clinic) -> Path:
    """Names and numbers in the database, the settings and the logs; the path of the settings."""
    members = tuple(Member(f"M-{number:05}", name, None) for number, name in enumerate(NAMES, 1))
    clinic.store.catalogs.add(replace(CATALOG, members=members), clinic.stamp())
    clinic.store.catalogs.add(replace(CATALOG, members=()), clinic.stamp())
    clinic.store.clerks.add(NAMES[4], Role.CLERK, "hash", clinic.stamp())
    for number in WAYBILLS:
        clinic.store.deliveries.expect([ExpectedParcel(number, "SF", "4321")], clinic.stamp())
    bring_in(clinic.store)
    settings = clinic.folder / "station.toml"
    village = " ".join((*NAMES[:3], *PHONES[:2], WAYBILLS[0]))
    settings.write_text(
        f'# wifi {SECRETS[0]}, call {PHONES[0]}\n[station]\nstation = "S0147"\nvillage = "{village}"\n'
        f'[relay]\nbroker_url = "mqtt://{SECRETS[1]}:{SECRETS[2]}@127.0.0.1"\nusername = "{SECRETS[1]}"\n'
        'password_file = "/etc/broker-password"\n[[odd]]\nshared_secret = "s3cr3t"\napi_key = "s3cr3t"\n'
    )
    data = clinic.settings.data
    (data / "logs").mkdir()
    lines = [f"2026-11-25 03:21:14,123 WARNING kiosk.x: a scan opened nothing: {word}" for word in (*PRIVATE, *CODES)]
    lines += [f"refused {json.dumps(name)} {name!r} {name.upper()} {name}نىڭ {name}的" for name in NAMES]
    lines += [f"phone:{PHONES[0]},id:{IDS[0]};waybill={WAYBILLS[0].lower()}."]
    lines += ["receipt 0147-A-000381 printed; parcel P-0147-A-000012 shelved; 12.450 kg; 12:34:56"]
    text = "\n".join(lines)
    (data / "station.log").write_text(text)
    (data / "logs" / f"{WAYBILLS[0]} {NAMES[1]}.log").write_text(text)
    return settings


def subject(clinic: Clinic, settings: Path | None) -> Subject:
    findings = clinic.doctor.findings()
    return Subject(clinic.settings, settings, findings, clinic.moment, clinic.software, clinic.metrology, True)


def everything(path: Path) -> str:
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        return "\n".join([*opened.namelist(), *(opened.read(name).decode() for name in opened.namelist())])


def part(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as opened:
        return opened.read(name).decode()


def without_marks(path: Path) -> str:
    """All of it but the station's own random numbers: any six digits of a code may by chance stand in one."""
    text = everything(path)
    for epoch in json.loads(part(path, "database.json"))["epochs"]:
        text = text.replace(epoch["epoch"], "").replace(epoch["head"], "")
    return text


def test_nothing_planted_is_in_the_bundle(clinic: Clinic) -> None:
    text = without_marks(write_bundle(subject(clinic, planted(clinic)), clinic.folder))
    for word in (*PRIVATE, *SECRETS):
        assert word.casefold() not in text.casefold(), word
    for name in NAMES:
        assert json.dumps(name)[1:-1] not in text
    squeezed = text.replace(" ", "").replace("-", "")
    for number in (*PHONES, *IDS):
        assert number.replace(" ", "").replace("-", "").removeprefix("+86") not in squeezed, number


def test_what_support_asks_about_is_in_it(clinic: Clinic) -> None:
    path = write_bundle(subject(clinic, planted(clinic)), clinic.folder)
    log = part(path, "logs/station.log.txt")
    for kept in ("0147-A-000381", "P-0147-A-000012", "12.450 kg", "12:34:56", "2026-11-25 03:21:14,123"):
        assert kept in log
    about = json.loads(part(path, "about.json"))
    assert (about["station"], about["software"], about["running"]) == ("S0147", "station-kiosk/test", True)
    settings = json.loads(part(path, "settings.json"))
    assert settings["relay"]["username"] == "***"
    assert settings["relay"]["password_file"] == "/etc/broker-password"
    assert settings["relay"]["broker_url"] == "mqtt://***@127.0.0.1"
    database = json.loads(part(path, "database.json"))
    assert database["look"]["schema"] >= 1
    assert database["epochs"][0]["head"] == clinic.store.outbox.hash_at(clinic.store.outbox.counts().last_seq)
    assert database["rows"]["intake"] == 1
    last = database["last_events"][-1]
    assert set(last) == {"epoch", "seq", "type", "time", "clock"}
    assert last["type"] == "station.intake.confirmed.v1"
    assert "scale" in part(path, "doctor.txt")


def test_a_broken_database_costs_the_logs_not_the_bundle(clinic: Clinic) -> None:
    settings = planted(clinic)
    clinic.store.close()
    for path in clinic.settings.data.glob("station.db*"):
        path.unlink()
    clinic.settings.database.write_bytes(b"garbage" * 500)
    text = everything(write_bundle(replace(subject(clinic, settings), running=False), clinic.folder))
    assert "Left out" in text
    assert "a scan opened nothing" not in text
    for word in (*PHONES, *IDS, *SECRETS):
        assert word not in text


def test_without_settings_without_logs_without_a_clock(clinic: Clinic) -> None:
    clinic.at_1970()
    path = write_bundle(subject(clinic, None), clinic.folder)
    assert path.name == "support-S0147-0001.zip"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "no settings file" in everything(path)


def test_settings_that_are_no_toml_are_not_passed_on(clinic: Clinic) -> None:
    settings = clinic.folder / "bad.toml"
    settings.write_text('password = "hunter2\n[[')
    assert "hunter2" not in everything(write_bundle(subject(clinic, settings), clinic.folder))


def test_only_the_newest_bundles_stay(clinic: Clinic) -> None:
    for _ in range(KEEP + 2):
        newest = write_bundle(subject(clinic, None), clinic.folder)
    names = sorted(path.name for path in clinic.folder.glob("support-*"))
    assert len(names) == KEEP
    assert names[-1] == newest.name == "support-S0147-0007-2026-11-25.zip"


def test_a_full_medium_leaves_nothing(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bundle(subject(clinic, None), clinic.folder)
    assert not list(clinic.folder.glob("*support*"))


def test_a_long_log_is_cut_at_a_line(clinic: Clinic) -> None:
    planted(clinic)
    log = clinic.settings.data / "station.log"
    log.write_text(f"{NAMES[1]} " * 60_000 + "\nthe last line\n")
    assert part(write_bundle(subject(clinic, None), clinic.folder), "logs/station.log.txt") == "the last line\n"


# --- the journal ------------------------------------------------------------------------------------------------------


def journalctl(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, script: str) -> str:
    """What the bundle has of a box whose journalctl does as ``script`` says."""
    program = clinic.folder / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("kiosk.base.systemd.MARK", clinic.folder)
    return part(write_bundle(subject(clinic, None), clinic.folder), "logs/services.txt")


@pytest.mark.parametrize(
    "script",
    [
        "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1",
        "echo half a journal; exit 1",
        "exit 0",  # with --quiet, a user without the right to read it is told nothing at all
        "echo",
        "echo '-- No entries --' >&2",
    ],
)
def test_a_journal_that_cannot_be_read_is_said(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    assert journalctl(clinic, monkeypatch, script).endswith("the journal cannot be read\n")


def test_a_short_journal_is_there_from_its_first_line(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journalctl(clinic, monkeypatch, "echo the only line") == "the only line\n"


def test_a_long_journal_is_cut_at_a_line(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    said = journalctl(clinic, monkeypatch, f"yes {'x' * 99} | head -n 3000; echo the last line")
    assert said.endswith("the last line\n")
    assert set(said.splitlines()[:-1]) == {"x" * 99}


def test_kept_failures_are_in_it_without_names(clinic: Clinic) -> None:
    planted(clinic)
    kept = clinic.settings.data / "failures-kiosk-station.log"
    kept.write_text(f"== boot 1f0c, 90 s: watchdog dumped ABRT\nrefused {NAMES[1]}\n")
    text = part(write_bundle(subject(clinic, None), clinic.folder), "logs/failures-kiosk-station.log.txt")
    assert text == "== boot 1f0c, 90 s: watchdog dumped ABRT\nrefused [name]\n"


# --- the scrubber -----------------------------------------------------------------------------------------------------

SCRUB = Scrubber([*NAMES, *WAYBILLS])


def test_what_is_nobody_s_stays(subtests: pytest.Subtests) -> None:
    for text, kept in [
        ("receipt 0147-A-000381", "receipt 0147-A-000381"),
        ("P-0147-B-000012", "P-0147-B-000012"),
        ("Alive and Alias", "Alive and Alias"),
        ("at 127.0.0.1:9100", "at 127.0.0.1:9100"),
        ("/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0", "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"),
        ("epoch 00c0ffee00c0ffee", "epoch 00c0ffee00c0ffee"),
        ("job 12345 of 99999", "job 12345 of 99999"),
    ]:
        with subtests.test(text=text, kept=kept):
            assert SCRUB.free(text) == kept


MARKS = st.one_of(
    st.from_regex(r"[a-f]{1,4}[0-9]{8}[0-9a-f]{4}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    st.from_regex(r"[a-f][0-9]{8,11}[0-9a-f]{52}", fullmatch=True),
)


@given(MARKS, st.sampled_from(NAMES), st.sampled_from(["13800138000", "653125199001011234", "SF1385012345678"]))
def test_the_station_s_own_marks_stay_however_they_look(mark: str, name: str, number: str) -> None:
    """An epoch such as ``b4978234...`` has the shape of a waybill."""
    scrub = Scrubber(NAMES, [mark, ""])
    for work in (scrub.structured, scrub.free):
        text = work(f'{{"epoch": "{mark}", "x": "{name}", "y": "{number}"}} {mark}')
        assert text.count(mark) == 2
        assert json.dumps(number) not in text
        assert json.dumps(name, ensure_ascii=False) not in text
    assert mark in scrub.free(f"0147-A-000381 {mark}")


def test_a_kept_mark_inside_a_longer_number_does_not_save_it() -> None:
    scrub = Scrubber((), ["1380013", "b12345678"])
    assert scrub.free("13800138000 b1234567890") == "[phone] [waybill]"


@given(st.text(max_size=40), st.sampled_from(NAMES), st.text(max_size=40))
def test_a_name_between_anything(before: str, name: str, after: str) -> None:
    text = SCRUB.free(f"{before} {name} {after}")
    assert name not in text.replace(before, "", 1) or name in before or name in after


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from([" ", ",", ":", "=", "(", "tel", "\t", "号"]))
def test_every_mobile_number(number: str, before: str) -> None:
    if before != "tel":
        assert number not in SCRUB.structured(f"x{before}{number} y")
    assert number not in SCRUB.free(f"x{before} {number} y")


# --- spellings --------------------------------------------------------------------------------------------------------

SPELT = Scrubber(["Patigul Tursun", "José", "Ma Li", "王芳", "阿依古丽 吐尔逊", "a b c d"])


def test_a_number_in_any_spelling_is_taken_out(subtests: pytest.Subtests) -> None:
    for number in [
        "(0998)6523412",
        "0998 652 3412",
        "+86 (0998) 652-3412",
        "138.1234.5678",
        "138\xa01234\xa05678",
        "1381 2345 678",
        "138‑1234‑5678",
        "138\u200b1234\u200b5678",
        "phone13812345678",
        "13812345678x",
        "tel09986523412",
        "１３８１２３４５６７８",
        "１３８－１２３４－５６７８",
        "6523412",
        "653125 1990 0101 123X",
        "653125-1990-0101-123x",
        "６５３１２５ １９９０ ０１０１ １２３Ｘ",
        "pickup 12 34 56",
        "pickup 12 34 56",
        "取件码 12-34-56",
        "482913x",
        "x482913",
        "４８２９１３",
        "m-00001",
        "M‑00001",
        "M_00001",
        "m00001",
    ]:
        for around in ["{}", "call {} now", "a={};", "号{}的", '{{"x": "{}"}}', "2026-11-25 03:21:14,123 {}"]:
            with subtests.test(number=number, around=around):
                left = SPELT.free(around.format(number)).replace("2026-11-25 03:21:14,123", "")
                assert not any(map(str.isdigit, left)), left


def test_a_name_in_any_spelling_is_taken_out(subtests: pytest.Subtests) -> None:
    for name in [
        "Patigul  Tursun",
        "patigul.tursun",
        "PATIGUL_TURSUN",
        "Tursun Patigul",
        "tursun, patigul",
        "PatigulTursun",
        "Patigul\xa0Tursun",
        "\u2068Patigul\u2069 \u2068Tursun\u2069",
        "Ｐａｔｉｇｕｌ Ｔｕｒｓｕｎ",
        "Patigul%20Tursun",
        "José",
        "Jose\u0301",
        "JOSÉ",
        "Jos\\u00e9",
        "Jos\\xe9",
        "Jos%C3%A9",
        "Jos&eacute;",
        "王芳",
        "王 芳",
        "\\u738b\\u82b3",
        "%E7%8E%8B%E8%8A%B3",
        "\\xe7\\x8e\\x8b\\xe8\\x8a\\xb3",
        "吐尔逊·阿依古丽",
        "Ma Li",
        "li-ma",
        "d c b a",
        "d a b c",
    ]:
        for around in ["{}", "of {} here", "'{}'", "客户{}的", "/home/{}/x"]:
            with subtests.test(name=name, around=around):
                for work in (SPELT.free, SPELT.structured):
                    left = work(around.format(name)).replace("\u2068", "").replace("\u2069", "")
                    assert left == around.format("[name]")


def test_names_that_share_a_word_leave_none_of_it() -> None:
    scrub = Scrubber(["Patigul Tursun", "Tursun Ali"])
    assert scrub.free("Patigul Tursun Ali, Ali") == "[name], Ali"


def test_a_name_goes_over_no_line_and_through_no_word() -> None:
    assert SPELT.free("schema.list: coma list\nPatigul\nTursun") == "schema.list: coma list\nPatigul\nTursun"


WHOLE = Scrubber(["An", "Omer", "Amin", "Abed", "Ali", "7", "سا", "ئاي", "ئان", "قادىر", "王芳", "陈", "Iván"])


def test_a_name_is_a_whole_word_in_every_script() -> None:
    """A short name must not eat the words, numbers and hashes that support reads."""
    stays = (
        "Android and another customer laminated and cantilever",
        "sha 9f86abed884c7d659a2feaa0c55ad0150a11ca1beef0an12",
        "aminate ivanka omer2",
        "7.250 kg, 7 bags, 17:07, seq 7",
        "ساندان ئايدىڭ قان",  # database, ..., blood
        "بايقادىر",
        "王 and 芳",
    )
    for text in stays:
        for work in (WHOLE.free, WHOLE.structured):
            assert work(text) == text, text
    goes = {
        "An: refused, (an) 'An'": "[name]: refused, ([name]) '[name]'",
        "omer's amin_abed Amin-Ali": "[name]'s [name]_[name] [name]-[name]",
        "Omerning aminlar IVÁN": "[name]ning [name]lar [name]",
        "ئايدا ئاننىڭ، قادىرغۇ": "[name]دا [name]نىڭ، [name]غۇ",
        "客户An的 قاAbed王芳": "客户[name]的 قا[name][name]",
        "操作员王芳已登录 小陈也是": "操作员[name]已登录 小[name]也是",
        "an\\u0041n An%20Ali": "an\\u0041n [name]%20[name]",
    }
    for text, left in goes.items():
        for work in (WHOLE.free, WHOLE.structured):
            assert work(text) == left, text


def test_what_a_log_is_read_for_stays(subtests: pytest.Subtests) -> None:
    for text in [
        "2026-11-25 03:21:14,123 WARNING kiosk.x: 12",
        "2026-11-25T03:21:14.123456+08:00",
        "1970-01-01 00:00:12,001 INFO",
        "support-S0147-0007-2026-11-25.zip",
        "gross 12.450 kg tare 0.640 kg, 3 bags",
        "P-0147-A-000012 12 34",
        "at 192.168.1.100 and 10.0.0.12:9100",
        "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2:1.0-port0",
        "platform-3f980000.usb-usb-0:1.1.2:1.0",
        "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10K7QLM-if00-port0",
        "sha 9f86d081884c7d659a2feaa0c55ad015",
        "station-kiosk/1.12.3, kernel 6.12.47+rpt-rpi-v8",
    ]:
        with subtests.test(text=text):
            assert SPELT.free(text) == text


def test_settings_stay_json_whatever_is_in_them() -> None:
    value = {"village": "＂王芳＂ ＼ Jose\u0301", "port": "(0998)6523412", "list": [1, 2]}
    text = json.dumps(value, indent=1, ensure_ascii=False)
    assert json.loads(SPELT.free(text)) == {"village": "'[name]' / [name]", "port": "[number]", "list": [1, 2]}


class Counted(str):
    """A text that counts what is cut out of it."""

    cuts = 0

    def __getitem__(self, key: Any) -> str:
        Counted.cuts += 1
        return super().__getitem__(key)


def test_the_work_grows_with_the_text_and_not_with_the_names() -> None:
    names = [f"Patigul{chr(97 + number % 26)}{number} Tursun{number}" for number in range(3000)]
    names += [f"王{chr(0x4E00 + number)}" for number in range(1000)]
    plain = Counted("patigul tursun the scale is silent 王 " * 200)
    Counted.cuts = 0
    assert list(PrivateNames(names)._find(plain)) == []
    assert Counted.cuts < 40 * len(plain)


def test_no_text_however_odd_holds_the_scrubber_up(subtests: pytest.Subtests) -> None:
    """A rule that tries again from every place would take hours for this."""
    for piece in ["1 ", "1", "1.", "((", "0998 ", "12 34 5x ", "pin ", "M-", "2026-", "\\x", "%", "&", "1-"]:
        with subtests.test(piece=piece):
            text = piece * (200_000 // len(piece))
            assert len(SPELT.free(text + "x")) > 0
