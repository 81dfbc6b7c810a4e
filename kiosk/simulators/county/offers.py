"""What a county offers for sale: each good is shot once with the simulated camera, and a station offers a lot of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
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
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.station.counter.listings import ListedLot, view_of
from kiosk.station.photos.folder import LotPhotos, PhotoFolder
from kiosk.store import ConfirmedRow, Stamp, Store

logger = logging.getLogger(__name__)

# Goods of the county, and what the camera sees of them. Their number is even, so that two processes share the shots.
SCENES: Final[Mapping[str, str]] = {
    "BADAM": "badam",
    "WALNUT": "walnut",
    "JUJUBE": "jujube",
    "RAISIN": "raisin",
    "APRICOT": "apricot",
    "HONEY": "honey",
    "MELON": "melon",
    "BLACK-RAISIN": "black-raisin",
    "PRUNE": "prune",
    "EGG": "egg",
    "GARLIC": "garlic",
    "CHILI": "pepper",
}
MAX_OFFERS: Final = 40  # Stations that offer something: the first ones
_PRODUCTS: Final = tuple(SCENES)
_CLERK: Final = "clerk:01"
_BAGS: Final = 4
_CERTIFICATE: Final = Certificate(CertificateKind.COOPERATIVE, "HZS-0042")
_SHOT_S: Final = 60.0
_RETRY_S: Final = 1.0
_TRIES: Final = 60


class CountyCamera:
    """One for all stations of a process."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._shots: dict[str, GoodsShot] = {}

    def shot_of(self, product: str) -> GoodsShot:
        """Made at the first call. Raises CameraFault and OSError."""
        with self._lock:
            if product not in self._shots:
                scene = SCENES[product]
                simulator = CameraSimulator(self._folder / scene)
                simulator.command(f"scene {scene}")
                with closing(ChildCamera(CameraSettings("file", str(simulator.path)))) as camera:
                    self._shots[product] = camera.inspect(_SHOT_S)
            return self._shots[product]


def offer(store: Store, data: Path, number: int, camera: CountyCamera, stamps: Callable[[], Stamp]) -> None:
    """A lot of the good whose turn it is at the station with this ``number``, once; ``data`` is the station's folder.

    Raises StoreError and OSError.
    """
    if number >= MAX_OFFERS or store.photos.oldest(1, None):
        return
    code = _PRODUCTS[number % len(_PRODUCTS)]
    product = store.catalogs.get()[1].product(code)
    try:
        shot = camera.shot_of(code)
        if product is None or product.sale is None or shot.master is None:
            raise CameraFault(f"the shot of {code} is not accepted: {shot.verdict}")
    except CameraFault as error:
        logger.warning("%s is not offered: %s", code, error)
        return
    row = _booked(store, code, Random(number), stamps)  # noqa: S311  a simulator
    overruled_by = None if shot.verdict.accepted else _CLERK  # As of honey, which shines
    LotPhotos(PhotoFolder(data / "photos"), store, stamps).keep(row.lot, code, shot, overruled_by)
    receipt = ReceiptNumber.parse(row.receipt)
    pack, grades = product.sale.packs[-1], product.sale.grades
    grade = grades[number // len(_PRODUCTS) % len(grades)].code if grades else ""
    store.listings.choose(receipt, pack.net_g, grade, stamps())
    listed = store.listings.of(receipt)
    view = view_of(ListedLot(receipt, listed, product, True), {}, _CLERK)
    if view.offer is not None:
        store.listings.submit(receipt, listed, view.offer, stamps())


def _booked(store: Store, product: str, random: Random, stamps: Callable[[], Stamp]) -> ConfirmedRow:
    version, catalog = store.catalogs.get()
    price = next(price for price in reversed(catalog.prices) if price.product == product)
    sack = next(container for container in catalog.containers if container.code == "SACK")
    goods = (Party(random.choice(catalog.members).number), product, price.mode, version, price.fen_per_kg)
    intake = store.intakes.open(lambda receipt: Intake(receipt, *goods), stamps())
    for bag in range(1, _BAGS + 1):
        weighing = Weighing(random.randrange(15_000, 45_000, 5), 20 * bag, bag, 1200, 12)
        intake = intake.with_bag(weighing, sack.code, TareSource.PRESET, sack.tare_g)
    return store.intakes.confirm(intake.confirm(_CERTIFICATE), f"offer-{intake.receipt}", lambda head: (), stamps())


def send_pictures(settings: RelaySettings, store: Store, data: Path, ending: FleetShutdown) -> None:
    """Pictures that the sorting center does not have; it knows of them when it has the events. Raises StoreError."""
    over = threading.Event()
    ending.sending.append(over)
    folder = PhotoFolder(data / "photos")
    with closing(PhotosClient(settings)) as center:
        for row in store.photos.unsent(MAX_OFFERS):
            path = folder.path(row.sha256)
            name = PictureName(settings.region, settings.station, row.sha256)
            if path is not None and _is_accepted(center, name, path.read_bytes(), over):
                store.photos.mark_sent(row.sha256)


def _is_accepted(center: PhotosClient, name: PictureName, picture: bytes, over: threading.Event) -> bool:
    """Whether the center has it; in a county that is coming up it is behind for a while."""
    whole = ContentRange(0, len(picture) - 1, len(picture))
    for _ in range(_TRIES):
        try:
            if center.query_progress(name).complete or center.send(name, whole, picture, over.is_set).complete:
                return True
        except CenterUnreachable:
            pass
        if over.wait(_RETRY_S):
            break
    return False
