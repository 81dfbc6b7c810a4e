"""A recovery kit opens for the county, or for a word, and for nobody else; a byte that was changed is noticed."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.domain.paper_code import PaperCode
from kiosk.store.backup.kit import sealing
from kiosk.store.backup.kit.contents import Credential, Kit, KitRefused, from_bytes, to_bytes
from kiosk.store.backup.kit.sealing import (
    KitFile,
    open_as_county,
    open_with_paper,
    require_paper,
    seal_to_code,
    seal_to_county,
)
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.shared import age_file
from kiosk.store.shared.age_file import seal, seal_to_paper

SECRET = "5ec7e7" + "ab" * 29
KIT = Kit(
    "S0147",
    "yarkant",
    "station-kiosk/test",
    "2026-11-28T08:00:00Z",
    b'[station]\nstation = "S0147"\n',
    SECRET,
    (Credential("/etc/kiosk/relay.key", b"-----BEGIN PRIVATE KEY-----"),),
)
PRIVATE = X25519PrivateKey.from_private_bytes(bytes(range(32)))
COUNTY = CountyKey(PRIVATE.public_key().public_bytes_raw())


@pytest.fixture
def quick_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 is slow on purpose."""
    monkeypatch.setattr(age_file, "COST", age_file.Cost(1, 8, 1))


def refused(content: bytes, typed: str = "") -> str:
    """The sentence, without a secret in it or behind it."""
    with pytest.raises(KitRefused) as caught:
        open_with_paper(content, typed) if typed else open_as_county(content, PRIVATE)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET[:6] not in repr(error)
        assert not typed or typed not in repr(error)
        error = error.__context__
    return str(caught.value)


def test_the_county_opens_what_a_station_made_and_nobody_else() -> None:
    sealed = seal_to_county(KIT, COUNTY)
    assert open_as_county(sealed, PRIVATE) == KIT
    assert SECRET.encode() not in sealed
    assert b"BEGIN" not in sealed
    assert seal_to_county(KIT, COUNTY) != sealed, "a key of its own for each kit"
    with pytest.raises(KitRefused, match=COUNTY.name):
        open_as_county(sealed, X25519PrivateKey.generate())


def test_a_byte_that_was_changed_anywhere_is_noticed() -> None:
    sealed = seal_to_county(KIT, COUNTY)
    for index in range(len(sealed)):
        for bit in (0x01, 0x80):
            refused(sealed[:index] + bytes([sealed[index] ^ bit]) + sealed[index + 1 :])
    for size in range(len(sealed)):
        refused(sealed[:size])
    refused(sealed + b"\0")


def test_the_outside_of_another_station_does_not_fit() -> None:
    file = KitFile.parse(seal_to_county(KIT, COUNTY))
    for other in (replace(file, station="S0148"), replace(file, region="kashgar")):
        assert "holds another station" in refused(other.to_bytes())
    # Ephemeral keys of small order share the same secret with everybody (RFC 7748 section 6.1).
    begin = b"-> X25519 "
    at = file.sealed.index(begin) + len(begin)
    for point in (bytes(32), b"\x01" + bytes(31)):
        text = base64.b64encode(point).rstrip(b"=")
        bent = file.sealed[:at] + text + file.sealed[at + len(text) :]
        assert "does not open" in refused(replace(file, sealed=bent).to_bytes())


def test_a_county_s_key_that_is_none_is_refused() -> None:
    with pytest.raises(KitRefused, match="make another one"):
        seal_to_county(KIT, CountyKey(bytes(32)))


CODE, OTHER = PaperCode("4821093755602182"), PaperCode.generate(lambda below: 7)


def test_a_code_opens_however_it_was_typed(quick_code: None) -> None:
    sealed = seal_to_code(KIT, CODE)
    require_paper(sealed)
    for typed in (CODE.digits, "-".join(CODE.groups), f" {'  '.join(CODE.groups)} "):
        assert open_with_paper(sealed, typed) == KIT
    assert "another paper belongs to it" in refused(sealed, OTHER.digits)
    for index in range(len(sealed)):
        refused(sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :], CODE.digits)


def test_a_slip_of_the_finger_is_told_before_anything_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sealing, "unseal_with_paper")
    sealed = KitFile("S0147", "yarkant", "").to_bytes()
    for typed in (CODE.digits[:-1], f"{CODE.digits[:-1]}0", f"{CODE.digits}1", "0123-4567-89AB-CDEV"):
        assert "not the digits on the paper" in refused(sealed, typed)


def test_each_kind_says_what_opens_it(quick_code: None) -> None:
    assert "kiosk restore --kit" in refused(seal_to_code(KIT, CODE))
    assert "sorting-center kit open" in refused(seal_to_county(KIT, COUNTY), "0123")
    for content in (b"", b"x" * 500, seal(to_bytes(KIT), COUNTY.public)):
        assert "no recovery kit" in refused(content)
    newer = seal_to_county(KIT, COUNTY).replace(b"kit 1", b"kit 2", 1)
    assert "other software" in refused(newer)


@pytest.mark.parametrize(
    "line",
    [
        b"1 S0147 yarkant",
        b"1 S0147 yarkant county",
        b"1 S147 yarkant paper",
        b"1 S0147 Y paper",
        b"1 \xff yarkant paper",
    ],
)
def test_a_damaged_line_is_told(line: bytes) -> None:
    assert "damaged" in refused(b"station-kiosk-kit " + line + b"\n")


def test_what_is_no_kit_inside_is_of_other_software(quick_code: None) -> None:
    for content in (b"", b"{}", b"\xff" * 500):
        file = KitFile("S0147", "yarkant", COUNTY.name, seal(content, COUNTY.public))
        assert "other software" in refused(file.to_bytes())
        file = KitFile("S0147", "yarkant", "", seal_to_paper(content, CODE))
        assert "other software" in refused(file.to_bytes(), CODE.digits)


def test_a_county_s_key_with_a_wrong_digit_is_refused() -> None:
    text = COUNTY.text
    assert CountyKey.parse(text) == COUNTY
    for index in range(len(text)):
        other = "0" if text[index] != "0" else "1"
        with pytest.raises(ValueError, match=r"copied wrongly|must be the line"):
            CountyKey.parse(text[:index] + other + text[index + 1 :])
    with pytest.raises(ValueError, match="county_key"):
        BackupSettings(Path("/x"), county_key=text[:-1])


def test_no_secret_is_shown_by_accident() -> None:
    assert SECRET not in repr(KIT)
    assert "PRIVATE" not in repr(KIT)
    assert from_bytes(to_bytes(KIT)) == KIT
    for damaged in (b"{}", b"\xff", to_bytes(KIT).replace(SECRET.encode(), SECRET[:-1].encode() + b"x")):
        with pytest.raises(KitRefused) as caught:
            from_bytes(damaged)
        assert SECRET[:6] not in f"{caught.value}{caught.value.__context__}"


@pytest.mark.parametrize("field", ["settings", "pickup_key", "credentials"])
def test_what_is_no_kit_is_not_made(field: str) -> None:
    wrong = {"settings": b"", "pickup_key": "ab", "credentials": KIT.credentials * 9}
    with pytest.raises(ValueError, match=r"settings|64 hexadecimal|the most"):
        replace(KIT, **{field: wrong[field]})  # type: ignore[arg-type]
