"""What dpkg is told of each package: fields, scripts, files that belong to whoever changes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parts import CENTER, STATION
from release import PYTHON
from tree import BOX, MASKED, enabled_units, units

MAINTAINER_SCRIPTS: Final = Path(__file__).resolve().parent / "maintainer"
ALL: Final = "all"
ARCHITECTURES: Final = {STATION: ("amd64", "arm64"), BOX: (ALL,), CENTER: ("amd64", "arm64")}

_NEXT_PYTHON: Final = f"3.{int(PYTHON.partition('.')[2]) + 1}"
_FONTS: Final = "libfribidi0, fonts-noto-core, fonts-noto-ui-core, fonts-noto-cjk"
_RUNTIME: Final = f"python3 (>= {PYTHON}), python3 (<< {_NEXT_PYTHON}), libstdc++6, tzdata, systemd (>= 257)"
"""Compiled libraries are for one version of Python, and OpenCV's is C++; every other library lies in the package."""


@dataclass(frozen=True, slots=True)
class About:
    """Relations to others, and the description: its first line, then the rest."""

    depends: str
    recommends: str
    suggests: str
    summary: str
    text: str


ABOUT: Final = {
    STATION: About(
        depends=f"{_RUNTIME}, udev, {_FONTS}",
        recommends="ca-certificates",
        suggests=f"{BOX}, python3-lgpio",
        summary="village e-commerce station: weigh, label, photograph, send",
        text="Station and relay: pages on this machine, scale, printers, camera, scanner, the events of a day and\n"
        "their way to the sorting center. Without a screen of its own: that is the package station-kiosk-box.",
    ),
    BOX: About(
        depends=f"{STATION} (= @VERSION@), chromium, cage, seatd, e2fsprogs",
        recommends="systemd-timesyncd | time-daemon",
        suggests="overlayroot, busybox",
        summary="village e-commerce station as a box: one screen, one page",
        text="A browser that shows the station and nothing else, without keyboard or console, a splash page, and\n"
        "what a Raspberry Pi needs to be a box. From the next start on this machine has no console on its screen.",
    ),
    CENTER: About(
        depends=f"{_RUNTIME}, nginx, mosquitto | rabbitmq-server, {_FONTS}",
        recommends="ca-certificates",
        suggests="postgresql",
        summary="sorting center: takes stations' events in, keeps and shows them",
        text="The county's program: it hears the stations through a broker, keeps a ledger, acknowledges, and shows\n"
        "it. The command sorting-center setup makes a county's server of this machine: authority, broker, nginx,\n"
        "settings. Until then nothing of it starts.",
    ),
}


def control(package: str, architecture: str, version: str, installed_kib: int) -> str:
    """``DEBIAN/control``."""
    about = ABOUT[package]
    fields = {
        "Package": package,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Station Kiosk <station-kiosk@localhost>",
        "Installed-Size": str(installed_kib),
        "Depends": about.depends.replace("@VERSION@", version),
        "Recommends": about.recommends,
        "Suggests": about.suggests,
        "Section": "misc",
        "Priority": "optional",
        "Description": "\n ".join([about.summary, *about.text.splitlines()]),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def scripts(package: str) -> dict[str, str]:
    """Maintainer scripts by name. They name our own units, and no others."""
    enabled = enabled_units(package)
    words = {
        "@ENABLED@": " ".join(enabled),
        "@UNITS@": " ".join(_started(unit) for unit in units(package)),
        "@SERVICES@": " ".join(unit for unit in enabled if unit.endswith(".service")),
        "@MASKED@": " ".join(MASKED),
    }
    found = {}
    for path in sorted(MAINTAINER_SCRIPTS.glob(f"{package}.*")):
        text = path.read_text(encoding="utf-8")
        found[path.suffix[1:]] = re.sub(r"@[A-Z]+@", lambda word: words[word[0]], text)
    return found


def _started(unit: str) -> str:
    """What of it may run: of a template, every instance."""
    return f"'{unit.replace('@.', '@*.')}'" if "@." in unit else unit


def conffiles(root: Path) -> str:
    """Files below /etc: dpkg asks before it replaces one that somebody changed."""
    found = (path for path in sorted((root / "etc").rglob("*")) if path.is_file() and not path.is_symlink())
    return "".join(f"/{path.relative_to(root)}\n" for path in found)
