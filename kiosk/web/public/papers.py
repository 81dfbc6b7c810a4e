"""The papers of a booked intake as the last screen shows them: one picture a kind, one state for all of a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kiosk.station.desk.live import OK, Marks
from kiosk.station.desk.view import BAG_LABEL, PrintView

_KINDS = (
    (BAG_LABEL, "label", "take.take_label", "take.look_label"),
    ("receipt", "receipt", "take.take_receipt", "take.look_receipt"),
)
_CALL = "take.call_clerk"
_SIGNS = {"unknown": "attention", "waiting": "attention", "printed": "state-locked", "sending": "printer"}


@dataclass(frozen=True, slots=True)
class PaperStatus:
    """``state`` is sending, waiting, printed, unknown or scan; ``sign`` is its drawing.

    Where the label of each bag is scanned after sticking, ``missing`` are the bags whose labels were not yet.
    """

    picture: str
    text_id: str
    state: str
    sign: str
    count: int
    missing: tuple[int, ...] = ()


def papers(prints: Sequence[PrintView], marks: Marks, scanned_bags: Mapping[int, bool]) -> list[PaperStatus]:
    """Labels, then the receipt; a kind that is not printed here is left out.

    A paper that waits for a hand (no paper, an open lid) is for the clerk: a villager opens no printer. One that nobody
    is sure of although its printer has no fault, as of a printer that never answers, is a question and no alarm.
    """
    found = []
    problems = {"label": marks.label, "receipt": marks.receipt}
    for document, picture, text_id, check_id in _KINDS:
        states = [row.state for row in prints if row.document == document]
        if not states:
            continue
        state, shown_id = _state(states), text_id
        if document == BAG_LABEL and scanned_bags and state in ("printed", "unknown"):
            found.append(_scan_status(scanned_bags))
            continue
        sign = _SIGNS[state]
        if state == "sending" and problems[picture] not in (OK, "printer_unknown"):
            state, shown_id, sign = "waiting", _CALL, _SIGNS["waiting"]
        elif state == "unknown" and problems[picture] == OK:
            shown_id, sign = check_id, "help"
        elif state == "unknown":
            shown_id = _CALL
        found.append(PaperStatus(picture, shown_id, state, sign, len(states)))
    return found


def _scan_status(bags: Mapping[int, bool]) -> PaperStatus:
    """Labels that are out, or may be: each is to be held under the scanner, which also tells that it came out."""
    missing = tuple(bag for bag, scanned in bags.items() if not scanned)
    status = ("take.scan_bags", "scan", "scan") if missing else ("take.bags_scanned", "printed", _SIGNS["printed"])
    return PaperStatus("bag-scan", *status, len(bags), missing)


def _state(states: Sequence[str]) -> str:
    """The worst of them: a paper nobody is sure of counts more than one that is still coming."""
    if "unknown" in states:
        return "unknown"
    return "printed" if all(state == "printed" for state in states) else "sending"
