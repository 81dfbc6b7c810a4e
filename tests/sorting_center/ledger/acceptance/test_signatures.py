"""Events are released as their stations signed them: by keys that the ledger knows, and before anything counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from kiosk.domain.events import KeyMade
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.care.rebuild import rebuild
from kiosk.sorting_center.ledger.database import station_keys
from kiosk.sorting_center.ledger.database.schema import event, quarantine, station_key
from kiosk.sorting_center.ledger.quarantine import ReadmitResult
from kiosk.sorting_center.ledger.shared.records import EventKey
from kiosk.sorting_center.shared.signature_checks import check_inline
from tests.sorting_center.signing_station import SigningStation, key_of, with_signature
from tests.sorting_center.station_journal import NOW, confirmed, of_weight

REGION = "shache"
OTHER = "S0201"


def apart(ledger: Ledger) -> list[tuple[int, str]]:
    with ledger.reading() as connection:
        query = select(quarantine.c.seq, quarantine.c.reason).order_by(quarantine.c.seq)
        return [(row.seq, row.reason) for row in connection.execute(query)]


def fed(ledger: Ledger) -> list[int]:
    """Of S0147: what is in the feed."""
    with ledger.reading() as connection:
        query = select(event.c.seq).where(event.c.feedseq.is_not(None), event.c.station == "S0147")
        return list(connection.execute(query.order_by(event.c.feedseq)).scalars())


def counted(ledger: Ledger) -> int:
    return ledger.overview("2000-01-01T00:00:00.000Z").totals.intakes


def keys(ledger: Ledger, station: str = "S0147") -> list[tuple[str, str]]:
    with ledger.reading() as connection:
        rows = station_keys.of_region(connection, REGION)
    return [(row.public[:8], row.state) for row in rows if row.station == station]


def unsigned(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.reading() as connection:
        return [(row.station, row.events) for row in station_keys.unsigned_events(connection)]


@pytest.fixture
def signing(ledger: Ledger) -> SigningStation:
    """Its start and its key are in the ledger; so are those of another station."""
    other = SigningStation(OTHER, "ffffffffffffffff")
    ledger.accept([other.start(), other.make_key("other")], REGION, NOW)
    station = SigningStation()
    ledger.accept([station.start(), station.make_key()], REGION, NOW)
    return station


def test_what_is_signed_as_the_station_signs_counts(ledger: Ledger, signing: SigningStation) -> None:
    assert keys(ledger) == [(key_of("first").public.hex()[:8], "")]
    ledger.accept([signing.intake(1), signing.intake(2)], REGION, NOW)
    assert (fed(ledger), counted(ledger), apart(ledger), unsigned(ledger)) == ([1, 2, 3, 4], 2, [], [])


def flipped(item: ReceivedEvent) -> str:
    return item.signature[:20] + ("A" if item.signature[20] != "A" else "B") + item.signature[21:]


FORGERIES: dict[str, Callable[[ReceivedEvent, ReceivedEvent], str]] = {
    "a bit of it is flipped": lambda item, _: flipped(item),
    "it is another event's": lambda _, before: before.signature,
    "it is another station's": lambda item, _: sign_event(key_of("other"), item.sha256),
    "it is of no known key": lambda item, _: sign_event(key_of("unknown"), item.sha256),
    "it names this key, and is another's": lambda item, _: (
        item.signature[:9] + sign_event(key_of("other"), item.sha256)[9:]
    ),
    "it has no form": lambda *_: "no-signature",
    "it is cut": lambda item, _: item.signature[:-4],
    "another key names its hash": lambda item, _: item.signature.upper(),
}


def test_what_is_signed_wrongly_is_set_apart_and_counts_nowhere(
    ledger: Ledger, signing: SigningStation, subtests: pytest.Subtests
) -> None:
    before, bad = signing.intake(1), []
    ledger.accept([before], REGION, NOW)
    for place, (why, forge) in enumerate(FORGERIES.items(), start=2):
        with subtests.test(why):
            item = signing.intake(place)
            (state,) = ledger.accept([with_signature(item, forge(item, before))], REGION, NOW)
            bad.append(item.seq)
            assert (state.upto, list(state.quarantined)) == (item.seq, bad), "acknowledged, and named"
    ledger.accept([signing.intake(20)], REGION, NOW)
    assert apart(ledger) == [(seq, "bad_signature") for seq in bad]
    assert (fed(ledger), counted(ledger)) == ([1, 2, 3, signing.sealed[-1].seq], 2)
    assert unsigned(ledger) == []


def test_a_forgery_among_many_costs_itself_alone(ledger: Ledger, signing: SigningStation) -> None:
    """The first attempt is rolled back as a whole, and the second one takes all others in."""
    items = [signing.intake(number) for number in range(1, 60)]
    items[7], items[41] = (with_signature(items[at], flipped(items[at])) for at in (7, 41))
    (state,) = ledger.accept(items, REGION, NOW)
    assert (state.upto, counted(ledger)) == (61, 57)
    assert apart(ledger) == [(items[at].seq, "bad_signature") for at in (7, 41)]
    assert ledger.counts().events == 63


def test_a_key_that_does_not_sign_itself_is_none(ledger: Ledger, subtests: pytest.Subtests) -> None:
    for number, (why, signer) in enumerate({"another key has signed it": "other", "nothing has": ""}.items()):
        with subtests.test(why):
            station = SigningStation(f"S03{number:02d}", f"{number:016x}")
            start, made = station.start(), station.add(KeyMade(key_of("first").public.hex(), "first"))
            if signer:
                made = with_signature(made, sign_event(key_of(signer), made.sha256))
            ledger.accept([start, made, station.intake(1)], REGION, NOW)
            assert keys(ledger, station.station) == []
    assert apart(ledger) == [(2, "bad_signature")] * 2
    assert counted(ledger) == 2, "a station without a key is believed as it is"


def test_a_key_and_its_events_come_in_one_delivery_in_any_order(ledger: Ledger) -> None:
    station = SigningStation()
    items = [station.start(), station.intake(1), station.make_key(), *(station.intake(one) for one in range(2, 30))]
    bad = with_signature(items[-1], flipped(items[-1]))
    ledger.accept([bad, *reversed(items[:-1])], REGION, NOW)
    assert (counted(ledger), apart(ledger), unsigned(ledger)) == (28, [(bad.seq, "bad_signature")], [])


def test_held_events_are_judged_when_their_key_has_come(ledger: Ledger) -> None:
    station = SigningStation()
    start, made = station.start(), station.make_key()
    items = [station.intake(number) for number in range(1, 40)]
    items[10] = with_signature(items[10], sign_event(key_of("other"), items[10].sha256))
    ledger.accept([start, *items], REGION, NOW)
    assert (fed(ledger), apart(ledger)) == ([1], []), "the key of events above a gap may be on its way"
    ledger.accept([made], REGION, NOW)
    assert (counted(ledger), apart(ledger)) == (38, [(items[10].seq, "bad_signature")])
    assert items[10].seq not in fed(ledger)


def test_a_second_key_of_a_later_epoch_is_no_fault_of_the_first(ledger: Ledger, signing: SigningStation) -> None:
    """A station that came back from a backup tells its events again, first without and then with another key."""
    again = SigningStation("S0147", "aaaaaaaaaaaaaaaa")
    items = [again.start(), again.intake(7), again.make_key("second", "restored"), again.intake(8)]
    ledger.accept(items[2:], REGION, NOW)
    ledger.accept(items[:2], REGION, NOW)
    assert (apart(ledger), unsigned(ledger)) == ([], [])
    assert [public for public, _ in keys(ledger)] == [key_of(name).public.hex()[:8] for name in ("first", "second")]


def test_a_day_without_the_key_is_noted_until_a_signature_covers_it(ledger: Ledger, signing: SigningStation) -> None:
    key, signing.key = signing.key, None
    day = [signing.intake(number) for number in range(1, 6)]
    ledger.accept(day[:2], REGION, NOW)
    ledger.accept(day[2:], REGION, "2026-11-25T05:00:00.000Z")
    assert (counted(ledger), apart(ledger), unsigned(ledger)) == (5, [], [("S0147", 5)])
    signing.key = key
    for covered in (signing.cover(day, head="0" * 64), signing.cover(day[:-1]), signing.cover(day[1:])):
        ledger.accept([covered], REGION, NOW)
        assert unsigned(ledger) == [("S0147", 5)], "it does not cover what stands here"
    ledger.accept([signing.cover(day), signing.intake(6)], REGION, NOW)
    assert (unsigned(ledger), counted(ledger)) == ([], 6)
    signing.key = None
    short = [signing.intake(7)]
    signing.key = key
    ledger.accept([*short, signing.cover(short)], REGION, NOW)
    assert unsigned(ledger) == [], "in one delivery"


def test_what_a_revoked_key_signs_counts_as_unsigned(ledger: Ledger, signing: SigningStation) -> None:
    assert key_of("first").key_id.hex() != key_of("second").key_id.hex()
    assert ledger.revoke_key(REGION, "S0147", key_of("second").key_id.hex()) == 0
    assert ledger.revoke_key(REGION, "S0147", key_of("first").key_id.hex()) == 1
    item, worse = signing.intake(1), signing.intake(2)
    ledger.accept([item, with_signature(worse, flipped(worse))], REGION, NOW)
    assert (counted(ledger), unsigned(ledger), apart(ledger)) == (1, [("S0147", 1)], [(worse.seq, "bad_signature")])
    ledger.accept([signing.make_key("first", "repaired")], REGION, NOW)
    assert keys(ledger) == [(key_of("first").public.hex()[:8], "revoked")], "and is not believed when it is made again"
    assert unsigned(ledger) == [("S0147", 2)]
    ledger.accept([signing.make_key("second", "repaired"), signing.cover([item])], REGION, NOW)
    assert unsigned(ledger) == []


def test_the_key_of_a_copied_card_is_cloned(ledger: Ledger, signing: SigningStation) -> None:
    stranger, clone = signing.clone(), signing.clone()
    ledger.accept([signing.intake(1)], REGION, NOW)
    item = stranger.add(confirmed("S0147", 2, **of_weight(900)))
    ledger.accept([with_signature(item, flipped(item))], REGION, NOW)
    assert [state for _, state in keys(ledger)] == [""], "who has not the key has cloned nothing"
    ledger.accept([clone.add(confirmed("S0147", 3, **of_weight(800)))], REGION, NOW)
    assert [state for _, state in keys(ledger)] == ["cloned"]
    assert {reason for _, reason in apart(ledger)} == {"fork"}
    assert [state for _, state in keys(ledger, OTHER)] == [""]


def test_keys_are_made_again_from_the_events(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        station = SigningStation()
        ledger.accept([station.start(), station.make_key(), station.make_key("second", "repaired")], REGION, NOW)
        ledger.revoke_key(REGION, "S0147", key_of("first").key_id.hex())
        before = keys(ledger)
        with ledger.writing() as connection:
            connection.execute(station_key.delete().where(station_key.c.state == ""))
    rebuild(ledger_url)
    with Ledger.open(ledger_url) as ledger:
        assert sorted(keys(ledger)) == sorted(before), "and what was revoked stays so"


def test_a_station_that_makes_keys_without_end_is_not_believed_without_end(
    ledger: Ledger, signing: SigningStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station_keys, "MAX_KEYS", 3)
    ledger.accept([signing.make_key(f"further {number}") for number in range(5)], REGION, NOW)
    ledger.accept([signing.intake(1)], REGION, NOW)
    assert (len(keys(ledger)), counted(ledger)) == (3, 0)
    assert keys(ledger, OTHER) != []


def test_two_processes_judge_by_the_same_keys(postgres_ledger_url: str, numbered_at_once: None) -> None:
    with Ledger.open(postgres_ledger_url) as one, Ledger.open(postgres_ledger_url) as other:
        station = SigningStation()
        one.accept([station.start(), station.make_key()], REGION, NOW)
        item = station.intake(1)
        other.accept([with_signature(item, flipped(item))], REGION, NOW)
        assert apart(one) == [(item.seq, "bad_signature")]
        one.revoke_key(REGION, "S0147", key_of("first").key_id.hex())
        other.accept([station.intake(2)], REGION, NOW)
        assert unsigned(one) == [("S0147", 1)]


def test_what_is_released_in_steps_is_judged_in_steps(
    ledger: Ledger, signing: SigningStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ledger.acceptance.accept.MAX_HELD_EVENTS", 5)
    first, *items = [signing.intake(number) for number in range(1, 14)]
    items[8] = with_signature(items[8], flipped(items[8]))
    ledger.accept(items, REGION, NOW)
    handed: list[int] = []

    def begin(checks: Sequence[bytes]) -> Callable[[], bytes]:
        handed.append(len(checks))
        return check_inline(checks)

    (state,) = ledger.accept([first], REGION, NOW)
    while state.has_more:
        state = ledger.release_held(("S0147", signing.epoch, REGION), NOW, begin)
    assert (state.upto, counted(ledger), apart(ledger)) == (15, 12, [(items[8].seq, "bad_signature")])
    assert max(handed) <= 5


def test_what_a_key_signed_that_came_too_late_is_taken_in_by_hand(ledger: Ledger, signing: SigningStation) -> None:
    signing.key = key_of("second")
    early, forged = signing.intake(1), signing.intake(2)
    forged = with_signature(forged, sign_event(key_of("other"), forged.sha256))
    events = [early, forged]
    ledger.accept(events, REGION, NOW)
    results = [ledger.readmit(EventKey(REGION, one.station, one.epoch, one.seq, one.sha256)) for one in events]
    assert (results, counted(ledger)) == ([ReadmitResult.BAD_SIGNATURE] * 2, 0)
    ledger.accept([signing.make_key("second", "repaired")], REGION, NOW)
    results = [ledger.readmit(EventKey(REGION, one.station, one.epoch, one.seq, one.sha256)) for one in events]
    while ledger.number(100):
        pass
    assert results == [ReadmitResult.ACCEPTED, ReadmitResult.BAD_SIGNATURE]
    assert (counted(ledger), apart(ledger)) == (1, [(forged.seq, "bad_signature")])


def test_a_later_program_knows_the_key_that_this_one_did_not(ledger: Ledger) -> None:
    station = SigningStation()
    start, made = station.start(), replace(station.make_key(), problem="unknown_type")
    ledger.accept([start, made, station.intake(1)], REGION, NOW)
    assert (keys(ledger), counted(ledger)) == ([], 1)
    assert ledger.readmit(EventKey(REGION, made.station, made.epoch, made.seq, made.sha256)) is ReadmitResult.ACCEPTED
    assert [state for _, state in keys(ledger)] == [""]
