"""Hostile text stays text, on one line, in its own direction."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from kiosk.texts import MissingText, isolate, load, plain
from kiosk.texts import html as bdi
from kiosk.texts.plain import printable

ANY_TEXT = st.text(st.characters(), max_size=80)


def test_plain(subtests: pytest.Subtests) -> None:
    for text, shown in [
        ("  Ali \t\n Tursun ", "Ali Tursun"),
        ("\x1b@^XZ~HI\x00", "@^XZ~HI"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("\u2067\u200f\u061cx\u2069\ufeff\u00ad", "x"),
        ("<script>alert('1')</script>", "<script>alert('1')</script>"),
        ("a\u2028b\u0085c\u00a0d", "a b c d"),
        ("\ud800\ue000", ""),
        ("ئابدۇراخمان", "ئابدۇراخمان"),
        ("می\u200cشود", "می\u200cشود"),
    ]:
        with subtests.test(text=text, shown=shown):
            assert plain(text, 40) == shown


def test_what_is_cut_off_shows() -> None:
    assert plain("0123456789", 10) == "0123456789"
    assert plain("0123456789A", 10) == "012345678…"
    assert plain("abc defgh", 5) == "abc…"
    with pytest.raises(ValueError, match="at most 0"):
        plain("a", 0)


@given(ANY_TEXT, st.integers(1, 60))
def test_plain_is_one_short_visible_line_and_stays_so(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert plain(shown, limit) == shown
    shown.encode("utf-8")
    assert not any(
        unicodedata.category(char) in {"Cc", "Zl", "Zp"} or unicodedata.bidirectional(char) == "RLO" for char in shown
    )


def test_isolate(subtests: pytest.Subtests) -> None:
    for direction, opens in [("ltr", "\u2066"), ("rtl", "\u2067"), ("auto", "\u2068")]:
        with subtests.test(direction=direction, opens=opens):
            assert isolate("-3.5 kg", direction) == f"{opens}-3.5 kg\u2069"


@given(ANY_TEXT)
def test_nothing_inside_an_isolate_can_close_it(text: str) -> None:
    inner = isolate(text)[1:-1]
    assert not set(inner) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_numbers_for_html_stand_in_their_own_isolate() -> None:
    assert bdi.bdi_kg(12450) == '<bdi dir="ltr">12.450\u00a0kg</bdi>'
    assert bdi.bdi_kg(-12400, 1) == '<bdi dir="ltr">-12.4\u00a0kg</bdi>'
    assert bdi.bdi_money(120382) == '<bdi dir="ltr">¥1,203.82</bdi>'
    assert bdi.bdi_price(6000) == '<bdi dir="ltr">¥60.00/kg</bdi>'
    assert bdi.bdi_number(1234) == '<bdi dir="ltr">1,234</bdi>'
    assert bdi.bdi_code("0147-A-000381") == '<bdi dir="ltr">0147-A-000381</bdi>'
    assert isinstance(bdi.bdi_kg(1), Markup)


def test_codes_and_names_from_outside_are_escaped() -> None:
    assert bdi.bdi_code('"><script>\u202e') == '<bdi dir="ltr">&#34;&gt;&lt;script&gt;</bdi>'
    assert bdi.bdi_name("<b>\nAli") == "<bdi>&lt;b&gt; Ali</bdi>"


def test_fill_escapes_values_but_keeps_formatted_ones() -> None:
    texts = load("ug", strict=True)
    assert bdi.fill(texts, "agree.bag", n="<i>") == "&lt;i&gt;-خالتا"
    assert bdi.fill(texts, "agree.bag", n=3) == '<bdi dir="ltr">3</bdi>-خالتا'
    assert bdi.fill(texts, "agree.bag", n=bdi.bdi_code("A-3")) == '<bdi dir="ltr">A-3</bdi>-خالتا'
    assert bdi.fill(texts, "take.thanks") == "رەھمەت"
    with pytest.raises(MissingText):
        bdi.fill(texts, "agree.bag")


def test_fill_counts() -> None:
    texts = load("en", strict=True)
    assert bdi.fill(texts, "count.bags", n=1) == '<bdi dir="ltr">1</bdi> bag'
    assert bdi.fill(texts, "count.bags", n=1200) == '<bdi dir="ltr">1,200</bdi> bags'


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"ST,GS", "ST,GS"),
        (b"\x02<b>\r\n", "<02><b><0D><0A>"),
        ("=\u202e".encode(), "=<E2><80><AE>"),
        (b"\x02+001.230\x03\r\n\xff", "<02>+001.230<03><0D><0A><FF>"),
    ],
)
def test_bytes_for_people(data: bytes, shown: str) -> None:
    assert printable(data) == shown
