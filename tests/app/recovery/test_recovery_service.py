"""The wizard's user asks, root puts the station back: through two files, on sticks that are folders."""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from kiosk.app.identity.claiming import LOCKOUT_RULE, MachineTime
from kiosk.app.recovery import requests as requests_module
from kiosk.app.recovery.helper import RecoveryPaths, handle_request
from kiosk.app.recovery.requests import (
    FILES,
    WORKING,
    RecoveryRequest,
    RecoveryResponse,
    RequestedRecoveries,
    answer_file,
    refusal_of,
    request_file,
)
from kiosk.base.refused import Refused
from kiosk.base.root_requests import MAX_BYTES, working
from kiosk.config.station import load
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.vault import FileVault, InUse
from kiosk.first_start.shared.draft import draft_path
from kiosk.first_start.shared.ports import OfferedRecovery, RecoveryRefusal, RecoveryWhy
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.kit.contents import Credential, Kit
from kiosk.store.backup.kit.sealing import seal_to_code, seal_to_county
from kiosk.store.backup.medium import read_manifest
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.migrate import migrate
from kiosk.store.database.persistence import NotPersistent
from kiosk.store.shared.age_file import unseal
from kiosk.texts import LANGUAGES
from kiosk.web.shared.speech import speech
from tests.depth import many
from tests.first_start.identity.identities import CODE, OTHER_CODE, cost_nothing
from tests.store.backup.test_restore_cut_off import Killed, killed_at
from tests.store.village import CATALOG, STATION, bring_in, open_store, stamp

WAIT_S = 30.0
CREDENTIAL = "/run/credentials/kiosk-relay.service/kiosk-relay.key"
OWN_KEY, FRESH_KEY = "ab" * 32, "cd" * 32
COUNTY = CountyKey(bytes.fromhex("2f" * 32))


@dataclass
class Box:
    """A new card in a machine with two sticks, and what stands for its path unit and its service manager."""

    folder: Path
    restarts: list[str] = field(default_factory=list)
    now_ms: int = 0

    def __post_init__(self) -> None:
        self.stick, self.other = self.folder / "media/KIOSK-USB", self.folder / "media/BACKUP"
        for path in (self.stick, self.other, self.folder / "run", self.folder / "credstore"):
            path.mkdir(parents=True)
        self.card = self.folder / "card"
        self.insert()
        self.helper = RecoveryPaths(
            settings=self.card / "etc/station.toml",
            data=self.card / "kiosk",
            keys=self.card / "kiosk-keys",
            credentials=self.card / "credstore",
            answers=answer_file(self.folder / "run"),
            media=(self.folder / "media",),
            is_mount=lambda path: Path(path).parent == self.folder / "media",
            restart=self.restart,
            clock=lambda: MachineTime("", "boot", self.now_ms),
        )
        where, self.requests = self.helper, request_file(self.helper.data)
        asker = FILES.asker(where.data, time.monotonic, where.answers)
        self.wizard = RequestedRecoveries(asker, where.data, where.media, where.is_mount)

    def insert(self) -> None:
        """A new card, as its first boot has left it."""
        shutil.rmtree(self.card, ignore_errors=True)
        for name in ("etc", "kiosk/requests", "kiosk-keys", "credstore"):
            (self.card / name).mkdir(parents=True)
        (self.card / "kiosk-keys/pickup-key").write_text(f"{FRESH_KEY}\n")
        (self.card / "kiosk-keys/made").touch()
        (self.card / "etc/station.toml.draft.json").write_text("{}")

    def restart(self) -> None:
        """The unit that starts anew is given the key that lies there at this moment."""
        self.restarts.append(self.key())
        assert not self.helper.settings.exists(), "a first start would go on as the station with the new card's key"

    def key(self) -> str:
        return (self.helper.keys / "pickup-key").read_text().strip()

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Starts the helper for each new request."""
        end = threading.Event()

        def watch() -> None:
            while not end.wait(0.005):
                if self.requests.exists():
                    handle_request(self.helper)

        thread = threading.Thread(target=watch, name="recovery-unit")
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(WAIT_S)

    def ask(self, code: PaperCode = CODE, letter: str = "A", ident: str = "") -> RecoveryResponse:
        """The answer to a request as the wizard writes it; each is another one unless ``ident`` says otherwise."""
        self.requests.write(RecoveryRequest(STATION, code.digits, letter), ident)
        answer = handle_request(self.helper)
        assert answer is not None
        assert answer == self.said()
        return answer

    def said(self) -> RecoveryResponse:
        last = self.helper.answers.last()
        assert last is not None
        return last.body

    def is_new(self) -> bool:
        return not self.helper.settings.exists() and self.key() == FRESH_KEY and not any(self.card.glob("credstore/*"))

    def is_whole(self) -> None:
        """Everything of the station is there, and it works."""
        assert load(self.helper.settings).station.station == STATION
        assert self.key() == OWN_KEY
        assert (self.helper.credentials / "kiosk-relay.key").read_bytes() == b"private"
        assert not draft_path(self.helper.settings).exists()
        with closing(open_store(self.helper.data / "station.db", self.folder / "none")) as store:
            assert len(store.intakes.recent()) == 1
            assert store.epochs.identity().series > "A"
            store.journal.verify()


@dataclass(frozen=True)
class Old:
    """The station whose card died: its backup, and its kit for a card at ``card``."""

    backup: Path
    kit: Kit

    def lay(self, box: Box, code: PaperCode = CODE, kit: Kit | None = None) -> None:
        """The kit on one stick, the backup on the other."""
        (box.stick / f"{STATION}.kit").write_bytes(seal_to_code(kit or self.kit, code))
        for path in (self.backup, self.backup.with_suffix(".json")):
            shutil.copy(path, box.other)

    def with_settings(self, old: str, new: str) -> Kit:
        return replace(self.kit, settings=self.kit.settings.replace(old.encode(), new.encode()))


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backup, encrypted to the county and to the key in the kit; made once."""
    folder = tmp_path_factory.mktemp("dead")
    medium = folder / "medium"
    medium.mkdir()
    migrate(folder / "empty.db")
    settings, key = BackupSettings(medium, county_key=COUNTY.text), bytes.fromhex(OWN_KEY)
    with closing(open_store(folder / "old/station.db", folder / "empty.db")) as store:
        store.catalogs.add(CATALOG, stamp())
        bring_in(store)
        made = make_backup(
            folder / "old/station.db", STATION, settings, stamp(), same_disk=True, own_key=PickupKey(key).backups()
        )
    return made.path


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    cost_nothing(monkeypatch)
    return Box(tmp_path / "box")


@pytest.fixture
def old(box: Box, dead: Path) -> Old:
    settings = (
        f'[station]\nstation = "{STATION}"\nregion = "yarkant"\ndata = "{box.card}/kiosk"\n[relay]\n'
        f'broker_url = "mqtts://broker:8883"\nkey_file = "{CREDENTIAL}"\ncert_file = "{CREDENTIAL[:-3]}crt"\n'
    )
    credentials = (Credential(CREDENTIAL, b"private"), Credential(f"{CREDENTIAL[:-3]}crt", b"certificate"))
    return Old(dead, Kit(STATION, "yarkant", "test", "2026-11-28T08:00:00Z", settings.encode(), OWN_KEY, credentials))


class TestPutBack:
    def test_from_two_sticks_to_the_station(self, box: Box, old: Old) -> None:
        old.lay(box)
        (row,) = box.wizard.offered()
        assert row == OfferedRecovery(STATION, "2026-11-24", "")
        with box.unit():
            with pytest.raises(Refused) as refused:
                box.wizard.begin(STATION, OTHER_CODE.digits, "A")
            assert refused.value.code == "recovery_wrong"
            box.wizard.begin(STATION, CODE.digits, "A")
        box.is_whole()
        assert box.restarts == [OWN_KEY], "the unit was given the key of the station, before it was one"
        assert box.wizard.refusal() is None
        assert not box.wizard.busy()
        assert not box.requests.exists(), "it held the digits"
        said = box.helper.answers.path.read_bytes()
        assert (CODE.digits.encode() in said, OWN_KEY.encode() in said) == (False, False)
        assert stat.S_IMODE(box.helper.answers.path.stat().st_mode) == 0o644

    def test_the_wizard_hears_that_it_goes_on_and_a_second_one_does_not_begin(self, box: Box, old: Old) -> None:
        old.lay(box)
        at_work, go_on = threading.Event(), threading.Event()

        def slow() -> None:
            at_work.set()
            assert go_on.wait(WAIT_S)

        box.helper = replace(box.helper, restart=slow)
        with box.unit():
            box.wizard.begin(STATION, CODE.digits, "A")
            assert at_work.wait(WAIT_S)
            assert box.wizard.busy()
            assert box.wizard.refusal() is None
            with pytest.raises(Refused) as refused:
                box.wizard.begin(STATION, CODE.digits, "A")
            assert refused.value.code == "recovery_busy"
            go_on.set()
        box.is_whole()

    def test_the_newest_good_backup_and_the_kit_beside_it(self, box: Box, old: Old) -> None:
        folder = box.stick / "backups"
        folder.mkdir()
        old.lay(box)
        for path in (*box.other.iterdir(), box.stick / f"{STATION}.kit"):
            path.rename(folder / path.name)
        newer = f"{STATION}-B-0000000001-{'c' * 16}"
        (folder / f"{newer}.db").write_bytes(b"x")
        (folder / f"{newer}.json").write_text("nonsense")
        assert box.wizard.offered() == (OfferedRecovery(STATION, "2026-11-24", ""),)
        assert box.ask().word == ""
        box.is_whole()

    def test_a_card_that_knows_its_letters_needs_none(self, box: Box, old: Old) -> None:
        old.lay(box)
        assert not box.wizard.has_letters()
        (box.helper.data / "receipt-series").write_text(f"{STATION} D {'0' * 16}\n")
        assert box.wizard.has_letters()
        assert box.ask(letter="").word == ""
        with closing(open_store(box.helper.data / "station.db", box.folder / "none")) as store:
            assert store.epochs.identity().series == "E"

    def test_several_kits_are_tried(self, box: Box, old: Old) -> None:
        old.lay(box)
        (box.other / f"{STATION}.kit").write_bytes(seal_to_code(old.kit, OTHER_CODE))
        assert box.ask().word == ""


class TestRefused:
    def test_wrong_digits_are_counted_before_anybody_hears_of_them(self, box: Box, old: Old) -> None:
        old.lay(box)
        vault = FileVault(box.helper.keys, box.helper.credentials)
        for number in (1, 2, 3):
            assert box.ask(OTHER_CODE).word == "wrong"
            assert len(vault.wrong_codes().failures_ms) == number
        waits = box.ask()
        assert (waits.word, waits.wait_s, len(vault.wrong_codes().failures_ms)) == ("wait", 30, 3)
        assert box.is_new()
        box.now_ms += LOCKOUT_RULE.delay_ms[-1]
        assert box.ask().word == ""

    def test_a_repeated_request_is_judged_once(self, box: Box, old: Old) -> None:
        old.lay(box)
        for _ in range(3):
            assert box.ask(OTHER_CODE, ident="0" * 32).word == "wrong"
        assert len(FileVault(box.helper.keys, box.helper.credentials).wrong_codes().failures_ms) == 1
        assert box.ask(ident="1" * 32).word == ""
        box.insert()
        assert box.ask(ident="1" * 32).word == ""
        assert box.is_new(), "nothing was begun"

    def test_each_with_its_own_word_and_the_card_is_as_new(self, subtests: pytest.Subtests, box: Box, old: Old) -> None:
        name, key = f"{STATION}.kit", "pickup-key"
        elsewhere = old.with_settings(f"{box.card}/kiosk", f"{box.folder}/elsewhere")
        root = replace(
            old.kit, credentials=(Credential("/run/credentials/x.service/passwd.hashed-password.root", b"x"),)
        )
        early = replace(old.kit, credentials=(Credential(str(box.helper.settings), b"x"),))
        vaulted = replace(old.kit, credentials=(Credential(str(box.helper.keys / "machine"), b"x"),))
        cases: dict[str, tuple[str, Callable[[], object]]] = {
            "nothing": ("no_kit", lambda: [path.unlink() for path in (*box.stick.iterdir(), *box.other.iterdir())]),
            "no kit": ("no_kit", lambda: (box.stick / name).unlink()),
            "no backup": ("no_backup", lambda: [path.unlink() for path in box.other.iterdir()]),
            "a backup without its manifest": ("no_backup", lambda: [p.unlink() for p in box.other.glob("*.json")]),
            "a damaged manifest": ("backup", lambda: [p.write_text("{") for p in box.other.glob("*.json")]),
            "a damaged backup": ("backup", lambda: [p.write_bytes(b"x" * 9000) for p in box.other.glob("*.age")]),
            "locked": ("unopened", lambda: (box.stick / name).write_bytes(seal_to_county(old.kit, COUNTY))),
            "damaged": ("kit", lambda: (box.stick / name).write_bytes(b"station-kiosk-kit 1 S0")),
            "changed": ("wrong", lambda: _flip(box.stick / name)),
            "large": ("kit", lambda: (box.stick / name).write_bytes(bytes(5 * 1024 * 1024))),
            "newer software": (
                "software",
                lambda: (box.stick / name).write_bytes(b"station-kiosk-kit 9 S0147 yarkant paper\n"),
            ),
            "of another station": ("kit", lambda: old.lay(box, kit=replace(old.kit, station="S0148"))),
            "strange settings": ("software", lambda: old.lay(box, kit=old.with_settings("[relay]", "[relais]"))),
            "other folders": ("shell", lambda: old.lay(box, kit=elsewhere)),
            "a credential of root": ("shell", lambda: old.lay(box, kit=root)),
            "settings before their time": ("shell", lambda: old.lay(box, kit=early)),
            "what root keeps": ("shell", lambda: old.lay(box, kit=vaulted)),
            "other key": ("shell", lambda: old.lay(box, kit=old.with_settings("[relay]", f"[parcels]\n{_key(box)}"))),
            "a database": ("other", lambda: (box.helper.data / "station.db").write_bytes(b"x")),
            "an identity": ("other", lambda: _is(box, "S0148", "yarkant")),
            "another county": ("county", lambda: _is(box, STATION, "kashgar")),
            "a station": ("here", lambda: box.helper.settings.write_text("")),
        }

        def judged() -> None:
            for case in list(cases):
                with subtests.test(case=case):
                    word, prepare = cases[case]
                    box.insert()
                    for path in (*box.stick.iterdir(), *box.other.iterdir()):
                        path.unlink()
                    old.lay(box)
                    prepare()
                    before = {path: path.read_bytes() for path in box.card.rglob("*") if path.is_file()}
                    assert box.ask().word == word
                    after = {path: path.read_bytes() for path in box.card.rglob("*") if path.is_file()}
                    for ours in (box.requests.path, box.helper.keys / "wrong-codes.json"):
                        before.pop(ours, None), after.pop(ours, None)
                    assert before == after
                    assert (box.helper.keys / key).read_text().strip() == FRESH_KEY
                    assert box.restarts == []

        judged()

    def test_a_backup_under_another_key_is_opened_by_the_county_first(self, box: Box, old: Old) -> None:
        other = replace(old.kit, pickup_key="ef" * 32)
        old.lay(box, kit=other)
        assert box.ask().word == "sealed"
        assert box.is_new()
        opened = box.other / old.backup.with_suffix(".db").name
        key = PickupKey(bytes.fromhex(OWN_KEY)).backups()
        opened.write_bytes(unseal(old.backup.read_bytes(), key))
        assert box.wizard.offered() == (OfferedRecovery(STATION, "2026-11-24", ""),)
        assert box.ask().word == ""
        assert box.key() == other.pickup_key

    def test_a_letter_that_is_missing_or_the_last_one(self, box: Box, old: Old) -> None:
        old.lay(box)
        assert box.ask(letter="").word == "letter"
        assert box.is_new()
        assert box.ask(letter="Z").word == "letter"
        assert not box.helper.settings.exists()

    def test_no_room(self, box: Box, old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
        old.lay(box)
        full = shutil.disk_usage(box.folder)._replace(free=0)
        with monkeypatch.context() as patch:
            patch.setattr("kiosk.store.backup.restore.shutil.disk_usage", lambda path: full)
            assert box.ask().word == "room"
        assert not box.helper.settings.exists()
        assert box.ask().word == ""

    def test_the_stick_is_pulled_while_it_is_read(self, box: Box, old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
        old.lay(box)
        gone = OSError(5, "Input/output error")

        def read(*_: object) -> None:
            raise gone

        with monkeypatch.context() as patch:
            patch.setattr("kiosk.store.backup.restore.unseal_stream", read)
            assert box.ask().word == "stick"
        assert box.is_new()

    def test_a_service_manager_that_does_not_listen_leaves_no_station_with_the_wrong_key(
        self, box: Box, old: Old
    ) -> None:
        old.lay(box)

        def deaf() -> None:
            raise OSError(5, "systemctl failed")

        whole, box.helper = box.helper, replace(box.helper, restart=deaf)
        answer = box.ask()
        assert (answer.word, answer.why) == ("failed", "machine")
        assert not box.helper.settings.exists()
        box.helper = whole
        assert box.ask().word == ""
        box.is_whole()

    def test_data_in_memory_are_no_place_for_a_station(
        self, box: Box, old: Old, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old.lay(box)
        memory = Path("/dev/shm") / f"kiosk-recovery-{os.getpid()}"
        memory.mkdir()
        monkeypatch.setenv("KIOSK_BOX", "1")
        try:
            with pytest.raises(NotPersistent):
                handle_request(replace(box.helper, keys=memory))
        finally:
            memory.rmdir()
        assert not box.helper.answers.path.exists()


def _flip(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _key(box: Box) -> str:
    return f'key_file = "{box.helper.data}/pickup-key"\n[relay]'


def _is(box: Box, station: str, region: str) -> None:
    record = InUse(station, region, "", "mqtts://center:8883", authority=True)
    (box.helper.keys / "identity.json").write_bytes(msgspec.json.encode(record))


class TestCut:
    def test_whenever_the_power_goes(self, box: Box, old: Old) -> None:
        """At any rename and any sync: a new card, or the whole station. The answer lies in memory."""
        old.lay(box)
        for step in itertools.count(1):
            box.insert()
            box.helper.answers.path.unlink(missing_ok=True)
            finished = False
            with pytest.MonkeyPatch.context() as patch, killed_at(step, patch) as calls:
                try:
                    finished = box.ask().word == ""
                except Killed:
                    steps = calls()
            box.helper.answers.path.unlink(missing_ok=True)
            if box.helper.settings.exists():
                (box.folder / "none").unlink(missing_ok=True)
                assert load(box.helper.settings).station.station == STATION
                box.is_whole()
            else:
                assert not finished
                if step % many(4, torture=1) == 0:
                    assert box.ask().word == ""
                    box.is_whole()
            if finished:
                break
        assert steps > 20

    def test_a_helper_that_was_killed_is_not_waited_for(self, box: Box, old: Old) -> None:
        old.lay(box)

        def dies() -> None:
            raise Killed

        whole, box.helper = box.helper, replace(box.helper, restart=dies)
        with pytest.raises(Killed):
            box.ask()
        assert box.said().word == WORKING
        assert not box.wizard.busy()
        refusal = box.wizard.refusal()
        assert refusal is not None
        assert refusal.code == "recovery_cut"
        box.helper = whole
        assert box.ask().word == ""
        box.is_whole()

    def test_what_root_says_is_a_sentence_in_three_languages_and_no_technical_words(self) -> None:
        for word in get_args(RecoveryRefusal):
            if word == "wait":
                continue
            told = refusal_of(RecoveryResponse(word, "technical"))
            assert (told.code, str(told), told.values) == (f"recovery_{word}", f"recovery_{word}", {})
            for language in LANGUAGES:
                assert speech(language).one(f"setup.refused.{told.code}")
        for why in get_args(RecoveryWhy):
            assert refusal_of(RecoveryResponse("failed", "technical", why)).values == {"why": why}
        waits = refusal_of(RecoveryResponse("wait", "technical", wait_s=12))
        assert (waits.code, waits.values) == ("identity_wait", {"why": "wait", "seconds": "12"})
        assert refusal_of(RecoveryResponse("of other software")).code == "recovery_failed"

    def test_a_new_start_of_the_machine_knows_nothing_of_it(self, box: Box) -> None:
        refusal = box.wizard.refusal()
        assert refusal is not None
        assert (refusal.code, box.wizard.busy()) == ("recovery_cut", False)


class TestTheRequest:
    def test_root_trusts_nothing_in_it(self, subtests: pytest.Subtests, box: Box, old: Old) -> None:
        old.lay(box)
        whole = {"station": STATION, "code": CODE.digits, "letter": "A"}

        def content(**changed: str) -> bytes:
            return msgspec.json.encode({"kind": "recovery", "id": "0" * 32, "body": whole | changed})

        def judged() -> None:
            for bad in [
                b"",
                b"{}",
                b"[" * MAX_BYTES,
                content(station="../../etc/shadow"),
                content(code=CODE.digits + "\n"),
                content(code=""),
                content(letter="I"),
                content(letter="AB"),
                content(data="/"),
                content().replace(b"recovery", b"identity"),
                content() + b" " * MAX_BYTES + b"}",
            ]:
                with subtests.test(bad=bad):
                    box.requests.path.write_bytes(bad)
                    assert handle_request(box.helper) is None

        judged()
        secret = box.folder / "secret"
        secret.write_bytes(content())
        box.requests.path.symlink_to(secret)
        assert handle_request(box.helper) is None
        os.mkfifo(box.requests.path)
        assert handle_request(box.helper) is None
        assert box.is_new()
        assert CODE.digits not in repr(RecoveryRequest(STATION, CODE.digits))

    def test_nobody_answers(self, box: Box, old: Old) -> None:
        def refused() -> str:
            with pytest.raises(Refused) as caught:
                replace(box.wizard, asker=replace(box.wizard.asker, timeout_s=0.0)).begin(STATION, CODE.digits, "A")
            assert not box.requests.exists()
            return caught.value.code

        assert refused() == "recovery_failed"
        with working(box.helper.answers.path.parent):  # somebody works, and says nothing
            assert refused() == "recovery_busy"

    def test_a_second_tap_does_not_replace_the_request_of_the_first(self, box: Box, old: Old) -> None:
        old.lay(box)
        first = threading.Thread(target=box.wizard.begin, args=(STATION, CODE.digits, "A"), name="first-tap")
        first.start()
        pause = threading.Event()
        while not box.requests.exists():
            pause.wait(0.005)
        with pytest.raises(Refused) as caught:
            box.wizard.begin(STATION, OTHER_CODE.digits, "A")
        assert caught.value.code == "recovery_busy"
        handle_request(box.helper)
        first.join(WAIT_S)
        box.is_whole()

    def test_it_is_judged_once_though_the_power_goes_and_the_wizard_with_it(self, box: Box, old: Old) -> None:
        old.lay(box)
        assert box.ask(OTHER_CODE).word == "wrong"
        box.helper.answers.path.unlink()
        assert handle_request(box.helper) is None
        assert len(FileVault(box.helper.keys, box.helper.credentials).wrong_codes().failures_ms) == 1


class TestOffered:
    def test_what_is_missing_is_told(self, box: Box, old: Old) -> None:
        old.lay(box)
        (box.stick / f"{STATION}.kit").rename(box.stick / "S0001.kit")
        sealed = seal_to_county(old.kit, COUNTY)
        for station, beside in (("S0002", b""), ("S0003", sealed)):
            name = f"{station}-A-0000000001-{'a' * 16}"
            for ending, content in ((".db", b"x"), (".json", b"{}"), (".kit", beside)):
                if content:
                    (box.other / f"{name}{ending}").write_bytes(content)
        assert box.wizard.offered() == (
            OfferedRecovery("S0001", "", "backup"),
            OfferedRecovery("S0002", "", "kit"),
            OfferedRecovery("S0003", "", "opening"),
            OfferedRecovery(STATION, "2026-11-24", "kit"),
        )
        (box.stick / f"{STATION}.kit").write_bytes(sealed)
        assert box.wizard.offered()[-1].lacks == "opening"

    def test_links_pipes_folders_and_strange_neighbours_are_passed_over(self, box: Box, old: Old) -> None:
        old.lay(box)
        kit = box.stick / f"{STATION}.kit"
        kit.rename(box.folder / "kit")
        kit.symlink_to(box.folder / "kit")
        os.mkfifo(box.stick / "S0002.kit")
        (box.stick / "S0003.kit").mkdir()
        assert [row.station for row in box.wizard.offered()] == [STATION]
        assert box.wizard.offered()[0].lacks == "kit"
        kit.unlink()
        (box.folder / "kit").rename(kit)
        os.mkfifo(box.other / "receipt-series")  # read together with the backup
        assert box.ask().word == "backup"
        assert box.is_new()

    def test_a_manifest_that_names_more_than_pictures_is_none(self, box: Box, old: Old) -> None:
        old.lay(box)
        (path,) = box.other.glob("*.json")
        path.write_bytes(msgspec.json.encode(replace(read_manifest(path), photos=("../../../etc/shadow",))))
        assert box.ask().word == "backup"

    def test_sticks_that_take_long_to_read_are_read_on_at_the_next_look(
        self, box: Box, old: Old, caplog: pytest.LogCaptureFixture
    ) -> None:
        old.lay(box)
        passed = itertools.count(0, requests_module.SCAN_BUDGET_S)
        slow = replace(box.wizard, clock=lambda: next(passed))
        assert [row.station for row in slow.offered()] == [STATION]
        assert [record.getMessage() for record in caplog.records] == [
            "what lies on media takes long to read: the next look reads on"
        ]

    def test_many_looks_leave_nothing_open(self, box: Box, old: Old) -> None:
        old.lay(box)
        box.helper.answers.path.mkdir()
        before = os.listdir("/proc/self/fd")  # noqa: PTH208
        for _ in range(20):
            assert box.wizard.offered()
            assert not box.wizard.busy()
        assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
