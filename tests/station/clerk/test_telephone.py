"""A PIN by telephone: what an answer is worth, for how long, and for whom."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.domain.clerk import BadPin
from kiosk.domain.telephone_pin import answer
from kiosk.station.clerk.telephone import ANSWERED_MS, TRIES, PinChallenge, TelephonePin, load_secret
from kiosk.store import Store
from tests.station.counter.rig import PIN, SECOND_PIN, CounterRig, refused
from tests.store.village import events

SECRET = bytes(range(32))
NEW_PIN = "408172"


@pytest.fixture
def pins(rig: CounterRig) -> TelephonePin:
    return made(rig)


def made(rig: CounterRig, secret: bytes | None = SECRET) -> TelephonePin:
    """As after a start of the station."""
    return TelephonePin(rig.access, "S0147", secret, lambda: rig.clock.stamp().moment.monotonic_ms)


def told(found: PinChallenge, clerk: str = "", secret: bytes = SECRET, station: str = "S0147") -> str:
    """What the county says on the telephone."""
    return answer(secret, station, clerk or found.person.number, found.challenge)


def test_from_the_digits_to_the_new_pin(rig: CounterRig, pins: TelephonePin, store: Store, tmp_path: Path) -> None:
    shown = pins.begin("02")
    token = pins.check(shown.challenge, told(shown))
    assert (pins.answered_by(token), pins.answered_by("")) == (shown.person, None)
    for pin in ("123456", "1234"):
        with pytest.raises(BadPin):
            pins.set_pin(token, pin)
    assert refused(lambda: pins.set_pin("another browser", NEW_PIN)).code == "challenge_over"
    assert pins.set_pin(token, NEW_PIN) == shown.person
    assert refused(lambda: pins.set_pin(token, SECOND_PIN)).code == "challenge_over", "once"
    assert refused(lambda: rig.access.sign_in("02", SECOND_PIN)).code == "wrong_pin"
    assert rig.access.sign_in("02", NEW_PIN).person == shown.person
    newest = [event["data"] for event in events(tmp_path / "station.db") if event["type"] == "station.clerk.changed.v1"]
    assert newest[-1] == {"clerk": "clerk:02", "role": "clerk", "what": "pin"}


def test_an_answer_is_worth_one_challenge_of_one_person_at_one_station(rig: CounterRig, pins: TelephonePin) -> None:
    first = pins.begin("01")
    other = pins.begin("02")
    assert refused(lambda: pins.check(first.challenge, told(first))).code == "challenge_over", "of another person"
    for wrong in (
        told(other, "01"),
        told(other, station="S0148"),
        told(other, secret=bytes(32)),
        answer(SECRET, "S0147", "02", first.challenge),
    ):
        rig.clock.wait(60)
        assert refused(lambda wrong=wrong: pins.check(other.challenge, wrong)).code == "wrong_answer"
    rig.clock.wait(60)
    right = told(other)
    token = pins.check(other.challenge, right)
    assert refused(lambda: pins.check(other.challenge, right)).code == "challenge_over", "used up"
    pins.set_pin(token, NEW_PIN)
    assert pins.begin("02").challenge != other.challenge
    assert refused(lambda: pins.check(other.challenge, right)).code == "challenge_over", "said again the next day"


def test_guessing_ends_as_that_of_a_pin_does(rig: CounterRig, pins: TelephonePin, store: Store) -> None:
    shown = pins.begin("02")
    for _ in range(TRIES):
        rig.clock.wait(60)
        assert refused(lambda: pins.check(shown.challenge, "00000000")).code == "wrong_answer"
    assert pins.current is None
    assert refused(lambda: pins.check(shown.challenge, told(shown))).code == "challenge_over"
    assert refused(lambda: rig.access.sign_in("01", PIN)).code == "locked", "one count for both"
    again = CounterRig(store, rig.folder, take_people=False)
    again.clock.moment = rig.clock.moment
    after = made(again)
    shown = after.begin("02")
    assert refused(lambda: after.check(shown.challenge, told(shown))).code == "locked", "a restart forgets nothing"
    again.clock.wait(660)
    after.check(shown.challenge, told(shown))


@pytest.mark.parametrize("typed", ["", "1", "x" * 100_000, "１２３４５６７８", "\ud800", "\x00", "00000000 "])
def test_whatever_is_typed_is_no_answer(pins: TelephonePin, typed: str) -> None:
    shown = pins.begin("02")
    assert refused(lambda: pins.check(shown.challenge, typed)).code == "wrong_answer"


@pytest.mark.parametrize("challenge", ["", "x" * 100_000, "\ud800", "12345678"])
def test_a_challenge_of_another_page_counts_as_no_guess(rig: CounterRig, pins: TelephonePin, challenge: str) -> None:
    pins.begin("02")
    assert refused(lambda: pins.check(challenge, "00000000")).code == "challenge_over"
    assert rig.access.guess_limit.wait_s() == 0


def test_who_looks_away_reads_the_same_digits_and_a_restart_makes_others(rig: CounterRig, pins: TelephonePin) -> None:
    shown = pins.begin("02")
    assert pins.begin("02") == shown
    assert made(rig).current is None
    pins.cancel()
    assert pins.current is None


def test_an_answer_waits_for_its_pin_only_for_a_while(rig: CounterRig, pins: TelephonePin) -> None:
    shown = pins.begin("02")
    token = pins.check(shown.challenge, told(shown))
    rig.clock.wait(ANSWERED_MS / 1000 + 1)
    assert pins.current is None
    assert refused(lambda: pins.set_pin(token, NEW_PIN)).code == "challenge_over"


def test_who_has_left_meanwhile_gets_no_pin(rig: CounterRig, pins: TelephonePin) -> None:
    shown = pins.begin("02")
    token = pins.check(shown.challenge, told(shown))
    rig.access.retire("02")
    assert refused(lambda: pins.set_pin(token, NEW_PIN)).code == "unknown_clerk"
    assert refused(lambda: pins.begin("02")).code == "unknown_clerk"
    assert refused(lambda: pins.begin("\ud800")).code == "unknown_clerk"


def test_without_a_secret_nobody_gets_one(rig: CounterRig, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert refused(lambda: made(rig, None).begin("02")).code == "no_county_secret"
    file = tmp_path / "pin"
    for content in (b"", b"\xff" * 64, b"0" * 63, b"0" * 64_000):
        file.write_bytes(content)
        assert load_secret(file) is None
    file.write_text(SECRET.hex() + "\n")
    with caplog.at_level(logging.ERROR):
        assert (load_secret(file), load_secret(None), load_secret(tmp_path)) == (SECRET, None, None)
    assert SECRET.hex() not in caplog.text + repr(made(rig)) + repr(pins_of(rig))


def pins_of(rig: CounterRig) -> PinChallenge:
    return made(rig).begin("01")
