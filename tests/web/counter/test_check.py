"""The check weight and the journal of the pan through Flask's own client: what is shown, what is refused, to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from itertools import count
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, ScaleMark, Verification
from kiosk.domain.metrology.pan import NotBookableReason
from kiosk.domain.metrology.pan_journal import LoadLeftNote, UnbookedWhy
from kiosk.domain.moment import ClockQuality
from kiosk.station.clerk.access import CounterSession
from kiosk.station.scale.settings import MetrologySettings
from kiosk.store.shared.errors import DiskFull, StoreError
from kiosk.texts import LANGUAGES, load
from kiosk.web.counter.rows import refusal_id
from kiosk.web.factory import create_app
from kiosk.web.shared.roles import COOKIE
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.signs import MARKS
from tests.web.counter.shop import CounterShop
from tests.web.shop import Shop

EN = load("en")
TYPED = MetrologySettings(check_required=True)


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


def browser(shop: CounterShop, number: str = "01", language: str = "en") -> FlaskClient:
    """Whoever has unlocked the counter."""
    client = create_app(shop, WebSettings(language=language)).test_client()
    client.set_cookie(COOKIE, shop.unlock(number).token)
    return client


@pytest.fixture
def client(shop: CounterShop) -> FlaskClient:
    return browser(shop)


def words(answer: TestResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


def take(client: FlaskClient, **changes: str) -> TestResponse:
    """Post what the page itself would post."""
    page = client.get("/counter/check").text if not changes.get("expected") else ""
    shown = re.search(r'name="reading_no" value="(\d+)"', page)
    return client.post("/counter/check/take", data={"reading_no": shown[1] if shown else "", **changes})


# --- the check weight ----------------------------------------------------------------------------------------------


def test_the_page_says_what_is_expected_and_what_to_do(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    page = client.get("/counter/check")
    for said in ("5.000 kg", "±0.005 kg", "Not checked today", EN.text("counter.check.why.below_min")):
        assert said in words(page)
    assert re.search(r"<button[^>]* data-take disabled>", page.text)
    shop.rest(5_000)
    page = client.get("/counter/check")
    assert EN.text("counter.check.ready") in words(page)
    assert re.search(r"<button[^>]* data-take>", page.text)
    assert 'name="expected"' not in page.text, "what is set is not sent"


@pytest.mark.parametrize(("read_g", "passed"), [(5_000, True), (4_995, True), (5_005, True), (5_010, False)])
def test_a_check_is_read_recorded_and_shown(shop: CounterShop, client: FlaskClient, read_g: int, passed: bool) -> None:
    shop.rest(0)
    shop.rest(read_g)
    answer = take(client)
    assert answer.status_code == 303
    row = shop.store.checks.last()
    assert row is not None
    assert (row.expected_g, row.read_g, row.passed, row.actor) == (5_000, read_g, passed, "clerk:01")
    assert answer.location == f"/counter/check?done={row.number}"
    page = client.get(answer.location)
    assert EN.text("counter.check.passed" if passed else "counter.check.failed") in words(page)
    assert f"{read_g / 1000:.3f} kg" in words(page)
    assert f"{(read_g - 5_000) / 1000:.3f} kg" in words(page)
    assert shop.standing().check is (CheckState.PASSED if passed else CheckState.FAILED)


def test_a_check_uses_its_load_up(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    shop.rest(5_000)
    assert take(client).status_code == 303
    again = take(client)
    assert again.status_code == 409
    assert EN.text("counter.check.why.load_already_counted") in words(again)
    assert 'href="/counter/check"' in again.text
    assert shop.store.checks.last().number == 1  # type: ignore[union-attr]


def test_the_result_is_only_that_of_the_newest_check(shop: CounterShop, client: FlaskClient) -> None:
    shop.check(5_000)
    assert EN.text("counter.check.passed") in words(client.get("/counter/check?done=1"))
    shop.check(4_000)
    for done in ("1", "9", "x", "-1", "<b>", ""):
        assert EN.text("counter.check.take") in words(client.get("/counter/check", query_string={"done": done}))


def test_a_page_that_showed_another_load_is_stale(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    shop.rest(5_000)
    old = re.findall(r'name="reading_no" value="(\d+)"', client.get("/counter/check").text)[0]
    shop.rest(0)
    shop.rest(5_005)
    for reading in (old, "", "0", "99999", "-1", "5,1", "٣", "1" * 40, "<b>"):
        answer = client.post("/counter/check/take", data={"reading_no": reading})
        assert answer.status_code == 409, reading
        assert EN.text("counter.refused.stale_page") in words(answer)
    assert client.post("/counter/check/take", data={}).status_code == 409
    assert shop.store.checks.last() is None


def test_a_load_that_changes_while_the_check_waits_for_its_turn_is_not_the_check_weight(
    shop: CounterShop, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.rest(0)
    shop.rest(5_000)
    seen = re.findall(r'name="reading_no" value="(\d+)"', client.get("/counter/check").text)[0]
    session, asked = shop.access.session, count()

    def late(token: str) -> CounterSession | None:
        if next(asked) == 1:  # the page was let in before; now the act begins
            shop.rest(0)
            shop.rest(4_000)
        return session(token)

    monkeypatch.setattr(shop.access, "session", late)
    answer = client.post("/counter/check/take", data={"reading_no": seen})
    assert answer.status_code == 409
    assert EN.text("counter.refused.stale_page") in words(answer)
    assert shop.store.checks.last() is None
    assert shop.check_weight.view().why_not == "", "the load may be booked as any other"


def test_a_reading_stays_good_while_its_load_lies_still(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    shop.rest(5_000)
    page = client.get("/counter/check").text
    shop.read(5_000, 20)
    reading = re.findall(r'name="reading_no" value="(\d+)"', page)[0]
    assert client.post("/counter/check/take", data={"reading_no": reading}).status_code == 303


def test_a_weight_added_after_the_page_was_drawn_is_not_the_check_weight(
    shop: CounterShop, client: FlaskClient
) -> None:
    shop.rest(0)
    shop.rest(5_000)
    reading = re.findall(r'name="reading_no" value="(\d+)"', client.get("/counter/check").text)[0]
    shop.rest(7_000)
    answer = client.post("/counter/check/take", data={"reading_no": reading})
    assert answer.status_code == 409
    assert shop.store.checks.last() is None


def test_no_check_while_somebody_agrees(shop: CounterShop, client: FlaskClient) -> None:
    shop.at_agree(5_000, member="00017")
    page = client.get("/counter/check")
    assert EN.text("counter.check.why.intake_open") in words(page)
    assert " disabled>" in page.text
    answer = take(client)
    assert answer.status_code == 409
    assert EN.text("counter.check.why.intake_open") in words(answer)
    assert shop.store.checks.last() is None


def test_a_scale_that_is_lost_says_so(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    shop.rest(5_000)
    shop.desk.readings.on_expired(shop.now)
    assert EN.text("reason.lost") in words(client.get("/counter/check"))
    assert take(client).status_code == 409


@pytest.mark.parametrize("failure", [DiskFull("full"), StoreError("the disk does not answer")])
def test_what_was_not_recorded_is_not_used_up(
    shop: CounterShop, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, failure: StoreError
) -> None:
    def fail(*_: object) -> None:
        raise failure

    shop.rest(0)
    shop.rest(5_000)
    with monkeypatch.context() as patched:
        patched.setattr(shop.store.checks, "add", fail)
        answer = take(client)
        assert answer.status_code == 409
        assert EN.text("counter.refused.other") not in words(answer)
    assert take(client).status_code == 303


def test_a_database_that_cannot_be_read_leaves_a_page(
    shop: CounterShop, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk does not answer")

    for group, name in ((shop.store.checks, "last"), (shop.store.counters, "read"), (shop.store.pan_loads, "unbooked")):
        monkeypatch.setattr(group, name, fail)
    for path in ("/counter/check", "/counter/pan"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert EN.text("counter.refused.store_failed") in words(answer)
    for path in ("/counter", "/counter/day"):
        assert client.get(path).status_code == 200, "the counter works without it"


# --- a weight that is not set --------------------------------------------------------------------------------------


def test_a_weight_that_is_not_set_is_typed(shop: CounterShop, client: FlaskClient) -> None:
    shop.set_checks(TYPED)
    shop.rest(0)
    pad = client.get("/counter/check")
    assert EN.text("counter.check.ask") in words(pad)
    assert "data-take" not in pad.text
    shop.rest(20_005)
    page = client.get("/counter/check?expected=20000")
    assert "20.000 kg" in words(page)
    assert 'name="expected" value="20000"' in page.text
    reading = re.findall(r'name="reading_no" value="(\d+)"', page.text)[0]
    answer = client.post("/counter/check/take", data={"reading_no": reading, "expected": "20000"})
    row = shop.store.checks.last()
    assert row is not None
    assert (row.expected_g, row.allowed_g, row.passed) == (20_000, 10, True)
    assert 'href="/counter/check?expected=20000"' in client.get(answer.location).text, "again, with the same one"


@pytest.mark.parametrize("typed", ["", "x", "-5", "5.5", "1234567", "٥٠٠٠", "<b>", "5000 "])
def test_nonsense_is_an_empty_pad_and_checks_nothing(shop: CounterShop, client: FlaskClient, typed: str) -> None:
    shop.set_checks(TYPED)
    shop.rest(0)
    shop.rest(5_000)
    assert EN.text("counter.check.ask") in words(client.get("/counter/check", query_string={"expected": typed}))
    answer = client.post("/counter/check/take", data={"expected": typed, "reading_no": "1"})
    assert answer.status_code == 409
    assert EN.text("counter.refused.bad_weight") in words(answer)
    assert f"expected={typed or '?'}" not in answer.text, "nothing typed comes back in an address"
    assert shop.store.checks.last() is None


@pytest.mark.parametrize("typed", ["0", "95", "60005", "999999"])
def test_a_weight_the_scale_may_not_weigh_is_refused_with_its_reason(
    shop: CounterShop, client: FlaskClient, typed: str
) -> None:
    shop.set_checks(TYPED)
    page = client.get(f"/counter/check?expected={typed}")
    assert page.status_code == 404
    assert EN.text("counter.refused.bad_weight") in words(page)
    shop.rest(0)
    shop.rest(5_000)
    reading = str(shop.desk.view().pan.reading_no)
    answer = client.post("/counter/check/take", data={"expected": typed, "reading_no": reading})
    assert answer.status_code == 409
    assert EN.text("counter.refused.bad_weight") in words(answer)


def test_what_is_set_wins_over_an_address(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    page = client.get("/counter/check?expected=20000")
    assert "5.000 kg" in words(page)
    assert "20.000 kg" not in words(page)


def test_a_posted_weight_never_takes_the_place_of_the_one_that_is_set(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    shop.rest(5_010)
    reading = str(shop.desk.view().pan.reading_no)
    answer = client.post("/counter/check/take", data={"expected": "5010", "reading_no": reading})
    assert answer.status_code == 409
    assert EN.text("counter.refused.other_weight_set") in words(answer)
    assert shop.store.checks.last() is None
    assert client.post("/counter/check/take", data={"expected": "5000", "reading_no": reading}).status_code == 303
    row = shop.store.checks.last()
    assert row is not None
    assert (row.expected_g, row.passed) == (5_000, False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_has_a_sentence_in_every_language(language: str) -> None:
    texts = load(language, strict=True)
    codes = [
        *(row.value for row in NotBookableReason),
        "intake_open",
        "stale_page",
        "bad_weight",
        "other_weight_set",
        "disk_full",
    ]
    for code in [*codes, "store_failed", "not_unlocked"]:
        said = refusal_id(code, texts)
        assert said != "counter.refused.other", code
        assert texts.text(said)


# --- who -----------------------------------------------------------------------------------------------------------


def test_a_technician_checks_too_and_sees_no_page_of_the_clerk(shop: CounterShop) -> None:
    technician = browser(shop, "03")
    shop.leave_load(3_000)
    shop.rest(5_000)
    for path in ("/counter/check", "/counter/pan"):
        page = technician.get(path)
        assert page.status_code == 200
        assert 'data-stream="/counter/check/live"' in page.text
        assert 'href="/technician/tests"' in page.text
        assert 'href="/counter/day"' not in page.text
    answer = take(technician)
    assert answer.status_code == 303
    assert shop.store.checks.last().actor == "clerk:03"  # type: ignore[union-attr]
    refused = take(technician)
    assert refused.status_code == 409
    assert 'class="tabs"' not in refused.text
    assert "/counter/live" not in refused.text


def test_a_session_that_ends_in_between_leads_to_the_door(shop: CounterShop, client: FlaskClient) -> None:
    shop.rest(0)
    shop.rest(5_000)
    shop.later(301)
    answer = client.post("/counter/check/take", data={"reading_no": str(shop.desk.view().pan.reading_no)})
    assert answer.status_code == 403
    assert shop.store.checks.last() is None


# --- the journal of the pan ----------------------------------------------------------------------------------------


def note(shop: CounterShop, peak_g: int, why: UnbookedWhy = UnbookedWhy.NO_INTAKE, loads: int = 1) -> None:
    shop.store.pan_loads.note(LoadLeftNote(peak_g, why, 4_000, loads=loads), shop.stamp())


def test_a_load_that_left_stands_in_the_journal(shop: CounterShop, client: FlaskClient) -> None:
    assert EN.text("counter.pan.none") in words(client.get("/counter/pan"))
    shop.leave_load(12_480)
    page = words(client.get("/counter/pan"))
    assert "12.480 kg" in page
    assert EN.text("counter.pan.why.not_asked") in page
    assert "11-25 14:05" in page, "in the station's zone"


def test_a_bag_that_was_fixed_names_its_receipt(shop: CounterShop, client: FlaskClient) -> None:
    shop.at_agree(12_480, member="00017")
    view = shop.desk.view()
    shop.desk.loads.another_bag(view.reading_no, view.token)
    shop.desk.intake_exit.leave()
    shop.rest(0)
    page = words(client.get("/counter/pan"))
    assert EN.text("counter.pan.why.abandoned") in page
    assert "A-000001" in page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("why", list(UnbookedWhy))
def test_every_reason_is_said_in_words(shop: CounterShop, why: UnbookedWhy, language: str) -> None:
    note(shop, 12_480, why)
    page = words(browser(shop, language=language).get("/counter/pan"))
    assert load(language, strict=True).text(f"counter.pan.why.{why.value}") in page
    assert why.value not in page or why.value in ("idle", "power", "fault", "restart", "abandoned")


def test_pages_of_eight_newest_first(shop: CounterShop, client: FlaskClient) -> None:
    for number in range(1, 18):
        note(shop, number * 1_000)
    seen, address = [], "/counter/pan"
    for _ in range(4):
        page = client.get(address).text
        seen.append(re.findall(r'class="load-peak"><bdi dir="ltr">([\d.]+)', page))
        following = re.search(r'href="([^"]+)" aria-label="Next page"', page)
        if following is None:
            break
        address = following[1]
    assert [len(rows) for rows in seen] == [8, 8, 1]
    assert [peak for rows in seen for peak in rows] == [f"{number}.000" for number in range(17, 0, -1)]
    assert 'aria-label="Page before"' in client.get("/counter/pan?page=2").text


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "99999", "1.5", "<b>", "٢"])
def test_a_page_that_makes_no_sense_is_the_first(shop: CounterShop, client: FlaskClient, page: str) -> None:
    note(shop, 12_480)
    assert "12.480 kg" in words(client.get("/counter/pan", query_string={"page": page}))


def test_summed_loads_are_counted_and_a_clock_nobody_believes_is_not_shown(
    shop: CounterShop, client: FlaskClient
) -> None:
    stamp = shop.stamp()
    restored = replace(stamp, moment=replace(stamp.moment, quality=ClockQuality.RESTORED))
    shop.store.pan_loads.note(LoadLeftNote(12_480, UnbookedWhy.NO_INTAKE, 1_000, loads=27), restored)
    page = words(client.get("/counter/pan"))
    assert "×27" in page
    assert EN.text("counter.pan.no_time") in page
    assert "14:05" not in page


# --- marks elsewhere -----------------------------------------------------------------------------------------------


def test_a_check_that_is_due_or_failed_stands_on_the_home_and_the_day(shop: CounterShop, client: FlaskClient) -> None:
    for path in ("/counter", "/counter/day"):
        assert "Not checked today" in words(client.get(path))
    shop.check(5_000)
    assert 'href="/counter/check"' not in client.get("/counter").text
    day = client.get("/counter/day").text
    assert 'href="/counter/check"' in day, "the door is always there"
    assert 'href="/counter/pan"' in day
    assert "Not checked today" not in day
    shop.check(4_000)
    for path in ("/counter", "/counter/day"):
        assert EN.text("counter.check.state.failed") in words(client.get(path))


def test_a_station_that_asks_for_no_check_is_not_nagged(shop: CounterShop, client: FlaskClient) -> None:
    shop.set_checks(MetrologySettings())
    assert 'href="/counter/check"' not in client.get("/counter").text
    assert "check-late" not in client.get("/counter/day").text


WORTH = {
    "standing.not_for_trade": ScaleLegalStatus(trade=False, check=CheckState.FAILED),
    "standing.check_failed": ScaleLegalStatus(trade=True, check=CheckState.FAILED, verification=Verification.EXPIRED),
    "standing.verification_expired": ScaleLegalStatus(verification=Verification.EXPIRED, check=CheckState.LATE),
}


@pytest.fixture
def public(tmp_path: Path) -> Iterator[tuple[Shop, FlaskClient]]:
    shop = Shop(tmp_path)
    with create_app(shop, WebSettings(language="en")).test_client() as client:
        yield shop, client


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text_id", list(WORTH))
def test_the_worst_mark_stands_on_agree_and_take_and_hinders_nobody(
    public: tuple[Shop, FlaskClient], text_id: str, language: str
) -> None:
    shop, client = public
    shop.worth = WORTH[text_id]
    client.set_cookie("lang", language)
    shop.at_agree()
    page = client.get("/agree")
    assert load(language, strict=True).text(text_id.replace("standing.", "standing.short.")) in words(page)
    assert page.text.count('class="scale-sign"') == 1, "one mark, the worst"
    proof = {name: re.findall(f'name="{name}" value="([^"]*)"', page.text)[0] for name in ("reading_no", "token")}
    assert client.post("/agree", data=proof).location == "/take"
    shop.worth = ScaleLegalStatus()
    assert load(language).text(text_id) in words(client.get("/take")), "what it was worth when it was booked"


@pytest.mark.parametrize("worth", [ScaleLegalStatus(), ScaleLegalStatus(trade=True, check=CheckState.LATE)])
def test_nothing_is_said_where_a_villager_has_nothing_to_know(
    public: tuple[Shop, FlaskClient], worth: ScaleLegalStatus
) -> None:
    shop, client = public
    shop.worth = worth
    shop.at_agree()
    assert "scale-sign" not in client.get("/agree").text


def test_a_standing_that_cannot_be_read_hides_no_page(
    public: tuple[Shop, FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, client = public
    shop.at_agree()

    def fail() -> ScaleLegalStatus:
        raise StoreError("the disk does not answer")

    monkeypatch.setattr(shop, "standing", fail)
    assert client.get("/agree").status_code == 200


def test_every_mark_has_a_shape_and_a_sentence_of_its_own() -> None:
    assert set(MARKS) == set(ScaleMark)
    assert len({row.picture for row in MARKS.values()}) == len({row.text_id for row in MARKS.values()}) == len(MARKS)
