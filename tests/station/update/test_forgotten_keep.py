"""A card that ignores flushes comes back with an older journal of the update: nothing confirmed since is lost."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kiosk.app.update.helper import RELAY, STATION
from kiosk.station.update.journal import JournalFile, UpdatePhase, parse_entry
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.station.update.updater import FORGOTTEN
from kiosk.store import StoreError
from kiosk.store.backup.pre_update_copy import PreUpdateCopy, newest_event, served_since, written_since
from kiosk.store.shared.errors import DatabaseLocked
from tests.depth import TORTURE, many
from tests.station.update.machine import NEW, OLD, Behavior, Machine, lay_bundle
from tests.station.update.power import lines_of, run, worth_a_cut

UNTIL_KEPT = (UpdatePhase.COPYING, UpdatePhase.SWITCHING, UpdatePhase.TRIAL)
UNTIL_BACK = (UpdatePhase.SWITCHING, UpdatePhase.TRIAL, UpdatePhase.BACK)


@dataclass(frozen=True)
class Remembered:
    """What the card gives back of what was there in ``phase``, beside the database of now."""

    phase: UpdatePhase
    copy: bool = True
    link: bool = True

    @property
    def name(self) -> str:
        return f"{self.phase}-{'with' if self.copy else 'no'}-copy-{'old' if self.link else 'new'}-link"


class Card(Machine):
    """Notes what is on it as soon as a phase is durable, and may come back with that."""

    def station_acts(self) -> None:
        entry = self.entry()
        if entry is not None:
            place = self.folder / "remembered" / entry.phase
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            shutil.copyfile(self.releases / "journal.json", place / "journal.json")
            if (self.data / "before-update").exists():
                shutil.copytree(self.data / "before-update", place / "before-update")
            if (self.releases / "current").is_symlink():
                (place / "current").symlink_to((self.releases / "current").readlink())
        super().station_acts()

    def forget(self, since: Remembered) -> None:
        """The power goes, and what was written since is gone, but for the database."""
        place = self.folder / "remembered" / since.phase
        shutil.copyfile(place / "journal.json", self.releases / "journal.json")
        (self.releases / "outcome.json").unlink(missing_ok=True)
        if since.copy:
            shutil.rmtree(self.data / "before-update", ignore_errors=True)
            shutil.copytree(place / "before-update", self.data / "before-update")
        if since.link:
            (self.releases / "current").unlink(missing_ok=True)
            if (place / "current").is_symlink():
                (self.releases / "current").symlink_to((place / "current").readlink())
        self.boot()


def remembered(phases: tuple[UpdatePhase, ...]) -> list[Remembered]:
    return [
        Remembered(phase, copy, link)
        for phase in phases
        for copy in ((True, False) if phase is not UpdatePhase.COPYING else (False,))
        for link in (True, False)
    ]


def updated(folder: Path, behavior: Behavior) -> Card:
    """An update, and three villagers after it."""
    card = Card(folder, behavior)
    card.lay()
    lay_bundle(card.data / "updates")
    card.ask()
    assert card.update() is not None
    for _ in range(3):
        card.work()
    return card


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Card:
    card = updated(tmp_path_factory.mktemp("kept") / "card", Behavior())
    assert card.version() == NEW
    return card


class Copies:
    """Cards like one."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, 0

    def of(self, card: Card) -> Card:
        self._made += 1
        copy = Card(self._folder / str(self._made), card.behavior)
        copy.like(card)
        return copy


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path / "cards")


def require_all_booked(card: Card, content: str, version: str) -> None:
    assert (card.version(), card.content()) == (version, content)
    assert card.booked() == card.kept_rows > 3
    assert card.running == {STATION, RELAY}
    assert card.entry() is None
    assert list(card.runtime.iterdir()) == []
    assert not (card.data / "before-update").exists()


@pytest.mark.parametrize("since", remembered(UNTIL_KEPT), ids=lambda since: since.name)
def test_an_update_whose_keep_is_forgotten_is_kept_again(kept: Card, copies: Copies, since: Remembered) -> None:
    card = copies.of(kept)
    content = card.content()
    card.forget(since)
    card.booted()
    require_all_booked(card, content, NEW)
    outcome = card.outcome()
    assert outcome is not None
    told: tuple[UpdateRefusalReason | None, str] = (None, FORGOTTEN)
    if since.phase is UpdatePhase.COPYING and not since.link:
        told = (UpdateRefusalReason.INTERRUPTED, "")  # `current` alone has told which release belongs to the database
    assert (outcome.why, outcome.detail) == told
    assert not outcome.stepped_back


@pytest.mark.parametrize("migrates", [True, False], ids=["kept-again", "former-goes-on"])
def test_the_power_may_go_between_any_two_lines_of_what_follows(copies: Copies, tmp_path: Path, migrates: bool) -> None:
    """Once, then once more while that is done again, then for good."""
    remembering = updated(tmp_path / "card", Behavior(migrates=migrates))
    content = remembering.content()
    for since in (
        Remembered(UpdatePhase.TRIAL),
        Remembered(UpdatePhase.SWITCHING, copy=False),
        Remembered(UpdatePhase.COPYING, False),
    ):
        version = NEW if migrates else OLD
        forgetful = copies.of(remembering)
        forgetful.forget(since)
        lines = lines_of(copies.of(forgetful).booted)
        found = list(range(1, len(lines) + 1)) if TORTURE else worth_a_cut(lines)
        for number in found[:: max(1, len(found) // many(6, torture=10**9, quick=1))]:
            card = copies.of(forgetful)
            assert run(card.booted, number)
            card.boot()
            run(card.booted, number // 2 + 1)
            card.boot()
            card.booted()
            require_all_booked(card, content, version)
            shutil.rmtree(card.folder)


@pytest.mark.parametrize("since", remembered(UNTIL_BACK), ids=lambda since: since.name)
def test_a_way_back_that_is_forgotten_loses_nothing_of_what_the_former_release_booked(
    copies: Copies, tmp_path: Path, since: Remembered
) -> None:
    card = updated(tmp_path / "card", Behavior(healthy=UpdateRefusalReason.PAGES))
    assert card.version() == OLD
    content = card.content()
    card.forget(since)
    card.booted()
    require_all_booked(card, content, OLD)


@pytest.mark.parametrize("since", remembered(UNTIL_KEPT), ids=lambda since: since.name)
def test_where_either_release_reads_the_database_the_former_one_goes_on_with_it(
    copies: Copies, tmp_path: Path, since: Remembered
) -> None:
    card = updated(tmp_path / "card", Behavior(migrates=False))
    assert card.version() == NEW
    content = card.content()
    card.forget(since)
    card.booted()
    require_all_booked(card, content, NEW if since.phase is UpdatePhase.COPYING and not since.link else OLD)


def booked_on_trial(card: Card, kind: str, **more: str) -> None:
    """Somebody has changed something on the command line; then the power goes, and the update is undecided."""
    lay_bundle(card.data / "updates")
    card.ask()
    card.behavior.says = False
    lines = lines_of(Card(card.folder.with_name("counted"), card.behavior).like(card).update)
    assert run(card.update, len(lines) // 2)
    assert card.on_trial()
    card.book(kind, **more)
    card.boot()


@pytest.mark.parametrize("more", [{}, {"reissued": "0123456789abcdef-3"}], ids=["clerk", "told-again"])
def test_what_nobody_was_served_by_proves_no_release_and_is_not_lost_either(
    tmp_path: Path, more: dict[str, str]
) -> None:
    """Its schema is the former's: that one goes on with it."""
    card = Card(tmp_path / "card", Behavior(migrates=False))
    card.lay()
    booked_on_trial(card, "station.intake.confirmed.v1" if more else "station.clerk.added.v1", **more)
    content = card.content()
    card.booted()
    assert (card.version(), card.content(), card.booked()) == (OLD, content, card.kept_rows)
    outcome = card.outcome()
    assert outcome is not None
    assert outcome.detail == "The database tells more than the copy of before the update (events and papers: 1)."


AGAIN = {"reissued": "0123456789abcdef-3"}


@pytest.mark.parametrize("more", [{}, AGAIN], ids=["new", "again"])
def test_what_serves_nobody_proves_no_release_and_a_person_decides(tmp_path: Path, more: dict[str, str]) -> None:
    """Somebody has added a clerk on the command line, or has begun an epoch, in which all is told again."""
    card = Card(tmp_path / "card")
    card.lay()
    booked_on_trial(card, "station.intake.confirmed.v1" if more else "station.clerk.added.v1", **more)
    content, copy = card.content(), (card.data / "before-update/station.db").read_bytes()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"tells more .*: 1.*has schema 8, and had 7 before"):
            card.booted()
        card.boot()
    assert (card.running, card.content()) == (set(), content)
    assert [path.name for path in (card.data / "before-update").iterdir()] == ["station.db"], "not copied each time"
    assert (card.data / "before-update/station.db").read_bytes() == copy
    outcome = card.updater().keep_new()
    assert outcome is not None
    assert outcome.succeeded
    card.booted()
    assert (card.version(), card.content(), card.booked()) == (NEW, content, card.kept_rows)


def test_a_forgotten_keep_of_a_release_that_is_gone_as_well_leaves_the_database(kept: Card, copies: Copies) -> None:
    card = copies.of(kept)
    content, booked = card.content(), card.booked()
    card.forget(Remembered(UpdatePhase.TRIAL))
    (card.releases / NEW / "code/kiosk/__init__.py").unlink()
    with pytest.raises(StoreError, match="has schema 8, and had 7 before"):
        card.booted()
    assert (card.content(), card.booked(), card.running) == (content, booked, set())


def test_a_number_that_the_card_has_changed_proves_no_release(tmp_path: Path) -> None:
    """The journal says that the copy ended before the last intakes: the copy itself knows better."""
    card = Card(tmp_path / "card", Behavior(says=False))
    card.lay()
    for _ in range(3):
        card.work()
    before = card.content()
    lay_bundle(card.data / "updates")
    card.ask()
    assert run(card.update, len(lines_of(Card(tmp_path / "counted", card.behavior).like(card).update)) // 2)
    entry = card.entry()
    assert entry is not None
    assert entry.newest_event == newest_event(card.database)
    JournalFile(card.releases).write(replace(entry, newest_event=entry.newest_event - 3))
    card.boot()
    card.booted()
    assert (card.version(), card.content(), card.booked()) == (OLD, before, card.kept_rows)


@pytest.mark.parametrize("number", ["-1", "1e400", str(1 << 63), '"7"', "null"])
def test_a_number_that_is_none_makes_a_journal_that_nobody_can_read(number: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        parse_entry(f'{{"number": "1", "phase": "trial", "version": "0.9.1", "newest_event": {number}}}'.encode())


UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda raw: b"",
    "no database": lambda raw: b"x" * len(raw),
    "no header": lambda raw: bytes(100) + raw[100:],
    "its end": lambda raw: bytes(4096) + raw[-8192:],
    "torn": lambda raw: raw[:4096] + bytes(len(raw) - 4096),
    "schema": lambda raw: raw.replace(b"CREATE TABLE", b"CREATE T\xc3BLE"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_database_that_cannot_be_read_is_replaced_by_the_copy(tmp_path: Path, name: str) -> None:
    card = Card(tmp_path / "card", Behavior(says=False))
    card.lay()
    before = card.content()
    lay_bundle(card.data / "updates")
    card.ask()
    assert run(card.update, len(lines_of(Card(tmp_path / "counted", Behavior(says=False)).like(card).update)) // 2)
    card.boot()
    raw = card.database.read_bytes()
    card.database.write_bytes(UNREADABLE[name](raw))
    for end in ("-wal", "-shm"):
        card.database.with_name(card.database.name + end).unlink(missing_ok=True)
    card.booted()
    assert (card.version(), card.content()) == (OLD, before)


def test_a_database_that_cannot_be_read_before_the_switch_proves_nothing(kept: Card, copies: Copies) -> None:
    card = copies.of(kept)
    card.forget(Remembered(UpdatePhase.COPYING, copy=False))
    card.database.write_bytes(b"no database")
    card.updater().recover()
    outcome = card.outcome()
    assert outcome is not None
    assert (outcome.why, card.version(), card.database.read_bytes()) == (
        UpdateRefusalReason.INTERRUPTED,
        OLD,
        b"no database",
    )


# --- the look into both databases


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Card, Path]:
    """A database and its copy."""
    card = Card(tmp_path / "card")
    card.lay()
    PreUpdateCopy(card.database).make()
    return card, card.data / "before-update/station.db"


def written(card: Card, *statements: str) -> None:
    with closing(sqlite3.connect(card.database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_what_a_database_tells_more_is_counted_and_what_it_tells_less_is_not(pair: tuple[Card, Path]) -> None:
    card, copy = pair
    assert written_since(card.database, copy) == 0
    written(card, "DELETE FROM journal WHERE position = (SELECT max(position) FROM journal)")
    assert written_since(card.database, copy) == 0
    card.work()
    assert written_since(card.database, copy) == 1, "in the place of another, with another hash"
    card.work()
    assert written_since(card.database, copy) == 2
    columns = "intake, about, document, printer, bag, state, attempts, copy, body"
    written(card, f"INSERT INTO print_job SELECT max(id) + 1, {columns} FROM print_job")
    assert written_since(card.database, copy) == 3, "a paper carries a number as well"
    card.database.unlink()
    assert written_since(card.database, copy) == 0
    assert not served_since(card.database, 0, 0)


def test_a_row_that_nobody_has_sealed_is_no_event(pair: tuple[Card, Path]) -> None:
    card, copy = pair
    end = newest_event(card.database)
    card.work()
    assert (written_since(card.database, copy), served_since(card.database, end, 6)) == (1, True)
    for spoiled in ("body = x'00'", "body = x'7b7d'", f"sha256 = '{'0' * 64}'"):
        card.database.unlink()
        shutil.copyfile(copy, card.database)
        card.work()
        written(card, f"UPDATE journal SET {spoiled} WHERE position > {end}")
        assert (written_since(card.database, copy), served_since(card.database, end, 6)) == (0, False), spoiled


def test_bytes_that_nobody_writes_prove_nothing(pair: tuple[Card, Path]) -> None:
    """Sealed all the same: they are not replaced, and no release was kept for them."""
    card, copy = pair
    end = newest_event(card.database)
    for number, body in enumerate((b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"reissued": "x"}'), 1):
        row = f"{end + number}, 1, {end + number} - 4294967296, 'station.intake.confirmed.v1'"
        written(card, f"INSERT INTO journal VALUES ({row}, '{hashlib.sha256(body).hexdigest()}', x'{body.hex()}')")
    assert (written_since(card.database, copy), served_since(card.database, end, 6)) == (6, False)


def test_events_that_lie_in_the_log_alone_are_found(pair: tuple[Card, Path]) -> None:
    card, copy = pair
    end = newest_event(card.database)
    written(card, "PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(card.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM journal").fetchone()
        card.work()
        log = card.database.with_name("station.db-wal").read_bytes()
        file = card.database.read_bytes()
    card.database.write_bytes(file)
    card.database.with_name("station.db-wal").write_bytes(log)
    assert b"what was brought in" not in file
    assert served_since(card.database, end, 6)
    assert not served_since(card.database, end, 7), "the former release reads it"
    assert written_since(card.database, copy) == 1
    assert PreUpdateCopy(card.database).put_back(_sha(copy), 7).startswith("The database tells more")


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_database_that_is_in_use_is_not_taken_for_one_that_cannot_be_read(
    pair: tuple[Card, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    card, copy = pair
    monkeypatch.setattr("kiosk.store.backup.pre_update_copy._BUSY_S", 0.0)
    with closing(sqlite3.connect(card.database, isolation_level=None)) as other:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"):
            other.execute(statement)
        for look_into in (
            lambda: written_since(card.database, copy),
            lambda: served_since(card.database, 0, 6),
            lambda: newest_event(card.database),
        ):
            with pytest.raises(DatabaseLocked):
                look_into()
