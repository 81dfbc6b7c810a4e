"""Topics: what stations, center and downstream agree on."""

from __future__ import annotations

import pytest

from kiosk.domain.events import EVENT_CLASSES
from kiosk.messaging.contract.topics import Topics, feed_topic, parse_up, up_filter


def test_topics_of_a_station() -> None:
    topics = Topics("hotan-1", "S0147")
    assert topics.event == "kiosk/v1/hotan-1/S0147/up/event"
    assert topics.batch == "kiosk/v1/hotan-1/S0147/up/batch"
    assert topics.hello == "kiosk/v1/hotan-1/S0147/up/hello"
    assert topics.status == "kiosk/v1/hotan-1/S0147/up/status"
    assert topics.ack == "kiosk/v1/hotan-1/S0147/down/ack"
    assert topics.resend == "kiosk/v1/hotan-1/S0147/down/resend"
    assert topics.config == "kiosk/v1/hotan-1/S0147/down/config"
    assert topics.cmd == "kiosk/v1/hotan-1/S0147/down/cmd"


@pytest.mark.parametrize(
    ("region", "station"),
    [("feed", "S0147"), ("Hotan", "S0147"), ("a.b", "S0147"), ("+", "S0147"), ("", "S0147"), ("hotan", "S147")],
)
def test_ids_that_would_make_another_topic_are_refused(region: str, station: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Topics(region, station)


def test_what_a_station_publishes_is_split_up() -> None:
    assert parse_up(Topics("hotan", "S0147").batch) == ("hotan", "S0147", "batch")


@pytest.mark.parametrize(
    "topic",
    [
        "kiosk/v1/hotan/S0147/down/ack",
        "kiosk/v1/hotan/S0147/up/cmd",
        "kiosk/v1/hotan/S0147/up/event/more",
        "kiosk/v1/feed/S0147/up/event",
        "kiosk/v2/hotan/S0147/up/event",
        "x/kiosk/v1/hotan/S0147/up/event",
        "kiosk/v1/hotan/S0147\n/up/event",
        "kiosk/v1/hotan/feed/intake/confirmed/v1",
        "",
    ],
)
def test_any_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match=r"must be|is no topic"):
        parse_up(topic)


def test_filters_match_every_station() -> None:
    assert up_filter("event") == "kiosk/v1/+/+/up/event"
    assert up_filter("hello", "hotan") == "kiosk/v1/hotan/+/up/hello"
    with pytest.raises(ValueError, match="must be"):
        up_filter("ack")
    with pytest.raises(ValueError, match="must be"):
        up_filter("event", "#")


def test_every_known_type_has_a_feed_topic_without_a_dot() -> None:
    topics = [feed_topic("hotan", cls.TYPE) for cls in EVENT_CLASSES]
    assert "kiosk/v1/hotan/feed/intake/confirmed/v1" in topics
    assert not any("." in topic for topic in topics)
    assert len(set(topics)) == len(EVENT_CLASSES)


@pytest.mark.parametrize("type_", ["x", "station.intake.v1", "station.in/take.done.v1", "station.#.+.v1", "a.b.c.v1"])
def test_a_type_that_makes_no_topic_is_refused(type_: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        feed_topic("hotan", type_)
