"""What a demo has for sale: a lot of a good that the simulated camera can show, with the picture that is made of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Final

from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault, GoodsShot
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import Intake, TareSource, Weighing
from kiosk.domain.trade import Certificate, CertificateKind, Party
from kiosk.messaging.contract.photos import ContentRange, PictureName
from kiosk.messaging.relay.photos.lane import PhotosClient
from kiosk.messaging.relay.shared.center_line import CenterUnreachable
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.camera.simulator import CameraSimulator
from kiosk.station.counter.listings import ListedLot, view_of
from kiosk.station.photos.folder import LotPhotos, PhotoFolder
from kiosk.store import ConfirmedRow, Stamp, Store

logger = logging.getLogger(__name__)

ACTOR: Final = "clerk:99"  # The clerk who offers the goods; no demo has one of this number
_BAGS: Final = 4
_CERTIFICATE: Final = Certificate(CertificateKind.COOPERATIVE, "HZS-0042")
_SHOT_S: Final = 60.0
_MAX_PICTURES: Final = 10
_RETRY_S, _TRIES = 1.0, 60


class GoodsCamera:
    """One for all stations of a process: each good is shot once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._shots: dict[str, GoodsShot] = {}

    def shot_of(self, product: str) -> GoodsShot:
        """Shoot the good once. Raises CameraFault, also for a shot without a picture to choose, and OSError."""
        with self._lock:
            if product not in self._shots:
                simulator = CameraSimulator(self._folder / product)
                simulator.command(f"scene {product.lower()}")
                with closing(ChildCamera(CameraSettings("file", str(simulator.path)))) as camera:
                    self._shots[product] = camera.inspect(_SHOT_S)
            if (shot := self._shots[product]).master is None:
                raise CameraFault(f"the shot of {product} is not accepted: {shot.verdict}")
            return shot


def offer(store: Store, data: Path, number: int, camera: GoodsCamera, stamps: Callable[[], Stamp]) -> None:
    """Offer a lot of the good that is the ``number``th station's turn, once; ``data`` is the station's folder.

    Raises StoreError and OSError.
    """
    if store.photos.oldest(1, None):
        return
    turn, place = divmod(number, len(products := store.catalogs.get()[1].products))
    product, sale = products[place], products[place].sale
    if sale is None:
        return
    try:
        shot = camera.shot_of(product.code)
    except CameraFault as error:
        logger.warning("%s is not offered: %s", product.code, error)
        return
    row = _booked(store, product.code, Random(number), stamps)  # noqa: S311  a simulator
    overruled_by = None if shot.verdict.accepted else ACTOR  # As of honey, which shines
    LotPhotos(PhotoFolder(data / "photos"), store, stamps).keep(row.lot, product.code, shot, overruled_by)
    receipt = ReceiptNumber.parse(row.receipt)
    grade = sale.grades[turn % len(sale.grades)].code if sale.grades else ""
    store.listings.choose(receipt, sale.packs[turn % len(sale.packs)].net_g, grade, stamps())
    listed = store.listings.of(receipt)
    view = view_of(ListedLot(receipt, listed, product, True), {}, ACTOR)
    if view.offer is not None:
        store.listings.submit(receipt, listed, view.offer, stamps())


def _booked(store: Store, product: str, random: Random, stamps: Callable[[], Stamp]) -> ConfirmedRow:
    version, catalog = store.catalogs.get()
    price = next(price for price in reversed(catalog.prices) if price.product == product)
    sack = next(container for container in catalog.containers if container.tare_g and not container.weighed)
    goods = (Party(random.choice(catalog.members).number), product, price.mode, version, price.fen_per_kg)
    intake = store.intakes.open(lambda receipt: Intake(receipt, *goods), stamps())
    for bag in range(1, _BAGS + 1):
        weighing = Weighing(random.randrange(15_000, 45_000, 5), 20 * bag, bag, 1200, 12)
        intake = intake.with_bag(weighing, sack.code, TareSource.PRESET, sack.tare_g)
    return store.intakes.confirm(intake.confirm(_CERTIFICATE), f"offer-{intake.receipt}", lambda head: (), stamps())


def send_pictures(settings: RelaySettings, store: Store, data: Path, over: threading.Event) -> None:
    """Send pictures that the center does not have, retrying until it knows of them. Raises StoreError."""
    with closing(PhotosClient(settings)) as center:
        for row in store.photos.unsent(_MAX_PICTURES):
            path = PhotoFolder(data / "photos").path(row.sha256)
            name = PictureName(settings.region, settings.station, row.sha256)
            if path is not None and _is_accepted(center, name, path.read_bytes(), over):
                store.photos.mark_sent(row.sha256)


def _is_accepted(center: PhotosClient, name: PictureName, picture: bytes, over: threading.Event) -> bool:
    whole = ContentRange(0, len(picture) - 1, len(picture))
    for _ in range(_TRIES):
        try:
            if center.query_progress(name).complete or center.send(name, whole, picture, over.is_set).complete:
                return True
        except CenterUnreachable:
            logger.info("the sorting center takes no pictures yet")
        if over.wait(_RETRY_S):
            break
    return False
