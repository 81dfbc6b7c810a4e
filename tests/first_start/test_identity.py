"""The first start with identities on a stick: chosen, opened, and what need not be asked any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from kiosk.base.refused import Refused
from kiosk.config.station import load
from kiosk.first_start.identity.vault import InUse
from kiosk.first_start.questions import DONE
from kiosk.first_start.settings import tables
from kiosk.first_start.shared.draft import draft_path, load_draft
from kiosk.first_start.shared.ports import Identities, OfferedIdentity
from tests.first_start.identity.identities import CODE, OFFERED, OTHER_CODE
from tests.web.first_start.start import Start

SKIPPED = {"station", "region", "village", "broker", "broker_address", "broker_ca", "broker_account", "broker_test"}


@dataclass
class Stick(Identities):
    """Stands for the media and the root helper."""

    rows: list[OfferedIdentity] = field(default_factory=list)
    present: InUse | None = None
    refusal: Exception | None = None
    offers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def offered(self) -> tuple[OfferedIdentity, ...]:
        return tuple(self.rows)

    def in_use(self) -> InUse | None:
        return self.present

    def take(self, station: str, code: str) -> InUse:
        self.asked.append((station, code))
        if self.refusal is not None:
            raise self.refusal
        row = next(row for row in self.rows if row.station == station)
        if row.sealed and code != CODE.digits:
            raise Refused("identity_wrong", "the code does not open this identity")
        self.rows.remove(row)
        self.present = InUse(row.station, row.region, row.village, "mqtts://center.example:8883", True, **self.offers)
        return self.present


@pytest.fixture
def stick() -> Stick:
    return Stick(
        [
            OfferedIdentity("S0147", "yarkant", "Tagharchi", sealed=True),
            OfferedIdentity("S0148", "yarkant", "", sealed=False),
        ]
    )


@pytest.fixture
def start(tmp_path: Path, stick: Stick) -> Iterator[Start]:
    start = Start(tmp_path)
    start.machine = replace(start.machine, identities=stick)
    start.again()
    yield start
    start.wizard.close()


def answered(start: Start, until: str = "check") -> list[str]:
    """The questions that were asked up to ``until``."""
    asked = []
    for question, form in start.answers():
        if start.at == until:
            break
        if question == start.at:
            asked.append(question)
            start.wizard.answer(question, form)
    return asked


class TestChosen:
    def test_by_number_and_village_with_the_code_from_the_paper(self, start: Start, stick: Stick) -> None:
        start.walk("identity")
        tiles = [(tile.value, tile.detail) for tile in start.wizard.view().choices]
        assert tiles == [("by_hand", ""), ("S0147", "Tagharchi"), ("S0148", "yarkant")]
        start.wizard.answer("identity", {"value": "S0147"})
        assert start.at == "identity_code"
        start.wizard.answer("identity_code", {"value": CODE.digits})
        assert start.at == "scale"
        assert not SKIPPED & set(answered(start))
        assert CODE.digits not in start.draft_text
        start.wizard.answer("check", {})
        assert start.at == DONE
        config = load(start.place.config_file)
        assert (config.station.station, config.station.region, config.station.village) == (
            "S0147",
            "yarkant",
            "Tagharchi",
        )
        assert config.relay is not None
        assert config.relay.broker_url == "mqtts://center.example:8883"
        credentials = Path("/run/credentials/kiosk-relay.service")
        assert config.relay.ca_file == credentials / "kiosk-relay.ca.crt"
        assert config.relay.cert_file == credentials / "kiosk-relay.crt"
        assert config.relay.key_file == credentials / "kiosk-relay.key"
        assert config.county is None, "it was made without a secret"

    def test_what_the_county_offers_is_in_the_settings(self, start: Start, stick: Stick) -> None:
        stick.offers = {**OFFERED, "pin_secret": True}
        start.walk("identity").answer("identity", {"value": "S0148"})
        answered(start)
        start.restart()
        draft = load_draft(draft_path(start.place.config_file))
        start.wizard.answer("check", {})
        config = load(start.place.config_file)
        assert config.relay is not None
        assert (config.relay.photos, config.relay.updates) == (OFFERED["photos"], OFFERED["updates"])
        assert config.backup is None, "no medium was chosen"
        assert config.county is not None
        credentials = Path("/run/credentials/kiosk-station.service")
        assert config.county.authority == credentials / "kiosk-station.ca.crt"
        assert config.county.pin_secret == credentials / "kiosk-station.pin"
        folder = {"folder": "/mnt/kiosk-backup"}
        with_medium = dict(tables(structs.replace(draft, backup=folder["folder"]), start.place.data, 8080))
        assert with_medium["backup"] == {**folder, "county_key": OFFERED["county_key"]}

    def test_one_in_the_clear_asks_for_no_code(self, start: Start, stick: Stick) -> None:
        start.walk("identity").answer("identity", {"value": "S0148"})
        assert (start.at, stick.asked) == ("scale", [("S0148", "")])
        start.wizard.back()
        assert start.at == "identity"
        (tile,) = start.wizard.view().choices
        assert (tile.value, tile.chosen) == ("S0148", True)
        assert start.refused("identity", "S0147") == "identity_other"
        start.wizard.answer("identity", {"value": "S0148"})
        assert start.at == "scale"

    def test_by_hand_goes_on_as_ever(self, start: Start) -> None:
        start.walk("identity").answer("identity", {"value": "by_hand"})
        assert start.at == "station"
        assert set(answered(start)) >= SKIPPED

    def test_a_stick_that_comes_late_is_found_on_the_way_back(self, start: Start, stick: Stick) -> None:
        late, stick.rows = stick.rows, []
        start.walk("station")
        stick.rows = late
        start.wizard.back()
        assert start.at == "identity"

    def test_what_was_taken_before_a_power_cut_is_on_this_machine(self, start: Start, stick: Stick) -> None:
        start.walk("identity").answer("identity", {"value": "S0147"})
        stick.take("S0147", CODE.digits)
        start.restart()
        assert start.at == "identity_code"
        start.wizard.back()
        start.wizard.answer("identity", {"value": "S0147"})
        assert (start.at, start.draft.taken) == ("scale", True)


class TestRefused:
    def test_the_code(self, start: Start, stick: Stick) -> None:
        start.walk("identity").answer("identity", {"value": "S0147"})
        for typed in ("", CODE.digits[:-1], CODE.digits[:-1] + "0", "x" * 16):
            assert start.refused("identity_code", typed) == "identity_digits"
        assert stick.asked == []
        assert start.refused("identity_code", OTHER_CODE.digits) == "identity_wrong"
        stick.refusal = OSError("the stick is write-protected")
        with pytest.raises(Refused) as refused:
            start.wizard.answer("identity_code", {"value": CODE.digits})
        assert (refused.value.code, refused.value.values) == ("identity_failed", {"why": "machine"})
        start.wizard.back()
        stick.rows.clear()
        assert start.refused("identity", "S0147") == "identity_gone"
