"""Goods from a stick: the catalog files in sight, what one of them would change, and its import.

GET changes nothing. The post imports what was shown and answers 303; a refused one answers 409 with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from flask import Blueprint, abort, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.messaging.contract.catalog.document import CatalogError
from kiosk.station.catalog.stick_import import Changes, PriceChange, StickCatalogs
from kiosk.station.doctor.doctor import Doctor
from kiosk.store import StoreError
from kiosk.texts.html import bdi_name, bdi_price
from kiosk.web.shared.paging import rows_of
from kiosk.web.shared.roles import Need
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.speech import Speech, speech_of
from kiosk.web.technician.frame import TechnicianArea, blueprint_of

HOME: Final = "/technician/goods"
NEEDS: Final = {"goods.page": Need.TECHNICIAN, "goods.act_bring": Need.TECHNICIAN}
FILES, ROWS = 3, 5  # On one page
_LETTERS: Final = 20  # Of a name, so that no page of rows is higher than the panel

Row = tuple[Markup, Markup]  # What it is, and what becomes of it


def blueprint(settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Serve ``/technician/goods``. Where no stick is looked for these pages answer 503."""
    pages = _GoodsPages(settings, doctor, "care", HOME)
    routes = blueprint_of("goods", HOME, {"page": pages.page}, {"bring": pages.bring})
    routes.register_error_handler(Refused, lambda error: pages.refused(error.code))
    routes.register_error_handler(CatalogError, lambda error: pages.faulty("goods_fault", fault=error))
    failed = "technician.refused.store_failed"
    routes.register_error_handler(StoreError, lambda error: pages.faulty("refused", text_id=failed))
    return routes


class _GoodsPages(TechnicianArea):
    @property
    def catalogs(self) -> StickCatalogs:
        catalogs = None if self._doctor is None else self._doctor.equipment.catalogs
        return catalogs or abort(503)

    def page(self) -> str:
        name, page_text = request.args.get("file", ""), request.args.get("page")
        if not name:
            version, catalog = self.catalogs.catalogs.get()
            files = rows_of(self.catalogs.files(), FILES, page_text)
            done = bool(request.args.get("done"))
            found = None if self._doctor is None else self._doctor.equipment.county
            county = found if found is not None and found.has_county else None
            by_hand = county is not None and county.is_by_hand()
            values = {"version": version, "n": len(catalog.products), "done": done}
            return self.draw("goods", page=files, county=county is not None, by_hand=by_hand, **values)
        preview = self.catalogs.preview(name)
        rows = [*_rows(preview.changes, speech_of(request, self._settings.language))]
        return self.draw("goods_look", look=preview, file=name, page=rows_of(rows, ROWS, page_text))

    def bring(self) -> AnyResponse:
        """Import the file the form names, as it was seen."""
        self.catalogs.import_file(request.form.get("file", ""), request.form.get("seen", ""))
        return redirect(f"{HOME}?done=1", 303)

    def faulty(self, template: str, **extra: object) -> tuple[str, int]:
        """Draw a fault. A GET answers 200: to report a fault is what it was asked for; a POST answers 409."""
        return self.draw(template, **extra), 409 if request.method == "POST" else 200

    def refused(self, code: str) -> tuple[str, int]:
        face = "update.why" if code.startswith("busy") else "goods.refused"
        return self.faulty("refused", text_id=f"technician.{face}.{code}")


def _rows(changes: Changes, speech: Speech) -> Iterator[Row]:
    for name in ("products", "containers", "members"):
        counted = asdict(getattr(changes, name))
        yield speech.one(f"setup.goods.{name}"), speech.one("technician.goods.counted", **counted)
    yield speech.one("setup.goods.prices"), speech.one("technician.goods.changed", n=len(changes.prices))
    yield from (_price(row, speech) for row in changes.prices)


def _price(row: PriceChange, speech: Speech) -> Row:
    product = bdi_name(getattr(row.names, speech.language.code), _LETTERS)
    what = Markup("{} · {}").format(product, speech.one(f"mode.{row.mode}"))
    word = "price_new" if row.before is None else "price_gone" if row.after is None else "price"
    prices = {name: bdi_price(fen) for name, fen in (("before", row.before), ("after", row.after)) if fen is not None}
    return what, speech.one(f"technician.goods.{word}", **prices)
