"""The relay reads its own two sections, refuses what is wrong, and loads nothing of the pages or devices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.config.file import BadConfig
from kiosk.config.relay import load

STATION = '[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "data"\n'


def test_station_and_region_come_from_the_station(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(STATION + '[relay]\nbroker_url = "mqtt://127.0.0.1:1883"\n', encoding="utf-8")
    config = load(path)
    assert (config.relay.station, config.relay.region) == ("S0147", "yarkant")
    assert config.relay.software.startswith("station-kiosk/")


@pytest.mark.parametrize(
    ("relay", "message"),
    [
        ("", r"\[relay\]: is missing"),
        ('[relay]\nbroker_url = "http://x"\n', "mqtt://"),
        ('[relay]\nbroker_url = "mqtt://x"\nstation = "S0001"\n', "station: is not a setting"),
        ('[relay]\nbroker_url = "mqtt://x"\nresend_s = 0\n', "resend_s"),
        ("[unknown]\n", "is not a section"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, relay: str, message: str) -> None:
    path = tmp_path / "station.toml"
    path.write_text(STATION + relay, encoding="utf-8")
    with pytest.raises(BadConfig, match=message):
        load(path)


def test_the_relay_loads_no_page_device_or_language() -> None:
    """Its memory is a promise: what is not imported costs nothing."""
    code = "import sys, kiosk.cli.run, kiosk.config.relay, kiosk.app.relay; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "kiosk.messaging.relay.relay" in loaded
    assert not loaded & {"flask", "jinja2", "babel", "tomlkit", "PIL", "serial", "cv2", "numpy", "alembic", "waitress"}
