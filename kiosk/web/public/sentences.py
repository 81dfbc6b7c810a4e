"""Which sentence and which drawing goes with a word of the station: rows, not branches."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.metrology.pan import NotBookableReason, PanState
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.station.desk.view import DeskStep, DeskView, PanPhase
from kiosk.station.scan_router import CLERK_CALLED, MY_PARCEL
from kiosk.station.slips import HOLD, NOT_NOW, SOUNDS
from kiosk.texts import Texts

# Words whose sentence has another id; every other word has `reason.word` or `problem.word`.
_REFUSALS = {
    "unknown_member": "who.unknown_member",
    "not_a_member_card": "who.unknown_card",
    "goods_on_pan": "take.empty_pan",
    "unknown_container": "agree.choose_container",
    "not_found": "help.home",
    "bag_twice": "take.bag_twice",
    "bag_of_other": "take.bag_of_other",
    "void_label": "take.bag_void",
    "bag_not_scanned": "take.bag_not_scanned",
}

# Beginnings of a text id or problem word, most telling first is not needed: they do not overlap.
_PICTURES = {
    "scale": "scale",
    "reason": "scale",
    "problem.stale_page": "scale",
    "take.empty_pan": "scale",
    "printer": "printer",
    "paper": "printer",
    "head": "printer",
    "problem.camera": "camera",
    "problem.link": "link-off",
    "who": "card",
    "help": "help",
    "take.bag_twice": "bag-twice",
    "take.bag_of_other": "bag-other",
    "take.bag_void": "void",
    "take.bag_not_scanned": "bag-missing",
}


# Codes of strangers that have a name both a clerk and a villager understand.
_NAMED = frozenset(
    {"phone_number", "id_number", "url", "wifi", "look_alike", "text", "product", "not_a_waybill", *ScanRefusal}
)


@dataclass(frozen=True, slots=True)
class Sentence:
    text_id: str
    picture: str


def refusal(code: str, step: DeskStep, texts: Texts) -> Sentence:
    """Explain why the desk refused; for a tap that came too late or too early, say what to do on this screen."""
    candidates = [f"reason.{code}", f"problem.{code}", _REFUSALS.get(code, "")]
    text_id = next((one for one in candidates if one in texts), "problem.error")
    return Sentence(text_id, picture_of(text_id))


_SCANS = {
    MY_PARCEL: Sentence("parcel.found", "handover"),
    CLERK_CALLED: Sentence("parcel.called", "clerk"),
    "nobody": Sentence("parcel.nobody", "clerk"),
    "wrong_code": Sentence("parcel.wrong_code", "number-pad"),
    "code_locked": Sentence("parcel.locked", "lock"),
    "foreign_code": Sentence("parcel.foreign", "receipt"),
    "collected": Sentence("counter.refused.collected", "handover"),
    "parcel_gone": Sentence("counter.refused.parcel_gone", "not-there"),
    "line_full": Sentence("parcel.line_full", "clerk"),
    "unknown_code": Sentence("parcel.wrong_code", "receipt"),
    "not_a_member_card": Sentence("who.unknown_card", "card"),
    "bag_twice": Sentence("take.bag_twice", "bag-twice"),
    "bag_of_other": Sentence("take.bag_of_other", "bag-other"),
    "void_label": Sentence("take.bag_void", "void"),
    **dict.fromkeys((NOT_NOW, HOLD, *SOUNDS), Sentence("slip.not_now", "receipt")),  # An intake has started since
}
_SCAN_PROBLEM = Sentence("parcel.problem", "attention")


def scan_sentence(word: str, texts: Texts) -> Sentence:
    """Explain the result of a scan or a code at the public face; a foreign code is named, never shown or opened."""
    if word in _SCANS:
        return _SCANS[word]
    named = f"counter.refused.{word}"
    return Sentence(named, "attention") if word in _NAMED and named in texts else _SCAN_PROBLEM


def picture_of(text_id: str) -> str:
    word = text_id.removeprefix("problem.")
    found = (row for begin, row in _PICTURES.items() if text_id.startswith(begin) or word.startswith(begin))
    return next(found, "attention")


def mark_text(word: str, ok: str = "mark.ok") -> str:
    return ok if word == "ok" else f"problem.{word}"


def hint(view: DeskView) -> str | None:
    if view.step is DeskStep.TAKE:
        return None if view.pan.state is PanState.EMPTY else "take.empty_pan"
    if view.step is DeskStep.AGREE:
        return _agree_hint(view)
    faulty = view.pan.state in (PanState.OVERLOAD, PanState.NEGATIVE, PanState.LOST)
    return f"reason.{view.pan.why_not.value}" if faulty and view.pan.why_not else None


def _agree_hint(view: DeskView) -> str | None:
    why, pan = view.pan.why_not, view.pan
    if pan.hold is not None:
        return f"reason.{view.tare_problem}" if view.tare_problem else None
    own = _own_container_hint(view)
    if own is not None:
        return own
    if why in (NotBookableReason.UNSTABLE, NotBookableReason.LOAD_ALREADY_COUNTED) and pan.state is not PanState.EMPTY:
        counted = why is NotBookableReason.LOAD_ALREADY_COUNTED
        return (
            ("agree.next_bag_off" if view.bags else "reason.load_already_counted")
            if counted
            else ("agree.waiting_stable")
        )
    if pan.state is PanState.EMPTY:
        if view.phase is PanPhase.CONTAINER:
            return "agree.weigh_container"
        return "agree.next_bag_on" if view.bags else "what.put_on"
    return f"reason.{why.value}" if why else None


def _own_container_hint(view: DeskView) -> str | None:
    """Return the hint to fill a container weighed empty, or that one below Min cannot be weighed on this scale."""
    if view.pan.state is PanState.EMPTY or view.container is None or not view.container.weighed:
        return None
    if view.phase is PanPhase.LOAD and view.pan.why_not is NotBookableReason.LOAD_ALREADY_COUNTED:
        return "agree.fill_container"
    if view.phase is PanPhase.CONTAINER and view.pan.why_not is NotBookableReason.BELOW_MIN:
        return "agree.container_too_light"
    return None
