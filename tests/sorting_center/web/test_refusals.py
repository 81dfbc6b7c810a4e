"""Whatever is refused is said in the language of who asks: no code is without its sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from kiosk.base.refused import Refused
from kiosk.domain.clerk import Role
from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.desk import registry_csv
from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.decisions import DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices import outbox
from kiosk.sorting_center.desk.notices.targets import MAX_TARGETS, MailServer, NoticeChannel, NoticeTarget, Webhook
from kiosk.sorting_center.desk.people import StaffRole, check_password
from kiosk.sorting_center.desk.registry_csv import MAX_BYTES, BadRegistry, RegistryFault, read_registry
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.desk.station_people import Station as Place
from kiosk.sorting_center.desk.tokens import Scope
from kiosk.sorting_center.listings.listings import ActionContext, CenterListings
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.listings.ports import NoPictureStore
from kiosk.sorting_center.listings.records import ListingKey, ListingTexts
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.sorting_center.web.staff import exports
from kiosk.texts.languages import LANGUAGES
from tests.sorting_center.codes import codes_of
from tests.sorting_center.staff import PASSWORD, app_of, sign_in
from tests.sorting_center.station_journal import NOW as CAME
from tests.sorting_center.station_journal import Station

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
HOOK = NoticeTarget("hook", NoticeChannel.WEBHOOK, "https://example.org/alarms", "en")
MAIL = NoticeTarget(
    "post", NoticeChannel.MAIL, "a@example.org", "en", server="mail.example.org:465/tls", sender="b@example.org"
)
"""To be changed by one thing that is wrong."""


@pytest.fixture
def admin(stores: Stores) -> Iterator[tuple[FlaskClient, str]]:
    with app_of(stores).test_client() as client:
        yield client, sign_in(client, stores.desk, StaffRole.ADMIN)


OF_PAGES: Mapping[str, str] = {
    "bad_language": "this language is not spoken here",
    "bad_way": "a target is reached by mail or by webhook",
    "code_in_use": "there are goods with this code",
    "export_busy": "two exports are being made",
    "faults": "the draft has faults",
    "figures_changed": "the receipt was told once more",
    "not_drawn": "a layout that is none",
    "not_written": "the file cannot be made",
    "statement_cut_off": "the member has too many receipts",
    "statement_key": "the county's key cannot be used",
    "none_chosen": "choose what you decide on",
    "no_cards": "the cards could not be drawn",
    "no_place": "there is no such township or station",
    "no_public_address": "no public address of the storefront is set",
    "only_the_chain": "only the chain decides",
    "pin_no_secret": "the identity has no secret for PINs",
    "pictures_busy": "pictures are being made already",
    "wait": "too many wrong passwords",
    "wrong_password": "the password of now is another one",
}
"""What pages refuse themselves, of which no sentence needs a value; the tests of those pages bring each about."""
OF_PAGES_WITH_VALUES: Mapping[str, Mapping[str, str]] = {
    "pin_challenge": {"n": "8"},
    "pin_wait": {"n": "30"},
    "unknown_member": {"name": "M-00001"},
}


def offered(stores: Stores) -> ListingKey:
    """A lot that a station offers, without its photo."""
    station = Station()
    stores.ledger.accept([station.start(), station.intake(1), station.offer(1, "ab" * 32)], "shache", CAME)
    OfferFollower(stores.ledger, stores.desk.database, lambda: NOW).step()
    return ListingKey("shache", station.station, station.lot(1))


def publishes(desk: CenterDesk, region: str, who: str) -> None:
    """Goods and prices that gulnar has changed."""
    if desk.book.draft(region).revision == 0:
        desk.book.change(region, [BookRow("price", "", "BADAM/purchase/", "")], 0, "gulnar", NOW)
    desk.book.publish(region, desk.book.draft(region).revision, who, "", NOW, alone_allowed=False)


def acts(stores: Stores) -> Mapping[str, Callable[[], object]]:
    """Something that is refused, for each reason the desk has."""
    desk = stores.desk
    people, tokens, targets, cases = desk.people, desk.tokens, desk.notice_targets, desk.cases
    cases.observe([Condition("fork", "shache", "S0147"), Condition("twin", "shache", "S0147")], NOW)
    cases.close(1, 1, "gulnar", "a reason", NOW)
    people.add("root", StaffRole.ADMIN, PASSWORD, NOW)
    for number in range(MAX_TARGETS):
        targets.add(replace(HOOK, name=f"hook{number}"), NOW)
    targets.set_paused("hook0", True)
    listings, lot = CenterListings(desk.database, NoPictureStore()), offered(stores)
    doing, no_title = ActionContext("gulnar", 1, NOW), ListingTexts(WordsData("", "", ""), WordsData("", "", ""))
    here, people_there = Place("shache", "S0147"), desk.station_people
    decide, subject = desk.decisions.decide, (DecisionKind.DAY, "shache S0147 x 3")
    return {
        "bad_kind": lambda: replace(HOOK, kinds=frozenset({"no word"})).check(),
        "bad_login": lambda: replace(MAIL, login="../x").check(),
        "bad_mail": lambda: replace(MAIL, sender="nobody").check(),
        "bad_name": lambda: people.add("Root!", StaffRole.VIEWER, PASSWORD, NOW),
        "bad_rate": lambda: tokens.add("other", [Scope.READ], NOW, 0),
        "bad_server": lambda: MailServer.parse("mail.example.org"),
        "bad_url": lambda: Webhook.parse("ftp://example.org"),
        "changed_meanwhile": lambda: desk.registry.replace([], [], "of another list"),
        "closed": lambda: cases.close(1, 2, "gulnar", "again", NOW),
        "decided_meanwhile": lambda: decide(subject, 7, "accepted", DecisionRationale("gulnar", "a reason"), NOW),
        "guessed_password": lambda: check_password("password1234", "gulnar", StaffRole.VIEWER),
        "last_admin": lambda: people.set_role("root", StaffRole.VIEWER, NOW),
        "name_taken": lambda: people.add("root", StaffRole.VIEWER, PASSWORD, NOW),
        "no_draft": lambda: desk.drafts.find("gulnar", "x", "y", NOW),
        "no_number": lambda: people_there.add(here, ("", "Ali", Role.TECHNICIAN), ["9999"], "gulnar", NOW),
        "number_taken": lambda: people_there.add(here, ("02", "Ali", Role.TECHNICIAN), ["01"], "gulnar", NOW),
        "no_reason": lambda: cases.close(2, 1, "gulnar", " ", NOW),
        "no_room": lambda: desk.notices.test("hook1", NOW),
        "no_scope": lambda: tokens.add("other", [], NOW),
        "no_such_act": lambda: decide(subject, 0, "burn", DecisionRationale("gulnar", "a reason"), NOW),
        "no_such_case": lambda: cases.get(99),
        "no_such_language": lambda: people.set_language("root", "xx"),
        "no_such_listing": lambda: listings.pause(replace(lot, lot="L-NOT-THERE"), doing),
        "no_such_person": lambda: people.set_role("nobody", StaffRole.VIEWER, NOW),
        "no_such_role": lambda: StaffRole.of("king"),
        "no_such_target": lambda: targets.remove("nowhere"),
        "no_such_token": lambda: tokens.revoke("nothing", NOW),
        "no_technician": lambda: people_there.add(here, ("", "Ali", Role.CLERK), [], "gulnar", NOW),
        "no_title": lambda: listings.edit(lot, no_title, doing),
        "not_closed": lambda: cases.reopen(2, 1, "gulnar", "a reason", NOW),
        "nothing_new": lambda: [publishes(desk, "shache", who) for who in ("root", "turdi")],
        "paused": lambda: desk.notices.test("hook0", NOW),
        "photo_pending": lambda: listings.publish(lot, doing),
        "same_person": lambda: publishes(desk, "luopu", "gulnar"),
        "too_many": lambda: targets.add(replace(HOOK, name="one-more"), NOW),
        "unknown_person": lambda: people_there.end(here, "09", "gulnar", NOW),
        "weak_password": lambda: check_password("short", "gulnar", StaffRole.VIEWER),
    }


def refused(stores: Stores) -> Iterator[Refused]:
    """One of each code."""
    yield from (Refused(code, said) for code, said in OF_PAGES.items())
    yield from (Refused(code, code, values) for code, values in OF_PAGES_WITH_VALUES.items())
    for code, act in acts(stores).items():
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.code == code
        yield caught.value


def test_every_refusal_has_a_sentence_in_every_language(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_WAITING", 0)
    found = list(refused(stores))
    of_files = ("hours", "registry_csv", "care", "certificates", "backup", "restore", "keys", "checkpoints")
    of_cells = ("sheets", "files", "price_grid")
    assert {error.code for error in found} == codes_of("Refused", *of_files, *of_cells)
    for error in found:
        said = {texts.refusal(error) for texts in map(center_texts, LANGUAGES)}
        assert len(said) == len(LANGUAGES), f"{error.code} is not said in each language"
        for value in error.values.values():
            shown = f"{int(value):,}" if value.isdecimal() else value
            assert all(shown in sentence for sentence in said), f"{error.code} does not say {value}"


HEAD = "region,station,township,hours,quiet_min,verified_on,village\n"
LISTS: Mapping[str, str | bytes] = {
    "bad_date": f"{HEAD}shache,S0001,T,,,2026-13-01,\n",
    "bad_quiet": f"{HEAD}shache,S0001,T,,0,,\n",
    "bad_region": f"{HEAD}Shache!,S0001,T,,,,\n",
    "bad_station": f"{HEAD}shache,S1,T,,,,\n",
    "cells": f"{HEAD}shache\n",
    "column_missing": "region\nshache\n",
    "column_twice": "region,station,region\nshache,S0001,shache\n",
    "empty": "",
    "hidden": f"{HEAD}shache,S0001,T,,,,a\u202eb\n",
    "hours_backward": f"{HEAD}shache,S0001,T,mon 10:00-09:00,,,\n",
    "hours_no_time": f"{HEAD}shache,S0001,T,mon 10:00-26:00,,,\n",
    "hours_twice": f"{HEAD}shache,S0001,T,mon 09:00-10:00; mon 11:00-12:00,,,\n",
    "hours_unreadable": f"{HEAD}shache,S0001,T,9 to 5,,,\n",
    "hours_without_township": f"{HEAD}shache,S0001,,mon 09:00-10:00,,,\n",
    "no_column": "region,station,color\nshache,S0001,red\n",
    "no_csv": f'{HEAD}"shache" x,S0001\n',
    "no_encoding": b"region,station\nshache,S0001,\xff\xff\n",
    "no_station": HEAD,
    "no_utf16": b"\xff\xfeabc",
    "other_hours": f"{HEAD}shache,S0001,T,mon 09:00-10:00,,,\nshache,S0002,T,mon 11:00-12:00,,,\n",
    "station_twice": f"{HEAD}shache,S0001,,,,,\nshache,S0001,,,,,\n",
    "too_large": b" " * (MAX_BYTES + 1),
    "too_long": f"{HEAD}shache,S0001,,,,,{'x' * 121}\n",
    "too_many": "region,station\nshache,S0001\nshache,S0002\n",
}


def test_every_fault_of_a_list_has_a_sentence_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LISTS.keys() == registry_csv.MESSAGES.keys()
    for code, content in LISTS.items():
        with monkeypatch.context() as lowered:
            if code == "too_many":
                lowered.setattr(registry_csv, "MAX_ROWS", 1)
            fault = next(fault for fault in faults(content) if fault.code == code)
        assert str(fault)
        said = {texts.filled(f"registry_fault_{code}", fault.values) for texts in map(center_texts, LANGUAGES)}
        assert len(said) == len(LANGUAGES), code


def faults(content: str | bytes) -> list[RegistryFault]:
    with pytest.raises(BadRegistry) as caught:
        read_registry(content.encode() if isinstance(content, str) else content)
    return caught.value.faults


def test_pages_say_it_in_the_language_of_who_asks(admin: tuple[FlaskClient, str], desk: CenterDesk) -> None:
    client, csrf = admin
    texts = center_texts("ug")
    for path, form, said in [
        ("/people/add", {"name": "Root!", "role": "viewer", "password": PASSWORD}, texts("refused_bad_name")),
        ("/people/add", {"name": "root", "role": "king", "password": PASSWORD}, texts("refused_no_such_role")),
        ("/tokens/add", {"name": "billing", "per_minute": "60"}, texts("refused_no_scope")),
        ("/notices/add", {"name": "hook", "way": "pigeon", "language": "ug"}, texts("refused_bad_way")),
        ("/notices/add", {"name": "hook", "way": "webhook", "language": "xx"}, texts("refused_bad_language")),
        ("/account/password", {"old": "not it at all", "new": PASSWORD}, texts("refused_wrong_password")),
    ]:
        answer = client.post(f"{path}?lang=ug", data={"csrf": csrf, **form})
        assert answer.status_code == 409, path
        assert said in answer.text, path
    with exports._EXPORT_SLOTS, exports._EXPORT_SLOTS:
        assert texts("refused_export_busy") in client.get("/exports/2026-11/days.csv?lang=ug", buffered=True).text
