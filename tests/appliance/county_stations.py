"""Stations of a county in one process, to be run in their network: real relays with what was in their identities.

A line on standard input is what one of them does, a line on standard output what came of it, both in JSON. A station
keeps its journal in memory, and so does not survive this process.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from kiosk.domain.events import PhotoAccepted
from kiosk.domain.verdict import Measures
from kiosk.first_start.identity.format import StationIdentity, read_sealed, sealed_name, unseal
from kiosk.messaging.contract.photos import ContentRange, PictureName
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.photos.lane import PhotosClient
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.center_line import CenterUnreachable
from kiosk.messaging.relay.shared.ports import StationSide
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.updates.lane import UpdatesClient
from tests.appliance.paper import code_on
from tests.messaging.relay.stand import MemoryOutbox, Owner, Watch
from tests.sorting_center.photos.lanes import Shot, jpeg
from tests.sorting_center.station_journal import Station

SOON_S = 120.0
_MEASURES = Measures(3000, 120, 80, 1, 2100, 1500, 4000)


class JournalOutbox(MemoryOutbox):
    """The outbox of one station with real events."""

    def __init__(self, journal: Station) -> None:
        super().__init__()
        self._journal = journal

    @property
    def epoch(self) -> str:
        return self._journal.epoch

    def identity(self) -> Owner:
        return Owner(self._journal.station, self.epoch, "A")

    def publish(self) -> None:
        with self.lock:
            self.bodies = [sealed.body for sealed in self._journal.sealed]


@dataclass
class Sender:
    """One machine of a station: what it was is gone when its identity is another one."""

    settings: RelaySettings
    journal: Station
    outbox: JournalOutbox
    ending: threading.Event
    watch: Watch

    def stop(self) -> None:
        self.ending.set()


def identity_of(made: Path, station: str) -> StationIdentity:
    """From the stick with the code on the paper."""
    name = sealed_name(station)
    sealed = read_sealed((made / "station-identities" / name).read_bytes(), name)
    return unseal(sealed, code_on(made / "papers" / f"{station}.pdf"))


class Stations:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._machines: dict[str, Sender] = {}

    def start(self, name: str, station: str, made: str) -> dict[str, object]:
        """The machine ``name``; a second one with the same station has what the first has written."""
        identity = identity_of(Path(made), station)
        files = {kind: self._folder / f"{name}.{kind}" for kind in ("crt", "key", "ca")}
        for kind, text in zip(files, (identity.certificate, identity.key, identity.authority), strict=True):
            files[kind].write_text(text)
        settings = RelaySettings(
            *(identity.broker_url, identity.region, station, "station-kiosk/1.0.0"),
            ca_file=files["ca"],
            cert_file=files["crt"],
            key_file=files["key"],
            photos=identity.photos,
            updates=identity.updates,
            reconnect_s=0.5,
            reconnect_max_s=2.0,
            boot="00000000-0000-0000-0000-000000000001",
        )
        before = [one for one in self._machines.values() if one.settings.station == station]
        journal = before[0].journal if before else Station(station, f"{int(station[1:]):016x}")
        if not before:
            journal.start()
        outbox, ending, watch = JournalOutbox(journal), threading.Event(), Watch()
        outbox.publish()
        relay = Relay(outbox, Pace(settings, Random(1)), side=StationSide(watch))  # type: ignore[arg-type]
        threading.Thread(target=relay.run, args=(ending,), name=name, daemon=True).start()
        self._machines[name] = Sender(settings, journal, outbox, ending, watch)
        return {"broker": identity.broker_url, "photos": identity.photos, "county_key": identity.county_key}

    def write(self, name: str, intakes: int = 1) -> dict[str, object]:
        """Intakes, sent when the line is there."""
        one = self._machines[name]
        for _ in range(intakes):
            one.journal.intake(len(one.journal.sealed))
        one.outbox.publish()
        return {"events": len(one.journal.sealed)}

    def acknowledged(self, name: str, seconds: float = SOON_S) -> dict[str, object]:
        """Waits until everything is."""
        one = self._machines[name]
        written = len(one.journal.sealed)
        with one.outbox.lock:
            done = one.outbox.lock.wait_for(lambda: one.outbox.done_upto >= written, seconds)
        return {"done": done, "upto": one.outbox.done_upto, "written": written}

    def lost(self, name: str, seconds: float = 0.0) -> dict[str, object]:
        """How often its connection was refused or broke; waits for the first time."""
        watch = self._machines[name].watch
        with watch.changed:
            watch.changed.wait_for(lambda: bool(watch.faults), seconds)
            return {"faults": [str(fault) for fault in watch.faults]}

    def clear_faults(self, name: str) -> dict[str, object]:
        """Those of before the broker knew its certificate: `lost` counts from now on."""
        watch = self._machines[name].watch
        with watch.changed:
            watch.faults.clear()
        return {}

    def photograph(self, name: str, seed: int) -> dict[str, object]:
        """Two pictures of one shot: announced by an event, then sent. The status of the last part."""
        one = self._machines[name]
        shots = [Shot.of(jpeg(seed)), Shot.of(jpeg(seed + 1))]
        lot = one.journal.lot(1)
        one.journal.add(PhotoAccepted(lot, shots[0].told, shots[1].told, _MEASURES))
        one.outbox.publish()
        self.acknowledged(name)
        status = 0
        for shot in shots:
            status = self.upload(name, shot)
        return {"status": status, "sha256": [shot.told.sha256 for shot in shots]}

    def upload(self, name: str, shot: Shot) -> int:
        settings = self._machines[name].settings
        picture = PictureName(settings.region, settings.station, shot.told.sha256)
        part = ContentRange(0, len(shot.content) - 1, len(shot.content))
        line, pause = PhotosClient(settings), threading.Event()
        for _ in range(60):
            try:
                answer = line.send(picture, part, shot.content, lambda: False)
            except CenterUnreachable as error:
                print(error, file=sys.stderr, flush=True)
                pause.wait(1)
                continue
            if answer.status not in (404, 409):
                line.close()
                return answer.status
            pause.wait(1)
        return answer.status

    def let_in(self, name: str) -> dict[str, object]:
        """What photographs and updates say to its certificate."""
        settings = self._machines[name].settings
        photos, updates = PhotosClient(settings), UpdatesClient(settings)
        picture = PictureName(settings.region, settings.station, "ab" * 32)
        status = answer_of(lambda: photos.query_progress(picture).status)
        offers = answer_of(lambda: len(updates.offers()))
        photos.close()
        updates.close()
        return {"photos": status, "updates": offers}

    def stop(self, name: str) -> dict[str, object]:
        self._machines[name].stop()
        return {}


def answer_of(question: Callable[[], object]) -> object:
    try:
        return question()
    except Exception as error:  # whatever a lane makes of a refusal
        return f"{type(error).__name__}: {error}"


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    stations = Stations(Path(sys.argv[1]))
    for line in sys.stdin:
        words: dict[str, Any] = json.loads(line)
        print(json.dumps(getattr(stations, words.pop("do"))(**words)), flush=True)


if __name__ == "__main__":
    main()
