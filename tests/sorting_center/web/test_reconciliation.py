from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from kiosk.sorting_center.desk.decisions import DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.staff import reconciliation
from kiosk.sorting_center.web.staff.reconciliation import MAX_CARDS, MAX_ROWS
from tests.sorting_center.reports.ledgers import ClockedStation, closed, followed
from tests.sorting_center.staff import NOON, app_of, sign_in
from tests.sorting_center.station_journal import NOW, of_weight

DAY = "2026-11-25"
ONE = {"intakes": 1, "bags": 1, "net_g": 12_450, "consignment_fen": 29_880}


def county(ledger: Ledger, stores: Stores) -> dict[str, ClockedStation]:
    """One station that agrees, one that does not, one whose event was set apart, one that has not closed."""
    stations = {
        name: ClockedStation(f"S000{n}", f"{n}{n}" * 8) for n, name in enumerate(("same", "wrong", "apart", "late"))
    }
    for name, station in stations.items():
        told = [station.start(), station.intake(1)]
        if name == "same":
            told.append(station.add(closed(**ONE, first_seq=1, last_seq=2)))
        if name == "wrong":
            said = {**ONE, "intakes": 2, "net_g": 13_000, "consignment_fen": 29_999}
            told.append(station.add(closed(**said, first_seq=1, last_seq=2)))
        if name == "apart":
            told += [station.intake(2, net_g=1), station.add(closed(**ONE, first_seq=1, last_seq=3))]
        ledger.accept(told, "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    return stations


@pytest.fixture
def client(stores: Stores) -> Iterator[FlaskClient]:
    with app_of(stores).test_client() as client:
        yield client


@pytest.fixture
def settle(client: FlaskClient, desk: CenterDesk) -> Callable[..., tuple[int, str]]:
    csrf = sign_in(client, desk, StaffRole.OPERATOR)

    def send(
        path: str, act: str, reason: str = "asked by telephone", seen: int = 0, figures: str = ""
    ) -> tuple[int, str]:
        form = {"csrf": csrf, "act": act, "reason": reason, "seen": str(seen), "figures": figures or shown(path)}
        answer = client.post(f"/reconciliation/{path}/settle?lang=en", data=form)
        return answer.status_code, answer.text

    def shown(path: str) -> str:
        """What the form on the page of this station says of the figures."""
        page = client.get(f"/reconciliation/{path.rpartition('/')[0].rpartition('/')[0]}").text
        _, _, form = page.partition(f'action="/reconciliation/{path}/settle"')
        found = re.search(r'name="figures" value="(\w+)"', form)
        return found[1] if found is not None else ""

    return send


Settle = Callable[..., tuple[int, str]]


def of(shown: str, station: str) -> str:
    """What the page says of this station's close."""
    found = re.search(rf'<article[^>]*aria-label="{station} \d+">.*?</article>', shown, re.DOTALL)
    assert found is not None, station
    return found[0]


def test_a_day_says_who_agrees_and_names_what_does_not(
    client: FlaskClient, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    county(ledger, stores)
    sign_in(client, desk)
    shown = client.get(f"/reconciliation?day={DAY}&lang=en").text
    wrong = of(shown, "S0001")
    for text in (
        "figures do not agree",
        "13.000\u00a0kg",
        "12.450\u00a0kg",
        "\u22120.550\u00a0kg",
        "\u22121",
        "\u2212\u00a51.19",
    ):
        assert text in wrong
    assert 'that have not arrived, or are in quarantine: <bdi dir="ltr">1</bdi>' in of(shown, "S0002")
    same = shown[shown.index('id="same"') :]
    assert "S0000" in same
    assert "S0001" not in same
    not_closed = shown[shown.index('id="not-closed"') : shown.index('id="settled"')]
    assert "S0003" in not_closed
    assert "S0000" not in not_closed
    assert '<form class="settle"' not in shown, "a viewer looks"


def test_a_day_that_is_none_is_another_one(
    client: FlaskClient, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    county(ledger, stores)
    sign_in(client, desk)
    asked = {
        "2026-11-24": "2026-11-24",
        "x": "2026-11-24",
        "0001-01-01": "2000-01-01",
        "9999-12-31": DAY,
        "9" * 99: "2026-11-24",
    }
    for day, shown in asked.items():
        answer = client.get(f"/reconciliation?day={day}")
        assert (answer.status_code, f'value="{shown}"' in answer.text, "S0001" in answer.text) == (
            200,
            True,
            shown == DAY,
        )
    assert client.get("/reconciliation?page=x&day=%01").status_code == 200


def test_a_day_is_accepted_or_asked_back_with_a_reason(
    client: FlaskClient, settle: Settle, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    wrong = county(ledger, stores)["wrong"]
    path = f"shache/S0001/{wrong.epoch}/3"
    assert settle(path, "asked_back")[0] == 303
    shown = client.get(f"/reconciliation?day={DAY}&lang=en").text
    assert "The station is asked." in of(shown[: shown.index('id="settled"')], "S0001"), "the answer is still to come"
    assert settle(path, "accepted", "<b>bag</b> torn", seen=1)[0] == 303
    shown = client.get(f"/reconciliation?day={DAY}&lang=en").text
    settled = of(shown[shown.index('id="settled"') :], "S0001")
    assert "&lt;b&gt;bag&lt;/b&gt; torn" in settled
    assert [row.detail for row in desk.audit.page(act="day_settled")] == [
        "accepted: <b>bag</b> torn",
        "asked_back: asked by telephone",
    ]
    assert desk.audit.page(act="day_settled")[0].subject == f"shache S0001 {wrong.epoch} 3"


def test_the_second_who_settles_a_day_is_refused(
    settle: Settle, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    wrong = county(ledger, stores)["wrong"]
    path = f"shache/S0001/{wrong.epoch}/3"
    assert settle(path, "accepted")[0] == 303
    status, shown = settle(path, "asked_back", "I do not think so")
    assert status == 409
    assert "Somebody else was faster. operator-0 has decided: Accepted." in shown
    assert "I do not think so" in shown
    assert [one.act for one in desk.decisions.newest(DecisionKind.DAY, 9)] == ["accepted"]
    assert settle(path, "asked_back", " ", seen=1)[0] == 409
    assert settle(path, "burn", seen=1)[0] == 409


@pytest.mark.usefixtures("numbered_at_once")
@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_a_settled_day_is_open_again_when_its_figures_change(
    client: FlaskClient, settle: Settle, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    wrong = county(ledger, stores)["wrong"]
    path = f"shache/S0001/{wrong.epoch}/3"
    assert settle(path, "accepted", "a bag is torn")[0] == 303
    shown = client.get(f"/reconciliation?day={DAY}&lang=en").text
    old = re.search(r'name="figures" value="(\w+)"', shown[shown.index('id="settled"') :])
    assert old is not None
    assert "S0001" not in shown[: shown.index('id="settled"')]
    ledger.accept([wrong.void(1)], "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    shown = client.get(f"/reconciliation?day={DAY}&lang=en").text
    open_again = of(shown[: shown.index('id="settled"')], "S0001")
    for text in ("open again", "a bag is torn", "operator-0", "At that time:", "differs", "13.000\u00a0kg"):
        assert text in open_again, text
    status, page = settle(path, "accepted", "still", seen=1, figures=old[1])
    assert (status, "Nothing was stored" in page) == (409, True), "decided on figures that are gone"
    assert settle(path, "accepted", "the paper says so", seen=1)[0] == 303
    shown = client.get(f"/reconciliation?day={DAY}&lang=en").text
    assert "S0001" not in shown[: shown.index('id="settled"')]
    settled = of(shown[shown.index('id="settled"') :], "S0001")
    assert settled.index("the paper says so") < settled.index("a bag is torn") < settled.index("At that time:")
    assert [one.who for one in desk.decisions.newest(DecisionKind.DAY, 9)] == ["operator-0"] * 2


def test_a_day_that_agrees_by_now_still_shows_what_was_decided_before(
    client: FlaskClient, settle: Settle, ledger: Ledger, stores: Stores
) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1), station.add(closed(**ONE, first_seq=1, last_seq=2))]
    ledger.accept(told, "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    close = stores.reports.closings.of_station("shache", "S0147")[0]
    stores.desk.decisions.decide(
        (DecisionKind.DAY, f"shache S0147 {station.epoch} 3"),
        0,
        "accepted",
        DecisionRationale("gulnar", "as told", "{}"),
        NOON,
    )
    shown = client.get(f"/reconciliation?day={DAY}&lang=en").text
    assert close.verdict.value == "same"
    assert "open again" in of(shown[: shown.index('id="settled"')], "S0147")


def test_what_is_no_close_is_not_settled(settle: Settle, desk: CenterDesk, ledger: Ledger, stores: Stores) -> None:
    wrong = county(ledger, stores)["wrong"]
    for path in (
        f"shache/S0001/{wrong.epoch}/2",
        f"yarkant/S0001/{wrong.epoch}/3",
        f"shache/S0001/{wrong.epoch}/{10**30}",
        "shache/S0001/%00/3",
        "%00/S0001/" + wrong.epoch + "/3",
    ):
        assert settle(path, "accepted")[0] == 404, path
    assert desk.decisions.newest(DecisionKind.DAY, 9) == []


def test_a_county_of_many_stations_makes_no_heavy_page(
    client: FlaskClient, settle: Settle, ledger: Ledger, stores: Stores
) -> None:
    for number in range(1, 211):
        station = ClockedStation(f"S{number:04}", f"{number:016x}")
        ledger.accept([station.start(), station.add(closed(intakes=9, first_seq=1, last_seq=1))], "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    first = client.get(f"/reconciliation?day={DAY}&lang=en")
    assert len(first.data) < 150_000
    assert first.text.count("<article") == MAX_CARDS
    assert f'href="/reconciliation?day={DAY}&amp;page=2"' in first.text
    second = client.get(f"/reconciliation?day={DAY}&page=2").text
    seen = [set(re.findall(r"/shache/(S0[012]\d\d)\"", page)) for page in (first.text, second)]
    assert (len(seen[0]), len(seen[1]), seen[0] & seen[1]) == (MAX_ROWS, 210 - MAX_ROWS, set())
    assert client.get("/reconciliation?page=999999999").status_code == 200


def test_a_station_has_a_page_of_its_closes(
    client: FlaskClient, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    station = county(ledger, stores)["same"]
    ledger.accept([station.add(closed(first_seq=4, last_seq=3))], "shache", NOW)
    early = ClockedStation("S0009", "99" * 8)
    early.at -= timedelta(days=1)
    ledger.accept([early.start(), early.add(closed(first_seq=1, last_seq=1))], "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    sign_in(client, desk)
    shown = client.get("/reconciliation/shache/S0000?lang=en").text
    assert shown.count("<article") == 2
    assert client.get("/reconciliation/shache/S0999").status_code == 404
    assert client.get("/reconciliation/%00/S0000").status_code == 404
    for day, there, not_there in ((DAY, "S0000", "S0009"), ("2026-11-24", "S0009", "S0000")):
        page = client.get(f"/reconciliation?day={day}").text
        assert (there in page, not_there in page) == (True, False), day


def mark(client: FlaskClient, way: str) -> str:
    """What the form of a receipt's page says of the figures."""
    found = re.search(r'name="figures" value="(\w+)"', client.get(way).text)
    assert found is not None
    return found[1]


def test_a_receipt_that_was_told_twice_is_led_to(
    client: FlaskClient, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1), station.intake(1, **of_weight(7_000), party="M-00077")]
    told += [station.intake(2, party="non_member"), station.intake(2, **of_weight(9_000), party="non_member")]
    ledger.accept(told, "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    csrf = sign_in(client, desk, StaffRole.OPERATOR)
    shown = client.get("/reconciliation/receipts?lang=en").text
    for text in ("0147-A-000001", "12.450\u00a0kg", "7.000\u00a0kg", "M-00077", "M-04412", "Does not count"):
        assert text in shown
    assert "non_member" not in shown, "a word of programs"
    assert shown.count("a non-member") == 2
    assert "duplicate receipts" in client.get(f"/reconciliation?day={DAY}&lang=en").text
    way = "/receipts/shache/0147-A-000001"
    assert f'href="{way}"' in shown
    form = {"csrf": csrf, "act": "first_counts", "reason": "as on the paper", "seen": "0", "figures": mark(client, way)}
    assert client.post(f"{way}/settle", data=form).status_code == 303
    shown = client.get("/reconciliation/receipts?lang=en").text
    assert "as on the paper" in shown
    way = "/receipts/shache/0147-A-000002"
    other = form | {"reason": "both looked at", "figures": mark(client, way)}
    assert client.post(f"{way}/settle", data=other).status_code == 303
    assert "There are no duplicate receipts" in client.get("/reconciliation/receipts?lang=en").text


@pytest.mark.parametrize("language", ["en", "zh", "ug"])
def test_every_word_is_there_in_every_language(
    client: FlaskClient, settle: Settle, ledger: Ledger, stores: Stores, language: str
) -> None:
    stations = county(ledger, stores)
    for name, seq in (("wrong", 3), ("apart", 4)):
        settle(f"shache/{stations[name].station}/{stations[name].epoch}/{seq}", "asked_back")
    for path in (f"?day={DAY}&", "/shache/S0001?", "/receipts?"):
        assert client.get(f"/reconciliation{path}lang={language}").status_code == 200


def test_a_settled_receipt_is_open_again_when_it_is_told_once_more(
    client: FlaskClient, desk: CenterDesk, ledger: Ledger, stores: Stores
) -> None:
    """Nor does anybody settle what is not on the page that was looked at."""
    station, way = ClockedStation(), "/receipts/shache/0147-A-000001"
    follower = ReportsFollower(ledger, stores.reports)

    def told(grams: int) -> None:
        ledger.accept([station.intake(1, **of_weight(grams))], "shache", NOW)
        followed(follower)

    def settle(seen: int, figures: str) -> int:
        form = {"csrf": csrf, "act": "first_counts", "reason": "as on the paper", "seen": str(seen), "figures": figures}
        return client.post(f"{way}/settle", data=form).status_code

    ledger.accept([station.start()], "shache", NOW)
    told(5_000)
    told(7_000)
    csrf = sign_in(client, desk, StaffRole.OPERATOR)
    old = mark(client, way)
    told(8_000)
    assert settle(0, old) == 409, "it is another receipt that was looked at"
    assert settle(0, mark(client, way)) == 303
    assert "There are no duplicate receipts" in client.get("/reconciliation/receipts?lang=en").text
    told(9_000)
    shown = client.get("/reconciliation/receipts?lang=en").text
    assert "There are no duplicate receipts" not in shown
    assert "open again" in shown and "open again" in client.get(f"{way}?lang=en").text
    assert settle(1, mark(client, way)) == 303
    assert "There are no duplicate receipts" in client.get("/reconciliation/receipts?lang=en").text


def test_however_many_receipts_are_settled_an_older_one_that_is_open_is_shown(
    client: FlaskClient, desk: CenterDesk, ledger: Ledger, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied card that was used for a day tells a hundred of them twice."""
    monkeypatch.setattr(reconciliation, "_MAX_RECEIPTS", 3)
    monkeypatch.setattr(reconciliation, "_ALARMS_PER_PAGE", 2)
    station = ClockedStation()
    told = [station.start()]
    for number in range(1, 9):
        told += [station.intake(number), station.intake(number, **of_weight(7_000))]
    ledger.accept(told, "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    csrf = sign_in(client, desk, StaffRole.OPERATOR)
    form = {"csrf": csrf, "act": "first_counts", "reason": "as on the paper", "seen": "0"}
    for number in range(8, 0, -1):
        shown = client.get("/reconciliation/receipts?lang=en").text
        way = f"/receipts/shache/0147-A-{number:06}"
        assert f'class="button plain" href="{way}"' in shown, number
        assert client.post(f"{way}/settle", data=form | {"figures": mark(client, way)}).status_code == 303
    assert "There are no duplicate receipts" in client.get("/reconciliation/receipts?lang=en").text


def test_a_day_of_years_ago_is_settled_as_any_other(
    client: FlaskClient,
    settle: Settle,
    desk: CenterDesk,
    ledger: Ledger,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The form stood on the page of its day, and nothing was found for it behind a thousand newer closes."""
    monkeypatch.setattr(reconciliation, "_LOOKED_FOR", 1, raising=False)
    station = county(ledger, stores)["wrong"]
    ledger.accept([station.add(closed(first_seq=4, last_seq=3))], "shache", NOW)
    followed(ReportsFollower(ledger, stores.reports))
    assert settle(f"shache/S0001/{station.epoch}/3", "accepted", "looked at")[0] == 303
    assert desk.audit.page(act="day_settled")[0].subject == f"shache S0001 {station.epoch} 3"
