"""How a station takes a document of its county: whole or not at all, and never an older one."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kiosk.base.refused import Refused
from kiosk.domain.clerk import Role
from kiosk.domain.configuration import ConfigurationVersion, RefusalReason
from kiosk.domain.moment import ClockQuality
from kiosk.labels.layout import shipped_text
from kiosk.messaging.contract.catalog.tables import ContainerTable, NamesTable, ProductTable
from kiosk.messaging.contract.configuration import (
    DOCUMENT,
    FOLDER,
    ClerkRow,
    ClerksPart,
    ContainersPart,
    CountySettings,
    GoodsPart,
    LayoutsPart,
    MemberRow,
    MembersPart,
    ParcelRow,
    ParcelsPart,
    SettingsPart,
    part_file,
)
from kiosk.station.configuration.county import signature_check
from kiosk.station.configuration.floor import FILE_NAME, MAX_REFUSALS_A_DAY, FloorFile
from kiosk.station.doctor.devices import county_finding
from kiosk.store import Store, StoreError
from kiosk.texts import LANGUAGES, load
from tests.station.configuration.rig import CONTAINERS, GOODS, NAMES, PEOPLE, CountyRig, Sent, document, prices
from tests.station.fakes import CATALOG

WAYBILL = "SF1385812345678"


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> CountyRig:
    return CountyRig(store, tmp_path)


def test_a_document_is_applied_and_says_so(rig: CountyRig) -> None:
    sent = document(17)
    rig.receive(sent)
    found = rig.county.in_force()
    assert found is not None
    assert (rig.version(), found.sha256, found.confirmed, rig.price()) == ("1.17", sent.sha256, True, 17)
    event = {"key": 1, "number": 17, "document_sha256": sent.sha256, "catalog_version": 2}
    assert rig.events("config.applied") == [event]
    assert not list(rig.folder.iterdir()), "parts lie in the database"
    assert rig.store.county_documents.missing(sent.parts) == []
    assert not rig.county.is_by_hand()
    assert rig.sent_events == 1


def flipped(sent: Sent) -> Sent:
    at = sent.content.index(b'"sha256"') + 12
    return replace(sent, content=sent.content[:at] + bytes([sent.content[at] ^ 1]) + sent.content[at + 1 :])


def damaged(sent: Sent) -> Sent:
    return replace(sent, parts={name: content[:-1] + b" " for name, content in sent.parts.items()})


def later_software(sent: Sent) -> Sent:
    return replace(sent, content=sent.content.replace(b'"goods"', b'"calls"'))


TOO_MANY = MembersPart(tuple(MemberRow(f"M-{number:05}", "Aygul") for number in range(20_001)))
NO_TECHNICIAN = ClerksPart((ClerkRow("01", "Patime", "clerk"),))
TWICE = ClerksPart((ClerkRow("01", "Patime", "technician"), ClerkRow("01", "Memet", "clerk")))
OTHER_GOODS = GoodsPart((ProductTable("WALNUT", NAMES, "walnut"),))

BAD: dict[str, tuple[Sent, set[RefusalReason]]] = {
    "a flipped byte": (flipped(document(18)), {RefusalReason.SIGNATURE}),
    "no signature": (document(18).changed(signature=""), {RefusalReason.SIGNATURE}),
    "another county": (document(18).changed(certificate="another"), {RefusalReason.OTHER_COUNTY}),
    "another region": (document(18).changed(region="hotan"), {RefusalReason.OTHER_COUNTY}),
    "another station": (document(18).changed(station="S0148"), {RefusalReason.OTHER_STATION}),
    "older": (document(16), {RefusalReason.OLDER}),
    "the same number": (document(17, goods=GOODS), {RefusalReason.OLDER}),
    "1970": (document(18, issued="1970-01-01T00:00:00Z"), {RefusalReason.UNREADABLE}),
    "2089": (document(18, issued="2089-01-01T00:00:00Z"), {RefusalReason.DATE}),
    "2099": (document(18, issued="2099-01-01T00:00:00Z"), {RefusalReason.UNREADABLE}),
    "begins in 2099": (document(18, effective="2099-01-01T00:00:00Z"), {RefusalReason.UNREADABLE}),
    "an unknown part": (later_software(document(18, goods=GOODS)), {RefusalReason.UNKNOWN_PART}),
    "no JSON": (Sent(b"\xff\x00", {}), {RefusalReason.UNREADABLE}),
    "larger than allowed": (Sent(b" " * 8193, {}), {RefusalReason.UNREADABLE}),
    "a damaged part": (damaged(document(18)), {RefusalReason.PART_DAMAGED}),
    "an unknown key": (document(18, goods=b'{"products":[],"fortune":1}'), {RefusalReason.GOODS}),
    "no goods": (document(18, goods=b'{"products":[]}'), {RefusalReason.GOODS}),
    "a name in no script": (
        document(18, goods=GoodsPart((ProductTable("BADAM", NamesTable("x", "x", "x"), "badam"),))),
        {RefusalReason.GOODS},
    ),
    "a price of 0": (
        document(18, prices=b'{"prices":[{"product":"BADAM","mode":"purchase","fen_per_kg":0}]}'),
        {RefusalReason.PRICES},
    ),
    "a price of no goods": (document(18, goods=OTHER_GOODS, prices=prices(1)), {RefusalReason.PRICES}),
    "prices of before without their goods": (document(18, goods=OTHER_GOODS), {RefusalReason.PRICES}),
    "a heavy container": (
        document(18, containers=b'{"containers":[{"code":"A","names":{},"tare_g":99000}]}'),
        {RefusalReason.CONTAINERS},
    ),
    "20,001 members": (document(18, members=TOO_MANY), {RefusalReason.MEMBERS}),
    "a member without a number": (document(18, members=MembersPart((MemberRow("7", "A"),))), {RefusalReason.MEMBERS}),
    "no technician": (document(18, clerks=NO_TECHNICIAN), {RefusalReason.CLERKS}),
    "one number twice": (document(18, clerks=TWICE), {RefusalReason.CLERKS}),
    "a telephone number as a name": (
        document(18, clerks=ClerksPart((ClerkRow("01", "13812345678", "technician"),))),
        {RefusalReason.CLERKS},
    ),
    "a layout of nothing": (document(18, layouts=LayoutsPart({"bag": "x = 1"})), {RefusalReason.LAYOUTS}),
    "a layout of an unknown label": (
        document(18, layouts=LayoutsPart({"poster": shipped_text("bag")})),
        {RefusalReason.LAYOUTS},
    ),
    "one language": (document(18, settings=SettingsPart(CountySettings(payment_en="Paid."))), {RefusalReason.SETTINGS}),
    "no telephone number": (document(18, settings=SettingsPart(CountySettings(phone="x"))), {RefusalReason.SETTINGS}),
    "a telephone number as a waybill": (
        document(18, parcels=ParcelsPart((ParcelRow("13812345678", "SF"),))),
        {RefusalReason.PARCELS},
    ),
}


def test_what_is_refused_and_why(rig: CountyRig, subtests: pytest.Subtests) -> None:
    """The old one stays, the county sees it once, and the next good one is taken."""
    rig.receive(document(17))
    for name, (sent, reasons) in BAD.items():
        with subtests.test(name):
            before = len(rig.refusals())
            rig.on(f"{2027 + before // 8}-01-{1 + before % 28:02}")  # Not more than are reported on a day
            rig.receive(sent)
            (reason,) = rig.refusals()[before:]
            assert reason in reasons
            last = rig.county.inbox.floor.last_refusal
            assert last is not None
            assert (last.reason, last.sha256) == (reason, sent.sha256)
            rig.receive(sent)
            assert len(rig.refusals()) == before + 1, "reported once"
            assert (rig.version(), rig.price()) == ("1.17", 17)
            assert rig.county.inbox.waiting is None
    rig.receive(document(18))
    assert (rig.version(), rig.price(), rig.county.prices_confirmed()) == ("1.18", 18, True)


def test_a_hostile_broker_does_not_fill_the_journal(rig: CountyRig) -> None:
    for number in range(MAX_REFUSALS_A_DAY + 5):
        rig.receive(document(number + 1).changed(signature="bad"))
    assert len(rig.refusals()) == MAX_REFUSALS_A_DAY
    rig.start()
    rig.receive(document(99).changed(signature="bad"))
    assert len(rig.refusals()) == MAX_REFUSALS_A_DAY, "a restart forgets nothing"
    rig.on("2026-11-26")
    rig.receive(document(99).changed(signature="bad"))
    assert len(rig.refusals()) == MAX_REFUSALS_A_DAY + 1


def test_a_mistaken_number_is_undone_by_a_new_key(rig: CountyRig) -> None:
    rig.receive(document(2**31 - 1, goods=GOODS, prices=prices(2)))
    rig.receive(document(1, key=2))
    assert (rig.version(), rig.price()) == ("2.1", 1)
    rig.receive(document(2**31 - 1, key=1, issued="2026-11-25T07:00:00Z"))
    assert rig.refusals() == ["older"]


def test_it_waits_while_an_intake_goes_on(rig: CountyRig) -> None:
    rig.busy = "busy_pan"
    rig.receive(document(17))
    waiting = rig.county.inbox.waiting
    assert waiting is not None
    assert (waiting.document.number, waiting.why, rig.version()) == (ConfigurationVersion(1, 17), "busy_pan", "")
    rig.start()  # The power goes meanwhile
    rig.busy = None
    rig.step()
    assert (rig.version(), rig.county.inbox.waiting) == ("1.17", None)


def test_goods_of_an_open_intake_do_not_vanish(rig: CountyRig) -> None:
    rig.receive(document(17))
    rig.open_goods = ["BADAM"]
    rig.receive(document(18, goods=OTHER_GOODS, prices=b'{"prices":[]}'))
    assert (rig.version(), rig.refusals()) == ("1.17", ["open_intake"])
    rig.open_goods = []
    rig.step()
    assert (rig.version(), rig.refusals()) == ("1.18", ["open_intake"]), "once the intake is over nothing forbids it"


def test_it_waits_for_its_time(rig: CountyRig) -> None:
    rig.receive(document(17, effective="2026-11-25T18:00:00Z"))
    waiting = rig.county.inbox.waiting
    assert waiting is not None
    assert (waiting.why, rig.version()) == ("effective", "")
    rig.on("1970-01-01", ClockQuality.UNSET)
    rig.step()
    assert rig.version() == ""
    rig.on("2026-11-26")
    rig.step()
    assert rig.version() == "1.17"


def test_a_bad_one_does_not_take_the_place_of_one_that_waits(rig: CountyRig) -> None:
    rig.busy = "busy_intake"
    rig.receive(document(17))
    rig.receive(document(18).changed(signature="bad"))
    rig.receive(document(16))
    assert rig.refusals() == ["signature", "older"]
    rig.receive(document(19))
    rig.busy = None
    rig.step()
    assert (rig.version(), len(rig.events("config.applied"))) == ("1.19", 1)


def test_parts_that_come_late(rig: CountyRig) -> None:
    sent = document(17)
    rig.receive(replace(sent, parts={}))
    waiting = rig.county.inbox.waiting
    assert waiting is not None
    assert waiting.why == "parts"
    for sha256, content in sent.parts.items():
        (rig.folder / part_file(sha256)).write_bytes(content)
    rig.step()
    assert rig.version() == "1.17"
    again = document(18, goods=GOODS)
    rig.receive(replace(again, parts={}))
    assert rig.version() == "1.18", "the database has it"


def test_parts_of_the_newest_two_documents_stay(rig: CountyRig) -> None:
    sent = [document(number) for number in (17, 18, 19)]
    for one in sent:
        rig.receive(one)
    old, *newer = ({*one.parts} - {*document(1, goods=GOODS, containers=CONTAINERS).parts} for one in sent)
    assert rig.store.county_documents.missing(old) == list(old)
    assert not any(rig.store.county_documents.missing(names) for names in newer)


def test_goods_lie_on_the_pan_as_they_are_where_nobody_has_named_a_container(rig: CountyRig) -> None:
    weighed = ContainersPart((ContainerTable("OWN", NAMES, 0, "own-container", weighed=True),))
    for number, parts, expected in (
        (17, {"containers": CONTAINERS}, ["BARE"]),
        (18, {"goods": GOODS, "prices": prices(18), "containers": ContainersPart(())}, ["NONE"]),
        (19, {"goods": GOODS, "prices": prices(19), "containers": weighed}, ["NONE", "OWN"]),
        (20, {"members": MembersPart(())}, ["NONE", "OWN"]),
    ):
        rig.receive(document(number, **parts))
        assert [row.code for row in rig.store.catalogs.get()[1].containers] == expected, number


def test_what_a_document_does_not_name_stays(rig: CountyRig) -> None:
    before = rig.store.catalogs.get()[1]
    rig.receive(document(17, members=MembersPart((MemberRow("M-00001", "Aygul"),))))
    after = rig.store.catalogs.get()[1]
    assert (after.products, after.prices, after.containers) == (before.products, before.prices, before.containers)
    assert [row.number for row in after.members] == ["M-00001"]
    assert not rig.county.manages_people()


class TestPeople:
    def test_the_list_is_the_county_s(self, rig: CountyRig) -> None:
        clerks, stamp = rig.store.clerks, rig.stamp()
        for name, role in (("Patime", Role.TECHNICIAN), ("Aygul", Role.CLERK), ("Tursun", Role.CLERK)):
            clerks.add(name, role, f"pin of {name}", stamp)
        rig.receive(document(17, clerks=PEOPLE))
        rows = {row.number: (row.name, row.role.value, row.pin_hash, row.active) for row in clerks.everyone(False)}
        assert rows == {
            "01": ("Patime", "technician", "pin of Patime", True),
            "02": ("Memet", "clerk", "", True),
            "03": ("Tursun", "clerk", "", False),
        }
        changed = [(row["clerk"], row["what"]) for row in rig.events("clerk.changed")]
        assert changed == [("clerk:02", "person"), ("clerk:03", "retired")]
        assert rig.county.is_by_hand(), "it brought no goods"
        assert rig.county.manages_people()

    def test_one_who_comes_back_has_no_pin_and_a_new_role_needs_none(self, rig: CountyRig) -> None:
        rig.receive(document(17, clerks=PEOPLE))
        rig.store.clerks.set_pin("01", "pin", rig.stamp())
        rig.receive(document(18, clerks=ClerksPart((ClerkRow("01", "Patime", "technician"),))))
        # The first start writes a capital letter, the office perhaps none.
        both = ClerksPart((ClerkRow("01", "patime", "clerk"), ClerkRow("02", "Memet", "technician")))
        rig.receive(document(19, clerks=both))
        rows = [(row.number, row.name, row.role.value, row.pin_hash) for row in rig.store.clerks.everyone()]
        assert rows == [("01", "patime", "clerk", "pin"), ("02", "Memet", "technician", "")]
        assert [row["clerk"] for row in rig.events("clerk.added")] == ["clerk:01", "clerk:02"]
        assert rig.store.clerks.add("Aygul", Role.CLERK, "", rig.stamp()).number == "03"


class TestPapers:
    def test_layouts_and_texts_hold_at_once_and_after_a_restart(self, rig: CountyRig) -> None:
        text = shipped_text("bag").replace("width = 60", "width = 60.5", 1)
        phone = SettingsPart(CountySettings(phone="0998-8512345"))
        rig.receive(document(17, layouts=LayoutsPart({"bag": text}), settings=phone))
        for _ in range(2):
            assert list(rig.layouts) == ["bag"]
            assert rig.county.live.on_paper(rig.settings).phone == "0998-8512345"
            rig.layouts = {}
            rig.start()
        rig.receive(document(18))
        assert (rig.layouts, rig.county.live.on_paper(rig.settings)) == ({}, rig.settings)


class TestParcels:
    def test_new_ones_are_expected_once(self, rig: CountyRig) -> None:
        first = ParcelRow(WAYBILL, "SF", "1234")
        rig.receive(document(17, parcels=ParcelsPart((first,))))
        rig.receive(document(18, parcels=ParcelsPart((first, ParcelRow("YT1234567890123")))))
        assert [row["count"] for row in rig.events("parcel.expected")] == [1, 1]

    def test_very_many_come_in_several_lists(self, rig: CountyRig) -> None:
        many = ParcelsPart(tuple(ParcelRow(f"YT{number:013}") for number in range(120)))
        rig.receive(document(17, parcels=many))
        assert [row["count"] for row in rig.events("parcel.expected")] == [50, 50, 20]
        assert rig.version() == "1.17"


class TestPricesByDate:
    LATER = prices(100, ("2026-12-01", 120), ("2027-01-01", 150))

    def send(self, rig: CountyRig, number: int = 17, issued: str = "2026-11-25T06:00:00Z") -> None:
        rig.receive(document(number, issued=issued, goods=GOODS, containers=CONTAINERS, prices=self.LATER))

    def test_a_day_that_changes_nothing_makes_no_version(self, rig: CountyRig) -> None:
        self.send(rig)
        version = rig.store.catalogs.get()[0]
        rig.on("2026-11-30")
        rig.step()
        assert (rig.store.catalogs.get()[0], rig.price()) == (version, 100)
        rig.on("2026-12-01")
        rig.busy = "busy_pan"
        rig.step()
        assert rig.price() == 100
        rig.busy = None
        rig.step()
        assert (rig.store.catalogs.get()[0], rig.price()) == (version + 1, 120)
        applied = [row["catalog_version"] for row in rig.events("config.applied")]
        assert applied == [version, version + 1], "it is the county's, not made by hand"
        assert not rig.county.is_by_hand()

    def test_it_never_goes_back(self, rig: CountyRig) -> None:
        self.send(rig)
        rig.on("2027-01-01")
        rig.step()
        for day, quality in (("2026-11-26", ClockQuality.SYNCED), ("1970-01-01", ClockQuality.UNSET)):
            rig.on(day, quality)
            rig.start()
            rig.step()
            assert rig.price() == 150
        self.send(rig, 18)
        assert rig.price() == 150

    def test_a_document_proves_its_day(self, rig: CountyRig) -> None:
        rig.on("1970-01-01", ClockQuality.UNSET)
        self.send(rig, issued="2026-12-02T06:00:00Z")
        assert (rig.price(), rig.county.prices_confirmed()) == (120, False), "2027 may have begun"
        proven = rig.county.proven_time()
        assert proven is not None
        assert proven.isoformat() == "2026-12-02T06:00:00+00:00"

    def test_a_clock_that_jumps_ten_years_is_not_believed(self, rig: CountyRig) -> None:
        self.send(rig)
        rig.on("2036-12-01", ClockQuality.RESTORED)
        rig.step()
        assert rig.price() == 100

    def test_a_file_imported_by_hand_has_them_too(self, rig: CountyRig) -> None:
        dated = replace(CATALOG, prices=(*CATALOG.prices, replace(CATALOG.prices[1], fen_per_kg=7, since="2026-12-01")))
        rig.store.catalogs.add(dated, rig.stamp())
        assert rig.price() == 2200
        rig.on("2026-12-01")
        rig.step()
        assert (rig.price(), rig.events("config.applied"), rig.county.is_by_hand()) == (7, [], True)


def test_a_catalog_by_hand_holds_until_the_next_document(rig: CountyRig) -> None:
    rig.receive(document(17))
    rig.store.catalogs.add(CATALOG, rig.stamp())
    assert (rig.price(), rig.county.is_by_hand()) == (2200, True)
    rig.receive(document(18))
    assert (rig.price(), rig.county.is_by_hand()) == (18, False)


def test_without_a_county_nothing_is_believed(rig: CountyRig) -> None:
    assert signature_check(None)(document(17).content) is RefusalReason.OTHER_COUNTY


class TestAnOlderDatabase:
    def test_the_floor_refuses_what_is_older_than_was_applied_once(self, rig: CountyRig) -> None:
        rig.receive(document(17))
        FloorFile(rig.data).raise_to(ConfigurationVersion(1, 19))
        rig.start()
        assert not rig.county.prices_confirmed()
        rig.receive(document(17))
        rig.receive(document(18))
        assert (rig.refusals(), rig.version()) == (["older", "older"], "1.17")
        rig.receive(document(19))
        assert (rig.version(), rig.county.prices_confirmed()) == ("1.19", True)

    def test_the_day_of_its_prices_comes_back_by_itself(self, rig: CountyRig) -> None:
        later = prices(100, ("2026-12-01", 120))
        rig.receive(document(17, goods=GOODS, containers=CONTAINERS, prices=later))
        rig.on("1970-01-01", ClockQuality.UNSET)
        FloorFile(rig.data).raise_day("2026-12-01")
        rig.start()
        assert (rig.price(), rig.county.prices_confirmed()) == (100, False)
        rig.step()
        assert (rig.price(), rig.county.prices_confirmed()) == (120, True)

    def test_a_new_epoch_is_confirmed_by_the_same_document(self, rig: CountyRig) -> None:
        rig.receive(document(17))
        rig.store.epochs.start("restored", rig.stamp())
        rig.start()
        assert not rig.county.prices_confirmed()
        rig.receive(document(17))
        assert rig.county.prices_confirmed()
        assert (len(rig.events("config.refused")), rig.county.inbox.waiting) == (0, None)

    def test_a_floor_that_cannot_be_read_is_no_stop(self, rig: CountyRig, caplog: pytest.LogCaptureFixture) -> None:
        rig.receive(document(17))
        (rig.data / FILE_NAME).write_bytes(b"{")
        with caplog.at_level(logging.ERROR):
            rig.start()
        assert FILE_NAME in caplog.text
        rig.receive(document(18))
        assert rig.version() == "1.18"


def test_what_the_doctor_says(rig: CountyRig) -> None:
    def said() -> tuple[str, bool | None, dict[str, Any]]:
        row = county_finding(rig.county)
        assert row.device == "county_prices"
        assert all(
            load(language, strict=True).text(row.name_id) and row.sentence(load(language)) for language in LANGUAGES
        )
        return row.word, row.found, dict(row.values)

    assert said() == ("fine", False, {})
    rig.receive(document(17))
    assert said() == ("fine", True, {})
    rig.later(1)
    rig.receive(document(18).changed(signature=""))
    assert said() == ("county_refused", True, {"version": "1.18", "reason": "signature"})
    rig.later(1)
    rig.receive(document(18))
    assert said() == ("fine", True, {})
    rig.store.epochs.start("restored", rig.stamp())
    assert said() == ("county_unconfirmed", True, {})


class TestSticks:
    @pytest.fixture
    def stick(self, rig: CountyRig, tmp_path: Path) -> Path:
        rig.media = [tmp_path / "stick"]
        return rig.media[0] / FOLDER / "S0147"

    def test_one_is_shown_taken_and_applied(self, rig: CountyRig, stick: Path) -> None:
        assert rig.county.candidates() == ()
        document(17).put_into(stick)
        (found,) = rig.county.candidates()
        assert found.document is not None
        assert (found.path, str(found.document.number), found.refusal, found.same) == (stick, "1.17", None, False)
        assert rig.county.take(stick) == found
        rig.step()
        assert rig.version() == "1.17"
        (found,) = rig.county.candidates()
        assert (found.refusal, found.same) == (None, True)

    def test_what_is_wrong_is_said_before_and_reported_by_nobody(self, rig: CountyRig, stick: Path) -> None:
        rig.receive(document(17))
        sent = document(18)
        for bad, reason in (
            (sent.changed(station="S0148"), "other_station"),
            (document(16), "older"),
            (sent.changed(signature=""), "signature"),
            (replace(sent, content=b"{"), "unreadable"),
            (replace(sent, parts={}), "part_missing"),
            (replace(sent, parts=dict.fromkeys(sent.parts, b"{}")), "part_damaged"),
        ):
            shutil.rmtree(stick, ignore_errors=True)
            bad.put_into(stick)
            with pytest.raises(Refused) as refused:
                rig.county.take(stick)
            assert refused.value.code == reason
        rig.step()
        assert (rig.version(), rig.refusals()) == ("1.17", [])
        with pytest.raises(Refused, match="gone"):
            rig.county.take(stick.parent)

    def test_links_are_not_followed(self, rig: CountyRig, stick: Path, tmp_path: Path) -> None:
        document(17).put_into(tmp_path / "elsewhere")
        stick.parent.mkdir(parents=True)
        stick.symlink_to(tmp_path / "elsewhere")
        assert rig.county.candidates() == ()
        stick.unlink()
        stick.mkdir()
        (stick / DOCUMENT).symlink_to(tmp_path / "elsewhere" / DOCUMENT)
        assert rig.county.candidates() == ()


def test_a_disk_that_is_full_is_no_refusal_for_ever(rig: CountyRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(rig.store.county_documents, "apply", full)
        document(17).put_into(rig.folder)
        with pytest.raises(StoreError):
            rig.step()
        waiting = rig.county.inbox.waiting
        assert waiting is not None
        assert waiting.why == "storage"
    rig.step()
    assert (rig.version(), rig.refusals()) == ("1.17", [])


def test_what_does_not_read_back_is_rolled_back(rig: CountyRig, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rig.store.catalogs.get()[0]
    with monkeypatch.context() as patch:
        patch.setattr("kiosk.store.catalogs.is_stored", lambda *args: False)
        rig.receive(document(17))
    assert (rig.version(), rig.refusals(), rig.store.catalogs.get()[0]) == ("", ["self_test"], before)
    assert not rig.county.prices_confirmed(), "the county has newer ones"
    rig.receive(document(18))
    assert rig.version() == "1.18"
