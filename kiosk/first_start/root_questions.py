"""The questions whose answers a root helper gives: which station comes back on this card, or which identity is taken.

Codes are in memory for as long as one answer takes, and in no draft.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.first_start.identity.vault import InUse
from kiosk.first_start.question import Form, WizardQuestion, value
from kiosk.first_start.shared.draft import BrokerDraft, SettingsDraft
from kiosk.first_start.shared.ports import Choice, FirstStartMachine, Lacks

NEW: Final = "new"
NO_RECEIPT: Final = "none"
BY_HAND: Final = "by_hand"
WAITS: Final = "recovery_wait"
# Where the relay's unit finds the files /etc/credstore/kiosk-relay.*.
CREDENTIALS: Final = "/run/credentials/kiosk-relay.service/kiosk-relay"
# Of what is missing: the text of the tile, and the refusal when it is chosen.
_LACKS: Final[Mapping[Lacks, tuple[str, str]]] = {
    "": ("setup.choice.recovery_whole", ""),
    "kit": ("setup.choice.recovery_no_kit", "recovery_no_kit"),
    "backup": ("setup.choice.recovery_no_backup", "recovery_no_backup"),
    "opening": ("setup.choice.recovery_unopened", "recovery_unopened"),
}


def _recoveries(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    """Yield also what is incomplete: the technician has to see what is missing."""
    yield Choice(NEW, text_id="setup.choice.recovery_new", picture="wrench")
    for row in machine.recoveries.offered():
        chosen = row.station == draft.recovery
        yield Choice(row.station, row.station, "", row.made_on, _LACKS[row.lacks][0], "shelf", chosen)


def _take_recovery(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if machine.recoveries.busy():
        raise Refused("recovery_busy")
    if value(form) == NEW:
        return replace(draft, recovery="", letter="")
    row = next((one for one in machine.recoveries.offered() if one.station == value(form)), None)
    if row is None:
        raise Refused("recovery_stick")
    if row.lacks:
        raise Refused(_LACKS[row.lacks][1])
    return replace(draft, recovery=row.station, lettered=machine.recoveries.has_letters(), letter="")


def _letters(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    yield Choice(NO_RECEIPT, text_id="setup.choice.recovery_no_receipt", picture="absent")
    yield from (Choice(letter, letter, chosen=letter == draft.letter) for letter in SERIES_LETTERS)


def _take_letter(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    letter = SERIES_LETTERS[0] if value(form) == NO_RECEIPT else value(form)
    if len(letter) != 1 or letter not in SERIES_LETTERS:
        raise Refused("recovery_letter")
    return replace(draft, letter=letter)


def _digits(form: Form) -> str:
    try:
        return PaperCode(value(form)).digits
    except BadCode:
        raise Refused("identity_digits") from None


def _begin_recovery(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    machine.recoveries.begin(draft.recovery, _digits(form), draft.letter)
    return draft


def _take_wait(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    raise Refused("recovery_busy")  # the screen that waits asks nothing


def _identities(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    present = machine.identities.in_use()
    if present is not None:
        where = present.village or present.region
        yield Choice(present.station, present.station, "", where, "setup.choice.identity_here", "card", chosen=True)
        return
    # First: behind two hundred stations it would not be found.
    yield Choice(BY_HAND, text_id="setup.choice.identity_by_hand", picture="wrench")
    for row in machine.identities.offered():
        chosen = row.station == draft.identity
        yield Choice(row.station, row.station, detail=row.village or row.region, picture="card", chosen=chosen)


def _take_identity(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    present = machine.identities.in_use()
    if present is not None:
        if value(form) != present.station:
            raise Refused("identity_other")
        return _with_identity(draft, present)
    if value(form) == BY_HAND:
        return replace(draft, identity="", taken=False)
    row = next((one for one in machine.identities.offered() if one.station == value(form)), None)
    if row is None:
        raise Refused("identity_gone")
    if row.sealed:
        return replace(draft, identity=row.station)
    return _with_identity(draft, machine.identities.take(row.station, ""))


def _open_identity(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return _with_identity(draft, machine.identities.take(draft.identity, _digits(form)))


def _with_identity(draft: SettingsDraft, found: InUse) -> SettingsDraft:
    """Fill in everything the identity holds; what the county has set is not asked again."""
    broker = BrokerDraft(
        "mqtts",
        urlsplit(found.broker_url).netloc,
        ca_file=f"{CREDENTIALS}.ca.crt" if found.authority else "",
        account="certificate",
        cert_file=f"{CREDENTIALS}.crt",
        key_file=f"{CREDENTIALS}.key",
        photos=found.photos,
        updates=found.updates,
    )
    names = {name: getattr(found, name) for name in ("station", "region", "village", "county_key")}
    proven = {**draft.proven, "broker": "unseen"}
    return replace(
        draft, **names, identity=found.station, taken=True, broker=broker, county=found.pin_secret, proven=proven
    )


def _recovers(draft: SettingsDraft) -> bool:
    return bool(draft.recovery)


def _without_letters(draft: SettingsDraft) -> bool:
    return _recovers(draft) and not draft.lettered


def _sealed(draft: SettingsDraft) -> bool:
    return bool(draft.identity) and not draft.taken


RECOVERY = (
    WizardQuestion("recovery", "station", _take_recovery, _recoveries, lambda draft: draft.kits, root="recovery"),
    WizardQuestion("recovery_letter", "station", _take_letter, _letters, _without_letters, root="recovery"),
    WizardQuestion("recovery_code", "station", _begin_recovery, when=_recovers, root="recovery"),
    WizardQuestion(WAITS, "station", _take_wait, when=_recovers, root="recovery", resume="recovery_code"),
)
IDENTITY = (
    WizardQuestion(
        "identity",
        "station",
        _take_identity,
        _identities,
        lambda draft: draft.offered or draft.taken,
        root="identity",
    ),
    WizardQuestion("identity_code", "station", _open_identity, when=_sealed, root="identity"),
)
