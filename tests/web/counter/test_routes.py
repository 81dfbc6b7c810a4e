"""The counter through Flask's own client: the door, what every page shows, what every act does and refuses."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from html import escape, unescape

import pytest
from flask.testing import FlaskClient

from kiosk.devices.printer.profiles import profile
from kiosk.domain.identifiers import SerialNumber
from kiosk.domain.parcel import ParcelState
from kiosk.domain.verdict import Reason
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.scans import ParsedScan, Scans
from kiosk.station.counter.state import ScanResult
from kiosk.station.doctor.status_files import RelayStatusFile
from kiosk.station.papers.rendering import paper_of, render
from kiosk.store.parcels.totes import MAX_TOTES_PER_MANIFEST
from kiosk.store.shared.errors import DiskFull
from kiosk.texts import load
from kiosk.web.counter.acts import ACTS, Post
from kiosk.web.counter.rows import ACTS as PARCEL_ACTS
from kiosk.web.counter.rows import LISTS, QUESTIONS
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import PIN, SECOND_PIN, foreign
from tests.station.hardware import BLUR, FACE, TILT, judged
from tests.web.counter.shop import CounterShop, waybill

EN = load("en")


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def locked(shop: CounterShop) -> FlaskClient:
    """A browser before the door."""
    return create_app(shop, WebSettings(language="en")).test_client()


@pytest.fixture
def client(locked: FlaskClient) -> FlaskClient:
    """Clerk 01 has unlocked the counter."""
    assert locked.post("/counter/unlock", data={"number": "01", "pin": PIN}).location == "/counter"
    return locked


def says(page: str, text_id: str, **values: object) -> bool:
    """Whether the page has this sentence; figures in it are isolated and left out here."""
    pieces = re.split(r"\{[a-z_]+\}", EN.template(text_id, values))
    plain = unescape(re.sub(r"<[^>]+>", "", page))
    return all(piece.strip() in plain for piece in pieces)


# --- the door ------------------------------------------------------------------------------------------------------


def test_the_door_shows_people_and_a_pad_and_keeps_no_pin(locked: FlaskClient) -> None:
    page = locked.get("/counter").text
    for number, name in (("01", "Aygul"), ("02", "Memet"), ("03", "Tursun")):
        assert number in page
        assert name in page
    assert 'name="pin" value=""' in page
    assert "data-secret" in page


def test_a_wrong_pin_says_so_and_comes_back_empty(shop: CounterShop, locked: FlaskClient) -> None:
    answer = locked.post("/counter/unlock", data={"number": "02", "pin": "000111"})
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.wrong_pin")
    assert "000111" not in answer.text
    assert 'value="02" required checked' in answer.text, "the person stays chosen"
    assert "Set-Cookie" not in answer.headers


def test_the_cookie_is_kept_from_scripts_and_strangers(locked: FlaskClient) -> None:
    cookie = locked.post("/counter/unlock", data={"number": "01", "pin": PIN}).headers["Set-Cookie"]
    assert cookie.startswith("counter=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Max-Age" not in cookie
    assert PIN not in cookie


def test_five_wrong_pins_lock_and_say_for_how_long(shop: CounterShop, locked: FlaskClient) -> None:
    for _ in range(5):
        shop.later(60)
        answer = locked.post("/counter/unlock", data={"number": "01", "pin": "000111"})
    page = locked.get("/counter").text
    assert answer.status_code == 409
    assert says(page, "counter.refused.locked")
    assert re.search(r'<count-down data-ms="[1-9]\d+" data-minutes>', page)
    assert "data-secret" not in page, "no pad while it is locked"
    assert locked.post("/counter/unlock", data={"number": "01", "pin": PIN}).status_code == 409


def test_locking_ends_the_session_for_every_page(client: FlaskClient) -> None:
    assert client.get("/counter/day").status_code == 200
    answer = client.post("/counter/lock")
    assert answer.location == "/counter"
    assert "counter=;" in answer.headers["Set-Cookie"]
    assert client.get("/counter/day").location == "/counter"


def test_an_idle_counter_is_locked_and_an_act_then_does_nothing(shop: CounterShop, client: FlaskClient) -> None:
    shop.later(301)
    answer = client.post("/counter/mode", data={"mode": "in"})
    assert answer.status_code == 403
    assert says(answer.text, "counter.denied.locked")
    assert shop.counter.state.view().mode == ""


def test_a_session_that_ends_between_check_and_act_leads_to_the_door(
    shop: CounterShop, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = shop.counter.scans.scan

    def late(_: Scans, session: CounterSession | None, scanned: ParsedScan) -> ScanResult:
        shop.access.sign_out(shop.session.token)
        return scan(session, scanned)

    monkeypatch.setattr(Scans, "scan", late)
    answer = client.post("/counter/scan", data={"text": waybill(1)})
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.not_unlocked")
    assert "data-secret" in answer.text


def test_a_technician_finds_the_way_and_no_parcel(shop: CounterShop, locked: FlaskClient) -> None:
    locked.post("/counter/unlock", data={"number": "03", "pin": PIN})
    page = locked.get("/counter").text
    assert 'href="/technician"' in page
    assert "/counter/parcels" not in page


def test_nobody_works_here_yet(tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = CounterShop(tmp_path_factory.mktemp("empty"), people=False)
    page = create_app(shop, WebSettings(language="en")).test_client().get("/counter").text
    assert says(page, "counter.unlock.nobody")
    shop.close()


# --- in ------------------------------------------------------------------------------------------------------------


def test_a_scan_is_all_it_takes_and_the_shelf_is_huge(shop: CounterShop, client: FlaskClient) -> None:
    client.post("/counter/mode", data={"mode": "in"})
    assert client.post("/counter/scan", data={"text": waybill(1)}).location == "/counter"
    page = client.get("/counter").text
    assert re.search(r'class="shelf-huge"><bdi dir="ltr">A-1-01<', page)
    assert waybill(1) not in page, "the last four digits are enough"
    assert says(page, "scan.shelved")


def test_the_same_waybill_twice_says_when_and_where(shop: CounterShop, client: FlaskClient) -> None:
    shop.bring(1)
    shop.bring(2)
    client.post("/counter/scan", data={"text": waybill(1)})
    page = client.get("/counter").text
    assert "A-1-01" in page
    assert says(page, "scan.waiting")
    assert 'action="/counter/undo"' not in page, "that would take the other one back"


def test_a_surplus_one_says_so(shop: CounterShop, client: FlaskClient) -> None:
    shop.expect(7)
    shop.bring(1)
    assert says(client.get("/counter").text, "counter.parcel.surplus")
    shop.bring(7)
    assert not says(client.get("/counter").text, "counter.parcel.surplus")


def test_undo_takes_back_what_is_shown_and_nothing_else(shop: CounterShop, client: FlaskClient) -> None:
    first, second = shop.bring(1), shop.bring(2)
    stale = client.post("/counter/undo", data={"number": str(first.number)})
    assert stale.status_code == 409
    assert says(stale.text, "counter.refused.stale_page")
    assert client.post("/counter/undo", data={"number": str(second.number)}).location == "/counter"
    assert shop.row(second.number).state is ParcelState.WITHDRAWN
    assert shop.row(first.number).state is ParcelState.NOTICED
    late = client.post("/counter/undo", data={"number": ""})
    assert says(late.text, "counter.refused.nothing_to_undo")


def test_a_damaged_parcel_that_is_accepted_offers_no_undo_of_the_one_before(
    shop: CounterShop, client: FlaskClient
) -> None:
    damaged, other = shop.bring(1, damaged=True), shop.bring(2)
    shop.counter.shelf.take_shot(shop.session, str(damaged.number))
    shop.click(damaged.number)
    assert client.post(f"/counter/parcels/{damaged.number}/accept").location == "/counter"
    assert 'action="/counter/undo"' not in client.get("/counter").text
    assert client.post("/counter/undo", data={"number": str(damaged.number)}).status_code == 409
    assert shop.row(other.number).state is ParcelState.NOTICED


def test_undo_of_what_was_shown_when_the_next_scan_came_in_takes_nothing_back(
    shop: CounterShop, client: FlaskClient
) -> None:
    first = shop.bring(1)

    class Form(dict[str, str]):
        """The next parcel is scanned after the page's number was compared."""

        def __getitem__(self, name: str) -> str:
            shop.bring(2)
            return super().__getitem__(name)

    with pytest.raises(CounterRefused, match="stale_page"):
        ACTS["/counter/undo"](Post(shop.counter, shop.session, Form(number=str(first.number)), ""))
    assert {shop.row_of(number).state for number in (1, 2)} == {ParcelState.NOTICED}


def test_another_carrier_is_one_tap_while_it_can_be_taken_back(shop: CounterShop, client: FlaskClient) -> None:
    client.post("/counter/mode", data={"mode": "in"})
    client.post("/counter/scan", data={"text": "434567890123456"})
    page = client.get("/counter").text
    carriers = re.findall(r'name="carrier" value="([A-Z]+)"', page)
    assert carriers
    number = re.search(r'action="/counter/carrier"><input type="hidden" name="number" value="([^"]+)"', page)
    assert number is not None
    tap = {"carrier": carriers[0], "number": number[1]}
    assert client.post("/counter/carrier", data=tap).location == "/counter"
    last = shop.counter.state.view().last
    assert last is not None
    assert last.parcel is not None
    assert last.parcel.carrier == carriers[0]


@pytest.mark.parametrize("old", [True, False])
def test_a_carrier_of_an_old_page_changes_no_other_parcel(shop: CounterShop, client: FlaskClient, old: bool) -> None:
    client.post("/counter/mode", data={"mode": "in"})
    client.post("/counter/scan", data={"text": "434567890123456"})
    first = shop.counter.state.view().last
    client.post("/counter/scan", data={"text": "434567890123457"})
    second = shop.counter.state.view().last
    assert first and first.parcel and second and second.parcel
    tap = {"carrier": first.carriers[1], "number": str(first.parcel.number) if old else ""}
    answer = client.post("/counter/carrier", data=tap)
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.stale_page")
    for row in (first.parcel, second.parcel):
        assert (shop.row(row.number).state, shop.row(row.number).carrier) == (ParcelState.NOTICED, row.carrier)


def test_another_package_of_a_waybill_is_for_a_person_to_decide(shop: CounterShop, client: FlaskClient) -> None:
    client.post("/counter/mode", data={"mode": "in"})
    client.post("/counter/scan", data={"text": "JD0012345678901-1-2-"})
    client.post("/counter/scan", data={"text": "JD0012345678901-2-2-"})
    page = client.get("/counter").text
    assert says(page, "counter.refused.another_package", package="2", total="2")
    text = re.search(r'name="text" value="([^"]+)"', page)
    assert text is not None
    for _ in range(2):
        client.post("/counter/arrive", data={"text": text[1], "carrier": "JD"})
    assert shop.store.parcels.counts()[ParcelState.NOTICED] == 2, "a finger that taps twice books one parcel"
    assert "··8901" in client.get("/counter").text


def test_damaged_waits_for_its_photo(shop: CounterShop, client: FlaskClient) -> None:
    client.post("/counter/mode", data={"mode": "in"})
    client.post("/counter/damaged", data={"damaged": "1"})
    client.post("/counter/scan", data={"text": waybill(1)})
    number = str(shop.wanted[-1])
    page = client.get(f"/counter/parcels/{number}").text
    assert re.search(r"primary\" disabled>", page), "nothing to accept yet"
    answer = client.post(f"/counter/parcels/{number}/accept")
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.damaged_needs_photo")
    shop.click(shop.wanted[-1])
    page = client.get(f"/counter/parcels/{number}").text
    picture = client.get(re.findall(r'class="shot-photo" src="([^"]+)"', page)[0])
    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
    assert picture.headers["Cache-Control"] == "no-store"
    picture.close()
    assert client.post(f"/counter/parcels/{number}/accept").location == "/counter"
    assert "A-1-01" in client.get("/counter").text


def test_the_picture_of_a_parcel_is_for_clerks(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1, damaged=True)
    sha256 = shop.click(parcel.number)
    client.post("/counter/lock")
    assert client.get(f"/counter/parcels/{parcel.number}/photo.jpg").location == "/counter"
    assert client.get(f"/photos/{sha256}.jpg").status_code == 404


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("13812345678", "phone_number"),
        ("11010119900307663X", "id_number"),
        ("https://example.invalid/x", "url"),
        ("WIFI:S:home;P:secret;;", "wifi"),
        ("\x0f" + waybill(1), "control"),
        (foreign("K"), "foreign_code"),
        (foreign("R"), "foreign_receipt"),
    ],
)
def test_what_strangers_show_is_named_and_nothing_is_opened(
    shop: CounterShop, client: FlaskClient, text: str, word: str
) -> None:
    client.post("/counter/mode", data={"mode": "in"})
    assert client.post("/counter/scan", data={"text": text}).location == "/counter"
    page = client.get("/counter").text
    assert says(page, f"counter.refused.{word}")
    assert 'href="http' not in page
    if word in ("phone_number", "id_number", "wifi"):
        assert text not in unescape(page)
    assert not shop.store.parcels.in_states(list(ParcelState))


def test_a_scan_too_long_for_any_code_is_refused(client: FlaskClient) -> None:
    answer = client.post("/counter/scan", data={"text": "9" * 257})
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.text")


# --- out -----------------------------------------------------------------------------------------------------------


def test_a_typed_code_puts_its_parcel_up_and_one_tap_hands_it_over(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    assert client.post("/counter/code", data={"code": shop.code_of(parcel)}).location == "/counter"
    page = client.get("/counter").text
    assert "result-handover" in page
    assert shop.row(parcel.number).state is ParcelState.NOTICED, "a right code alone hands nothing out"
    there = client.post("/counter/handover", data={"number": str(parcel.number)}).location
    assert there == f"/counter/parcels/{parcel.number}"
    assert says(client.get(there).text, "counter.state.collected")


@pytest.mark.parametrize("path", ["/counter/code", "/counter/scan", "/counter/type"])
def test_a_code_the_clerk_types_is_up_before_the_villagers(shop: CounterShop, client: FlaskClient, path: str) -> None:
    first, second = shop.bring(1), shop.bring(2)
    shop.counter.handovers.public_code(shop.code_of(first))
    code = shop.code_of(second)
    assert client.post(path, data={"code": code, "text": code}).location == "/counter"
    assert f'name="number" value="{second.number}"' in client.get("/counter").text
    assert shop.up.number == second.number


def test_a_full_line_is_said_to_both_faces_and_uses_no_code(shop: CounterShop, client: FlaskClient) -> None:
    codes = [shop.code_of(shop.bring(number)) for number in range(1, 7)]
    for code in codes[:5]:
        shop.counter.handovers.public_code(code)
    answer = client.post("/counter/code", data={"code": codes[5]})
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.line_full")
    villager = client.application.test_client()  # at a screen of their own: the public face locks the clerk's
    answer = villager.post("/parcel/code", data={"code": codes[5]})
    assert answer.status_code == 409
    assert says(answer.text, "parcel.line_full")
    shop.counter.handovers.dismiss(shop.session, str(shop.up.number))
    assert client.post("/counter/code", data={"code": codes[5]}).location == "/counter"


def test_a_used_slip_is_named_at_the_counter(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    slip = parcel.number.slip_code(shop.code_of(parcel))
    collect_by_code(shop.counter, shop.session, shop.code_of(parcel))
    client.post("/counter/scan", data={"text": slip})
    assert says(client.get("/counter").text, "counter.refused.collected")


def test_a_slip_under_the_scanner_leads_to_its_parcel(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    slip = parcel.number.slip_code(shop.code_of(parcel))
    there = client.post("/counter/scan", data={"text": slip}).location
    assert there == f"/counter/parcels/{parcel.number}"
    page = client.get(there).text
    assert page.count("primary") == 1
    assert 'action="/counter/handover"' in page


def test_a_tap_never_hands_over_another_parcel_than_the_one_it_saw(shop: CounterShop, client: FlaskClient) -> None:
    first, second = shop.bring(1), shop.bring(2)
    shop.counter.handovers.public_code(shop.code_of(first))
    answer = client.post("/counter/handover", data={"number": str(second.number)})
    assert answer.status_code == 409
    assert {shop.row(row.number).state for row in (first, second)} == {ParcelState.NOTICED}
    assert client.post("/counter/handover/later", data={"number": str(first.number)}).location == "/counter"
    assert "result-handover" not in client.get("/counter").text


def test_wrong_codes_lock_codes_and_say_how_long(shop: CounterShop, client: FlaskClient) -> None:
    shop.bring(1)
    words = set()
    for _ in range(7):
        answer = client.post("/counter/code", data={"code": "000999"})
        assert answer.status_code == 409
        words |= {word for word in ("wrong_code", "code_locked") if says(answer.text, f"counter.refused.{word}")}
        shop.later(20)
        assert "000999" not in answer.text
    assert words == {"wrong_code", "code_locked"}
    assert "<count-down" in answer.text


def test_a_named_person_takes_it(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    here = f"/counter/parcels/{parcel.number}"
    assert 'data-key="ئ"' in client.get(f"{here}?ask=proxy&letters=ug").text
    assert client.post(f"{here}/proxy", data={"name": " "}).status_code == 409
    assert client.post(f"{here}/proxy", data={"name": "ROZI"}).location == here
    assert shop.row(parcel.number).state is ParcelState.COLLECTED
    assert "ROZI" not in client.get(here).text


@pytest.mark.parametrize("state", [state for state, acts in PARCEL_ACTS.items() if acts])
def test_every_act_a_state_offers_has_its_address(state: ParcelState) -> None:
    for act in PARCEL_ACTS[state]:
        if act.name != "code":
            assert f"/counter/parcels/<about>/{act.name}" in ACTS
        assert f"counter.act.{act.name}" in EN
        assert act.asks == (act.name in (*QUESTIONS, "code", "proxy"))
    assert sum(act.first for act in PARCEL_ACTS[state]) <= 1


@pytest.mark.parametrize(("act", "state"), [("due_back", "return_due"), ("lost", "lost"), ("misroute", "misrouted")])
def test_acts_on_a_waiting_parcel(shop: CounterShop, client: FlaskClient, act: str, state: str) -> None:
    here = f"/counter/parcels/{shop.bring(1).number}"
    assert client.post(f"{here}/{act}").location == here
    assert says(client.get(here).text, f"counter.state.{state}")
    assert client.post(f"{here}/refuse").status_code == 409


def test_return_found_and_a_new_code(shop: CounterShop, client: FlaskClient) -> None:
    back, gone = shop.bring(1), shop.bring(2)
    for row, acts in ((back, ("reissue", "due_back", "return")), (gone, ("lost", "found"))):
        for act in acts:
            assert client.post(f"/counter/parcels/{row.number}/{act}").status_code == 303, act
    assert shop.row(back.number).state is ParcelState.RETURNED
    assert shop.row(gone.number).state in (ParcelState.SHELVED, ParcelState.NOTICED)


def test_the_newest_code_is_shown_once(shop: CounterShop, client: FlaskClient) -> None:
    row = shop.bring(1)
    page, act = f"/counter/parcels/{row.number}", f"/counter/parcels/{row.number}/shown"
    assert act in client.get(page).text
    answer, code = client.post(act), shop.code_of(row)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert f"{code[:3]} {code[3:]}" in answer.text
    assert act not in client.get(page).text
    assert client.post(act).status_code == 409
    assert client.post(f"/counter/parcels/{shop.bring(2).number}/shown").status_code == 200
    assert client.post(act).status_code == 409


def test_the_lists_hold_what_they_say(shop: CounterShop, client: FlaskClient) -> None:
    shop.expect(50, 51)
    for number in range(1, 11):
        shop.bring(number)
    shop.bring(50)
    first = client.get("/counter/parcels").text
    assert len(re.findall(r'class="button row"', first)) == 8
    assert "page=2" in first
    second = client.get("/counter/parcels?state=waiting&page=2").text
    assert len(re.findall(r'class="button row"', second)) == 3
    assert len(re.findall(r'class="button row"', client.get("/counter/parcels?state=expected").text)) == 1
    assert client.post("/counter/delivery").location == "/counter/parcels?state=open"
    assert "0051" in client.get("/counter/parcels?state=open").text
    for name in LISTS:
        assert client.get(f"/counter/parcels?state={name}&page=99").status_code == 200


# --- intakes, papers, the day --------------------------------------------------------------------------------------


def test_intakes_are_listed_found_and_their_papers_copied(shop: CounterShop, client: FlaskClient) -> None:
    receipts = [shop.book() for _ in range(3)]
    page = client.get("/counter/intakes").text
    assert [receipt for receipt in reversed(receipts) if f"/counter/intakes/{receipt}" in page] == receipts[::-1]
    assert client.post("/counter/type", data={"text": receipts[1]}).location == f"/counter/intakes/{receipts[1]}"
    job = shop.counter.papers.of_intake(shop.session, receipts[1])[0]
    assert client.post(f"/counter/prints/{job.id}/reprint").location == "/counter/queue"
    assert [row.copy_no for row in shop.counter.papers.of_intake(shop.session, receipts[1])].count(1) == 1


def test_an_intake_in_the_list_says_when_what_how_much_and_whose(shop: CounterShop, client: FlaskClient) -> None:
    shop.book(12_480, "BADAM", "00017")
    row = re.search(r'<ul class="rows two intakes">.*?</ul>', client.get("/counter/intakes").text, re.DOTALL)
    assert row is not None
    said = " ".join(re.sub(r"<[^>]+>", " ", row[0]).split())
    for text in ("12.320 kg", "Badam", "¥739.20", "Aygul", "M-00017", "A-000001"):
        assert text in said.replace("\xa0", " "), (text, said)
    assert re.search(r"\b[0-2][0-9]:[0-5][0-9]\b", said)


def test_the_pad_for_a_name_has_digits_and_says_that_latin_letters_will_do(
    shop: CounterShop, client: FlaskClient
) -> None:
    parcel = shop.bring(1)
    client.set_cookie("lang", "zh")
    page = client.get(f"/counter/parcels/{parcel.number}?ask=proxy").text
    assert "用拉丁字母拼写即可" in page
    assert all(f'data-key="{key}"' in page for key in "1234567890QZ")
    client.set_cookie("lang", "ug")
    assert 'data-key="ئ"' in client.get(f"/counter/parcels/{parcel.number}?ask=proxy").text


def test_bags_that_were_left_are_gone_on_with_by_one_touch(shop: CounterShop, client: FlaskClient) -> None:
    assert not says(client.get("/counter/intakes").text, "counter.unfinished.title")
    receipt = shop.leave_bags(24_560, 12_480)
    assert 'data-count="intakes">1<' in client.get("/counter").text
    page = client.get("/counter/intakes").text
    assert says(page, "counter.unfinished.title")
    address = f"/counter/intakes/{receipt}/take_up"
    assert address in page
    assert client.post(address).location == "/"
    view = shop.desk.view()
    assert (view.receipt, len(view.bags)) == (receipt, 2)
    assert client.post(address).status_code == 403, "the villager's screen is next: the counter is locked"
    assert client.post("/counter/unlock", data={"number": "01", "pin": PIN}).location == "/counter"
    again = client.post(address)
    assert again.status_code == 409
    assert 'href="/counter/intakes"' in again.text
    assert 'data-count="intakes" hidden' in client.get("/counter").text


def test_what_was_left_waits_for_whoever_is_at_the_screen(shop: CounterShop, client: FlaskClient) -> None:
    receipt = shop.leave_bags(24_560)
    shop.at_agree(12_480)
    answer = client.post(f"/counter/intakes/{receipt}/take_up")
    assert answer.status_code == 409
    assert says(answer.text, "counter.check.why.intake_open")
    assert shop.counter.state.view().unfinished == receipt


def test_bags_of_a_lot_are_packed_into_crates(shop: CounterShop, client: FlaskClient) -> None:
    receipt = shop.book_bags(12_480, 9_310, 11_905, 8_040, 7_000, 6_500, 5_500)
    shop.desk.result_screen.finish(anyway=True)
    here = f"/counter/intakes/{receipt}/crate"
    assert f'href="{here}"' in client.get(f"/counter/intakes/{receipt}").text
    page = client.get(here).text
    assert f'href="{here}?bags=1.2.3.4.5.6.7&amp;ask=pack"' in page, "all of them, when nobody chooses"
    assert f'href="{here}?bags=1.2.3.4.5.6.7&amp;page=2"' in page
    assert f'href="{here}?bags=2.3.4.5.6.7&amp;page=1"' in page, "a touch takes a bag out"
    assert says(client.get(f"{here}?bags=").text, "counter.crate.none")
    asked = client.get(f"{here}?bags=3.1&ask=pack").text
    assert 'name="bags" value="1.3"' in asked and f'action="{here}/pack"' in asked
    assert client.post(f"{here}/pack", data={"bags": "1.3"}).location == here
    job = next(job for job in shop.store.papers.open_jobs() if job.document == "crate_label")
    label = paper_of(job)
    assert (job.printer, job.bag, label.net_g, label.bags) == ("label", 1, 12_480 + 11_905 - 2 * 160, 2)
    assert (label.code, label.sscc, label.receipt) == (label.lot_code, "", receipt), "without a prefix the lot"
    render(job, profile("tspl").setup)
    again = client.post(f"{here}/pack", data={"bags": "3.4"})
    assert again.status_code == 409 and f'href="{here}"' in again.text
    page = client.get(here).text
    assert f'href="{here}?crate=1"' in page and says(page, "counter.crate.in", crate="1")
    shop.print_all()
    packed = client.get(f"{here}?crate=1").text
    assert f'action="/counter/prints/{job.id}/reprint"' in packed
    assert f"prints/{job.id}/" not in client.get(f"/counter/intakes/{receipt}").text
    assert client.post(f"/counter/prints/{job.id}/reprint").location == "/counter/queue"
    assert paper_of(shop.store.papers.of_receipt(receipt)[-1]).copy_no == 1
    assert 'name="crate" value="1"' in client.get(f"{here}?crate=1&ask=unpack").text
    assert client.post(f"{here}/unpack", data={"crate": "1"}).location == here
    assert client.post(f"{here}/unpack", data={"crate": "1"}).status_code == 409
    assert client.get(f"{here}?crate=1").status_code == 404
    assert client.get("/counter/intakes/0147-A-000077/crate").status_code == 404


def test_parcels_go_back_in_totes_with_a_manifest(shop: CounterShop, client: FlaskClient) -> None:
    parcels = [shop.bring(number) for number in range(801, 804)]
    for parcel in parcels:
        shop.counter.shelf.mark_due_back(shop.session, str(parcel.number))
    one, two, three = (str(parcel.number)[7:] for parcel in parcels)
    assert 'href="/counter/totes"' in client.get("/counter/parcels?state=returns").text
    assert says(client.get("/counter/totes").text, "counter.tote.none")
    page = client.get("/counter/totes?pack=1").text
    assert f'href="/counter/totes?parcels={one}.{two}.{three}&amp;ask=pack"' in page
    assert f'href="/counter/totes?parcels={two}.{three}&amp;page=1"' in page
    asked = client.get(f"/counter/totes?parcels={one}.{three}&ask=pack").text
    assert f'name="parcels" value="{one}.{three}"' in asked
    shop.print_all()
    assert client.post("/counter/totes/pack", data={"parcels": f"{one}.{three}"}).location == "/counter/totes"
    assert client.post("/counter/totes/pack", data={"parcels": one}).status_code == 409
    tag, seal = shop.store.papers.open_jobs()
    assert [(job.document, job.printer, job.about) for job in (tag, seal)] == [
        ("tote_tag", "label", "T-0147-A-000001"),
        ("seal_tag", "label", "Z-0147-A-000001"),
    ]
    assert paper_of(seal).tote == "T-0147-A-000001"
    shop.print_all(lambda job: shop.store.papers.unknown(job, "device", shop.stamp()))
    queue = client.get("/counter/queue").text
    assert says(queue, "counter.paper.seal_tag") and says(queue, "counter.tote.new_seal")
    assert client.post(f"/counter/prints/{seal.id}/resolve", data={"came_out": "0"}).status_code == 409
    for job in (tag, seal):
        client.post(f"/counter/prints/{job.id}/resolve", data={"came_out": "1"})
    assert "Z-0147-A-000001" in client.get("/counter/totes?tote=T-0147-A-000001").text
    number = SerialNumber("S0147", "A", 1)
    for kind in ("T", "Z"):
        opened = shop.counter.scans.scan(shop.session, shop.counter.reader.read(number.code(kind)))
        assert opened.path == "/counter/totes?tote=T-0147-A-000001", kind
    assert client.post("/counter/totes/tag", data={"tote": "T-0147-A-000001"}).location == "/counter/queue"
    (copy,) = shop.store.papers.open_jobs()
    assert paper_of(copy).copy_no == 1
    assert 'value="T-0147-A-000001"' in client.get("/counter/totes?ask=hand_over").text
    assert client.post("/counter/totes/hand_over", data={"totes": "T-0147-A-000002"}).status_code == 409
    assert client.post("/counter/totes/hand_over", data={"totes": "T-0147-A-000001"}).location == "/counter/queue"
    assert [shop.row(parcel.number).state.value for parcel in parcels] == ["returned", "return_due", "returned"]
    sheet = next(job for job in shop.store.papers.open_jobs() if job.document == "manifest")
    manifest = paper_of(sheet)
    assert (manifest.items, [row.tote for row in manifest.rows], manifest.actor) == (2, ["T-0147-A-000001"], "clerk:01")
    assert f'action="/counter/prints/{sheet.id}/reprint"' in client.get("/counter/totes").text
    for job in (tag, seal, sheet):
        render(job, profile("tspl").setup)
    assert client.get("/counter/totes?tote=T-0147-A-000001").status_code == 404
    gone = shop.counter.scans.scan(shop.session, shop.counter.reader.read(number.code("T")))
    assert (gone.kind, gone.word, gone.path) == ("refused", "unknown_code", "")
    assert client.post("/counter/totes/unpack", data={"tote": "T-0147-A-000001"}).status_code == 409
    scanned = shop.counter.scans.scan(shop.session, shop.counter.reader.read(manifest.code))
    assert (scanned.kind, scanned.word, scanned.path) == (
        "manifest",
        "manifest",
        "/counter/totes?manifest=M-0147-A-000001",
    )
    page = client.get(scanned.path).text
    assert f'action="/counter/prints/{sheet.id}/reprint"' in page
    inside = f"{scanned.path}&tote=T-0147-A-000001"
    assert f'href="{escape(inside)}"' in page
    page = client.get(inside).text
    assert "Z-0147-A-000001" in page
    assert [f'href="/counter/parcels/{parcel.number}"' in page for parcel in parcels] == [True, False, True]
    for other in ("M-0147-A-000002", "M-0999-A-000001", "T-0147-A-000001", "x"):
        assert client.get(f"/counter/totes?manifest={other}").status_code == 404


def test_more_totes_than_one_manifest_holds_are_handed_over_in_turns(shop: CounterShop, client: FlaskClient) -> None:
    for number in range(MAX_TOTES_PER_MANIFEST + 1):
        parcel = str(shop.bring(number).number)
        shop.counter.shelf.mark_due_back(shop.session, parcel)
        shop.counter.totes.pack(shop.session, [parcel])
    last = f"T-0147-A-{MAX_TOTES_PER_MANIFEST + 1:06}"
    assert last in client.get(f"/counter/totes?tote={last}").text, "it can be opened while it waits"
    seen = re.search(r'name="totes" value="([^"]+)"', client.get("/counter/totes?ask=hand_over").text)
    assert seen is not None and last not in seen[1]
    assert client.post("/counter/totes/hand_over", data={"totes": seen[1]}).location == "/counter/queue"
    assert f'name="totes" value="{last}"' in client.get("/counter/totes?ask=hand_over").text


def test_a_tote_whose_parcel_is_fetched_is_named_until_it_is_opened(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(811)
    code = shop.code_of(parcel)
    shop.counter.shelf.mark_due_back(shop.session, str(parcel.number))
    client.post("/counter/totes/pack", data={"parcels": str(parcel.number)[7:]})
    told = {"tote": "T-0147-A-000001"}
    shop.counter.handovers.put_up(shop.session, code)
    assert says(client.get("/counter").text, "counter.tote.open_first", **told)
    page = client.post("/counter/handover", data={"number": str(parcel.number)}, follow_redirects=True).text
    assert says(page, "counter.tote.open_first", **told)
    refused = client.post("/counter/totes/hand_over", data={"totes": "T-0147-A-000001"})
    assert refused.status_code == 409
    assert says(refused.text, "counter.refused.tote_changed", **told, parcel=str(parcel.number))
    client.post("/counter/totes/unpack", data=told)
    assert "T-0147-A-000001" not in client.get(f"/counter/parcels/{parcel.number}").text


def test_a_void_needs_a_second_person(shop: CounterShop, client: FlaskClient) -> None:
    receipt = shop.book()
    here = f"/counter/intakes/{receipt}"
    page = client.get(f"{here}?ask=void&reason=wrong_party").text
    assert 'value="02"' in page
    assert 'value="01"' not in page
    assert 'value="03"' not in page, "a technician signs no void"
    for number, pin, word in (("01", PIN, "same_person"), ("03", PIN, "forbidden"), ("02", "000111", "wrong_pin")):
        answer = client.post(f"{here}/void", data={"reason": "wrong_party", "number": number, "pin": pin})
        assert answer.status_code == 409
        assert says(answer.text, f"counter.refused.{word}"), word
        assert f"{here}?ask=void&amp;reason=wrong_party" in answer.text, "back to the pad"
        again = f"{here}?ask=void&reason=wrong_party"
        assert client.post("/language", data={"lang": "en", "here": again}).location == again, "stays on the pad"
        shop.later(60)
    good = {"reason": "wrong_party", "number": "02", "pin": SECOND_PIN}
    assert client.post(f"{here}/void", data=good).location == here
    assert says(client.get(here).text, "counter.intake.void")
    page = client.get(here).text
    assert "ask=void" not in page
    assert says(page, "counter.reprint.receipt") and not says(page, "counter.reprint.bag_label")
    assert says(client.post(f"{here}/void", data=good).text, "counter.refused.already_void")


def test_a_photo_of_a_lot(shop: CounterShop, client: FlaskClient) -> None:
    here = f"/counter/intakes/{shop.book()}"
    assert client.post(f"{here}/photo").location == here
    assert says(client.get(here).text, "counter.shot.taking")
    shop.counter.state.photo_failed(shop.lots.shots[-1], "camera_missing")
    assert says(client.get(here).text, "problem.camera_missing")
    (shop.settings.data / f"{'ab' * 32}.jpg").write_bytes(b"\xff\xd8jpeg")
    client.post(f"{here}/photo")
    shop.counter.state.photo_done(shop.lots.shots[-1], "ab" * 32)
    with client.get(f"{here}/photo.jpg") as picture:
        assert picture.status_code == 200
    (shop.settings.data / f"{'ab' * 32}.jpg").unlink()
    page = client.get(here).text
    assert says(page, "counter.shot.gone")
    assert "shot-photo" not in page
    assert client.get(f"{here}/photo.jpg").status_code == 404
    shop.counter.state.photo_failed(shop.lots.shots[-1], "photo_room")
    assert says(client.get(here).text, "problem.photo_room")


def test_a_shot_that_was_not_accepted_says_every_reason(shop: CounterShop, client: FlaskClient) -> None:
    here = f"/counter/intakes/{shop.book()}"
    client.post(f"{here}/photo")
    lot, product = shop.lots.asked[-1]
    shop.counter.state.photo_retake(shop.lots.shots[-1], judged(b"one", BLUR, TILT))
    page = client.get(here).text
    for said in ("photo.reason.blur", "photo.reason.tilt", "counter.shot.overrule"):
        assert says(page, said)
    assert client.post(f"{here}/photo/overrule", data={"shot": "of before"}).status_code == 409
    assert client.post(f"{here}/photo/overrule", data={"shot": shop.lots.shots[-1].token}).location == here
    assert shop.lots.kept == [(lot, product, judged(b"one", BLUR, TILT), "clerk:01")]


def test_a_face_offers_no_way_around_it(shop: CounterShop, client: FlaskClient) -> None:
    here = f"/counter/intakes/{shop.book()}"
    client.post(f"{here}/photo")
    shop.counter.state.photo_retake(shop.lots.shots[-1], judged(b"", FACE))
    page = client.get(here).text
    assert says(page, "photo.reason.face")
    assert "photo/overrule" not in page
    answer = client.post(f"{here}/photo/overrule", data={"shot": shop.lots.shots[-1].token})
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.not_overruled")


def test_every_reason_has_its_sentence(subtests: pytest.Subtests) -> None:
    for reason in list(Reason):
        with subtests.test(reason=reason):
            for language in ("ug", "zh", "en"):
                assert load(language).text(f"photo.reason.{reason}")


def test_papers_of_unknown_fate_wait_for_a_person(shop: CounterShop, client: FlaskClient) -> None:
    shop.bring(1)
    shop.print_all(lambda job: shop.store.papers.unknown(job, "timeout", shop.stamp()))
    label, slip = sorted(shop.store.papers.open_jobs(), key=lambda job: job.document)
    page = client.get("/counter/queue").text
    assert page.count("paper-unknown") == 2
    assert 'name="came_out" value="0"' in page
    assert f'href="/counter/parcels/{slip.about}"' in page, "a slip is issued anew, never printed again"
    assert client.post(f"/counter/prints/{label.id}/resolve", data={"came_out": "1"}).location == "/counter/queue"
    again = client.post(f"/counter/prints/{slip.id}/resolve", data={"came_out": "0"})
    assert (again.status_code, says(again.text, "counter.refused.reissue")) == (409, True)


def test_events_that_wait_and_since_when(shop: CounterShop, client: FlaskClient) -> None:
    shop.bring(1)
    shop.board.count_pending(3)
    page = client.get("/counter/queue").text
    assert says(page, "counter.queue.unsent", n=3)
    assert "11-25 14:05" in page


@pytest.mark.parametrize(
    ("left_s", "text", "n"),
    [(5.0, "left_min", 1), (200.0, "left_min", 4), (5500.0, "left_h", 2), (9000.0, "left_h", 3)],
)
def test_events_that_wait_and_how_long_it_takes(
    shop: CounterShop, client: FlaskClient, left_s: float, text: str, n: int
) -> None:
    RelayStatusFile(shop.settings.data).remaining(left_s)
    shop.board.count_pending(3)
    page = client.get("/counter/queue").text
    assert says(page, "counter.queue.unsent", n=3)
    assert says(page, f"counter.queue.{text}", n=n)
    shop.board.count_pending(0)
    assert not says(client.get("/counter/queue").text, f"counter.queue.{text}", n=n), "nothing waits"


def test_the_day_is_closed_once_and_only_as_it_was_seen(shop: CounterShop, client: FlaskClient) -> None:
    shop.book()
    page = client.get("/counter/day?ask=close").text
    seen = re.findall(r'name="last_seq" value="(\d+)"', page)[0]
    shop.bring(1)
    stale = client.post("/counter/day/close", data={"last_seq": seen})
    assert (stale.status_code, says(stale.text, "counter.refused.stale_page")) == (409, True)
    seen = re.findall(r'name="last_seq" value="(\d+)"', client.get("/counter/day?ask=close").text)[0]
    assert client.post("/counter/day/close", data={"last_seq": seen}).location == "/counter/day?ask=closed"
    assert [job.document for job in shop.store.papers.open_jobs()][-1] == "day_slip"
    assert client.post("/counter/day/close", data={"last_seq": "x"}).status_code == 409


def test_the_day_is_not_closed_over_an_altered_record_and_the_page_names_the_receipt(
    shop: CounterShop, client: FlaskClient
) -> None:
    receipt = shop.book()
    with closing(sqlite3.connect(shop.settings.data / "station.db")) as db:
        db.execute("UPDATE intake SET net_g = net_g + 500, gross_g = gross_g + 500")
        db.commit()
    seen = re.findall(r'name="last_seq" value="(\d+)"', client.get("/counter/day?ask=close").text)[0]
    answer = client.post("/counter/day/close", data={"last_seq": seen})
    assert answer.status_code == 409
    assert says(answer.text, "counter.refused.record_altered", receipt=receipt)
    assert all(job.document != "day_slip" for job in shop.store.papers.open_jobs())


# --- whatever comes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in ACTS if "<" not in path])
def test_a_form_without_its_fields_is_refused_with_a_sentence(client: FlaskClient, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == (303 if path == "/counter/delivery" else 409)
    if answer.status_code == 409:
        assert 'role="alert"' in answer.text


def test_a_full_disk_is_said_and_nothing_is_half_done(
    shop: CounterShop, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/counter/mode", data={"mode": "in"})

    def full(*given: object) -> None:
        raise DiskFull("full")

    monkeypatch.setattr(shop.store.parcels, "arrive", full)
    client.post("/counter/scan", data={"text": waybill(1)})
    assert says(client.get("/counter").text, "counter.refused.disk_full")


@pytest.mark.parametrize("language", ["ug", "zh", "en"])
def test_the_counter_speaks_one_language_and_changes_it_in_place(client: FlaskClient, language: str) -> None:
    answer = client.post("/language", data={"lang": language, "here": "/counter/parcels?state=overdue"})
    assert answer.location == "/counter/parcels?state=overdue"
    page = client.get("/counter/parcels").text
    assert f'<html lang="{language}" dir="{"rtl" if language == "ug" else "ltr"}" ' in page
    assert 'class="second"' not in page
    assert "Aygul" in page


@pytest.mark.parametrize(
    "here",
    [
        "//evil.example/counter",
        "/counter/../about",
        "/counter?x=<script>",
        "/photos/x.jpg",
        "/counter/day?ask=close&x=<script>",
        "/counter/day?ask=close&next=//evil.example",
        "/counter/day?ask=close&",
        "/counter/day&ask=close",
        "/counter/day?ask=close\r\nSet-Cookie: x=y",
    ],
)
def test_the_language_leads_to_no_strange_address(client: FlaskClient, here: str) -> None:
    assert client.post("/language", data={"lang": "zh", "here": here}).location == "/"


def test_hostile_text_stays_text(shop: CounterShop, client: FlaskClient) -> None:
    evil = "<script>alert(1)</script>"
    shop.store.clerks.add("<img src=x onerror=alert(1)>", shop.session.person.role, "", shop.stamp())
    client.post("/counter/scan", data={"text": evil})
    for path in ("/counter", f"/counter/parcels?state={evil}", f"/counter/intakes?member={evil}"):
        assert evil not in client.get(path).text
