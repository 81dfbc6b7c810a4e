"""Intakes as a GS1 EPCIS 2.0 document (JSON/JSON-LD binding), for traceability systems.

An intake is an ObjectEvent ADD, commissioning/active, of a quantity in kilograms (UN/ECE Rec. 20 code KGM).
There is no GS1 company prefix, hence no LGTIN: the class is the internal lot code as a private URN, which EPCIS allows.
The bags are its instances, under their codes as private URNs, where the event has their codes.
A void repeats the event with an errorDeclaration: EPCIS has no editing of events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Final
from urllib.parse import quote

import msgspec

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.sorting_center.ledger import StoredEvent
from kiosk.sorting_center.shared.stored_events import EventEnvelope, decode_data, decode_envelope

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
_URN: Final = "urn:station-kiosk"
# Of the two error reasons of the Core Business Vocabulary 2.0; every other void is `incorrect_data`.
_ERROR_REASONS: Final[Mapping[str, str]] = {"goods_taken_back": "did_not_occur"}


def epcis(events: Iterable[StoredEvent], created_at: str) -> Iterator[str]:
    head = {
        "@context": [CONTEXT, {"kiosk": f"{_URN}:"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": created_at,
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "epcisBody": {"eventList": ['
    separator = "\n"
    for _, of_station in groupby(events, key=lambda event: event.station):  # a void and its intake are of one
        for found in _of_station(of_station):
            yield separator + json.dumps(found, ensure_ascii=False)
            separator = ",\n"
    yield "\n]}}\n"


_TYPES: Final = (IntakeConfirmed.TYPE, IntakeVoided.TYPE)

_Key = tuple[str, str, str]  # Station, receipt, region


def _of_station(events: Iterable[StoredEvent]) -> Iterator[dict[str, object]]:
    """Yield each intake once, then the corrections; voided intakes and events above a gap stay in memory."""
    intakes: dict[_Key, bytes] = {}
    voids: list[tuple[StoredEvent, IntakeVoided, str]] = []
    for event in events:
        if event.problem is not None or event.type not in _TYPES:
            continue
        envelope = decode_envelope(event.body)
        if event.type == IntakeVoided.TYPE:
            voids.append((replace(event, body=b""), decode_data(IntakeVoided, envelope.data), envelope.time))
            continue
        data = decode_data(IntakeConfirmed, envelope.data)
        key, counted = (event.station, data.receipt, event.region), event.standing
        if key in intakes if counted is None else (counted.epoch, counted.seq) != (event.epoch, event.seq):
            continue  # it was reported again: still one intake
        is_second = event.elsewhere if counted is None else counted.first_region != event.region
        found = _confirmed(event, envelope, data, _intake_id(data.receipt, event.region if is_second else ""))
        if event.voided or (counted is None and not event.elsewhere):
            intakes[key] = msgspec.json.encode(found)
        yield found
    for event, void, declared_at in voids:
        original = intakes.get((event.station, void.receipt, event.region))
        if original is not None:
            yield {**msgspec.json.decode(original), "errorDeclaration": _error(event, void, declared_at, intakes)}


def _intake_id(receipt: str, second_region: str) -> str:
    """Build the id from the receipt alone, unless two counties have a station of this number."""
    county = f"{_urn_part(second_region)}:" if second_region else ""
    return f"{_URN}:intake:{county}{_urn_part(receipt)}"


def _confirmed(event: StoredEvent, envelope: EventEnvelope, data: IntakeConfirmed, intake_id: str) -> dict[str, object]:
    """Build the ObjectEvent of an intake: one re-issued in a later epoch is still one intake."""
    place = {"id": f"{_URN}:station:{event.station}"}
    bags = [f"{_URN}:bag:{_urn_part(bag.code)}" for bag in data.bags if bag.code is not None]
    return {
        "type": "ObjectEvent",
        "eventID": intake_id,
        "eventTime": envelope.time,
        "eventTimeZoneOffset": "+00:00",
        "recordTime": event.received_at,
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "readPoint": place,
        "bizLocation": place,
        **({"epcList": bags} if bags else {}),
        "quantityList": [
            {"epcClass": f"{_URN}:lot:{_urn_part(data.lot)}", "quantity": data.net_g / 1000, "uom": "KGM"}
        ],
        "kiosk:event": f"{event.station} {event.epoch}-{event.seq}",
        "kiosk:region": event.region,
        "kiosk:product": data.product,
        "kiosk:clock": envelope.clock,
    }


def _error(
    event: StoredEvent, void: IntakeVoided, declared_at: str, intakes: Mapping[_Key, bytes]
) -> dict[str, object]:
    declared: dict[str, object] = {
        "declarationTime": declared_at,
        "reason": _ERROR_REASONS.get(void.reason, "incorrect_data"),
    }
    if void.replacement is None:
        return declared
    waiting = intakes.get((event.station, void.replacement, event.region))
    if event.replacement is not None:
        second = event.region if event.replacement.first_region != event.region else ""
        declared["correctiveEventIDs"] = [_intake_id(void.replacement, second)]
    elif waiting is not None:
        declared["correctiveEventIDs"] = [msgspec.json.decode(waiting)["eventID"]]
    return declared


def _urn_part(text: str) -> str:
    """Escape all but letters, digits and hyphens as %XX of its UTF-8 (RFC 8141, 2.2)."""
    return quote(text, safe="").replace("_", "%5F").replace(".", "%2E").replace("~", "%7E")
