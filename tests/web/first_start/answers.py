"""A machine with names of devices and nothing behind them, and the answers of somebody who sets everything up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from kiosk.app.machine import ThisMachine
from kiosk.base.refused import Refused
from kiosk.first_start.identity.vault import InUse
from kiosk.first_start.shared.ports import Identities, OfferedIdentity, OfferedRecovery, Recoveries
from tests.web.village_air import PASSWORD, VillageAir

SCALE = "serial/by-id/usb-1a86_USB_Serial-if00-port0"
SCANNER = "serial/by-id/usb-Newland_NLS-HR22-if00"
KEYBOARD = "input/by-id/usb-Symbol_Scanner-event-kbd"
CAMERA = "v4l/by-id/usb-046d_C270-video-index0"
PRINTER = "usb/lp0"
PIN, CLERK_PIN = "193746", "582641"


class Stick(Identities):
    """A stick with identities, when somebody has plugged it in; no root helper takes one of them."""

    def __init__(self) -> None:
        self.plugged_in = False

    def offered(self) -> tuple[OfferedIdentity, ...]:
        villages = ("Tagharchi", "تاغارچى 5-كەنت", "塔尕尔其", "")
        rows = tuple(OfferedIdentity(f"S{147 + at:04}", "yarkant", villages[at % 4], sealed=True) for at in range(200))
        return rows if self.plugged_in else ()

    def take(self, station: str, code: str) -> InUse:
        raise Refused("identity_wrong", "the code does not open this identity, or the file was changed")


class Kits(Recoveries):
    """Sticks with a kit and backups, when somebody has plugged them in; the helper begins, and does not come to an end
    by itself.
    """

    def __init__(self) -> None:
        self.plugged_in = False
        self.working = False
        self.ended: Refused | None = None

    def offered(self) -> tuple[OfferedRecovery, ...]:
        rows = (
            OfferedRecovery("S0147", "2026-11-27", ""),
            OfferedRecovery("S0148", "2026-11-26", "opening"),
            OfferedRecovery("S0149", "2026-11-25", "kit"),
            OfferedRecovery("S0150", "", "backup"),
        )
        return rows if self.plugged_in else ()

    def begin(self, station: str, code: str, letter: str) -> None:
        self.working = True

    def busy(self) -> bool:
        return self.working

    def refusal(self) -> Refused | None:
        return self.ended


def named_devices(folder: Path) -> ThisMachine:
    """Plain files in the places of devices: they are listed, and opening one fails at once."""
    dev, keys = folder / "dev", folder / "keys"
    keys.mkdir(parents=True)
    for name in (SCALE, SCANNER, KEYBOARD, CAMERA, PRINTER):
        (dev / name).parent.mkdir(parents=True, exist_ok=True)
        (dev / name).write_bytes(b"")
    for name in ("county-ca.crt", "station.crt", "station.key", "broker-password"):
        (keys / name).write_bytes(b"")
    return ThisMachine(dev=dev, keys=(keys,), data=folder / "data", sys=folder / "sys", network=VillageAir())


def answers(machine: ThisMachine) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Question and form, in the order they are asked; no device is tried."""
    dev, keys = machine.dev, machine.keys[0]
    rows = (
        ("language", "en"),
        ("panel", "7"),
        ("recovery", "new"),
        ("identity", "by_hand"),
        ("station", "0147"),
        ("region", "yarkant"),
        ("village", "tagharchi 5-kent"),
        ("scale", str(dev / SCALE)),
        ("protocol", "xk3190_tf0"),
        ("line", "4800 7E1"),
        ("reads", "skip"),
        ("e", "10"),
        ("max", "60.5"),
        ("label", "tcp:192.168.1.50:9100"),
        ("label_profile", "tspl_300"),
        ("label_test", "skip"),
        ("receipt", str(dev / PRINTER)),
        ("receipt_profile", "escpos_58_silent"),
        ("receipt_test", "skip"),
        ("scanner", str(dev / KEYBOARD)),
        ("scanner_test", "skip"),
        ("camera", str(dev / CAMERA)),
        ("camera_test", "skip"),
        ("network", "search"),
        ("network_list", "psk Bazar"),
        ("network_password", PASSWORD),
        ("broker", "mqtts"),
        ("broker_address", "center.example:8883"),
        ("broker_ca", str(keys / "county-ca.crt")),
        ("broker_account", str(keys / "station.crt")),
        ("broker_test", "skip"),
        ("goods", "sample"),
        ("goods_shown", "yes"),
        ("backup", "none"),
        ("technician", "aygul"),
        ("technician_pin", PIN),
        ("technician_again", PIN),
        ("clerk", "تۇرسۇن"),
        ("clerk_pin", CLERK_PIN),
        ("clerk_again", CLERK_PIN),
    )
    yield from ((question, {"value": value, "width_px": "1024", "height_px": "600"}) for question, value in rows)
