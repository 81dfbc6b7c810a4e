"""Every field of every route is given what no page of ours sends: no answer is a fault, and no header is made of it.

Made from the route tables: each parameter of an address, each field that the code of the pages reads (found in their
source, so that a new one is here by itself), for the public face, a clerk, a technician and the first start.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

import kiosk.web
from kiosk.first_start.questions import QUESTIONS
from kiosk.station.catalog.stick_import import StickCatalogs
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.update.updates import Updates
from kiosk.store.database.migrate import migrate
from kiosk.web.factory import NEEDS, create_app
from kiosk.web.shared.roles import Need
from kiosk.web.shared.settings import WebSettings
from tests.depth import many
from tests.station.counter.rig import PIN
from tests.station.doctor.clinic import Clinic
from tests.station.update.test_station_side import FakeJournal, FakeQuiet, FullShelf
from tests.web.counter.shop import CounterShop
from tests.web.first_start.answers import answers
from tests.web.first_start.test_routes import Wall
from tests.web.scale_worth import LONGEST, give_scale
from tests.web.shared.test_roles import STREAMS, routes

FORM = "application/x-www-form-urlencoded"
MOST = 60_000
"""Characters of an address and of a body that are still looked at; more is refused by its size alone."""
VALUES: dict[str, str] = {
    "a new header": "%0D%0ASet-Cookie:%20counter=stolen%0D%0A%0D%0A%3Cscript%3E",
    "a page and a new header": "/technician?x=%0D%0ASet-Cookie:%20counter=stolen",
    "a counter page and a new header": "/counter/parcels?state=%0D%0ASet-Cookie:%20counter=stolen",
    "NUL": "a%00b",
    "a lone surrogate": "%ED%A0%80",
    "bytes that are no UTF-8": "%FF%FE%80",
    "10 kB": "9" * 10_240,
    "turned round": "%E2%80%AE123456%E2%80%AC",
    "digits of another script": "%D9%A1%D9%A2%D9%A3%EF%BC%94%EF%BC%95%EF%BC%96",
    "a fraction of a digit": "%C2%BD%C2%B2",
    "empty": "",
    "a way up": "../../../../etc/passwd",
    "a way up, spelled": "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "a large number": "9" * 40,
    "less than nothing": "-1",
    "SQL": "'%20OR%201=1--",
    "a pattern": "%25s%7Bx%7D%7B%7B7*7%7D%7D",
}
"""Percent-encoded, as they go over the wire, in an address and in a form alike."""
EVERY = many(4, torture=1)
"""How many routes share the values by turns."""


def fields() -> frozenset[str]:
    """Every name that the pages read of a form or a query: ``form.get("x")``, ``args["x"]``, ``post.field("x")``."""
    found = set[str]()
    for path in Path(kiosk.web.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                if node.func.attr in ("field", "int_field") or _sent(node.func.value):
                    found.update(_texts(node.args[0]))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_int_field":
                found.update(_texts(node.args[1]))
            elif isinstance(node, ast.Subscript) and _sent(node.value):
                found.update(_texts(node.slice))
    return frozenset(name for name in found if name.isidentifier() and name.islower())


def _sent(node: ast.expr) -> bool:
    """Whether this is what a browser sent: form, query, both together, or a form that was handed on."""
    return ast.unparse(node).rpartition(".")[2] in ("form", "args", "values")


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_the_fields_are_found() -> None:
    assert fields() >= {
        "here",
        "lang",
        "pin",
        "number",
        "reading_no",
        "token",
        "catalog_version",
        "text",
        "value",
        "epoch",
    }


class Face:
    """A browser on one face; ``ready`` brings the person back to it before each request."""

    def __init__(self, app: Flask, ready: Callable[[FlaskClient], None]) -> None:
        app.testing = False
        self.app, self.client, self.ready = app, app.test_client(), ready
        self.found: list[str] = []
        self.asked = 0

    def ask(self, what: str, method: str, path: str, body: str | None = None) -> None:
        self.ready(self.client)
        type_ = "application/x-www-form-urlencoded"
        with self.client.open(
            path,
            method=method,
            data=None if body is None else body.encode("ascii"),
            content_type=type_ if body else None,
        ) as answer:
            self.asked += 1
            problem = _problem(answer.status_code, list(answer.headers))
        if problem:
            self.found.append(f"{method} {path[:80]} with {what}: {problem}")

    def sweep(self, table: list[tuple[Rule, str]], names: frozenset[str]) -> None:
        """Each parameter; all fields at once, and each of them twice; none."""
        for number, (rule, method) in enumerate(table):
            plain = _address(rule, "S0147")
            for what, value in islice(VALUES.items(), number % EVERY, None, EVERY):
                if rule.arguments and "/" not in value:
                    self.ask(f"{what} in its address", method, _address(rule, value))
                for some in _together(names, value):
                    everything = "&".join(f"{name}={value}" for name in some)
                    if method == "POST":
                        twice = f"{everything}&{everything}"
                        self.ask(what, method, plain, twice if len(twice) < MOST else everything)
                    else:
                        self.ask(what, method, f"{plain}?{everything}")
            if method == "POST":
                self.ask("nothing", method, plain)
                self.ask("no form", method, plain, "%%%&=&&;=\x01")

    def one_by_one(self, path: str, names: frozenset[str]) -> None:
        """A field that is refused early hides those behind it."""
        for name in sorted(names):
            for what, value in VALUES.items():
                self.ask(f"{what} in {name}", "POST", path, f"{name}={value}")


def _together(names: frozenset[str], value: str) -> Iterator[list[str]]:
    """As many fields as fit into one request."""
    size = MOST // (len(value) + 20)
    ordered = sorted(names)
    yield from (ordered[start : start + size] for start in range(0, len(ordered), size))


def _address(rule: Rule, value: str) -> str:
    path = rule.rule
    for part in ("<about>", "<int:about>", "<sha256>", "<question>", "<kind>", "<any(in, out):way>"):
        path = path.replace(part, "in" if "any" in part else value)
    assert "<" not in path, f"{rule.rule} has a part this test does not know"
    return path


def _problem(status: int, headers: list[tuple[str, str]]) -> str:
    if status >= 500:
        return f"answered {status}"
    for name, value in headers:
        if any(sign in value for sign in "\r\n\0"):
            return f"{name} has a line break"
        if name == "Set-Cookie" and "stolen" in value:
            return "a cookie of a stranger's"
        if name == "Location" and not value.startswith(("/", "http://localhost/")):
            return f"leads to {value[:40]!r}"
    return ""


def _table(app: Flask) -> list[tuple[Rule, str]]:
    return [(rule, method) for rule, method in routes(app) if rule.endpoint not in STREAMS]


@pytest.fixture
def doctor(tmp_path: Path) -> Iterator[Doctor]:
    """On duty beside the counter."""
    migrate(tmp_path / "empty.db")
    clinic = Clinic(tmp_path / "care", tmp_path / "empty.db")
    give_scale(clinic, LONGEST)
    clinic.equipment.updates = Updates(FullShelf(), FakeJournal(), FakeQuiet())
    files, store = [tmp_path / "a.json"], clinic.store
    clinic.equipment.catalogs = StickCatalogs(store.catalogs, lambda: files, lambda: None, clinic.stamp, int)
    yield clinic.doctor
    clinic.store.close()


OPENS = {
    "": {Need.PUBLIC, Need.OPEN},
    "01": {Need.CLERK, Need.STAFF},
    "03": {Need.TECHNICIAN, Need.STAFF},
}
"""Whose fields are tried by whom: nobody, clerk 01, technician 03."""


@pytest.mark.parametrize("number", list(OPENS))
def test_every_field_of_the_station(counter_shop: CounterShop, doctor: Doctor, number: str) -> None:
    """As a villager, as a clerk and as a technician. The teacher of scales is not on duty here: 503, told apart."""

    def ready(client: FlaskClient) -> None:
        cookie, session = client.get_cookie("counter"), counter_shop.access.current()
        if number and (cookie is None or session is None or cookie.value != session.token):
            counter_shop.later(900)
            client.post("/counter/unlock", data={"number": number, "pin": PIN})

    face = Face(create_app(counter_shop, WebSettings(language="en"), doctor), ready)
    table = [(rule, method) for rule, method in _table(face.app) if (NEEDS[rule.endpoint] in OPENS[number])]
    face.sweep([row for row in table if not row[0].endpoint.startswith("teach.")], fields())
    for path in ("/language", *(["/technician/language"] if number == "03" else [])):
        face.one_by_one(path, frozenset({"here", "lang"}))
    assert not face.found, "\n".join(face.found)
    assert face.asked > 500 / EVERY


def test_every_field_of_the_first_start(tmp_path: Path) -> None:
    """At each question its own answer is tried with every value before the right one is given."""
    wall = Wall(tmp_path)

    def at(question: str) -> Callable[[FlaskClient], None]:
        def ready(client: FlaskClient) -> None:
            for _ in QUESTIONS:
                if wall.at == question:
                    return
                client.post("/setup/back")

        return ready

    face = Face(wall.app, at("language"))
    names = fields()
    face.sweep([(rule, method) for rule, method in _table(face.app) if "<question>" not in rule.rule], names)
    for question, form in answers(wall.machine):
        face.ready = at(question)
        own = [Rule(f"/setup/{question}"), Rule(f"/setup/go/{question}")]
        face.sweep([(rule, "POST") for rule in own], names)
        face.sweep([(Rule(f"/setup/live/{question}"), "GET")], frozenset({"page", "size"}))
        face.ready(face.client)
        assert face.client.post(f"/setup/{question}", data=form).status_code == 303, question
    wall.wizard.close()
    assert not face.found, "\n".join(face.found)
    assert face.asked > 1_000 / EVERY
