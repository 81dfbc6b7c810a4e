"""A recovery kit on a new card: the key and the credentials first, the settings last.

A card without settings is no station: the first start waits on it, and nothing is kept under any key. So the rename of
the settings file is the one step that turns a new card into the old station. Whenever the power goes before it, the
card is as new, and the same restore is typed again; after it everything is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.base.files import chown_to_folder_owner, stage, sync_folder, write_durably
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.recovery.kit_creation import Places, keys_folder
from kiosk.station.shared.open_store import stamps
from kiosk.station.shared.ports import Configuration
from kiosk.store.backup.kit.contents import Kit, KitRefused, UnsupportedKitVersion
from kiosk.store.backup.restore import RestoreOptions, RestoreResult, check_backup, restore
from kiosk.store.database.persistence import require_persistent
from kiosk.store.journal.series import SERIES_FILE
from kiosk.store.shared.errors import StoreError

SETTINGS_MODE: Final = 0o640
SECRET_MODE: Final = 0o600
Load = Callable[[Path], Configuration]


class CardInUse(KitRefused):
    """The card is already in use: another station's settings, or a database under another key."""


class CardFailed(KitRefused):
    """A file of the card cannot be written or read; the cause is the OSError."""


@dataclass(frozen=True, slots=True)
class NewCard:
    """What a kit brings, checked against the card and not in place yet; ``config`` is that of the kit's settings."""

    kit: Kit
    config: Configuration
    places: Places
    staged: Path

    @property
    def key(self) -> Path:
        return self.places.pickup_key(self.config.parcels)

    def put_secrets(self) -> None:
        """Write key and credentials, durable and owner-only; may be repeated. Raises KitRefused."""
        with _as_card_failure():
            self.key.parent.mkdir(parents=True, exist_ok=True)
            chown_to_folder_owner(self.key.parent)
            self._keep_other_key()
            write_durably(self.key, f"{self.kit.pickup_key}\n".encode("ascii"), SECRET_MODE)
            if self.key.parent == keys_folder(self.places.data):
                write_durably(self.key.with_name("made"), b"", SECRET_MODE)  # systemd/make-keys
            for credential in self.kit.credentials:
                place = self.places.write_to(Path(credential.path))
                place.parent.mkdir(parents=True, exist_ok=True)
                write_durably(place, credential.content, SECRET_MODE)

    def put_settings(self) -> None:
        """Put the settings in place, as the last step: from now on the card is the station. Raises KitRefused."""
        file = self.places.settings_file
        with _as_card_failure():
            if file.exists() and (before := file.read_bytes()) != self.kit.settings:
                write_durably(file.with_name(f"{file.name}.before"), before, SETTINGS_MODE)
            self.staged.replace(file)
            sync_folder(file.parent)

    def _keep_other_key(self) -> None:
        """Keep the key of an earlier setup of the card beside it, under the key name that its PINs carry."""
        if not self.key.is_file():
            return
        other = PickupKey.from_existing(self.config.parcels, self.places.data, {}).pins()
        before = self.key.read_bytes()
        if other.present and before.strip() != self.kit.pickup_key.encode("ascii"):
            write_durably(self.key.with_name(f"{self.key.name}.before-{other.name}"), before, SECRET_MODE)


@contextmanager
def new_card(kit: Kit, settings_file: Path, load: Load, credstore: Path | None = None) -> Iterator[NewCard]:
    """Check the kit and the card; raises KitRefused, and then the card is as it was."""
    with _as_card_failure():
        settings_file.absolute().parent.mkdir(parents=True, exist_ok=True)
        staged = stage(settings_file, kit.settings, SETTINGS_MODE)
        chown_to_folder_owner(staged)
    try:
        config = _load_config(staged, load)
        if (config.station.station, config.station.region) != (kit.station, kit.region):
            raise KitRefused(f"The settings in the recovery kit of {kit.station} are of another station.")
        data = config.station.data
        places = Places(settings_file, data) if credstore is None else Places(settings_file, data, credstore)
        card = NewCard(kit, config, places, staged)
        _check(card, load)
        yield card
    finally:
        staged.unlink(missing_ok=True)


def _load_config(staged: Path, load: Load) -> Configuration:
    try:
        return load(staged)
    except ValueError:
        raise UnsupportedKitVersion(
            "The settings in the recovery kit are not understood: this software is older than the station's. Update it."
        ) from None


def _check(card: NewCard, load: Load) -> None:
    """Check that everything has its place, and that the card is no other station's. Raises KitRefused, CardInUse."""
    try:
        for path in (card.key, *(card.places.write_to(Path(one.path)) for one in card.kit.credentials)):
            if not path.is_absolute():
                raise KitRefused(f"The settings in the recovery kit name {path}, which is no whole path.")
    except ValueError as error:
        raise KitRefused(f"The recovery kit cannot be put in place: {error}.") from None
    file = card.places.settings_file
    if file.exists() and (other := _station_of(file, load)) not in ("", card.kit.station):
        raise CardInUse(f"This card is station {other}, and the recovery kit is of {card.kit.station}.")
    if card.config.station.database.exists() and not _has_key(card):
        raise CardInUse(
            f"There is a database {card.config.station.database} here already, kept under another key: a recovery kit "
            "is for a new card. To bring a backup back on this card type the same without --kit."
        )


def _station_of(file: Path, load: Load) -> str:
    try:
        return load(file).station.station
    except ValueError:
        return ""  # settings with which no station can start are of no station


def _has_key(card: NewCard) -> bool:
    try:
        return card.key.read_bytes().strip() == card.kit.pickup_key.encode("ascii")
    except OSError:
        return False


@contextmanager
def _as_card_failure() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CardFailed(
            f"{error.filename or 'A file'} cannot be written or read ({error.strerror or error}): type it as "
            "administrator, and look at the disk."
        ) from error


class LetterMissing(StoreError):
    """Neither the card nor the operator has named the receipt letters that were used."""


@dataclass(frozen=True, slots=True)
class RestoreSource:
    """The sources of a new card: the opened kit, a backup's database file, and the letter on the newest paper receipt,
    None when it was not entered.
    """

    kit: Kit
    backup: Path
    letter: str | None


def _do_nothing() -> None: ...


def _accept_any(card: NewCard) -> None:
    """Accept any card: an administrator may restore whatever fits."""


@dataclass(frozen=True, slots=True)
class RestoreHooks:
    """Steps of the caller in between. ``judged``: kit and card fit, and nothing was written. ``before_settings``: all
    but the last step is done. What they raise ends the restore, and the card is no station.
    """

    judged: Callable[[NewCard], None] = _accept_any
    before_settings: Callable[[], None] = _do_nothing


def make_station(
    given: RestoreSource,
    settings_file: Path,
    load: Load,
    steps: RestoreHooks = RestoreHooks(),
    credstore: Path | None = None,
) -> RestoreResult:
    """Make a new card the old station. Check kit, card, folders, letter and backup; write key and credentials, which
    are not used yet; begin a new epoch of the database with the next receipt letter; copy the pictures; write the
    settings, the one step that makes the card the station. Raises StoreError; then the card is no station: it is as
    new, or the same may be done again.
    """
    with new_card(given.kit, settings_file, load, credstore) as card:
        own = card.config.station
        for folder in (own.data, card.key.parent, settings_file.absolute().parent):
            require_persistent(folder)
        if given.letter is None and not has_series_file(own.data):
            raise LetterMissing(
                "a new card does not know which receipt letters were used since the backup, and starts as soon as it "
                "has its settings"
            )
        steps.judged(card)
        options = RestoreOptions(given.letter, own_key=PickupKey(bytes.fromhex(given.kit.pickup_key)).backups())
        check_backup(given.backup, own.database, own.station, options.own_key)
        card.put_secrets()
        back = restore(given.backup, own.database, own.station, stamps(own)(), options)
        steps.before_settings()
        card.put_settings()
    return back


def has_series_file(data: Path) -> bool:
    """Return whether the card has the file of used receipt letters, copied by a person from the old card."""
    return (data / SERIES_FILE).exists()
