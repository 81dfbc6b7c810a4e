from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from kiosk.sorting_center.desk.tokens import Scope
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.app import BLUEPRINTS
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of, bearer, followed
from tests.sorting_center.web.county_month import MEMBER, RECEIPT, UNKNOWN, fill

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
BASE = "urn:openapi"


@pytest.fixture
def health() -> CenterHealth:
    health = CenterHealth()
    health.set_connected(True)
    return health


@pytest.fixture
def client(stores: Stores, health: CenterHealth) -> Iterator[FlaskClient]:
    fill(stores.ledger)
    followed(stores)
    with app_of(stores, health).test_client() as client:
        yield client


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").get_json()
    return found


def faults(document: dict[str, Any], path: str, status: int, answer: object) -> list[str]:
    """Where an answer is not what the document says; fields the document does not know are among them."""
    place = f"{BASE}#/paths/{path.replace('~', '~0').replace('/', '~1')}/get/responses/{status}/content"
    registry = Registry().with_resource(BASE, Resource.from_contents(document, DRAFT202012))
    schema = {"$ref": f"{place}/application~1json/schema"}
    validator = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(answer)]


def unknown(document: dict[str, Any], name: str, answer: dict[str, Any]) -> set[str]:
    return answer.keys() - document["components"]["schemas"][name]["properties"].keys()


def test_the_document_is_a_valid_one(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_machine_route_is_in_it_with_its_scope(document: dict[str, Any]) -> None:
    scopes = {
        endpoint.replace(".", "_"): need.scope
        for part in BLUEPRINTS
        for endpoint, need in part.access_rules.items()
        if need.scope
    }
    told = {path["get"]["operationId"]: path["get"] for path in document["paths"].values()}
    assert told.keys() == scopes.keys() | {"machine_health", "openapi_document"}
    for name, scope in scopes.items():
        assert told[name]["security"][:2] == [{"token": [scope]}, {"session": []}]
        assert {"401", "403", "429"} <= told[name]["responses"].keys()
    assert {} in told["machine_metrics"]["security"], "from the same machine anybody may"
    assert told["machine_health"]["security"] == []


def test_real_answers_are_what_it_says(
    client: FlaskClient, document: dict[str, Any], stores: Stores, health: CenterHealth
) -> None:
    token = bearer(stores.desk)
    answers = {}
    for asked in (
        "/feed",
        "/feed?after=3&limit=4",
        "/intakes.json",
        "/intakes.json?limit=1",
        "/ledger/summary.json",
        "/stations.json",
    ):
        answer = client.get(asked, headers=token)
        path = asked.partition("?")[0]
        answers[path] = answer.get_json()
        assert (answer.status_code, faults(document, path, 200, answers[path])) == (200, []), asked
    assert answers["/feed"]["events"] and answers["/intakes.json"]["intakes"]
    for name, one in (
        ("FeedPage", answers["/feed"]),
        ("FeedEvent", answers["/feed"]["events"][-1]),
        ("IntakesPage", answers["/intakes.json"]),
        ("IntakeRow", answers["/intakes.json"]["intakes"][0]),
        ("Summary", answers["/ledger/summary.json"]),
        ("Totals", answers["/ledger/summary.json"]["totals"]),
        ("StationRow", answers["/ledger/summary.json"]["by_station"][0]),
        ("StationDocument", answers["/stations.json"]["stations"][0]),
        ("Health", client.get("/health").get_json()),
    ):
        assert unknown(document, name, one) == set(), name
    assert faults(document, "/health", 200, client.get("/health").get_json()) == []
    assert faults(document, "/openapi.json", 200, document) == []
    health.set_fault("ledger", "away")
    down = client.get("/health")
    assert (down.status_code, faults(document, "/health", 503, down.get_json())) == (503, [])
    metrics = client.get("/metrics", headers=token, environ_base=ELSEWHERE)
    assert metrics.mimetype in document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]


def test_real_refusals_are_what_it_says(client: FlaskClient, document: dict[str, Any], stores: Stores) -> None:
    token = bearer(stores.desk)
    slow = {"Authorization": f"Bearer {stores.desk.tokens.add('slow', [Scope.FEED], datetime.now(UTC), per_minute=1)}"}
    client.get("/feed", headers=slow)
    for path, query, headers, status in (
        ("/feed", "?after=x", token, 400),
        ("/feed", "?after=9999", token, 409),
        ("/feed", "", {}, 401),
        ("/feed", "", bearer(stores.desk, Scope.READ), 403),
        ("/feed", "", slow, 429),
        ("/intakes.json", "?limit=0", token, 400),
        ("/metrics", "", {}, 401),
    ):
        answer = client.get(path + query, headers=headers, environ_base=ELSEWHERE)
        assert answer.status_code == status, path
        assert faults(document, path, status, answer.get_json()) == [], (path, status)
        described = document["paths"][path]["get"]["responses"][str(status)].get("headers", {})
        assert described.keys() <= set(answer.headers.keys())


def test_parameters_have_the_limits_of_their_routes(
    client: FlaskClient, document: dict[str, Any], stores: Stores
) -> None:
    token = bearer(stores.desk)
    for path, item in document["paths"].items():
        for parameter in item["get"]["parameters"]:
            limits = parameter["schema"]
            at_most = (limits["maximum"], 409 if (path, parameter["name"]) == ("/feed", "after") else 200)
            for value, status in (
                (limits["minimum"], 200),
                (limits["minimum"] - 1, 400),
                (limits["default"], 200),
                at_most,
                (limits["maximum"] + 1, 400),
            ):
                answer = client.get(path, query_string={parameter["name"]: value}, headers=token)
                assert answer.status_code == status, (path, parameter["name"], value)


def test_receipts_carry_the_member_and_the_corrected_time(client: FlaskClient, stores: Stores) -> None:
    rows = {
        row["receipt"]: row for row in client.get("/intakes.json", headers=bearer(stores.desk)).get_json()["intakes"]
    }
    first, unknown = rows[str(RECEIPT)], rows[str(UNKNOWN)]
    assert (first["member"], first["at"], first["clock"]) == (MEMBER, "2026-11-03T03:00:00.000Z", "synced")
    assert (unknown["member"], unknown["at"], unknown["clock"]) == (None, None, "unset")
