"""Killed at every rename and every sync of a restore: the old database or the new one, and no letter twice."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kiosk.store import Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.restore import RestoreOptions, RestoreResult, restore
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.shared.errors import StoreError
from tests.store.village import CATALOG, STATION, bring_in, epochs, open_store, rows, stamp


class Killed(BaseException):
    """The power is gone."""


@contextmanager
def killed_at(step: int, patch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Rename and sync work until the ``step``-th call, which and all later ones do nothing but end the program."""
    calls = itertools.count(1)
    done = 0

    def guarded(name: str) -> None:
        real = getattr(os, name)

        def call(*words: Any, **named: Any) -> Any:
            nonlocal done
            done = next(calls)
            if done >= step:
                raise Killed
            return real(*words, **named)

        patch.setattr(os, name, call)

    with patch.context() as inner:
        patch = inner
        guarded("replace")
        guarded("fsync")
        yield lambda: done


class Station:
    """A station with a backup that has gone on since, into a new epoch, and then lost its power."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.path, medium = folder / "station.db", folder / "medium"
        self.template, self.given = template, dict[str, str]()
        medium.mkdir(parents=True)
        with closing(open_store(self.path, template, new_epoch=epochs())) as store:
            store.catalogs.add(CATALOG, stamp())
            self.bring(store)
            self.backup = make_backup(self.path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
            self.bring(store)
            store.epochs.start("behind", stamp())
            assert rows(self.path, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
            self.bring(store)
            halves = [self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal")]
            left = {half: half.read_bytes() for half in halves}
        for half, content in left.items():
            half.write_bytes(content)
        assert left[halves[1]], "the newest intakes are in the log alone"

    def bring(self, store: Store) -> None:
        """One more intake; its number must be new to the whole station."""
        receipt, epoch = bring_in(store, token=os.urandom(8).hex()).receipt, store.epochs.identity().epoch
        assert receipt not in self.given, "a receipt number was given to two farmers"
        self.given[receipt] = epoch

    def restore(self, first_epoch: int) -> RestoreResult:
        return restore(self.backup, self.path, STATION, stamp(), RestoreOptions(new_epoch=epochs(first_epoch)))

    def start(self, first_epoch: int) -> bool:
        """Power is back: the station works, or says that only half of its database is there."""
        try:
            store = open_store(self.path, self.template, new_epoch=epochs(first_epoch))
        except StoreError as error:
            assert "is missing, but its log" in str(error)
            return False
        with closing(store):
            intakes = len(store.intakes.recent())
            restored = store.epochs.identity().series > "B"
            assert intakes == (1 if restored else 3), "neither an empty database nor one without its newest intakes"
            assert store.journal.verify() > 0
            self.bring(store)
        return True


def test_whenever_the_power_goes(tmp_path: Path, template: Path) -> None:
    for step in itertools.count(1):
        station = Station(tmp_path / str(step), template)
        with pytest.MonkeyPatch.context() as patch, killed_at(step, patch) as calls:
            try:
                station.restore(50)
                finished = True
            except Killed:
                finished = False
            steps = calls()
        assert station.start(70) or not finished
        back = station.restore(90)
        assert back.epoch.new.letter not in {receipt[5] for receipt in station.given}
        with closing(open_store(station.path, template)) as store:
            assert store.epochs.identity().series == back.epoch.new.letter
            station.bring(store)
        if finished:
            break
    assert steps > 10
