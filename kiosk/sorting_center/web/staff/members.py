"""A member's year: numbers, no names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flask import request
from werkzeug.exceptions import NotFound

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.reports.figures import Figures, total
from kiosk.sorting_center.reports.members import MemberYear
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.staff.charts import Place, chart
from kiosk.sorting_center.web.staff.links import common, page_asked, region_of

members = Pages("members", __name__)

_NUMBER: Final = re.compile(r"M-[0-9]{5}")
_YEAR: Final = re.compile(r"20[0-9]{2}|19[0-9]{2}")
_PAGE: Final = 60


@members.look("/members/<region>/<number>", Role.VIEWER)
def member(region: str, number: str) -> str:
    """``?year=``, else the newest in which anything was brought; ``?page=`` of its receipts. In the audit."""
    if not _NUMBER.fullmatch(number):
        raise NotFound("a member number looks like M-04412")
    found, asked = sources().reports.members, request.args.get("year", "")
    years = found.years(number, region_of(region))
    if not years:
        raise NotFound(f"{number} has brought nothing in {region}")
    year = int(asked) if _YEAR.fullmatch(asked) else years[0]
    who = doors()
    who.desk.audit.record(current().person.name, Act.MEMBER_SEEN, f"{region} {number}", str(year), who.now())
    told = found.year(number, region, year)
    months, page = by_month(told), page_asked(len(told.receipts), _PAGE)
    picture = chart([Place(figures.net_g, str(month)) for month, figures in enumerate(months, 1)])
    return show(
        "member.html",
        told=told,
        years=sorted({*years, year}, reverse=True),
        months=months,
        picture=picture,
        rows=told.receipts[page.first : page.first + _PAGE],
        page=page,
        **common(),
    )


def by_month(told: MemberYear) -> Sequence[Figures]:
    """Twelve of them: together they are the figures of the year."""
    return [total(row.figures for row in told.receipts if row.day.month == month) for month in range(1, 13)]
