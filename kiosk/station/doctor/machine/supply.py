"""What a board can bear: the heat of its processor, and whether its supply sags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.station.doctor.machine.files import entries, number, read
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity

# From here on the firmware slows the processor down (Raspberry Pi documentation, frequency management).
HOT_C: Final = 80
TOO_HOT_C: Final = 85  # From here on it slows the processor down as far as it can (the same)
_SENSOR_C: Final = range(-40, 151)  # What the sensor can measure; anything else is none of its values
LOW_NOW: Final = 1 << 0  # `get_throttled` (Raspberry Pi documentation, vcgencmd): below 4.63 V now
LOW_BEFORE: Final = 1 << 16  # The same since the start
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{1,8}")
_FIRMWARE: Final = "devices/platform/soc/soc:firmware/get_throttled"
_SUPPLY_MONITOR: Final = "rpi_volt"


def read_temperatures(sys: Path) -> list[str]:
    """Thousandths of a degree, as each sensor tells them. One that cannot be read tells nothing. Raises OSError."""
    return [
        _read_sensor(folder / "temp")
        for folder in entries(sys / "class/thermal")
        if folder.name.startswith("thermal_zone")
    ]


def _read_sensor(path: Path) -> str:
    """A sensor that is switched off answers with an error of its own."""
    try:
        return read(path)
    except PermissionError:
        raise
    except OSError:
        return ""


def temperature(readings: Sequence[str]) -> DoctorFinding | None:
    """The hottest sensor. None without any."""
    if not readings:
        return None
    degrees = [thousandths // 1000 for thousandths in map(number, readings) if thousandths is not None]
    hottest = max((degree for degree in degrees if degree in _SENSOR_C), default=None)
    if hottest is None:
        return DoctorFinding("temperature", True, None)
    values: dict[str, str | int] = {"n": hottest}
    if hottest >= TOO_HOT_C:
        return DoctorFinding("temperature", True, False, Severity.FAIL, "temperature_too_high", values=values)
    if hottest >= HOT_C:
        return DoctorFinding("temperature", True, True, Severity.WARN, "temperature_high", values=values)
    return DoctorFinding("temperature", True, True, word="temperature_known", values=values)


@dataclass(frozen=True, slots=True)
class Supply:
    """``alarms``: ``in0_lcrit_alarm`` of each monitor of the supply; ``throttled``: the firmware's own word, in
    hexadecimal. Empty of a board that has neither.
    """

    alarms: tuple[str, ...] = ()
    throttled: str = ""


def read_supply(sys: Path) -> Supply:
    """Raises OSError."""
    monitors = [folder for folder in entries(sys / "class/hwmon") if read(folder / "name") == _SUPPLY_MONITOR]
    return Supply(tuple(_read_sensor(folder / "in0_lcrit_alarm") for folder in monitors), _read_sensor(sys / _FIRMWARE))


def power(supply: Supply) -> DoctorFinding | None:
    """A supply that sags kills cards. None of a board that cannot tell."""
    bits = int(supply.throttled, 16) if _HEX.fullmatch(supply.throttled) else None
    alarms = [alarm == "1" for alarm in supply.alarms if alarm in ("0", "1")]
    if bits is None and not alarms:
        return None
    if any(alarms) or (bits is not None and bits & LOW_NOW):
        return DoctorFinding("power", True, False, Severity.WARN, "power_low")
    if bits is not None and bits & LOW_BEFORE:
        return DoctorFinding("power", True, True, Severity.WARN, "power_was_low")
    return DoctorFinding("power", True, True)
