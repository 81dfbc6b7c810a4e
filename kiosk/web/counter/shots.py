"""The counter's shot on a page: the one just asked for, as long as it belongs to what the page shows."""

from __future__ import annotations

from typing import Any

from kiosk.station.desk.view import PhotoView
from kiosk.texts import Texts
from kiosk.web.counter.refusals import refusal_id
from kiosk.web.shared.ports import Station


class Shots:
    """Reads what the counter shows, and whether a picture is still on this card."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def of(self, subject: str, address: str, texts: Texts) -> dict[str, Any]:
        """What ``counter/_shot.html`` needs for a parcel or lot; "" is neither."""
        view = self._station.counter.state.view()
        photo = view.photo if subject and view.shot_of == subject else PhotoView()
        if photo.state == "done" and not self._is_on_card(photo.sha256 or ""):
            photo = PhotoView("gone")
        problem = refusal_id(photo.problem or "", texts)
        return {
            "shot": photo,
            "shot_address": f"{address}?{(photo.sha256 or '')[:8]}",
            "shot_problem": problem if problem.startswith("problem.") else "counter.shot.failed",
        }

    def _is_on_card(self, sha256: str) -> bool:
        """Old ones leave the card once the sorting center has them."""
        station = self._station
        return station.photo_folder.path(sha256) is not None or station.parcel_photos.path(sha256) is not None
