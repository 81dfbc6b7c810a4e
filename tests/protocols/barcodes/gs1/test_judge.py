"""Every verdict of the tables beside that of bwip-js, another program that knows the rules of GS1, and our symbols
beside the ones it draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import pytest

from kiosk.protocols.barcodes.gs1.elements import to_bracketed
from kiosk.protocols.barcodes.gs1.table import TABLE
from kiosk.protocols.barcodes.linear import ean13_modules, gs1_128_modules
from kiosk.protocols.barcodes.matrix import Modules, gs1_datamatrix_modules
from tests.protocols.barcodes.gs1 import test_elements_associations, test_rules
from tests.protocols.barcodes.gs1.examples import value
from tests.protocols.barcodes.gs1.judge import Verdict, verdicts
from tests.protocols.barcodes.gs1.test_elements_associations import company, with_values

LEAST_AGREEMENT: Final = 0.97

JUDGED_OTHERWISE: Final[Mapping[str, str]] = {
    "(03)06901234567892(21)A(250)B": "(03) stands with (21) since the syntax dictionary of 2026",
    "(253)6901234567892(8030)AB": "a signature needs the serial part, as GS1's engine has it",
    "(255)6901234567892(8030)AB": "the same",
    "(8003)06901234567892(8030)AB": "the same",
    "(8004)061": "too short for a company prefix: lint_gcppos1 of the dictionary",
    "(8004)061A4": "no digits for a company prefix: lint_gcppos1",
    "(7041)APE": "a package type of the dictionary of 2026",
    "(8011)0": "lint_nozeroprefix refuses a single zero",
}
"""Where GS1's own syntax dictionary and engine say otherwise than bwip-js 4.11, and are followed."""

SSCC, WEIGHED = "(00)106141412345678908", "(01)96901234567895(3103)002480"
BAG = f"{WEIGHED}(13)260914(10)0147A000381(21)0147A00038101"


class Row(NamedTuple):
    """``associations`` are asked of whole labels, not of the single values of the rules."""

    text: str
    good: bool
    associations: bool


ROWS: Final = [
    *(Row(text, True, True) for text in test_elements_associations.GOOD),
    *(Row(text, False, True) for text, _ in test_elements_associations.MISSING + test_elements_associations.FORBIDDEN),
    *(Row(to_bracketed((case,)), True, False) for cases in test_rules.GOOD.values() for case in cases),
    *(Row(to_bracketed((case,)), False, False) for cases in test_rules.BAD.values() for case in cases),
    *(Row(to_bracketed(with_values(company(one))), True, True) for one in sorted(TABLE)),
    *(Row(to_bracketed(((one, value(one)),)), not TABLE[one].needs, True) for one in sorted(TABLE)),
]
SYMBOLS: Final = [("gs1datamatrix", BAG), ("gs1datamatrix", WEIGHED), ("gs1-128", SSCC), ("gs1-128", WEIGHED)]
EAN: Final = "2012345024809"


@pytest.fixture(scope="module")
def judged() -> list[Verdict]:
    """The judge is asked once, for all rows and then for the symbols."""
    rows = [("gs1-128", row.text, {"lintreqs": row.associations}) for row in ROWS]
    symbols = [(symbology, text, {"lintreqs": True}) for symbology, text in SYMBOLS]
    return verdicts([*rows, *symbols, ("ean13", EAN, {})])


def test_the_judge_agrees(judged: list[Verdict]) -> None:
    others = {
        row.text: verdict.error for row, verdict in zip(ROWS, judged, strict=False) if (not verdict.error) != row.good
    }
    agreement = 1 - len(others) / len(ROWS)
    print(f"{len(ROWS)} verdicts, {agreement:.1%} as bwip-js; not: {others}")
    assert others.keys() == JUDGED_OTHERWISE.keys()
    assert agreement >= LEAST_AGREEMENT
    for row, verdict in zip(ROWS, judged, strict=False):
        if verdict.error is not None and row.associations:
            assert "GS1missingAIs" in verdict.error or "GS1exclusiveAIs" in verdict.error, (row.text, verdict.error)


def test_its_symbols_are_ours(judged: list[Verdict]) -> None:
    drawn = [verdict.rows for verdict in judged[len(ROWS) :]]
    ours = [
        *(dots(gs1_datamatrix_modules(text)) for text in (BAG, WEIGHED)),
        *((gs1_128_modules(text),) for text in (SSCC, WEIGHED)),
        (ean13_modules(EAN),),
    ]
    assert drawn == ours


def dots(modules: Modules) -> tuple[str, ...]:
    return tuple("".join("1" if dark else "0" for dark in row) for row in modules)
