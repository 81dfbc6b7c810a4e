"""From an agreed intake to its papers: every text and number, and that a name is only ever a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from kiosk.domain.catalog import Catalog, Container, Names, Product
from kiosk.domain.identifiers import ReceiptNumber, parse_internal_code
from kiosk.domain.intake import ConfirmedIntake, Intake, TareSource, Weighing
from kiosk.domain.moment import ClockQuality
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.labels.papers.bag_label import BagLabel
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.protocols.barcodes.gs1.elements import build_element_string, parse_notation
from kiosk.station.counter.scans import ScanReader
from kiosk.station.papers.papers import make_papers
from kiosk.station.shared.settings import StationSettings
from kiosk.store.shared.records import NewPaper
from tests.station.fakes import CATALOG, MOMENT, STAMP

SETTINGS = StationSettings("S0147", "yarkant", Path("data"), village="Yëngi <b>mehelle</b>", zone="Asia/Urumqi")
NOT_PRESENTED = Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED)
HEAD = "a91f03c7" * 8

HOSTILE = ["<script>alert(1)</script>", "^XZ^XA", "\"';--", "\x1b@\x1bm", "two\nlines", "\u202edam", "~JR", "{{7*7}}"]


def agreed(*gross_g: int, certificate: Certificate = NOT_PRESENTED) -> ConfirmedIntake:
    intake = Intake(ReceiptNumber("S0147", "A", 381), Party("M-04412"), "BADAM", Mode.PURCHASE, 1, 2200)
    for number, gross in enumerate(gross_g, 1):
        intake = intake.with_bag(Weighing(gross, number, number, 1200, 14), "SACK", TareSource.PRESET, 160)
    return intake.confirm(certificate)


def papers(confirmed: ConfirmedIntake, catalog: Catalog = CATALOG) -> list[NewPaper]:
    return list(make_papers(SETTINGS, CodesSettings(), confirmed, catalog, STAMP)(HEAD))


def test_one_label_a_bag_then_one_receipt() -> None:
    jobs = papers(agreed(12_450, 20_000))
    assert [(job.document, job.printer, job.bag) for job in jobs] == [
        ("bag_label", "label", 1),
        ("bag_label", "label", 2),
        ("receipt", "receipt", 0),
    ]


def test_every_word_and_number_of_a_label() -> None:
    confirmed = agreed(12_450, 20_000)
    assert msgspec.json.decode(papers(confirmed)[1].body, type=BagLabel) == BagLabel(
        goods_ug="ug-badam",
        goods_zh="zh-badam",
        goods_en="en-badam",
        net_g=19_840,
        date="2026-11-25",
        zone="Asia/Shanghai",
        lot_code=confirmed.lot,
        receipt="0147-A-000381",
        station="S0147",
        bag=2,
        bags=2,
        mode="purchase",
        village="Yëngi <b>mehelle</b>",
        county="yarkant",
        bag_code=confirmed.intake.receipt.bag_code(2),
        producer="M-04412",
        seller="Yëngi <b>mehelle</b>",
    )
    assert parse_internal_code(confirmed.lot).name == "lot"


def test_every_word_and_number_of_a_receipt() -> None:
    confirmed = agreed(12_450)
    receipt = msgspec.json.decode(papers(confirmed)[-1].body, type=ReceiptDocument)
    assert receipt == ReceiptDocument(
        receipt="0147-A-000381",
        receipt_code=confirmed.intake.receipt.code,
        station="S0147",
        village="Yëngi <b>mehelle</b>",
        party="M-04412",
        mode="purchase",
        lines=(
            ReceiptLine(
                goods_ug="ug-badam",
                goods_zh="zh-badam",
                goods_en="en-badam",
                bag=1,
                gross_g=12_450,
                container_ug="ug-sack",
                container_zh="zh-sack",
                container_en="en-sack",
                tare_g=160,
                net_g=12_290,
                price_fen_per_kg=2200,
                amount_fen=27_038,
            ),
        ),
        net_g=12_290,
        amount_fen=27_038,
        date="2026-11-25",
        time="14:05",
        zone="Asia/Shanghai",
        certificate="none: not_presented",
        lot_code=confirmed.lot,
        software="station-kiosk/test",
        metrology=STAMP.metrology,
        county="yarkant",
        head=HEAD,
    )
    assert parse_internal_code(receipt.receipt_code).name == "receipt"


def test_a_certificate_is_named_with_its_reference() -> None:
    confirmed = agreed(12_450, certificate=Certificate(CertificateKind.COOPERATIVE, "XJ-2026.17"))
    assert msgspec.json.decode(papers(confirmed)[-1].body, type=ReceiptDocument).certificate == "cooperative XJ-2026.17"


def test_the_countys_name_stands_for_its_id_when_a_technician_has_set_it() -> None:
    settings = replace(SETTINGS, county="莎车县")
    label, receipt = make_papers(settings, CodesSettings(), agreed(12_450), CATALOG, STAMP)(HEAD)
    assert msgspec.json.decode(label.body, type=BagLabel).county == "莎车县"
    assert msgspec.json.decode(receipt.body, type=ReceiptDocument).county == "莎车县"


def test_goods_with_an_item_reference_carry_their_own_gs1_symbol_on_each_bag() -> None:
    confirmed = agreed(12_450, 8_000)
    product = confirmed.intake.product
    for items, gs1 in ({product: 1}, "(01)96901234000019(3103)"), ({"OTHER": 1}, ""):
        codes = CodesSettings(company_prefix="6901234", items=items, link_domain="id.example.org")
        jobs = make_papers(SETTINGS, codes, confirmed, CATALOG, STAMP)(HEAD)
        labels = [msgspec.json.decode(job.body, type=BagLabel) for job in jobs[:-1]]
        assert len(labels) == 2
        for label in labels:
            assert label.gs1.startswith(gs1)
            assert bool(label.gs1) == bool(label.link) == bool(gs1)
            if gs1:
                reader = ScanReader(company=codes.company)
                for text in build_element_string(parse_notation(label.gs1)), label.link:
                    assert reader.read(text).text == label.bag_code


def test_an_unset_clock_prints_no_date() -> None:
    unset = replace(MOMENT, utc=datetime(1970, 1, 1, tzinfo=UTC), quality=ClockQuality.UNSET)
    jobs = make_papers(SETTINGS, CodesSettings(), agreed(12_450), CATALOG, replace(STAMP, moment=unset))(HEAD)
    label, receipt = jobs
    assert msgspec.json.decode(label.body, type=BagLabel).date is None
    paper = msgspec.json.decode(receipt.body, type=ReceiptDocument)
    assert (paper.date, paper.time) == (None, None)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_stays_the_text_it_is(name: str) -> None:
    names = Names(name, name, name)
    catalog = Catalog((Product("BADAM", names, "badam"),), (), (Container("SACK", names, 160, "sack"),), ())
    label, receipt = papers(agreed(12_450), catalog)
    assert msgspec.json.decode(label.body, type=BagLabel).goods_ug == name
    line = msgspec.json.decode(receipt.body, type=ReceiptDocument).lines[0]
    assert (line.goods_zh, line.container_en) == (name, name)


def test_goods_that_left_the_catalog_are_named_by_their_code() -> None:
    label, receipt = papers(agreed(12_450), Catalog((), (), (), ()))
    assert msgspec.json.decode(label.body, type=BagLabel).goods_ug == "BADAM"
    assert msgspec.json.decode(receipt.body, type=ReceiptDocument).lines[0].container_zh == "SACK"
