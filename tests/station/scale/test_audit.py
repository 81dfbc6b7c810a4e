"""The scale's book in the running station: counted, checked, marked, and no load without a row."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from kiosk.devices.ports import Scale, ScaleListener
from kiosk.domain.clerk import Role
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import Intake
from kiosk.domain.metrology.legal_status import CheckState, CounterValues, ScaleLegalStatus, ScaleMark, Verification
from kiosk.domain.metrology.pan_journal import LoadLeftNote, PanNote, PreviousLoads, UnbookedWhy
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.trade import Mode, Party
from kiosk.labels.papers.bag_label import BagLabel
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import add_person
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.view import DeskStep
from kiosk.station.papers.papers import make_papers, scale_fields
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.scale.audit import MAX_WAITING_NOTES, AuditedScale, ScaleAudit
from kiosk.station.scale.check_weight import CheckWeight
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.service import Hardware, ServiceSettings, StationService
from kiosk.station.shared.clock import StationClock
from kiosk.store import DiskFull, Stamp, Store
from kiosk.store.shared.records import CheckRow, ScaleContent
from tests.sorting_center.reports.corrected_time import WrittenAt, clock_offset, corrected_time
from tests.station.fakes import CATALOG, PROFILE, STAMP, walking
from tests.station.hardware import WAIT_S, Heard
from tests.station.test_service import NOW, FakeScale, settings
from tests.store.scale_rig import scale_of, with_frames

PIN = "482913"
CHECKED = MetrologySettings(verified_until="2026-11-24", serial_no="SN 4711", check_weight_g=5_000)


@dataclass
class House:
    """A running station with a scale and a clerk."""

    service: StationService
    scale: FakeScale
    session: CounterSession

    @property
    def check(self) -> CheckWeight:
        return self.service.check_weight

    def agreed(self, grams: int = 12_450) -> str:
        desk = self.service.desk
        self.scale.rest(0)
        desk.intake_exit.leave()
        self.scale.rest(grams)
        desk.choices.choose_party("04412")
        shown = desk.choices.choose_product("BADAM", desk.view().catalog_version)
        row = desk.agreement.agree(shown.reading_no, shown.token).result
        assert row is not None
        return row.receipt

    def refused(self, *arguments: Any) -> str:
        with pytest.raises(CounterRefused) as error:
            self.check.take(*(arguments or (self.session,)))
        return error.value.code


@contextmanager
def house(
    store: Store,
    folder: Path,
    metrology: MetrologySettings = CHECKED,
    content: ScaleContent | None = None,
    clock: StationClock | None = None,
) -> Iterator[House]:
    scales: list[FakeScale] = []

    def scale(listener: ScaleListener) -> Scale:
        scales.append(FakeScale(listener))
        return scales[0]

    hardware = Hardware(PROFILE, scale, {}, None, content, clock=lambda: scales[0].now)
    clock = clock or StationClock("Asia/Shanghai", "boot-2", walking(NOW), lambda: True)
    service = StationService(ServiceSettings(settings(folder), metrology=metrology), store, hardware, clock)
    if not store.clerks.everyone():
        store.clerks.add(
            "Aygul",
            Role.CLERK,
            PickupKey.from_existing(ParcelSettings(), settings(folder).data, {}).pins().hash(PIN),
            STAMP,
        )
    service.start()
    try:
        yield House(service, scales[0], service.access.sign_in("01", PIN))
    finally:
        service.stop()


# --- the check weight -------------------------------------------------------------------------------------------------


def test_a_check_passes_and_marks_nothing(store: Store, tmp_path: Path) -> None:
    with house(store, tmp_path) as shop:
        assert (shop.check.view().state, shop.check.allowed_g(5_000)) == (CheckState.LATE, 5)
        shop.scale.rest(0)
        shop.scale.rest(5_005)
        view = shop.check.view()
        assert (view.can_take, view.why_not, view.expected_g) == (True, "", 5_000)
        row = shop.check.take(shop.session)
        assert (row.passed, row.read_g, row.expected_g, row.actor) == (True, 5_005, 5_000, "clerk:01")
        assert shop.check.view().state is CheckState.PASSED and shop.check.view().last == row
        assert shop.service.desk.view().step is DeskStep.HOME, "it is no intake"
        assert shop.refused() == "load_already_counted"
        receipt = shop.agreed()
        standing = store.weighings.legal_status(receipt)
        assert standing is not None
        assert standing.marks == (ScaleMark.VERIFICATION_EXPIRED,) and standing.serial_no == "SN 4711"
    assert store.pan_loads.unbooked() == [], "the check weight is accounted for"


def test_a_failed_check_marks_every_later_receipt_until_one_passes(store: Store, tmp_path: Path) -> None:
    with house(store, tmp_path) as shop:
        late = store.weighings.legal_status(shop.agreed())
        shop.scale.rest(0)
        shop.scale.rest(5_010)
        assert not shop.check.take(shop.session).passed
        failed = [store.weighings.legal_status(shop.agreed(grams)) for grams in (9_000, 9_500)]
        shop.scale.rest(0)
        shop.scale.rest(5_000)
        assert shop.check.take(shop.session, 5_000).passed
        passed = store.weighings.legal_status(shop.agreed(8_000))
    checks = [standing.check for standing in (late, *failed, passed) if standing]
    assert checks == [CheckState.LATE, CheckState.FAILED, CheckState.FAILED, CheckState.PASSED]


def test_no_other_weight_than_the_one_that_is_set_can_be_named(store: Store, tmp_path: Path) -> None:
    """A scale that is 5 g off would pass with a weight that is named to fit what it shows."""
    with house(store, tmp_path) as shop:
        shop.scale.rest(0)
        shop.scale.rest(5_010)
        for named in (5_010, 4_995, 99, 60_001, 0):
            assert shop.refused(shop.session, named) == "other_weight_set", named
        assert store.checks.last() is None
        row = shop.check.take(shop.session)
    assert (row.expected_g, row.passed) == (5_000, False), "the load is still there to be checked as it should be"


def test_a_check_follows_the_rules_of_a_weighing(store: Store, tmp_path: Path) -> None:
    with house(store, tmp_path, MetrologySettings()) as shop:
        shop.scale.rest(5_000)
        assert shop.refused(None) == "not_unlocked"
        assert shop.refused(CounterSession("no such token", shop.session.person)) == "not_unlocked"
        assert shop.refused() == "bad_weight", "none is set and none was named"
        assert shop.refused(shop.session, 99) == shop.refused(shop.session, 60_001) == "bad_weight"
        assert shop.refused(shop.session, 5_000) == "load_already_counted", "it lay there at the start"
        shop.scale.rest(0)
        assert shop.refused(shop.session, 5_000) == "below_min"
        shop.scale.listener.on_expired(shop.scale.now)
        assert shop.refused(shop.session, 5_000) == "lost"
        shop.scale.rest(0)
        shop.scale.rest(5_000)
        desk = shop.service.desk
        desk.choices.choose_party("non_member")
        desk.choices.choose_product("BADAM", desk.view().catalog_version)
        assert shop.refused(shop.session, 5_000) == shop.check.view().why_not == "intake_open"
        desk.intake_exit.leave()
        assert shop.check.take(shop.session, 5_000).passed
    assert store.checks.last() is not None


def test_a_check_that_cannot_be_recorded_has_not_happened(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> CheckRow:
        raise DiskFull("full")

    with house(store, tmp_path) as shop:
        shop.scale.rest(0)
        shop.scale.rest(5_000)
        monkeypatch.setattr(type(store.checks), "add", full)
        assert shop.refused() == "disk_full"
        monkeypatch.undo()
        assert shop.check.take(shop.session).passed, "the same load again"


# --- the worth of the scale -------------------------------------------------------------------------------------------


def test_another_scale_is_counted_at_the_start(store: Store, tmp_path: Path) -> None:
    for e_g, trade, count in ((5, True, 0), (5, True, 0), (10, False, 1)):
        with house(store, tmp_path, content=scale_of(e_g, trade)) as shop:
            standing = shop.service.standing()
            assert (standing.counters.scale_profile, standing.trade) == (count, trade)
    assert ScaleMark.NOT_FOR_TRADE in standing.marks


def test_the_papers_of_a_scale_that_is_not_for_trade_say_so() -> None:
    intake = Intake(ReceiptNumber("S0147", "A", 1), Party(None), "BADAM", Mode.PURCHASE, 1, 2200)
    for trade, says in ((False, True), (True, False), (None, False)):
        confirmed = with_frames(intake, standing=ScaleLegalStatus(trade))
        papers = make_papers(settings(Path("unused")), CodesSettings(), confirmed, CATALOG, STAMP)("0" * 64)
        label = msgspec.json.decode(papers[0].body, type=BagLabel)
        assert label.not_for_trade is says
    assert scale_fields(None) == {}


def test_without_settings_nothing_is_said(store: Store, tmp_path: Path) -> None:
    with house(store, tmp_path, MetrologySettings()) as shop:
        standing = store.weighings.legal_status(shop.agreed())
    assert standing is not None
    assert (standing.trade, standing.check, standing.verification) == (None, CheckState.NONE, Verification.NONE)
    assert (standing.marks, standing.counters) == ((), CounterValues())


def test_the_clock_is_counted_when_it_is_set(store: Store) -> None:
    wall = [datetime(1970, 1, 1, tzinfo=UTC).timestamp()]
    clock = StationClock("Asia/Shanghai", "boot-2", lambda: wall[0], lambda: True)
    told = Heard()
    audit = ScaleAudit(store, AuditedScale(CHECKED), lambda: Stamp(clock.now(), "x"), lambda: told("event"))
    audit.check_clock()
    assert (audit.standing().verification, told.told) == (Verification.UNJUDGED, [])
    wall[0] = NOW
    for _ in range(2):
        audit.check_clock()
    assert (store.counters.read().clock, told.told) == (1, ["event"])
    assert audit.standing().verification is Verification.EXPIRED


def written(store: Store) -> list[WrittenAt]:
    """When the events of a database say that they were written."""
    told = [json.loads(row.body) for row in store.outbox.pending(1000)]
    return [
        WrittenAt(
            datetime.fromisoformat(event["time"]),
            ClockQuality(event["clock"]),
            event["bootid"],
            int(event["monotonicms"]),
        )
        for event in told
    ]


@pytest.mark.parametrize("starts", [0, 1, 2])
def test_events_from_before_the_clock_was_set_get_their_time(store: Store, starts: int) -> None:
    """The clock is set at 100 s. The station that runs on, or is started again, writes the one event that tells how
    far it jumped.
    """
    at_s, synced = 10, False

    def stamp() -> Stamp:
        utc = datetime(2026, 11, 27, 3, 0, tzinfo=UTC) + timedelta(seconds=at_s, days=0 if synced else -20_000)
        quality = ClockQuality.SYNCED if synced else ClockQuality.UNSET
        return Stamp(Moment(utc, "UTC", 0, quality, "b007-2", at_s * 1000), "x")

    audit = ScaleAudit(store, AuditedScale(CHECKED), stamp, lambda: None)
    audit.begin()
    audit.check_clock()
    add_person(store.clerks, "Aygul", Role.CLERK, "hash", stamp())
    synced = True
    for _ in range(starts):
        audit = ScaleAudit(store, AuditedScale(CHECKED), stamp, lambda: None)
        audit.begin()
    for at_s in (100, 150, 300):  # noqa: B007 - read by stamp
        audit.check_clock()
    early, change = [event for event in written(store) if event.boot_id == "b007-2"]
    offset = clock_offset(change)
    assert offset is not None
    assert (early.quality, change.quality) == (ClockQuality.UNSET, ClockQuality.SYNCED)
    assert corrected_time(early, [offset]) == datetime(2026, 11, 27, 3, 0, 10, tzinfo=UTC)
    assert store.counters.read().clock == 1


# --- the journal of the pan -------------------------------------------------------------------------------------------


def test_a_load_nobody_booked_is_in_the_journal(store: Store, tmp_path: Path) -> None:
    with house(store, tmp_path) as shop:
        shop.scale.rest(0)
        shop.agreed()
        shop.scale.rest(0)
        shop.scale.rest(9_000)
        shop.service.desk.intake_exit.leave()
        shop.scale.rest(0)
        shop.scale.rest(7_000)
        shop.service.desk.choices.choose_party("non_member")
        shop.service.desk.choices.choose_product("BADAM", shop.service.desk.view().catalog_version)
        shop.service.desk.intake_exit.leave()
        shop.scale.rest(0)
    assert [(row.why, row.peak_g) for row in store.pan_loads.unbooked()] == [("abandoned", 7_000), ("not_asked", 9_000)]


def test_a_load_that_lies_there_over_a_restart_is_told_when_it_leaves(store: Store, tmp_path: Path) -> None:
    with house(store, tmp_path) as shop:
        shop.scale.rest(0)
        shop.scale.rest(9_000)
    assert store.pan_loads.before() == PreviousLoads(9_000, ())
    with house(store, tmp_path) as shop:
        shop.scale.rest(0)
    assert [row.why for row in store.pan_loads.unbooked()] == ["power"]


def test_a_booked_load_that_lies_there_over_a_restart_is_no_second_one(store: Store, tmp_path: Path) -> None:
    with house(store, tmp_path) as shop:
        shop.agreed(9_000)
    with house(store, tmp_path) as shop:
        shop.scale.rest(9_000)
        shop.scale.rest(0)
        shop.agreed(8_000)
    assert store.pan_loads.unbooked() == []


# --- the thread -------------------------------------------------------------------------------------------------------


@dataclass
class Moody:
    """A store that fails as long as ``fails`` says, then keeps everything."""

    fails: threading.Event = field(default_factory=threading.Event)
    asked: Heard = field(default_factory=Heard)
    kept: list[PanNote] = field(default_factory=list)
    observed: list[ScaleContent] = field(default_factory=list)

    @property
    def counters(self) -> Self:
        return self

    @property
    def checks(self) -> Self:
        return self

    @property
    def pan_loads(self) -> Self:
        return self

    @property
    def journal(self) -> Self:
        return self

    def newest_moment(self, boot_id: str) -> None:
        return None

    def read(self) -> CounterValues:
        return CounterValues()

    def last(self) -> CheckRow | None:
        return None

    def observe_scale(self, content: ScaleContent, stamp: Stamp) -> int:
        self._try()
        self.observed.append(content)
        return 0

    def count_clock(self, before: ClockQuality, after: ClockQuality, step_s: int, stamp: Stamp) -> int:
        return 0

    def note(self, note: PanNote, stamp: Stamp) -> None:
        self._try()
        self.kept.append(note)
        self.asked("kept")

    def before(self) -> PreviousLoads:
        return PreviousLoads()

    def _try(self) -> None:
        if self.fails.is_set():
            self.asked("failed")
            raise DiskFull("full")


def left(number: int) -> LoadLeftNote:
    return LoadLeftNote(1_000 + number, UnbookedWhy.NO_INTAKE)


def test_notes_that_a_full_disk_refused_are_written_later_in_their_order() -> None:
    store = Moody()
    store.fails.set()
    audit = ScaleAudit(store, AuditedScale(CHECKED, scale_of(5)), lambda: STAMP, lambda: None, retry_s=0.01)
    assert audit.begin() == PreviousLoads()
    audit.worker.start()
    for number in range(5):
        audit.note(left(number))
    store.asked.wait(lambda words: words.count("failed") > 2)
    store.fails.clear()
    store.asked.wait(lambda words: words.count("kept") == 5)
    audit.worker.stop()
    assert store.kept == [left(number) for number in range(5)]
    assert store.observed == [scale_of(5)], "the scale is counted as soon as the disk takes it"


def test_what_waits_is_bounded_and_a_stop_with_a_dead_disk_ends() -> None:
    store = Moody()
    store.fails.set()
    audit = ScaleAudit(store, AuditedScale(CHECKED), lambda: STAMP, lambda: None, retry_s=60.0)
    for number in range(MAX_WAITING_NOTES + 10):
        audit.note(left(number))
    assert len(audit._waiting) == MAX_WAITING_NOTES
    audit.worker.start()
    audit.worker.stop(WAIT_S)
    assert not audit.worker.is_alive


def test_a_stop_writes_what_waits() -> None:
    store = Moody()
    audit = ScaleAudit(store, AuditedScale(CHECKED), lambda: STAMP, lambda: None)
    audit.worker.start()
    for number in range(20):
        audit.note(left(number))
    audit.worker.stop(WAIT_S)
    assert len(store.kept) == 20


def test_a_store_that_raises_anything_does_not_end_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Moody()
    broken = iter([True, False])

    def note(note: PanNote, stamp: Stamp) -> None:
        if next(broken, False):
            raise RuntimeError("a bug")
        store.kept.append(note)
        store.asked("kept")

    monkeypatch.setattr(store, "note", note)
    audit = ScaleAudit(store, AuditedScale(CHECKED), lambda: STAMP, lambda: None, retry_s=0.01)
    audit.worker.start()
    audit.note(left(1))
    store.asked.wait(lambda words: "kept" in words)
    audit.worker.stop()
    assert store.kept == [left(1)]
