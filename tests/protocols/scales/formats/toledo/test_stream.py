"""The Toledo continuous output beyond its golden frames: point, zeros, tare; what the simulated terminal can show."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeGuard

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading
from tests.protocols.scales.golden import decode

_OFF = {"checksum": "off"}


def _tare(words: bytes, tare: bytes, **params: str) -> str | None:
    (item,) = decode("mt_continuous", _OFF | params, b"\x02%b  7385%b\r" % (words, tare))
    assert isinstance(item, Reading)
    return None if item.tare is None else str(item.tare)


def test_the_tare_has_the_decimals_of_the_weight() -> None:
    assert _tare(b"\x2d\x31\x20", b"   250") == "0.250"
    assert _tare(b"\x2d\x31\x30", b"  2500") == "2.500"
    assert _tare(b"\x29\x31\x20", b"    25", dummy_zeros="omitted") == "250"
    assert _tare(b"\x29\x31\x20", b"   250", dummy_zeros="sent") == "250"


def test_a_blank_tare_is_none_and_that_of_a_load_out_of_range_is_not_told() -> None:
    assert _tare(b"\x2d\x30\x20", b"      ") is None
    assert _tare(b"\x2d\x34\x20", b"   250") is None


def _reads(a: int, b: int, c: int, **params: str) -> list[tuple[str, str | None]]:
    frame = b"\x02%b 24805     0\r" % bytes((a, b, c))
    return [(str(item.weight), item.unit) for item in decode("mt_continuous", _OFF | params, frame) if _is_read(item)]


def _is_read(item: Decoded) -> TypeGuard[Reading]:
    return isinstance(item, Reading)


def test_word_a_alone_moves_the_point() -> None:
    """With any other bit of all three words, as far as the frame is a weight at all."""
    powers = {2: "24805", 3: "2480.5", 4: "248.05", 5: "24.805", 6: "2.4805", 7: "0.24805"}
    bits = {0: (3, 4, 5, 6), 1: (0, 3, 4, 5), 2: (3, 4, 5, 6)}
    for code, text in powers.items():
        for word, places in bits.items():
            for place in places:
                words = [0x28 | code, 0x30, 0x20]
                words[word] ^= 1 << place
                unit = "lb" if (word, place) == (1, 4) else "kg"
                assert _reads(*words) == [(text, unit)], words


def test_digits_at_steps_of_ten_and_a_hundred_are_no_weight_until_the_zeros_are_set() -> None:
    for code in (0, 1):
        for word_c in (0x20, 0x30):
            assert _reads(0x28 | code, 0x30, word_c) == []
            assert _reads(0x28 | code, 0x30, word_c, dummy_zeros="sent") == [("24805", "kg")]
            omitted = "24805" + "0" * (2 - code)
            assert _reads(0x28 | code, 0x30, word_c, dummy_zeros="omitted") == [(omitted, "kg")]


def test_code_1_of_a_liden_is_pounds_and_of_others_grams() -> None:
    toledo, liden = (0x2D, 0x30, 0x31), (0x7D, 0x30, 0x31)
    assert _reads(*toledo) == _reads(*toledo, units="toledo") == [("24.805", "g")]
    assert _reads(*liden, units="liden") == [("24.805", "lb")]
    assert _reads(*liden) == [], "nobody has said"
    assert _reads(0x7D, 0x30, 0x30) == _reads(0x7D, 0x30, 0x30, units="liden") == [("24.805", "kg")]


def test_pounds_of_a_toledo_never_become_kilograms_by_the_units_of_a_liden() -> None:
    for word_c in range(0x20, 0x40):
        assert all(unit != "kg" for _, unit in _reads(0x2D, 0x20, word_c, units="liden"))


def test_the_simulated_liden() -> None:
    params = registry.defaults("mt_continuous") | {"units": "liden"}
    for unit in ("kg", "lb"):
        frame = registry.get("mt_continuous").encode_frame(DisplayState(Decimal("7.385"), unit), params)
        assert (frame[1] & 0x50, frame[2] & 0x10, frame[3] & 0x10) == (0x50, 0x10, 0x10), "bits that are always 1"
        (item,) = decode("mt_continuous", {"units": "liden"}, frame)
        assert isinstance(item, Reading)
        assert (str(item.weight), item.unit) == ("7.385", unit)
    with pytest.raises(ValueError, match="cannot carry"):
        registry.get("mt_continuous").encode_frame(DisplayState(Decimal(7), "g"), params)


def test_what_has_to_be_set_is_told_from_the_newest_reading() -> None:
    def names(frame: bytes | None, **params: str) -> list[str]:
        return [one.name for one in registry.undecided("mt_continuous", _OFF | params, frame)]

    tens, thousandths = b"\x02\x29\x30\x20", b"\x02\x2d\x30\x20"
    assert names(tens) == ["dummy_zeros"]
    assert names(tens, dummy_zeros="sent") == names(thousandths) == []
    assert names(None) == ["dummy_zeros", "units"], "it answers, and not one frame was a reading"
    assert names(None, dummy_zeros="sent", units="liden") == []
    assert registry.undecided("xk3190_tf0", {}, None) == ()


def _shown(weight: str, **flags: bool) -> Reading:
    params = registry.defaults("mt_continuous")
    frame = registry.get("mt_continuous").encode_frame(DisplayState(Decimal(weight), **flags), params)
    (item,) = decode("mt_continuous", {}, frame)
    assert isinstance(item, Reading)
    return item


def test_more_than_six_digits_are_out_of_range() -> None:
    assert str(_shown("999.999").weight) == "999.999"
    assert (_shown("1000.000").weight, _shown("1000.000").overload) == (None, True)
    assert (_shown("-1000.000").weight, _shown("-1000.000").underload) == (None, True)


def test_overload_counts_more_than_underload() -> None:
    item = _shown("-1.000", overload=True, underload=True)
    assert (item.weight, item.overload, item.underload) == (None, True, False)


def test_what_the_frame_cannot_carry_is_refused(subtests: pytest.Subtests) -> None:
    for shown in [DisplayState(Decimal("0.000001")), DisplayState(Decimal(1), unit="pcs")]:
        with subtests.test(shown=shown), pytest.raises(ValueError, match="mt_continuous cannot carry"):
            registry.get("mt_continuous").encode_frame(shown, registry.defaults("mt_continuous"))


def test_no_command_is_answered() -> None:
    row, params = registry.get("mt_continuous"), registry.defaults("mt_continuous")
    assert row.respond is not None
    assert {row.respond(name, DisplayState(Decimal(1)), params) for name in row.commands} == {b""}
