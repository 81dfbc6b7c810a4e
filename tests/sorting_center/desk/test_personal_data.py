"""What the desk stores about people, as docs/personal-data.md says: planted where it is typed, looked for in bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import insert

from kiosk.domain.clerk import Role
from kiosk.sorting_center import export
from kiosk.sorting_center.desk.care import back_up_desk
from kiosk.sorting_center.desk.decisions import DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.targets import NoticeChannel, NoticeTarget
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.desk.shared.schema import audit
from kiosk.sorting_center.desk.station_people import Station as StationKey
from kiosk.sorting_center.desk.terms import INTERVAL_S, MAX_ROWS, TERM_RANGES, erase_expired, erase_step, parse_terms
from kiosk.sorting_center.desk.throttle import AttemptTime
from kiosk.sorting_center.feed.feed import feed_message
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from tests.house.documents import personal_data
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import NOON, PASSWORD, app_of, stores_of
from tests.sorting_center.station_journal import NOW, Station
from tests.sorting_center.web.test_alarms import Person

TERMS: Final = parse_terms()
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Planted:
    """A word that is stored nowhere but at its place, and ``also`` at these."""

    word: str
    also: tuple[str, ...] = ()


PLANTED: Final[Mapping[str, Planted]] = {
    "people": Planted("zarinqiz.planted"),
    "throttle": Planted("203.0.113.78"),
    "sign_ins": Planted("پەرىدە تۇرسۇن"),
    "searches": Planted("ئابدۇرېھىم مۇختەر"),
    "audit": Planted("撤回因为古丽巴哈尔"),
    "cases": Planted("阿不都热依木打过电话", ("audit",)),
    "notices": Planted("mailbox of tursunay is full"),
    "targets": Planted("tursunay.planted@example.org"),
    "contacts": Planted("0998-7413652"),
    "drafts": Planted("0998-7413653"),
    "decisions": Planted("买买提江说好了"),
    "listings": Planted("خالىدەمنىڭ بادىمى"),
    "station_people": Planted("ھاۋاگۈل سىدىق"),
    "members": Planted("رۇقىيەگۈل مەتتۇرسۇن"),
}
NO_WORDS: Final = {
    "ledger",
    "reports",
    "archives",
    "refused",
    "photographs",
    "sessions",
    "logs",
    "backups",
}
"""Places where no person types anything: numbers, pictures, what programs write."""


def plant(desk: CenterDesk, person: Person, station: Station, now: datetime) -> None:
    """Each word the way people bring it in."""
    desk.people.add(PLANTED["people"].word, StaffRole.VIEWER, PASSWORD, now)
    desk.people.set_disabled(PLANTED["people"].word, True, now)
    desk.throttle.attempt("nobody", PLANTED["throttle"].word, AttemptTime("boot", 1, now))
    stranger = person.client.application.test_client()
    assert stranger.post("/sign-in", data={"name": PLANTED["sign_ins"].word, "password": "x"}).status_code == 403
    person.sees(f"/search?q={PLANTED['searches'].word}")
    listing = f"/listings/shache/{station.station}/{station.lot(1)}"
    texts = {"title_ug": PLANTED["listings"].word, "version": 1}
    assert person.does(f"{listing}/edit", **texts).status_code == 303
    withdrawn = person.does(f"{listing}/withdraw", reason=PLANTED["audit"].word, version=2)
    assert withdrawn.status_code == 303
    mail = {"server": "mail.example.org:587/starttls", "sender": "center@example.org"}
    address = PLANTED["targets"].word
    desk.notice_targets.add(NoticeTarget("office", NoticeChannel.MAIL, address, "en", **mail), now)
    (case,) = desk.cases.observe([Condition("fork", "shache", "S0147")], now)
    desk.notices.collect(now)
    claim = desk.notices.claim(now)
    assert claim is not None
    desk.notices.mark_sent(claim, PLANTED["notices"].word, now)
    assert person.does(f"/alarms/{case.id}/close", version=1, reason=PLANTED["cases"].word).status_code == 303
    desk.cases.observe([], now)
    desk.registry.replace([ExpectedStation("shache", "S0147", contact=PLANTED["contacts"].word)], [])
    desk.drafts.store("aygul", "session", PLANTED["drafts"].word.encode(), "", now)
    there = StationKey("shache", "S0147")
    for name, role in (("Turdi", Role.TECHNICIAN), (PLANTED["station_people"].word, Role.CLERK)):
        desk.station_people.add(there, ("", name, role), (), "aygul", now)
    desk.station_people.end(there, "02", "aygul", now)
    assert person.does("/members/add", name=PLANTED["members"].word, scope="").status_code == 303
    reason = DecisionRationale("aygul", PLANTED["decisions"].word)
    desk.decisions.decide((DecisionKind.DAY, "shache S0147 e 4"), 0, "accepted", reason, now)


def found_in(folder: Path) -> set[str]:
    """The places whose word is in any file, its write-ahead log and its free pages included."""
    return words_in(b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()))


def words_in(content: bytes) -> set[str]:
    return {place for place, one in PLANTED.items() if one.word.encode() in content}


def given_away(ledger: Ledger, person: Person) -> bytes:
    """What readers of the feed, programs and files get, and what people download."""
    pieces = [feed_message(entry) for entry in ledger.feed(0, 1000)]
    pieces += ["".join(write(ledger.events())).encode() for write in (export.jsonl, export.table)]
    month = f"{datetime.now(UTC):%Y-%m}"
    for path in ("/feed", "/intakes.json", "/ledger/summary.json", f"/exports/{month}/receipts.csv", "/metrics"):
        with person.client.get(path) as answer:
            assert answer.status_code == 200, path
            pieces.append(answer.data)
    return b"".join(pieces)


def term_of(place: str) -> int | None:
    """Days until the word of this place is gone; None without a term."""
    days = [TERMS[kind] for kind in (place, *PLANTED[place].also) if kind in TERMS]
    return max(days) if days else None


def test_the_table_is_what_the_program_has() -> None:
    table = personal_data("At the sorting center")
    assert table.keys() == PLANTED.keys() | NO_WORDS
    pattern = re.compile(r"\*\*([\d,]+)\*\* days \(([\d,]+) to ([\d,]+)\)")
    terms = {place: found.groups() for place, text in table.items() if (found := pattern.search(text))}
    assert terms == {kind: tuple(f"{days:,}" for days in rule) for kind, rule in TERM_RANGES.items()}


def test_planted_words_are_there_until_their_term_and_nowhere_after(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    folder, url = tmp_path / "center", f"sqlite:///{tmp_path / 'center' / 'county.db'}"
    folder.mkdir()
    with Ledger.open(url) as ledger, stores_of(ledger) as stores:
        station = Station()
        ledger.accept([station.start(), station.intake(1), station.offer(1, "ab" * 32)], "shache", NOW)
        while OfferFollower(ledger, stores.desk.database).step():
            pass
        desk = stores.desk
        person, now = Person(app_of(stores), desk, StaffRole.ADMIN), datetime.now(UTC)
        plant(desk, person, station, now)
        assert found_in(folder) == PLANTED.keys()
        assert words_in(given_away(ledger, person)) == set(), "nothing of it leaves the county's own pages"
        for days in sorted(set(TERMS.values())):
            for at, over in ((now + timedelta(days) - HOUR, days - 1), (now + timedelta(days) + HOUR, days)):
                erase_expired(desk.database, TERMS, at)
                desk.database.empty_log()
                left = {place for place in PLANTED if (term := term_of(place)) is None or term > over}
                assert found_in(folder) == left - {"drafts"}, (days, over)
        desk.notice_targets.remove("office")
        (number,) = (row.key for row in desk.book.rows("shache", ["member"]))
        assert person.does(f"/members/{number}/end").status_code == 303
        desk.registry.replace([], [])
        desk.database.empty_log()
        assert found_in(folder) == {"decisions"}
        back_up_desk(url, tmp_path / "backup.db")
        assert found_in(tmp_path) == {"decisions"}
    assert not [one.word for one in PLANTED.values() if one.word in caplog.text]


def test_a_case_whose_condition_lasts_loses_its_words_and_stays_closed(desk: CenterDesk) -> None:
    lasting = [Condition("fork", "shache", "S0147")]
    (case,) = desk.cases.observe(lasting, NOON)
    desk.cases.close(case.id, 1, "aygul", "the copied card is out", NOON)
    later = NOON + timedelta(TERMS["cases"]) + HOUR
    assert [erase_expired(desk.database, TERMS, later)["cases"] for _ in range(2)] == [1, 0]
    assert desk.cases.observe(lasting, later) == []
    after = desk.cases.get(case.id)
    assert (after.state, after.who, after.reason, desk.cases.history(case.id)) == ("closed", "", "", [])


@pytest.mark.parametrize("year", [1970, 2025, 2027, 2099])
def test_a_clock_that_the_stations_contradict_erases_nothing(desk: CenterDesk, ledger_url: str, year: int) -> None:
    station, contradicted = ClockedStation(), NOON.replace(year=year)
    desk.audit.record("aygul", AuditAction.SEARCHED, "M-04412", "", datetime(1969, 1, 1, tzinfo=UTC))
    with Ledger.open(ledger_url) as ledger:
        assert erase_step(ledger, desk.database, TERMS, NOON) == INTERVAL_S, "no event says what time it is"
        ledger.accept([station.start(), station.intake(1)], "shache", NOW)
        while ledger.number(100):
            pass
        erase_step(ledger, desk.database, TERMS, contradicted)
        assert len(desk.audit.page()) == 1
        erase_step(ledger, desk.database, TERMS, NOON + timedelta(20))
        assert desk.audit.page() == []


def test_a_step_is_bounded_and_the_next_comes_soon(desk: CenterDesk, ledger_url: str) -> None:
    station = ClockedStation()
    row = {"at": to_rfc3339(NOON - timedelta(2000)), "who": "aygul", "act": "exported", "subject": "", "detail": ""}
    with desk.database.writing() as connection:
        connection.execute(insert(audit), [row] * (MAX_ROWS + 1))
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([station.start()], "shache", NOW)
        while ledger.number(100):
            pass
        waits = [erase_step(ledger, desk.database, TERMS, NOON) for _ in range(2)]
    assert (waits, desk.audit.page()) == ([1.0, INTERVAL_S], [])


@pytest.mark.parametrize(
    "text", ["audit", "audit=", "audit=179", "audit=3651", "audit=²", "ledger=400", "=9", "audit=1e3"]
)
def test_a_term_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_terms([text])
    with pytest.raises(ValueError, match="once"):
        parse_terms(["audit=400", "audit=401"])
    assert parse_terms(["audit=400"]) == {**TERMS, "audit": 400}
