"""The questions about screen, station and people."""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.domain.clerk import BadClerk, BadPin, check_pin
from kiosk.domain.identifiers import check_region, check_station
from kiosk.first_start.question import (
    Form,
    Take,
    WizardQuestion,
    by_hand,
    check_or_refuse,
    name_of,
    one_of,
    parse_int,
    value,
)
from kiosk.first_start.settings import diagonal, screen_of
from kiosk.first_start.shared.draft import PersonDraft, SettingsDraft
from kiosk.first_start.shared.ports import Choice, FirstStartMachine
from kiosk.station.clerk.pin_hash import clean_person_name, hash_pin
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.texts import LANGUAGES
from kiosk.texts.plain import plain

DIAGONALS = ("7", "10.1", "13.3", "15.6", "21.5")  # Touch screens sold for kiosks, in inches
# Counties around the first stations; any other is typed.
REGIONS = ("yarkant", "kargilik", "poskam", "makit", "yengisar", "kashgar")
_VILLAGE = 40
_MAX_PIXELS = 16_384


def _take_language(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return _with_screen_size(replace(draft, language=one_of(form, tuple(LANGUAGES), "language")), form)


def _languages(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    return (Choice(row.code, row.own_name, chosen=row.code == draft.language) for row in LANGUAGES.values())


def _with_screen_size(draft: SettingsDraft, form: Form) -> SettingsDraft:
    """Set the screen size that the browser reports; without scripts there is none."""
    width, height = (parse_int(form.get(name, "")) for name in ("width_px", "height_px"))
    if not (0 < width <= _MAX_PIXELS and 0 < height <= _MAX_PIXELS):
        return draft
    measured = replace(draft, width_px=width, height_px=height)
    check_or_refuse("panel", lambda: screen_of(measured))
    return measured


def _take_panel(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    inches = check_or_refuse("panel", lambda: float(value(form)))
    sized = replace(_with_screen_size(draft, form), diagonal_in=inches)
    check_or_refuse("panel", lambda: screen_of(sized))
    return sized


def _diagonals(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    return (Choice(size, f'{size}"', chosen=float(size) == diagonal(draft)) for size in DIAGONALS)


def _take_station(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return replace(draft, station=check_or_refuse("station", lambda: check_station(f"S{value(form)}")))


def _take_region(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return replace(draft, region=check_or_refuse("region", lambda: check_region(value(form))))


def _regions(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    known = REGIONS if draft.region in ("", *REGIONS) else (draft.region, *REGIONS[:-1])
    return (Choice(name, name, chosen=name == draft.region) for name in known)


def _take_village(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    return replace(draft, village=name_of(plain(value(form), _VILLAGE)))


def _take_name(role: str) -> Take:
    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        try:
            name = clean_person_name(name_of(value(form)))
        except BadClerk as error:
            raise Refused("name", str(error)) from error
        before: PersonDraft | None = getattr(draft, role)
        return replace(draft, **{role: PersonDraft(name, before.pin_hash if before else "")})

    return take


def _take_pin(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    """Check the PIN. Until it is typed again it is in memory alone: a draft that is stolen holds none, and nothing that
    could be tried out without the station's key.
    """
    try:
        check_pin(value(form))
    except BadPin as error:
        raise Refused(f"pin_{error.code}") from None
    return draft


def _take_pin_repeat(role: str) -> Take:
    def take(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
        if not form["first"] or value(form) != form["first"]:
            raise Refused("pin_differs")
        person: PersonDraft = getattr(draft, role)
        try:
            # The settings file that could name another key is not there yet.
            hashed = hash_pin(PickupKey.load(ParcelSettings(), machine.data, os.environ).pins(), value(form))
        except CounterRefused as refusal:
            raise Refused("not_written", str(refusal)) from refusal
        return replace(draft, **{role: replace(person, pin_hash=hashed)})

    return take


def _person(role: str) -> tuple[WizardQuestion, ...]:
    def name(draft: SettingsDraft) -> str:
        person: PersonDraft | None = getattr(draft, role)
        return person.name.lower() if person else ""

    pin = f"{role}_pin"
    return (
        WizardQuestion(role, "people", _take_name(role), typed=name),
        WizardQuestion(pin, "people", _take_pin),
        WizardQuestion(f"{role}_again", "people", _take_pin_repeat(role), confirms=True, resume=pin),
    )


SCREEN = (
    WizardQuestion("language", "language", _take_language, _languages),
    WizardQuestion("panel", "panel", _take_panel, _diagonals),
)
STATION = (
    WizardQuestion(
        "station", "station", _take_station, when=by_hand, typed=lambda draft: draft.station.removeprefix("S")
    ),
    WizardQuestion("region", "station", _take_region, _regions, by_hand, lambda draft: draft.region),
    # A pad has small letters only.
    WizardQuestion("village", "station", _take_village, when=by_hand, typed=lambda draft: draft.village.lower()),
)
PEOPLE = (*_person("technician"), *_person("clerk"))
