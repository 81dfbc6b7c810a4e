"""A second machine under one station number is told by its boot id; a machine that starts again is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.messaging.contract.control import Hello, encode
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ingest.message_parsing import merge_deliveries, parse_message
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.sightings import Boots, detect_twin
from kiosk.sorting_center.shared.alarm_texts import english_detail
from kiosk.sorting_center.shared.ports import Inbound
from tests.sorting_center.ledger.incidents import alarm_rows
from tests.sorting_center.station_journal import NOW

EPOCH = "00c0ffee00c0ffee"
Heard = list[tuple[str, int]]


def hello(boot: str, at_ms: int) -> Hello:
    return Hello(EPOCH, 8, 5, 3, "kiosk test", boot, at_ms)


def alarms(heard: Heard) -> list[tuple[int, str]]:
    """At which hello what is said; what is kept goes through its text, as in a ledger."""
    boots, said = Boots(), []
    for number, (boot, at_ms) in enumerate(heard):
        detail = detect_twin(boots, hello(boot, at_ms))
        if detail is not None:
            said.append((number, detail))
        if boots.is_new(hello(boot, at_ms)):
            boots = Boots.parse(boots.with_hello(hello(boot, at_ms)).text)
    return said


def test_no_twin(subtests: pytest.Subtests) -> None:
    for what, heard in [
        ("nothing", []),
        ("one machine", [("a", 1), ("a", 2), ("a", 600_000)]),
        ("a restart", [("a", 1), ("a", 500), ("b", 3)]),
        ("many restarts", [(f"{boot:x}", at) for boot in range(40) for at in (3, 600)]),
        ("an old station", [("", 0), ("", 0), ("a", 1), ("", 0), ("a", 2)]),
        ("a broker that delivers again", [("a", 1), ("a", 7), ("b", 3), ("a", 1), ("a", 7), ("b", 3)]),
    ]:
        with subtests.test(what=what, heard=heard):
            assert alarms(heard) == [], what


def test_a_twin_is_named_with_the_other(subtests: pytest.Subtests) -> None:
    for what, heard, at, both in [
        ("by turns", [("a", 1), ("b", 1), ("a", 2)], 2, ("a", "b")),
        ("one starts again in between", [("a", 1), ("b", 1), ("c", 1), ("a", 2)], 3, ("a", "c")),
        ("long after", [("a", 1), *(("b", at) for at in range(90)), ("a", 86_400_000)], 91, ("a", "b")),
    ]:
        with subtests.test(what=what, heard=heard, at=at, both=both):
            (first, *_) = alarms(heard)
            assert first[0] == at, what
            assert all(f"boot {boot}" in english_detail(first[1]) for boot in both)


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=30))
def test_one_machine_however_often_it_starts_and_its_hellos_come_again(lives: list[tuple[int, bool]]) -> None:
    heard: Heard = []
    for boot, (hellos, again) in enumerate(lives):
        own = [(f"{boot:x}", 100 * number) for number in range(1, hellos + 1)]
        heard += [*own, *(heard[-3:] if again else [])]
    assert alarms(heard) == []


@given(st.lists(st.sampled_from("ab"), min_size=3))
def test_two_machines_are_found_at_the_first_return(turns: list[str]) -> None:
    heard = [(boot, at) for at, boot in enumerate(turns, 1)]
    returns = [at for at in range(2, len(turns)) if turns[at] != turns[at - 1] and turns[at] in turns[: at - 1]]
    assert [at for at, _ in alarms(heard)][:1] == returns[:1]


def raised(ledger: Ledger) -> list[tuple[str, str, str, str]]:
    return [(row.kind, row.station, row.epoch, english_detail(row.detail)) for row in alarm_rows(ledger)]


def test_two_machines_that_take_turns_are_one_alarm_of_the_ledger(ledger: Ledger) -> None:
    """In one delivery or in several, and again after a start of the center: what was heard is in the ledger."""
    topic = Topics("shache", "S0147").hello

    def hear(*hellos: tuple[str, int]) -> None:
        ledger.commit(merge_deliveries(parse_message(Inbound(topic, encode(hello(*one)))) for one in hellos), NOW)

    hear(("aaaa", 1))
    hear(("aaaa", 5), ("bbbb", 2))
    hear(("aaaa", 5), ("bbbb", 2))
    assert raised(ledger) == []
    hear(("aaaa", 6))
    detail = "two machines send by turns under this number: boot aaaa and boot bbbb"
    assert raised(ledger) == [("twin", "S0147", EPOCH, detail)]
    hear(("bbbb", 3), ("aaaa", 7))
    assert len(raised(ledger)) == 1, "each thing once"
    other = Topics("shache", "S0148").hello
    ledger.commit(parse_message(Inbound(other, encode(hello("aaaa", 9)))), NOW)
    assert len(raised(ledger)) == 1, "of each station for itself"
