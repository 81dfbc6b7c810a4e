"""What was kept of PINs before there was a key is put under it at the station's next start: stored database and all."""

from __future__ import annotations

import logging
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.domain.clerk import Role
from kiosk.station.clerk.access import Access
from kiosk.station.clerk.pin_hash import is_plain
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.parcels.pickup_key import PickupKey, place_of
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.settings import BackupSettings
from kiosk.store.database.connection import connect
from kiosk.store.database.opening import Opening
from kiosk.store.database.schema import SCHEMA_VERSION
from tests.station.counter.rig import refused
from tests.station.fakes import STAMP
from tests.store.failing import Plan, failing_connect
from tests.store.village import rows

OLD = Path(__file__).parents[2] / "databases" / "station_schema_4_morning.sqlite"
"""Clerks 02 and 03, technician 04, and 05 who left, with PINs as they were kept before schema 5. 01 has none."""
PINS = {"02": "482913", "03": "905172", "04": "482913"}


@dataclass
class Card:
    """The card of a station: its data folder with the old database in it."""

    data: Path

    def __post_init__(self) -> None:
        self.data.mkdir()
        shutil.copyfile(OLD, self.path)

    @property
    def path(self) -> Path:
        return self.data / "station.db"

    def kept(self) -> dict[str, str]:
        """What every row keeps, as another program reads it."""
        found = rows(self.path, "SELECT printf('%02d', number), pin_hash FROM clerk ORDER BY number")
        return dict(found)

    def key(self, settings: ParcelSettings | None = None) -> PickupKey:
        return PickupKey.load(settings or ParcelSettings(), self.data, {})

    def open(self, **options: object) -> Store:
        return Store.open(self.path, "S0147", STAMP, Opening(reserve_bytes=0, **options))  # type: ignore[arg-type]

    def start(self, store: Store, key: PickupKey | None = None) -> Access:
        """As the station starts: before the first page."""
        access = Access(store, CounterSettings().lock_after_s, lambda: STAMP, pins=(key or self.key()).pins())
        access.wrap_pins()
        return access


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "data")


def unlocks(access: Access, number: str, pin: str) -> bool:
    return access.sign_in(number, pin).person.number == number


def test_a_program_without_the_key_leaves_them_as_they_are(card: Card) -> None:
    """The relay, a backup, an import: each brings the schema up, and none of them needs the key."""
    before = card.kept()
    card.open().close()
    assert rows(card.path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert card.kept() == before
    assert not (card.data / "pickup-key").exists()


def test_all_at_once_at_the_first_start_and_nothing_at_the_second(card: Card) -> None:
    before = card.kept()
    assert [number for number, kept in before.items() if is_plain(kept)] == list(PINS)
    with closing(card.open()) as store:
        access = card.start(store)
        assert all(unlocks(access, number, pin) for number, pin in PINS.items())
    after = card.kept()
    assert all(after[number].startswith("$wrapped$") for number in PINS)
    assert (after["01"], after["05"]) == (before["01"], "")
    with closing(card.open()) as store:
        access = card.start(store)
        assert unlocks(access, "03", PINS["03"])
        assert refused(lambda: access.sign_in("03", PINS["02"])).code == "wrong_pin"
    assert card.kept() == after


def test_nothing_of_them_is_left_in_a_page_or_in_a_backup(card: Card, tmp_path: Path) -> None:
    plain = [kept.encode() for kept in card.kept().values() if is_plain(kept)]
    assert all(kept in card.path.read_bytes() for kept in plain), "the test would notice"
    medium = tmp_path / "medium"
    medium.mkdir()
    with closing(card.open()) as store:
        card.start(store)
        backup = make_backup(card.path, "S0147", BackupSettings(medium), STAMP, same_disk=True).path
        for file in (backup, *medium.iterdir()):
            assert not [kept for kept in plain if file.is_file() and _tail(kept) in file.read_bytes()], file
    assert not [kept for kept in plain if _tail(kept) in card.path.read_bytes()]
    assert "pickup-key" not in {path.name for path in medium.rglob("*")}, "the key goes on no medium"


def _tail(kept: bytes) -> bytes:
    """The hash itself: the salt before it stays where it was."""
    return kept.rpartition(b"$")[2]


def test_a_failure_at_every_operation_leaves_all_or_none(card: Card, caplog: pytest.LogCaptureFixture) -> None:
    """Killed between any two of them; the PINs are good in either state, and the next start does it."""
    card.open().close()
    newly_open = card.path.read_bytes()
    key, before = card.key(), card.kept()
    caplog.set_level(logging.CRITICAL, "kiosk")
    for after in (False, True):
        for left in range(60):
            for suffix in ("", "-wal", "-shm"):
                card.path.with_name(card.path.name + suffix).unlink(missing_ok=True)
            card.path.write_bytes(newly_open)
            plan = Plan(after=after)
            with closing(card.open(connect=failing_connect(plan), check=False)) as store:
                plan.left = left
                access = card.start(store, key)
                plan.left = None
                kept = {row.number: row.pin_hash for row in store.clerks.everyone()}
                plainly = {number: is_plain(kept[number]) for number in PINS}
                assert len(set(plainly.values())) == 1, f"{left}: {plainly}"
                if left in (0, 3, 8):
                    assert unlocks(access, "02", PINS["02"])
            if not plan.struck:
                break
        assert not plan.struck, "more operations than the test tries"
    with closing(card.open()) as store:
        card.start(store, key)
    assert card.kept() != before


def test_a_card_that_cannot_be_written_stops_nothing(card: Card, caplog: pytest.LogCaptureFixture) -> None:
    """The old ones are checked as they always were; the doctor tells."""
    with closing(card.open()) as store:
        with store._database._writer.connect() as raw:
            raw.exec_driver_sql("PRAGMA query_only = ON")
        access = card.start(store)
        assert "cannot be put under the station's key now" in caplog.text
        assert unlocks(access, "02", PINS["02"])
    assert is_plain(card.kept()["02"])


def test_a_key_that_is_named_and_missing_leaves_them_and_makes_none(card: Card, tmp_path: Path) -> None:
    settings = ParcelSettings(key_file=tmp_path / "elsewhere" / "key")
    with closing(card.open()) as store:
        access = card.start(store, card.key(settings))
        assert unlocks(access, "02", PINS["02"])
        assert refused(lambda: access.set_pin("02", "618203")).code == "no_pin_key"
    assert is_plain(card.kept()["02"])
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("harm", [None, b"", b"not a key", b"ab" * 31])
def test_on_another_card_the_screen_says_that_pins_cannot_be_checked(card: Card, harm: bytes | None) -> None:
    """After a restore without the key, or with a damaged one: told, counted as no guess, and mended by a new PIN."""
    with closing(card.open()) as store:
        card.start(store)
    key = card.data / "pickup-key"
    key.unlink()
    if harm is not None:
        key.write_bytes(harm)
    with closing(card.open()) as store:
        access = card.start(store)
        for _ in range(6):
            assert refused(lambda: access.sign_in("04", PINS["04"])).code == "pin_unreadable"
        assert access.throttle.wait_s() == 0, "nobody guessed"
        assert refused(lambda: access.sign_in("77", "000111")).code == "wrong_pin"


def test_a_technician_gets_in_again_by_the_command(card: Card) -> None:
    with closing(card.open()) as store:
        card.start(store)
    (card.data / "pickup-key").unlink()
    with closing(card.open()) as store:
        store.clerks.set_pin("04", card.key().pins().hash("618203"), STAMP)  # what `kiosk clerk pin 04` does
        access = card.start(store)
        assert unlocks(access, "04", "618203")
        assert refused(lambda: access.sign_in("02", PINS["02"])).code == "pin_unreadable"
        assert access.add("Nur", Role.CLERK, "730164").number == "06"
        assert unlocks(access, "06", "730164")


def test_the_key_of_a_box_lies_beside_its_data(tmp_path: Path) -> None:
    """A command of the administrator has no credential, and must not make a second key in the data folder."""
    data, box = tmp_path / "kiosk", tmp_path / "kiosk-keys"
    data.mkdir()
    assert place_of(ParcelSettings(), data, {}) == data / "pickup-key"
    box.mkdir()
    assert not PickupKey.load(ParcelSettings(), data, {}).present
    assert list(data.iterdir()) == [], "made by kiosk-keys.service alone"
    (box / "pickup-key").write_text("ab" * 32 + "\n")
    as_root = PickupKey.load(ParcelSettings(), data, {})
    given = PickupKey.load(ParcelSettings(), data, {"CREDENTIALS_DIRECTORY": str(box)})
    assert as_root.pins().name == given.pins().name != ""


def test_a_key_made_by_root_is_the_station_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs this: what is handed over is asked for, and who may read it."""
    given: list[Path] = []
    monkeypatch.setattr("kiosk.station.parcels.pickup_key.hand_over", given.append)
    assert PickupKey.load(ParcelSettings(), tmp_path, {}).present
    assert [path.parent for path in given] == [tmp_path]
    assert (tmp_path / "pickup-key").stat().st_mode & 0o777 == 0o600


def test_a_whole_connection_is_used_for_it() -> None:
    """What makes the old content unreadable is a word to SQLite; a build without it would do nothing silently."""
    with closing(connect(Path(":memory:"))) as raw:
        raw.execute("PRAGMA secure_delete = ON")
        assert raw.execute("PRAGMA secure_delete").fetchone() == (1,)
