"""A recovery kit on a new card: whenever the power goes, the card is as new or it is the station; never half of one."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.config.station import load
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.recovery.kit_creation import KitSource, Places, collect_kit
from kiosk.station.recovery.kit_restore import LetterMissing, RestoreHooks, RestoreSource, make_station
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.kit.contents import Credential, Kit, KitRefused
from kiosk.store.backup.shared.settings import BackupSettings
from tests.depth import many
from tests.store.backup.test_restore_cut_off import Killed, killed_at
from tests.store.village import CATALOG, STATION, bring_in, open_store, stamp

CRT, KEY = (
    "/run/credentials/kiosk-relay.service/kiosk-relay.crt",
    "/run/credentials/kiosk-relay.service/kiosk-relay.key",
)
OWN_KEY, FRESH_KEY = "ab" * 32, "cd" * 32


class Card:
    """The folders of a box below one folder: data, its keys, settings, credentials."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.keys, self.credstore = folder / "kiosk", folder / "kiosk-keys", folder / "credstore"
        self.settings = folder / "etc/station.toml"
        for path in (self.data, self.keys, self.settings.parent):
            path.mkdir(parents=True)
        (self.keys / "pickup-key").write_text(f"{FRESH_KEY}\n")  # the first boot has made one
        (self.keys / "made").touch()

    def recover(self, kit: Kit, backup: Path) -> None:
        """What ``kiosk restore --kit`` and the first start do."""
        make_station(RestoreSource(kit, backup, "A"), self.settings, load, credstore=self.credstore)

    def key(self) -> str:
        return (self.keys / "pickup-key").read_text().strip()


class Station:
    """A backup, and the kit of the station it is of, with its folders where ``card`` will have them."""

    def __init__(self, folder: Path, card: Path, template: Path) -> None:
        medium = folder / "medium"
        medium.mkdir()
        with closing(open_store(folder / "old/station.db", template)) as store:
            store.catalogs.add(CATALOG, stamp())
            bring_in(store)
            made = make_backup(folder / "old/station.db", STATION, BackupSettings(medium), stamp(), same_disk=True)
        self.backup = made.path
        settings = (
            f'[station]\nstation = "{STATION}"\nregion = "yarkant"\ndata = "{card}/kiosk"\n[relay]\n'
            f'broker_url = "mqtts://broker:8883"\ncert_file = "{CRT}"\nkey_file = "{KEY}"\n'
        )
        credentials = (Credential(CRT, b"certificate"), Credential(KEY, b"private"))
        self.kit = Kit(STATION, "yarkant", "test", "2026-11-28T08:00:00Z", settings.encode(), OWN_KEY, credentials)


@pytest.fixture
def station(tmp_path: Path, template: Path) -> Station:
    return Station(tmp_path, tmp_path / "card", template)


@pytest.fixture
def cards(tmp_path: Path) -> Iterator[Card]:
    """One new card after the other, each in the same machine."""

    def insert() -> Iterator[Card]:
        while True:
            shutil.rmtree(tmp_path / "card", ignore_errors=True)
            yield Card(tmp_path / "card")

    return insert()


def is_whole(card: Card, template: Path) -> None:
    """Everything of the station is there, and it works."""
    assert card.key() == OWN_KEY
    assert (card.credstore / "kiosk-relay.key").read_bytes() == b"private"
    assert (card.credstore / "kiosk-relay.crt").read_bytes() == b"certificate"
    for path in (card.keys / "pickup-key", *card.credstore.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    with closing(open_store(card.data / "station.db", template)) as store:
        assert len(store.intakes.recent()) == 1
        assert store.epochs.identity().series > "A"
        store.journal.verify()


def test_whenever_the_power_goes(station: Station, cards: Iterator[Card], template: Path) -> None:
    for step in itertools.count(1):
        card, finished = next(cards), False
        with pytest.MonkeyPatch.context() as patch, killed_at(step, patch) as calls:
            try:
                card.recover(station.kit, station.backup)
                finished = True
            except Killed:
                steps = calls()
        if card.settings.exists():
            assert load(card.settings).station.station == STATION
            is_whole(card, template)
        else:
            assert not finished, "without settings a card is as new: the first start waits on it"
        if finished or step % many(3, torture=1) == 0:
            card.recover(station.kit, station.backup)
            is_whole(card, template)
            assert not [path for path in card.settings.parent.iterdir() if path != card.settings]
        if finished:
            break
    assert steps > 20


def test_what_others_do_in_between_may_fail(station: Station, cards: Iterator[Card], template: Path) -> None:
    """Before the first byte the card is as it was, before the settings it is no station; the same is done again."""
    card = next(cards)

    def fails(*seen: object) -> None:
        raise OSError("nobody listens")

    def make(letter: str | None, steps: RestoreHooks) -> None:
        make_station(RestoreSource(station.kit, station.backup, letter), card.settings, load, steps, card.credstore)

    with pytest.raises(LetterMissing):
        make(None, RestoreHooks())
    with pytest.raises(OSError, match="nobody"):
        make("A", RestoreHooks(judged=fails))
    assert (card.key(), card.credstore.exists(), list(card.settings.parent.iterdir())) == (FRESH_KEY, False, [])
    with pytest.raises(OSError, match="nobody"):
        make("A", RestoreHooks(before_settings=fails))
    assert (card.key(), list(card.settings.parent.iterdir())) == (OWN_KEY, [])
    seen: list[str] = []
    make(None, RestoreHooks(lambda new: seen.append(new.kit.station), lambda: seen.append("settings come")))
    assert seen == [STATION, "settings come"]
    is_whole(card, template)


def test_the_key_a_new_card_had_made_is_kept_beside(station: Station, cards: Iterator[Card]) -> None:
    card = next(cards)
    card.settings.write_text("half of a file")
    card.recover(station.kit, station.backup)
    (before,) = card.keys.glob("pickup-key.before-*")
    assert before.read_text().strip() == FRESH_KEY
    assert before.name.rpartition("-")[2] == PickupKey(bytes.fromhex(FRESH_KEY)).pins().name
    assert card.settings.with_name("station.toml.before").read_text() == "half of a file"


def test_a_card_with_a_life_of_its_own_is_left_alone(station: Station, cards: Iterator[Card], template: Path) -> None:
    card = next(cards)
    with closing(open_store(card.data / "station.db", template)):
        pass
    for kit, told in (
        (station.kit, "kept under another key"),
        (replace(station.kit, region="kashgar"), "of another station"),
    ):
        with pytest.raises(KitRefused, match=told):
            card.recover(kit, station.backup)
    other = station.kit.settings.replace(STATION.encode(), b"S0148")
    card.settings.write_bytes(other)
    with pytest.raises(KitRefused, match="This card is station S0148"):
        card.recover(station.kit, station.backup)
    assert card.key() == FRESH_KEY
    assert not card.credstore.exists()
    assert card.settings.read_bytes() == other
    assert [path.name for path in card.settings.parent.iterdir()] == ["station.toml"]


def test_a_service_finds_what_it_was_given(station: Station, cards: Iterator[Card], tmp_path: Path) -> None:
    """The nightly backup has credentials of its own, and may read none of the relay's."""
    card, given = next(cards), tmp_path / "credentials"
    given.mkdir()
    card.settings.write_bytes(station.kit.settings)
    (given / "pickup-key").write_text(OWN_KEY)
    source = KitSource(load(card.settings), card.settings, {"CREDENTIALS_DIRECTORY": str(given)})
    with pytest.raises(KitRefused, match=r"kiosk-relay\.crt cannot be read"):
        collect_kit(source, stamp())
    (given / "kiosk-relay.crt").write_bytes(b"certificate")
    (given / "kiosk-relay.key").write_bytes(b"private")
    made = collect_kit(source, stamp())
    assert (made.settings, made.pickup_key, made.credentials) == (
        station.kit.settings,
        station.kit.pickup_key,
        station.kit.credentials,
    )
    names = {"kiosk-station.ca.crt": b"authority", "kiosk-station.pin": b"0a" * 32}
    places = [f"/run/credentials/kiosk-station.service/{name}" for name in names]
    with card.settings.open("a") as file:
        file.write(f'[county]\nauthority = "{places[0]}"\npin_secret = "{places[1]}"\n')
    for name, content in names.items():
        (given / name).write_bytes(content)
    with_county = KitSource(load(card.settings), card.settings, {"CREDENTIALS_DIRECTORY": str(given)})
    brought = {one.path: one.content for one in collect_kit(with_county, stamp()).credentials}
    assert {path: brought[path] for path in places} == dict(zip(places, names.values(), strict=True))
    (given / "pickup-key").write_bytes(b"")  # SetCredential=: the key is gone
    with pytest.raises(KitRefused, match="64 hexadecimal digits"):
        collect_kit(source, stamp())


def test_a_kit_writes_into_the_station_s_own_folders_alone(tmp_path: Path) -> None:
    places = Places(tmp_path / "etc/station.toml", tmp_path / "kiosk", tmp_path / "credstore")
    assert places.write_to(Path(KEY)) == tmp_path / "credstore/kiosk-relay.key"
    assert places.write_to(tmp_path / "kiosk-keys/x") == tmp_path / "kiosk-keys/x"
    for path in (
        "/etc/passwd",
        "/run/credentials/../../etc/x",
        "/run/credentials/a.service/../x",
        "/run/credentials/a.service/.x",
        f"{tmp_path}/etc/../x",
        f"{tmp_path}/etc/cron.d/x",
        "relay.key",
    ):
        with pytest.raises(ValueError, match="lies outside"):
            places.write_to(Path(path))
