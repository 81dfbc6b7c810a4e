"""Where the stations of a county stand: villages in a handful of townships, all of them made up.

The Uyghur names are words of published lists for what grows in such a place, without a word for village or township.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from kiosk.domain.catalog import Names
from kiosk.domain.identifiers import check_station

_MAX_NAME: Final = 40
TOWNSHIPS: Final = (
    Names("بادام", "巴旦木乡", "Badam"),
    Names("ياڭاق", "核桃乡", "Yangaq"),
    Names("ئانار", "石榴乡", "Anar"),
    Names("قوغۇن", "甜瓜乡", "Qoghun"),
    Names("ئۈزۈم", "葡萄乡", "Üzüm"),
    Names("ئۆرۈك", "杏乡", "Örük"),
    Names("ئەنجۈر", "无花果镇", "Enjür"),
)
# A township has no two of one name; another one may have the same.
VILLAGES: Final = (
    Names("شاپتۇل", "桃", "Shaptul"),
    Names("نەشپۈت", "梨", "Neshpüt"),
    Names("ئالما", "苹果", "Alma"),
    Names("تاۋۇز", "西瓜", "Tawuz"),
    Names("ئۈجمە", "桑", "Üjme"),
    Names("گىلاس", "樱桃", "Gilas"),
    Names("پىستە", "开心果", "Piste"),
    Names("چىلان", "红枣", "Chilan"),
    Names("قارىئۆرۈك", "西梅", "Qariörük"),
    Names("كاشتان", "栗子", "Kashtan"),
    Names("قوناق", "玉米", "Qonaq"),
    Names("سەۋزە", "胡萝卜", "Sewze"),
    Names("پىياز", "洋葱", "Piyaz"),
    Names("گۈرۈچ", "稻", "Gürüch"),
    Names("ھەسەل", "蜂蜜", "Hesel"),
)


@dataclass(frozen=True, slots=True)
class StationLocation:
    """A station and where it stands. Raises ValueError for a station id or a name that cannot be one."""

    station: str
    township: Names
    village: Names

    def __post_init__(self) -> None:
        check_station(self.station)
        for names in (self.township, self.village):
            for name in (names.ug, names.zh, names.en):
                if not (0 < len(name) <= _MAX_NAME and name.isprintable()):
                    raise ValueError(f"{name!r} is no name of a place")


def places(stations: Sequence[str]) -> tuple[StationLocation, ...]:
    """A village for each station, the townships in turn; where all names are used up they are numbered."""
    found = []
    for number, station in enumerate(stations):
        nth, township = divmod(number, len(TOWNSHIPS))
        name_round, village = divmod(nth, len(VILLAGES))
        found.append(StationLocation(station, TOWNSHIPS[township], _numbered(VILLAGES[village], name_round + 1)))
    return tuple(found)


def as_csv(rows: Sequence[StationLocation]) -> str:
    """One line a station, its names in three languages, with a head."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["station", *(f"{what}_{code}" for what in ("township", "village") for code in ("ug", "zh", "en"))])
    for row in rows:
        names = (row.township, row.village)
        writer.writerow([row.station, *(name for one in names for name in (one.ug, one.zh, one.en))])
    return text.getvalue()


def _numbered(names: Names, number: int) -> Names:
    if number == 1:
        return Names(names.ug, f"{names.zh}村", names.en)
    return Names(f"{names.ug} {number}", f"{names.zh}{number}村", f"{names.en} {number}")
