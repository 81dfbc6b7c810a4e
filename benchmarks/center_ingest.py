"""How fast the ledger takes events in: batches of 100 against one commit per event, same run, same disk.

    python -m benchmarks.center_ingest [--events 10000]

Reading, checking and committing are measured together. The baseline is run on a tenth of the events, because each of
them waits for the disk.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Row
from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.events import BagData, CertificateData, IntakeConfirmed, KeyMade
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.messaging.contract.receive import build_batch, parse_batch, parse_event
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from kiosk.messaging.contract.strict_json import canonical
from kiosk.sorting_center.ingest.signature_process import SignatureProcess
from kiosk.sorting_center.ledger import Delivery, Ledger
from kiosk.sorting_center.shared.signature_checks import BeginChecks, check_inline

NOW = "2026-11-25T04:00:00.000Z"
MOMENT = Moment(datetime(2026, 11, 25, 3, tzinfo=UTC), "Asia/Shanghai", 480, ClockQuality.SYNCED, "bench", 1)


def journal(count: int) -> list[bytes]:
    """The sealed events of one station."""
    bodies, prevhash = [], ZERO_HASH
    for seq in range(1, count + 1):
        sealed = seal(
            intake(seq), EventSource("S0147", "1.0.0"), JournalPosition("00112233445566aa", seq, prevhash), MOMENT
        )
        bodies.append(sealed.body)
        prevhash = sealed.sha256
    return bodies


def intake(counter: int, station: str = "S0147") -> IntakeConfirmed:
    """One bag of almonds."""
    receipt = ReceiptNumber(station, "A", counter)
    return IntakeConfirmed(
        receipt=str(receipt),
        lot=receipt.lot,
        owner="Y1P00412",
        party="M-04412",
        mode="consignment",
        product="BADAM",
        catalog_version=1,
        price_fen_per_kg=2400,
        bags=(BagData(1, 12_610, 160, 12_450, 29_880, "SACK", "preset", counter, counter, 1200),),
        gross_g=12_610,
        tare_g=160,
        net_g=12_450,
        amount_fen=29_880,
        certificate=CertificateData("producer", "C-1", None),
        metrology="1.0 abcd",
    )


def signed_journal(count: int, station: str = "S0147", epoch: str = "00112233445566aa") -> list[bytes]:
    """The same with a key at its beginning, which signs all of them."""
    key, prevhash, bodies = Ed25519Key(epoch.encode() * 2), ZERO_HASH, []
    for seq in range(1, count + 1):
        data = KeyMade(key.public.hex(), "first") if seq == 1 else intake(seq, station)
        sealed = seal(data, EventSource(station, "1.0.0"), JournalPosition(epoch, seq, prevhash), MOMENT)
        bodies.append(canonical({**json.loads(sealed.body), "signature": sign_event(key, sealed.sha256)}))
        prevhash = sealed.sha256
    return bodies


def take_in(bodies: list[bytes], size: int, folder: Path, begin_checks: BeginChecks = check_inline) -> float:
    """Events per second for reading, checking and committing in batches of ``size``."""
    messages = [build_batch(bodies[start : start + size]) for start in range(0, len(bodies), size)]
    file = Path(tempfile.mkdtemp(dir=folder)) / "ledger.db"
    with Ledger.open(f"sqlite:///{file}") as ledger:
        started = time.perf_counter()
        for message in messages:
            events = []
            for body in parse_batch(message):
                item = parse_event(body)
                ledger.expect("bench", item, begin_checks)
                events.append(("bench", item))
            ledger.commit(Delivery(events=events), NOW, begin_checks)
        seconds = time.perf_counter() - started
        counts = ledger.counts()
        if (counts.events, counts.quarantined) != (len(bodies), 0):
            raise SystemExit("the ledger does not hold what it was given")
    return len(bodies) / seconds


def signed_share(bodies: list[bytes], folder: Path) -> float:
    """Of the speed without signatures what is left with them, by turns, the better half of each."""
    signed, process = signed_journal(len(bodies)), SignatureProcess()
    process.start()
    try:
        take_in(signed[:2000], 100, folder, process.begin)  # It is there
        pairs = [(take_in(signed, 100, folder, process.begin), take_in(bodies, 100, folder)) for _ in range(5)]
    finally:
        process.stop(2.0)
    with_them, without = (sum(sorted(speeds)[2:]) for speeds in zip(*pairs, strict=True))
    return float(with_them / without)


def run(folder: Path, events: int = 10_000) -> list[Row]:
    """The rows for the table; ``folder`` is where the ledgers are made."""
    bodies = journal(events)
    single = take_in(bodies[: max(1, events // 10)], 1, folder)
    return [
        Row("center: events taken in, 100 a commit", take_in(bodies, 100, folder), "/s", None, single, "1 a commit"),
        Row("center: signed events, ratio to unsigned", signed_share(bodies, folder), "", least=0.8),
    ]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=10_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        for row in run(Path(folder), chosen.events):
            print(f"{row.name}: {row.value:,.2f}{row.unit} {row.baseline_name}: {row.baseline or 0:,.0f}")


if __name__ == "__main__":
    main()
