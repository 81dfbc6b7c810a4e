"""Who may unlock the counter, for how long, and how guessing ends."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.domain.clerk import BadClerk, BadPin, Role
from kiosk.domain.events import AuthLocked
from kiosk.domain.lockout import Lockout
from kiosk.station.clerk import pin_hash
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.counter.settings import CounterSettings
from kiosk.store import DiskFull, Stamp, Store
from tests.station.counter.rig import PIN, PINS, SECOND_PIN, Clock, CounterRig, refused

WRONG = "700301"


class TestUnlocking:
    def test_nobody_can_before_somebody_has_a_pin(self, store: Store, tmp_path: Path) -> None:
        rig = CounterRig(store, tmp_path, take_people=False)
        assert rig.access.people() == ()
        assert refused(lambda: rig.access.sign_in("01", PIN)).code == "no_pin"
        person = rig.access.add("Aygul", Role.CLERK, PIN)
        assert (person.number, rig.access.people()) == ("01", (person,))
        assert rig.access.sign_in("01", PIN).person == person

    def test_an_old_session_ends_with_the_new_one(self, rig: CounterRig) -> None:
        second = rig.access.sign_in("02", SECOND_PIN)
        assert rig.access.session(rig.session.token) is None
        assert rig.access.session(second.token) == second
        assert rig.counter.state.view().unlocked_as == Person("02", "Memet", Role.CLERK)

    @pytest.mark.parametrize("number", ["01", "77", "", "01' OR 1=1", "٠١", "\ud800"])
    def test_a_wrong_pin_and_an_unknown_number_are_the_same(self, rig: CounterRig, number: str) -> None:
        assert refused(lambda: rig.access.sign_in(number, WRONG)).code == "wrong_pin"

    @pytest.mark.parametrize("pin", ["", "48291", "4829133", "x" * 100_000, "\x00", "４８２９１３", "\ud800"])
    def test_what_is_no_pin_is_a_wrong_one(self, rig: CounterRig, pin: str) -> None:
        assert refused(lambda: rig.access.sign_in("01", pin)).code == "wrong_pin"

    def test_an_unknown_number_costs_a_whole_hash(self, rig: CounterRig, monkeypatch: pytest.MonkeyPatch) -> None:
        checked: list[str] = []
        hasher = pin_hash._hasher()

        class Counted:
            def verify(self, stored: str, pin: str | bytes) -> bool:
                checked.append(stored)
                return hasher.verify(stored, pin)

            def hash(self, pin: str | bytes) -> str:
                return hasher.hash(pin)

        monkeypatch.setattr(pin_hash, "_hasher", Counted)
        assert refused(lambda: rig.access.sign_in("77", WRONG)).code == "wrong_pin"
        (stored,) = checked
        assert "$argon2id$v=19$m=12288,t=3,p=1$" in stored

    def test_a_broken_hash_opens_nothing_and_is_told(self, rig: CounterRig, caplog: pytest.LogCaptureFixture) -> None:
        rig.store.clerks.set_pin("02", "not a hash", rig.clock.stamp())
        assert refused(lambda: rig.access.sign_in("02", SECOND_PIN)).code == "wrong_pin"
        assert "a technician has to set it anew" in caplog.text
        assert "not a hash" not in caplog.text


class TestSessions:
    def test_idle_ones_end_by_the_monotonic_clock(self, rig: CounterRig) -> None:
        rig.clock.jump(3650)
        assert rig.access.session(rig.session.token) is not None
        rig.clock.wait(299)
        assert rig.access.session(rig.session.token) is not None, "and begins its time anew"
        rig.clock.wait(299)
        assert rig.access.peek(rig.session.token) is not None
        rig.clock.wait(2)
        rig.counter.tick()
        assert rig.counter.state.view().unlocked_as is None
        assert rig.access.session(rig.session.token) is None

    def test_a_stream_does_not_keep_it_open(self, rig: CounterRig) -> None:
        for _ in range(301):
            rig.clock.wait(1)
            rig.access.peek(rig.session.token)
        assert rig.access.peek(rig.session.token) is None

    @pytest.mark.parametrize("token", ["", "x", "é", "\ud800"])
    def test_a_strange_token_is_none(self, rig: CounterRig, token: str) -> None:
        assert rig.access.session(token) is None

    def test_ends_with_the_pin_and_with_the_employment(self, rig: CounterRig) -> None:
        rig.access.set_pin("02", "602841")
        assert rig.access.session(rig.session.token) is not None
        rig.access.set_pin("01", "602841")
        assert rig.access.session(rig.session.token) is None
        session = rig.access.sign_in("01", "602841")
        rig.access.retire("01")
        assert rig.access.session(session.token) is None
        assert refused(lambda: rig.access.sign_in("01", "602841")).code == "wrong_pin"

    def test_locking_another_one_changes_nothing(self, rig: CounterRig) -> None:
        rig.access.sign_out("somebody else's")
        assert rig.access.current() == rig.session
        rig.access.sign_out(rig.session.token)
        assert rig.access.current() is None


class TestSecondPerson:
    def test_is_another_clerk(self, rig: CounterRig) -> None:
        first = rig.session.person
        assert rig.access.authenticate_second("02", SECOND_PIN, first).witness == "witness:02"
        assert refused(lambda: rig.access.authenticate_second("01", PIN, first)).code == "same_person"
        assert refused(lambda: rig.access.authenticate_second("03", PIN, first)).code == "forbidden"
        assert refused(lambda: rig.access.authenticate_second("02", PIN, first)).code == "wrong_pin"

    def test_is_throttled_like_everybody(self, rig: CounterRig) -> None:
        for _ in range(5):
            rig.clock.wait(6)
            assert refused(lambda: rig.access.authenticate_second("02", WRONG, rig.session.person)).code == "wrong_pin"
        assert refused(lambda: rig.access.authenticate_second("02", SECOND_PIN, rig.session.person)).code == "locked"


class TestGuessing:
    def _guess(self, rig: CounterRig, times: int) -> None:
        for _ in range(times):
            rig.clock.wait(6)
            assert refused(lambda: rig.access.sign_in("02", WRONG)).code == "wrong_pin"

    def test_waits_grow_before_the_lock(self, rig: CounterRig) -> None:
        waits = []
        for _ in range(4):
            waits.append(refused(lambda: rig.access.sign_in("02", WRONG)).wait_s)
            rig.clock.wait(waits[-1])
        assert waits == sorted(waits)
        assert waits[-1] > waits[0]
        assert refused(lambda: rig.access.sign_in("02", WRONG)).wait_s == 600

    def test_a_hurried_guess_is_not_looked_at(self, rig: CounterRig) -> None:
        self._guess(rig, 3)
        refusal = refused(lambda: rig.access.sign_in("02", SECOND_PIN))
        assert (refusal.code, refusal.wait_s > 0) == ("locked", True)

    def test_five_wrong_ones_lock_for_ten_minutes_whatever_the_wall_clock_says(self, rig: CounterRig) -> None:
        self._guess(rig, 5)
        for days in (3650, -7300):
            rig.clock.jump(days)
            assert refused(lambda: rig.access.sign_in("01", PIN)).wait_s == 600
        rig.clock.wait(600)
        assert rig.access.sign_in("01", PIN).person.number == "01"

    def test_the_right_pin_of_one_buys_no_guesses_at_another(self, rig: CounterRig) -> None:
        for _ in range(5):
            rig.clock.wait(6)
            rig.access.sign_in("01", PIN)
            assert refused(lambda: rig.access.sign_in("02", WRONG)).code == "wrong_pin"
        assert refused(lambda: rig.access.sign_in("01", PIN)).code == "locked"

    def test_pulling_the_plug_forgets_nothing(self, rig: CounterRig) -> None:
        """A new process, a new boot, and a clock back in 1970: the wrong ones were on the disk before the answer."""
        self._guess(rig, 4)
        rig.clock.reboot()
        rig.clock.jump(-20_000)
        again = Access(rig.store, CounterSettings().lock_after_s, rig.clock.stamp, pins=PINS)
        rig.clock.wait(6)
        assert refused(lambda: again.sign_in("02", WRONG)).wait_s == 600
        rig.clock.reboot("third-boot")
        third = Access(rig.store, CounterSettings().lock_after_s, rig.clock.stamp, pins=PINS)
        assert refused(lambda: third.sign_in("01", PIN)).code == "locked"

    def test_a_crash_right_before_the_answer_has_counted(
        self, rig: CounterRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Crash(BaseException):
            pass

        save = rig.store.lockouts.save

        def saved_and_gone(*arguments: object) -> None:
            save(*arguments)  # type: ignore[arg-type]
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(rig.store.lockouts, "save", saved_and_gone)
            for number in range(5):
                rig.clock.reboot(f"boot-{number}")
                rig.clock.wait(10)
                with pytest.raises(Crash):
                    Access(rig.store, CounterSettings().lock_after_s, rig.clock.stamp, pins=PINS).sign_in("02", WRONG)
        assert (
            refused(
                lambda: Access(rig.store, CounterSettings().lock_after_s, rig.clock.stamp, pins=PINS).sign_in("01", PIN)
            ).code
            == "locked"
        )

    def test_a_full_disk_does_not_open_the_lock(self, rig: CounterRig, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise DiskFull("full")

        monkeypatch.setattr(rig.store.lockouts, "save", full)
        self._guess(rig, 5)
        assert refused(lambda: rig.access.sign_in("01", PIN)).code == "locked"

    def test_one_event_tells_of_the_lock(self, rig: CounterRig, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[AuthLocked | None] = []
        save = rig.store.lockouts.save

        def heard(scope: str, lockout: Lockout, event: AuthLocked | None, stamp: Stamp) -> None:
            told.append(event)
            save(scope, lockout, event, stamp)

        monkeypatch.setattr(rig.store.lockouts, "save", heard)
        self._guess(rig, 5)
        assert told == [None] * 4 + [AuthLocked("pin", 10)]


class TestPeople:
    @pytest.mark.parametrize("pin", ["123456", "654321", "111111", "12345", "abcdef", "1234567", "٤٨٢٩١٣"])
    def test_weak_pins_are_refused(self, rig: CounterRig, pin: str) -> None:
        with pytest.raises(BadPin) as refusal:
            rig.access.add("Patime", Role.CLERK, pin)
        assert pin not in str(refusal.value) or pin == "123456", "the text names an example of its own"
        with pytest.raises(BadPin):
            rig.access.set_pin("01", pin)

    @pytest.mark.parametrize("name", ["", "  ", "13800138000", "a\nb", "\u202eabc", "x" * 41, "653125199001011234"])
    def test_a_name_is_a_name(self, rig: CounterRig, name: str) -> None:
        with pytest.raises(BadClerk) as refusal:
            rig.access.add(name, Role.CLERK, PIN)
        assert not name.strip() or name not in str(refusal.value)

    def test_markup_stays_text(self, rig: CounterRig) -> None:
        assert rig.access.add("<script>^XZ", Role.CLERK, PIN).name == "<script>^XZ"

    def test_an_unknown_number(self, rig: CounterRig) -> None:
        assert refused(lambda: rig.access.set_pin("77", PIN)).code == "unknown_clerk"


def test_neither_pin_nor_token_nor_hash_is_logged_or_shown(rig: CounterRig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        session = rig.access.sign_in("01", PIN)
        wrong = refused(lambda: rig.access.sign_in("02", WRONG))
        rig.access.sign_out(session.token)
    seen = caplog.text + repr(session) + repr(wrong) + repr(rig.views) + repr(rig.store.clerks.everyone()) + str(wrong)
    assert not any(secret in seen for secret in (PIN, WRONG, session.token, "argon2"))


def test_a_clock_is_only_asked_for_its_monotonic_side() -> None:
    clock = Clock()
    before = clock.stamp().moment.monotonic_ms
    clock.jump(1)
    assert clock.stamp().moment.monotonic_ms == before
    assert CounterSession("secret", Person("01", "Aygul", Role.CLERK)).person.actor == "clerk:01"
