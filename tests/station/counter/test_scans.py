"""Whatever is scanned opens the right thing, or is named and opens nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.domain.identifiers import internal_code
from kiosk.domain.parcel import ParcelState, slot_code
from kiosk.labels.papers.bag_label import render_crate_label
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.protocols.barcodes.gs1.digital_link import build_digital_link
from kiosk.protocols.barcodes.gs1.elements import build_element_string, parse_notation
from kiosk.protocols.barcodes.gs1.keys import CompanyPrefix
from kiosk.protocols.barcodes.reader import read
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.station.counter.scans import ParsedScan, ScanReader
from kiosk.station.papers.rendering import paper_of
from kiosk.store import ExpectedParcel, Store
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import CounterRig, foreign, refused, waybill
from tests.station.fakes import CARD
from tests.station.hardware import bring_in

MODES = ["in", "out", ""]


class TestOwnCodes:
    @pytest.mark.parametrize("mode", MODES)
    def test_receipt_lot_and_bag_open_the_intake(self, rig: CounterRig, mode: str) -> None:
        row = bring_in(rig.store)
        rig.counter.receiving.set_mode(rig.session, mode)
        receipt = internal_code("R", "0147A000001")
        for text, kind in ((receipt, "intake"), (row.lot, "lot"), (row.receipt, "intake")):
            result = rig.scan(text)
            assert (result.kind, result.receipt, result.path) == (kind, row.receipt, f"/counter/intakes/{row.receipt}")

    def test_a_member_card_opens_that_members_intakes_by_number_alone(self, rig: CounterRig) -> None:
        result = rig.scan(CARD)
        assert (result.kind, result.path) == ("member", "/counter/intakes?member=M-04412")
        assert rig.scan(internal_code("P", "99999")).word == "unknown_code"

    def test_a_shelf_opens_what_lies_there(self, rig: CounterRig) -> None:
        row = rig.bring()
        result = rig.scan(slot_code("A-1-01"))
        assert (result.word, result.path, result.parcel) == ("shelf", f"/counter/parcels/{row.number}", row)
        assert (rig.scan(slot_code("B-2-02")).word, rig.scan(slot_code("B-2-02")).path) == ("shelf_empty", "")
        assert rig.scan(slot_code("C-9-09")).word == "unknown_code"
        assert rig.scan(internal_code("H", "A10")).word == "unknown_code"

    @pytest.mark.parametrize("mode", MODES)
    def test_a_pickup_slip_puts_its_parcel_up_first_in_line(self, rig: CounterRig, mode: str) -> None:
        first, second = rig.bring(1), rig.bring(2)
        rig.counter.handovers.public_code(rig.code_of(first))
        rig.counter.receiving.set_mode(rig.session, mode)
        result = rig.scan(rig.slip_of(second))
        assert (result.kind, result.word, result.path) == (
            "parcel_out",
            "code_right",
            f"/counter/parcels/{second.number}",
        )
        assert result.shown == "", "six digits of it are the code"
        assert rig.counter.state.view().handover == second
        assert rig.counter.handovers.confirm(rig.session, str(second.number)).state is ParcelState.COLLECTED

    def test_an_old_slip_is_a_wrong_code(self, rig: CounterRig) -> None:
        row = rig.bring()
        old = rig.slip_of(row)
        rig.counter.codes.reissue(rig.session, str(row.number))
        assert (rig.scan(old).kind, rig.scan(old).word) == ("refused", "wrong_code")

    @pytest.mark.parametrize("body", ["7Q4KM", "0147A000001", "0999A000001"])
    def test_a_manifest_this_station_never_had_is_unknown(self, rig: CounterRig, body: str) -> None:
        result = rig.scan(internal_code("M", body))
        assert (result.kind, result.word, result.path) == ("refused", "unknown_code", "")

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            (foreign("R"), "foreign_receipt"),
            ("0999-A-000381", "foreign_receipt"),
            (foreign("L"), "foreign_code"),
            (foreign("B"), "foreign_code"),
            (foreign("K"), "foreign_code"),
            ("P-0999-A-000001", "foreign_code"),
            (internal_code("R", "0147A000381"), "unknown_code"),
            ("0147-A-000381", "unknown_code"),
            ("P-0147-A-000381", "unknown_parcel"),
            (internal_code("R", "0147A000381")[:-1] + "*", "unknown_code"),
            ("Y1R0147A0003819", "unknown_code"),
            ("Y1X123", "unknown_code"),
        ],
    )
    def test_foreign_and_unknown_ones_are_named(self, rig: CounterRig, text: str, word: str) -> None:
        for mode in MODES:
            rig.counter.receiving.set_mode(rig.session, mode)
            result = rig.scan(text)
            assert (result.kind, result.path) == ("refused", "")
            assert result.word in (word, "text")
        assert rig.store.parcels.in_states(list(ParcelState)) == []


class TestStrangers:
    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("13800138000", "phone_number"),
            ("+86 138 0013 8000", "phone_number"),
            ("653125199001011234", "id_number"),
            ("WIFI:S:shop;T:WPA;P:secret123;;", "wifi"),
        ],
    )
    def test_what_is_a_persons_is_named_not_shown_not_kept_not_logged(
        self, rig: CounterRig, caplog: pytest.LogCaptureFixture, text: str, word: str
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            for mode in MODES:
                rig.counter.receiving.set_mode(rig.session, mode)
                result = rig.scan(text)
                assert (result.kind, result.word, result.path, result.shown) == ("refused", word, "", "")
        assert rig.store.parcels.in_states(list(ParcelState)) == []
        assert text not in caplog.text
        assert text not in repr(rig.views)
        database = b"".join(path.read_bytes() for path in rig.folder.glob("station.db*"))
        assert text.encode() not in database

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("https://example.test/x?SF1385000000001", "url"),
            ("javascript:alert(1)", "url"),
            ("intent://scan#Intent;end", "url"),
            ("SF100000\r0000001", "control"),
            ("\x1b[2J", "control"),
            ("6901234567892", "product"),
            ("]E06901234567892", "product"),
            ("x" * 4000, "not_a_waybill"),
            ("\u202eSF1000000000001", "control"),
            ("SF1٣85000000001", "look_alike"),
            ("^XA^XZ", "text"),
            ("", "text"),
            ("' OR 1=1 --", "not_a_waybill"),
            ("hello", "not_a_waybill"),
        ],
    )
    def test_anything_else_is_plain_text_and_opens_nothing(self, rig: CounterRig, text: str, word: str) -> None:
        rig.counter.receiving.set_mode(rig.session, "in")
        result = rig.scan(text)
        assert (result.kind, result.word, result.path, result.parcel) == ("refused", word, "", None)
        assert len(result.shown) <= 64
        assert result.shown.isprintable()
        assert rig.store.parcels.in_states(list(ParcelState)) == []


class TestWaybillsOutsideTheTruck:
    def test_in_mode_out_a_waiting_one_opens_its_page(self, rig: CounterRig) -> None:
        row = rig.bring()
        rig.counter.receiving.set_mode(rig.session, "out")
        result = rig.scan(waybill(1))
        assert (result.kind, result.word, result.path) == ("parcel_out", "waiting", f"/counter/parcels/{row.number}")
        assert rig.counter.state.view().handover is None, "a waybill proves nothing"

    def test_without_a_mode_nothing_is_booked(self, rig: CounterRig) -> None:
        assert rig.scan(waybill(1)).word == "unknown_parcel"
        row = rig.bring()
        rig.counter.receiving.set_mode(rig.session, "")
        result = rig.scan(waybill(1))
        assert (result.kind, result.path) == ("parcel_known", f"/counter/parcels/{row.number}")

    def test_a_parcel_number_opens_its_page(self, rig: CounterRig) -> None:
        row = rig.bring()
        assert rig.scan(str(row.number)).path == f"/counter/parcels/{row.number}"


class TestPackages:
    """JD prints "-n-total-" behind the waybill of each package."""

    @pytest.mark.parametrize("text", ["JD0012345678901-1-1-", "jd0012345678901-1-1", "JD0012345678901-1-3-"])
    def test_the_waybill_alone_is_kept_and_shown(self, rig: CounterRig, text: str) -> None:
        rig.store.deliveries.expect([ExpectedParcel("JD0012345678901", "JD", "4711")], rig.clock.stamp())
        rig.counter.receiving.set_mode(rig.session, "in")
        result = rig.scan(text)
        assert result.parcel is not None
        assert (result.kind, result.parcel.waybill, result.parcel.expected) == ("parcel_in", "JD0012345678901", True)
        assert rig.counter.state.view().last == result
        rig.counter.receiving.set_mode(rig.session, "out")
        assert rig.scan("JD0012345678901").path == f"/counter/parcels/{result.parcel.number}"

    def test_another_package_is_named_and_a_person_decides(self, rig: CounterRig) -> None:
        rig.counter.receiving.set_mode(rig.session, "in")
        first = rig.scan("JD0012345678901-1-2-")
        second = rig.scan("JD0012345678901-2-2-")
        assert (second.kind, second.word, second.carriers) == ("refused", "another_package", ("JD",))
        assert dict(second.values) == {"package": "2", "total": "2"}
        assert len(rig.store.parcels.in_states(list(ParcelState))) == 1, "nothing is booked by the scan"
        booked = rig.counter.scans.arrive(rig.session, ParsedScan.of(second.shown), "JD")
        assert first.parcel is not None
        assert booked.parcel is not None
        assert (booked.kind, booked.parcel.waybill) == ("parcel_in", first.parcel.waybill)
        assert booked.parcel.shelf != first.parcel.shelf
        assert rig.counter.scans.arrive(rig.session, ParsedScan.of(second.shown), "JD").kind == "parcel_known", (
            "an old page books nothing"
        )
        assert len(rig.store.parcels.in_states(list(ParcelState))) == 2

    def test_the_only_package_twice_is_the_same_parcel(self, rig: CounterRig) -> None:
        rig.counter.receiving.set_mode(rig.session, "in")
        rig.scan("JD0012345678901-1-1-")
        assert rig.scan("JD0012345678901-1-1-").kind == "parcel_known"

    def test_a_package_after_the_first_was_collected_can_still_come_in(self, rig: CounterRig) -> None:
        rig.counter.receiving.set_mode(rig.session, "in")
        first = rig.scan("JD0012345678901-1-2-").parcel
        assert first is not None
        collect_by_code(rig.counter, rig.session, rig.code_of(first))
        assert rig.scan("JD0012345678901-2-2-").word == "another_package"
        assert rig.counter.scans.arrive(rig.session, ParsedScan.of("JD0012345678901-2-2-"), "JD").kind == "parcel_in"


class TestPersonalText:
    @pytest.mark.parametrize(
        "text",
        [
            "MECARD:N:Tursun;TEL:1380013;;",
            "mecard:N:Tursun;TEL:13800138000;;",
            "BEGIN:VCARD N:Tursun END:VCARD",
            "BEGIN:VCARD\nVERSION:3.0\nN:Tursun\nTEL:13800138000\nEND:VCARD",
            "BEGIN:VCARD VERSION:3.0 N:Tursun Ahmat TEL:13800138000 ADR:Yarkant Bazar Road 7 END:VCARD",
            "SMSTO:10086:hello",
            "SMSTO:13800138000:hello",
            "tel:10086",
            "tel:13800138000",
            "https://example.test/u?phone=13800138000",
            "https://example.test/653125198001011234",
            "身份证653125198001011234",
            "身份证：６５３１２５１９８００１０１１２３４",
            "电话 138-0013-8000",
            "１３８００１３８０００",
            "١٣٨٠٠١٣٨٠٠٠",
            "６５３１２５１９８００１０１１２３４",
            "ＭＥＣＡＲＤ：Ｎ：Tursun；；",
            "ＷＩＦＩ：S:shop;P:secret;;",
            "ID 653125198001011234",
            "Tursun 138 0013 8000",
            "otpauth://totp/x?secret=ABC",
            "653125800101123",
        ],
    )
    @pytest.mark.parametrize("mode", MODES)
    def test_nothing_of_it_is_on_the_screen(self, rig: CounterRig, text: str, mode: str) -> None:
        rig.counter.receiving.set_mode(rig.session, mode)
        result = rig.scan(text)
        assert (result.kind, result.shown, result.path) == ("refused", "", "")
        assert rig.store.parcels.in_states(list(ParcelState)) == []

    @pytest.mark.parametrize(
        ("text", "word", "shown"),
        [
            ("hello", "not_a_waybill", "hello"),
            ("SF12345678901234567", "not_a_waybill", "SF12345678901234567"),
            ("https://example.test/x", "url", "https://example.test/x"),
            ("مەرھابا 2026", "text", "مەرھابا 2026"),
            ("Y1P0٤٤١٢J", "look_alike", "Y1P0٤٤١٢J"),
            ("ЅF138512", "look_alike", "ЅF138512"),
            ("Y1P04412J\u202e", "control", "Y1P04412J"),
            ("https://example.test/01/96385074", "url", "https://example.test/01/96385074"),
            ("https://example.test/01/06901234567892", "product", "https://example.test/01/06901234567892"),
            ("EE123456789CN", "not_a_waybill", "EE123456789CN"),
        ],
    )
    def test_what_is_nobodys_is_still_shown(self, rig: CounterRig, text: str, word: str, shown: str) -> None:
        assert (rig.scan(text).word, rig.scan(text).shown) == (word, shown)

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("653125800101123", "id_number"),
            ("６５３１２５１９８００１０１１２３４", "id_number"),
            ("１３８００１３８０００", "phone_number"),
        ],
    )
    def test_it_is_named_for_what_it_is(self, rig: CounterRig, text: str, word: str) -> None:
        rig.counter.receiving.set_mode(rig.session, "in")
        assert rig.scan(text).word == word
        assert rig.counter.scans.arrive(rig.session, ParsedScan.of(text), "SF").word == word
        assert rig.store.parcels.in_states(list(ParcelState)) == []


class TestSscc:
    @pytest.mark.parametrize("mode", MODES)
    def test_the_printed_bars_of_a_crate_open_the_crates_of_its_lot(
        self, store: Store, tmp_path: Path, mode: str
    ) -> None:
        rig = CounterRig(store, tmp_path, codes=CodesSettings(company_prefix="6901234"))
        receipt = bring_in(store).receipt
        rig.counter.crates.pack(rig.session, receipt, [1])
        bars = self.bars(rig)
        rig.counter.receiving.set_mode(rig.session, mode)
        result = rig.scan(bars)
        assert (result.kind, result.word, result.path) == ("lot", "crate", f"/counter/intakes/{receipt}/crate")
        assert (result.receipt, result.values) == (receipt, {"crate": "1"})
        assert rig.store.parcels.in_states(list(ParcelState)) == [], "no waybill was taken for it"
        damaged = bars[:-1] + str((int(bars[-1]) + 1) % 10)
        assert rig.scan(damaged).kind == "refused", "a wrong check digit"
        assert rig.scan("]C100069012340000000018").kind == "refused", "a pallet of somebody else"
        rig.counter.crates.unpack(rig.session, receipt, 1)
        assert rig.scan(bars).kind == "refused", "a crate that was taken apart"

    def bars(self, rig: CounterRig) -> str:
        """What a scanner reads from the label as it is printed, the AIM identifier before it."""
        (job,) = rig.queued("crate_label")
        picture = render_crate_label(paper_of(job), PrintHead(203, 832)).to_image()
        (symbol,) = [symbol for symbol in read(picture) if symbol.aim == "]C1"]
        return f"{symbol.aim}{symbol.text}"


class TestReader:
    def test_the_gs1_symbol_and_the_link_of_an_own_bag_are_read_as_its_code(self) -> None:
        reader = ScanReader(company=CompanyPrefix("6901234"))
        own = "(01)96901234000019(3103)051710(10)0147A000381(21)0147A00038101"
        for company, text, kind in (
            (reader, build_element_string(parse_notation(own)), "bag"),
            (reader, build_digital_link("id.example.org", parse_notation(own)), "bag"),
            (reader, build_element_string(parse_notation(own.replace("(21)0147A00038101", "(21)o-1"))), "gs1"),
            (ScanReader(company=CompanyPrefix("6905678")), build_element_string(parse_notation(own)), "gs1"),
            (ScanReader(), build_element_string(parse_notation(own)), "gs1"),
        ):
            scan = company.read(text).scan
            assert (scan.kind, scan.valid) == (kind, True), text
            if kind == "bag":
                assert scan.data == internal_code("B", "0147A00038101")


class TestWho:
    def test_only_a_clerk_who_has_unlocked_the_counter(self, rig: CounterRig) -> None:
        assert refused(lambda: rig.counter.scans.scan(None, ParsedScan.of(waybill(1)))).code == "not_unlocked"
        clerk = rig.session
        technician = rig.access.sign_in("03", "482913")
        assert refused(lambda: rig.counter.scans.scan(technician, ParsedScan.of(waybill(1)))).code == "forbidden"
        assert refused(lambda: rig.counter.scans.scan(clerk, ParsedScan.of(waybill(1)))).code == "not_unlocked", (
            "one person at a time"
        )

    def test_a_locked_counter_forgets_what_it_showed(self, rig: CounterRig) -> None:
        rig.bring()
        rig.access.sign_out(rig.session.token)
        view = rig.counter.state.view()
        assert (view.last, view.mode, view.undo_until, view.unlocked_as) == (None, "", None, None)
        assert refused(lambda: rig.counter.receiving.undo(rig.session)).code == "not_unlocked"
