"""Every station as a tile that needs no reading."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

from flask import Response, request

from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.watch.marks import Mark
from kiosk.sorting_center.web.access import Pages
from kiosk.sorting_center.web.asked import whole_number
from kiosk.sorting_center.web.frame import show, texts
from kiosk.sorting_center.web.live import Part
from kiosk.sorting_center.web.pictures.doctor import device_name
from kiosk.sorting_center.web.pictures.fleet import FleetPicture, Tile
from kiosk.sorting_center.web.sources import sources

PAGE: Final = 250
"""Tiles that fit on a wall, and their page into 150 KB."""
_MAX_WORDS: Final = 60

fleet = Pages("fleet", __name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which tiles: those of one mark, that a person's words mean, and of these the page."""

    state: Mark | None
    words: str
    page: int

    @classmethod
    def of_request(cls) -> Asked:
        """Whatever makes no sense asks for all."""
        said, number = request.args.get("state", ""), request.args.get("page", "")
        state = Mark(said) if said in set(Mark) else None
        return cls(state, request.args.get("q", "").strip()[:_MAX_WORDS], max(1, whole_number(number) or 1))

    def tiles(self, picture: FleetPicture) -> list[Tile]:
        """All pages of them. One of several marks is found under each."""
        words = self.words.casefold()
        return [
            tile
            for tile in picture.tiles
            if (self.state is None or self.state in tile.marks) and (not words or tile.answers(words))
        ]

    def way(self, page: int) -> dict[str, object]:
        """The same of another page."""
        return {"state": self.state.value if self.state else None, "q": self.words or None, "page": page}


@fleet.look("/fleet", Role.VIEWER)
def stations() -> str:
    """All, or those that are asked for, by township."""
    asked = Asked.of_request()
    return show("fleet.html", part=_part(asked).html, asked=asked, states=list(Mark))


@fleet.look("/fleet/live", Role.VIEWER)
def live() -> Response:
    """The tiles; 304 while nothing changed."""
    return _part(Asked.of_request()).answer()


def _part(asked: Asked) -> Part:
    kept = sources().pictures.fleet.current()
    return Part(kept, (asked,), lambda: _shown(kept.value, asked))


def _shown(picture: FleetPicture, asked: Asked) -> str:
    found = asked.tiles(picture)
    pages = max(1, -(-len(found) // PAGE))
    page = min(asked.page, pages)
    tiles = found[(page - 1) * PAGE : page * PAGE]
    return show(
        "fleet-live.html",
        picture=picture,
        asked=asked,
        device_of=lambda tile: device_name(tile.broken, texts()) if tile.mark is Mark.DEVICE and tile.broken else "",
        groups=[(*place, list(some)) for place, some in groupby(tiles, lambda tile: (tile.region, tile.township))],
        marks=[(mark, count) for mark, count in picture.counts.items() if count],
        many_regions=len({tile.region for tile in picture.tiles}) > 1,
        page=page,
        pages=pages,
    )
