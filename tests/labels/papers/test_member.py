"""The strip of what a member brought, and the slip of a code: every figure stands there, and no paper lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.domain.catalog import Names
from kiosk.domain.statement import BroughtSums
from kiosk.labels.documents import DocumentProblem
from kiosk.labels.papers.member import (
    MemberCode,
    MemberStatement,
    StatementRow,
    render_member_code,
    render_member_statement,
)
from kiosk.labels.typesetting.shaping import ELLIPSIS
from tests.labels.conftest import LONG_EN, LONG_UG, LONG_ZH
from tests.labels.heads import STRIP
from tests.labels.zbar import read

ROWS = (
    StatementRow("A-000381", "2026-11-25", Names("بادام", "巴旦木", "Badam"), 3, 52_310, 125_544, "purchase", False),
    StatementRow("A-000380", None, Names("كىشمىش", "葡萄干", "Raisins"), 1, 12_310, 25_544, "consignment", False),
    StatementRow("A-000379", "2026-11-24", Names(LONG_UG, LONG_ZH, LONG_EN), 1, 7_000, 9_999, "purchase", True),
)
SHOWN = BroughtSums.of((1, row.mode, row.void, row.net_g, row.amount_fen) for row in ROWS)
STRIP_OF = MemberStatement(
    station="S0147",
    village="英艾日克村",
    county="莎车县",
    date="2026-11-25",
    time="14:02",
    zone="Asia/Urumqi",
    member="M-00017",
    year=2026,
    sums=SHOWN,
    rows=ROWS,
    head="ab" * 32,
    software="station-kiosk 0.1.0",
)
CODE = MemberCode(station="S0147", date="2026-11-25", zone="Asia/Urumqi", member="M-00017", code="048213")


@pytest.mark.parametrize(("dpi", "width"), [(203, 384), (300, 576)])
def test_every_figure_stands_on_the_strip(texts: list[str], dpi: int, width: int) -> None:
    assert render_member_statement(STRIP_OF, STRIP[dpi]).width_dots == width
    for text in (
        *("A-000381", "A-000380", "2026", "2026-11-25", "日期未设定", "3 ×", "52.310 kg", "¥1,255.44", "≈ ¥255.44"),
        *(
            "12.310 kg",
            "7.000 kg",
            "作废 VOID بىكار قىلىنغان",
            "2026-11-25 14:02 UTC+6",
            "abababab · station-kiosk 0.1.0",
        ),
    ):
        assert text in texts, text
    assert "¥1,510.88" not in "".join(texts), "what is owed and what is estimated have no sum"
    assert not any("earlier ones" in text for text in texts)


def test_what_does_not_fit_is_one_sum(texts: list[str]) -> None:
    more = BroughtSums(312, 5, SHOWN.purchase_g + 8_000, SHOWN.purchase_fen + 1_234, SHOWN.consignment_g, 25_544)
    render_member_statement(replace(STRIP_OF, sums=more, year=None), STRIP[203])
    assert "earlier ones" in texts and "¥12.34" in texts and "8.000 kg" in texts
    assert any("all receipts of this station" in text for text in texts)


@pytest.mark.parametrize(
    "sums",
    [
        replace(SHOWN, receipts=1),
        replace(SHOWN, voids=0),
        replace(SHOWN, purchase_fen=SHOWN.purchase_fen + 1),
        replace(SHOWN, consignment_g=1),
        replace(SHOWN, receipts=9, purchase_g=0),
    ],
)
def test_sums_that_are_not_those_of_the_rows_are_on_no_paper(sums: BroughtSums) -> None:
    with pytest.raises(DocumentProblem):
        replace(STRIP_OF, sums=sums)


def test_the_signed_code_is_read_from_the_paper_or_its_place_says_why_not(texts: list[str]) -> None:
    code = "https://kiosk.example.cn/s#" + "3141592653" * 32
    for dpi in (203, 300):
        raster = render_member_statement(replace(STRIP_OF, signed_code=code), STRIP[dpi])
        assert ("QR-Code", code) in read(raster.to_image())
    assert "signature device failed" not in texts
    render_member_statement(replace(STRIP_OF, fails=True), STRIP[203])
    assert "signature device failed" in texts


def test_a_code_is_large_and_alone(texts: list[str]) -> None:
    render_member_code(CODE, STRIP[203])
    assert "048 213" in texts and not any(ELLIPSIS in text for text in texts)
    assert any("a new code ends this one" in text for text in texts)
    for code in ("", "12345", "１２３４５６", "1234567"):
        with pytest.raises(DocumentProblem):
            replace(CODE, code=code)
