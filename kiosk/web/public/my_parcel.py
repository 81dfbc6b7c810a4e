"""*My parcel*: six digits on a pad, or the slip under the scanner. Nothing is handed out here: the parcel is put up at
the counter and a clerk brings it. While no clerk is there, one is called, and finds the parcel after unlocking."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from math import ceil

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.live import ScanNotice
from kiosk.station.desk.view import DeskStep
from kiosk.station.scan_router import CLERK_CALLED, MY_PARCEL, put_up_notice
from kiosk.station.service import StationService
from kiosk.texts import Texts
from kiosk.web.public.payload import PATHS
from kiosk.web.public.screens import Screens
from kiosk.web.public.sentences import Sentence, scan_sentence
from kiosk.web.shared.roles import Need

logger = logging.getLogger(__name__)

NEEDS = {"my_parcel.parcel": Need.PUBLIC, "my_parcel.code": Need.PUBLIC}

_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class ParcelAnswer:
    """The answer to a villager: ``minutes`` to wait, the ``shelf`` of a parcel that is coming."""

    sentence: Sentence
    shelf: str = ""
    minutes: int = 0


def blueprint(station: StationService, screens: Screens) -> Blueprint:
    my_parcel = Blueprint("my_parcel", __name__)

    @my_parcel.get("/parcel")
    def parcel() -> str | AnyResponse:
        view = station.desk.view()
        if view.step is not DeskStep.HOME:
            return redirect(PATHS[view.step], 303)
        return screens.page("parcel.html", view, answer=_notice_answer(station, screens))

    @my_parcel.post("/parcel/code")
    def code() -> tuple[str, int] | AnyResponse:
        try:
            row = station.counter.handovers.public_code(request.form.get("code", ""))
        except CounterRefused as error:
            logger.info("a pickup code was refused: %s", error.code)
            found = answer(ScanNotice(word=error.code, wait_s=error.wait_s), screens.texts())
            return screens.page("parcel.html", station.desk.view(), answer=found), 409
        station.board.notify(put_up_notice(station.access), row)
        return redirect(f"/parcel?notice={station.board.snapshot().notice.count}", 303)

    return my_parcel


def answer(notice: ScanNotice, texts: Texts) -> ParcelAnswer:
    """Put a notice into words. The shelf is named only when a clerk is present to watch it."""
    shelf = notice.parcel.shelf if notice.parcel and notice.word == MY_PARCEL else None
    return ParcelAnswer(scan_sentence(notice.word, texts), shelf or "", ceil(notice.wait_s / _MINUTE_S))


def _notice_answer(station: StationService, screens: Screens) -> ParcelAnswer | None:
    notice = screens.requested_notice()
    if notice is None:
        return None
    attended = station.access.is_clerk_present()
    if notice.word == CLERK_CALLED and attended:
        notice = replace(notice, word=MY_PARCEL)
    elif notice.word == MY_PARCEL and not attended:
        notice = ScanNotice(word="nobody")
    return answer(notice, screens.texts())
