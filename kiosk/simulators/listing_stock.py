"""A lot that a station has offered for sale before the demo begins: taken in, photographed and told by its own code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault, GoodsShot
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import TareSource, Weighing
from kiosk.domain.trade import Certificate, CertificateKind, NoCertificateReason, Party
from kiosk.simulators.shared.processes import StartFailed
from kiosk.station.counter.listings import ListedLot, view_of
from kiosk.station.photos.folder import LotPhotos, PhotoFolder
from kiosk.station.shared.clock import metrology
from kiosk.store import ConfirmedRow, Stamp, Store
from kiosk.store.shared.records import ChosenGoods

_PRODUCT: Final = "BADAM"
_BAG: Final = Weighing(12_610, 20, 1, 1200, 12)
_SHOT_S: Final = 60.0
_CERTIFICATE: Final = Certificate(CertificateKind.NONE, None, NoCertificateReason.SMALL_GROWER)


def stock_listing(store: Store, data: Path, scene: Path, actor: str, stamps: Callable[[], Stamp]) -> None:
    """Almonds, unless anything was brought in here before; ``scene`` is what the camera sees of them.

    ``data`` is the station's folder. The catalog is there, and has words for buyers of them. Raises StoreError, OSError
    and DidNotStart.
    """
    if store.intakes.recent(1):
        return
    version, catalog = store.catalogs.get()
    product = catalog.product(_PRODUCT)
    if product is None:
        raise StartFailed(f"version {version} of the catalog of the demo has no {_PRODUCT}")
    shot = _shot(scene)
    row = _book_intake(store, stamps)
    LotPhotos(PhotoFolder(data / "photos"), store, stamps).keep(row.lot, _PRODUCT, shot)
    number = ReceiptNumber.parse(row.receipt)
    listed = store.listings.of(number)
    view = view_of(ListedLot(number, listed, product, True), {}, actor)
    if view.offer is None:
        raise StartFailed(f"{_PRODUCT} of the demo cannot be offered: {', '.join(view.hindrances)}")
    store.listings.submit(number, listed, view.offer, stamps())


def _book_intake(store: Store, stamps: Callable[[], Stamp]) -> ConfirmedRow:
    version, catalog = store.catalogs.get()
    price = next(price for price in catalog.prices if price.product == _PRODUCT)
    sack = next(container for container in catalog.containers if not container.weighed)
    goods = ChosenGoods(Party(None), _PRODUCT, price.mode, version, price.fen_per_kg)
    intake = store.intakes.open(goods, stamps()).with_bag(_BAG, sack.code, TareSource.PRESET, sack.tare_g)
    confirmed, token = intake.confirm(_CERTIFICATE), f"demo-{intake.receipt}"
    return store.intakes.confirm(confirmed, token, lambda head: (), metrology(), stamps())


def _shot(scene: Path) -> GoodsShot:
    try:
        with closing(ChildCamera(CameraSettings("file", str(scene)))) as camera:
            shot = camera.inspect(_SHOT_S)
    except CameraFault as error:
        raise StartFailed(f"the goods of the demo cannot be photographed: {error}") from error
    if not shot.verdict.accepted:
        raise StartFailed(f"the photograph of the goods of the demo was not accepted: {shot.verdict}")
    return shot
