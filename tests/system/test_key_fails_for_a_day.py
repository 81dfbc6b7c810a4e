"""A day on which the key of a station fails: bought and printed as on any other, and everything is proven after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.domain.intake import Intake
from kiosk.domain.trade import Mode, Party
from kiosk.labels.papers.receipt import ReceiptDocument
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.slip import parse_slip
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.cases import CaseState
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.reports import Reports
from kiosk.station.papers.papers import make_papers
from kiosk.station.papers.rendering import paper_of
from kiosk.station.shared.signing import KEY_FILE
from kiosk.store import Store
from tests.cli.test_verify import by_kiosk, by_node, faults
from tests.sorting_center.staff import ZONE
from tests.sorting_center.station_journal import NOW
from tests.sorting_center.watch.test_county_watch import Office
from tests.station.papers.test_papers import SETTINGS
from tests.station.shared.test_signing import Box
from tests.store.village import CATALOG, weighed

REGION: Final = SETTINGS.region
HOST: Final = "slip.yarkant.example.cn"


def bring_in(box: Box, count: int) -> list[ReceiptDocument]:
    """Intakes, and the receipts that come out of the printer for them."""
    goods = (Party("M-00001"), "ALMOND", Mode.PURCHASE, 1, 2400)
    with box.opened() as store:
        for _ in range(count):
            confirmed = weighed(store.intakes.open(lambda receipt: Intake(receipt, *goods), box.stamp()))
            papers = make_papers(replace(SETTINGS, slip_host=HOST), CodesSettings(), confirmed, CATALOG, box.stamp())
            store.intakes.confirm(confirmed, str(confirmed.intake.receipt), papers, box.stamp())
        return [*printed(box, store)]


def printed(box: Box, store: Store) -> Iterator[ReceiptDocument]:
    for job in store.papers.open_jobs():
        store.papers.sending(job.id)
        if job.document == "receipt":
            yield paper_of(job, signing_key=box.signing.current_key)
        store.papers.done(job.id)


class Line:
    """To the county: what the station has written and the ledger has not."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.sent = ledger, 0

    def bring(self, box: Box) -> list[dict[str, object]]:
        """The new events."""
        with box.opened() as store:
            bodies = [row.body for row in store.outbox.pending(1000)][self.sent :]
        self.sent += len(bodies)
        (state,) = self.ledger.accept([parse_event(body) for body in bodies], REGION, NOW)
        assert (state.upto, list(state.quarantined)) == (self.sent, [])
        return [json.loads(body) for body in bodies]


def test_nothing_stops_and_everything_is_covered_afterwards(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    box = Box(tmp_path / "box")
    with box.opened() as store:
        store.catalogs.add(CATALOG, box.stamp())
    box.start()
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger.open(url) as ledger, CenterDesk.open(url) as desk, Reports.open(url, ZONE) as reports:
        line, office = Line(ledger), Office(ledger, desk, reports)

        def cases() -> list[CaseState]:
            office.watch().step()
            return [case.state for case in desk.cases.page(CaseState) if case.kind == "unsigned"]

        (receipt,) = bring_in(box, 1)
        assert parse_slip(receipt.signed_code).slip.receipt.counter == 1
        assert all("signature" in event for event in line.bring(box)[-2:])
        assert cases() == []

        key = box.folder / KEY_FILE
        key.rename(box.folder / "away")
        key.mkdir()  # No file that can be read, and none that can be replaced
        day = bring_in(box, 2)
        box.start()
        day += bring_in(box, 2)
        box.later()
        day += bring_in(box, 1)
        assert [receipt.signed_code for receipt in day] == [""] * 5
        assert all(receipt.slip is not None for receipt in day), "the paper says that the signature device failed"
        unsigned = line.bring(box)
        assert [event["type"] for event in unsigned if "signature" in event] == []
        assert cases() == [CaseState.OPEN]
        assert ledger.overview("2000-01-01T00:00:00.000Z").totals.intakes == 6, "they count all the same"
        assert verdicts(box, url, tmp_path) == ("incomplete", ["covered"])

        key.rmdir()
        box.later()
        (receipt,) = bring_in(box, 1)
        signed = parse_slip(receipt.signed_code)
        current = box.signing.current_key()
        assert current is not None and signed.is_signed_by(current.public)
        evening = line.bring(box)
        assert all("signature" in event for event in evening)
        (cover,) = [event["data"] for event in evening if event["type"] == "station.events.covered.v1"]
        assert cover == {
            "first_seq": unsigned[0]["seq"], "last_seq": unsigned[-1]["seq"], "events": len(unsigned),
            "head": evening[0]["prevhash"],
        }  # fmt: skip
        assert cases() == [CaseState.CLOSED]
        assert verdicts(box, url, tmp_path) == ("valid", [])
        assert (box.whys(), box.faults()) == (["first", "repaired"], [])


def verdicts(box: Box, url: str, folder: Path) -> tuple[str, list[str]]:
    """What anybody finds of the station's events by the county's public keys: in its database, and in the export."""
    for name, words in (
        ("keys.json", ("keys", "export", "--region", REGION)),
        ("export", ("ledger", "export", "--format", "jsonl")),
    ):
        done = CliRunner().invoke(main, [*words, "--ledger", url])
        assert done.exit_code == 0, done.stderr
        (folder / name).write_bytes(done.stdout_bytes)
    keys, export = folder / "keys.json", folder / "export"
    found = [*by_kiosk([box.folder / "station.db", export], keys), *by_node([export], keys)]
    ((verdict, *names),) = {(one["verdict"], *(row.partition(" ")[0] for row in faults(one))) for one in found}
    return verdict, names
