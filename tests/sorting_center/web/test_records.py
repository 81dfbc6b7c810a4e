from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from kiosk.domain.events import (
    EpochStarted,
    IntakeAbandoned,
    ParcelLost,
    ParcelMisrouted,
    ParcelNotAccepted,
    ParcelShelved,
    ParcelWithdrawn,
)
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason
from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.sorting_center.desk.decisions import DecisionKind
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.ledger.database.opening import open_shared
from kiosk.sorting_center.ledger.database.schema import event
from kiosk.sorting_center.reports.journal import RecordsCheck
from kiosk.sorting_center.reports.receipts import ReceiptDetails, Receipts
from kiosk.sorting_center.reports.search import Search
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.sorting_center.web.staff.members import by_month
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import app_of, sign_in
from tests.sorting_center.station_journal import NOW, confirmed, of_weight
from tests.sorting_center.web.county_month import (
    DOUBLE,
    LATE,
    MEMBER,
    PARCEL,
    RECEIPT,
    REGION,
    UNKNOWN,
    VOIDED,
    WAYBILL,
    fill,
    fill_hostile,
    read,
)

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 'z' * 9 }}",
    "^XZ\x1b[2J",
    "\u202eabc",
    "'--",
    "=cmd|' /C calc'!A0",
    "x" * 5_000,
]
RUNS = ("<script>alert", "<img src=x", "zzzzzzzzz", "\x1b", "\u202e")


@pytest.fixture
def county(stores: Stores) -> Stores:
    fill(stores.ledger)
    read(stores)
    return stores


@pytest.fixture
def client(county: Stores) -> Iterator[FlaskClient]:
    with app_of(county).test_client() as client:
        sign_in(client, county.desk)
        yield client


def at(page: str) -> str:
    """The page in English, without the isolates around its values."""
    return re.sub(r"</?(bdi|time)[^>]*>", "", page)


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_one_thing_that_is_found_opens_at_once(client: FlaskClient, desk: CenterDesk) -> None:
    receipt = f"/receipts/{REGION}/{RECEIPT}"
    for asked, there in {
        str(RECEIPT): receipt,
        f"]C0{RECEIPT.code}\r": receipt,
        RECEIPT.bag_code(1): f"{receipt}?bag=1",
        RECEIPT.lot: f"/lots/{REGION}/{RECEIPT.lot}",
        MEMBER: f"/members/{REGION}/{MEMBER}",
        str(PARCEL): f"/parcels/{REGION}/{PARCEL}",
        WAYBILL: f"/parcels/{REGION}/{PARCEL}",
        "2026-11-25": "/days/2026-11-25",
        "BADAM": "/goods?product=BADAM",
    }.items():
        answer = client.get("/search", query_string={"q": asked})
        assert (answer.status_code, answer.headers.get("Location")) == (303, there), asked
        assert client.get(there).status_code == 200, there
        assert desk.audit.page(act=AuditAction.SEARCHED)[0].subject.startswith(asked.strip("\r")), asked


def test_the_audit_keeps_no_code_that_hands_a_parcel_out_and_no_telephone(
    client: FlaskClient, desk: CenterDesk
) -> None:
    for asked, kept in [
        ("]C1Y1K0147A0000031234567", "Y1K…"),
        ("13912345678", "…5678"),
        ("S0147 13912345678", "S0147 …5678"),
    ]:
        client.get("/search", query_string={"q": asked})
        assert desk.audit.page(act=AuditAction.SEARCHED)[0].subject == kept


def test_several_are_a_list_by_kind_with_a_way_to_each(client: FlaskClient, county: Stores) -> None:
    other = ClockedStation("S0147", "00112233445566dd", "boot-20")
    county.ledger.accept([other.start(), other.intake(1)], "yarkant", NOW)
    read(county)
    page = client.get("/search", query_string={"lang": "en", "q": str(RECEIPT)}).text
    assert "There are several results" in page
    for region in (REGION, "yarkant"):
        assert f'href="/receipts/{region}/{RECEIPT}"' in page


def test_a_station_opens_its_page(county: Stores, desk: CenterDesk) -> None:
    app = app_of(county)
    app.add_url_rule("/stations/<region>/<number>", "a_page_of_stations", str)
    client = app.test_client()
    sign_in(client, desk)
    there = f"/stations/{REGION}/S0147"
    assert client.get("/search", query_string={"q": "S0147"}).headers["Location"] == there
    assert f'href="{there}"' in client.get(f"/receipts/{REGION}/{RECEIPT}").text


def test_a_database_that_is_away_is_said(client: FlaskClient, county: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise LedgerError("the ledger is away")

    monkeypatch.setattr(Search, "find", away)
    monkeypatch.setattr(Receipts, "each", away)
    for path in ("/search?q=0147-A-000001", "/exports/2026-11/receipts.csv", "/exports/2026-11/all.xlsx"):
        answer = client.get(path, headers={"Accept-Language": "en"})
        assert answer.status_code == 503, path
        assert "The database does not answer" in answer.text and "the ledger is away" in answer.text


def test_what_nobody_can_find_is_said_in_words(client: FlaskClient) -> None:
    for asked in ("x" * 10_000, "\u202e" * 10_000, "\x01\x1b", *HOSTILE, "9999-A-000001", "Y1R0", "M-99999", "🍈"):
        answer = client.get("/search", query_string={"lang": "en", "q": asked})
        assert answer.status_code == 200, asked
        assert "No result for" in answer.text, asked
        assert not [piece for piece in RUNS if piece in answer.text], asked
        assert len(answer.data) < 20_000
    for asked in ("", "  ", "\t\r\n"):
        page = client.get("/search", query_string={"lang": "en", "q": asked}).text
        assert "What can be found" in page and "No result" not in page


def test_a_receipt_is_a_document(client: FlaskClient) -> None:
    page = at(client.get(f"/receipts/{REGION}/{RECEIPT}?lang=en").text)
    lines = re.sub(r"[|]+", "|", re.sub(r"\s*<[^>]+>\s*", "|", page))
    assert "|10.165\xa0kg|−|0.160\xa0kg|=|10.005\xa0kg|≈\xa0¥240.12|" in lines
    for shown in (
        *(MEMBER, "BADAM", "consignment", "¥24.00/kg", "¥240.12", "for trade", "valid", "passed"),
        *("scale 2, tares 5, clock 3", "of the producer", "C-1", RECEIPT.lot, "ab" * 32, "1.0 abcd"),
        *("by a set clock", "2026-11-03 11:00:00", "00112233445566aa-2", "hash recomputed: the same"),
        *("follows the event before it", "intake confirmed", "photo taken"),
    ):
        assert shown in page, shown
    assert "exists twice" not in page and "Records check out: all 2 unchanged and linked, and the sums agree." in page
    first, _, technical = page[page.index("<main") :].partition("<details")
    assert not re.search("[0-9a-f]{16}", first) and "1.0 abcd" in technical
    answers = ("¥240.12", "an estimate", MEMBER, "2026-11-03 11:00:00", "still at the station", "Records check out")
    places = [first.index(answer) for answer in answers]
    assert places == sorted(places), "what a person asks, in this order"
    assert "aria-current" not in lines_of_bags(page)
    marked = client.get(f"/receipts/{REGION}/{RECEIPT}?lang=en&bag=1").text
    assert lines_of_bags(marked).count('<tr class="asked" aria-current="true">') == 1
    assert RECEIPT.bag_code(1) in lines_of_bags(marked)
    for strange in ("2", "0", "x", "-1", "9" * 50):
        assert "aria-current" not in lines_of_bags(client.get(f"/receipts/{REGION}/{RECEIPT}?bag={strange}").text)


@pytest.mark.parametrize(
    ("lang", "where"),
    [
        ("en", "Where bag 1 of 1 is now"),
        ("zh", "第 1 袋（共 1 袋）现在在哪里"),
        ("ug", "1 خالتىنىڭ 1-خالتىسى ھازىر نەدە"),
    ],
)
def test_a_scanned_bag_says_first_where_it_is_now(client: FlaskClient, county: Stores, lang: str, where: str) -> None:
    county.desk.registry.replace([ExpectedStation(REGION, "S0147", village="栗子村 <i>Kashtan")], [])
    answer = client.get("/search", query_string={"q": RECEIPT.bag_code(1)})
    page = at(client.get(f"{answer.headers['Location']}&lang={lang}").text)
    main = page[page.index("<main") :]
    assert where in main.partition("<h1")[0]
    assert "栗子村 &lt;i&gt;Kashtan" in main.partition("<h1")[0] and "<i>" not in page


def test_void_goods_are_not_said_to_lie_at_the_station(client: FlaskClient, county: Stores) -> None:
    def where(number: ReceiptNumber) -> str:
        page = at(client.get(f"/receipts/{REGION}/{number}?lang=en").text)
        return page[page.index("Where it is now") :].partition("</div>")[0]

    replaced, third = where(VOIDED), ReceiptNumber("S0147", "A", 3)
    assert f"/receipts/{REGION}/{third}" in replaced and "still at" not in replaced
    assert "nothing is to be paid" in client.get(f"/receipts/{REGION}/{VOIDED}?lang=en").text
    station = ClockedStation("S0151", "00112233445566ef")
    county.ledger.accept([station.start(), *(station.intake(number) for number in (1, 2))], REGION, NOW)
    county.ledger.accept([station.void(1, "goods_taken_back"), station.void(2, "wrong_product")], REGION, NOW)
    read(county)
    assert "taken back at the station" in where(ReceiptNumber("S0151", "A", 1))
    assert "not known" in where(ReceiptNumber("S0151", "A", 2))


def test_what_does_not_check_out_is_said_in_one_line(
    client: FlaskClient, county: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checked(number: ReceiptNumber) -> str:
        page = at(client.get(f"/receipts/{REGION}/{number}?lang=en").text)
        return page[page.index('<p class="checked') :].partition("</p>")[0]

    assert "exists twice with different content" in checked(DOUBLE)
    with monkeypatch.context() as patch:
        patch.setattr(ReceiptDetails, "sums_agree", False)
        assert "sums do NOT agree" in checked(RECEIPT)
    with monkeypatch.context() as patch:
        patch.setattr(RecordsCheck, "of", lambda events: RecordsCheck(len(events), 0, 1))
        assert "1 of 2 cannot be compared" in checked(RECEIPT)


def test_two_contradicting_receipts_stand_side_by_side(client: FlaskClient) -> None:
    page = client.get(f"/receipts/{REGION}/{DOUBLE}?lang=en").text
    table = page[page.index('<table class="columns">') :].partition("</table>")[0]
    rows = {
        re.sub(r"<[^>]+>", "", head).partition("≠")[0].strip(): "≠" in head
        for head in re.findall(r'<th scope="row">(.*?)</th>', table, flags=re.DOTALL)
    }
    assert rows["Net"] and rows["Amount"] and rows["Bags"]
    assert not rows["Brought by"] and not rows["Goods"] and not rows["Price"]
    assert [len(re.findall("<td", row)) for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)] == [1] + [2] * 10


@pytest.mark.parametrize("lang", ["en", "zh", "ug"])
def test_a_parcel_says_where_it_is_in_every_state(client: FlaskClient, county: Stores, lang: str) -> None:
    station, words = ClockedStation("S0152", "00112233445566ed"), center_texts(lang)
    steps = {
        ParcelState.SHELVED: (ParcelShelved, {"shelf": "A-3-17"}),
        ParcelState.REFUSED: (ParcelNotAccepted, {}),
        ParcelState.MISROUTED: (ParcelMisrouted, {}),
        ParcelState.WITHDRAWN: (ParcelWithdrawn, {}),
        ParcelState.LOST: (ParcelLost, {}),
    }
    events = [station.start()]
    lost = str(ParcelNumber("S0152", "A", len(steps)))
    events.append(station.add(ParcelShelved(lost, "clerk:07", "A-3-17")))
    for number, (kind, more) in enumerate(steps.values(), 1):
        events.append(station.add(kind(str(ParcelNumber("S0152", "A", number)), "clerk:07", **more)))
    county.ledger.accept(events, REGION, NOW)
    read(county)
    for number, state in enumerate(steps, 1):
        page = client.get(f"/parcels/{REGION}/{ParcelNumber('S0152', 'A', number)}?lang={lang}").text
        first = page[page.index("<main") :].partition("<details")[0]
        assert words(f"parcel_state_{state.value}") in first
        assert ("A-3-17" in first) == (state is ParcelState.SHELVED)
    assert words("parcel_by_self") in client.get(f"/parcels/{REGION}/{PARCEL}?lang={lang}").text


def lines_of_bags(page: str) -> str:
    return page[page.index('<table class="bags">') : page.index("<tfoot>")]


def test_a_void_receipt_says_why_by_whom_and_what_replaces_it(client: FlaskClient) -> None:
    page = at(client.get(f"/receipts/{REGION}/{VOIDED}?lang=en").text)
    for shown in ("This receipt does not count", "written for the wrong person", "clerk:07", "witness:02"):
        assert shown in page
    assert f"/receipts/{REGION}/0147-A-000003" in page
    replacement = at(client.get(f"/receipts/{REGION}/0147-A-000003?lang=en").text)
    assert "Replaces" in replacement and f"/receipts/{REGION}/{VOIDED}" in replacement
    lot = at(client.get(f"/lots/{REGION}/{VOIDED.lot}?lang=en").text)
    assert "This receipt does not count" in lot and VOIDED.lot in lot


def test_late_and_unknown_times_are_marked(client: FlaskClient) -> None:
    late = at(client.get(f"/receipts/{REGION}/{LATE}?lang=en").text)
    assert "late: more than a day on the way" in late
    unknown = at(client.get(f"/receipts/{REGION}/{UNKNOWN}?lang=en").text)
    for shown in ("time not known", "by a clock that was not set", "1970-01-01 08:00:05", "/days/2026-11-25"):
        assert shown in unknown, shown


def test_a_chain_that_is_broken_is_told(client: FlaskClient, county: Stores) -> None:
    with closing(open_shared(county.ledger.url)) as beside, beside.writing.begin() as connection:
        one = (event.c.station == "S0147") & (event.c.seq == 1)
        connection.execute(update(event).where(one).values(sha256="00" * 32))
    page = at(client.get(f"/receipts/{REGION}/{RECEIPT}?lang=en").text)
    assert "does NOT follow the event before it" in page


def test_what_was_told_again_is_no_second_receipt(client: FlaskClient, county: Stores) -> None:
    old, new = ClockedStation("S0150", "00112233445566ee"), ClockedStation("S0150", "ff" * 8, "boot-30")
    intake = confirmed("S0150", 1)
    abandoned = IntakeAbandoned("0150-A-000002", "opened", AbandonReason.LEFT)
    county.ledger.accept([old.start(), old.add(intake), old.add(abandoned)], REGION, NOW)
    again = [new.add(EpochStarted("B", "restored")), new.add(intake, reissued=f"{old.epoch}-2")]
    county.ledger.accept(again, REGION, NOW)
    read(county)
    page = at(client.get(f"/receipts/{REGION}/0150-A-000001?lang=en").text)
    assert f"sent again, first as {old.epoch}-2" in page
    assert page.count("intake confirmed") == 2 and page.count(">counts<") == 1
    assert "exists twice" not in page
    page = client.get(f"/receipts/{REGION}/0150-A-000002?lang=en").text
    assert "nobody agreed" in page and "intake abandoned" in page


def test_a_receipt_that_is_there_twice_is_settled_by_a_person(county: Stores, desk: CenterDesk) -> None:
    path, subject = f"/receipts/{REGION}/{DOUBLE}", f"{REGION} S0147 {DOUBLE}"
    app = app_of(county)
    viewer, operator = app.test_client(), app.test_client()
    sign_in(viewer, desk)
    csrf = sign_in(operator, desk, StaffRole.OPERATOR)
    page = viewer.get(f"{path}?lang=en").text
    assert "This receipt number exists twice" in page
    assert "7.000\xa0kg" in page and "8.000\xa0kg" in page, "what there is to compare"
    assert f"{path}/settle" not in viewer.get(path).text
    assert f"{path}/settle" in operator.get(path).text
    mark = re.search(r'name="figures" value="(\w+)"', operator.get(path).text)
    assert mark is not None
    form = {"csrf": csrf, "act": "first_counts", "seen": "0", "figures": mark[1]}
    for wrong in ({"reason": ""}, {"reason": "x", "act": "delete"}, {"reason": "x", "seen": "7"}, {"seen": "x"}):
        assert operator.post(f"{path}/settle", data={**form, **wrong}).status_code == 409, wrong
    assert desk.decisions.history(DecisionKind.RECEIPT, subject) == []
    reason = "<script>alert(1)</script> papers \u202elooked at"
    assert operator.post(f"{path}/settle", data={**form, "reason": reason}).status_code == 303
    assert operator.post(f"{path}/settle", data={**form, "reason": "again"}).status_code == 409, (
        "decided in the meantime"
    )
    (made,) = desk.decisions.history(DecisionKind.RECEIPT, subject)
    assert (made.act, made.who) == ("first_counts", "operator-1")
    assert desk.audit.page(act=AuditAction.RECEIPT_SETTLED)[0].subject == subject
    shown = viewer.get(f"{path}?lang=en").text
    assert "the first one counts" in shown and "operator-1" in shown
    assert not [piece for piece in RUNS if piece in shown]
    once = operator.post(f"/receipts/{REGION}/{RECEIPT}/settle", data={**form, "reason": "x"})
    assert once.status_code == 404, "only what exists twice"


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_a_members_year_sums_to_its_receipts(client: FlaskClient, county: Stores) -> None:
    told = county.reports.members.year(MEMBER, REGION, 2026)
    assert len(told.receipts) == 3
    assert total(by_month(told)) == told.figures == total(row.figures for row in told.receipts)
    assert told.figures == total(row.figures for row in told.goods)
    page = at(client.get(f"/members/{REGION}/{MEMBER}?lang=en").text)
    for row in told.receipts:
        assert f"/receipts/{REGION}/{row.receipt}" in page
    assert f"{told.figures.net_g / 1000:.3f}\xa0kg" in page
    assert f"≈\xa0¥{told.figures.consigned_fen / 100:.2f}" in page
    (seen, *_) = county.desk.audit.page(act=AuditAction.MEMBER_SEEN)
    assert (seen.who, seen.subject, seen.detail) == ("viewer-0", f"{REGION} {MEMBER}", "2026")
    assert "0.000" in at(client.get(f"/members/{REGION}/{MEMBER}?year=2025").text)


def test_a_members_purchases_and_consignments_are_two_sums(client: FlaskClient, county: Stores) -> None:
    station = ClockedStation("S0153", "00112233445566ec")
    bought = station.intake(1, **of_weight(2_000), party=MEMBER, mode="purchase", product="BADAM")
    county.ledger.accept([station.start(), bought], REGION, NOW)
    read(county)
    page = at(client.get(f"/members/{REGION}/{MEMBER}?lang=en").text)
    goods = page[page.index('id="goods"') :].partition("</table>")[0]
    parts = ["Bought", "On consignment", ">¥48.00<", ">≈\xa0¥600.24<"]
    assert sorted(parts, key=goods.index) == parts
    listed = re.findall(r'<th scope="row"><a href="/receipts/[^"]+">([^<]+)</a>', page)
    assert listed[0] == "0153-A-000001" and listed[-1] == "0148-A-000001" and len(listed) == 4, "the newest first"


def test_a_parcel_is_shown_without_its_waybill(client: FlaskClient) -> None:
    page = at(client.get(f"/parcels/{REGION}/{PARCEL}?lang=en").text)
    for shown in ("collected", "SF", "parcel arrived", "parcel collected"):
        assert shown in page
    assert WAYBILL not in page


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_a_month_and_its_days_come_to_the_same(client: FlaskClient, county: Stores) -> None:
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    rows, whole = county.reports.days.each(first, last), county.reports.days.total(first, last)
    assert total(row.figures for row in rows) == whole
    assert whole.intakes == 8 and whole.voided == 1
    page = at(client.get("/days?month=2026-11&lang=en").text)
    brought = [row for row in rows if row.figures.intakes or row.figures.voided]
    assert page.count('<rect class="bar"') == sum(
        (row.figures.net_g > 0)
        + (row.figures.bought_fen > 0)
        + (row.figures.consigned_fen > 0)
        + (row.figures.intakes > 0)
        for row in rows
    )
    assert re.findall(r'<tr><th scope="row"><a href="/days/([0-9-]+)">', page) == [str(row.day) for row in brought]
    assert (
        brought[0].day > first
        and f"Days without an intake: {(date(2026, 11, 25) - brought[0].day).days + 1 - len(brought)}" in page
    )
    for row in brought:
        assert at(client.get(f"/days/{row.day}?lang=en").text).count('scope="row"') >= row.figures.intakes
    assert "¥" in page
    goods = at(client.get("/goods?month=2026-11&lang=en").text)
    for one in county.reports.days.goods(first, last):
        assert one.product in goods
    alone = at(client.get("/goods?month=2026-11&product=URUK").text)
    assert "BADAM" not in alone


def test_figures_that_may_still_change_say_why(client: FlaskClient, county: Stores) -> None:
    """A clock that was not set, a station not heard since, a void; a day that is over and whole says nothing."""
    page = at(client.get("/days?month=2026-11&lang=en").text)
    for reason in (
        *("Today is not over", "Stations not heard since then: 1"),
        *("counted on the day they arrived: 1", "Receipts voided since: 1"),
    ):
        assert reason in page, reason
    assert "not final" not in at(client.get("/days/2026-11-03?lang=en").text)
    assert "arrived more than a day late: 1" in page and "<h2>Late</h2>" not in page


def test_a_day_is_told_by_township_and_by_station(client: FlaskClient, county: Stores) -> None:
    county.desk.registry.replace([ExpectedStation(REGION, "S0147", township="<b>Tömür</b>")], [])
    page = client.get("/days/2026-11-05?lang=en").text
    assert "&lt;b&gt;Tömür&lt;/b&gt;" in page and "not in the register" in page
    alone = at(client.get(f"/days/2026-11-05?region={REGION}&station=S0148&lang=en").text)
    receipts = alone[alone.index('id="receipts"') :]
    assert "0148-A-000003" in receipts and "0147-A-000003" not in receipts


def test_receipts_of_a_day_are_paged(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sorting_center.web.staff.days._MAX_RECEIPTS", 1)
    seen, path = [], "/days/2026-11-25"
    while path:
        page = client.get(path).text
        receipts = page[page.index('id="receipts"') :]
        seen += re.findall(r'href="/receipts/[^"/]+/([^"]+)"', receipts)
        found = re.search(r'rel="next" href="([^"]+)#receipts"', receipts)
        path = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) >= 1
    assert str(UNKNOWN) in seen


@pytest.mark.parametrize("language", ["en", "zh", "ug"])
def test_every_page_speaks_every_language(client: FlaskClient, county: Stores, language: str) -> None:
    client.set_cookie("language", language)
    direction = "rtl" if language == "ug" else "ltr"
    for path in (
        *("/search", "/search?q=nothing", f"/receipts/{REGION}/{VOIDED}", f"/receipts/{REGION}/{DOUBLE}"),
        *(f"/lots/{REGION}/{RECEIPT.lot}", f"/parcels/{REGION}/{PARCEL}", f"/members/{REGION}/{MEMBER}"),
        *("/days?month=2026-11", "/days/2026-11-05", "/goods?month=2026-11", "/days?month=2020-01", "/days/2020-01-01"),
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert f'<html lang="{language}" dir="{direction}">' in answer.text, path
        assert len(answer.data) < 150_000, path


def test_text_of_strangers_stays_text_on_every_page(county: Stores) -> None:
    fill_hostile(county.ledger, HOSTILE)
    read(county)
    with app_of(county).test_client() as client:
        sign_in(client, county.desk, StaffRole.OPERATOR)
        numbers = [f"0149-A-{number:06}" for number in range(1, len(HOSTILE) + 1)]
        paths = [*(f"/receipts/{REGION}/{one}" for one in numbers), "/days/2026-11-25", "/days", "/goods"]
        for path in [*paths, f"/members/{REGION}/{MEMBER}", *(f"/goods?product={text[:40]}" for text in HOSTILE)]:
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert not [piece for piece in RUNS if piece in answer.text], path
            assert len(answer.data) < 150_000, path


def test_addresses_that_lead_nowhere_are_said_to(client: FlaskClient) -> None:
    for path in (
        *(f"/receipts/{REGION}/x", "/receipts/X!/0147-A-000001", f"/receipts/{REGION}/0147-A-999999"),
        *(f"/lots/{REGION}/x", f"/parcels/{REGION}/P-0147-A-000099", f"/members/{REGION}/M-99999"),
        *("/members/x/M-1", "/days/2026-02-30", "/days/1", "/days/2026-11-25?after=x.y", "/days/2026-11-25?station=1"),
        *("/exports/2026-11/x", "/exports/1/receipts.csv", "/exports/2026-13/all.xlsx"),
    ):
        assert client.get(path).status_code == 404, path
    ends = ("/days?month=9999-12", "/days?month=0001-01", "/days/9999-12-31", "/days/0001-01-01")
    for path in ("/days?month=x", "/days?month=0000-00", "/goods?month=9999-12", *ends):
        assert client.get(path).status_code == 200, path
