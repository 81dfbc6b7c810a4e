"""What a county may ask of a station: three things, signed, once; and what everything else comes to."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.base import files
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.configuration import ConfigurationDocument
from kiosk.messaging.contract.station_request import MAX_REQUEST_BYTES, StationRequest, parse_request
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority
from kiosk.station.configuration import floor, inbox
from kiosk.station.configuration.floor import MAX_REFUSALS_A_DAY, FloorFile
from kiosk.station.configuration.inbox import POLL_S
from kiosk.station.configuration.signature import check_signature
from kiosk.station.doctor import requests
from kiosk.station.update.messages import POLL_NOW
from kiosk.store import Store
from kiosk.store.database.opening import OpenOptions
from tests.depth import many
from tests.station.doctor.asked import Asked
from tests.station.doctor.clinic import Clinic
from tests.station.fakes import MOMENT
from tests.station.update.power import lines_of, run, worth_a_cut

MADE = datetime(2026, 11, 1, tzinfo=UTC)
AUTHORITY = CountyAuthority.create("yarkant", MADE)
FOREIGN = CountyAuthority.create("yarkant", MADE)
KEYS = {number: ConfigurationKey(AUTHORITY.issue_configuration_key("yarkant", number, MADE)) for number in (1, 2)}
NEIGHBOUR = ConfigurationKey(AUTHORITY.issue_configuration_key("hotan", 1, MADE))
ISSUED, EXPIRES = "2026-11-24T06:00:00Z", "2026-12-01T06:00:00Z"
FIELDS: dict[str, Any] = {"kind": "report", "release": "", "issued": ISSUED, "expires": EXPIRES, "certificate": ""}


def asked(number: int = 7, key: int = 1, **changes: Any) -> StationRequest:
    fields = {"station": "S0147", "region": "yarkant", "version": (key, number)} | FIELDS | changes
    return KEYS[key].sign(StationRequest(**fields))


def signature(content: bytes) -> Any:
    return check_signature(parse_request(content), AUTHORITY.certificate.encode())


@pytest.fixture
def station(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    yield Asked(clinic, signature)
    clinic.store.close()


def test_a_report_and_a_bundle_are_files_that_their_events_announce(station: Asked) -> None:
    assert station.worker.step() == POLL_S, "nothing is asked"
    assert station.take(asked(7)) == station.take(asked(8, kind="bundle")) == [("done", "")]
    report, bundle = station.events()
    assert (report["key"], report["number"], report["kind"], bundle["kind"]) == (1, 7, "report", "bundle")
    contents = station.files()
    assert {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()} == {n: n for n in contents}
    assert {(name, len(content)) for name, content in contents.items()} == {
        (row["sha256"], row["size_bytes"]) for row in (report, bundle)
    }
    rows = json.loads(contents[report["sha256"]])
    assert {"device", "verdict", "word"} <= rows[0].keys()
    assert str(station.clinic.folder).encode() not in contents[report["sha256"]], "words alone, no place"
    (station.clinic.folder / "b.zip").write_bytes(contents[bundle["sha256"]])
    with zipfile.ZipFile(station.clinic.folder / "b.zip") as opened:
        assert "doctor.txt" in opened.namelist()
    assert sorted(path.name for path in station.folder.iterdir()) == ["answers", floor.FILE_NAME], "nothing else"


def test_an_update_only_makes_the_relay_look(station: Asked, subtests: pytest.Subtests) -> None:
    look = station.clinic.settings.data / POLL_NOW
    update = {"kind": "update", "release": "9.9.9"}
    assert station.take(asked(1, **update)) == [("refused", "no_updates")]
    station.clinic.equipment.updates = object()  # type: ignore[assignment]
    assert station.take(asked(2, **update | {"release": "test"})) == [("refused", "installed")]
    assert not look.exists()
    assert station.take(asked(3, **update)) == [("done", "")]
    assert (look.read_bytes(), station.files()) == (b"", {})
    station.clinic.config.relay = RelaySettings("mqtt://127.0.0.1:1", "yarkant", "S0147", "test")
    for number, kind in enumerate(("report", "bundle", "update"), 10):
        with subtests.test(kind):
            assert station.take(asked(number, kind=kind, release="9")) == [("refused", "no_place")]


def test_nothing_else_is_done(station: Asked, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture) -> None:
    """Of what is not this county's for this station one line of the log; of the rest the event with the reason."""
    assert station.take(asked(5)) == [("done", "")]
    good = asked(6)
    foreign = ConfigurationKey(FOREIGN.issue_configuration_key("yarkant", 1, MADE))
    shell = good.encode().replace(b'"report"', b'"report; rm -rf /"')
    document = KEYS[1].sign(ConfigurationDocument("S0147", "yarkant", (1, 6), ISSUED, None, {}, ""))
    extra = b'{"argv":["sh"],' + good.encode()[1:]
    ignored: dict[str, StationRequest | bytes] = {
        "nothing": b"",
        "no JSON": b"$(reboot)",
        "unsigned": msgspec.structs.replace(good, signature=""),
        "without a certificate": msgspec.structs.replace(good, certificate=""),
        "of another county": foreign.sign(msgspec.structs.replace(good, certificate="", signature="")),
        "of another region": NEIGHBOUR.sign(msgspec.structs.replace(good, region="hotan")),
        "changed: kind": msgspec.structs.replace(good, kind="bundle"),
        "changed: number": msgspec.structs.replace(good, version=(1, 9)),
        "changed: expiry": msgspec.structs.replace(good, expires="2027-12-01T06:00:00Z"),
        "another station's": asked(6, station="S0148"),
        "with words of a shell": shell,
        "with one more field": extra,
        "a document of the county": document.encode(),
        "huge": good.encode() + b" " * MAX_REQUEST_BYTES,
        "cut": good.encode()[:-20],
        "twice in one": good.encode() * 2,
    }
    for name, request in ignored.items():
        with subtests.test(name):
            caplog.clear()
            before = station.files()
            assert station.take(request) == []
            assert len([row for row in caplog.records if "a request is ignored" in row.message]) == 1
            assert (station.waits(), station.files()) == (False, before)
    refused = {
        "expired": (asked(6, expires="2026-11-25T01:00:00Z"), "expired"),
        "issued in the future": (asked(6, issued="2027-11-24T06:00:00Z"), "date"),
        "no kind of this software": (asked(6, kind="shell"), "unknown_kind"),
        "an older number": (asked(4), "older"),
        "the same number for something else": (asked(5, kind="bundle"), "older"),
    }
    for name, (request, reason) in refused.items():
        with subtests.test(name):
            before = station.files()
            assert station.take(request) == [("refused", reason)]
            assert station.take(request) == [], "one event for each"
            assert (station.waits(), station.files()) == (False, before)
    assert station.take(good) == [("done", "")], "and nothing of all that was in its way"


def test_what_comes_again_is_answered_from_the_record(station: Asked) -> None:
    request = asked()
    assert station.take(request) == [("done", "")]
    first = station.files()
    station.start()
    assert station.take(request) == [("done", "")], "the same answer, after a restart as well"
    spaced = json.dumps(json.loads(request.encode()), indent=1).encode()
    assert station.take(spaced) == [], "a third time the log is enough"
    assert station.events()[0] == station.events()[1]
    assert station.files() == first


def test_a_broker_cannot_fill_the_journal(station: Asked) -> None:
    told = [station.take(asked(number, expires="2026-11-24T07:00:00Z")) for number in range(1, 2 * MAX_REFUSALS_A_DAY)]
    assert told == [[("refused", "expired")]] * MAX_REFUSALS_A_DAY + [[]] * (MAX_REFUSALS_A_DAY - 1)
    assert station.take(asked(100)) == [("done", "")]


def test_a_key_that_was_replaced_is_believed_no_more(station: Asked) -> None:
    FloorFile(station.clinic.settings.data).raise_to(floor.ConfigurationVersion(2, 1))
    station.start()
    assert station.take(asked(9)) == [("refused", "older")], "a document of the second key was in force"
    assert station.take(asked(1, key=2)) == [("done", "")]
    assert station.take(asked(10)) == [("refused", "older")]


def test_it_waits_while_people_are_served_and_while_nobody_knows_the_time(station: Asked) -> None:
    station.busy = "busy_intake"
    assert (station.take(asked()), station.waits()) == ([], True)
    station.busy = None
    station.clinic.moment = replace(MOMENT, utc=datetime(1970, 1, 1, tzinfo=UTC), quality=ClockQuality.UNSET)
    assert station.worker.step() == POLL_S
    assert station.waits(), "it may be expired"
    station.clinic.moment = replace(MOMENT, utc=datetime(2026, 12, 2, tzinfo=UTC))
    station.worker.step()
    assert [row["reason"] for row in station.events()] == ["expired"]


def test_a_card_that_is_full_or_fails(station: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "free_bytes", lambda _: 1_000_000)
    assert station.take(asked(1)) == [("refused", "disk_full")]
    monkeypatch.setattr(requests, "free_bytes", lambda _: 10**12)
    monkeypatch.setattr(requests, "MAX_ANSWER_BYTES", 10)
    assert station.take(asked(2)) == [("refused", "too_large")]

    def fails(*_: object) -> Path:
        raise OSError("no card")

    monkeypatch.setattr(requests, "write_bundle", fails)
    assert station.take(asked(3, kind="bundle")) == [("failed", "storage")]
    assert station.files() == {}


FILES = {module.__file__ for module in (files, floor, inbox, requests)}
CUTS = many(24, torture=10_000, quick=4)


def test_the_power_goes_at_any_line(station: Asked, tmp_path: Path) -> None:
    """One answer with its file, told at least once; nothing that no answer names is left."""
    station.put(asked())
    station.clinic.store.close()
    whole = station.clinic.settings.data
    clean = tmp_path / "clean"
    shutil.copytree(whole, clean)

    def again() -> None:
        shutil.rmtree(whole)
        shutil.copytree(clean, whole)

    def work() -> None:
        with closing(_opened(station)):
            station.start()
            station.worker.step()

    again()
    cuts = worth_a_cut(lines_of(work, FILES))
    assert len(cuts) > 50
    seen = set()
    for cut in (*cuts[:: max(1, len(cuts) // CUTS)], *cuts[-3:]):
        again()
        assert run(work, cut, FILES)
        with closing(_opened(station)):
            seen.add(len(station.events()))
            station.start()
            station.worker.step()
            answers = station.events()
            assert len(answers) in (1, 2)
            assert all(row == answers[0] for row in answers)
            assert list(station.files()) == [answers[0]["sha256"]]
            assert not station.waits()
    assert seen == {0, 1}


def _opened(station: Asked) -> Store:
    options = OpenOptions(check=False, reserve_bytes=0)
    station.clinic.store = Store.open(station.clinic.settings.database, "S0147", station.clinic.stamp(), options)
    return station.clinic.store
