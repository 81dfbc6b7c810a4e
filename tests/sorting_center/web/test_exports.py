from __future__ import annotations

import csv
import io
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.export import spreadsheet
from kiosk.sorting_center.export.spreadsheet import plain_text
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.reports import Figures
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.web.shared import exporting as process
from kiosk.sorting_center.web.shared.exporting import FILES
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.staff import exports
from tests.depth import TORTURE
from tests.sorting_center.reports.counties import County, expected_days
from tests.sorting_center.staff import app_of, sign_in
from tests.sorting_center.web.county_month import REGION, VOIDED, fill, fill_hostile, read

MONTH = (date(2026, 11, 1), date(2026, 11, 30))
FORMULAS = ["=1+1", "@SUM(A1)", "+1", "-1", "\t=1", "'x", "https://example.test/"]


@pytest.fixture
def county(stores: Stores) -> Stores:
    fill(stores.ledger)
    fill_hostile(stores.ledger, FORMULAS)
    read(stores)
    return stores


@pytest.fixture
def client(county: Stores) -> Iterator[FlaskClient]:
    with app_of(county).test_client() as client:
        sign_in(client, county.desk)
        yield client


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def sheet(data: bytes, name: str) -> list[dict[str, object]]:
    head, *rows = load_workbook(io.BytesIO(data), read_only=True)[name].values
    return [dict(zip(head, row, strict=True)) for row in rows]


MONEY = (
    *("Bought (kg)", "Bought, to pay (yuan)", "On consignment (kg)", "On consignment, estimate (yuan)"),
    *("Void net weight (kg)", "Void amount (yuan)"),
)


def column_sum(told: Iterable[Mapping[str, object]], name: str) -> Decimal:
    return sum((Decimal(str(row[name] or 0)) for row in told), Decimal())


def money(of: Figures) -> list[Decimal]:
    """What bought, consigned and void come to, each in a column of its own."""
    weights = (of.bought_g, of.consigned_g, of.void_g)
    amounts = (of.bought_fen, of.consigned_fen, of.void_fen)
    return [cell for g, fen in zip(weights, amounts, strict=True) for cell in (kg(g), Decimal(fen) / 100)]


def kg(grams: int) -> Decimal:
    return Decimal(grams) / 1000


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_exports_come_to_what_the_pages_and_the_reports_say(client: FlaskClient, county: Stores) -> None:
    whole = county.reports.days.total(*MONTH)
    assert (whole.intakes, whole.voided) == (8 + len(FORMULAS), 1)
    receipts = rows(client.get("/exports/2026-11/receipts.csv?lang=en", buffered=True).data)
    assert len(receipts) == whole.intakes + whole.voided
    for name in ("receipts.csv", "days.csv", "goods.csv"):
        told = rows(client.get(f"/exports/2026-11/{name}?lang=en", buffered=True).data)
        assert sum(Decimal(row["Net weight (kg)"]) for row in told) == kg(whole.net_g), name
        assert [column_sum(told, column) for column in MONEY] == money(whole), name
        assert sum(int(row["Bags"]) for row in told) == whole.bags, name
    page = client.get("/days?month=2026-11&lang=en").text
    for shown in (f"{kg(whole.net_g):,.3f}", f"¥{Decimal(whole.bought_fen) / 100:,.2f}"):
        assert shown in page
    assert f"≈\xa0¥{Decimal(whole.consigned_fen) / 100:,.2f}" in page
    book = client.get("/exports/2026-11/all.xlsx?lang=en", buffered=True).data
    for name in ("Receipts", "Days", "Goods"):
        told = sheet(book, name)
        assert round(sum(float(str(row["Net weight (kg)"])) for row in told), 3) == whole.net_g / 1000, name
        assert [column_sum(told, column) for column in MONEY] == money(whole), name
    by_day = {str(row["Day"]): row for row in sheet(book, "Days")}
    for row in county.reports.days.each(*MONTH):
        if row.figures.intakes or row.figures.voided:
            told = by_day.pop(row.day.isoformat())
            said = (told["Intakes"], told["Void"], told["Late"], told["Time unknown"], told["Stations"])
            figures = row.figures
            assert said == (figures.intakes, figures.voided, figures.late, figures.time_unknown, row.stations)
    assert by_day == {}


@pytest.mark.parametrize("seed", range(3))
def test_exports_of_any_county_come_to_the_sum_of_its_events(stores: Stores, seed: int) -> None:
    """Clocks lost and set, receipts twice, voids before their receipts, epochs, another region, huge figures."""
    dice, county = random.Random(seed), County(stores.ledger)
    for _ in range(120):
        county.step(dice)
    county.deliver_all()
    read(stores)
    expected = expected_days(stores.ledger)
    found: dict[str, Figures] = {}
    receipts = Decimal(0)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        for month in sorted({day[:7] for day in expected}):
            for row in rows(client.get(f"/exports/{month}/days.csv?lang=en", buffered=True).data):
                found[row["Day"]] = Figures(
                    *(int(row[name]) for name in ("Intakes", "Void", "Bags")),
                    *(int(Decimal(row[name]) * (1000 if "(kg)" in name else 100)) for name in MONEY),
                    *(int(row[name]) for name in ("Late", "Time unknown")),
                )
            told = rows(client.get(f"/exports/{month}/receipts.csv?lang=en", buffered=True).data)
            receipts += sum(Decimal(row["Net weight (kg)"]) for row in told)
    assert found == expected
    assert receipts == kg(total(expected.values()).net_g)
    assert len(expected) > 3


def cells(name: str, data: bytes) -> object:
    if not name.endswith(".xlsx"):
        return data
    return [[[cell.value for cell in row] for row in one.iter_rows()] for one in load_workbook(io.BytesIO(data))]


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_a_large_one_is_the_same_file_made_by_another_process(
    client: FlaskClient, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipts of a file, the workbook of PostgreSQL, which holds all that the others do; in torture each."""
    one = "receipts.csv" if ledger_url.startswith("sqlite") else "all.xlsx"
    for name in FILES if TORTURE else (one,):
        monkeypatch.setattr(exports, "MAX_IN_PROCESS", 500)
        small = client.get(f"/exports/2026-11/{name}?lang=ug", buffered=True)
        monkeypatch.setattr(exports, "MAX_IN_PROCESS", 0)
        large = client.get(f"/exports/2026-11/{name}?lang=ug", buffered=True)
        assert (large.status_code, cells(name, large.data)) == (200, cells(name, small.data)), name
        assert large.headers["Content-Disposition"] == f"attachment; filename=sorting-center-2026-11-{name}"


def test_a_large_one_begins_before_it_is_made(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the browser shows the download; one that nobody waits for gives its place back."""
    made = []
    monkeypatch.setattr(exports, "MAX_IN_PROCESS", 0)
    monkeypatch.setattr(exports, "build_in_subprocess", lambda *order: made.append(order[-1].write(b"PK\3\4 and more")))
    answer = client.get("/exports/2026-11/all.xlsx")
    pieces = answer.iter_encoded()
    assert (next(pieces), made) == (b"PK\3\4", [])
    assert (b"".join(pieces), len(made)) == (b" and more", 1)
    answer.close()
    for _ in range(5):
        client.get("/exports/2026-11/all.xlsx").close()
    assert client.get("/exports/2026-11/all.xlsx", buffered=True).status_code == 200


def test_what_another_process_cannot_do_breaks_the_download_off_and_is_logged(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exports, "MAX_IN_PROCESS", 0)
    for program, said in (
        ("import sys; sys.exit(7)", "status 7"),
        ("import os; os.kill(os.getpid(), 9)", "status -9"),
        ('print(\'{"of": "file", "message": "No space left"}\')', "No space left"),
        ('print(\'{"of": "database", "message": "the database is away"}\')', "the database is away"),
    ):
        monkeypatch.setattr(process, "_COMMAND", (sys.executable, "-c", program))
        with pytest.raises((OSError, LedgerError), match=said):
            client.get("/exports/2026-11/all.xlsx?lang=en", buffered=True)
        assert "all.xlsx of 2026-11 breaks off" in caplog.text and said in caplog.text
    monkeypatch.setattr(process, "_TIMEOUT_S", 0.05)
    monkeypatch.setattr(process, "_COMMAND", (sys.executable, "-c", "import sys; sys.stdin.read()"))
    with pytest.raises(OSError, match="status -9"):
        client.get("/exports/2026-11/all.xlsx?lang=en", buffered=True)


def test_a_day_alone(client: FlaskClient, county: Stores) -> None:
    day = date(2026, 11, 5)
    told = rows(client.get(f"/exports/{day}/receipts.csv?lang=en", buffered=True).data)
    assert {row["Day"] for row in told} == {str(day)}
    assert sum(Decimal(row["Net weight (kg)"]) for row in told) == kg(county.reports.days.total(day, day).net_g)
    assert rows(client.get("/exports/2020-01-01/receipts.csv", buffered=True).data) == []


def test_a_void_receipt_keeps_its_weight_beside_the_sum(client: FlaskClient) -> None:
    (void,) = [
        row for row in rows(client.get("/exports/2026-11/receipts.csv?lang=en", buffered=True).data) if row["Void"]
    ]
    assert (void["Receipt"], void["Net weight (kg)"], void["Void net weight (kg)"]) == (str(VOIDED), "0.000", "20.005")


def test_texts_of_strangers_calculate_nothing(client: FlaskClient) -> None:
    told = [row["Goods"] for row in rows(client.get("/exports/2026-11/receipts.csv?lang=en", buffered=True).data)]
    assert not [text for text in told if text.startswith(tuple("=+-@\t"))]
    assert {plain_text(text) for text in told} >= set(FORMULAS)
    book = load_workbook(io.BytesIO(client.get("/exports/2026-11/all.xlsx?lang=en", buffered=True).data))
    cells = [cell for one in book for row in one.iter_rows() for cell in row]
    assert {cell.value for cell in cells} >= set(FORMULAS) - {"\t=1"}
    assert not [cell.value for cell in cells if cell.data_type == "f" or cell.hyperlink is not None]


@pytest.mark.parametrize(("language", "name", "lies"), [("zh", "收据", False), ("ug", "تالونلار", True)])
def test_a_workbook_speaks_the_language_of_who_asks(client: FlaskClient, language: str, name: str, lies: bool) -> None:
    book = load_workbook(io.BytesIO(client.get(f"/exports/2026-11/all.xlsx?lang={language}", buffered=True).data))
    assert book.sheetnames[0] == name
    assert [bool(one.sheet_view.rightToLeft) for one in book] == [lies] * 4
    assert book[name].freeze_panes == "A2"


def test_each_export_is_in_the_audit_before_it_is_given(client: FlaskClient, desk: CenterDesk) -> None:
    answer = client.get("/exports/2026-11/all.xlsx", buffered=True)
    assert answer.headers["Content-Disposition"] == "attachment; filename=sorting-center-2026-11-all.xlsx"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    (row,) = desk.audit.page(act=AuditAction.EXPORTED)
    assert (row.who, row.subject) == ("viewer-0", "2026-11 all.xlsx")
    assert client.get("/exports/2026-11/other.txt", buffered=True).status_code == 404
    assert len(desk.audit.page(act=AuditAction.EXPORTED)) == 1


def test_too_many_at_once_and_no_room_are_said(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spreadsheet, "workbook", full)
    for _ in range(3):
        answer = client.get("/exports/2026-11/all.xlsx", buffered=True)
        assert answer.status_code == 409
        assert "the server has no room" in answer.text
    with exports._EXPORT_SLOTS, exports._EXPORT_SLOTS:
        assert "wait until one is done" in client.get("/exports/2026-11/receipts.csv", buffered=True).text
    assert client.get("/exports/2026-11/receipts.csv", buffered=True).status_code == 200
    assert REGION in client.get("/exports/2026-11/receipts.csv", buffered=True).text
