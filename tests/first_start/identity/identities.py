"""Identities for tests, and a word of Argon2id that costs next to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import StationIdentity, seal, sealed_name
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.shared import age_file
from tests.messaging.authority import Authority

CODE = PaperCode("4821093755602182")
OTHER_CODE = PaperCode.generate(lambda below: 7)
OFFERED = {
    "photos": "https://center.example:8843",
    "updates": "https://center.example:8844",
    "county_key": CountyKey(bytes(range(32))).text,
}
"""What an identity may have besides."""


def cost_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(age_file, "COST", age_file.Cost(1, 8, 1))


def made(folder: Path, station: str = "S0147", village: str = "Tagharchi") -> StationIdentity:
    authority = Authority(folder)
    certificate, key = authority.issue(station)
    return StationIdentity(
        station=station,
        region="yarkant",
        village=village,
        broker_url="mqtts://center.example:8883",
        certificate=certificate.read_text("ascii"),
        key=key.read_text("ascii"),
        authority=authority.file.read_text("ascii"),
    )


def sealed(identity: StationIdentity, code: PaperCode = CODE) -> bytes:
    return seal(identity, code)


def laid(folder: Path, identity: StationIdentity, code: PaperCode = CODE) -> Path:
    """The sealed identity on a stick."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / sealed_name(identity.station)
    file.write_bytes(sealed(identity, code))
    return file
