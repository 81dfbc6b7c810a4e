from __future__ import annotations

import pytest

from kiosk.domain.clerk import BadClerk, BadPin, Clerk, Role, check_actor, check_pin, clerk_number
from kiosk.domain.events.parcel import ParcelArrived, ParcelDamaged, ParcelShelved
from kiosk.domain.parcel import Consent


def test_a_pin_that_is_guessed_first(subtests: pytest.Subtests) -> None:
    for pin in ["000000", "777777", "123456", "654321", "012345", "987654", "890123"]:
        with subtests.test(pin=pin):
            with pytest.raises(BadPin) as caught:
                check_pin(pin)
            assert caught.value.code == "too_easy"


def test_a_pin_that_is_none(subtests: pytest.Subtests) -> None:
    for pin in ["", "12345", "1234567", "12a456", "１３５７９２", "135792\n"]:
        with subtests.test(pin=pin):
            with pytest.raises(BadPin) as caught:
                check_pin(pin)
            assert caught.value.code == "not_six_digits"
            assert not pin or pin not in str(caught.value)


def test_a_pin(subtests: pytest.Subtests) -> None:
    for pin in ["135792", "112233", "123465", "000001"]:
        with subtests.test(pin=pin):
            assert check_pin(pin) == pin


def test_numbers_and_actors() -> None:
    assert [clerk_number(counter) for counter in (1, 10, 100, 9999)] == ["01", "10", "100", "9999"]
    assert Clerk("07", "Aygul", Role.CLERK).actor == "clerk:07"
    for counter in (0, 10_000):
        with pytest.raises(BadClerk):
            clerk_number(counter)
    for number in ("7", "00", "0100", "007", "10000", "٠٧", ""):
        with pytest.raises(BadClerk):
            Clerk(number, "Aygul", Role.CLERK)
    for actor in ("clerk:07", "clerk:9999", "witness:02", "station"):
        assert check_actor(actor) == actor
    for actor in ("Aygul", "clerk:Aygul", "clerk:07 Aygul", "", "clerk:"):
        with pytest.raises(ValueError, match="actor looks like"):
            check_actor(actor)


def test_an_event_takes_codes_only() -> None:
    good = ("P-0147-A-000001", "clerk:07")
    with pytest.raises(ValueError, match="carrier"):
        ParcelArrived(*good, "Tursun", "5d20c1aa", Consent.RECIPIENT_CONSENTED, False, False, False)
    with pytest.raises(ValueError, match="waybill_sha256_8"):
        ParcelArrived(*good, "SF", "SF138500", Consent.RECIPIENT_CONSENTED, False, False, False)
    with pytest.raises(ValueError, match="shelf slot"):
        ParcelShelved(*good, "with Aygul")
    with pytest.raises(ValueError, match="photo_sha256"):
        ParcelDamaged(*good, "picture.jpg", "arrival")
    with pytest.raises(ValueError, match="parcel number"):
        ParcelShelved("SF1385", "clerk:07", "A-3-17")
