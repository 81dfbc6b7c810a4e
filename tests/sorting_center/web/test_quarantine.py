from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec.structs import replace

from kiosk.sorting_center.decision_worker import carry_out_oldest
from kiosk.sorting_center.desk.decisions import DecisionKind
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.quarantine import QuarantineFilter, load_page
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.staff.quarantine import ShownReceipt, body_lines
from tests.sorting_center.staff import app_of, followed, sign_in
from tests.sorting_center.station_journal import NOW, Station, of_weight

HOSTILE = "<script>alert(1)</script>\u202e\u2028{{ 7*7 }}"


@dataclass(frozen=True)
class Signed:
    """Somebody before a browser of their own."""

    client: FlaskClient
    csrf: str

    def decide(self, number: int, act: str, reason: str = "looked at the papers", seen: int = 0) -> tuple[int, str]:
        form = {"csrf": self.csrf, "act": act, "reason": reason, "seen": str(seen)}
        answer = self.client.post(f"/quarantine/{number}/decide?lang=en", data=form)
        return answer.status_code, answer.text


@pytest.fixture
def app(stores: Stores) -> Flask:
    return app_of(stores)


def person(app: Flask, desk: CenterDesk, role: StaffRole = StaffRole.OPERATOR) -> Signed:
    client = app.test_client()
    return Signed(client, sign_in(client, desk, role))


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Iterator[Signed]:
    signed = person(app, desk)
    with signed.client:
        yield signed


def forked(ledger: Ledger) -> Station:
    station = Station()
    ledger.accept(station.run(3), "shache", NOW)
    clone = station.clone()
    ledger.accept([station.intake(3), station.intake(4)], "shache", NOW)
    ledger.accept([clone.intake(5)], "shache", NOW)
    return station


def numbers(ledger: Ledger) -> dict[str, int]:
    """By reason, of the newest."""
    with ledger.reading() as connection:
        return {one.reason: one.id for one in reversed(load_page(connection, QuarantineFilter(), None, 100))}


def test_a_list_says_what_is_apart_and_why(operator: Signed, ledger: Ledger) -> None:
    forked(ledger)
    other = Station("S0200", "22" * 8)
    ledger.accept([other.intake(1, net_g=1)], "yarkant", NOW)
    shown = operator.client.get("/quarantine?lang=en").text
    for text in (
        "S0147",
        "S0200",
        "two machines: other content in the same place",
        "content that cannot be right",
        "Nothing is decided yet",
    ):
        assert text in shown
    only = operator.client.get("/quarantine?lang=en&reason=fork&station=S0147").text
    table = only[only.index("<table") :]
    assert "S0147" in table
    assert "S0200" not in table
    assert "Nothing is in quarantine here" in operator.client.get("/quarantine?lang=en&station=S0999").text
    for asked in ("before=x", "before=0", "before=" + "9" * 400, "reason=%01&station=%01", "state=zz", "gone=-1"):
        assert operator.client.get(f"/quarantine?{asked}").status_code == 200, asked


def test_a_long_list_has_pages(operator: Signed, ledger: Ledger) -> None:
    station = Station()
    ledger.accept([station.start(), *(station.intake(n, net_g=1) for n in range(1, 61))], "shache", NOW)
    first = operator.client.get("/quarantine").text
    older = re.search(r'href="(/quarantine\?before=[^"]+)"', first)
    assert older is not None
    second = operator.client.get(older[1].replace("&amp;", "&")).text
    seen = [set(re.findall(r'href="/quarantine/(\d+)"', one)) for one in (first, second)]
    assert ([len(one) for one in seen], seen[0] & seen[1]) == ([50, 10], set())
    assert "/quarantine?before=" not in second.replace(older[1], "")


def test_a_fork_stands_beside_what_is_there(operator: Signed, ledger: Ledger) -> None:
    station = forked(ledger)
    shown = operator.client.get(f"/quarantine/{numbers(ledger)['fork']}?lang=en").text
    for text in (station.sealed[2].sha256[:12], station.sealed[3].sha256[:12], station.sealed[4].sha256[:12]):
        assert text in shown
    assert "The hashes fit" in shown
    assert "The hashes do not fit" in shown, "with the one after it"
    assert "Here instead" in shown
    assert sides(shown)["Receipt"] == (True, "0147-A-000003", "0147-A-000005")
    assert sides(shown)["Net"] == (False, "12.450 kg", "12.450 kg")
    assert 'value="take_again"' not in shown, "the chain alone judges"
    assert 'value="set_aside"' in shown


def test_bad_data_names_its_rule_and_the_event_is_shown_as_it_came(operator: Signed, ledger: Ledger) -> None:
    station = Station()
    bad = station.intake(1, product=HOSTILE)
    ledger.accept([bad], "shache", NOW)
    number = numbers(ledger)["bad_data"]
    for path in ("/quarantine", f"/quarantine/{number}"):
        shown = operator.client.get(f"{path}?lang=en").text
        for piece in ("<script>alert", "\u202e", "\u2028", ">49<"):
            assert piece not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;U+202E&gt;&lt;U+2028&gt;{{ 7*7 }}" in shown
    assert "has other characters than it may have" in shown
    assert "does not understand it either" in shown


def test_what_would_act_on_a_screen_is_shown_as_its_number() -> None:
    body = '{"a":"\u202e\u2066\u200bx\u2029","b":["\\n",{"c":null}]}'.encode()
    shown = "\n".join(body_lines(body))
    assert "<U+202E><U+2066><U+200B>x<U+2029>" in shown
    assert '"\\n"' in shown
    assert body_lines(b"\x1b[2J\xff") == ["<U+001B>[2J\N{REPLACEMENT CHARACTER}"]
    assert body_lines(b"") == [""]


def sides(page: str) -> dict[str, tuple[bool, str, str]]:
    """Of the two receipts side by side, by the name of the field: whether it is marked, what counts, what does not."""
    rows = re.findall(r'<tr( class="differs")?><th scope="row">(.*?)</th>\s*<td>(.*?)</td><td>(.*?)</td></tr>', page)
    bare = [
        (marked, *(re.sub(r"<[^>]*>|≠|differs", "", text).replace("\N{NO-BREAK SPACE}", " ").strip() for text in texts))
        for marked, *texts in rows
    ]
    return {name: (bool(marked), *values) for marked, name, *values in bare}  # type: ignore[misc]


def test_the_stored_receipt_with_the_same_number_stands_beside(
    operator: Signed, ledger: Ledger, stores: Stores
) -> None:
    """Not what has its place: a copied card gives the same receipt numbers at other places."""
    station = Station()
    ledger.accept(station.run(3), "shache", NOW)
    clone = station.clone()
    ledger.accept([station.void(1), station.intake(3)], "shache", NOW)
    ledger.accept([clone.intake(3, **of_weight(1_000), party="non_member", mode="purchase")], "shache", NOW)
    followed(stores)
    page = operator.client.get(f"/quarantine/{numbers(ledger)['fork']}?lang=en").text
    assert "The two receipts side by side" in page
    found = sides(page)
    assert found["Receipt"] == (False, "0147-A-000003", "0147-A-000003")
    assert found["Brought by"] == (True, "M-04412", "a non-member")
    assert found["Net"] == (True, "12.450 kg", "1.000 kg")
    assert found["Amount"] == (True, "¥298.80", "¥24.00")
    assert found["Price"] == (False, "¥24.00/kg", "¥24.00/kg")
    assert found["Bag 1"][0]
    assert found["Bag 1"][2].startswith("1.000 kg · ¥24.00")
    before, technician, folded = page.partition('<details class="panel technician">')
    assert technician
    assert "frames_sha256" in folded
    for piece in ("frames_sha256", "specversion", "Hash", station.epoch):
        assert piece not in before, "that is for the technician"


def test_an_event_about_no_receipt_has_a_sentence_alone(operator: Signed, ledger: Ledger) -> None:
    station = Station()
    ledger.accept([station.raw(data={"x": 1})], "shache", NOW)
    page = operator.client.get(f"/quarantine/{min(numbers(ledger).values())}?lang=en").text
    assert "Why it was not taken" in page
    assert 'class="sides"' not in page


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b"7", b'{"type":"station.intake.confirmed.v1"}', b"[" * 100_000]
    + [
        b'{"type":"station.intake.confirmed.v1","time":%s,"data":%s}' % pair
        for pair in ((b'"x"', b"{}"), (b"9", b"[]"))
    ],
)
def test_what_is_no_receipt_is_not_shown_as_one(body: bytes) -> None:
    assert ShownReceipt.parse(body) is None


def test_a_time_that_no_zone_can_show_is_no_time() -> None:
    body = Station().intake(1).body
    assert ShownReceipt.parse(body) is not None
    for time in (b"9999-12-31T23:59:59.999Z", b"0001-01-01T00:00:00.000Z", b"2026-13-01T00:00:00.000Z"):
        assert ShownReceipt.parse(body.replace(b"2026-11-25T03:00:00.000Z", time)) is None


def test_a_receipt_of_a_stranger_is_text(operator: Signed, ledger: Ledger) -> None:
    station = Station()
    ledger.accept([station.intake(1, product=HOSTILE, party=HOSTILE * 300, net_g=-5, mode=HOSTILE)], "shache", NOW)
    for language in ("en", "zh", "ug"):
        answer = operator.client.get(f"/quarantine/{numbers(ledger)['bad_data']}?lang={language}")
        assert answer.status_code == 200
        for piece in ("<script>alert", "\u202e", ">49<"):
            assert piece not in answer.text


def test_a_decision_is_kept_with_its_reason_and_in_the_audit(
    operator: Signed, ledger: Ledger, desk: CenterDesk
) -> None:
    forked(ledger)
    number = numbers(ledger)["fork"]
    assert operator.decide(number, "set_aside", f"papers agree {HOSTILE}")[0] == 303
    shown = operator.client.get(f"/quarantine/{number}?lang=en").text
    assert "Set aside" in shown
    assert "papers agree &lt;script&gt;" in shown
    assert "<script>alert" not in shown
    (row,) = desk.audit.page(act="quarantine_decided")
    assert row.subject.startswith("shache S0147 ")
    assert row.detail.startswith("set_aside: papers agree")
    listed = operator.client.get("/quarantine?lang=en").text
    assert f'href="/quarantine/{number}"' not in listed, "what is decided is not to be decided"
    assert f'href="/quarantine/{number}"' in operator.client.get("/quarantine?state=all").text


def test_the_second_operator_is_told_who_was_faster(app: Flask, desk: CenterDesk, ledger: Ledger) -> None:
    forked(ledger)
    number = numbers(ledger)["fork"]
    one, other = person(app, desk), person(app, desk)
    assert [each.client.get(f"/quarantine/{number}").status_code for each in (one, other)] == [200, 200]
    assert one.decide(number, "set_aside", "the first card goes on")[0] == 303
    status, shown = other.decide(number, "set_aside", "I think so too")
    assert status == 409
    assert "Somebody else was faster. operator-0 has decided: Set aside" in shown
    assert "I think so too" in shown, "what was typed is still there"
    key = next(iter(desk.decisions.newest(DecisionKind.QUARANTINE, 9))).subject
    assert [made.who for made in desk.decisions.history(DecisionKind.QUARANTINE, key)] == ["operator-0"]
    assert len(desk.audit.page(act="quarantine_decided")) == 1
    assert other.decide(number, "set_aside", "now I have read it", seen=1)[0] == 303


def test_without_a_reason_or_an_act_nothing_is_decided(operator: Signed, ledger: Ledger, desk: CenterDesk) -> None:
    forked(ledger)
    number = numbers(ledger)["fork"]
    for act, reason, told in (
        ("set_aside", "  x ", "Give a reason"),
        ("", "a good reason", "Choose an action"),
        ("delete", "a good reason", "Choose an action"),
        ("take_again", "a good reason", "only the chain decides"),
    ):
        status, shown = operator.decide(number, act, reason)
        assert (status, told in shown) == (409, True), act
    assert desk.decisions.newest(DecisionKind.QUARANTINE, 9) == []
    assert operator.decide(999, "set_aside")[0] == 303, "it is no longer present"


def test_what_is_understood_now_is_taken_in(operator: Signed, ledger: Ledger, desk: CenterDesk) -> None:
    station = Station()
    told = station.run(3)
    ledger.accept([told[0], replace(told[1], problem="unknown_type"), told[2]], "shache", NOW)
    number = numbers(ledger)["unknown_type"]
    assert "can be taken in" in operator.client.get(f"/quarantine/{number}?lang=en").text
    assert operator.decide(number, "take_again", "the center was updated")[0] == 303
    assert "waits to be carried out" in operator.client.get(f"/quarantine/{number}?lang=en").text
    assert carry_out_oldest(ledger, desk)
    gone = operator.client.get(f"/quarantine/{number}")
    assert (gone.status_code, gone.headers["Location"]) == (303, f"/quarantine?gone={number}")
    shown = operator.client.get(f"/quarantine?gone={number}&lang=en").text
    assert "is no longer in quarantine" in shown
    assert "taken in" in shown
    assert len(ledger.intakes(0, 9)) == 2


def test_a_viewer_looks_and_does_not_decide(app: Flask, desk: CenterDesk, ledger: Ledger) -> None:
    forked(ledger)
    number = numbers(ledger)["fork"]
    viewer = person(app, desk, StaffRole.VIEWER)
    shown = viewer.client.get(f"/quarantine/{number}").text
    assert f"/quarantine/{number}/decide" not in shown
    assert viewer.decide(number, "set_aside")[0] == 403
    assert desk.decisions.newest(DecisionKind.QUARANTINE, 9) == []


@pytest.mark.parametrize("language", ["en", "zh", "ug"])
def test_every_word_is_there_in_every_language(operator: Signed, ledger: Ledger, language: str) -> None:
    forked(ledger)
    station = Station("S0200", "22" * 8)
    far = replace(station.start(), seq=2_000_000, sha256="cd" * 32)
    broken = station.clone()
    ledger.accept([station.intake(1, net_g=1), broken.intake(2), far], "shache", NOW)
    for number in numbers(ledger).values():
        assert operator.client.get(f"/quarantine/{number}?lang={language}").status_code == 200
        operator.decide(number, "set_aside")
        assert operator.client.get(f"/quarantine/{number}?lang={language}").status_code == 200
    assert operator.client.get(f"/quarantine?state=all&lang={language}").status_code == 200
