"""Goods, containers, labels and settings that a county gives its stations, changed in the draft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from flask import redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.domain.catalog import Allergen
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.configuration import CountySettings
from kiosk.sorting_center.configuration.checks import BookFault, check_book
from kiosk.sorting_center.configuration.goods_form import FIELDS, MAX_CHARS, form_fields, row_content
from kiosk.sorting_center.configuration.price_grid import HoldingPrices
from kiosk.sorting_center.configuration.rendering import read_content
from kiosk.sorting_center.configuration.sheets import content_json
from kiosk.sorting_center.desk.county_book import COUNTY, BookRow
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, record
from kiosk.sorting_center.web.shared.county import CONTAINER_DRAWINGS, GOODS_DRAWINGS, CountyDraft, county_draft
from kiosk.sorting_center.web.shared.files import sent_file
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.sources import sources

county_goods = GuardedBlueprint("county_goods", __name__)

EDITED_KINDS: Final = tuple(FIELDS)
SETTINGS: Final = CountySettings.__struct_fields__
LABEL_KINDS: Final = ("bag", "crate", "parcel", "member", "tote", "seal")
_MAX_LAYOUT: Final = 32_000
_CODE: Final = re.compile(r"[A-Z0-9-]{1,16}")


@dataclass(frozen=True, slots=True)
class RowForm:
    """``seen``: the content that the person saw; ``faults``: by column."""

    fields: Mapping[str, str]
    seen: str
    faults: Mapping[str, BookFault] = field(default_factory=dict)
    refused: Refused | None = None


@county_goods.get_route("/county-goods", StaffRole.VIEWER, menu=(104, "nav_county_goods"))
def overview() -> str:
    """Show the draft of ``?region=&scope=``."""
    return _render("county-goods.html", county_draft())


@county_goods.get_route("/county-goods/labels", StaffRole.VIEWER)
def labels_page() -> str:
    """Show each label as it would be printed."""
    return _render("county-labels.html", county_draft())


def _render(
    template: str, county: CountyDraft, refused: Refused | None = None, faults: Sequence[BookFault] = ()
) -> str:
    typed = {name: form_text(name, MAX_CHARS) for name in SETTINGS} if refused or faults else {}
    settings = _settings(county)
    return render_page(
        template,
        county=county,
        kinds={kind: _listed(county, kind) for kind in EDITED_KINDS},
        changed={(change.kind, change.key) for change in county.content.changes},
        settings=settings,
        wider={key: str(read_content("setting", key, text)) for key, text in county.holding.get("setting", {}).items()},
        typed=typed,
        labels=LABEL_KINDS,
        refused=refused,
        faults=faults,
    )


def _require(word: str, known: Iterable[str]) -> None:
    """Raise NotFound for an unknown word."""
    if word not in known:
        raise NotFound("there is no such page")


def _listed(county: CountyDraft, kind: str) -> Mapping[str, Mapping[str, str]]:
    """Return the fields by code: of what holds in this scope, or of the wider scope for what is hidden here."""
    shown = dict[str, str]()
    for scope in county.levels:
        found = {row.key: row.content for row in county.content.rows if (row.kind, row.scope) == (kind, scope)}
        shown |= {key: content for key, content in found.items() if content or key not in shown}
    return {key: form_fields(kind, text) for key, text in sorted(shown.items())}


@county_goods.get_route("/county-goods/<kind>/<key>", StaffRole.VIEWER)
def row_page(kind: str, key: str) -> str:
    _require(kind, EDITED_KINDS)
    county = county_draft()
    if key == "new":
        return _render_row(county, kind, "", RowForm(form_fields(kind, ""), ""))
    fields = _listed(county, kind).get(key)
    if fields is None:
        raise NotFound("the draft has no such goods")
    return _render_row(county, kind, key, RowForm(fields, ""))


def _render_row(county: CountyDraft, kind: str, key: str, form: RowForm) -> str:
    stored = county.own.get((kind, key), "")
    theirs = form_fields(kind, stored) if form.refused and stored else {}
    return render_page(
        "county-row.html",
        county=county,
        kind=kind,
        key=key,
        form=form,
        stored=stored,
        is_hidden=bool(key) and key not in county.holding.get(kind, {}),
        theirs={name: text for name, text in theirs.items() if text != form.fields.get(name)},
        drawings=GOODS_DRAWINGS if kind == "product" else CONTAINER_DRAWINGS,
        allergens=[one.value for one in Allergen],
        has_sale_fault=any(column.startswith("sale") for column in form.faults),
        modes=_prices_of(county, key) if kind == "product" else {},
    )


@county_goods.post_route("/county-goods/<kind>", StaffRole.OPERATOR)
def edit(kind: str) -> Response:
    """Do ``act``: ``save``; ``hide`` it in this scope; ``remove`` the row, so that the wider scope holds again."""
    _require(kind, EDITED_KINDS)
    county, key, act = county_draft(), form_text("code", 17).strip(), form_text("act", 10)
    fields = {name: form_text(name, MAX_CHARS + 1).strip() for name in FIELDS[kind]}
    fields |= {"sale.allergens": " ".join(request.form.getlist("sale.allergens"))} if kind == "product" else {}
    seen, shown = form_text("seen", 20_000), "" if "new" in request.form else key
    fields |= {"code": key}
    content = row_content(kind, key, fields) if act == "save" else ""
    row = BookRow(kind, county.scope, key, content)
    faults = _faults(county, [row]) if act == "save" else []
    if _CODE.fullmatch(key) is None:
        faults = [BookFault(kind, county.scope, key, "code", "content", {"problem": "1-16: A-Z 0-9 -"}), *faults]
    if faults:
        form = RowForm(fields, seen, {fault.column: fault for fault in reversed(faults)})
        return page_response(_render_row(county, kind, shown, form), 422)
    put, removed = ([], [row]) if act == "remove" or (act == "hide" and county.scope == COUNTY) else ([row], [])
    present = county.own.get((kind, key), "")
    try:
        if "new" in request.form and key in _listed(county, kind):
            raise Refused("code_in_use", "there are goods with this code")
        if content != present or act != "save":
            county.save(put, removed, untouched=present == seen)
    except Refused as error:
        return page_response(_render_row(county, kind, shown, RowForm(fields, present, {}, error)), 409)
    record(AuditAction.GOODS_CHANGED, county.scope or county.region, f"{act} {kind} {key}")
    return redirect(county.address("county_goods.overview", done=1), 303)


def _faults(county: CountyDraft, rows: Sequence[BookRow]) -> list[BookFault]:
    found = check_book(rows, sources().desk.registry.current(), region=county.region)
    return [fault for fault in found if not fault.is_warning and fault.key]


@county_goods.post_route("/county-goods/settings", StaffRole.OPERATOR)
def edit_settings() -> Response:
    """Save the settings. An empty one is removed: then the wider scope's, or the station's own, holds."""
    county = county_draft()
    typed = {name: form_text(name, MAX_CHARS).strip() for name in SETTINGS}
    rows = [BookRow("setting", county.scope, name, content_json({"value": text})) for name, text in typed.items()]
    put, removed = ([row for row in rows if bool(typed[row.key]) is some] for some in (True, False))
    untouched = all(form_text(f"w.{name}", MAX_CHARS) == text for name, text in _settings(county).items())
    return _save_rows("county-goods.html", county, (put, removed), untouched=untouched)


def _settings(county: CountyDraft) -> Mapping[str, str]:
    """Return what this scope itself sets."""
    own = ((name, county.own.get(("setting", name))) for name in SETTINGS)
    return {name: str(read_content("setting", name, content)) if content else "" for name, content in own}


@county_goods.post_route("/county-goods/labels", StaffRole.OPERATOR)
def edit_label() -> Response:
    """Save a ``layout``: the name of one that comes with the software, "" for that of each station, or a ``file``."""
    from kiosk.sorting_center.configuration.preview import shipped_layouts

    county, kind = county_draft(), form_text("kind", 10)
    _require(kind, LABEL_KINDS)
    _, content = sent_file(_MAX_LAYOUT * 4)
    text = content.decode("utf-8", "replace") or shipped_layouts(kind).get(form_text("layout", 20), "")
    row = BookRow("layout", county.scope, kind, content_json({"text": text.replace("\r\n", "\n")}))
    return _save_rows("county-labels.html", county, ([row], []) if text else ([], [row]), untouched=False)


def _save_rows(
    template: str, county: CountyDraft, rows: tuple[Sequence[BookRow], Sequence[BookRow]], *, untouched: bool
) -> Response:
    """Save ``rows``: those to put, and those to remove."""
    put, removed = rows
    faults = _faults(county, put)
    if faults:
        return page_response(_render(template, county, None, faults), 422)
    put = [row for row in put if county.own.get((row.kind, row.key)) != row.content]
    removed = [row for row in removed if (row.kind, row.key) in county.own]
    try:
        if put or removed:
            county.save(put, removed, untouched=untouched)
    except Refused as error:
        return page_response(_render(template, county, error), 409)
    if put or removed:
        changed = ", ".join(f"{row.kind} {row.key}" for row in (*put, *removed))
        record(AuditAction.GOODS_CHANGED, county.scope or county.region, changed)
    page = "labels_page" if template == "county-labels.html" else "overview"
    return redirect(county.address(f"county_goods.{page}", done=int(bool(put or removed))), 303)


def _prices_of(county: CountyDraft, product: str) -> Mapping[str, int]:
    """Return what the draft pays for these goods today in this scope, by mode."""
    prices, today = HoldingPrices(county.content.prices, county.levels), sources().now().date().isoformat()
    found = {}
    for key in sorted(prices.contents):  # The newest day that has started comes last
        code, mode, since = key.split("/")
        fen = prices.fen(key)
        if code == product and since <= today and fen is not None:
            found[mode] = fen
    return dict(sorted(found.items(), reverse=True))


@county_goods.get_route("/county-goods/product/<key>/<paper>.png", StaffRole.VIEWER)
def paper(key: str, paper: str) -> Response:
    """Draw a paper as a station would print it by the draft; ``mode=`` for the receipt."""
    from kiosk.sorting_center.configuration import preview

    _require(paper, ("label", "receipt"))
    county = county_draft()
    content = county.holding.get("product", {}).get(key)
    mode = request.args.get("mode", "")
    price = _prices_of(county, key).get(mode)
    if content is None or (paper == "receipt" and price is None):
        raise NotFound("the draft has no such goods, or no price for them")
    product = read_content("product", key, content)
    if paper == "label":
        text = county.holding.get("layout", {}).get("bag")
        layout = read_content("layout", "bag", text) if text else preview.shipped_layouts("bag")["bag"]
        return Response(preview.label_png(product, layout), content_type="image/png")
    values = county.holding.get("setting", {}).items()
    settings = CountySettings(**{name: read_content("setting", name, text) for name, text in values})
    return Response(preview.receipt_png(product, Mode(mode), price or 0, settings), content_type="image/png")


@county_goods.get_route("/county-goods/labels/<kind>.png", StaffRole.VIEWER)
def label(kind: str) -> Response:
    """Draw a label with sample data, by the draft's layout in this scope, else by the shipped one."""
    from kiosk.sorting_center.configuration import preview

    _require(kind, LABEL_KINDS)
    text = county_draft().holding.get("layout", {}).get(kind)
    layout = read_content("layout", kind, text) if text else preview.shipped_layouts(kind)[kind]
    return Response(preview.layout_png(kind, layout), content_type="image/png")
