"""The station's end of the updates lane, against the center's real one and against one that means no good."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.app.update import fetched_bundles
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.updates import UpdateOffer
from kiosk.messaging.relay.shared import download_client
from kiosk.messaging.relay.updates import lane as updates_lane
from kiosk.messaging.relay.updates.lane import DAY_S, MAX_FIRST_DELAY_S, MAX_TRIES
from kiosk.messaging.relay.updates.ports import Fetching, UpdateFault
from kiosk.simulators.link import LinkConditions, SimulatedLink
from kiosk.sorting_center.updates.downloads import Downloads
from kiosk.sorting_center.updates.folder import OfferFolder
from kiosk.station.update.journal import JournalFile, UpdateOutcome
from kiosk.station.update.messages import POLL_NOW
from kiosk.station.update.refusals import UpdateRefusalReason
from tests.depth import many
from tests.messaging.authority import Authority
from tests.messaging.relay.photos.conftest import authority, ledger, receiving
from tests.messaging.relay.photos.test_lane import files
from tests.messaging.relay.updates.village import Asked, Hostile, Silent, Village, listed, ok
from tests.sorting_center.photos.lanes import Listening, Receiving
from tests.sorting_center.updates.bundles import bundle, offer
from tests.station.update.machine import LOCK, NEW, OTHER_KEY, OTHER_LOCK, Machine

__all__ = ["authority", "ledger", "receiving"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "offered"


@pytest.fixture
def center(receiving: Receiving, authority: Authority, folder: Path) -> Iterator[Listening]:
    log = RateLimitedLog(logging.getLogger("test.updates"), time.monotonic, 300.0)
    with Listening(receiving, authority, Downloads(OfferFolder(folder), log)) as listening:
        yield listening


@pytest.fixture
def link(center: Listening) -> Iterator[SimulatedLink]:
    with SimulatedLink(center.port) as line:
        yield line


@pytest.fixture
def village(tmp_path: Path, link: SimulatedLink, authority: Authority) -> Village:
    return Village(Machine(tmp_path / "machine").lay(), f"https://127.0.0.1:{link.port}", files(authority))


def test_an_update_comes_and_is_listed_and_the_newer_one_takes_its_place(
    village: Village, folder: Path, tmp_path: Path
) -> None:
    offer(folder, made := bundle(tmp_path))
    began = village.clock.now
    lane = village.lane()
    assert village.turns(lane, lambda: village.fetched)
    assert village.clock.now - began > len(made.read_bytes()) / 16_000 - 1, "slower than that by itself"
    assert village.fetched == [f"fetched-{NEW}.kioskupdate"]
    assert village.told[0] == Fetching()
    village.days(village.lane(), 0.1)
    assert (village.told[-1].version, village.told[-1].here) == ("", NEW)
    assert 0 <= village.told[-1].offers_age_s < 0.1 * DAY_S
    JournalFile(village.machine.releases).close(
        UpdateOutcome("1" * 16, NEW, UpdateRefusalReason.PAGES, stepped_back=True, failed=NEW)
    )
    assert village.inbox.here() == "", "one that was tried in vain waits for nobody"
    (village.machine.releases / "outcome.json").unlink()
    place = village.folder / village.fetched[0]
    assert (place.read_bytes(), place.stat().st_mode & 0o777, village.parts) == (made.read_bytes(), 0o600, [])
    village.machine.ask(place.name)
    offer(folder, bundle(tmp_path, "0.10.0"))
    assert village.turns(village.lane(), lambda: village.fetched == ["fetched-0.10.0.kioskupdate"])
    village.machine.ask("fetched-0.10.0.kioskupdate")
    outcome = village.machine.update()
    assert outcome is not None
    assert (outcome.succeeded, village.machine.version(), village.fetched) == (True, "0.10.0", [])
    village.days(village.lane(), 3)
    assert village.fetched == [], "what runs is not fetched again"
    assert (village.told[-1].version, village.told[-1].here, village.fault) == ("", "", None)


def test_a_request_of_the_county_makes_it_look_now(village: Village, folder: Path, tmp_path: Path) -> None:
    offer(folder, bundle(tmp_path))
    lane, began = village.lane(), village.clock.now
    (village.machine.data / POLL_NOW).touch()
    village.outbox.waits = True
    for _ in range(10):
        village.clock.now += lane.turn()
    assert village.parts == [], "events go first all the same"
    village.outbox.waits = False
    assert village.turns(lane, lambda: village.parts, 100)
    assert village.clock.now - began < 60
    assert not (village.machine.data / POLL_NOW).exists()


def test_events_go_first(village: Village, folder: Path, tmp_path: Path) -> None:
    offer(folder, bundle(tmp_path))
    village.outbox.waits = True
    village.days(village.lane(), 0.5)
    assert (village.fetched, village.parts) == ([], [])
    village.outbox.waits = False
    lane = village.lane()
    for _ in range(400):
        if village.parts:
            break
        village.clock.now += lane.turn()
    (before,) = village.parts
    village.outbox.waits = True
    assert not village.turns(lane, lambda: village.parts != [before], 50)
    village.outbox.waits = False
    assert village.turns(village.lane(), lambda: village.fetched)


def test_a_relay_that_is_killed_goes_on_where_it_was(
    village: Village, folder: Path, tmp_path: Path, link: SimulatedLink
) -> None:
    size = len(bundle(tmp_path).read_bytes())
    offer(folder, tmp_path / f"{NEW}.kioskupdate")
    seen = [0]
    for _ in range(20):
        lane = village.lane()
        if village.turns(lane, lambda: village.fetched or sum(village.parts) > seen[-1] + 3000):
            seen.append(sum(village.parts))
        if village.fetched:
            break
    assert village.fetched
    assert len(seen) > 4
    assert seen[1:-1] == sorted(set(seen[1:-1])), (seen, size)


def test_a_line_that_breaks_at_any_byte_costs_no_byte(
    village: Village, folder: Path, tmp_path: Path, link: SimulatedLink
) -> None:
    offer(folder, made := bundle(tmp_path, size=12_000))
    for cut_at in range(50, 12_000, many(3000, torture=97)):
        link.set(LinkConditions(cut_at=cut_at))
        assert village.turns(village.lane(), lambda: village.fetched, 2000), cut_at
        (place,) = village.folder.glob("fetched-*")
        assert place.read_bytes() == made.read_bytes()
        place.unlink()


def test_what_this_station_has_no_use_for_is_not_fetched(village: Village, folder: Path, tmp_path: Path) -> None:
    useless = {
        "0.9.0+g9999999": {},
        "0.8.9": {},
        "1.0.1": {"architecture": "amd64"},
        "1.0.2": {"python": "3.11"},
        "1.0.3": {"libraries": OTHER_LOCK},
    }
    for version, changed in useless.items():
        offer(folder, bundle(tmp_path, version, 100, **changed))
    offer(folder, bundle(tmp_path, "1.0.4", 100), "S0148")
    JournalFile(village.machine.releases).close(
        UpdateOutcome("1" * 16, NEW, UpdateRefusalReason.PAGES, stepped_back=True, failed=NEW)
    )
    offer(folder, bundle(tmp_path, NEW, 100))
    village.days(village.lane(), 3)
    assert (village.fetched, village.parts) == ([], [])
    JournalFile(village.machine.releases).close(UpdateOutcome("1" * 16, NEW, UpdateRefusalReason.BUSY_PAN))
    assert village.turns(village.lane(), lambda: village.fetched), "what was only not begun comes"


def test_room_is_asked_for_before_and_what_was_begun_of_another_goes(
    village: Village, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    offer(folder, bundle(tmp_path))
    (village.folder / ".other.part").write_bytes(b"x")
    (village.folder / "fetched-0.8.0.kioskupdate").write_bytes(b"x")
    (village.folder / "fetched-somehow.kioskupdate").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(fetched_bundles, "RESERVE_BYTES", 2**60)
        village.days(village.lane(), 1)
    assert (village.parts, village.fetched) == ([], ["fetched-somehow.kioskupdate"])
    assert (village.fault, village.told[-1].here) == (UpdateFault.FULL, "")
    assert "MB are free" in caplog.text
    assert village.turns(village.lane(), lambda: village.fetched == [f"fetched-{NEW}.kioskupdate"])


def test_who_has_counted_bytes_asks_once_a_day(village: Village) -> None:
    def questions(days: float) -> int:
        before = village.outbox.asked
        village.days(village.lane(), days)
        return village.outbox.asked - before

    assert 7 <= questions(3) <= 13
    village.bytes_per_second = 500
    assert 2 <= questions(3) <= 4
    assert MAX_FIRST_DELAY_S < DAY_S / 40


def test_a_stranger_at_the_address_of_the_center_gives_nothing(
    village: Village, tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    offer(folder, bundle(tmp_path))
    other = tmp_path / "other"
    other.mkdir()
    village.files["ca_file"] = Authority(other, "elsewhere").file
    village.days(village.lane(), 1)
    assert (village.fetched, village.parts) == ([], [])
    assert "gives no updates at https://127.0.0.1" in caplog.text
    assert (village.fault, village.told[-1].offers_age_s) == (UpdateFault.UNREACHABLE, -1)


# --- a center that means no good


@pytest.fixture
def alone(tmp_path: Path) -> Village:
    return Village(Machine(tmp_path / "machine").lay(), "")


def offered(raw: bytes, version: str = NEW, **changed: object) -> UpdateOffer:
    told: dict[str, object] = {
        "version": version,
        "architecture": "all",
        "python": "3.13",
        "libraries": LOCK,
        "brings_libraries": False,
        "size_bytes": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    return UpdateOffer(**(told | changed))  # type: ignore[arg-type]


def part(raw: bytes, one: UpdateOffer, asked: Asked, *more: str) -> bytes:
    """As an honest center answers."""
    last = asked.first + asked.size - 1
    told = (f'ETag: "{one.sha256}"', f"Content-Range: bytes {asked.first}-{last}/{one.size_bytes}", *more)
    return ok(raw[asked.first : last + 1], *told, status="206 Partial Content")


def beside(asked: Asked, first: int = 0, size: int = 0) -> Asked:
    return replace(asked, first=asked.first + first, size=asked.size + size)


class Center:
    """Offers one bundle, and answers in its own way when it is asked for it."""

    def __init__(
        self, raw: bytes, one: UpdateOffer, answer: Callable[[bytes, UpdateOffer, Asked], bytes | Silent | None]
    ) -> None:
        self._raw, self._one, self._answer = raw, one, answer

    def __call__(self, asked: Asked) -> bytes | Silent | None:
        return self._answer(self._raw, self._one, asked) if self._one.sha256 in asked.path else listed(self._one)


NOT_ASKED_FOR: dict[str, Callable[[bytes, UpdateOffer, Asked], bytes | None]] = {
    "a page": lambda raw, one, asked: ok(b"<html>sign in here</html>", "Content-Type: text/html"),
    "the whole at once, without end": lambda raw, one, asked: ok(b"x" * 5000, length=10**12),
    "another place": lambda raw, one, asked: ok(b"", "Location: http://127.0.0.1:9/x", status="302 Found"),
    "another part": lambda raw, one, asked: part(raw, one, beside(asked, first=1)),
    "a longer part": lambda raw, one, asked: part(raw, one, beside(asked, size=1)),
    "another file": lambda raw, one, asked: part(raw, one, asked).replace(b'ETag: "', b'ETag: "x'),
    "another size": lambda raw, one, asked: part(raw, one, asked).replace(f"/{len(raw)}".encode(), b"/999999"),
    "a packed body": lambda raw, one, asked: part(raw, one, asked, "Content-Encoding: gzip"),
    "chunks": lambda raw, one, asked: part(raw, one, asked, "Transfer-Encoding: chunked"),
    "no HTTP, without end": lambda raw, one, asked: None,
    "nothing": lambda raw, one, asked: b"",
    "much later": lambda raw, one, asked: ok(b"", "Retry-After: 99999999999", status="503 Service Unavailable"),
    "no": lambda raw, one, asked: ok(b"", status="403 Forbidden"),
}


def test_a_center_that_answers_something_else_leaves_nothing(alone: Village, tmp_path: Path) -> None:
    raw = bundle(tmp_path).read_bytes()
    one, told = offered(raw), dict[str, UpdateFault | None]()
    for name, answer in NOT_ASKED_FOR.items():
        with Hostile(Center(raw, one, answer)) as center:
            alone.url = center.url
            alone.days(alone.lane(), 0.3)
            assert 2 <= len(center.asked) < 300, (name, len(center.asked))
            told[name] = alone.fault
        assert (alone.fetched, alone.parts) == ([], []), name
    assert (told["no"], told["much later"], told["nothing"]) == (UpdateFault.REFUSED, None, UpdateFault.UNREACHABLE)


def test_a_list_that_is_none_is_none(alone: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_client, "REQUEST_TIMEOUT_S", 0.05)
    lists = (
        ok(b"<html>"),
        ok(b'{"offers":[', length=10**12),
        ok(b'{"offers":[]}' + b" " * 20_000),
        ok(b"", "Location: /elsewhere", status="301 Moved Permanently"),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    )
    for answer in lists:
        with Hostile(lambda asked, answer=answer: answer) as center:  # type: ignore[misc]
            alone.url = center.url
            alone.days(alone.lane(), 0.05)
            assert 1 <= len(center.asked) < 60
    assert not any(alone.folder.iterdir())


@pytest.mark.parametrize(("counted", "most"), [(500, 40), (0, 400)])
def test_who_answers_in_the_place_of_the_center_is_asked_less_and_less(alone: Village, counted: int, most: int) -> None:
    """A page to sign in at, for three days: each question is paid for where bytes are counted."""
    alone.bytes_per_second = counted
    with Hostile(lambda asked: ok(b"<html>sign in</html>")) as center:
        alone.url = center.url
        alone.days(alone.lane(), 3)
        assert 10 < len(center.asked) < most


@pytest.mark.parametrize("of", ["the list", "the bundle"])
def test_who_says_at_once_again_and_again_is_asked_less_and_less(alone: Village, tmp_path: Path, of: str) -> None:
    raw = bundle(tmp_path).read_bytes()
    one, busy = offered(raw), ok(b"", "Retry-After: 0", status="503 Service Unavailable")
    with Hostile((lambda asked: busy) if of == "the list" else Center(raw, one, lambda *_: busy)) as center:
        alone.url = center.url
        alone.days(alone.lane(), 0.05)
        assert 5 < len(center.asked) < 150
    assert alone.fault is None


@pytest.mark.parametrize(("of", "most"), [("the list", 5), ("the bundle", 40)])
@pytest.mark.parametrize("status", ["404 Not Found", "416 Range Not Satisfiable"])
def test_who_has_nothing_there_again_and_again_is_asked_less_and_less(
    alone: Village, tmp_path: Path, of: str, most: int, status: str
) -> None:
    """For three days on a line whose bytes are counted: something else stands at the address, or the list is wrong."""
    raw, gone = bundle(tmp_path).read_bytes(), ok(b"", status=status)
    one, alone.bytes_per_second = offered(raw), 500
    with Hostile((lambda asked: gone) if of == "the list" else Center(raw, one, lambda *_: gone)) as center:
        alone.url = center.url
        alone.days(alone.lane(), 3)
        assert 2 <= len(center.asked) < most


def test_what_drips_is_broken_off(alone: Village, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the headers, which no time-out of a read bounds; what came of a body counts."""
    monkeypatch.setattr(download_client, "REQUEST_TIMEOUT_S", 0.05)
    raw = bundle(tmp_path).read_bytes()
    one = offered(raw)
    with Hostile(Center(raw, one, lambda raw, one, asked: Silent(b"HTTP/1.1 206 Partial Content\r\nX: "))) as center:
        alone.url = center.url
        assert alone.turns(alone.lane(), lambda: len(center.asked) > 3)
        assert alone.parts == []
    with Hostile(Center(raw, one, lambda raw, one, asked: Silent(part(raw, one, asked)[:-1]))) as center:
        alone.url = center.url
        assert alone.turns(alone.lane(), lambda: sum(alone.parts) > 2000)


def test_another_file_under_the_same_name_is_thrown_away_and_tried_three_times(
    alone: Village, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw = bundle(tmp_path).read_bytes()
    one = offered(raw)
    changed = raw[:-1] + bytes([raw[-1] ^ 1])
    with Hostile(Center(changed, one, part)) as center:
        alone.url = center.url
        alone.days(alone.lane(), 0.9)
        begun = sum(one.sha256 in asked.path and asked.first == 0 for asked in center.asked)
    assert (alone.fetched, alone.parts, begun, alone.fault) == ([], [], MAX_TRIES, UpdateFault.DAMAGED)
    assert "are not those that were offered" in caplog.text


def test_what_is_not_signed_as_it_is_offered_is_not_fetched_to_its_end(
    alone: Village, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also a bundle of long ago, which the vendor has signed, under a new number."""
    old = bundle(tmp_path, "0.8.0", 400_000).read_bytes()
    stranger = bundle(tmp_path, "0.9.2", 400_000, OTHER_KEY).read_bytes()
    noise = b"x" * 400_000
    for raw, one in ((old, offered(old)), (stranger, offered(stranger, "0.9.2")), (noise, offered(noise))):
        with Hostile(Center(raw, one, part)) as center:
            alone.url = center.url
            alone.days(alone.lane(), 0.9)
            assert max(asked.first + asked.size for asked in center.asked) < 200_000
            assert sum(one.sha256 in asked.path and asked.first == 0 for asked in center.asked) == 1
        assert (alone.fetched, alone.parts, alone.fault) == ([], [], UpdateFault.FORGED)
    assert "it is 0.8.0 with" in caplog.text


def test_what_a_killed_relay_had_not_checked_is_checked(alone: Village, tmp_path: Path) -> None:
    raw = bundle(tmp_path, size=400_000, key=OTHER_KEY).read_bytes()
    one = offered(raw)
    (alone.folder / f".{one.sha256}.part").write_bytes(raw[:70_000])
    with Hostile(Center(raw, one, part)) as center:
        alone.url = center.url
        alone.days(alone.lane(), 0.9)
        assert [asked for asked in center.asked if one.sha256 in asked.path] == []
    assert alone.parts == []


def test_what_the_card_has_lost_is_fetched_again_and_what_is_signed_anew_as_well(
    alone: Village, tmp_path: Path
) -> None:
    raw = bundle(tmp_path).read_bytes()
    other = bundle(tmp_path, size=30_000).read_bytes()
    place = alone.folder / f"fetched-{NEW}.kioskupdate"
    for what, is_fetched, before, offers in (
        ("whole", False, raw, raw),
        ("zeros", True, b"\0" * len(raw), raw),
        ("a bit", True, raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:], raw),
        ("short", True, raw[:-1], raw),
        ("signed anew", True, raw, other),
    ):
        place.write_bytes(before)
        with Hostile(Center(offers, one := offered(offers), part)) as center:
            alone.url = center.url
            alone.days(alone.lane(), 2)
            asked = [asked for asked in center.asked if one.sha256 in asked.path]
        assert bool(asked) is is_fetched, what
        assert (sum(part.size for part in asked) in (0, len(offers)), place.read_bytes()) == (True, offers), what


def test_a_full_card_in_the_middle_costs_nothing_that_came(
    alone: Village, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    raw = bundle(tmp_path).read_bytes()
    one = offered(raw)
    with Hostile(Center(raw, one, part)) as center:
        alone.url = center.url
        assert alone.turns(alone.lane(), lambda: sum(alone.parts) > 9000)
        before = alone.parts
        with monkeypatch.context() as patch:
            patch.setattr(fetched_bundles.FetchedBundles, "_opened", full)
            alone.days(alone.lane(), 0.1)
        assert (alone.parts, alone.fault) == (before, UpdateFault.INTERNAL)
        assert "No space left" in caplog.text
        assert alone.turns(alone.lane(), lambda: alone.fetched)
        assert alone.fault is None
    assert (alone.folder / alone.fetched[0]).read_bytes() == raw


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_does_not_come_in_a_week_is_given_up(
    alone: Village, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates_lane, "MAX_FETCH_S", 7200.0)
    raw = bundle(tmp_path).read_bytes()
    one = offered(raw)
    with Hostile(Center(raw, one, lambda raw, one, asked: b"" if asked.first else part(raw, one, asked))) as center:
        alone.url = center.url
        alone.days(alone.lane(), 0.05)
        assert alone.parts == [4096]
        lane = alone.lane()
        alone.days(lane, 0.25)
        lists = [asked for asked in center.asked if one.sha256 not in asked.path]
    assert (alone.parts, len(lists)) == ([], 2), "once for each life of the relay, and not again for a day"
    assert alone.fault is UpdateFault.LATE
    on_its_way = {(one.version, one.have_bytes, one.size_bytes) for one in alone.told if one.version}
    assert on_its_way == {(NEW, 4096, len(raw))}
