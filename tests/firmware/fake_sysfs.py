"""What udev makes of a device that is not there: ``fake_sysfs.py DEVICE...`` with DEVICE as JSON, must be root.

A mount namespace of its own gets an empty /sys with one USB device in it, the rules of firmware_config/udev, and a
group ``kiosk``; then the real ``udevadm test`` evaluates all of Debian's rules and these. Prints its report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/systemd"))

from own_root import MS_BIND, mount, take_own_root  # noqa: E402 - its folder is no package

CLASSES = ("tty", "usbmisc", "input", "hidraw", "drm")
HOSTS = {
    "pi3": "platform/soc/3f980000.usb",
    "pi4": "platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0",
    "pi5": "platform/axi/1000120000.pcie/1f00200000.usb/xhci-hcd.0",
    "pc": "pci0000:00/0000:00:14.0",
}
"""The USB host controller of each board, as its kernel names it."""


def device(path: Path, subsystem: str, uevent: dict[str, str] | None = None, **attributes: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "uevent").write_text("".join(f"{key}={value}\n" for key, value in (uevent or {}).items()), encoding="ascii")
    home = Path("/sys/class" if subsystem in CLASSES else "/sys/bus") / subsystem
    home.mkdir(parents=True, exist_ok=True)
    (path / "subsystem").symlink_to(home)
    for name, value in attributes.items():
        (path / name).write_text(value + "\n", encoding="ascii")
    return path


def host(board: str) -> Path:
    """The controller with every parent that has a subsystem of its own."""
    path = Path("/sys/devices")
    for part in HOSTS[board].split("/"):
        path /= part
        if part not in ("platform", "soc", "scb", "axi") and not part.startswith("pci0000"):
            device(path, "pci" if part.startswith("0000:") else "platform")
    return path


def usb(board: str, port: str, vendor: str, product: str, serial: str) -> Path:
    """One interface of a USB device in a socket, below as many hubs as the socket's number says."""
    path = device(host(board) / "usb1", "usb", {"DEVTYPE": "usb_device"}, idVendor="1d6b", idProduct="0002")
    numbers = port.split(".")
    for count in range(1, len(numbers)):
        path = device(path / f"1-{'.'.join(numbers[:count])}", "usb", {"DEVTYPE": "usb_device"}, idVendor="2109")
    ids = {"idVendor": vendor, "idProduct": product, "bcdDevice": "0100", "product": "Thing"}
    path = device(path / f"1-{port}", "usb", {"DEVTYPE": "usb_device"}, **ids, **({"serial": serial} if serial else {}))
    interface = {"bInterfaceNumber": "00", "bInterfaceClass": "ff", "bInterfaceSubClass": "00"}
    return device(path / f"1-{port}:1.0", "usb", {"DEVTYPE": "usb_interface"}, **interface, bInterfaceProtocol="00")


def node(kind: str, at: Path, number: str) -> Path:
    """What the kernel's driver makes of the interface. ``number``: of a partition."""
    if kind == "tty":
        device(at / "ttyUSB0", "usb-serial")
        return device(at / "ttyUSB0/tty/ttyUSB0", "tty", {"MAJOR": "188", "MINOR": "0", "DEVNAME": "ttyUSB0"})
    if kind == "printer":
        return device(at / "usbmisc/lp0", "usbmisc", {"MAJOR": "180", "MINOR": "0", "DEVNAME": "usb/lp0"})
    if kind == "screen":
        return device(at / "drm/card1", "drm", {"MAJOR": "226", "MINOR": "1", "DEVNAME": "dri/card1"})
    if kind in ("hidraw", "keyboard's hidraw"):
        hid = device(at / "0003:0922:8003.0001", "hid", {"HID_NAME": "Thing"})
        (hid / "hidraw/hidraw0").mkdir(parents=True)
        (hid / "hidraw/hidraw0/device").symlink_to(hid)
        if kind != "hidraw":
            (hid / "input").mkdir()
        return device(hid / "hidraw/hidraw0", "hidraw", {"MAJOR": "240", "MINOR": "0", "DEVNAME": "hidraw0"})
    if kind in ("disk", "partition"):
        disk = device(
            at / "host0/block/sda", "block", {"MAJOR": "8", "MINOR": "0", "DEVNAME": "sda", "DEVTYPE": "disk"}
        )
        (disk / "size").write_text("31116288\n", encoding="ascii")
        if kind == "disk":
            return disk
        part = {"MAJOR": "8", "MINOR": number, "DEVNAME": f"sda{number}", "DEVTYPE": "partition"}
        return device(disk / f"sda{number}", "block", part, partition=number, size="31114240")
    parent = device(at / "input/input7", "input", {"PRODUCT": "3/1/2/110"}, name="Thing", phys="usb")
    bits = {"keyboard": ("120013", "0", "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe")}
    bits["touch"] = ("b", "260800000000003", "400 0 0 0 0 0")
    for name, value in zip(("ev", "abs", "key"), bits[kind], strict=True):
        (parent / "capabilities").mkdir(exist_ok=True)
        (parent / "capabilities" / name).write_text(value + "\n", encoding="ascii")
    for name in ("rel", "msc", "led", "ff", "sw", "snd"):
        (parent / "capabilities" / name).write_text("0\n", encoding="ascii")
    (parent / "properties").write_text("2\n" if kind == "touch" else "0\n", encoding="ascii")
    return device(parent / "event7", "input", {"MAJOR": "13", "MINOR": "71", "DEVNAME": "input/event7"})


def report(wanted: dict[str, Any], rules: Path) -> str:
    mount("tmpfs", "/sys", "tmpfs")
    interface = usb(wanted["board"], wanted["port"], wanted["vendor"], "0001", wanted["serial"])
    at = node(wanted["kind"], interface, wanted["number"])
    done = subprocess.run(
        ["udevadm", "test", "--action=add", str(at)],
        env={**os.environ, "SYSTEMD_DEVICE_VERIFY_SYSFS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else done.stderr


def main() -> None:
    take_own_root()
    rules = Path("/etc/udev/rules.d")
    mount("tmpfs", rules, "tmpfs")
    for path in (ROOT / "firmware_config/udev").glob("*.rules"):
        (rules / path.name).write_bytes(path.read_bytes())
    group = rules / "group"
    group.write_text(Path("/etc/group").read_text(encoding="utf-8") + "kiosk:x:54321:\n", encoding="utf-8")
    mount(str(group), "/etc/group", flags=MS_BIND)
    wanted = json.loads(sys.argv[1])
    for name, text in wanted.get("rules", {}).items():
        (rules / name).write_text(text, encoding="utf-8")
    print(report(wanted, rules))


if __name__ == "__main__":
    main()
