"""A new card becomes the old station: one sequence for the command of an administrator and for the first start.

    check     kit, card, folders, letter, backup; the card is as it was
    secrets   key and credentials, which nothing uses yet
    database  in a new epoch, with the next receipt letter; then the pictures
    settings  the one step that makes the card the station

Whenever the power goes before the last step, the card is as new and the same is done again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.station.recovery.kit_restore import Load, NewCard, new_card
from kiosk.station.shared.open_store import stamps
from kiosk.store.backup.kit.contents import Kit
from kiosk.store.backup.restore import RestoreOptions, RestoreResult, check_backup, restore
from kiosk.store.database.persistence import require_persistent
from kiosk.store.journal.series import SERIES_FILE
from kiosk.store.shared.errors import StoreError


class LetterMissing(StoreError):
    """Neither the card nor a person has told which receipt letters were used."""


@dataclass(frozen=True, slots=True)
class RestoreSource:
    """What a new card is made a station with: the opened kit, a backup's ``.db`` file, and the letter on the newest
    paper receipt, None when nobody has told.
    """

    kit: Kit
    backup: Path
    letter: str | None


def _do_nothing() -> None: ...


def _accept_any(card: NewCard) -> None:
    """An administrator may put back whatever fits."""


@dataclass(frozen=True, slots=True)
class RestoreHooks:
    """What somebody else has to do in between. ``judged``: kit and card fit, and nothing was written.
    ``before_settings``: all but the last step is done. What they raise ends it, and the card is no station.
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
    """Raises StoreError, and then the card is no station: it is as new, or the same may be done again."""
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
        check_backup(given.backup, own.database, own.station)
        card.put_secrets()
        back = restore(given.backup, own.database, own.station, stamps(own)(), RestoreOptions(given.letter))
        steps.before_settings()
        card.put_settings()
    return back


def has_series_file(data: Path) -> bool:
    """Whether the card itself knows which receipt letters were used: a person copied the file from the old one."""
    return (data / SERIES_FILE).exists()
