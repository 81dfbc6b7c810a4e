"""PINs and the key they are kept under: no medium has both, and on another card the screen says so."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.domain.clerk import Role
from kiosk.station.clerk.access import Access
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.parcels.pickup_key import PickupKey, key_path
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.opening import OpenOptions
from tests.station.counter.rig import refused
from tests.station.fakes import STAMP

PINS = {"01": "482913", "02": "905172", "03": "482913"}
"""Two clerks and the technician 03."""


@dataclass
class Card:
    """The card of a station: its data folder with the database of three people in it."""

    data: Path

    def __post_init__(self) -> None:
        self.data.mkdir()
        with closing(self.open()) as store:
            access = self.start(store)
            for pin, role in zip(PINS.values(), (Role.CLERK, Role.CLERK, Role.TECHNICIAN), strict=True):
                access.add("Nur", role, pin)

    @property
    def path(self) -> Path:
        return self.data / "station.db"

    def key(self, settings: ParcelSettings | None = None) -> PickupKey:
        return PickupKey.load(settings or ParcelSettings(), self.data, {})

    def open(self) -> Store:
        return Store.open(self.path, "S0147", STAMP, OpenOptions(reserve_bytes=0))

    def start(self, store: Store, key: PickupKey | None = None) -> Access:
        return Access(store, CounterSettings().lock_after_s, lambda: STAMP, pins=(key or self.key()).pins())


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "data")


def test_everybody_gets_in_with_their_own_pin(card: Card) -> None:
    with closing(card.open()) as store:
        access = card.start(store)
        assert [access.sign_in(number, pin).person.number for number, pin in PINS.items()] == list(PINS)
        assert refused(lambda: access.sign_in("02", PINS["01"])).code == "wrong_pin"


def test_the_key_goes_on_no_medium(card: Card, tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    with closing(card.open()):
        make_backup(card.path, "S0147", BackupSettings(medium), STAMP, same_disk=True)
    assert (card.data / "pickup-key").is_file()
    assert "pickup-key" not in {path.name for path in medium.rglob("*")}


def test_a_key_that_is_named_and_missing_is_not_made(card: Card, tmp_path: Path) -> None:
    settings = ParcelSettings(key_file=tmp_path / "elsewhere" / "key")
    with closing(card.open()) as store:
        access = card.start(store, card.key(settings))
        assert refused(lambda: access.set_pin("02", "618203")).code == "no_pin_key"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("harm", [None, b"", b"not a key", b"ab" * 31])
def test_on_another_card_the_screen_says_that_pins_cannot_be_checked(card: Card, harm: bytes | None) -> None:
    """After a restore without the key, or with a damaged one: told, counted as no guess, and mended by a new PIN."""
    key = card.data / "pickup-key"
    key.unlink()
    if harm is not None:
        key.write_bytes(harm)
    with closing(card.open()) as store:
        access = card.start(store)
        for _ in range(6):
            assert refused(lambda: access.sign_in("03", PINS["03"])).code == "pin_unreadable"
        assert access.guess_limit.wait_s() == 0, "nobody guessed"
        assert refused(lambda: access.sign_in("77", "000111")).code == "wrong_pin"


def test_a_technician_gets_in_again_by_the_command(card: Card) -> None:
    (card.data / "pickup-key").unlink()
    with closing(card.open()) as store:
        store.clerks.set_pin("03", card.key().pins().hash("618203"), STAMP)  # what `kiosk clerk pin 03` does
        access = card.start(store)
        assert access.sign_in("03", "618203").person.number == "03"
        assert refused(lambda: access.sign_in("02", PINS["02"])).code == "pin_unreadable"
        assert access.add("Nur", Role.CLERK, "730164").number == "04"
        assert access.sign_in("04", "730164").person.number == "04"


def test_the_key_of_a_box_lies_beside_its_data(tmp_path: Path) -> None:
    """A command of the administrator has no credential, and must not make a second key in the data folder."""
    data, box = tmp_path / "kiosk", tmp_path / "kiosk-keys"
    data.mkdir()
    assert key_path(ParcelSettings(), data, {}) == data / "pickup-key"
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
    monkeypatch.setattr("kiosk.station.parcels.pickup_key.chown_to_folder_owner", given.append)
    assert PickupKey.load(ParcelSettings(), tmp_path, {}).present
    assert [path.parent for path in given] == [tmp_path]
    assert (tmp_path / "pickup-key").stat().st_mode & 0o777 == 0o600
