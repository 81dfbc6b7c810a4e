"""The file of an identity: what the code opens, and that nothing of it can be changed or exchanged."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
from msgspec.structs import replace

from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.first_start.identity import format as identity_format
from kiosk.first_start.identity.certificate import BadCertificate, check_authority, check_certificate, check_key
from kiosk.first_start.identity.format import (
    MAX_BYTES,
    BadClaim,
    BadIdentity,
    ClaimMark,
    SealedIdentity,
    StationIdentity,
    UnsupportedVersion,
    WrongCode,
    read_claim,
    read_clear,
    read_sealed,
    unseal,
    write_claim,
    write_clear,
)
from kiosk.store.shared.age_file import COST
from tests.first_start.identity.identities import CODE, OFFERED, OTHER_CODE, cost_nothing, made, sealed

NAME = "identity-S0147.toml"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    cost_nothing(monkeypatch)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> StationIdentity:
    return made(tmp_path_factory.mktemp("authority"), village="تاغارچى 塔尕尔其")


def test_the_cost_is_what_version_1_says() -> None:
    assert (COST.passes, COST.memory_kib, COST.lanes) == (3, 65536, 4)


class TestTheCode:
    def test_sixteen_digits_in_four_groups_with_more_than_forty_bits(self) -> None:
        asked: list[int] = []
        code = PaperCode.generate(lambda below: asked.append(below) or 0)
        assert code.groups == ("0000", "0000", "0000", code.digits[-4:])
        assert asked == [10**15]
        assert asked[0] > 2**49

    def test_every_wrong_digit_and_every_exchange_is_noticed(self) -> None:
        digits = CODE.digits
        slips = [
            digits[:at] + other + digits[at + 1 :] for at in range(16) for other in "0123456789" if other != digits[at]
        ]
        slips += [digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in range(15)]
        for slip in (slip for slip in slips if slip != digits):
            with pytest.raises(BadCode):
                PaperCode(slip)
        for shape in ("", digits[:-1], digits + "0", digits[:-1] + "x", "٤" * 16):
            with pytest.raises(BadCode):
                PaperCode(shape)

    def test_it_is_in_no_log(self, identity: StationIdentity) -> None:
        assert CODE.digits not in repr(CODE)
        assert repr(identity) == "Identity(S0147 of yarkant)"


class TestVersions:
    def test_the_version_tells_what_older_software_does_not_know(self, identity: StationIdentity) -> None:
        """Software that knows no network, or no secret, says that the file was made for newer software."""
        with_network = replace(identity, wifi_network="village post", wifi_password="apricot trees")
        with_secret = replace(with_network, pin_secret="0a" * 32)
        for one, version in ((identity, 1), (with_network, 2), (with_secret, 3)):
            content = sealed(one)
            envelope = read_sealed(content, NAME)
            assert base64.b64decode(envelope.sealed)[0] == version
            assert unseal(envelope, CODE) == one
            assert b"wifi" not in content
            assert b"pin_secret" not in content

    def test_a_secret_that_is_none_is_refused_and_not_repeated(self, identity: StationIdentity) -> None:
        for secret in ("0a" * 31, "0A" * 32, "x" * 64):
            with pytest.raises(ValueError, match="pin_secret must be") as refused:
                replace(identity, pin_secret=secret)
            assert secret not in str(refused.value)
        with pytest.raises(ValueError, match="needs the county's authority"):
            replace(identity, pin_secret="0a" * 32, authority="")

    def test_a_network_that_nothing_joins_is_refused(self, identity: StationIdentity) -> None:
        good = (("x" * 32, "8" * 8), ("莎车" * 5, "~" * 63), ("post", ""), ("", ""))
        bad = (
            ("x" * 33, ""), ("莎车" * 6, ""), ("a\nb", ""), ("a\u202eb", ""), ("post", "1234567"), ("post", "x" * 64),
            ("post", "apricot\ttree"), ("post", "杏树杏树杏树杏树"), ("", "apricot trees"),
        )  # fmt: skip
        for network, password in good:
            replace(identity, wifi_network=network, wifi_password=password)
        for network, password in bad:
            with pytest.raises(ValueError, match="wifi_") as refused:
                replace(identity, wifi_network=network, wifi_password=password)
            assert not password or password not in str(refused.value)


class TestSealed:
    def test_what_was_sealed_comes_back(self, identity: StationIdentity) -> None:
        content = sealed(identity)
        envelope = read_sealed(content, NAME)
        assert (envelope.station, envelope.region, envelope.village) == ("S0147", "yarkant", identity.village)
        assert unseal(envelope, CODE) == identity
        assert identity.key.splitlines()[1].encode() not in content
        assert read_clear(write_clear(identity)) == identity
        assert len(content) < MAX_BYTES / 4

    def test_another_code_and_any_changed_bit_opens_nothing(self, identity: StationIdentity) -> None:
        envelope = read_sealed(sealed(identity), NAME)
        with pytest.raises(WrongCode):
            unseal(envelope, OTHER_CODE)
        raw = base64.b64decode(envelope.sealed)
        for at in range(1, len(raw), 7):
            bent = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            with pytest.raises(WrongCode):
                unseal(SealedIdentity("S0147", "yarkant", base64.b64encode(bent).decode(), identity.village), CODE)
            with pytest.raises(WrongCode):
                unseal(SealedIdentity("S0147", "yarkant", base64.b64encode(raw[:at]).decode(), identity.village), CODE)
        for part in (b"", b"\x04" + raw[1:]):
            with pytest.raises(UnsupportedVersion):
                unseal(SealedIdentity("S0147", "yarkant", base64.b64encode(part).decode(), identity.village), CODE)

    def test_nobody_gives_it_another_number_region_or_village(self, identity: StationIdentity) -> None:
        text = sealed(identity).decode()
        for old, new in (("S0147", "S0148"), ("yarkant", "kargilik"), (identity.village, "Yengi")):
            forged = text.replace(old, new).encode()
            station = "S0148" if new == "S0148" else "S0147"
            with pytest.raises(BadIdentity, match="another station"):
                unseal(read_sealed(forged, f"identity-{station}.toml"), CODE)
        with pytest.raises(BadIdentity, match="renamed"):
            read_sealed(sealed(identity), "identity-S0148.toml")

    def test_what_the_county_offers_travels_inside(self, identity: StationIdentity) -> None:
        whole = msgspec.structs.replace(identity, **OFFERED)
        envelope = read_sealed(sealed(whole), NAME)
        assert (unseal(envelope, CODE), read_clear(write_clear(whole))) == (whole, whole)
        assert all(value not in sealed(whole).decode() for value in OFFERED.values())

    def test_two_of_one_station_have_nothing_in_common(self, identity: StationIdentity) -> None:
        one, two = (base64.b64decode(tomllib.loads(sealed(identity).decode())["sealed"]) for _ in range(2))
        assert one[1:17] != two[1:17], "a salt of its own for each"
        assert one[17:] != two[17:]


@pytest.mark.parametrize("read", [read_clear, lambda content: read_sealed(content, NAME)])
def test_what_is_no_identity_is_refused_with_its_reason(
    read: Callable[[bytes], object], identity: StationIdentity
) -> None:
    clear = write_clear(identity)
    for content in (
        b"",
        b"\xff\xfe",
        b"not toml",
        b"[" * 60_000,
        b"a=" + b"9" * MAX_BYTES,
        clear.replace(b"S0147", b"S147"),
        clear.replace(b"yarkant", b"feed"),
        clear.replace(b"mqtts://", b"mqtt://"),
        clear.replace(b"BEGIN CERTIFICATE", b"BEGIN NOTHING"),
        clear + b'strange = "1"\n',
        clear + b'photos = "http://center.example:8843"\n',
        clear + b'updates = "https://center.example"\n',
        clear + b'updates = "https://' + b"x" * 200 + b':8843"\n',
        clear + b'county_key = "kit1-' + b"0" * 64 + b'-00000000"\n',
        sealed(identity).replace(b"sealed", b"opened"),
        sealed(identity).replace(b'region = "', b'region = "\\u202e'),
    ):
        with pytest.raises(BadIdentity):
            read(content)


def test_names_in_names_and_crowds_of_names_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of TOML takes seconds for 64 kB of them, and a stick holds a thousand files."""

    def read(text: str) -> NoReturn:
        raise AssertionError(f"{text[:40]!r} comes to the reader")

    monkeypatch.setattr(identity_format.tomllib, "loads", read)
    for content in (
        b"a" + b".a" * 32_000 + b" = 1",
        b'""' + b'.""' * 20_000 + b" = 1",
        b"'.'" + b" . '#'" * 10_000 + b" = 1",
        b"".join(b"a%d=1\n" % number for number in range(7000)),
        b'a = """\\""""\n' + b"[a.a.a.a.a]\n" * 4000,
        b"a = '''\"\"\"'''\n" + b"\n" * 60_000,
    ):
        assert len(content) <= MAX_BYTES
        with pytest.raises(BadIdentity, match="much that no identity has"):
            read_clear(content)


def test_long_texts_and_long_comments_are_no_crowd(identity: StationIdentity) -> None:
    clear = write_clear(identity)
    for comment in (b"# ''' \"\"\" a.a.a" + b".a" * 9000 + b"\n", b"# one\r\n# two\n"):
        assert read_clear(comment + clear) == identity
    assert read_clear(clear.replace(b'"""', b"'''")) == identity


def test_a_village_nobody_can_see_through_is_refused(identity: StationIdentity) -> None:
    for village in ("x" * 41, "two  spaces", "line\nbreak", "\u202eegalliv", " edge"):
        with pytest.raises(ValueError, match="village"):
            msgspec.convert({**msgspec.to_builtins(identity), "village": village}, StationIdentity)


def test_a_claim_is_read_and_a_damaged_one_is_told() -> None:
    claim = ClaimMark("S0147", "ab" * 32, "2026-11-28T08:00:00+00:00")
    assert read_claim(write_claim(claim)) == claim
    for content in (b"", b"{", write_claim(claim)[:40], b'{"station":"S0147","machine":"x","claimed_at":""}'):
        with pytest.raises(BadClaim):
            read_claim(content)


def test_a_certificate_is_that_of_the_station_and_its_key_is_the_other_half(
    identity: StationIdentity, tmp_path: Path
) -> None:
    other = made(tmp_path, "S0148")
    check_certificate("S0147", identity.certificate)
    check_key(identity.certificate, identity.key)
    check_authority(identity.authority)
    for check in (
        lambda: check_certificate("S0147", other.certificate),
        lambda: check_certificate("S0147", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
        lambda: check_key(identity.certificate, other.key),
        lambda: check_key(identity.certificate, "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"),
        lambda: check_authority("nothing"),
    ):
        with pytest.raises(BadCertificate):
            check()
