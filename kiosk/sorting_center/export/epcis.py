"""Intakes as a GS1 EPCIS 2.0 document (JSON/JSON-LD binding), for traceability systems.

An intake is an ObjectEvent ADD, commissioning/active, of a quantity in kilograms (UN/ECE Rec. 20 code KGM).
There is no GS1 company prefix, hence no LGTIN: the class is the internal lot code as a private URN, which EPCIS allows.
A void repeats the event with an errorDeclaration: EPCIS knows no editing of events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.sorting_center.ledger import Counted, StoredEvent

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
_URN: Final = "urn:station-kiosk"
_ERROR_REASONS: Final[Mapping[str, str]] = {"goods_taken_back": "did_not_occur"}
"""Of the two error reasons of the Core Business Vocabulary 2.0; every other void is ``incorrect_data``."""


def epcis(events: Iterable[StoredEvent], created_at: str) -> Iterator[str]:
    """The document in pieces; ``created_at`` is RFC 3339."""
    head = {
        "@context": [CONTEXT, {"kiosk": f"{_URN}:"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": created_at,
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "epcisBody": {"eventList": ['
    separator = "\n"
    for found in _events(events):
        yield separator + json.dumps(found, ensure_ascii=False)
        separator = ",\n"
    yield "\n]}}\n"


_Key = tuple[str, str, str]
"""Station, receipt, region."""


def _events(events: Iterable[StoredEvent]) -> Iterator[dict[str, object]]:
    """Each intake that counts or is void, then the corrections. Only what is void is kept in memory until then."""
    voided: dict[_Key, bytes] = {}
    corrections: list[tuple[_Key, dict[str, object]]] = []
    for event in events:
        standing = event.standing
        if standing is None:
            continue
        if event.type == IntakeConfirmed.TYPE and (standing.epoch, standing.seq) == (event.epoch, event.seq):
            body = json.loads(event.body)
            data = msgspec.convert(body["data"], IntakeConfirmed)
            found = _confirmed(event, body, data, _intake_id(data.receipt, event.region, standing))
            if standing.voided:
                voided[event.station, data.receipt, event.region] = msgspec.json.encode(found)
            yield found
        elif event.type == IntakeVoided.TYPE:
            body = json.loads(event.body)
            void = msgspec.convert(body["data"], IntakeVoided)
            corrections.append(((event.station, void.receipt, event.region), _error(event, void, body)))
    for key, error in corrections:
        original = voided.get(key)
        if original is not None:
            yield {**msgspec.json.decode(original), "errorDeclaration": error}


def _intake_id(receipt: str, region: str, standing: Counted) -> str:
    """The receipt's alone, as it always was, unless two counties have a station of this number."""
    county = "" if region == standing.first_region else f"{_urn_part(region)}:"
    return f"{_URN}:intake:{county}{_urn_part(receipt)}"


def _confirmed(
    event: StoredEvent, body: Mapping[str, object], data: IntakeConfirmed, intake_id: str
) -> dict[str, object]:
    """The ObjectEvent of an intake: one re-issued in a later epoch is still one intake."""
    place = {"id": f"{_URN}:station:{event.station}"}
    return {
        "type": "ObjectEvent",
        "eventID": intake_id,
        "eventTime": body["time"],
        "eventTimeZoneOffset": "+00:00",
        "recordTime": event.received_at,
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "readPoint": place,
        "bizLocation": place,
        "quantityList": [
            {"epcClass": f"{_URN}:lot:{_urn_part(data.lot)}", "quantity": data.net_g / 1000, "uom": "KGM"}
        ],
        "kiosk:event": f"{event.station} {event.epoch}-{event.seq}",
        "kiosk:region": event.region,
        "kiosk:product": data.product,
        "kiosk:clock": body["clock"],
    }


def _error(event: StoredEvent, void: IntakeVoided, body: Mapping[str, object]) -> dict[str, object]:
    declared: dict[str, object] = {
        "declarationTime": body["time"],
        "reason": _ERROR_REASONS.get(void.reason, "incorrect_data"),
    }
    if void.replacement is not None and event.replacement is not None:
        declared["correctiveEventIDs"] = [_intake_id(void.replacement, event.region, event.replacement)]
    return declared


def _urn_part(text: str) -> str:
    """Letters, digits and hyphens stay; anything else becomes %XX of its UTF-8 (RFC 8141, 2.2)."""
    return "".join(
        char
        if char.isascii() and (char.isalnum() or char == "-")
        else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in text
    )
