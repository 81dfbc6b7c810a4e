"""Which documents a station believes: the county's own, signed by the key that its authority certified."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.domain.configuration import RefusalReason
from kiosk.messaging.contract.configuration import ConfigurationDocument, Part, from_base64, to_base64
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority
from kiosk.station.configuration.county import signature_check
from kiosk.station.configuration.signature import check_signature, main
from kiosk.station.shared.settings import CountyKeys

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
AUTHORITY = CountyAuthority.create("shache", NOW)
ROOT = AUTHORITY.certificate.encode()
KEY = ConfigurationKey(AUTHORITY.issue_configuration_key("shache", 1, NOW))


def unsigned(region: str = "shache", key: int = 1, number: int = 1) -> ConfigurationDocument:
    parts = {"prices": Part.of(b'{"prices":[]}')}
    return ConfigurationDocument("S0147", region, (key, number), "2026-12-01T08:00:00Z", None, parts, "")


def test_the_county_s_own_is_believed_also_with_a_clock_of_1970() -> None:
    assert check_signature(KEY.sign(unsigned()), ROOT) is None


def test_nothing_else_is(subtests: pytest.Subtests) -> None:
    good = KEY.sign(unsigned())
    other = CountyAuthority.create("shache", NOW)
    foreign = ConfigurationKey(other.issue_configuration_key("shache", 1, NOW))
    second = ConfigurationKey(AUTHORITY.issue_configuration_key("shache", 2, NOW))
    neighbour = ConfigurationKey(AUTHORITY.issue_configuration_key("hotan", 1, NOW))
    wrong = {
        "another county's authority": foreign.sign(unsigned()),
        "another number": replace(good, version=(1, 2)),
        "another generation than its certificate": replace(second.sign(unsigned(key=2)), version=(1, 1)),
        "another region than its certificate": replace(neighbour.sign(unsigned("hotan")), region="shache"),
        "another station": replace(good, station="S0148"),
        "another time": replace(good, issued="2026-12-02T08:00:00Z"),
        "other parts": replace(good, parts={}),
        "no signature": replace(good, signature=""),
        "no certificate": replace(good, certificate=""),
        "no base64": replace(good, signature="!"),
    }
    signature = from_base64(good.signature)
    for place in range(0, len(signature), 9):
        flipped = bytes(byte ^ (number == place) for number, byte in enumerate(signature))
        wrong[f"a flipped byte {place}"] = replace(good, signature=to_base64(flipped))
    for name, document in wrong.items():
        with subtests.test(name):
            expected = RefusalReason.OTHER_COUNTY if "authority" in name else RefusalReason.SIGNATURE
            assert check_signature(document, ROOT) is expected


def test_the_station_asks_it_in_a_process_of_its_own(tmp_path: Path) -> None:
    check = signature_check(CountyKeys(tmp_path / "ca.crt"))
    good = KEY.sign(unsigned())
    with pytest.raises(OSError, match=r"ca\.crt"):
        check(good.encode())
    (tmp_path / "ca.crt").write_bytes(ROOT)
    assert check(good.encode()) is None
    assert check(replace(good, version=(1, 2)).encode()) is RefusalReason.SIGNATURE


def test_the_program_says_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document, root = tmp_path / "document.json", tmp_path / "ca.crt"
    root.write_bytes(ROOT)
    for made, said in ((KEY.sign(unsigned()), "\n"), (replace(KEY.sign(unsigned()), version=(1, 2)), "signature\n")):
        document.write_bytes(made.encode())
        assert main([str(document), str(root)]) == 0
        assert capsys.readouterr().out == said
