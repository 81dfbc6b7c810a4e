"""A worker with the real receiving connection and a store of its own, to be killed at will: URL and file are given.

    python -m tests.sorting_center.ingest.amqp.simple_worker URL FILE

The ledger of one file takes one writer; this one takes several, and says nothing of chains.
"""

from __future__ import annotations

import sqlite3
import sys
import threading

from kiosk.sorting_center.ingest.amqp.consumer import AmqpConsumer
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.shared.health import CenterHealth


def main(url: str, file: str) -> None:
    line = AmqpConsumer(BrokerAddress.parse(url), "simple-worker", health := CenterHealth())
    line.start()
    assert health.wait_until_connected(60, threading.Event())
    store = sqlite3.connect(file, timeout=60, isolation_level=None)
    print("ready", flush=True)
    while True:
        batch = []
        message = line.take(1)
        while message is not None and len(batch) < 50:
            batch.append(message)
            message = line.take(0.01) if len(batch) < 50 else None
        if not batch:
            continue
        store.execute("BEGIN IMMEDIATE")
        store.executemany("INSERT OR IGNORE INTO taken (payload) VALUES (?)", [(one.payload,) for one in batch])
        store.execute("COMMIT")
        line.acknowledge(batch)


if __name__ == "__main__":
    main(*sys.argv[1:])
