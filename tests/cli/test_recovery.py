"""A card dies: backup, recovery kit and a new card make the same station, as station, county and technician type it."""

from __future__ import annotations

import itertools
import logging
import os
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main as kiosk_program
from kiosk.cli.sorting_center import main as center_program
from kiosk.config.station import load
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.station.clerk.access import Access
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.store import Store
from kiosk.store.backup.kit.contents import Credential
from kiosk.store.backup.kit.kit_files import write_folder
from kiosk.store.backup.kit.sealing import seal_to_county
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.database import persistence
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared import age_file
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import KEY, PIN, CounterRig
from tests.station.fakes import CATALOG, STAMP
from tests.store.backup.kit.test_sealing import CODE, KIT, OTHER

KEY_TEXT = bytes(range(32)).hex()
"""Of the counter's rig: what it hands out, it hands out under this key."""
PHRASE = "a phrase of the county"
CERTIFICATE, PRIVATE = "-----BEGIN CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nsecret of the relay\n"


def typed(program: object, *words: str | Path, said: str = "") -> Result:
    return CliRunner().invoke(program, [str(word) for word in words], input=said)  # type: ignore[arg-type]


class Village:
    """One machine after the other: ``old`` has a station with people, intakes and a parcel that waits."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.template = template
        self.folder, self.medium = folder, folder / "medium"
        self.medium.mkdir()
        self.key, self.code = folder / "county.key", ""
        self.numbers = itertools.count()
        done = typed(center_program, "kit", "new-key", self.key, said=f"{PHRASE}\n")
        assert done.exit_code == 0, done.output
        self.county_line = f'county_key = "{CountyKey.parse(done.stdout.strip()).text}"'
        self.old, self.new = folder / "old", folder / "new"
        self._set_up()

    def _set_up(self) -> None:
        data, etc = self.old / "data", self.old / "etc"
        for path in (data, etc):
            path.mkdir(parents=True)
        (data / "pickup-key").write_text(f"{KEY_TEXT}\n")
        (etc / "relay.crt").write_text(CERTIFICATE)
        (etc / "relay.key").write_text(PRIVATE)
        self.write_settings()
        opening = OpenOptions(template=self.template, reserve_bytes=0)
        with closing(Store.open(data / "station.db", "S0147", STAMP, opening)) as store:
            store.catalogs.add(CATALOG, STAMP)
            rig = CounterRig(store, data)
            self.code = rig.code_of(rig.bring())

    def write_settings(self, backup: str | None = None) -> None:
        """The folders of both machines have one name: the old one is moved away before the new one is made."""
        card = self.folder / "card"
        self.settings.write_text(
            f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{card}/data"\n'
            f'[relay]\nbroker_url = "mqtts://broker:8883"\ncert_file = "{card}/etc/relay.crt"\n'
            f'key_file = "{card}/etc/relay.key"\n'
            f'[backup]\nfolder = "{self.medium}"\n{self.county_line if backup is None else backup}\n'
        )

    @property
    def settings(self) -> Path:
        return self.old / "etc/station.toml"

    def insert(self, card: Path) -> Path:
        """This card is in the machine now; returns its settings file."""
        place = self.folder / "card"
        place.unlink(missing_ok=True)
        place.symlink_to(card, target_is_directory=True)
        return place / "etc/station.toml"

    def back_up(self) -> Result:
        return typed(kiosk_program, "backup", "--config", self.insert(self.old), "--same-disk")

    @property
    def backup(self) -> Path:
        return max(path for path in self.medium.iterdir() if path.suffix in (".age", ".db"))

    @property
    def kit(self) -> Path:
        return self.backup.with_suffix(".kit")

    def open(self, *words: str | Path) -> Result:
        return typed(center_program, "kit", "open", self.kit, "--key", self.key, *words, said=f"{PHRASE}\n")

    def restore(self, kit: Path, code: str = "", letter: tuple[str, ...] = ("--letter", "A")) -> Result:
        (self.new / "data").mkdir(parents=True, exist_ok=True)
        (self.new / "etc").mkdir(exist_ok=True)
        words = ("--config", self.insert(self.new), "--kit", kit, *letter)
        return typed(kiosk_program, "restore", self.backup, *words, said=f"{code}\n")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def village(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Village:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    monkeypatch.setattr(age_file, "COST", age_file.Cost(1, 8, 1))
    return Village(tmp_path, template)


def test_old_codes_and_pins_hold_on_a_new_card(village: Village, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = village.back_up()
    assert made.exit_code == 0, made.output
    paper = village.folder / "S0147.kit"
    opened = village.open("--paper", paper)
    assert opened.exit_code == 0, opened.output
    code = opened.stdout.splitlines()[-1]
    assert paper.stat().st_mode & 0o777 == 0o600
    assert code.encode() not in paper.read_bytes()
    done = village.restore(paper, code.replace(" ", ""))
    assert done.exit_code == 0, done.output
    for told in ("This card is station S0147 of yarkant", "receipts go on with B-000001"):
        assert told in done.stdout
    assert village.settings.read_bytes() == (village.new / "etc/station.toml").read_bytes()
    for name in ("etc/relay.crt", "etc/relay.key", "data/pickup-key"):
        assert (village.new / name).read_bytes() == (village.old / name).read_bytes()
        assert (village.new / name).stat().st_mode & 0o777 == 0o600
    _works_as_before(village)
    bundled = typed(kiosk_program, "bundle", "--config", village.folder / "card/etc/station.toml")
    assert bundled.exit_code == 0, bundled.output
    with zipfile.ZipFile(bundled.stdout.strip()) as content:
        private = "\n".join(content.read(name).decode() for name in content.namelist())
    told = "\n".join((caplog.text, made.output, opened.output.replace(code, ""), done.output, private))
    for secret in (KEY_TEXT, "secret of the relay", PHRASE, code, code.replace(" ", "")):
        assert secret not in told


def _works_as_before(village: Village) -> None:
    config = load(village.folder / "card/etc/station.toml")
    key = PickupKey.from_existing(config.parcels, config.station.data, {})
    assert key.present
    with closing(Store.open(config.station.database, "S0147", STAMP, OpenOptions(reserve_bytes=0))) as store:
        rig = CounterRig(store, village.new, key=key, take_people=False)
        access = Access(store, 60.0, rig.clock.stamp, lambda access: None, key.pins())
        assert access.sign_in("01", PIN).person.number == "01"
        session = rig.access.sign_in("01", PIN)
        row = collect_by_code(rig.counter, session, village.code)
        assert row.state.value == "collected"
        assert KEY.mac(village.code) == key.mac(village.code)


def test_an_opened_folder_does_as_well(village: Village) -> None:
    assert village.back_up().exit_code == 0
    folder = village.folder / "opened"
    assert village.open("--folder", folder).exit_code == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {
        "kit.json",
        "station.toml",
        "pickup-key",
        "credential-relay.crt",
        "credential-relay.key",
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert village.open("--folder", folder).exit_code == 1, "a folder that is there is left alone"
    assert village.restore(folder).exit_code == 0
    _works_as_before(village)


def settings_of(card: Path, station: str = "S0147") -> bytes:
    return f'[station]\nstation = "{station}"\nregion = "yarkant"\ndata = "{card}/data"\n'.encode()


def opened_kit(village: Village, **changes: object) -> Path:
    """A folder as the county opens it; what stands in it may be anybody's."""
    folder = village.folder / f"opened-{next(village.numbers)}"
    credentials = (Credential("/etc/cron.d/relay", b"x"),) if not changes else ()
    values = {"settings": settings_of(village.folder / "card"), "credentials": credentials} | changes
    write_folder(replace(KIT, **values), folder)  # type: ignore[arg-type]
    return folder


def test_what_is_not_right_changes_nothing_on_the_new_card(village: Village) -> None:
    assert village.back_up().exit_code == 0
    paper = village.folder / "S0147.kit"
    code = village.open("--paper", paper).stdout.splitlines()[-1]
    card = village.folder / "card"
    for kit, said, told in (
        (paper, OTHER.digits, "does not open"),
        (paper, CODE.digits[:-1], "not the digits on the paper"),
        (village.kit, "", "sorting-center kit open"),
        (village.folder / "none.kit", "", "cannot be read"),
        (opened_kit(village, station="S0148", settings=settings_of(card, "S0148")), "", "is of station S0147"),
        (opened_kit(village, station="S0148"), "", "are of another station"),
        (opened_kit(village, settings=b"[statio]"), "", "are not understood"),
        (opened_kit(village), "", "/etc/cron.d/relay lies outside the station's folders"),
    ):
        done = village.restore(kit, said)
        assert (done.exit_code, told in done.stderr) == (1, True), done.output
        assert [path for path in village.new.rglob("*") if path.is_file()] == []
    damaged = village.backup.read_bytes()
    village.backup.write_bytes(damaged[:-1] + b"x")
    assert village.restore(paper, code).exit_code == 1
    assert [path for path in village.new.rglob("*") if path.is_file()] == []
    village.backup.write_bytes(damaged)
    done = village.restore(paper, code, letter=())
    assert (done.exit_code, "letter on the newest paper receipt" in done.stderr) == (2, True)
    assert [path for path in village.new.rglob("*") if path.is_file()] == []
    assert village.restore(paper, code).exit_code == 0


SYSTEMCTL = """#!/bin/sh
case "$*" in *Environment*) echo Environment=KIOSK_BOX=1 ;; *is-active*) exit $ACTIVE ;; esac
"""


def test_a_first_start_that_waits_would_keep_its_own_key(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    assert village.back_up().exit_code == 0
    folder = village.folder / "opened"
    assert village.open("--folder", folder).exit_code == 0
    program = village.folder / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("kiosk.base.systemd.MARK", village.folder)
    monkeypatch.setattr(persistence, "memory_file_system", lambda path: "")
    monkeypatch.setenv("ACTIVE", "0")
    done = village.restore(folder)
    assert (done.exit_code, "systemctl stop kiosk-station" in done.stderr) == (1, True)
    assert [path for path in village.new.rglob("*") if path.is_file()] == []
    monkeypatch.setenv("ACTIVE", "3")
    assert village.restore(folder).exit_code == 0


def test_a_kit_that_cannot_be_made_costs_no_backup(village: Village) -> None:
    for name, back in (("data/pickup-key", KEY_TEXT), ("etc/relay.key", PRIVATE)):
        (village.old / name).unlink()
        done = village.back_up()
        assert done.exit_code == 1
        assert "The database is safe in" in done.stderr
        assert name in done.stderr
        assert not village.kit.exists()
        (village.old / name).write_text(back)
    (village.old / "data/pickup-key").write_text("no key\n")
    assert "64 hexadecimal" in village.back_up().stderr
    (village.old / "data/pickup-key").write_text(KEY_TEXT)
    village.write_settings(backup="")
    done = village.back_up()
    assert (done.exit_code, village.kit.exists()) == (0, False), "a county without a key has no kits"
    village.write_settings()
    assert village.back_up().exit_code == 0
    assert village.kit.exists()


def test_the_county_s_key_is_guarded(village: Village) -> None:
    assert village.key.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in village.key.read_bytes()
    assert village.key.with_name("county.key.pub").read_text().strip() in village.county_line
    assert typed(center_program, "kit", "new-key", village.key, said="x\n").exit_code == 2
    assert village.back_up().exit_code == 0
    words = ("kit", "open", village.kit, "--key", village.key)
    assert typed(center_program, *words, said=f"{PHRASE}\n").exit_code == 2
    target = ("--folder", village.folder / "opened")
    done = typed(center_program, *words, *target, said="another phrase\n")
    assert (done.exit_code, "another pass phrase" in done.stderr) == (1, True)
    village.key.chmod(0o644)
    assert "chmod 600" in typed(center_program, *words, *target, said=f"{PHRASE}\n").stderr
    village.key.chmod(0o600)
    plain = village.folder / "plain.key"
    assert typed(center_program, "kit", "new-key", plain, "--without-phrase").exit_code == 0
    other = CountyKey.parse(plain.with_name("plain.key.pub").read_text().strip())
    village.kit.write_bytes(seal_to_county(KIT, other))
    assert typed(center_program, "kit", "open", village.kit, "--key", plain, *target).exit_code == 0
    assert "another key" in typed(center_program, *words, "--paper", village.folder / "x", said=f"{PHRASE}\n").stderr


def decrypted(village: Village, out: Path, *words: str | Path, phrase: str = PHRASE) -> Result:
    words = (village.backup, "--key", village.key, "--out", out, *words)
    return typed(center_program, "kit", "decrypt", *words, said=f"{phrase}\n")


def test_the_drill_backup_decrypt_restore(village: Village) -> None:
    """Without its key the station needs the county; the office's desk notes that the key was tried."""
    made = village.back_up()
    assert made.exit_code == 0, made.output
    events, sealed = made.stdout.split(": ")[1].split()[0], village.backup
    opened, ledger = sealed.with_suffix(".db"), f"sqlite:///{village.folder}/ledger.db"
    done = decrypted(village, opened, "--ledger", ledger)
    assert done.exit_code == 0, done.output
    assert opened.stat().st_mode & 0o777 == 0o600
    with CenterDesk.open(ledger) as desk:
        (row,) = desk.audit.page(act="key_tried")
    assert row.subject == sealed.name
    assert decrypted(village, opened).exit_code == 2, "nothing is written over"
    (village.old / "data/pickup-key").write_text("f" * 64)
    here = ("--config", village.insert(village.old))
    closed = typed(kiosk_program, "restore", sealed, *here)
    assert (closed.exit_code, "sorting-center kit decrypt" in closed.stderr) == (1, True)
    back = typed(kiosk_program, "restore", opened, *here)
    assert back.exit_code == 0, back.output
    assert f"({events} events; it is, byte for byte, what its manifest says)" in back.stdout


def test_the_station_opens_its_own_backup(village: Village) -> None:
    assert village.back_up().exit_code == 0
    back = typed(kiosk_program, "restore", village.backup, "--config", village.insert(village.old))
    assert back.exit_code == 0, back.output


def test_what_does_not_open_leaves_nothing(village: Village, subtests: pytest.Subtests) -> None:
    assert village.back_up().exit_code == 0
    place, whole, out = village.backup, village.backup.read_bytes(), village.folder / "out/opened.db"
    out.parent.mkdir()
    other = village.folder / "other.key"
    assert typed(center_program, "kit", "new-key", other, said=f"{PHRASE}\n").exit_code == 0
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 8]) + whole[middle + 1 :]
    for content, key, word in (
        (whole, other, "encrypted to another key"),
        (whole[:-1], village.key, "cut off"),
        (flipped, village.key, "changed"),
        (b"", village.key, "does not open"),
        (bytes(3_000_000), village.key, "does not open"),
    ):
        with subtests.test(word):
            place.write_bytes(content)
            words = ("kit", "decrypt", place, "--key", key, "--out", out)
            done = typed(center_program, *words, said=f"{PHRASE}\n")
            assert (done.exit_code, word in done.stderr) == (1, True), done.output
            assert list(out.parent.iterdir()) == []
    place.write_bytes(whole)
    assert "another pass phrase" in decrypted(village, out, phrase="another one").stderr
    assert list(out.parent.iterdir()) == []
