from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason, Intake
from kiosk.domain.trade import Certificate, CertificateKind, Mode, Party
from kiosk.store import Store, StoreError
from kiosk.store.shared.software import metrology
from tests.store.village import (
    CATALOG,
    JOBS,
    bring_in,
    change,
    content,
    events,
    open_intake,
    open_store,
    rows,
    stamp,
    void_of,
    weighed,
)


def test_receipts_are_taken_one_after_the_other(store: Store) -> None:
    assert [str(open_intake(store).receipt) for _ in range(3)] == ["0147-A-000001", "0147-A-000002", "0147-A-000003"]


def test_a_confirmed_intake_is_what_was_agreed_on(store: Store) -> None:
    row = bring_in(store, 12_450, 9_999, token="tap")
    assert (row.receipt, row.lot, row.product, row.party, row.mode) == (
        "0147-A-000001",
        ReceiptNumber.parse("0147-A-000001").lot,
        "ALMOND",
        "M-00001",
        "purchase",
    )
    assert (row.gross_g, row.tare_g, row.net_g, row.amount_fen) == (22_449, 320, 22_129, 29_496 + 23_614)
    assert (row.epoch, row.seq, row.confirmed_at) == ("0000000000000001", 3, "2026-11-24T03:00:00.000Z")
    assert (row.acknowledged, row.voided, row.repeated) == (False, False, False)
    assert row == store.intakes.confirmed("0147-A-000001") == store.intakes.by_token("tap") == store.intakes.recent()[0]


def test_intake_bags_lot_event_and_papers_are_written_together(store: Store, path: Path) -> None:
    bring_in(store, 12_450, 9_999)
    assert rows(path, "SELECT bag, gross_g, tare_g, net_g, amount_fen FROM intake_line") == [
        (1, 12_450, 160, 12_290, 29_496),
        (2, 9_999, 160, 9_839, 23_614),
    ]
    assert rows(path, "SELECT owner, net_g FROM lot") == [("cooperative", 22_129)]
    event = events(path)[-1]
    assert event["type"] == "station.intake.confirmed.v1"
    assert (event["data"]["net_g"], event["data"]["metrology"]) == (22_129, metrology())
    assert [job.document for job in store.papers.of_receipt("0147-A-000001")] == ["bag_label", "receipt"]


def test_a_consignment_stays_the_farmers(store: Store, path: Path) -> None:
    bring_in(store, mode=Mode.CONSIGNMENT)
    assert rows(path, "SELECT owner FROM lot") == [("M-00001",)]


def test_the_certificate_and_what_changed_since_the_opening_are_kept(store: Store, path: Path) -> None:
    intake = open_intake(store, party=Party(None))
    confirmed = weighed(intake).intake.confirm(Certificate(CertificateKind.PRODUCER, "C-0147-1"))
    store.intakes.confirm(confirmed, "tap", JOBS, stamp())
    kept = rows(path, "SELECT party, certificate_kind, certificate_ref, certificate_reason, metrology FROM intake")
    assert kept == [("non_member", "producer", "C-0147-1", None, metrology())]


def test_a_second_tap_gives_the_first_result_and_writes_nothing(store: Store, path: Path) -> None:
    intake = open_intake(store)
    first = store.intakes.confirm(weighed(intake), "tap", JOBS, stamp())
    before = content(path)
    again = store.intakes.confirm(weighed(intake, 1_000), "tap", JOBS, stamp(9))
    assert again.repeated and (again.receipt, again.net_g) == (first.receipt, first.net_g)
    assert content(path) == before


def test_only_an_opened_intake_can_be_confirmed(store: Store, path: Path) -> None:
    intake = open_intake(store)
    store.intakes.confirm(weighed(intake), "tap", JOBS, stamp())
    gone = open_intake(store)
    store.intakes.abandon(gone.receipt, "weighed", AbandonReason.LEFT, stamp())
    before = content(path)
    with pytest.raises(StoreError, match="0147-A-000001 is confirmed, not opened"):
        store.intakes.confirm(weighed(intake), "another tap", JOBS, stamp())
    with pytest.raises(StoreError, match="0147-A-000002 is abandoned, not opened"):
        store.intakes.confirm(weighed(gone), "third tap", JOBS, stamp())
    assert content(path) == before


def test_an_intake_of_another_database_is_refused(store: Store, path: Path) -> None:
    intake = open_intake(store)
    before = content(path)
    for receipt in (ReceiptNumber("S0147", "B", 1), ReceiptNumber("S0999", "A", 1), ReceiptNumber("S0147", "A", 2)):
        with pytest.raises(StoreError, match="not of this database"):
            store.intakes.abandon(receipt, "opened", AbandonReason.LEFT, stamp())
    assert content(path) == before
    assert intake.receipt.counter == 1


def test_an_unknown_catalog_version_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="breaks a rule"):
        store.intakes.open(lambda receipt: Intake(receipt, Party(None), "ALMOND", Mode.PURCHASE, 7, 2400), stamp())
    assert str(open_intake(store).receipt) == "0147-A-000001"


def test_abandoning_twice_is_one_event(store: Store, path: Path) -> None:
    receipt = open_intake(store).receipt
    store.intakes.abandon(receipt, "opened", AbandonReason.IDLE, stamp())
    before = content(path)
    store.intakes.abandon(receipt, "weighed", AbandonReason.LEFT, stamp())
    assert content(path) == before
    assert events(path)[-1]["data"] == {"receipt": str(receipt), "stage": "opened", "why": "idle"}


def test_a_confirmed_intake_cannot_be_abandoned(store: Store) -> None:
    intake = open_intake(store)
    store.intakes.confirm(weighed(intake), "tap", JOBS, stamp())
    with pytest.raises(StoreError, match="is confirmed, not opened"):
        store.intakes.abandon(intake.receipt, "opened", AbandonReason.LEFT, stamp())


def test_what_a_crash_left_open_is_abandoned_and_stays_in_the_series(store: Store, path: Path, template: Path) -> None:
    left = [open_intake(store).receipt for _ in range(2)]
    bring_in(store)
    store.close()
    again = open_store(path, template)
    assert again.intakes.abandon_left_open(stamp(60)) == left
    assert again.intakes.abandon_left_open(stamp(61)) == []
    assert open_intake(again).receipt.counter == 4
    again.close()
    assert [event["data"]["why"] for event in events(path)[-2:]] == ["restart", "restart"]


def test_a_void_is_one_more_document(store: Store, path: Path) -> None:
    intake = open_intake(store)
    with pytest.raises(StoreError, match="is opened, not confirmed"):
        store.intakes.void(void_of(intake), stamp())
    confirmed = store.intakes.confirm(weighed(intake), "tap", JOBS, stamp())
    line = rows(path, "SELECT * FROM intake")
    figures = store.intakes.slip_figures(intake.receipt)
    store.intakes.void(void_of(intake), stamp())
    assert rows(path, "SELECT * FROM intake") == line
    row = store.intakes.confirmed(confirmed.receipt)
    assert row is not None and row.voided
    bags = len(weighed(intake).intake.lines)
    assert figures == (row.product, bags, row.net_g, intake.price_fen_per_kg, row.amount_fen, row.mode, None)
    assert store.intakes.slip_figures(intake.receipt) == (*figures[:-1], stamp().moment.timestamp)
    with pytest.raises(StoreError, match="0147-A-000001 is void already"):
        store.intakes.void(void_of(intake), stamp())
    assert events(path)[-1]["data"]["actors"] == ["clerk:07", "witness:02"]


@pytest.mark.parametrize("text", ["", "0147-A-000009", "0999-A-000001", "0147-A-1", "' OR 1=1 --", "<b>", "\x1b\n"])
def test_no_text_finds_a_receipt_that_is_not_there(store: Store, text: str) -> None:
    bring_in(store)
    assert store.intakes.confirmed(text) is None
    assert store.intakes.slip_figures(ReceiptNumber("S0999", "A", 1)) is None
    assert store.papers.of_receipt(text) == []
    assert store.intakes.by_token(text) is None


def test_recent_intakes_are_newest_first_and_bounded(store: Store) -> None:
    for _ in range(4):
        bring_in(store)
    assert [row.receipt[-1] for row in store.intakes.recent(3)] == ["4", "3", "2"]


def test_after_the_last_number_of_a_series_nothing_is_taken(store: Store, path: Path) -> None:
    open_intake(store)
    change(path, "UPDATE intake SET number = 999999, receipt = '0147-A-999999'")
    with pytest.raises(StoreError, match="series A are used up"):
        open_intake(store)


def _update_intake(values: str, connection: Connection) -> None:
    connection.exec_driver_sql(f"UPDATE intake SET {values}")


def test_the_database_itself_refuses_wrong_sums(store: Store) -> None:
    bring_in(store)
    for wrong in ("net_g = net_g + 1", "tare_g = -1", "gross_g = 'many'", "state = 'lost'", "token = NULL"):
        with pytest.raises(StoreError, match="breaks a rule"):
            store.intakes.database.write(partial(_update_intake, wrong))


def test_a_catalog_is_a_version_and_the_same_content_is_none(store: Store, path: Path) -> None:
    assert store.catalogs.add(CATALOG, stamp()) == 1
    changed = type(CATALOG)(CATALOG.products, CATALOG.prices[:1], CATALOG.containers, CATALOG.members)
    assert store.catalogs.add(changed, stamp()) == 2
    assert store.catalogs.get() == (2, changed)
    assert store.catalogs.get(1) == (1, CATALOG)
    assert store.catalogs.get(1)[1] is store.catalogs.get(1)[1]
    assert store.catalogs.add(CATALOG, stamp()) == 3
    imported = [event["data"] for event in events(path) if event["type"] == "station.catalog.imported.v1"]
    assert [data["catalog_version"] for data in imported] == [1, 2, 3]
    assert imported[0]["content_sha256"] == imported[2]["content_sha256"] != imported[1]["content_sha256"]
    assert b"Aygul" not in b"".join(body for (body,) in rows(path, "SELECT body FROM journal"))


def test_a_new_database_has_the_empty_catalog(path: Path, template: Path) -> None:
    store = open_store(path, template)
    version, catalog = store.catalogs.get()
    assert (version, catalog.products) == (0, ())
    with pytest.raises(StoreError, match="no catalog version 5"):
        store.catalogs.get(5)
    store.close()


def test_an_event_nobody_would_take_is_not_written(store: Store, path: Path) -> None:
    intake = open_intake(store)
    before = content(path)
    bad = type(stamp())(stamp().moment, "näme\n")
    with pytest.raises(StoreError, match="cannot be sealed: attribute software"):
        store.intakes.confirm(weighed(intake), "tap", JOBS, bad)
    assert content(path) == before


def test_a_rehearsed_intake_leaves_nothing_and_takes_no_number(store: Store, path: Path) -> None:
    before = content(path)
    store.rehearse_intake(1, "ALMOND", stamp())
    with pytest.raises(StoreError):
        store.rehearse_intake(99, "ALMOND", stamp())
    assert content(path) == before
    assert bring_in(store).receipt == "0147-A-000001"
