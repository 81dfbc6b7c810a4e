"""A sorting center's worker alone, in a process of its own: commits what stations send, from the beginning."""

from __future__ import annotations

import sys

from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerUnwritable
from tests.sorting_center.station_journal import NOW, Station

REGION = "shache"


def delivered(stations: list[str], events: int, batch: int) -> list[Delivery]:
    """Of these stations ``events`` each, ``batch`` of every station in a delivery."""
    runs = [Station(name).run(events) for name in stations]
    return [
        Delivery(events=[(REGION, event) for run in runs for event in run[start : start + batch]])
        for start in range(0, events, batch)
    ]


def main(url: str, stations: str, events: str, batch: str) -> None:
    """Tells every commit on standard output; one that has to be tried again is. Stays until standard input ends."""
    with Ledger.open(url) as ledger:
        for number, delivery in enumerate(delivered(stations.split(","), int(events), int(batch))):
            while True:
                try:
                    ledger.commit(delivery, NOW)
                except LedgerUnwritable as error:
                    print(f"again: {error}", flush=True)
                else:
                    break
            print(f"committed {number}", flush=True)
            ledger.number(50)
        print("done", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
