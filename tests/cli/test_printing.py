"""The command lines of the contract, section 3, called as a technician calls them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from kiosk.cli.kiosk import main
from kiosk.labels.layout import shipped_text
from kiosk.protocols.barcodes.reader import read
from kiosk.protocols.printers import tspl
from kiosk.protocols.printers.languages import LANGUAGES
from kiosk.simulators.printer.model import LABEL_PRINTER, PrintedPage
from kiosk.simulators.printer.tspl import TsplInterpreter

BAG: dict[str, Any] = {
    "goods_ug": "بادام",
    "goods_zh": "巴旦木",
    "goods_en": "Badam almonds",
    "net_g": 12480,
    "date": None,
    "zone": "Asia/Urumqi",
    "lot_code": "Y1L0147A000381K",
    "receipt": "0147-A-000381",
    "station": "S0147",
    "bag": 2,
    "bags": 3,
    "mode": "consignment",
    "a key of a later version": True,
}
RECEIPT: dict[str, Any] = {
    "receipt": "0147-A-000381",
    "receipt_code": "Y1R0147A000381K",
    "station": "S0147",
    "village": "英艾日克村",
    "party": "non_member",
    "mode": "purchase",
    "lines": [
        {
            "goods_ug": "ياڭاق",
            "goods_zh": "核桃",
            "goods_en": "Walnut",
            "bag": 1,
            "gross_g": 12900,
            "container_ug": "خالتا",
            "container_zh": "编织袋",
            "container_en": "woven sack",
            "tare_g": 420,
            "net_g": 12480,
            "price_fen_per_kg": 3200,
            "amount_fen": 39936,
        }
    ],
    "net_g": 12480,
    "amount_fen": 39936,
    "date": "2026-11-25",
    "time": "14:32",
    "zone": "Asia/Urumqi",
    "certificate": "none: own use",
    "lot_code": "Y1L0147A000381K",
    "software": "station-kiosk 0.1.0",
    "metrology": "metrology 3f9a-21c4",
}


def status(language: str, text: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["printer", "status", "--language", language, *arguments], input=text)


def render(tmp_path: Path, document: object, *arguments: str, template: str = "bag", language: str = "png") -> Result:
    data = tmp_path / "data.json"
    data.write_text(json.dumps(document), encoding="utf-8")
    out = tmp_path / "out"
    common = ["label", "render", "--template", template, "--data", str(data), "--language", language, "--out", str(out)]
    return CliRunner().invoke(main, [*common, *arguments])


@pytest.mark.parametrize(
    ("language", "reply", "expected"),
    [
        ("tspl", "00", {"ready": True, "fault": False, "flags": []}),
        ("tspl", "20", {"ready": False, "fault": False, "flags": ["printing"]}),
        ("tspl", "05", {"ready": False, "fault": True, "flags": ["head_open", "paper_out"]}),
        ("escpos", "12 12 12 12", {"ready": True, "fault": False, "flags": []}),
        ("escpos", "1a321272", {"ready": False, "fault": True, "flags": ["offline", "paper_out"]}),
        ("cpcl", "00", {"ready": True, "fault": False, "flags": []}),
        ("cpcl", "06", {"ready": False, "fault": True, "flags": ["paper_out", "head_open"]}),
        ("cpcl", "0180", {"ready": False, "fault": True, "flags": ["printing", "ribbon_out"]}),
        ("cpcl", "01", {"ready": False, "fault": False, "flags": ["printing"]}),
        ("ipp", "0101", {"ready": None, "fault": None, "flags": ["unknown"]}),
        ("zpl", b"ready?".hex(), {"ready": None, "fault": None, "flags": ["unknown"]}),
    ],
)
def test_printer_status(language: str, reply: str, expected: dict[str, object]) -> None:
    result = status(language, reply + "\n")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == expected


def test_one_answer_for_each_line_empty_and_broken_ones_too(tmp_path: Path) -> None:
    unknown = {"ready": None, "fault": None, "flags": ["unknown"]}
    lines = "00\n\nno hex\n0\n0000\n04"
    path = tmp_path / "replies"
    path.write_text(lines, encoding="utf-8")
    for result in (status("tspl", lines), status("tspl", lines, "-"), status("tspl", "", str(path))):
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert answers[1:5] == [unknown] * 4
        assert (answers[0]["ready"], answers[5]["flags"]) == (True, ["paper_out"])
        assert len(answers) == 6


@pytest.mark.parametrize(
    "arguments",
    [
        ["printer", "status", "--language", "pcl"],
        ["printer", "status"],
        ["printer", "status", "--language", "tspl", "/no/such/file"],
        ["printer", "reset"],
        ["label", "render", "--template", "poster", "--language", "png", "--out", "x"],
        ["label", "render", "--template", "bag", "--language", "png"],
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_a_label_as_picture(tmp_path: Path) -> None:
    assert render(tmp_path, BAG).exit_code == 0
    with Image.open(tmp_path / "out") as picture:
        assert (picture.format, picture.size) == ("PNG", (480, 320))
        assert [symbol.text for symbol in read(picture)] == ["Y1L0147A000381K"]


def test_a_label_by_a_layout_of_one_s_own(tmp_path: Path) -> None:
    layout = tmp_path / "bag_60x40.toml"
    layout.write_text(shipped_text("bag").replace("width = 60", "width = 62"), encoding="utf-8")
    assert render(tmp_path, BAG, "--layout", str(layout)).exit_code == 0
    with Image.open(tmp_path / "out") as picture:
        assert picture.size == (62 * 8, 320)


@pytest.mark.parametrize(
    ("layout", "template", "said"),
    [
        (shipped_text("bag").replace("width = 60", "width = 20").encode(), "bag", "edge of the label"),
        (b"\xff", "bag", "utf-8"),
        (shipped_text("bag").encode(), "bag_40x30", "no layout of one's own"),
    ],
)
def test_a_layout_that_no_station_would_use_is_exit_2_and_one_line(
    tmp_path: Path, layout: bytes, template: str, said: str
) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(layout)
    result = render(tmp_path, BAG, "--layout", str(file), template=template)
    assert (result.exit_code, result.stdout, (tmp_path / "out").exists()) == (2, "", False)
    (line,) = result.stderr.splitlines()
    assert str(file) in line
    assert said in line


def test_a_label_for_a_300_dpi_head(tmp_path: Path) -> None:
    assert render(tmp_path, BAG, "--dpi", "300").exit_code == 0
    with Image.open(tmp_path / "out") as picture:
        assert picture.size == (720, 480)


def test_a_label_as_tspl_draws_the_same_picture(tmp_path: Path) -> None:
    render(tmp_path, BAG)
    picture = Image.open(io.BytesIO((tmp_path / "out").read_bytes()))
    assert render(tmp_path, BAG, language="tspl").exit_code == 0
    stream = (tmp_path / "out").read_bytes()
    assert stream.startswith(b"SIZE 60 mm,40 mm\r\nGAP 2 mm,0 mm\r\n")
    (page,) = [event for event in TsplInterpreter(LABEL_PRINTER).feed(stream) if isinstance(event, PrintedPage)]
    assert page.image.tobytes() == picture.convert("1").tobytes()


@pytest.mark.parametrize(
    ("language", "start"),
    [
        ("zpl", b"^XA^MNN^PW384^LL"),
        ("escpos", b"\x1b@\x1dv0"),
        ("cpcl", b"! 0 200 200 "),
        ("ipp", b"RaS2PwgRaster\0"),
        ("png", b"\x89PNG"),
    ],
)
def test_a_receipt_in_every_language(tmp_path: Path, language: str, start: bytes) -> None:
    assert render(tmp_path, RECEIPT, template="receipt", language=language).exit_code == 0
    assert (tmp_path / "out").read_bytes().startswith(start)


def test_a_receipt_on_a_label_printer_has_no_gap(tmp_path: Path) -> None:
    assert render(tmp_path, RECEIPT, template="receipt", language="tspl").exit_code == 0
    assert b"GAP 0 mm,0 mm\r\n" in (tmp_path / "out").read_bytes()


def test_the_document_may_come_by_standard_input_and_the_page_leave_by_standard_output() -> None:
    result = CliRunner().invoke(
        main, ["label", "render", "--template", "bag", "--language", "tspl", "--out", "-"], input=json.dumps(BAG)
    )
    assert result.exit_code == 0
    assert result.stdout_bytes.startswith(b"SIZE")
    assert result.stdout_bytes.endswith(b"PRINT 1,1\r\n")
    assert tspl.STATUS_QUERY not in result.stdout_bytes


STRIP: dict[str, Any] = {"station": "S0147", "date": None, "zone": "Asia/Urumqi", "software": "station-kiosk 0.1.0"}
PARCEL: dict[str, Any] = {
    **STRIP,
    "shelf": "A-3-17",
    "number": "P-0147-A-000012",
    "carrier": "SF",
    "waybill_last4": "4821",
    "code": "Y1HA317J",
}


@pytest.mark.parametrize(
    ("template", "document", "code", "gap"),
    [
        ("parcel_label", PARCEL, "Y1HA317J", 2),
        (
            "pickup_slip",
            {
                **PARCEL,
                "code": "482917",
                "slip_code": "Y1K0147A000012482917F",
                "phone_last4": None,
                "village": "英艾日克村",
                "overdue_days": 3,
            },
            "Y1K0147A000012482917F",
            0,
        ),
        ("test_label", STRIP, "TEST", 2),
        ("test_receipt", {**STRIP, "village": "英艾日克村", "time": None}, "TEST", 0),
    ],
)
def test_every_paper_of_the_counter_has_its_template(
    tmp_path: Path, template: str, document: dict[str, Any], code: str, gap: int
) -> None:
    assert render(tmp_path, document, template=template).exit_code == 0
    with Image.open(tmp_path / "out") as picture:
        assert [symbol.text for symbol in read(picture)] == [code]
    assert render(tmp_path, document, template=template, language="tspl").exit_code == 0
    assert f"GAP {gap} mm,0 mm\r\n".encode() in (tmp_path / "out").read_bytes()


def test_a_day_slip_has_its_template(tmp_path: Path) -> None:
    names = "intakes voids abandoned bags net_g purchase_fen consignment_fen parcels_in parcels_out parcels_returned"
    totals = dict.fromkeys((*names.split(), "photos", "prints_unknown", "first_seq", "last_seq"), 1)
    day = {**STRIP, "village": "", "time": None, "totals": totals, "head": "0" * 64, "seq": 1, "actor": "clerk:07"}
    assert render(tmp_path, day, template="day_slip").exit_code == 0
    with Image.open(tmp_path / "out") as picture:
        assert picture.width == 384
    refused = render(tmp_path, {**day, "head": "0"}, template="day_slip")
    assert refused.exit_code == 2
    assert "64" in refused.stderr


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "object"),
        ({**BAG, "net_g": "12"}, "net_g"),
        ({**BAG, "net_g": 12.5}, "net_g"),
        ({**BAG, "net_g": -1}, "net weight"),
        ({**BAG, "mode": "gift"}, "mode"),
        ({**BAG, "lot_code": "چىلان"}, "ASCII"),
        ({**BAG, "lot_code": "A" * 60}, "480"),
        ({key: value for key, value in BAG.items() if key != "receipt"}, "receipt"),
    ],
)
def test_a_document_that_cannot_be_drawn_is_exit_2_and_one_line(tmp_path: Path, document: object, reason: str) -> None:
    result = render(tmp_path, document)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_exit_2_and_one_line(tmp_path: Path) -> None:
    result = render(tmp_path, BAG, "--out", str(tmp_path / "no" / "such" / "folder"))
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def simulate(language: str, out: Path, text: str) -> Result:
    return CliRunner().invoke(
        main, ["printer", "simulate", "--language", language, "--out", str(out)], input=text.encode()
    )


def test_a_simulated_printer_says_where_it_is_and_obeys_words(subtests: pytest.Subtests) -> None:
    for language in sorted(LANGUAGES):
        with subtests.test(language=language), TemporaryDirectory() as folder:
            result = simulate(language, Path(folder), "jam\nexplode\non\n")
            address, *rows = result.stdout.splitlines()
            told = [json.loads(row) for row in rows]
            assert result.exit_code == 0
            assert re.fullmatch(r"(ipp://)?127\.0\.0\.1:\d+(/ipp/print)?", address)
            assert told[0] == told[2] == {"ok": True, "printed": 0, "unknown": 0}
            assert told[1]["ok"] is False and "no fault word 'explode'" in told[1]["error"]
            assert simulate(language, Path("/dev/null/tray"), "").exit_code == 2
