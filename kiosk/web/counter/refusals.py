"""The sentence and the drawing of a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.station.clerk.refusals import CounterRefused
from kiosk.texts import Texts
from kiosk.texts.html import bdi_code

_REFUSED = "counter.refused."
OTHER = "counter.refused.other"

REFUSAL_PICTURES = {
    "wrong_pin": "lock",
    "pin_unreadable": "lock",
    "locked": "lock",
    "not_unlocked": "lock",
    "same_person": "proxy",
    "forbidden": "proxy",
    "shelves_full": "shelf",
    "wrong_code": "number-pad",
    "code_locked": "lock",
    "collected": "handover",
    "tote_changed": "lock",
    "parcel_gone": "not-there",
    "line_full": "handover",
    "another_package": "parcel",
    "damaged_needs_photo": "camera",
    "already_void": "void",
    "void_label": "void",
    "record_altered": "receipt",
    "foreign_receipt": "receipt",
    "reissue": "receipt",
    "product": "bring",
    "unknown_parcel": "not-there",
    "bad_weight": "check-weight",
    "other_weight_set": "check-weight",
    "below_min": "check-weight",
    "load_already_counted": "scale",
    "unstable": "scale",
    "above_max": "scale",
    "lost": "scale",
}


@dataclass(frozen=True, slots=True)
class RefusalView:
    """Why the counter said no, for a page."""

    text_id: str
    picture: str
    values: Mapping[str, str]
    wait_s: int

    @property
    def wait_ms(self) -> int:
        """Until it may be tried again; 0 when waiting changes nothing."""
        return self.wait_s * 1000


def refusal_view(error: CounterRefused, texts: Texts) -> RefusalView:
    """The sentence and the drawing of a refusal."""
    values = {name: bdi_code(value) for name, value in error.values.items()}
    return RefusalView(
        refusal_id(error.code, texts), REFUSAL_PICTURES.get(error.code, "attention"), values, error.wait_s
    )


def refusal_id(code: str, texts: Texts) -> str:
    """The text id of a refusal's sentence; one for all that has none of its own. The last two are those of the pan."""
    candidates = (f"{_REFUSED}{code}", f"problem.{code}", f"counter.check.why.{code}", f"reason.{code}")
    return next((one for one in candidates if one in texts), OTHER)
