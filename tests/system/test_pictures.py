"""Pictures from the card of a station to the county: the real programs over TLS, a line to cut, both ends killed.

`make torture` kills each of them twice, and waits for what the relay tells by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import pytest

from kiosk.domain.events import PictureData
from kiosk.simulators.broker import DEFAULT_CONF, Broker
from kiosk.simulators.link import LinkConditions, SimulatedLink
from kiosk.simulators.shared.processes import ChildProgram, answers
from kiosk.simulators.village import REGION as VILLAGE_REGION
from kiosk.simulators.village import Village
from kiosk.station.doctor.status_files import PhotosStatusFile
from kiosk.store import Store
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import ListingPictures, NewPhoto
from tests.depth import TORTURE, many
from tests.messaging.authority import Authority
from tests.messaging.ports import claimed_port
from tests.servers.nginx import nginx_user, running_nginx
from tests.sorting_center.brokers import until
from tests.sorting_center.photos.lanes import SITE, jpeg, lay_certificates, places_in
from tests.store.village import CATALOG, MEASURES, STATION, bring_in, stamp

REGION = "hotan"
KILLS = many(1, torture=2)
"""Of each end."""
SETTINGS = """\
[station]
station = "{station}"
region = "{region}"
village = "Tagharchi"
data = "{data}"

[relay]
broker_url = "mqtts://127.0.0.1:{broker}"
photos = "https://127.0.0.1:{photos}"
ca_file = "{ca}"
cert_file = "{cert}"
key_file = "{key}"
resend_s = 0.5
resend_max_s = 2.0
reconnect_s = 0.2
reconnect_max_s = 0.5
"""


@dataclass
class County:
    """A card with pictures, the programs at both ends, and the line that carries the pictures."""

    folder: Path
    link: SimulatedLink
    photos: ChildProgram
    relay: ChildProgram
    shots: list[bytes]

    def received(self) -> set[str]:
        return {path.stem for path in (self.folder / "received").rglob("*.jpg")}

    def unsent(self) -> int:
        with closing(opened(self.folder / "station")) as store:
            return len(store.photos.unsent(100))


def opened(data: Path) -> Store:
    return Store.open(data / "station.db", STATION, stamp(), OpenOptions(check=False, reserve_bytes=0))


def filled(data: Path, shots: list[bytes]) -> None:
    """Lots whose two pictures are on the card and told of."""
    with closing(opened(data)) as store:
        store.catalogs.add(CATALOG, stamp())
        for master, natural in zip(shots[::2], shots[1::2], strict=True):
            told = [PictureData(hashlib.sha256(one).hexdigest(), len(one), 160, 160) for one in (master, natural)]
            for one, content in zip(told, (master, natural), strict=True):
                place = data / "photos" / one.sha256[:2] / f"{one.sha256}.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            lot = bring_in(store).lot
            store.photos.add(NewPhoto(lot, "ALMOND", ListingPictures(*told, MEASURES)), stamp())


@contextmanager
def tls_broker(folder: Path, authority: Authority) -> Iterator[tuple[Broker, int]]:
    cert, key = authority.issue("broker", host="127.0.0.1")
    with claimed_port() as port, claimed_port() as safe:
        more = f"listener {safe} 127.0.0.1\ncafile {authority.file}\ncertfile {cert}\nkeyfile {key}\n"
        with Broker(folder / "broker", port, f"{DEFAULT_CONF}{more}require_certificate true\n") as broker:
            yield broker, safe


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    authority = Authority(tmp_path)
    shots = [jpeg(number, 160) for number in range(4)]
    data = tmp_path / "station"
    data.mkdir()
    filled(data, shots)
    with ExitStack() as ends:
        broker, safe = ends.enter_context(tls_broker(tmp_path, authority))
        edge = Path(ends.enter_context(TemporaryDirectory(prefix="edge-")))
        lay_certificates(edge, authority)
        nginx = ends.enter_context(running_nginx(edge, {SITE: places_in(edge)}))
        link = ends.enter_context(SimulatedLink(nginx.ports[SITE]))
        ledger = ("--ledger", f"sqlite:///{tmp_path / 'ledger.db'}")
        port = ends.enter_context(claimed_port())
        center = ChildProgram(
            "sorting center",
            ["kiosk.cli.sorting_center", "run", "--broker", broker.url, *ledger, "--http", f"127.0.0.1:{port}"],
            tmp_path / "center.log",
            answers(f"http://127.0.0.1:{port}/health"),
        )
        command = ["kiosk.cli.sorting_center", "photos", *ledger, "--socket", str(edge / "photos.sock")]
        photos = ChildProgram(
            "sorting center's photos",
            [*command, "--photos-dir", str(tmp_path / "received")],
            tmp_path / "photos.log",
            partial(opened_to_nginx, edge / "photos.sock"),
        )
        cert, key = authority.issue(STATION)
        config = tmp_path / "station.toml"
        config.write_text(
            SETTINGS.format(
                station=STATION,
                region=REGION,
                data=data,
                broker=safe,
                photos=link.port,
                ca=authority.file,
                cert=cert,
                key=key,
            )
        )
        relay = ChildProgram("relay", ["kiosk.cli.kiosk", "relay", "--config", str(config)], tmp_path / "relay.log")
        for child in (center, photos, relay):
            child.start()
            ends.callback(child.stop)
        yield County(tmp_path, link, photos, relay, shots)


def opened_to_nginx(path: Path) -> bool:
    """Whether the program listens there; then nginx may connect, as under systemd."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        os.chown(path, nginx_user(), -1)
        return True
    return False


def test_killed_and_cut_off_on_the_way_every_picture_arrives(county: County) -> None:
    hashes = {hashlib.sha256(one).hexdigest() for one in county.shots}
    county.link.set(LinkConditions(bytes_per_s=12_000.0))
    for number, end in enumerate((county.photos, county.relay) * KILLS):
        until(lambda: any((county.folder / "received").rglob(".*.part")) or county.received() == hashes)
        end.kill()
        county.link.command("up" if number else "down")
        end.start()
        county.link.set(LinkConditions(bytes_per_s=12_000.0))
    county.link.command("up")
    until(lambda: county.received() == hashes)
    until(lambda: county.unsent() == 0)
    if not TORTURE:  # it tells how far it is when it begins, and then every quarter of a minute
        county.relay.stop()
        county.relay.start()
    for one in county.shots:
        sha256 = hashlib.sha256(one).hexdigest()
        place = county.folder / "received" / REGION / STATION / sha256[:2] / f"{sha256}.jpg"
        assert place.read_bytes() == one
    assert not list((county.folder / "received").rglob("*.part"))

    def told() -> bool:
        mark = PhotosStatusFile(county.folder / "station").read()
        return mark is not None and (mark.pictures, mark.fault) == (0, None)

    until(told)


def test_the_demo_has_the_lane_and_its_line_obeys_the_fault_words(tmp_path: Path) -> None:
    shots = [jpeg(number, 160) for number in range(2)]
    data = tmp_path / "station"
    data.mkdir()
    filled(data, shots)
    received = tmp_path / "photos" / VILLAGE_REGION / STATION
    with Village(tmp_path) as village:
        village.command("link", "down")
        before = {path.name for path in received.rglob("*.jpg")}
        village.command("link", "slow 256kbit")
        until(lambda: len(list(received.rglob("*.jpg"))) == len(shots))
        village.command("link", "up")

        def figures() -> object:
            with urlopen(f"{village.center_url}/health") as answer:
                return json.load(answer)["photos"]

        until(lambda: figures() == {"received": len(shots), "pending": 0})
    assert before <= {path.name for path in received.rglob("*.jpg")}
    assert sorted(path.read_bytes() for path in received.rglob("*.jpg")) == sorted(shots)
