"""The settings of the verification and the check weight: what is allowed, and what holds when they say nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kiosk.config.file import BadConfig
from kiosk.config.station import load
from kiosk.station.scale.settings import MetrologySettings

STATION = '[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "data"\n'
SCALE = '[scale]\nport = "/dev/x"\nprotocol = "xk3190_tf0"\ne_g = 5\nmax_g = 30000\n'


def test_nothing_set_asks_for_nothing() -> None:
    settings = MetrologySettings()
    assert (settings.until, settings.required) == (None, False)


def test_a_check_weight_that_is_set_is_asked_for_unless_the_file_says_no() -> None:
    assert MetrologySettings(check_weight_g=5_000).required
    assert not MetrologySettings(check_weight_g=5_000, check_required=False).required
    assert MetrologySettings(check_required=True).required, "any weight will do, its mass is typed"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"verified_until": "31.03.2027"}, "date like 2027-03-31"),
        ({"verified_until": "2027-02-30"}, "date like 2027-03-31"),
        ({"check_weight_g": 0}, "grams above 0"),
        ({"serial_no": "SN\n4711"}, "at most 32"),
        ({"serial_no": "x" * 33}, "at most 32"),
    ],
)
def test_what_is_wrong_is_named(setting: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MetrologySettings(**setting)  # type: ignore[arg-type]


def test_the_section_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(f'{STATION}{SCALE}[metrology]\nverified_until = "2027-03-31"\ncheck_weight_g = 5000\n')
    found = load(path).metrology
    assert (found.until, found.check_weight_g, found.required) == (date(2027, 3, 31), 5_000, True)
    path.write_text(STATION)
    assert load(path).metrology == MetrologySettings()


def test_a_check_weight_beyond_the_scale_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(f"{STATION}{SCALE}[metrology]\ncheck_weight_g = 50000\n")
    with pytest.raises(BadConfig, match=r"station\.toml:11: \[metrology\] check_weight_g: .* 100 to 30000 g"):
        load(path)
