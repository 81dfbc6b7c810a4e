"""A running station and a document signed by its county: it waits for the intake, then all of it holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from kiosk.domain.moment import Moment
from kiosk.labels.layout import shipped_text
from kiosk.messaging.contract.configuration import CountySettings, LayoutsPart, SettingsPart, parse_document
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority
from kiosk.station.shared.clock_setting import ClockSetter
from kiosk.station.shared.settings import CountyKeys
from kiosk.store import Store
from tests.station.configuration.rig import GOODS, Sent, document, prices
from tests.station.test_service import Shop, opened

MADE = datetime(2026, 11, 1, tzinfo=UTC)


def signed(authority: CountyAuthority) -> Sent:
    layouts = LayoutsPart({"bag": shipped_text("bag").replace("height = 40", "height = 41", 1)})
    texts = SettingsPart(CountySettings(phone="0998-8512345"))
    made = document(18, goods=GOODS, prices=prices(18), layouts=layouts, settings=texts)
    unsigned = msgspec.structs.replace(parse_document(made.content), signature="")
    key = ConfigurationKey(authority.issue_configuration_key("yarkant", 1, MADE))
    return Sent(key.sign(unsigned).encode(), made.parts)


def step(shop: Shop) -> str:
    """What the document waits for, "" when there is none."""
    shop.service.county.step()
    waiting = shop.service.county.inbox.waiting
    return waiting.why if waiting else ""


def test_it_waits_for_the_intake_and_holds_at_once(store: Store, tmp_path: Path) -> None:
    authority = CountyAuthority.create("yarkant", MADE)
    (tmp_path / "ca.crt").write_text(authority.certificate)
    with opened(store, tmp_path, county=CountyKeys(tmp_path / "ca.crt")) as shop:
        service = shop.service
        service.county.worker.stop()  # Stepped by hand
        shop.scale.rest(0)
        service.desk.choices.begin()
        signed(authority).put_into(tmp_path / "configuration")
        assert step(shop) == "busy_intake"
        service.desk.intake_exit.leave()
        assert step(shop) == ""
        found = service.county.in_force()
        assert found is not None
        assert (str(found.version), found.confirmed, service.county.prices_confirmed()) == ("1.18", True, True)
        shop.agreed()
        shop.printed("printed", "printed")
        assert shop.label.sheets.told[-1].startswith(b"SIZE 60 mm,41")
        papers = store.papers.of_receipt(store.intakes.recent()[0].receipt)
        (receipt,) = (job.body for job in papers if job.document == "receipt")
        assert b'"phone":"0998-8512345"' in receipt
        assert service.phone == "0998-8512345", "as the page of a forgotten PIN has it"


class Times(ClockSetter):
    """Notes what a signed document proves."""

    def __init__(self) -> None:
        super().__init__(None)
        self.proven: list[str] = []

    def prove(self, at: datetime, now: Moment) -> None:
        self.proven.append(at.isoformat())


def test_it_proves_a_time_once(store: Store, tmp_path: Path) -> None:
    authority = CountyAuthority.create("yarkant", MADE)
    (tmp_path / "ca.crt").write_text(authority.certificate)
    with opened(store, tmp_path, county=CountyKeys(tmp_path / "ca.crt")) as shop:
        service, times = shop.service, Times()
        for worker in (service.county.worker, service.proven_time_worker):
            worker.stop()  # Stepped by hand
        service.clock_setter = times
        shop.scale.rest(0)
        service.prove_time()
        assert times.proven == []
        sent = signed(authority)
        sent.put_into(tmp_path / "configuration")
        assert step(shop) == ""
        service.prove_time()
        service.prove_time()
        assert times.proven == [parse_document(sent.content).issued_at.isoformat()]
