"""Every station as a tile, by township: those in trouble first, and whom to call there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from flask import Response, request

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.watch.measure import StationMark
from kiosk.sorting_center.web.shared.access import GuardedBlueprint
from kiosk.sorting_center.web.shared.fleet import FleetSnapshot, Tile
from kiosk.sorting_center.web.shared.frame import LiveFragment, render_page, texts
from kiosk.sorting_center.web.shared.names import DoctorEntry, doctor_summary
from kiosk.sorting_center.web.shared.query_params import parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources

PAGE_SIZE: Final = 250  # Tiles that fit on a wall, and their page into 150 KB
BEHIND: Final = "behind"  # A state to choose beside the marks: another document than the county's newest
_MAX_WORDS: Final = 60
_TELEPHONE: Final = re.compile(r"\+?[0-9][0-9 ()/-]{4,20}[0-9]")

fleet = GuardedBlueprint("fleet", __name__)


@dataclass(frozen=True, slots=True)
class TileFilter:
    state: StationMark | None
    words: str
    page: int
    behind: bool = False

    @classmethod
    def of_request(cls) -> TileFilter:
        """Read the filter of the request; what makes no sense selects all."""
        state_text, number = request.args.get("state", ""), request.args.get("page", "")
        state = StationMark(state_text) if state_text in set(StationMark) else None
        words, page = request.args.get("q", "").strip()[:_MAX_WORDS], max(1, parse_whole_number(number) or 1)
        return cls(state, words, page, state_text == BEHIND)

    def tiles(self, snapshot: FleetSnapshot) -> list[Tile]:
        """Return those of all pages. A tile with several marks is found under each."""
        words = self.words.casefold()
        return [
            tile
            for tile in snapshot.tiles
            if (self.state is None or self.state in tile.marks)
            and (not self.behind or tile.configuration.is_behind)
            and (not words or tile.matches(words))
        ]

    def query_args(self, page: int) -> dict[str, object]:
        state = self.state.value if self.state else BEHIND if self.behind else None
        return {"state": state, "q": self.words or None, "page": page}


@fleet.get_route("/fleet", StaffRole.VIEWER, menu=(20, "nav_fleet"))
def stations() -> str:
    tile_filter = TileFilter.of_request()
    return render_page("fleet.html", part=_live_fragment(tile_filter).html, asked=tile_filter, states=list(StationMark))


@fleet.get_route("/fleet/live", StaffRole.VIEWER)
def live() -> Response:
    return _live_fragment(TileFilter.of_request()).answer()


def broken_device(tile: Tile) -> DoctorEntry | None:
    """Return the doctor's entry for the first broken device; None unless it is why the station is not well."""
    if tile.mark is not StationMark.DEVICE or tile.broken is None:
        return None
    return doctor_summary((tile.broken,), texts()).bad[0]


def telephone(contact: str) -> str:
    """Return the number to dial in a contact of the station list; "" where there is none."""
    found = _TELEPHONE.search(contact)
    return re.sub(r"[^0-9+]", "", found[0]) if found is not None else ""


def _live_fragment(tile_filter: TileFilter) -> LiveFragment:
    versioned = sources().snapshots.fleet.current()
    return LiveFragment(versioned, (tile_filter,), lambda: _render(versioned.value, tile_filter))


def _render(snapshot: FleetSnapshot, tile_filter: TileFilter) -> str:
    found = tile_filter.tiles(snapshot)
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(tile_filter.page, pages)
    tiles = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return render_page(
        "fleet-live.html",
        picture=snapshot,
        asked=tile_filter,
        device_of=broken_device,
        groups=[(*place, list(some)) for place, some in groupby(tiles, lambda tile: (tile.region, tile.township))],
        marks=[(mark, count) for mark, count in snapshot.counts.items() if count],
        many_regions=len({tile.region for tile in snapshot.tiles}) > 1,
        page=page,
        pages=pages,
    )
