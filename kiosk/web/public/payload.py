"""One message of the live stream: what an open page needs to stay correct, and no personal data."""

from __future__ import annotations

from typing import Any

import msgspec

from kiosk.domain.metrology.pan import PanState
from kiosk.station.desk.live import OK, Marks, Snapshot
from kiosk.station.desk.view import DeskStep, DeskView
from kiosk.station.scan_router import CLERK_CALLED, MY_PARCEL
from kiosk.station.slips import HOLD, SOUNDS
from kiosk.texts.formats import kilograms
from kiosk.web.public.sentences import hint, mark_text
from kiosk.web.shared.speech import Speech

PATHS = {
    DeskStep.HOME: "/",
    DeskStep.WHO: "/who",
    DeskStep.WHAT: "/what",
    DeskStep.AGREE: "/agree",
    DeskStep.TAKE: "/take",
}
# Notices that have a page of their own at the start; others lie over the first one.
_NOTICE_PATHS = {MY_PARCEL: "/parcel", CLERK_CALLED: "/parcel", **dict.fromkeys((HOLD, *SOUNDS), "/slip")}


def page_version(view: DeskView, marks: Marks) -> str:
    """Return the name of what a page shows; a page that carries another name has to be drawn again."""
    papers = f"-{marks.label}-{marks.receipt}" if view.step is DeskStep.TAKE else ""
    store = f"-{marks.store}" if view.step is DeskStep.HOME and marks.store != OK else ""
    return f"{view.step}-{view.revision}-{int(view.can_agree)}{papers}{store}"


def visible_state(snapshot: Snapshot) -> tuple[object, ...]:
    """Return everything a page can see of a snapshot. Two snapshots that agree here need only one message."""
    view = snapshot.view
    pan = view.pan
    marks = snapshot.marks
    seen = page_version(view, marks)
    counts = (snapshot.notice.count, snapshot.press.count)
    return (seen, pan.state, pan.grams, pan.why_not, view.prints, view.photo, marks, snapshot.pending, counts)


def message(snapshot: Snapshot, speech: Speech, decimals: int) -> bytes:
    view, word = snapshot.view, snapshot.notice.word
    body: dict[str, Any] = {
        "n": snapshot.number,
        "step": view.step.value,
        "path": PATHS[view.step],
        "drawn": page_version(view, snapshot.marks),
        "revision": view.revision,
        "notice": snapshot.notice.count,
        "notice_path": _NOTICE_PATHS.get(word, "/") if view.step is DeskStep.HOME else PATHS[view.step],
        "clerk_called": word == CLERK_CALLED,
        "checked": SOUNDS.get(word, "") if view.step is DeskStep.HOME else "",
        "press": snapshot.press.count,
        "button": snapshot.press.button,
        "weight": _weight(view, speech, decimals),
        "marks": _marks(snapshot, speech),
        "pending": snapshot.pending,
        "prints": [row.state for row in view.prints],
        "photo": view.photo.state,
        "photo_tries": view.photo.tries,
        "photo_reasons": [
            {"code": one.reason.value, "value": one.value, "limit": one.limit} for one in view.photo.findings
        ],
        "acknowledged": view.result is not None and view.result.acknowledged,
        "busy": _busy(view),
    }
    return msgspec.json.encode(body)


def _weight(view: DeskView, speech: Speech, decimals: int) -> dict[str, Any]:
    pan, why = view.pan, hint(view)
    return {
        "state": pan.state.value,
        "text": "" if pan.grams is None else kilograms(pan.grams, decimals),
        "word": speech.pair(f"weight.{pan.state.value}"),
        "why": speech.pair(why) if why else None,
    }


def _marks(snapshot: Snapshot, speech: Speech) -> dict[str, Any]:
    marks = snapshot.marks
    words = {"scale": marks.scale, "printer": marks.printer, "link": marks.link}
    return {name: {"word": word, "text": speech.pair(mark_text(word))} for name, word in words.items()}


def _busy(view: DeskView) -> bool:
    """Return whether the screen must not be cleared by itself: the pan is loaded, or paper is coming out."""
    return view.pan.state is not PanState.EMPTY or any(row.state in ("queued", "sending") for row in view.prints)
