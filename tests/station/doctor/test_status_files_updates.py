"""What the relay's updates lane says of itself, and how doctor, page and command line read it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kiosk.messaging.relay.updates.ports import Fetching, UpdateFault
from kiosk.station.doctor.environment import updates_finding
from kiosk.station.doctor.finding import Severity
from kiosk.station.doctor.status_files import UpdatesStatusFile
from kiosk.texts import LANGUAGES, load
from tests.messaging.relay.photos.stations import Clock

COMES = Fetching("99.0.1+g2d3aa88", 512_000, 1_130_000, offers_age_s=7)


def marks(data: Path, clock: Clock, boot: str = "b1") -> UpdatesStatusFile:
    return UpdatesStatusFile(data, clock, boot)


def test_every_state_has_its_word_in_every_language(tmp_path: Path) -> None:
    clock = Clock()
    lane, station = marks(tmp_path, clock), marks(tmp_path, clock)
    assert updates_finding(station).word == "updates_unknown"
    for fetching, verdict, word in (
        (Fetching(), Severity.OK, "updates_not_asked"),
        (Fetching(offers_age_s=0), Severity.OK, "updates_none"),
        (COMES, Severity.OK, "updates_comes"),
        (Fetching(here="99.0.1", offers_age_s=7), Severity.OK, "updates_here"),
        *((Fetching(here="99.0.1", fault=one), Severity.WARN, f"updates_{one}") for one in UpdateFault),
    ):
        clock.now += 30
        lane.report(fetching)
        row = updates_finding(station)
        assert (row.device, row.verdict, row.word, row.needed) == ("updates", verdict, word, False)
        assert row.last_seen_s == (None if fetching.offers_age_s < 0 else fetching.offers_age_s)
        for lang in LANGUAGES:
            assert row.sentence(load(lang, strict=True))
            assert row.name_id in load(lang)
    lane.report(COMES)
    clock.now += 30
    lane.report(COMES)
    clock.now += 100
    row = updates_finding(station)
    assert row.values == {"version": "99.0.1+g2d3aa88", "n": 512, "size": 1130}
    assert row.last_seen_s == 107, "the time since is added"
    assert "512 of 1130 kB" in row.sentence(load("en"))
    clock.now += 3600
    assert updates_finding(station).word == "updates_unknown", "a lane that is silent is not known to be well"
    assert updates_finding(marks(tmp_path, Clock(clock.now), "b2")).word == "updates_unknown", (
        "of another start of the machine"
    )


def test_the_card_is_spared(tmp_path: Path) -> None:
    clock = Clock()
    lane = marks(tmp_path, clock)
    for number in range(400):
        lane.report(msgspec.structs.replace(COMES, have_bytes=number, offers_age_s=number * 15))
        clock.now += 15
    still = msgspec.structs.replace(COMES, have_bytes=400)
    seen = []
    for number in range(200):
        lane.report(msgspec.structs.replace(still, offers_age_s=number * 15))
        seen.append((tmp_path / UpdatesStatusFile.name).read_text())
        clock.now += 15
    assert len(set(seen)) <= 200 * 15 / 300 + 2, "that time goes by is no change"


def test_nonsense_is_nothing(tmp_path: Path) -> None:
    clock = Clock()
    marks(tmp_path, clock).report(COMES)
    good = msgspec.json.decode((tmp_path / UpdatesStatusFile.name).read_bytes())
    station = marks(tmp_path, clock)
    assert station.read() == COMES
    for changed in (
        {"version": "<b>1</b>"},
        {"version": "1" * 5000},
        {"here": "../../etc"},
        {"have_bytes": -1},
        {"size_bytes": 1e400},
        {"size_bytes": 10**30},
        {"fault": "x"},
        {"offers_age_s": "soon"},
    ):
        (tmp_path / UpdatesStatusFile.name).write_bytes(
            msgspec.json.encode({**good, "body": {**good["body"], **changed}})
        )
        assert (changed, station.read()) == (changed, None)
    for changed in (
        {"second": "x"},
        {"second": []},
        {"second": 10**400},
        {"boot": None},
    ):
        (tmp_path / UpdatesStatusFile.name).write_bytes(msgspec.json.encode({**good, **changed}))
        assert (changed, station.read()) == (changed, None)
    for text in ("", "[]", "{", "null", "[" * 100_000, '{"second": 1e999}', "\x00", "ü"):
        (tmp_path / UpdatesStatusFile.name).write_text(text, encoding="utf-8")
        assert station.read() is None, text[:20]
    marks(tmp_path / "nowhere", clock).report(COMES)
