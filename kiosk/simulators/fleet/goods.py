"""What people bring to a station of the fleet: whole intakes, made by the station's own steps."""

from __future__ import annotations

from random import Random
from typing import Final

from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.intake import Intake, TareSource, Weighing
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.station.shared.clock import metrology
from kiosk.store import ConfirmedRow, Stamp, Store
from kiosk.store.shared.records import ChosenGoods

_SACK = Names("تاغار", "麻袋", "sack")
CATALOG: Final = Catalog(
    products=(
        Product("ALMOND", Names("بادام", "巴旦木", "almond"), "almond"),
        Product("WALNUT", Names("ياڭاق", "核桃", "walnut"), "walnut"),
    ),
    prices=(
        Price("ALMOND", Mode.PURCHASE, 3200),
        Price("WALNUT", Mode.PURCHASE, 1450),
        Price("WALNUT", Mode.CONSIGNMENT, 1600),
    ),
    containers=(Container("SACK", _SACK, 160, "sack"),),
    members=tuple(Member(f"M-{number:05d}", f"{number:05d}") for number in range(1, 21)),
)
_NO_CERTIFICATE: Final = Certificate(CertificateKind.NONE, None, NoCertificateReason.SMALL_GROWER)


class FleetCounter:
    """The counter of one station: it reads its catalog once, as the counter's page does, and takes goods in."""

    def __init__(self, store: Store, random: Random) -> None:
        self._store, self._random = store, random
        self._version, self._catalog = store.catalogs.get()

    def bring_in(self, stamp: Stamp) -> ConfirmedRow:
        """One whole intake in its two transactions: the receipt number is taken, later both sides agree."""
        random = self._random
        price = random.choice(self._catalog.prices)
        party = Party(random.choice([None, *(member.number for member in self._catalog.members)]))
        goods = ChosenGoods(party, price.product, price.mode, self._version, price.fen_per_kg)
        intake = self._store.intakes.open(goods, stamp)
        confirmed = _weighed(intake, self._catalog.containers[0], random).confirm(_NO_CERTIFICATE)
        return self._store.intakes.confirm(confirmed, f"fleet-{intake.receipt}", lambda head: (), metrology(), stamp)


def _weighed(intake: Intake, container: Container, random: Random) -> Intake:
    """One to three bags of 5 to 60 kg, in steps of 10 g."""
    for number in range(1, random.randint(1, 3) + 1):
        weighing = Weighing(random.randrange(5_000, 60_000, 10), 20 * number, number, 1200, 12)
        intake = intake.with_bag(weighing, container.code, TareSource.PRESET, container.tare_g)
    return intake
