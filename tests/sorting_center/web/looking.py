"""A signed-in person before a fresh process of pages: what it shows is of this moment."""

from __future__ import annotations

from datetime import datetime

from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import NOON, app_of, followed, sign_in


def page(stores: Stores, path: str, now: datetime = NOON, lang: str = "en", health: CenterHealth | None = None) -> str:
    """The reports have read all there is."""
    followed(stores)
    with app_of(stores, health, now).test_client() as client:
        sign_in(client, stores.desk)
        client.set_cookie("language", lang)
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text
