"""An acknowledgement above all that was ever written: an older copy of the database, or a broker that lies.

Each new epoch costs one of 23 receipt letters. Whoever can write to the station's topic must not be able to spend them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from kiosk.messaging.contract.control import Ack
from kiosk.store import Stamp, StoreError
from kiosk.store.epochs import MAX_BEHIND_EPOCHS
from tests.messaging.relay.line import Bench
from tests.store.village import open_store, stamp


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kiosk.sqlite"


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "kiosk.sqlite", template, batch_events=4)
    with one.open:
        one.intakes(9)
        one.flow()
        one.watch.alarms.clear()
        yield one


def forged(bench: Bench) -> Ack:
    """What anybody can write who can write to the topic."""
    return Ack(bench.epochs()[-1], 1_000_000, (), (), "ab" * 32)


def booted(number: int) -> Stamp:
    moment = replace(stamp().moment, boot_id=f"b007b007-{number:04}")
    return replace(stamp(), moment=moment)


def forge_after_a_boot(bench: Bench, path: Path, template: Path, number: int) -> None:
    """The machine was started anew: another relay process on the same database."""
    with closing(open_store(path, template, stamps=lambda: booted(number))) as outbox:
        bench.connect(outbox)
        bench.hear(forged(bench))
        bench.pump()


def test_the_letters_cannot_be_spent_by_lying(bench: Bench) -> None:
    for _ in range(30):
        bench.hear(forged(bench))
        bench.pump()
    assert bench.whys() == ["new", "behind"]
    assert bench.station.epochs.identity().series == "B"


def test_a_relay_that_is_made_to_crash_may_not_begin_another(bench: Bench, path: Path, template: Path) -> None:
    for _ in range(5):
        with closing(open_store(path, template)) as outbox:
            bench.connect(outbox)
            bench.hear(forged(bench))
            bench.pump()
    assert bench.whys() == ["new", "behind"]


def test_it_is_alarmed_and_what_is_true_is_still_believed(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.hear(forged(bench))
    bench.flow()
    bench.intakes(3)
    bench.hear(forged(bench))
    bench.pump()
    assert bench.wire.statuses[-1].alarm == "ahead"
    assert bench.watch.alarms[-1] == "ahead"
    assert "claims event 1000000" in caplog.text
    assert bench.station.outbox.counts().pending > 0
    bench.flow()
    assert bench.missing() == set()
    assert bench.station.outbox.counts().pending == 0
    assert (bench.wire.statuses[-1].alarm, bench.watch.alarms[-1]) == ("", "")


def test_a_card_with_an_older_copy_goes_on_as_ever(bench: Bench, path: Path, template: Path) -> None:
    """One new epoch is what it needs; the next restart of the machine finds it in order."""
    bench.ledger.events |= {(bench.epochs()[0], seq): b"%d" % seq for seq in range(11, 15)}
    bench.intakes(2)
    older = bench.ledger.ack(bench.epochs()[0])
    bench.hear(msgspec.structs.replace(older, upto=bench.station.outbox.counts().last_seq + 1))
    bench.flow()
    assert bench.whys() == ["new", "behind"]
    assert bench.station.outbox.counts().pending == 0
    with closing(open_store(path, template, stamps=lambda: booted(2))) as outbox:
        bench.connect(outbox)
        bench.flow()
        assert bench.session._status(online=True).alarm == ""
    assert bench.whys() == ["new", "behind"]


def test_a_broker_that_waits_for_each_start_leaves_most_letters_to_people(
    bench: Bench, path: Path, template: Path
) -> None:
    for number in range(1, 30):
        forge_after_a_boot(bench, path, template, number)
    assert bench.whys() == ["new", *["behind"] * MAX_BEHIND_EPOCHS]
    bench.new_epoch()
    assert bench.whys()[-1] == "forked"


def test_the_store_itself_refuses_it(bench: Bench) -> None:
    assert bench.relay.epochs.start("behind", ending=bench.epochs()[-1])
    assert bench.relay.epochs.behind_limit_reached()
    with pytest.raises(StoreError, match="Resolve a fork"):
        bench.relay.epochs.start("behind", ending=bench.epochs()[-1])
    assert bench.whys() == ["new", "behind"]


def test_a_fork_told_for_ever_begins_nothing(bench: Bench) -> None:
    true = bench.ledger.ack(bench.epochs()[-1])
    for _ in range(30):
        bench.hear(msgspec.structs.replace(true, head="ab" * 32))
        bench.pump()
    assert bench.whys() == ["new"]
    assert bench.watch.alarms[-1] == "fork"
