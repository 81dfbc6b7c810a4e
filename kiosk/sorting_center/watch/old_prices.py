"""Stations that buy at another price than the county has published for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from kiosk.domain.catalog import Catalog, Price
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.configuration import PricesPart, parse_part
from kiosk.sorting_center.configuration.rendering import BadRow, CountyRendering
from kiosk.sorting_center.desk.county_book import CountyBook, Release
from kiosk.sorting_center.desk.registry import StationRegister
from kiosk.sorting_center.desk.station_configurations import StationConfiguration, StationKey
from kiosk.sorting_center.reports.paid_prices import PaidKey, PaidPrice

GRACE: Final = timedelta(hours=24)  # So long a station may use the price before: it may have no line
_MAX_RENDERED: Final = 20  # Releases in memory


@dataclass(frozen=True, slots=True)
class OldPrice:
    """``county_fen``: None where the county buys no such goods. ``since``: when such a price was first seen."""

    paid: PaidPrice
    county_fen: int | None
    since: datetime


class OldPrices:
    """For one thread. A receipt is judged once: what is published after it makes its price no other one."""

    def __init__(self, book: CountyBook) -> None:
        self._book = book
        self._judged: dict[PaidKey, tuple[PaidPrice, OldPrice | None]] = {}
        self._renderings: dict[tuple[str, int], tuple[CountyRendering, dict[bytes, Catalog]]] = {}

    def findings(
        self,
        paid: Mapping[PaidKey, PaidPrice],
        register: StationRegister,
        configurations: Mapping[StationKey, StationConfiguration],
    ) -> list[OldPrice]:
        """Find old prices at stations that get documents. Raises DeskError."""
        before, self._judged = self._judged, {}
        releases = cache(self._book.releases)
        for key, one in paid.items():
            configuration = configurations.get(key[:2])
            if configuration is None or configuration.newest is None:
                continue
            earlier = before.get(key)
            if earlier is not None and earlier[0] == one:
                self._judged[key] = earlier
                continue
            expected = register.stations.get(key[:2])
            township = expected.township if expected is not None else ""
            found = self._judge(one, releases(one.region), township, configuration)
            if found is not None and earlier is not None and earlier[1] is not None:
                found = replace(found, since=earlier[1].since)
            self._judged[key] = one, found
        return [found for _, found in self._judged.values() if found is not None]

    def _judge(
        self, one: PaidPrice, releases: Sequence[Release], township: str, configuration: StationConfiguration
    ) -> OldPrice | None:
        """Return None for a price valid within the grace period, or paid before the station could have any."""
        begin, newest = one.at - GRACE, configuration.newest
        is_first = newest is not None and newest.number == 1
        if is_first and datetime.fromisoformat(configuration.made_at) > begin:
            return None
        valid = list(_valid_between(releases, begin, one.at))
        if not valid or datetime.fromisoformat(valid[-1].published_at) > begin:
            return None
        catalogs = [self._catalog(one, release.number, township) for release in valid]
        days = (one.day.isoformat(), (one.day - timedelta(days=1)).isoformat())
        allowed = [replace(catalog, day=day).price(one.product, Mode(one.mode)) for catalog in catalogs for day in days]
        if one.fen_per_kg in allowed or not all(catalog.prices for catalog in catalogs):
            return None
        return OldPrice(one, allowed[0], one.at)

    def _catalog(self, one: PaidPrice, release: int, township: str) -> Catalog:
        """Return the prices of this release for a station; none where the station sets its own."""
        key = (one.region, release)
        if key not in self._renderings:
            for oldest in list(self._renderings)[: 1 - _MAX_RENDERED]:
                del self._renderings[oldest]
            self._renderings[key] = CountyRendering(self._book.released(*key)), {}
        rendering, catalogs = self._renderings[key]
        try:
            content = rendering.parts(one.station, township).get("prices", b'{"prices":[]}')
        except BadRow:
            return Catalog((), (), (), ())  # Such a release is sent to no station
        if content not in catalogs:
            part = parse_part("prices", content)
            rows = part.prices if isinstance(part, PricesPart) else ()
            prices = tuple(Price(row.product, Mode(row.mode), row.fen_per_kg, row.since) for row in rows)
            catalogs[content] = Catalog((), prices, (), ())
        return catalogs[content]


def _valid_between(releases: Iterable[Release], begin: datetime, end: datetime) -> Iterator[Release]:
    """Yield the releases in force at some time between; ``releases`` has the newest first."""
    for release in releases:
        published_at = datetime.fromisoformat(release.published_at)
        if published_at <= end:
            yield release
        if published_at <= begin:
            return
