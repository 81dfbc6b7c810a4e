"""One station, several lives of its database: side by side at the center, nothing swallowed, nothing counted twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.domain.events import EpochStarted
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.export import epcis, jsonl
from kiosk.sorting_center.ledger import Delivery, Ledger, Sighting
from kiosk.sorting_center.ledger.epochs import MAX_EPOCHS
from kiosk.store import Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.restore import RestoreOptions, RestoreResult, restore
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.migrate import migrate
from tests.sorting_center.staff import viewer
from tests.sorting_center.station_journal import NOW, Station, confirmed, of_weight
from tests.store.village import CATALOG, STATION, bring_in, epochs, open_store, stamp

NET_G = 12_290


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


def send(store: Store, ledger: Ledger, limit: int = 1000) -> int:
    """What relay and ingest do between them: the oldest events go up, the acknowledgement comes down."""
    rows = store.outbox.pending(limit)
    if rows:
        (state,) = ledger.accept([parse_event(row.body) for row in rows], "yarkant", NOW)
        ack = state.ack
        assert ack.epoch == store.epochs.identity().epoch
        assert ack.head == store.outbox.hash_at(ack.upto)
        store.outbox.acknowledge(ack.upto, ack.quarantined)
    return len(rows)


class Drill:
    """Backup, ten more intakes acknowledged, the card dies, the backup comes back."""

    def __init__(self, folder: Path, template: Path, ledger: Ledger) -> None:
        self.path, self.ledger, self.template = folder / "data" / "station.db", ledger, template
        medium = folder / "medium"
        medium.mkdir()
        with closing(open_store(self.path, template, new_epoch=epochs())) as store:
            store.catalogs.add(CATALOG, stamp())
            self.old = [bring_in(store).receipt for _ in range(5)]
            send(store, ledger, 4)
            self.waiting_then = store.outbox.counts().pending
            self.backup = make_backup(self.path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
            self.after = [bring_in(store).receipt for _ in range(10)]
            send(store, ledger)
            assert store.outbox.counts().pending == 0

    def bring_back(self, first_epoch: int = 50) -> RestoreResult:
        return restore(self.backup, self.path, STATION, stamp(), RestoreOptions(new_epoch=epochs(first_epoch)))

    def go_on(self, intakes: int) -> list[str]:
        with closing(open_store(self.path, self.template)) as store:
            receipts = [bring_in(store).receipt for _ in range(intakes)]
            send(store, self.ledger)
            assert store.outbox.counts().pending == 0
            return receipts


@pytest.fixture
def drill(tmp_path: Path, template: Path, ledger: Ledger) -> Drill:
    return Drill(tmp_path, template, ledger)


def receipts(ledger: Ledger) -> list[str]:
    return [row.receipt for row in ledger.intakes(0, 500)]


def test_the_restore_drill(drill: Drill, ledger: Ledger) -> None:
    assert drill.waiting_then == 3
    before = ledger.counts()
    back = drill.bring_back()
    assert back.epoch.reissued_events == drill.waiting_then
    new = drill.go_on(4)
    assert {number[:6] for number in new} == {"0147-B"}
    # Every intake of the old life, of the days after the backup and of the new life is there, each once.
    assert sorted(receipts(ledger)) == sorted([*drill.old, *drill.after, *new])
    overview = ledger.overview("")
    assert (overview.totals.intakes, overview.totals.net_g) == (19, 19 * NET_G)
    counts = ledger.counts()
    assert (counts.stations, counts.gaps, counts.quarantined, counts.forks, counts.alarms) == (1, 0, 0, 0, 0)
    # Nothing swallowed either: what was told again stands in both lives, linked by its first name.
    assert counts.events == before.events + 1 + drill.waiting_then + back.epoch.papers + 4
    again = [json.loads(event.body) for event in ledger.events() if b'"reissued"' in event.body]
    assert [event["reissued"] for event in again] == [f"{back.epoch.old.epoch}-{seq}" for seq in (5, 6, 7)]


def test_both_lives_stand_under_one_station(drill: Drill, ledger: Ledger) -> None:
    back = drill.bring_back()
    drill.go_on(4)
    ledger.commit(Delivery(sightings=[Sighting("yarkant", STATION)]), NOW)
    (station,) = ledger.overview("").stations
    first, second = station.epochs
    assert (first.epoch, first.series, first.why) == (back.epoch.old.epoch, "A", "new")
    assert (second.epoch, second.series, second.why) == (back.epoch.new.epoch, "B", "restored")
    assert (first.intakes, second.intakes) == (15, 4), "what was told again counts where it was told first"
    assert first.events + second.events == station.events
    with viewer(ledger) as client:
        page = client.get(f"/stations/yarkant/{STATION}?lang=en").text
        summary = client.get("/ledger/summary.json").get_json()
    assert "a backup was restored" in page
    assert back.epoch.new.epoch in page
    assert [row["series"] for row in summary["by_station"][0]["epochs"]] == ["A", "B"]
    assert summary["totals"]["intakes"] == 19


def test_restored_twice_over(drill: Drill, ledger: Ledger) -> None:
    """The same backup again: what waited then is told a third time, and still counts once."""
    drill.bring_back()
    new = drill.go_on(2)
    drill.bring_back(first_epoch=80)
    newer = drill.go_on(1)
    assert newer == ["0147-C-000001"]
    assert sorted(receipts(ledger)) == sorted([*drill.old, *drill.after, *new, *newer])
    assert ledger.overview("").totals.intakes == 18
    assert ledger.counts().alarms == 0


def test_what_was_never_acknowledged_in_the_old_life_comes_in_the_new_one(
    tmp_path: Path, template: Path, ledger: Ledger
) -> None:
    drill = Drill(tmp_path, template, ledger)
    with Ledger.open(f"sqlite:///{tmp_path / 'other.db'}") as empty:  # a center that has heard nothing yet
        drill.ledger = empty
        drill.bring_back()
        new = drill.go_on(1)
        assert sorted(receipts(empty)) == sorted([*drill.old[-3:], *new])


def test_exports_hold_the_intake_once_and_the_events_all(drill: Drill, ledger: Ledger) -> None:
    drill.bring_back()
    drill.go_on(2)
    document = json.loads("".join(epcis(ledger.events(), NOW)))
    assert len(document["epcisBody"]["eventList"]) == 17
    assert len(list(jsonl(ledger.events()))) == ledger.counts().events


def test_told_again_before_the_first_telling_came(ledger: Ledger) -> None:
    """The old life's event was held above a gap when the new life told it again."""
    old, new = Station(epoch="00000000000000aa"), Station(epoch="00000000000000bb")
    start, lost, held = old.start(), old.intake(1), old.intake(2)
    ledger.accept([start, held], "yarkant", NOW)
    ledger.accept([new.start(), new.add(confirmed("S0147", 2), reissued=f"{old.epoch}-3")], "yarkant", NOW)
    ledger.accept([lost], "yarkant", NOW)
    assert sorted(receipts(ledger)) == ["0147-A-000001", "0147-A-000002"]
    assert ledger.counts().alarms == 0


def test_a_void_told_again_counts_once(ledger: Ledger) -> None:
    old, new = Station(epoch="00000000000000aa"), Station(epoch="00000000000000bb")
    ledger.accept([old.start(), old.intake(1), old.void(1)], "yarkant", NOW)
    body = old.sealed[2]
    assert body.type.endswith("voided.v1")
    again = [new.start(), new.add(confirmed("S0147", 1), reissued=f"{old.epoch}-2"), new.void(1)]
    ledger.accept(again, "yarkant", NOW)
    totals = ledger.overview("").totals
    assert (totals.intakes, totals.voided) == (0, 1)


def test_the_same_receipt_of_another_intake_is_still_an_alarm(ledger: Ledger) -> None:
    """Two cards that both began letter B: the marker was lost. The center must shout, not swallow."""
    old, new = Station(epoch="00000000000000aa"), Station(epoch="00000000000000bb")
    ledger.accept([old.start(), old.intake(1)], "yarkant", NOW)
    ledger.accept([new.start(), new.intake(1, **of_weight(9_000))], "yarkant", NOW)
    assert ledger.counts().alarms == 1


def lives(count: int) -> Iterator[Station]:
    for number in range(count):
        yield Station(epoch=f"{number:016x}")


def test_only_the_newest_lives_are_listed(ledger: Ledger) -> None:
    for letter, station in zip(SERIES_LETTERS, lives(MAX_EPOCHS + 2), strict=False):
        ledger.accept([station.add(EpochStarted(letter, "behind"))], "yarkant", NOW)
    ledger.commit(Delivery(sightings=[Sighting("yarkant", STATION)]), NOW)
    (row,) = ledger.overview("").stations
    assert [life.series for life in row.epochs] == list(SERIES_LETTERS[2 : MAX_EPOCHS + 2])


def test_a_life_whose_beginning_is_missing_is_listed_without_a_letter(ledger: Ledger, station: Station) -> None:
    _, later = station.run(2)
    ledger.accept([later], "yarkant", NOW)
    (row,) = ledger.overview("").stations[0].epochs
    assert (row.series, row.why, row.events, row.intakes) == (None, None, 0, 0)
