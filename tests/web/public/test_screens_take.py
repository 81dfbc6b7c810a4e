"""What was not sold is never shown as money that was paid: *Take* says which of the two it is, as *Agree* did."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.web.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def taken(shop: Shop, mode: str, language: str) -> str:
    """Next page a bag was booked."""
    view = shop.at_agree()
    if view.mode is not None and view.mode.value != mode:
        view = shop.desk.choices.choose_mode(mode)
    shop.desk.agreement.agree(view.reading_no, view.token)
    client: FlaskClient = create_app(shop, WebSettings(language=language)).test_client()
    return client.get("/take").text


def amount(page: str) -> str:
    """The second figure of the sum, without its markup."""
    line = re.search(r'class="booked-sum">(.*?)</p>', page, re.S)
    assert line is not None
    return re.sub(r"<[^>]*>", "", line[1]).partition("kg")[2].strip()


@pytest.mark.parametrize("language", ["ug", "zh", "en"])
@pytest.mark.parametrize("mode", ["consignment", "purchase"])
def test_take_says_which_of_the_two_it_is_in_the_words_of_agree(shop: Shop, mode: str, language: str) -> None:
    page = taken(shop, mode, language)
    other = "purchase" if mode == "consignment" else "consignment"
    assert str(load(language).text(f"agree.{mode}")) in page
    assert str(load(language).text(f"agree.{other}")) not in page


@pytest.mark.parametrize(("mode", "shown"), [("consignment", "≈ ¥739.20"), ("purchase", "¥714.56")])
def test_the_amount_of_a_consignment_is_about(shop: Shop, mode: str, shown: str) -> None:
    assert amount(taken(shop, mode, "ug")) == shown


def test_the_sign_and_the_amount_stay_together_in_a_line_from_the_right(shop: Shop) -> None:
    assert re.search(r'<bdi dir="ltr">≈\s<bdi dir="ltr">¥739.20</bdi></bdi>', taken(shop, "consignment", "ug"))
