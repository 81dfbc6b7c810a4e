"""The way through the first start.

    language ─ panel ─ station ─ scale ─ printers ─ scanner ─ camera ─ broker ─ goods ─ backup ─ people ─ check ─ done

Each step is one or more questions, one per screen. A question is asked only when the answers before it make sense of
it: nobody is asked for the speed of a scale that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.first_start.shared.draft import SettingsDraft


def _always(draft: SettingsDraft) -> bool:
    return True


def _has(part: str) -> Callable[[SettingsDraft], bool]:
    return lambda draft: getattr(draft, part) is not None


def _scanner_of_its_own(draft: SettingsDraft) -> bool:
    """The camera is tried at its own question."""
    return draft.scanner is not None and draft.scanner.kind != "camera"


def _by_hand(draft: SettingsDraft) -> bool:
    """An identity that was taken says it all."""
    return not draft.taken


def _broker_by_hand(draft: SettingsDraft) -> bool:
    """The wizard could not try what only the relay may read, either."""
    return draft.broker is not None and not draft.taken


def _tls(draft: SettingsDraft) -> bool:
    return draft.broker is not None and draft.broker.scheme == "mqtts" and not draft.taken


@dataclass(frozen=True, slots=True)
class WizardQuestion:
    """``when``: whether it is asked. ``resume``: where a power cut takes it back to, for what is kept in memory only.

    ``proves`` is the device that shows itself on this screen.
    """

    id: str
    step: str
    when: Callable[[SettingsDraft], bool] = _always
    resume: str = ""
    proves: str = ""


# In the order they are asked.
QUESTIONS = (
    WizardQuestion("language", "language"),
    WizardQuestion("panel", "panel"),
    WizardQuestion("recovery", "station", lambda draft: draft.kits),
    WizardQuestion("recovery_letter", "station", lambda draft: bool(draft.recovery) and not draft.lettered),
    WizardQuestion("recovery_code", "station", lambda draft: bool(draft.recovery)),
    WizardQuestion("recovery_wait", "station", lambda draft: bool(draft.recovery), resume="recovery_code"),
    WizardQuestion("identity", "station", lambda draft: draft.offered or draft.taken),
    WizardQuestion("identity_code", "station", lambda draft: bool(draft.identity) and not draft.taken),
    WizardQuestion("station", "station", _by_hand),
    WizardQuestion("region", "station", _by_hand),
    WizardQuestion("village", "station", _by_hand),
    WizardQuestion("scale", "scale"),
    WizardQuestion("protocol", "scale", _has("scale")),
    WizardQuestion("line", "scale", _has("scale")),
    WizardQuestion("reads", "scale", _has("scale"), proves="scale"),
    WizardQuestion("e", "scale", _has("scale")),
    WizardQuestion("max", "scale", _has("scale")),
    WizardQuestion("label", "printers"),
    WizardQuestion("label_profile", "printers", _has("label")),
    WizardQuestion("label_test", "printers", _has("label"), proves="label"),
    WizardQuestion("receipt", "printers"),
    WizardQuestion("receipt_profile", "printers", _has("receipt")),
    WizardQuestion("receipt_test", "printers", _has("receipt"), proves="receipt"),
    WizardQuestion("scanner", "scanner"),
    WizardQuestion("scanner_test", "scanner", _scanner_of_its_own, proves="scanner"),
    WizardQuestion("camera", "camera"),
    WizardQuestion("camera_test", "camera", _has("camera"), proves="camera"),
    WizardQuestion("broker", "broker", _by_hand),
    WizardQuestion("broker_address", "broker", _broker_by_hand),
    WizardQuestion("broker_ca", "broker", _tls),
    WizardQuestion("broker_account", "broker", _broker_by_hand),
    WizardQuestion("broker_test", "broker", _broker_by_hand, proves="broker"),
    WizardQuestion("goods", "goods"),
    WizardQuestion("goods_shown", "goods", _has("goods")),
    WizardQuestion("backup", "backup"),
    WizardQuestion("technician", "people"),
    WizardQuestion("technician_pin", "people"),
    WizardQuestion("technician_again", "people", resume="technician_pin"),
    WizardQuestion("clerk", "people"),
    WizardQuestion("clerk_pin", "people"),
    WizardQuestion("clerk_again", "people", resume="clerk_pin"),
    WizardQuestion("check", "check"),
)

DONE = "done"
STEPS = tuple(dict.fromkeys(row.step for row in QUESTIONS))
DEVICES = tuple(row.proves for row in QUESTIONS if row.proves)
_BY_ID = {row.id: row for row in QUESTIONS}


def question(name: str) -> WizardQuestion:
    """The row of a question; raises KeyError."""
    return _BY_ID[name]


def step_number(name: str) -> int:
    """1 for the first step; the last one for the page that says that all is done."""
    return STEPS.index(_BY_ID[name].step) + 1 if name in _BY_ID else len(STEPS)


def after(draft: SettingsDraft, name: str) -> str:
    """The question that follows; DONE after the last."""
    rest = QUESTIONS[QUESTIONS.index(_BY_ID[name]) + 1 :]
    return next((row.id for row in rest if row.when(draft)), DONE)


def before(draft: SettingsDraft, name: str) -> str | None:
    """The question one would go back to; None at the first one and when all is done."""
    if name not in _BY_ID:
        return None
    earlier = QUESTIONS[: QUESTIONS.index(_BY_ID[name])]
    return next((row.id for row in reversed(earlier) if row.when(draft)), None)


def resumed(draft: SettingsDraft) -> str:
    """Where to go on after a restart: the question that was on the screen, if the answers still lead there."""
    row = _BY_ID.get(draft.at)
    if row is None or not row.when(draft):
        return QUESTIONS[0].id
    return row.resume or row.id
