"""The key of the pickup codes: where it comes from, and what is worth nothing without it."""

from __future__ import annotations

import hmac
import logging
import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings

KEY = PickupKey(bytes(range(32)), "a test")
OTHER = PickupKey(bytes(range(1, 33)), "another test")
HEX = "00112233445566778899aabbccddeeff" * 2


def test_the_data_folder_gets_one_made_once_for_this_user_alone(tmp_path: Path) -> None:
    first = PickupKey.load(ParcelSettings(), tmp_path / "data", {})
    path = tmp_path / "data" / "pickup-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [row.name for row in path.parent.iterdir()] == ["pickup-key"]
    again = PickupKey.load(ParcelSettings(), tmp_path / "data", {})
    assert first.mac("123456") == again.mac("123456")


def test_the_named_file_goes_before_the_credential_and_that_before_the_folder(tmp_path: Path) -> None:
    named, credentials = tmp_path / "named", tmp_path / "credentials"
    credentials.mkdir()
    named.write_text(HEX + "\n")
    (credentials / "pickup-key").write_text(HEX[::-1])
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    by_file = PickupKey.load(ParcelSettings(key_file=named), tmp_path, environ)
    by_credential = PickupKey.load(ParcelSettings(), tmp_path, environ)
    assert by_file.mac("123456") == PickupKey(bytes.fromhex(HEX)).mac("123456")
    assert by_credential.mac("123456") == PickupKey(bytes.fromhex(HEX[::-1])).mac("123456")
    assert not (tmp_path / "pickup-key").exists()


@pytest.mark.parametrize("content", [None, "", "secret-but-short", HEX[:-1], HEX.upper() + "x", "é" * 64])
def test_a_named_key_that_is_missing_or_none_is_not_made_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    path = tmp_path / "named"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        key = PickupKey.load(ParcelSettings(key_file=path), tmp_path, {})
    assert not key.present
    assert str(path) in caplog.text
    assert not content or content not in caplog.text
    assert path.exists() == (content is not None)
    for act in (key.new_code, lambda: key.mac("123456"), lambda: key.code_of("00")):
        with pytest.raises(CounterRefused) as refusal:
            act()
        assert refusal.value.code == "no_key"


def test_a_credential_that_is_missing_is_not_replaced_by_a_new_key(tmp_path: Path) -> None:
    key = PickupKey.load(ParcelSettings(), tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "nothing")})
    assert not key.present
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_leaves_the_station_running(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not PickupKey.load(ParcelSettings(), tmp_path / "file", {}).present


def test_codes_are_six_digits_and_differ() -> None:
    codes = {KEY.new_code().code for _ in range(200)}
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert len(codes) > 190


def test_a_seed_gives_its_code_again_under_the_same_key_alone() -> None:
    issued = [KEY.new_code() for _ in range(50)]
    assert [KEY.code_of(row.seed) for row in issued] == [row.code for row in issued]
    assert [OTHER.code_of(row.seed) for row in issued] != [row.code for row in issued]
    assert all(repr(row) == f"PickupCode(seed='{row.seed}')" for row in issued), "a seed may hold any six digits"


@given(st.binary(min_size=32, max_size=32), st.text("0123456789abcdef", min_size=32, max_size=32))
def test_the_digits_are_the_truncation_of_rfc_4226(key: bytes, seed: str) -> None:
    digest = hmac.new(key, b"seed:" + seed.encode(), "sha256").digest()
    offset = digest[31] & 15
    (word,) = struct.unpack_from(">I", digest, offset)
    assert PickupKey(key).code_of(seed) == str((word & 0x7FFFFFFF) % 1_000_000).zfill(6)


def test_a_mac_is_of_this_key_and_this_code() -> None:
    assert KEY.mac("123456") == KEY.mac("123456") != KEY.mac("123457")
    assert KEY.mac("123456") != OTHER.mac("123456")
    assert len(KEY.mac("123456")) == 32


def test_the_key_is_in_no_repr() -> None:
    assert bytes(range(32)).hex() not in repr(KEY)
    assert repr(PickupKey(None, "x")) == "PickupKey(missing: x)"
