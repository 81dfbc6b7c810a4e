"""Parcels in, on the shelf and out: what is written, what is told, what is refused."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from kiosk.domain.events import EVENT_CLASSES
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import CollectedBy, Consent, ParcelNumber, ParcelState, Proof
from kiosk.store import Arrival, ExpectedParcel, ParcelRow, Store, StoreError, StoreRefusal
from kiosk.store.shared.records import DamageEvidence, HandoverProof, NewCode, SlotAssignment
from tests.store.counter_rig import (
    CLERK,
    PHOTO,
    SLOTS,
    Codes,
    arrival,
    arrive,
    collect,
    days_ago,
    days_later,
    mac_of,
    papers,
    slip,
)
from tests.store.village import content, events, rows, stamp

FIRST = ParcelNumber("S0147", "A", 1)

DIGEST = re.compile(r'\b[0-9a-f]{64}\b|"metrology":"[^"]*"')
"""What any change of the software changes: among so many digits every short number stands sooner or later."""


@pytest.fixture
def codes() -> Codes:
    return Codes()


def told(path: Path) -> list[str]:
    """The verbs of all parcel events."""
    types = [one["type"] for one in events(path)]
    return [type_.split(".")[2] for type_ in types if type_.startswith("station.parcel.")]


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(StoreRefusal) as caught:
        act()
    assert caught.value.code == code


def test_a_scan_is_a_number_a_slot_a_code_and_two_papers(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    assert (str(row.number), row.state, row.shelf, row.code_no) == ("P-0147-A-000001", "noticed", "A-1-01", 1)
    assert (row.expected, row.surplus, row.damaged, row.repeated) == (False, False, False, False)
    assert (row.arrived_at, row.shelf_since, row.closed_at) == (*["2026-11-24T03:00:00.000Z"] * 2, None)
    assert told(path) == ["arrived", "shelved", "noticed"]
    assert [one["data"] for one in events(path)[-3:]] == [
        {
            "parcel": "P-0147-A-000001",
            "actor": CLERK,
            "carrier": "SF",
            "waybill_sha256_8": "b0e1b3db",
            "consent": "carrier_order_flag",
            "expected": False,
            "surplus": False,
            "damaged": False,
        },
        {"parcel": "P-0147-A-000001", "actor": CLERK, "shelf": "A-1-01"},
        {"parcel": "P-0147-A-000001", "actor": CLERK, "code_no": 1},
    ]
    jobs = store.papers.open_jobs()
    assert [(job.document, job.printer, job.about, job.receipt) for job in jobs] == [
        ("parcel_label", "label", "P-0147-A-000001", ""),
        ("pickup_slip", "receipt", "P-0147-A-000001", ""),
    ]
    assert store.papers.next("receipt") == jobs[1]
    assert (
        store.parcels.by_number(row.number)
        == store.parcels.in_slot("A-1-01")
        == store.parcels.by_waybill(row.waybill)
        == row
    )


def test_the_short_hash_is_of_the_waybill(store: Store, path: Path, codes: Codes) -> None:
    arrive(store, codes, "SF1385000000001")
    # printf SF1385000000001 | sha256sum
    assert events(path)[-3]["data"]["waybill_sha256_8"] == "b0e1b3db"


def test_an_arrival_is_one_transaction(store: Store, codes: Codes) -> None:
    commits: list[object] = []
    event.listen(store._database._writer, "commit", commits.append)
    row = arrive(store, codes)
    assert len(commits) == 1
    collect(store, row, codes.given[row.number])
    assert len(commits) == 2


def test_the_same_waybill_again_writes_nothing_and_says_where_it_is(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    before = content(path)
    again = arrive(store, codes)
    assert again.repeated
    assert (again.number, again.shelf, again.arrived_at) == (row.number, "A-1-01", row.arrived_at)
    assert content(path) == before
    collected = collect(store, row, codes.given[row.number])
    before = content(path)
    again = arrive(store, codes)
    assert (again.repeated, again.state, again.closed_at) == (True, "collected", collected.closed_at)
    assert content(path) == before


def test_slots_are_filled_in_order_and_freed(store: Store, codes: Codes) -> None:
    parcels = [arrive(store, codes, f"SF{number:012d}") for number in range(len(SLOTS))]
    assert [row.shelf for row in parcels] == list(SLOTS)
    refused("shelves_full", lambda: arrive(store, codes, "SF999999999999"))
    assert store.parcels.by_waybill("SF999999999999") is None
    collect(store, parcels[1], codes.given[parcels[1].number])
    assert store.parcels.in_slot(SLOTS[1]) is None
    assert arrive(store, codes, "SF999999999999").shelf == SLOTS[1]


def test_a_code_works_once(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    code = codes.given[row.number]
    assert store.parcels.by_mac(mac_of(code)) == row
    refused("code_used", lambda: collect(store, row, "999999"))
    done = collect(store, row, code)
    assert (done.state, done.shelf, done.closed_at) == ("collected", None, "2026-11-24T03:00:00.000Z")
    assert events(path)[-1]["data"] == {"parcel": str(row.number), "actor": CLERK, "proof": "code", "by": "self"}
    assert store.parcels.by_mac(mac_of(code)) is None
    refused("collected", lambda: collect(store, row, code))
    assert store.papers.open_jobs() == []
    assert rows(path, "SELECT state, length(body) FROM print_job WHERE document = 'pickup_slip'") == [("cancelled", 0)]


def test_a_new_code_cancels_the_old_one_and_its_slip(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    old = codes.given[row.number]
    new = store.parcels.reissue_code(row.number, NewCode(codes, lambda one: [slip(one)]), CLERK, stamp())
    assert (new.code_no, new.state, new.shelf) == (2, "noticed", row.shelf)
    assert events(path)[-1]["data"] == {"parcel": str(row.number), "actor": CLERK, "code_no": 2}
    assert [(job.document, job.body) for job in store.papers.open_jobs()] == [
        ("parcel_label", b"label A-1-01"),
        ("pickup_slip", b"sealed slip P-0147-A-000001 2"),
    ]
    assert store.parcels.by_mac(mac_of(old)) is None
    refused("code_used", lambda: collect(store, row, old))
    assert collect(store, row, codes.given[row.number]).state == "collected"
    refused("collected", lambda: store.parcels.reissue_code(row.number, NewCode(codes, papers), CLERK, stamp()))


def test_a_code_in_use_is_not_given_again(store: Store, codes: Codes) -> None:
    row = arrive(store, codes)
    taken = codes.given[row.number]
    offered = iter([taken, taken, "700000"])
    second = store.parcels.arrive(
        arrival("YT88"), SlotAssignment(SLOTS, lambda _: mac_of(next(offered)), papers), stamp()
    )
    assert store.parcels.by_mac(mac_of("700000")) == second
    with pytest.raises(StoreError, match="random numbers does not work"):
        store.parcels.arrive(arrival("YT89"), SlotAssignment(SLOTS, lambda _: mac_of(taken), papers), stamp())
    assert store.parcels.by_waybill("YT89") is None


def test_a_proxy_is_named_and_the_name_stays_here(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    for name in (None, "", "x" * 41):
        refused(
            "proxy_needs_name",
            lambda name=name: store.parcels.collect(  # type: ignore[misc]
                row.number, HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, name, CLERK), stamp()
            ),
        )
    store.parcels.collect(row.number, HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, "Tursun <b>", CLERK), stamp())
    assert rows(path, "SELECT proxy_name FROM parcel") == [("Tursun <b>",)]
    assert events(path)[-1]["data"]["by"] == "proxy"


def test_a_damaged_parcel_waits_for_its_photo(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes, damaged=True)
    assert (row.state, row.shelf, row.code_no, row.damaged) == ("arrived", None, 0, True)
    assert (store.papers.open_jobs(), told(path)) == ([], ["arrived"])
    accept = store.parcels.accept_damaged
    refused(
        "damaged_needs_photo",
        lambda: accept(row.number, DamageEvidence("", CLERK), SlotAssignment(SLOTS, codes, papers), stamp()),
    )
    refused("not_waiting", lambda: collect(store, row, "100001"))
    done = accept(row.number, DamageEvidence(PHOTO, CLERK), SlotAssignment(SLOTS, codes, papers), stamp())
    assert (done.state, done.shelf, done.photo_sha256) == ("noticed", "A-1-01", PHOTO)
    assert told(path) == ["arrived", "damaged", "shelved", "noticed"]
    assert len(store.papers.open_jobs()) == 2
    refused(
        "not_waiting",
        lambda: accept(row.number, DamageEvidence(PHOTO, CLERK), SlotAssignment(SLOTS, codes, papers), stamp()),
    )


def test_a_damaged_parcel_may_be_refused(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes, damaged=True)
    assert store.parcels.refuse(row.number, CLERK, stamp()).state == "refused"
    assert told(path) == ["arrived", "refused"]
    again = arrive(store, codes)
    assert (again.repeated, again.number.counter) == (False, 2)
    refused("not_waiting", lambda: store.parcels.refuse(again.number, CLERK, stamp()))


def test_a_delivery_with_a_list(store: Store, path: Path, codes: Codes) -> None:
    listed = [ExpectedParcel(f"SF{number:012d}", "SF", f"{number:04d}") for number in range(3)]
    assert arrive(store, codes, "YT0").surplus is False
    assert store.deliveries.expect([*listed, listed[0], ExpectedParcel("YT0", "YTO")], stamp()) == 3
    before = content(path)
    assert store.deliveries.expect(listed, stamp()) == 0
    assert content(path) == before
    expected = [arrive(store, codes, listed[number].waybill) for number in (0, 1)]
    surplus = arrive(store, codes, "YT1")
    assert [(row.expected, row.surplus, row.phone_last4) for row in (*expected, surplus)] == [
        (True, False, "0000"),
        (True, False, "0001"),
        (False, True, None),
    ]
    (missing,) = store.deliveries.close(CLERK, stamp())
    assert (missing.waybill, missing.state) == (listed[2].waybill, "missing")
    assert store.parcels.by_number(missing.number) == missing
    assert events(path)[-1]["data"] == {"parcel": str(missing.number), "actor": CLERK}
    assert store.deliveries.close(CLERK, stamp()) == []
    assert Counter(told(path))["missing"] == 1
    collect(store, surplus, codes.given[surplus.number])
    late = arrive(store, codes, listed[2].waybill)
    assert (late.number, late.expected, late.state) == (missing.number, True, "noticed")
    collect(store, late, codes.given[late.number])
    assert arrive(store, codes, "YT2").surplus is False, "the list is closed"


def test_a_scan_taken_back(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    gone = store.parcels.withdraw(row.number, CLERK, stamp())
    assert (gone.state, gone.shelf) == ("withdrawn", None)
    assert store.papers.open_jobs() == []
    assert store.parcels.by_mac(mac_of(codes.given[row.number])) is None
    assert told(path)[-1] == "withdrawn"
    again = arrive(store, codes)
    assert (again.repeated, again.number.counter, again.shelf) == (False, 2, "A-1-01")
    collect(store, again, codes.given[again.number])
    refused("collected", lambda: store.parcels.withdraw(again.number, CLERK, stamp()))


def test_a_scan_of_a_listed_parcel_taken_back(store: Store, codes: Codes) -> None:
    store.deliveries.expect([ExpectedParcel("SF1", "SF", "1234")], stamp())
    row = arrive(store, codes, "SF1")
    store.parcels.withdraw(row.number, CLERK, stamp())
    waiting = store.parcels.by_waybill("SF1")
    assert waiting is not None
    assert (waiting.state, waiting.number.counter, waiting.phone_last4) == ("expected", 2, "1234")
    assert arrive(store, codes, "SF1").number == waiting.number


def test_lost_and_found(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    lost = store.parcels.lose(row.number, CLERK, stamp())
    assert (lost.state, lost.shelf) == ("lost", "A-1-01")
    assert store.parcels.in_slot("A-1-01") is None
    code = codes.given[row.number]
    assert store.parcels.by_mac(mac_of(code)) is None
    refused("not_waiting", lambda: collect(store, row, code))
    assert arrive(store, codes, "YT1").shelf == "A-1-01"
    refused("shelves_full", lambda: store.parcels.find(row.number, CLERK, stamp()))
    found = store.parcels.find(row.number, CLERK, stamp(), SLOTS)
    assert (found.state, found.shelf, found.code_no) == ("noticed", "A-1-02", 1)
    assert told(path)[-3:] == ["found", "shelved", "noticed"]
    assert collect(store, found, code).state == "collected"


def test_a_found_parcel_goes_where_it_was(store: Store, codes: Codes) -> None:
    row = arrive(store, codes)
    store.parcels.lose(row.number, CLERK, stamp())
    assert store.parcels.find(row.number, CLERK, stamp(), SLOTS[1:]).shelf == "A-1-01"


def test_overdue_then_back_with_the_truck(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)

    def sweep(day: float) -> list[ParcelRow]:
        at = days_later(day)
        return store.parcels.sweep(days_ago(3, at), days_ago(7, at), at)

    assert sweep(2.9) == []
    assert [one.state for one in sweep(3.1)] == ["overdue"]
    assert sweep(6.9) == []
    refused("not_waiting", lambda: store.parcels.give_back(row.number, CLERK, stamp()))
    assert [one.state for one in sweep(7.1)] == ["return_due"]
    assert sweep(60) == []
    assert [row.state for row in store.parcels.in_states({ParcelState.RETURN_DUE})] == ["return_due"]
    assert store.parcels.give_back(row.number, CLERK, stamp()).state == "returned"
    assert told(path)[3:] == ["overdue", "returnable", "returned"]
    assert [one["data"]["actor"] for one in events(path)[-3:]] == ["station", "station", CLERK]


def test_a_station_that_was_off_for_weeks_goes_the_whole_way(store: Store, path: Path, codes: Codes) -> None:
    arrive(store, codes)
    at = days_later(30)
    assert [one.state for one in store.parcels.sweep(days_ago(3, at), days_ago(7, at), at)] == ["return_due"]
    assert told(path)[3:] == ["returnable"]


def test_what_came_under_an_unset_clock_counts_from_the_first_look(store: Store, codes: Codes) -> None:
    row = store.parcels.arrive(arrival(), SlotAssignment(SLOTS, codes, papers), days_later(-20_000, ClockQuality.UNSET))
    unset = days_later(40, ClockQuality.UNSET)
    assert store.parcels.sweep(days_ago(3, unset), days_ago(7, unset), unset) == []
    for day, expected in ((0.0, []), (2.9, []), (3.1, ["overdue"])):
        at = days_later(day)
        assert [one.state for one in store.parcels.sweep(days_ago(3, at), days_ago(7, at), at)] == expected
    store.parcels.due_back(row.number, CLERK, stamp())
    store.parcels.give_back(row.number, CLERK, days_later(-20_000, ClockQuality.UNSET))
    for day, forgotten in ((10.0, 0), (16.9, 0), (17.1, 1), (18.0, 0)):
        at = days_later(day)
        assert store.parcels.erase_personal_data(days_ago(7, at), at) == forgotten
    assert store.parcels.erase_personal_data(unset.moment.timestamp, unset) == 0


def test_a_clock_that_was_only_restored_counts_no_days(store: Store, path: Path, codes: Codes) -> None:
    """After a long power-off it is days behind; once a time server sets it, nothing of today may be old."""
    behind = days_later(-10, ClockQuality.RESTORED)
    waits = store.parcels.arrive(arrival("SF777"), SlotAssignment(SLOTS, codes, papers), behind)
    gone = store.parcels.arrive(arrival("SF888"), SlotAssignment(SLOTS, codes, papers), behind)
    store.parcels.collect(gone.number, HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, "Tursun", CLERK), behind)
    store.deliveries.expect([ExpectedParcel("SF999", "SF", "4711")], behind)
    store.deliveries.close(CLERK, behind)
    later = days_later(40, ClockQuality.RESTORED)
    assert store.parcels.sweep(days_ago(3, later), days_ago(7, later), later) == []
    assert store.parcels.erase_personal_data(days_ago(7, later), later) == 0
    for day, moved, forgotten in ((0.0, [], 0), (2.9, [], 0), (3.1, ["overdue"], 0), (7.1, ["return_due"], 2)):
        at = days_later(day)
        assert [one.state for one in store.parcels.sweep(days_ago(3, at), days_ago(7, at), at)] == moved
        assert store.parcels.erase_personal_data(days_ago(7, at), at) == forgotten
    assert "Tursun" not in "\n".join(content(path))
    kept = store.parcels.by_number(waits.number)
    assert kept is not None
    assert kept.arrived_at == behind.moment.timestamp, "what the clock said stays on record"


def test_another_package_of_a_waybill_is_a_parcel_of_its_own(store: Store, codes: Codes) -> None:
    store.deliveries.expect([ExpectedParcel("JD0012345678901", "JD", "4711")], stamp())
    first = arrive(store, codes, "JD0012345678901")
    more = replace(arrival("JD0012345678901", carrier="JD"), another=True)
    second = store.parcels.arrive(more, SlotAssignment(SLOTS, codes, papers), stamp())
    assert (first.expected, second.waybill, second.repeated) == (True, first.waybill, False)
    assert (second.number != first.number, second.surplus) == (True, False), "the list names the waybill once"
    collect(store, second, codes.given[second.number])
    found = store.parcels.by_waybill("JD0012345678901")
    assert found is not None
    assert found.number == first.number, "what is still here comes before what is gone"
    collect(store, first, codes.given[first.number])
    undone = store.parcels.arrive(more, SlotAssignment(SLOTS, codes, papers), stamp())
    store.parcels.withdraw(undone.number, CLERK, stamp())
    again = arrive(store, codes, "JD0012345678901")
    assert (again.repeated, again.state) == (True, ParcelState.COLLECTED)


def test_seven_days_later_nobody_knows_whose_it_was(store: Store, path: Path, codes: Codes) -> None:
    store.deliveries.expect([ExpectedParcel("SF777", "SF", "4711"), ExpectedParcel("SF888", "SF", "4712")], stamp())
    row = arrive(store, codes, "SF777")
    store.deliveries.close(CLERK, stamp())
    store.parcels.collect(row.number, HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, "Tursun", CLERK), stamp())
    kept = arrive(store, codes, "SF999")
    at = days_later(7.1)
    assert store.parcels.erase_personal_data(days_ago(7, at), at) == 2, "the collected one and the missing one"
    everything = DIGEST.sub("", "\n".join(content(path)))
    for gone in ("SF777", "SF888", "4711", "4712", "Tursun"):
        assert gone not in everything
    assert store.parcels.by_number(kept.number) == kept
    again = arrive(store, codes, "SF777")
    assert (again.repeated, again.state, again.waybill) == (True, "collected", "")
    late = arrive(store, codes, "SF888")
    assert (late.state, late.waybill, late.expected) == ("noticed", "SF888", True)


def test_a_parcel_for_another_place_is_given_back(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    assert store.parcels.misroute(row.number, CLERK, stamp()).state == "misrouted"
    assert (store.papers.open_jobs(), told(path)[-1]) == ([], "misrouted")


def test_a_parcel_of_nobody(store: Store, codes: Codes) -> None:
    arrive(store, codes)
    for number in (ParcelNumber("S0147", "A", 2), ParcelNumber("S0999", "A", 1), ParcelNumber("S0147", "B", 1)):
        assert store.parcels.by_number(number) is None
        refused("unknown_parcel", lambda number=number: store.parcels.lose(number, CLERK, stamp()))  # type: ignore[misc]
    assert store.parcels.in_slot("Z-9-99") is None
    assert store.parcels.by_waybill("NOBODY") is None


def test_counts_and_lists(store: Store, codes: Codes) -> None:
    parcels = [arrive(store, codes, f"SF{number}") for number in range(4)]
    store.parcels.due_back(parcels[2].number, CLERK, stamp())
    counts = store.parcels.counts()
    assert set(counts) == set(ParcelState)
    assert {state: count for state, count in counts.items() if count} == {"noticed": 3, "return_due": 1}
    waiting = {ParcelState.NOTICED, ParcelState.RETURN_DUE}
    assert [row.number.counter for row in store.parcels.in_states(waiting)] == [1, 2, 3, 4]
    assert [row.number.counter for row in store.parcels.in_states(waiting, limit=2, offset=1)] == [2, 3]
    assert store.parcels.in_states(set()) == []


def test_an_event_says_nothing_about_a_person(store: Store, path: Path, codes: Codes) -> None:
    """Every step there is, and not one byte of waybill, phone, code, hash of the code or name in the journal."""
    store.deliveries.expect(
        [ExpectedParcel("SF4711471147", "SF", "9876"), ExpectedParcel("SF5", "SF", "9877")], stamp()
    )
    first = arrive(store, codes, "SF4711471147")
    store.parcels.reissue_code(first.number, NewCode(codes, lambda row: [slip(row)]), CLERK, stamp())
    store.parcels.lose(first.number, CLERK, stamp())
    store.parcels.find(first.number, CLERK, stamp(), SLOTS)
    store.parcels.collect(first.number, HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, "Tursunay", CLERK), stamp())
    other = arrive(store, codes, "ZTO7312731273", damaged=True)
    store.parcels.accept_damaged(
        other.number, DamageEvidence(PHOTO, CLERK), SlotAssignment(SLOTS, codes, papers), stamp()
    )
    job = store.papers.next("receipt")
    assert job is not None
    store.papers.sending(job.id)
    store.papers.unknown(job.id, "device", stamp())
    at = days_later(4)
    store.parcels.sweep(days_ago(3, at), days_ago(7, at), at)
    store.parcels.due_back(other.number, CLERK, stamp())
    store.parcels.give_back(other.number, CLERK, stamp())
    third = arrive(store, codes, "JD7312731274")
    store.parcels.withdraw(third.number, CLERK, stamp())
    fourth = arrive(store, codes, "JD7312731275")
    store.parcels.misroute(fourth.number, CLERK, stamp())
    fifth = arrive(store, codes, "JD7312731276", damaged=True)
    store.parcels.refuse(fifth.number, CLERK, stamp())
    store.deliveries.close(CLERK, stamp())
    kinds = {kind.TYPE.split(".")[2] for kind in EVENT_CLASSES if kind.TYPE.startswith("station.parcel.")}
    assert set(told(path)) == kinds
    bodies = [body.decode() for (body,) in rows(path, "SELECT body FROM journal")]
    journal = DIGEST.sub("", "\n".join(bodies))
    secrets = ["4711471147", "7312731", "9876", "9877", "Tursunay", "sealed slip"]
    for code in range(100_001, next(codes.numbers)):
        secrets.append(str(code))
        assert mac_of(str(code)).hex() not in "\n".join(bodies)
    for secret in secrets:
        assert secret not in journal
    assert store.journal.verify() == len(journal.splitlines())


@pytest.mark.parametrize("waybill", ["", "sf1", "SF 1", "SF1\n", "快递", "<SCRIPT>", "S" * 65])
def test_a_waybill_that_is_not_normalized_is_not_taken(waybill: str) -> None:
    with pytest.raises(ValueError, match="normalized waybill"):
        Arrival(waybill, "SF", Consent.RECIPIENT_CONSENTED, False, CLERK)
    with pytest.raises(ValueError, match="normalized waybill"):
        ExpectedParcel(waybill, "SF")


@pytest.mark.parametrize(("carrier", "actor"), [("Tursun Dawut", CLERK), ("SF", "Tursun"), ("sf", CLERK)])
def test_a_name_in_place_of_a_code_is_not_told(
    store: Store, path: Path, codes: Codes, carrier: str, actor: str
) -> None:
    before = content(path)
    with pytest.raises(ValueError, match=r"carrier is a code|actor looks like"):
        store.parcels.arrive(
            Arrival("SF1", carrier, Consent.RECIPIENT_CONSENTED, False, actor),
            SlotAssignment(SLOTS, codes, papers),
            stamp(),
        )
    assert content(path) == before


def test_two_threads_hand_over_one_parcel(store: Store, path: Path, codes: Codes) -> None:
    for number in range(8):
        row = arrive(store, codes, f"SF{number}")
        barrier = threading.Barrier(2)
        results: list[str] = []

        def hand_over(row: ParcelRow = row, barrier: threading.Barrier = barrier, out: list[str] = results) -> None:
            barrier.wait(10)
            try:
                collect(store, row, codes.given[row.number])
                out.append("done")
            except StoreRefusal as error:
                out.append(error.code)

        threads = [threading.Thread(target=hand_over) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(results) == ["collected", "done"]
    assert Counter(told(path))["collected"] == 8


def test_a_new_epoch_tells_parcels_again_and_numbers_go_on(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    store.days.close(CLERK, lambda totals, head: [], stamp())
    collect(store, row, codes.given[row.number])
    old = events(path)[1:]
    store.epochs.start("behind")
    new = events(path)[-len(old) :]
    assert [(one["type"], one["data"]) for one in new] == [(one["type"], one["data"]) for one in old]
    assert [one["reissued"] for one in new] == [one["id"] for one in old]
    assert str(arrive(store, codes, "YT1").number) == "P-0147-B-000001"
    totals = store.days.totals()
    assert (totals.parcels_in, totals.parcels_out) == (1, 1), "since the close, and nothing twice"
    store.journal.verify()


def test_a_slip_says_what_it_says_only_until_it_is_out(store: Store, path: Path, codes: Codes) -> None:
    row = arrive(store, codes)
    job = store.papers.next("receipt")
    assert job is not None and b"sealed slip" in job.body
    store.papers.sending(job.id)
    store.papers.done(job.id)
    store.papers.done(_send(store, "label"))
    assert rows(path, "SELECT document, body FROM print_job ORDER BY id") == [
        ("parcel_label", b"label A-1-01"),
        ("pickup_slip", b""),
    ]
    refused("reissue", lambda: store.papers.reprint(job.id, CLERK, stamp()))
    store.parcels.reissue_code(row.number, NewCode(codes, lambda one: [slip(one)]), CLERK, stamp())
    second = _send(store, "receipt")
    store.papers.unknown(second, "device", stamp())
    assert rows(path, f"SELECT state, body FROM print_job WHERE id = {second}") == [("unknown", b"")]
    assert json.loads(rows(path, "SELECT body FROM journal ORDER BY position DESC LIMIT 1")[0][0])["data"] == {
        "receipt": "",
        "document": "pickup_slip",
        "bag": 0,
        "why": "device",
        "about": str(row.number),
    }
    refused("reissue", lambda: store.papers.resolve(second, False, CLERK, stamp()))
    store.parcels.reissue_code(row.number, NewCode(codes, lambda one: [slip(one)]), CLERK, stamp())
    assert [(job.document, job.state) for job in store.papers.open_jobs()] == [("pickup_slip", "queued")]


def _send(store: Store, printer: str) -> int:
    job = store.papers.next(printer)
    assert job is not None
    store.papers.sending(job.id)
    return job.id
