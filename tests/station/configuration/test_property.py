"""Documents in any order, restarts, older databases, clocks that jump, failing cards: one whole version is in force.

An older price than one that was shown before is never in force without a word.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.configuration import ClerkRow, ClerksPart
from kiosk.station.configuration.floor import FILE_NAME
from kiosk.store import Store, StoreError
from kiosk.store.database.opening import OpenOptions
from tests.depth import many
from tests.station.configuration.rig import CONTAINERS, GOODS, CountyRig, Sent, document, prices
from tests.station.fakes import STAMP
from tests.store.failing import Plan, failing_connect

DAYS = ("2026-11-25", "2026-11-30", "2026-12-01", "2026-12-15", "2027-01-01")
VERSIONS = st.builds(ConfigurationVersion, st.integers(1, 2), st.integers(1, 6))


def fen(version: ConfigurationVersion, day: str) -> int:
    """What is paid under a version on a day: each version and day has a price of its own."""
    return version.key * 1_000 + version.number * 10 + sum(day >= since for since in DAYS[2::2])


def sent(version: ConfigurationVersion) -> Sent:
    first, *later = (fen(version, day) for day in (DAYS[0], *DAYS[2::2]))
    people = ClerksPart((ClerkRow("01", name(version), "technician"),))
    made = prices(first, *zip(DAYS[2::2], later, strict=True))
    return document(version.number, version.key, goods=GOODS, containers=CONTAINERS, prices=made, clerks=people)


def name(version: ConfigurationVersion) -> str:
    return f"Patime {version.key}{version.number}"


class Station(RuleBasedStateMachine):
    """``begun`` is set by the test: a station with a catalog of its own."""

    begun: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.data = Path(self.folder.name) / "data"
        shutil.copytree(self.begun, self.data)
        self.plan = Plan()
        self.backups: list[Path] = []
        self.shown: tuple[ConfigurationVersion, int] | None = None  # The newest version, and the newest of its prices

    @initialize()
    def begin(self) -> None:
        self.open_store()
        self.rig = CountyRig(self.store, self.data)

    def open_store(self) -> None:
        options = OpenOptions(check=False, reserve_bytes=0, connect=failing_connect(self.plan))
        self.store = Store.open(self.data / "station.db", "S0147", STAMP, options)

    @rule(version=VERSIONS)
    def send(self, version: ConfigurationVersion) -> None:
        sent(version).put_into(self.rig.folder)

    @rule(version=VERSIONS, fields=st.sampled_from([{"signature": ""}, {"station": "S0148"}, {"certificate": "x"}]))
    def send_a_bad_one(self, version: ConfigurationVersion, fields: dict[str, str]) -> None:
        sent(version).changed(**fields).put_into(self.rig.folder)

    @rule()
    def poll(self) -> None:
        self.rig.step(2)

    @rule(busy=st.sampled_from([None, None, "busy_pan"]))
    def serve(self, busy: str | None) -> None:
        self.rig.busy = busy

    @rule(day=st.sampled_from(DAYS), quality=st.sampled_from([ClockQuality.SYNCED, ClockQuality.RESTORED]))
    def set_clock(self, day: str, quality: ClockQuality) -> None:
        self.rig.on(day, quality)

    @rule()
    def forget_clock(self) -> None:
        self.rig.on("1970-01-01", ClockQuality.UNSET)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open_store()
        self.rig.store = self.store
        self.rig.start()

    @rule()
    def back_up(self) -> None:
        self.store.close()
        place = self.data.with_name(f"backup-{len(self.backups)}")
        shutil.copy(self.data / "station.db", place)
        self.backups.append(place)
        self.restart()

    @precondition(lambda self: self.backups)
    @rule(data=st.data(), noticed=st.booleans())
    def bring_back(self, data: st.DataObject, noticed: bool) -> None:
        """An older database; the epoch is another one where somebody has noticed."""
        self.store.close()
        shutil.copy(data.draw(st.sampled_from(self.backups)), self.data / "station.db")
        self.restart()
        if noticed:
            self.store.epochs.start("restored", STAMP)

    @precondition(lambda self: self.backups)
    @rule(data=st.data())
    def come_back_on_a_new_card(self, data: st.DataObject) -> None:
        """Of the old one nothing is left: from then on the county's word alone counts."""
        (self.data / FILE_NAME).unlink(missing_ok=True)
        shutil.rmtree(self.rig.folder, ignore_errors=True)
        self.store.close()
        shutil.copy(data.draw(st.sampled_from(self.backups)), self.data / "station.db")
        self.restart()
        self.store.epochs.start("restored", STAMP)
        assert self.rig.county.in_force() is None or not self.rig.county.prices_confirmed()
        self.shown = None

    @rule(left=st.integers(0, 60), after=st.booleans())
    def fail(self, left: int, after: bool) -> None:
        """The card fails at one of the next operations."""
        self.plan.left, self.plan.after = left, after
        with suppress(StoreError):
            self.rig.step(2)
        self.plan.left = None

    @invariant()
    def one_whole_version_is_in_force(self) -> None:
        found = self.rig.county.in_force()
        if found is None:
            assert self.rig.price() == 2200
            assert self.shown is None or not self.rig.county.prices_confirmed()
            return
        version, catalog = found.version, self.store.catalogs.get()[1]
        price = self.rig.price()
        assert price == fen(version, catalog.day)
        assert [row.name for row in self.store.clerks.everyone()] == [name(version)]
        assert not self.rig.county.is_by_hand()
        now = (version, price)
        if self.shown is not None and now < self.shown:
            assert not self.rig.county.prices_confirmed()
        self.shown = max(self.shown or now, now)

    @invariant()
    def nothing_is_told_twice(self) -> None:
        told = [(row["key"], row["number"], row["catalog_version"]) for row in self.rig.events("config.applied")]
        assert len(told) == len(set(told))

    def teardown(self) -> None:
        self.plan.left = None
        self.store.journal.verify()
        self.store.close()
        self.folder.cleanup()


def test_a_county_in_any_order(begun: Path) -> None:
    Station.begun = begun
    run_state_machine_as_test(
        Station,
        settings=settings(
            max_examples=many(10, torture=300, quick=2),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
