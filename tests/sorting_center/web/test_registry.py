from __future__ import annotations

import csv
import io
import socket

import pytest
from flask import Flask
from markupsafe import Markup
from werkzeug.test import TestResponse

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry_csv import MAX_BYTES, read_registry
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from tests.depth import many
from tests.sorting_center.staff import app_of
from tests.sorting_center.station_journal import NOW, Station
from tests.sorting_center.web.test_alarms import HOSTILE, Person

HEAD = "region,station,village,township,hours,quiet_min,contact,scale,verified_on,valid_until\n"
ONE = "shache,S0001,Azadbagh,Tomosteng,mon-sat 09:00-19:00,90,post 1,XK3190 1,2025-03-01,2026-02-28\n"
TWO = "shache,S0002,红枣村,Tomosteng,mon-sat 09:00-19:00,90,,,2025-12-10,2026-12-09\n"
THREE = "hotan,S0001,گۈلباغ,,,,,,,2027-05-31\n"


@pytest.fixture
def app(stores: Stores) -> Flask:
    return app_of(stores)


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk)


def checks(person: Person, content: str | bytes, name: str = "stations.csv") -> TestResponse:
    sent = content.encode() if isinstance(content, str) else content
    parts = ((b'name="csrf"', person.csrf.encode()), (f'name="file"; filename="{name}"'.encode(), sent))
    body = b"".join(
        b"--x\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts
    )
    kind = "multipart/form-data; boundary=x"
    return person.client.post("/registry/check?lang=en", data=body + b"--x--\r\n", content_type=kind)


def applies(person: Person, checked: TestResponse) -> TestResponse:
    return person.does("/registry/apply?lang=en", file=file_of(checked))


def file_of(checked: TestResponse) -> str:
    return checked.text.partition('name="file" value="')[2].partition('"')[0]


def brought(desk: CenterDesk, content: str) -> None:
    read = read_registry(content.encode())
    desk.registry.replace(read.stations, read.townships)


def test_a_file_is_shown_first_and_applied_with_a_second_click(operator: Person, desk: CenterDesk) -> None:
    brought(desk, HEAD + ONE + THREE)
    before = desk.registry.current()
    checked = checks(operator, HEAD + ONE.replace("Azadbagh", "New place") + TWO)
    assert checked.status_code == 200
    for said in ("2 stations, 1 townships", "S0002", "<bdi>Azadbagh</bdi>", "<bdi>New place</bdi>", "گۈلباغ"):
        assert said in checked.text.replace('<bdi dir="ltr">', "").replace("</bdi> stations", " stations").replace(
            "</bdi> townships", " townships"
        ), said
    assert desk.registry.current() == before
    assert applies(operator, checked).status_code == 303
    assert set(desk.registry.current().stations) == {("shache", "S0001"), ("shache", "S0002")}
    (row,) = desk.audit.page(act=AuditAction.REGISTRY_IMPORTED)
    assert (row.who, row.subject) == ("operator-0", file_of(checked))
    assert row.detail == "new 1, changed 1, gone 1, townships 0"
    assert "in force" in operator.sees("/registry?done=1&lang=en")


def test_every_fault_is_told_by_line_and_column_and_nothing_is_taken(operator: Person, desk: CenterDesk) -> None:
    answer = checks(operator, HEAD + ONE + "shache,S1,,,,,,,,\nshache,S0003,,x,mon 25:00-26:00,,,,31.5.2026,\n")
    assert answer.status_code == 422
    cells = answer.text.replace('<bdi dir="ltr">', "").replace("</bdi>", "")
    for line, column in (("3", "station"), ("4", "hours"), ("4", "verified_on")):
        assert f'<td class="n">{line}</td><td>{column}</td>' in cells.replace("\n", "").replace("  ", "")
    assert desk.registry.current().stations == {}


def test_files_that_are_no_list_say_what_they_are(operator: Person) -> None:
    for content, said in [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe\xff", "neither UTF-8"),
        (b"name,age\na,1\n", "There is no column name"),
        ("region,station\n" + "shache,bad\n" * 60, "Faults: "),
        ((HEAD + HOSTILE + ",S0001,,,,,,,,\n").encode(), "region"),
        (b'region,station\nshache,"S0001\n', "this is not CSV"),
    ]:
        answer = checks(operator, content)
        assert (answer.status_code, said in Markup(answer.text).striptags()) == (422, True), content[:20]
        assert "<script>alert" not in answer.text
    assert operator.does("/registry/check").status_code == 422
    hostile = checks(operator, HEAD + ONE, HOSTILE)
    assert "<script>alert" not in hostile.text


def test_a_file_that_is_too_large_is_refused_while_it_is_read(operator: Person, desk: CenterDesk) -> None:
    answer = checks(operator, b"region,station\n" + b"x" * (MAX_BYTES + 64 * 1024))
    assert answer.status_code == 413
    assert "16 MiB" in answer.text
    assert desk.registry.current().stations == {}
    small = operator.does("/registry/apply", file="x" * 100_000)
    assert small.status_code == 413, "every other form is small"


def test_thousands_of_rows_come_in(operator: Person, desk: CenterDesk) -> None:
    count = many(10_000, torture=50_000)
    rows = (f"r{number // 9000},S{number % 9000:04}\n" for number in range(count))
    checked = checks(operator, "region,station\n" + "".join(rows))
    assert checked.status_code == 200
    assert len(checked.text) < 150_000
    assert applies(operator, checked).status_code == 303
    assert len(desk.registry.current().stations) == count
    assert len(operator.sees("/registry")) < 150_000


def test_the_second_of_two_operators_is_told(app: Flask, operator: Person, desk: CenterDesk) -> None:
    other = Person(app, desk)
    mine, theirs = checks(operator, HEAD + ONE), checks(other, HEAD + TWO)
    assert applies(other, theirs).status_code == 303
    answer = applies(operator, mine)
    assert answer.status_code == 409
    assert "changed the list in the meantime" in answer.text
    assert set(desk.registry.current().stations) == {("shache", "S0002")}


def test_a_file_belongs_to_the_session_that_looked_at_it(app: Flask, operator: Person, desk: CenterDesk) -> None:
    checked = checks(operator, HEAD + ONE)
    other = Person(app, desk)
    for person, sha256 in ((other, file_of(checked)), (operator, "0" * 64), (operator, "")):
        answer = person.does("/registry/apply?lang=en", file=sha256)
        assert (answer.status_code, "no longer there" in answer.text) == (409, True)
    newer = checks(operator, HEAD + TWO)
    assert applies(operator, checked).status_code == 409
    assert applies(operator, newer).status_code == 303
    assert applies(operator, newer).status_code == 409, "once"


def test_the_same_list_again_is_nothing_to_do(operator: Person, desk: CenterDesk) -> None:
    brought(desk, HEAD + ONE)
    checked = checks(operator, HEAD + ONE)
    assert "nothing to do" in checked.text
    assert file_of(checked) == ""


def test_the_list_says_what_is_heard_and_which_verification_is_over(
    operator: Person, desk: CenterDesk, ledger: Ledger
) -> None:
    ledger.accept(Station("S0001").run(2) + Station("S0777").run(2), "shache", NOW)
    brought(desk, HEAD + ONE + TWO + THREE)
    page = operator.sees("/registry?lang=en")
    assert page.count('never">never heard</span>') == 2
    assert page.count(">expired</span>") == 1
    assert page.count(">expires soon</span>") == 1
    assert ">S0002<" not in operator.sees("/registry?view=over")
    assert ">S0002<" in operator.sees("/registry?view=soon")
    assert "گۈلباغ" in operator.sees("/registry?view=never")
    assert "گۈلباغ" not in operator.sees("/registry?words=tomosteng+s0001")
    unexpected = operator.sees("/registry?view=unexpected")
    assert ">S0777<" in unexpected
    assert ">S0001<" not in unexpected
    for nonsense in ("view=x", "page=0", "page=-1", "page=999999", "page=x", "words=" + "x" * 10_000):
        operator.sees(f"/registry?{nonsense}")


def test_the_export_is_safe_in_a_spreadsheet_and_comes_back_the_same(operator: Person, desk: CenterDesk) -> None:
    texts = ["=HYPERLINK(1)", "+86 998", "-1", "@x", "'=x", "''+1", "'quoted'", 'a,b"c', "گۈلباغ"]
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(["region", "station", "village", "contact"])
    for number, text in enumerate(texts):
        writer.writerow(["shache", f"S{number + 1:04}", text, text])
    brought(desk, rows.getvalue())
    kept = desk.registry.current()
    answer = operator.client.get("/registry.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="stations.csv"'
    for row in csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    brought(desk, answer.get_data().decode("utf-8-sig"))
    assert desk.registry.current() == kept
    assert desk.audit.page(act=AuditAction.EXPORTED)[0].subject == "registry.csv"


def test_hostile_texts_of_the_list_stay_text(operator: Person, desk: CenterDesk) -> None:
    village = "<script>alert(1)</script>{{ 7*7 }}"
    brought(desk, HEAD + f"shache,S0001,{village},{village},mon 09:00-10:00,,{village},{village},,\n")
    for page in (operator.sees("/registry"), checks(operator, HEAD + TWO).text):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_a_viewer_looks_and_does_not_import(app: Flask, desk: CenterDesk) -> None:
    viewer = Person(app, desk, StaffRole.VIEWER)
    assert "/registry/check" not in viewer.sees("/registry")
    assert checks(viewer, HEAD + ONE).status_code == 403


def test_a_body_that_no_form_has_is_refused_before_it_is_sent(app: Flask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server, port = WebServer(app, listening), listening.getsockname()[1]
        server.start()
        try:
            with socket.create_connection(("127.0.0.1", port), 60) as connection:
                asked = f"POST /registry/check HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {2**30}\r\n\r\n"
                connection.sendall(asked.encode())
                assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
        finally:
            server.stop(5)
