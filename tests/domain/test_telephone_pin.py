from __future__ import annotations

import hashlib
import hmac
import re

import pytest

from kiosk.domain.telephone_pin import answer, challenge_text, check_challenge, read_secret

SECRET = bytes(range(32))


def test_answers_that_both_sides_have_to_give() -> None:
    given = [
        answer(SECRET, "S0147", "07", "00000000"),
        answer(SECRET, "S0147", "07", "12345678"),
        answer(SECRET, "S0147", "1234", "12345678"),
        answer(SECRET, "S0148", "07", "12345678"),
        answer(bytes(32), "S0147", "07", "12345678"),
    ]
    assert given == ["61227663", "36739400", "19797131", "83469647", "76158394"]


def test_the_answer_is_what_the_contract_says() -> None:
    digest = hmac.new(SECRET, b"station-kiosk pin 1|S0147|02|90817263", hashlib.sha256).digest()
    assert answer(SECRET, "S0147", "02", "90817263") == str(int.from_bytes(digest[:8], "big") % 10**8).zfill(8)


def test_a_challenge_that_is_none(subtests: pytest.Subtests) -> None:
    for text in ["", "1234567", "123456789", "1234567a", "１２３４５６７８", "12345678\n", "|2345678"]:
        with subtests.test(text=text):
            with pytest.raises(ValueError, match="a challenge has 8 digits"):
                check_challenge(text)
            with pytest.raises(ValueError, match="a challenge has 8 digits"):
                answer(SECRET, "S0147", "07", text)


def test_a_challenge_has_eight_digits() -> None:
    assert challenge_text(lambda below: 7) == "00000007"
    assert challenge_text(lambda below: below - 1) == "99999999"


def test_a_secret_in_a_file() -> None:
    assert read_secret(SECRET.hex()) == SECRET
    for text in ["", "00" * 31, "00" * 33, "0G" * 32, SECRET.hex().upper(), SECRET.hex() + "\n"]:
        with pytest.raises(ValueError, match=re.escape("pin_secret must be 64 hexadecimal digits")) as caught:
            read_secret(text)
        assert not text or text not in str(caught.value)
