"""What may be set of the network, and the files that systemd gets of it."""

from __future__ import annotations

import configparser

import msgspec
import pytest

from kiosk.devices.network.settings import NETWORK_FILES, NetworkSettings
from tests.packaging.test_image import IMAGE_FILES

GOOD = ("wired", "192.168.1.20/24", "192.168.1.1")


def test_a_fixed_address_is_laid_beside_the_file_of_its_link_and_nowhere_else() -> None:
    for link, (file, metric) in NETWORK_FILES.items():
        files = NetworkSettings(link, "10.7.0.20/255.255.0.0", "10.7.0.1", time_server="ntp.county.example").drop_ins()
        text = files.pop(f"network/{file}.d/50-kiosk-fixed.conf")
        assert text == (
            f"[Network]\nDHCP=no\nAddress=10.7.0.20/16\nDNS=10.7.0.1\n\n[Route]\nGateway=10.7.0.1\nMetric={metric}\n"
        )
        assert files.pop("timesyncd.conf.d/50-kiosk.conf") == "[Time]\nNTP=ntp.county.example\n"
        assert set(files.values()) == {""}
        assert (IMAGE_FILES / "etc/systemd/network" / file).is_file(), "the image has the file it lies beside"
    assert set(NetworkSettings().drop_ins().values()) == {""}


def test_a_cable_comes_before_wifi_by_the_same_ranks_in_the_image() -> None:
    for link, (file, metric) in NETWORK_FILES.items():
        rules = configparser.ConfigParser(interpolation=None, strict=False)
        rules.optionxform = str  # type: ignore[assignment,method-assign]
        rules.read(IMAGE_FILES / "etc/systemd/network" / file)
        assert (link, rules["DHCPv4"]["RouteMetric"]) == (link, str(metric))
    assert NETWORK_FILES["wired"][1] < NETWORK_FILES["wifi"][1]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (("wired", "192.168.1.20", "192.168.1.1"), ""),
        (("wifi", "192.168.1.20/24", "192.168.1.1", "1.1.1.1", "10.0.0.1"), ""),
        (("", "192.168.1.20/24"), "link"),
        (("wired", "", "192.168.1.1"), "address"),
        (("wired", "192.168.1.0/24", "192.168.1.1"), "address"),
        (("wired", "192.168.1.255/24", "192.168.1.1"), "address"),
        (("wired", "192.168.1.300/24", "192.168.1.1"), "address"),
        (("wired", "192.168.1.20/32", "192.168.1.1"), "address"),
        (("wired", "127.0.0.1/8", "127.0.0.2"), "address"),
        (("wired", "224.0.0.7/24", "224.0.0.1"), "address"),
        (("wired", "192.168.1.20/24\nDHCP=yes", "192.168.1.1"), "address"),
        (("wired", "fd00::7/64", "fd00::1"), "address"),
        (("wired", "192.168.1.20/24", ""), "gateway"),
        (("wired", "192.168.1.20/24", "192.168.2.1"), "gateway"),
        (("wired", "192.168.1.20/24", "192.168.1.20"), "gateway"),
        ((*GOOD, "0.0.0.0"), "dns"),
        ((*GOOD, "dns.example"), "dns"),
        ((*GOOD, "", "ntp example"), "time_server"),
        ((*GOOD, "", "ntp.example\n"), "time_server"),
        ((*GOOD, "", "a" * 254), "time_server"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_field(values: tuple[str, ...], field: str) -> None:
    if not field:
        assert NetworkSettings(*values).drop_ins()  # type: ignore[arg-type]
        return
    with pytest.raises(ValueError, match=f"^{field}$"):
        NetworkSettings(*values)  # type: ignore[arg-type]
    names = NetworkSettings.__struct_fields__
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(dict(zip(names, values, strict=False))), type=NetworkSettings)
