"""A member's year: numbers, no names; these are in the roll (`member_roll`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flask import request
from werkzeug.exceptions import NotFound

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.reports.members import MemberYear
from kiosk.sorting_center.reports.shared.figures import Figures, total
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, record
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
    """``?year=``, else the newest in which anything was brought; ``?page=`` of its receipts. In the audit."""
    if not _MEMBER_NUMBER.fullmatch(number):
        raise NotFound("a member number looks like M-04412")
    found, year_text = sources().reports.members, request.args.get("year", "")
    years = found.years(number, region_of(region))
    if not years:
        raise NotFound(f"{number} has brought nothing in {region}")
    year = int(year_text) if _YEAR.fullmatch(year_text) else years[0]
    record(AuditAction.MEMBER_SEEN, f"{region} {number}", str(year))
    member_year = found.year(number, region, year)
    months, page = by_month(member_year), requested_page(len(member_year.receipts), _PAGE_SIZE)
    picture = chart([ChartPoint(figures.net_g, str(month)) for month, figures in enumerate(months, 1)])
    return render_page(
        "member.html",
        told=member_year,
        years=sorted({*years, year}, reverse=True),
        months=months,
        picture=picture,
        rows=member_year.receipts[page.first : page.first + _PAGE_SIZE],
        page=page,
        **record_context(),
    )


def by_month(member_year: MemberYear) -> Sequence[Figures]:
    return [total(row.figures for row in member_year.receipts if row.day.month == month) for month in range(1, 13)]
