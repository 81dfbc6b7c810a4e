"""Which board this is, and which build runs on it: for whoever looks from afar."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.station.doctor.machine.files import read
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity
from kiosk.station.shared.software import software_id
from kiosk.texts.plain import plain

_MODEL: Final = re.compile(r"Raspberry Pi (?:Compute Module )?(?:(?P<board>[345])\b|(?P<keyboard>[45])00\b)")
_MAX_NAME_LENGTH: Final = 64  # The name of a board is shorter
_PROGRAM: Final = Path(__file__).resolve().parents[4]  # The folder that the package lies in
_INSTALLED: Final = "code"  # Its name on an installed machine; `release.json` lies beside it


def read_model(proc: Path) -> str:
    """Of the device tree; "" of a machine without one. Raises OSError."""
    return read(proc / "device-tree/model")


def board(model: str) -> DoctorFinding | None:
    """None of a machine that does not say what it is."""
    name = plain(model, _MAX_NAME_LENGTH)
    if not name:
        return None
    known = _MODEL.match(name)
    word = f"board_pi{known['board'] or known['keyboard']}" if known is not None else "board_other"
    return DoctorFinding("board", True, None, word=word, values={"name": name})


class ReleaseInfo(msgspec.Struct, frozen=True):
    """What is read of ``release.json``; its version carries the commit."""

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.+~-]{1,64}(?!\n)$")]


_release_of: Final = reader(msgspec.json.Decoder(ReleaseInfo))


def read_release(program: Path = _PROGRAM) -> str | None:
    """``release.json``, "" when it is missing; None of a program that runs from its sources. Raises OSError."""
    return read(program.parent / "release.json") if program.name == _INSTALLED else None


def build(release: str | None) -> DoctorFinding:
    """The row of the program itself."""
    if release is None:
        return DoctorFinding("build", True, None, word="build_source", values={"name": software_id()})
    try:
        return DoctorFinding("build", True, True, word="build_release", values={"name": _release_of(release).version})
    except Unreadable:
        return DoctorFinding("build", True, None, Severity.WARN, "build_damaged")
