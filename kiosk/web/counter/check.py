"""The daily check weight, and the journal of the pan: for whoever has signed in at the counter, clerk or technician.

No address takes a weight: the page sends back the number of the reading it showed, and only a load that has lain still
since that reading is read as the check weight. What the check weight must show is set by a technician; where it is not,
the number on the weight is typed.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.domain.clerk import Role
from kiosk.domain.metrology.pan_journal import UnbookedWhy
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.scale.check_weight import CheckView
from kiosk.store.shared.records import CheckRow, LoadRow
from kiosk.web.counter.check_live import why_id
from kiosk.web.counter.frame import CounterFrame, Where
from kiosk.web.shared import roles
from kiosk.web.shared.paging import number_of
from kiosk.web.shared.ports import Station
from kiosk.web.shared.roles import Need

CHECK: Final = "/counter/check"
PAN: Final = "/counter/pan"
STREAM: Final = "/counter/check/live"
ROWS: Final = 8  # Rows of the journal on one page: two columns of four
_MAX_GRAM_DIGITS: Final = 6
_MAX_READING_DIGITS: Final = 18
_REASONS: Final = frozenset(UnbookedWhy)

NEEDS = {f"counter_check.{name}": Need.STAFF for name in ("page", "take", "pan")}


def blueprint(station: Station, frame: CounterFrame) -> Blueprint:
    check, pages = Blueprint("counter_check", __name__), CheckPages(station, frame)

    @check.get(CHECK)
    def page() -> str:
        return pages.check(roles.session())

    @check.post(f"{CHECK}/take")
    def take() -> AnyResponse:
        return redirect(f"{CHECK}?done={pages.take(roles.session()).number}", 303)

    @check.get(PAN)
    def pan() -> str:
        return pages.pan(roles.session())

    return check


class CheckPages:
    def __init__(self, station: Station, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def check(self, session: CounterSession) -> str:
        view, expected_g = self._station.check_weight.view(), _parse_grams(request.args.get("expected"))
        done = request.args.get("done", "")
        if view.last is not None and done == str(view.last.number):
            return self._checked(session.person, view, view.last)
        expected_g = view.expected_g or expected_g
        if expected_g is None:
            return self._frame.page("check_pad", session.person, Where("day", CHECK), back=_back(session.person))
        typed = view.expected_g is None
        here = f"{CHECK}?expected={expected_g}" if typed else CHECK
        return self._frame.page(
            "check",
            session.person,
            Where("day", here),
            stream=STREAM,
            check=view,
            expected_g=expected_g,
            typed=str(expected_g) if typed else "",
            allowed_g=self._station.check_weight.allowed_g(expected_g),
            hint=why_id(view.why_not, self._frame.speech),
            state=view.state.value,
            back=_back(session.person),
        )

    def take(self, session: CounterSession) -> CheckRow:
        form = request.form
        expected_g = None
        if "expected" in form and (expected_g := _parse_grams(form["expected"])) is None:
            raise CounterRefused("bad_weight", "no number of grams")
        return self._station.check_weight.take(session, expected_g, _reading(form.get("reading_no", "")))

    def pan(self, session: CounterSession) -> str:
        number = number_of(request.args.get("page"))
        with as_counter_refusals():
            rows = self._station.store.pan_loads.unbooked(ROWS + 1, (number - 1) * ROWS)
        loads = [(row, f"counter.pan.why.{row.why if row.why in _REASONS else 'other'}") for row in rows[:ROWS]]
        return self._frame.page(
            "pan",
            session.person,
            Where("day", PAN),
            loads=loads,
            number=number,
            more=len(rows) > ROWS,
            since=self._since,
            back=_back(session.person),
        )

    def _checked(self, person: Person, view: CheckView, row: CheckRow) -> str:
        retry_path = CHECK if view.expected_g is not None else f"{CHECK}?expected={row.expected_g}"
        return self._frame.page(
            "checked",
            person,
            Where("day", retry_path),
            stream=STREAM,
            row=row,
            off_g=row.read_g - row.expected_g,
            back=_back(person),
        )

    def _since(self, row: LoadRow) -> str:
        return self._frame.moment(row.at) if row.clock == "synced" else ""


def _back(person: Person) -> str:
    """Where the arrow leads: each to the page this one was opened from."""
    return "/technician/tests" if person.role is Role.TECHNICIAN else "/counter/day"


def _parse_grams(text: str | None) -> int | None:
    """Grams typed on the pad; None for anything that is no such number. Whether the scale may weigh it is not said."""
    good = text is not None and text.isascii() and text.isdigit() and len(text) <= _MAX_GRAM_DIGITS
    return int(text) if text is not None and good else None


def _reading(text: str) -> int:
    """The number of the reading a page showed; 0, which no reading has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_READING_DIGITS else 0
