"""A member's year: numbers, no names; these are in the roll (`member_roll`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flask import request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.reports.members import MemberYear, event_key, statement_of
from kiosk.sorting_center.reports.shared.figures import Figures, total
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, record
from kiosk.sorting_center.web.shared.files import file_response
from kiosk.sorting_center.web.shared.frame import render_page
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.charts import ChartPoint, chart
from kiosk.sorting_center.web.staff.links import record_context, region_of, requested_page

members = GuardedBlueprint("members", __name__)

_MEMBER_NUMBER: Final = re.compile(r"M-[0-9]{5}")
_YEAR: Final = re.compile(r"20[0-9]{2}|19[0-9]{2}")
_PAGE_SIZE: Final = 60


@members.get_route("/members/<region>/<number>", StaffRole.VIEWER)
def member(region: str, number: str) -> str:
    """Show ``?year=``, else the newest with receipts, and ``?page=`` of these; record it in the audit."""
    years, member_year = _year(region, number, request.args.get("year", ""))
    record(AuditAction.MEMBER_SEEN, f"{region} {number}", str(member_year.year))
    months, page = by_month(member_year), requested_page(len(member_year.receipts), _PAGE_SIZE)
    picture = chart([ChartPoint(figures.net_g, str(month)) for month, figures in enumerate(months, 1)])
    return render_page(
        "member.html",
        told=member_year,
        years=sorted({*years, member_year.year}, reverse=True),
        months=months,
        picture=picture,
        rows=member_year.receipts[page.first : page.first + _PAGE_SIZE],
        page=page,
        signs=sources().configuration_key is not None,
        **record_context(),
    )


@members.post_route("/members/<region>/<number>/statement", StaffRole.OPERATOR)
def statement(region: str, number: str) -> Response:
    """Send the year as a file that the county has signed. Raises Refused: statement_cut_off, statement_key."""
    # The library of the key is loaded only to sign: no other request waits for it.
    from kiosk.sorting_center.configuration.keys import load_key
    from kiosk.sorting_center.stations.authority import BadAuthority

    (_, found), file = _year(region, number, request.form.get("year", "")), sources().configuration_key
    if file is None:
        raise Refused("statement_key", "nobody has said where the county's key is")
    if found.cut_off:
        raise Refused("statement_cut_off", f"{number} has too many receipts")
    made = statement_of(found, sources().reports.journal.hashes([event_key(row) for row in found.receipts]))
    try:
        key = load_key(file)
    except (OSError, BadAuthority) as error:
        raise Refused("statement_key", f"the county's key cannot be used: {error}") from error
    if key.subject.region != region:
        raise Refused("statement_key", f"the county's key is of {key.subject.region}")
    name = f"statement-{number}-{found.year}.json"
    record(AuditAction.EXPORTED, name, f"{region}, {len(made.lines)} receipts")
    return file_response(made.encode(*key.sign_message(made.message)), name)


def _year(region: str, number: str, year: str) -> tuple[tuple[int, ...], MemberYear]:
    """Return all years in which something was brought, and the given one, else the newest."""
    if not _MEMBER_NUMBER.fullmatch(number):
        raise NotFound("a member number looks like M-04412")
    found = sources().reports.members
    years = found.years(number, region_of(region))
    if not years:
        raise NotFound(f"{number} has brought nothing in {region}")
    return years, found.year(number, region, int(year) if _YEAR.fullmatch(year) else years[0])


def by_month(member_year: MemberYear) -> Sequence[Figures]:
    return [total(row.figures for row in member_year.receipts if row.day.month == month) for month in range(1, 13)]
