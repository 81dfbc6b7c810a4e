"""The technician's pages of a station that has much to tell, for those who look at each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pytest
from jinja2 import StrictUndefined

from kiosk.devices.ports import PrinterFault
from kiosk.devices.scale.command import COMMANDS
from kiosk.domain.clerk import Role
from kiosk.messaging.contract.catalog.file import parse_catalog
from kiosk.station.catalog import stick_import
from kiosk.station.catalog.stick_import import StickCatalogs
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.doctor import environment as doctor_place
from kiosk.station.scale.keys import ScaleKeys
from kiosk.station.shared.clock_setting import ClockSetter
from kiosk.station.update.updates import Updates
from kiosk.web.factory import _FILTERS, ServedApp
from kiosk.web.first_start.app import NoStreams
from kiosk.web.shared import guard, roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import clock, county, goods, layouts, network, people, technical, update
from kiosk.web.technician import routes as technician
from tests.station.counter.rig import PINS
from tests.station.doctor.clinic import Clinic
from tests.station.fakes import Rig
from tests.station.scale.test_keys import FakeScale
from tests.station.update.test_station_side import FakeJournal, FakeQuiet, FullShelf
from tests.store.village import CATALOG
from tests.web.scale_worth import LONGEST, give_scale
from tests.web.shop import telling_county
from tests.web.village_air import LONG_NAME, VillageAir

STICK: Final = Path("/run/kiosk-media/TECHNICIAN-sda1")
GOODS: Final = (
    *("/goods", "/goods?page=2", "/goods?done=1", f"/goods?file={STICK}/dearer.json", f"/goods?file={STICK}/same.json"),
    *(f"/goods?file={STICK}/dearer.json&page=2", f"/goods?file={STICK}/broken.json", "/goods?file=gone"),
)
PAGES: Final = (
    *("", "/tests", "/scale", "/scale?told=unconfirmed", "/shot"),
    *("/lamps", "/care", "/layouts", "/layouts?kind=bag&other=small", "/events", "/epoch", "/about", "/update"),
    *GOODS,
    *("/people", "/people?page=2&done=1", "/people/new", "/people/new?letters=ug", "/people/pin?number=03"),
    *("/people/person?number=03", "/people/person?number=03&close=1"),
    *("/county", "/clock", "/clock?at=202612011435", "/clock?at=209912011435"),
    *("/network", "/network/wifi?done=1", f"/network/password?network=psk%20{LONG_NAME}", "/network/time"),
    *("/network/address?link=wired", "/network/address?link=wifi&address=192.168.1.20/24&gateway=192.168.1.1"),
)


def _catalog(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Almost that of every test, as a file."""
    rows = msgspec.json.decode(msgspec.json.encode(replace(CATALOG, members=())))
    del rows["products"][0]["sale"], rows["day"]
    for row in (*rows["products"], *rows["containers"]):
        row["names"]["en"] = "Almond"
    change(rows)
    return msgspec.json.encode(rows)


def _dearer(rows: dict[str, Any]) -> None:
    """Each price is another one, and eight long names are new."""
    for row in rows["prices"]:
        row["fen_per_kg"] += 12_345
    names = {
        "ug": "ئۇزۇن ئىسىملىق ئالاھىدە سورتلۇق قۇرۇق ئۈ",
        "zh": "特别长的货品名字" * 5,
        "en": "A name as long as it may be, of 40 signs",
    }
    for number in range(8):
        rows["products"].append({"code": f"LONG-{number}", "picture": "other", "names": names})
        rows["prices"].append({"product": f"LONG-{number}", "mode": "consignment", "fen_per_kg": 1_234_500})


FILES: Final = {
    "dearer.json": _catalog(_dearer),
    "same.json": _catalog(lambda rows: None),
    "broken.json": _catalog(lambda rows: rows["prices"][0].update(fen_per_kg="12,345 \u202efen")),
    "a-name-that-is-long-and-has-no-place-to-break-in-it-at-all-whatever-the-panel-is.toml": b"",
}


@contextmanager
def telling_clinic(folder: Path, template: Path) -> Iterator[Clinic]:
    """A station whose scale has the longest names, with a printer without paper, and updates of every kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kiosk.base.systemd.MARK", folder / "none")
        patch.setattr(doctor_place, "disk_of", str)
        patch.setattr(doctor_place, "uuid_of", lambda folder: "")
        clinic = Clinic(folder, template)
        clinic.cure()
        clinic.printers["receipt"].says(PrinterFault.PAPER_OUT)
        clinic.store.outbox.acknowledge(clinic.store.outbox.counts().last_seq, (2, 3))
        give_scale(clinic, LONGEST)
        rig = Rig()
        rig.rest(0)
        clinic.equipment.scale_keys = ScaleKeys(FakeScale(), COMMANDS, 60_000, rig.desk.loads)
        clinic.equipment.network = VillageAir()
        clinic.equipment.updates = Updates(FullShelf(), FakeJournal(), FakeQuiet())
        clinic.store.catalogs.add(parse_catalog(FILES["same.json"], "same.json"), clinic.stamp())
        clinic.equipment.catalogs = StickCatalogs(
            clinic.store.catalogs, lambda: [STICK / name for name in FILES], lambda: None, clinic.stamp, int
        )
        patch.setattr(stick_import, "read_catalog_file", lambda path: FILES[path.name])
        for name in ("ئابدۇراخمان ئابدۇكېرىم ئوغلى", "欧阳娜娜阿依古丽", "Guljamal"):
            clinic.store.clerks.add(name, Role.CLERK, "" if name.isascii() else "hash", clinic.stamp())
        cast(Any, clinic).access = Access(clinic.store, 300, clinic.stamp, pins=PINS)
        cast(Any, clinic).county = clinic.equipment.county = cast(Any, telling_county())
        cast(Any, clinic).clock_setter = ClockSetter(cast(Any, "the helper of an appliance"))
        clinic.config.relay = replace(clinic.config.relay, updates="http://127.0.0.1:8843")
        yield clinic
        clinic.store.close()


def app_of(clinic: Clinic, settings: WebSettings) -> ServedApp:
    app = ServedApp("kiosk.web", NoStreams())
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.filters.update(_FILTERS)
    guard.install(app)
    person = Person("01", "Reyhan", Role.TECHNICIAN)
    roles.install(
        app,
        roles.merge(
            [
                technician.NEEDS,
                technical.NEEDS,
                layouts.NEEDS,
                update.NEEDS,
                goods.NEEDS,
                people.NEEDS,
                county.NEEDS,
                clock.NEEDS,
                network.NEEDS,
            ]
        ),
        lambda token: CounterSession(token, person),
    )
    app.register_blueprint(technical.blueprint(cast(Any, clinic), settings, cast(Any, None)))
    app.register_blueprint(technician.blueprint(cast(Any, clinic), settings, clinic.doctor))
    app.register_blueprint(layouts.blueprint(settings, clinic.doctor))
    app.register_blueprint(update.blueprint(settings, clinic.doctor))
    app.register_blueprint(goods.blueprint(settings, clinic.doctor))
    app.register_blueprint(people.blueprint(cast(Any, clinic), settings))
    app.register_blueprint(county.blueprint(cast(Any, clinic), settings))
    app.register_blueprint(clock.blueprint(cast(Any, clinic), settings))
    app.register_blueprint(network.blueprint(settings, clinic.doctor))
    return app


def shoot(app: ServedApp) -> None:
    """A shot of the technician's, which is shown once."""
    client = app.test_client()
    client.set_cookie(roles.COOKIE, "any")
    assert client.post("/technician/shoot").status_code == 303
