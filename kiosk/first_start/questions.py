"""The order of the first start's questions.

    language ─ panel ─ station ─ scale ─ printers ─ scanner ─ camera ─ broker ─ goods ─ backup ─ people ─ check ─ done

Each step is one or more questions, one per screen. A question is asked only when the answers before it make sense of
it: the speed of a scale that is not there is not asked for.
"""

from __future__ import annotations

from kiosk.first_start.data_questions import BACKUP, BROKER, GOODS
from kiosk.first_start.device_questions import CODES, PRINTERS, SCALE
from kiosk.first_start.network_questions import NETWORK
from kiosk.first_start.question import WizardQuestion, last_name, shown
from kiosk.first_start.root_questions import IDENTITY, RECOVERY
from kiosk.first_start.shared.draft import (
    BrokerDraft,
    CameraDraft,
    PrinterDraft,
    ScaleDraft,
    ScannerDraft,
    SettingsDraft,
)
from kiosk.first_start.shared.ports import SummaryRow
from kiosk.first_start.station_questions import PEOPLE, SCREEN, STATION

CHECK, DONE = "check", "done"
# In the order they are asked.
QUESTIONS = (
    *SCREEN,
    *RECOVERY,
    *IDENTITY,
    *STATION,
    *SCALE,
    *PRINTERS,
    *CODES,
    *NETWORK,
    *BROKER,
    *GOODS,
    *BACKUP,
    *PEOPLE,
    WizardQuestion(CHECK, CHECK),
)
STEPS = tuple(dict.fromkeys(row.step for row in QUESTIONS))
_DEVICES = tuple(row.proves for row in QUESTIONS if row.proves)
_BY_ID = {row.id: row for row in QUESTIONS}


def question(name: str) -> WizardQuestion | None:
    """Return the row of a question; None for the last page, and for an unknown one."""
    return _BY_ID.get(name)


def step_number(name: str) -> int:
    """Return 1 for the first step; the last one for the page that says that all is done."""
    return STEPS.index(_BY_ID[name].step) + 1 if name in _BY_ID else len(STEPS)


def after(draft: SettingsDraft, name: str) -> str:
    rest = QUESTIONS[QUESTIONS.index(_BY_ID[name]) + 1 :]
    return next((row.id for row in rest if row.when(draft)), DONE)


def before(draft: SettingsDraft, name: str) -> str | None:
    """Return the question to go back to; None at the first one and when all is done."""
    if name not in _BY_ID:
        return None
    earlier = QUESTIONS[: QUESTIONS.index(_BY_ID[name])]
    return next((row.id for row in reversed(earlier) if row.when(draft)), None)


def resumed(draft: SettingsDraft) -> str:
    """Return where to go on after a restart: the question that was on the screen, if the answers still lead there."""
    row = _BY_ID.get(draft.at)
    if row is None or not row.when(draft):
        return QUESTIONS[0].id
    return row.resume or row.id


def summary(draft: SettingsDraft) -> tuple[SummaryRow, ...]:
    """List what the wizard has set, and how far each is proven."""
    station = " ".join(filter(None, (draft.station, draft.region, draft.village)))
    people = ", ".join(person.name for person in (draft.technician, draft.clerk) if person)
    return (
        SummaryRow("setup.device.station", station, "set"),
        *(
            SummaryRow(f"setup.device.{name}", _place(name, draft), draft.proven.get(name, "absent"))
            for name in _DEVICES
        ),
        SummaryRow("setup.device.goods", draft.goods.name if draft.goods else "", "set" if draft.goods else "absent"),
        SummaryRow("setup.device.backup", last_name(draft.backup), "set" if draft.backup else "absent"),
        SummaryRow("setup.device.people", people, "set"),
    )


def _place(device: str, draft: SettingsDraft) -> str:
    match getattr(draft, device):
        case ScaleDraft(port=where) | ScannerDraft(port=where) | CameraDraft(path=where):
            return shown(where)
        case PrinterDraft(address=where) | BrokerDraft(address=where):
            return shown(where)
    return ""
