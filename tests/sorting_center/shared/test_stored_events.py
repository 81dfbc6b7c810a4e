"""The decoder of released events, of this version, of an earlier and of a later one."""

from __future__ import annotations

import json

import msgspec
import pytest

from kiosk.domain.events import EventData, IntakeConfirmed, IntakeVoided
from kiosk.messaging.contract.strict_json import canonical
from kiosk.sorting_center.shared.stored_events import decode_envelope, decode_event, decode_known
from tests.messaging.contract.test_generated import EXAMPLES
from tests.sorting_center.station_journal import Station, confirmed, without_bag_codes


@pytest.mark.parametrize("data", EXAMPLES, ids=lambda data: data.TYPE)
def test_an_event_of_any_type_comes_back_as_it_was_told(data: EventData) -> None:
    station = Station("S0147")
    event = station.add(data)
    envelope = decode_envelope(event.body)
    assert (envelope.station, envelope.epoch, envelope.seq, envelope.type) == (
        event.station,
        event.epoch,
        event.seq,
        event.type,
    )
    assert (envelope.time, envelope.clock, envelope.reissued) == (event.time, event.clock, event.reissued)
    kind: type[EventData] = type(data)
    assert decode_event(kind, event.body) == data
    assert decode_known(envelope) == data


def test_fields_of_later_versions_are_passed_over_and_those_of_earlier_ones_have_their_defaults() -> None:
    data = confirmed("S0147", 1)
    event = json.loads(Station("S0147").add(data).body)
    later = canonical({**event, "later": 1, "data": {**event["data"], "later": {"deep": [1]}}})
    assert decode_event(IntakeConfirmed, later) == data
    earlier = canonical({**event, "data": without_bag_codes(data)})
    assert [bag.code for bag in decode_event(IntakeConfirmed, earlier).bags] == [None]


def test_a_type_of_a_later_version_has_no_class() -> None:
    event = json.loads(Station("S0147").add(confirmed("S0147", 1)).body)
    assert decode_known(decode_envelope(canonical({**event, "type": "station.intake.blessed.v1"}))) is None


def test_data_of_another_type_are_an_error() -> None:
    body = Station("S0147").add(confirmed("S0147", 1)).body
    with pytest.raises(msgspec.ValidationError):
        decode_event(IntakeVoided, body)
