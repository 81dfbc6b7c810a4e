"""The county's prices as a table: typed, pasted or imported into the draft, and compared with what is in force."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from flask import make_response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.domain.trade import Mode
from kiosk.sorting_center.configuration.checks import check_book
from kiosk.sorting_center.configuration.files import (
    MAX_FILE_BYTES,
    BadSheets,
    ImportedRows,
    SheetFault,
    read_file,
    write_csv,
    write_workbook,
)
from kiosk.sorting_center.configuration.price_grid import (
    NOT_BOUGHT,
    GridView,
    ScopedPrices,
    cell_text,
    parse_cell,
    price_grid,
)
from kiosk.sorting_center.configuration.release_changes import release_changes
from kiosk.sorting_center.configuration.sheets import SHEETS
from kiosk.sorting_center.desk.county_book import COUNTY, PUBLISHED_KINDS, BookRow
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.access import (
    AccessRule,
    GuardedBlueprint,
    access_policy,
    current_principal,
    record,
)
from kiosk.sorting_center.web.shared.county import CountyDraft, changes_by_kind, county_draft
from kiosk.sorting_center.web.shared.files import (
    ENVELOPE_BYTES,
    READ_LOCK,
    discard_checked,
    file_response,
    find_checked,
    sent_file,
    store_checked,
)
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.sources import sources

prices = GuardedBlueprint("prices", __name__)

_TABLE_BYTES: Final = 1024 * 1024  # 5,000 cells, each with what was seen in it
_MAY_EDIT: Final = AccessRule(role=StaffRole.OPERATOR, form_bytes=_TABLE_BYTES)
_DAY: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_KEY: Final = re.compile(rf"[A-Z0-9-]{{1,16}}/(purchase|consignment)/({_DAY.pattern})?")
_MAX_CHARS: Final = 20
_MAY_IMPORT: Final = AccessRule(role=StaffRole.OPERATOR, form_bytes=MAX_FILE_BYTES + ENVELOPE_BYTES)
_SHEETS: Final = tuple(name for name, sheet in SHEETS.items() if sheet.kind in PUBLISHED_KINDS)
_MAX_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class TypedPrices:
    """A form: by key the text of a cell, and its text when the page was made. ``faults``: codes by key."""

    cells: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> Mapping[str, str]:
        return {key: text for key, text in self.cells.items() if text != self.seen.get(key, "")}


@prices.get_route("/prices", StaffRole.VIEWER, menu=(102, "nav_prices"))
def table() -> str:
    """Show ``?region=&scope=``; ``all=1``: also days whose prices hold nowhere any more."""
    return _render(county_draft(), TypedPrices())


@prices.post_route("/prices", _MAY_EDIT)
def edit() -> Response:
    """Do ``act``: ``save`` into the draft, or show one more ``day`` or ``row`` in the table, with what was typed."""
    county, typed = county_draft(), _read_form()
    act = form_text("act", 10)
    if act in ("day", "row"):
        return page_response(_render(county, typed, _added(act, typed)), 200)
    changed, removed, faults = _rows(county.scope, typed.changed)
    typed = TypedPrices(typed.cells, typed.seen, faults)
    if faults:
        return page_response(_render(county, typed), 422)
    if not changed and not removed:
        return redirect(county.address("prices.table", done=0), 303)
    present = county.content.prices
    untouched = all(
        cell_text(present.own(county.scope, key)) == typed.seen.get(key, "") for key in (*typed.cells, *typed.seen)
    )
    try:
        county.save(changed, removed, untouched=untouched)
    except Refused as error:
        return page_response(_render(county, typed, refused=error), 409)
    record(AuditAction.PRICES_CHANGED, county.scope or county.region, _summary(changed, removed))
    return redirect(county.address("prices.table", done=len(changed) + len(removed)), 303)


def _read_form() -> TypedPrices:
    cells, seen = dict[str, str](), dict[str, str]()
    for name, text in request.form.items():
        kind, _, key = name.partition(".")
        if kind in ("p", "w") and _KEY.fullmatch(key):
            (cells if kind == "p" else seen)[key] = text.strip()[:_MAX_CHARS]
    return TypedPrices(cells, seen)


def _added(act: str, typed: TypedPrices) -> frozenset[str]:
    """Return the keys of the cells that a new day or a new row has."""
    lines = {key.rpartition("/")[0] for key in typed.cells}
    days = {key.rpartition("/")[2] for key in typed.cells} or {""}
    if act == "day":
        day = form_text("day", 10)
        return frozenset(f"{line}/{day}" for line in lines if _DAY.fullmatch(day))
    keys = (f"{form_text('product', 16)}/{form_text('mode', 12)}/{day}" for day in days)
    return frozenset(key for key in keys if _KEY.fullmatch(key))


def _rows(scope: str, typed: Mapping[str, str]) -> tuple[Sequence[BookRow], Sequence[BookRow], Mapping[str, str]]:
    """Return rows to put, rows to remove, and faults by key."""
    changed, removed, faults = list[BookRow](), list[BookRow](), dict[str, str]()
    for key, text in typed.items():
        try:
            content = parse_cell(text)
        except Refused as error:
            faults[key] = error.code
            continue
        holds = content is not None and (content or scope != COUNTY)  # Not bought in a whole county: without a price
        (changed if holds else removed).append(BookRow("price", scope, key, content or ""))
    return changed, removed, faults


def _summary(changed: Sequence[BookRow], removed: Sequence[BookRow]) -> str:
    texts = [f"{row.key} {cell_text(row.content)}" for row in changed]
    return "; ".join([*texts, *(f"{row.key} removed" for row in removed)])


def _render(
    county: CountyDraft, typed: TypedPrices, added: frozenset[str] = frozenset(), refused: Refused | None = None
) -> str:
    draft, released = county.content.prices, county.content.released_prices
    view = GridView(
        county.levels,
        county.stations if county.scope != COUNTY else None,
        sources().now().date().isoformat(),
        frozenset(typed.cells) | added,
        request.args.get("all") == "1",
    )
    overrides = {scope: len(rows) for scope, rows in sorted(draft.by_scope.items()) if scope}
    return render_page(
        "prices.html",
        county=county,
        grid=price_grid(draft, released, view),
        typed=typed,
        not_bought=NOT_BOUGHT,
        overrides=overrides,
        goods=sorted(county.content.names),
        modes=[mode.value for mode in Mode],
        refused=refused,
    )


@prices.get_route("/prices/<name>", StaffRole.VIEWER)
def export(name: str) -> Response:
    """Send the draft of the whole county: its prices, or a workbook with a sheet for each kind, or that empty."""
    county = county_draft()
    if not county.region or name not in ("prices.csv", "county.xlsx", "template.xlsx"):
        raise NotFound("there is no such file, or no county in the list of stations")
    rows = () if name == "template.xlsx" else county.content.rows
    content = write_csv("prices", rows) if name == "prices.csv" else write_workbook(rows, _SHEETS)
    record(AuditAction.EXPORTED, name, county.region)
    return file_response(content, name)


@prices.post_route("/prices/check", _MAY_IMPORT)
def check() -> Response:
    """Show what a ``file`` would change of the draft, or every fault by its cell; nothing is written."""
    county, (name, content) = county_draft(), sent_file(MAX_FILE_BYTES)
    try:
        imported = _read(content)
    except BadSheets as error:
        return page_response(_render_check(county, name, [(fault.place, fault) for fault in error.faults]), 422)
    # The cell and the fault, of the draft as it would be.
    rows = [*imported.rows, *(row for row in county.content.rows if row.kind not in imported.kinds)]
    found = check_book(rows, sources().desk.registry.current(), region=county.region)
    faults = [(imported.place(fault), fault) for fault in found if imported.place(fault)]
    if any(not fault.is_warning for _, fault in faults):
        return page_response(_render_check(county, name, faults), 422)
    stored = store_checked(content, _base(county))
    present = [row for row in county.content.rows if row.kind in imported.kinds]
    changes = release_changes(present, imported.rows, county.townships)
    groups = changes_by_kind(county, changes, ScopedPrices(present), ScopedPrices(imported.rows))
    return make_response(_render_check(county, name, (), groups=groups, file_sha256=stored.file_sha256))


def _read(content: bytes) -> ImportedRows:
    """Read the file. Raises BadSheets, also for what is not drafted here, such as members."""
    with READ_LOCK:
        imported = read_file(content)
    if foreign := [kind for kind in imported.kinds if kind not in PUBLISHED_KINDS]:
        raise BadSheets([SheetFault("", "", "no_sheet", {"name": foreign[0], "sheets": ", ".join(_SHEETS)})])
    return imported


def _render_check(county: CountyDraft, name: str, faults: Sequence[tuple[str, object]], **values: object) -> str:
    """Render the check; ``faults``: each with its cell."""
    return render_page("county-import.html", county=county, name=name, faults=faults, max_shown=_MAX_SHOWN, **values)


def _base(county: CountyDraft) -> str:
    return f"county {county.region} {county.draft.revision}"


@prices.post_route("/prices/apply", StaffRole.OPERATOR)
def apply() -> Response:
    """Take the ``file`` that was shown into the draft, if the draft is still the one it was compared with."""
    county, policy, who = county_draft(), access_policy(), current_principal().person.name
    try:
        stored = find_checked()
        if stored.base != _base(county):
            raise Refused("changed_meanwhile", "somebody has changed the draft meanwhile: check the file again")
        imported = _read(stored.content)
        policy.desk.book.replace(county.region, imported.kinds, imported.rows, county.draft.revision, who, policy.now())
    except Refused as error:
        return page_response(_render_check(county, "", (), refused=error), 409)
    record(AuditAction.CONFIGURATION_IMPORTED, county.region, f"{', '.join(imported.kinds)} {stored.file_sha256}")
    discard_checked()
    return redirect(county.address("prices.table", done=1), 303)
