"""Numbers inside Uyghur sentences: on paper by isolates, on the screen by ``bdi``, both in the same place and order."""

from __future__ import annotations

import re

from markupsafe import Markup

from kiosk.labels.typesetting.shaping import itemize
from kiosk.texts import formats, html
from kiosk.texts.plain import LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE, isolate

SENTENCES = ("بادام {} خالتا", "{} بادام", "بادام: {}", "1-دەرىجە {} 2-دەرىجە", "بادام ({})", "Badam {} بادام")
NUMBERS = (
    (formats.number(1234), html.bdi_number(1234)),
    (formats.kg_text(12_450), html.bdi_kg(12_450)),
    (formats.kg_text(-3_500), html.bdi_kg(-3_500)),
    (formats.money(120_382), html.bdi_money(120_382)),
    (formats.price_per_kg(6_000), html.bdi_price(6_000)),
    ("0147-A-000381", html.bdi_code("0147-A-000381")),
    ("2026-11-25", html.bdi("2026-11-25")),
    ("XJ-2026.17/3", html.bdi_code("XJ-2026.17/3")),
)


def as_isolates(markup: Markup) -> str:
    """What a browser makes of it before it orders the line (HTML, 15.3.6: bdi is ``unicode-bidi: isolate``)."""
    text = re.sub(r'<bdi dir="ltr">(.*?)</bdi>', rf"{LEFT_TO_RIGHT_ISOLATE}\1{POP_ISOLATE}", str(markup))
    assert "<" not in text, "every tag was one of the isolates"
    return str(Markup(text).unescape())


def shown(line: str) -> str:
    """From the left edge to the right, in a right-to-left line."""
    return "".join(run.text[::-1] if run.rtl else run.text for run in itemize(line, rtl=True))


def test_a_number_in_a_uyghur_sentence_is_whole_and_the_same_on_paper_and_screen() -> None:
    wrong = []
    for sentence in SENTENCES:
        for plain, markup in NUMBERS:
            paper = shown(sentence.format(isolate(plain)))
            screen = shown(as_isolates(Markup(sentence).format(markup)))
            if plain not in paper or paper != screen:
                wrong.append((sentence, plain, paper, screen))
    assert wrong == []


def test_without_an_isolate_the_number_would_be_torn() -> None:
    """Why each is wrapped: the same sentence, bare."""
    torn = [plain for plain, _ in NUMBERS if plain not in shown(f"بادام {plain}")]
    assert formats.kg_text(-3_500) in torn
    assert "2026-11-25" in torn
