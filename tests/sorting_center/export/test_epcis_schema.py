"""The EPCIS export against GS1's own schema (EPCIS 2.0, JSON binding), as an npm package has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kiosk.sorting_center.export import epcis
from kiosk.sorting_center.ledger import Ledger
from tests.sorting_center.station_journal import NOW, Station

SCHEMA = Path(__file__).resolve().parents[3] / ".venv/epcis-schema/EPCISDocument.schema.json"


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    rules = json.loads(SCHEMA.read_bytes())
    jsonschema.Draft7Validator.check_schema(rules)
    return jsonschema.Draft7Validator(rules, format_checker=jsonschema.FormatChecker())


def exported(ledger: Ledger) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(epcis(ledger.events(), NOW)))
    return found


def faults(schema: jsonschema.Draft7Validator, document: object) -> list[str]:
    return [f"{list(error.path)}: {error.message[:200]}" for error in schema.iter_errors(document)]


def test_intakes_and_voids_of_two_counties_are_a_document_of_the_standard(
    schema: jsonschema.Draft7Validator, ledger: Ledger, station: Station
) -> None:
    shache = [*station.run(6), station.void(1), station.void(2, reason="goods_taken_back")]
    ledger.accept(shache, "shache", NOW)
    ledger.accept(Station(epoch="ffeeddccbbaa9988").run(4), "yarkant", NOW)
    document = exported(ledger)
    assert len(document["epcisBody"]["eventList"]) == 10
    assert faults(schema, document) == []


def test_an_empty_ledger_is_one_as_well(schema: jsonschema.Draft7Validator, ledger: Ledger) -> None:
    assert faults(schema, exported(ledger)) == []


def test_the_schema_notices_what_is_wrong(schema: jsonschema.Draft7Validator, ledger: Ledger, station: Station) -> None:
    """Else the two above would say nothing."""
    ledger.accept([*station.run(3), station.void(1)], "shache", NOW)
    for field, wrong in {
        "action": "MADE",
        "eventTime": 7,
        "bizStep": 7,
        "quantityList": [{"uom": 1}],
    }.items():
        document = exported(ledger)
        document["epcisBody"]["eventList"][0][field] = wrong
        assert faults(schema, document), field
