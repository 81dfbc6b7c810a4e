"""What one question of the first start is, and what several of them have in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.first_start.shared.draft import Proof, SettingsDraft
from kiosk.first_start.shared.ports import Choice, FirstStartMachine
from kiosk.first_start.trials import DeviceTrial

NONE, LATER, YES, SKIP = "none", "later", "yes", "skip"  # Words of the tiles that name no device

Form = Mapping[str, str]
Choices = Callable[[SettingsDraft, FirstStartMachine], Iterable[Choice]]
Take = Callable[[SettingsDraft, Form, FirstStartMachine], SettingsDraft]
TrialOf = Callable[[SettingsDraft, FirstStartMachine], DeviceTrial]


def _always(draft: SettingsDraft) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class WizardQuestion:
    """One question, one screen. It belongs to ``step`` and is asked when ``when`` returns True.

    ``take`` returns the draft with the answer, and raises Refused, OSError; None where the wizard itself does it.
    ``choices`` are the tiles, ``typed`` is the present answer of a typed one, in the form it is typed in. ``trial``
    makes the device that is tried meanwhile; it raises OSError or ValueError when it cannot be. ``proves``: the device
    that shows itself on this screen; the answer is then whether it did. ``root``: a root helper gives the answer, which
    may take half a minute, and this word begins its refusals. ``confirms``: ``take`` gets the previous answer as
    "first" in its form; it is kept in memory alone. ``resume``: the question to which a power cut goes back.
    """

    id: str
    step: str
    take: Take | None = None
    choices: Choices | None = None
    when: Callable[[SettingsDraft], bool] = _always
    typed: Callable[[SettingsDraft], str] | None = None
    trial: TrialOf | None = None
    proves: str = ""
    root: Literal["", "identity", "recovery", "network"] = ""
    confirms: bool = False
    resume: str = ""


def has(part: str) -> Callable[[SettingsDraft], bool]:
    return lambda draft: getattr(draft, part) is not None


def by_hand(draft: SettingsDraft) -> bool:
    """Return whether to ask by hand: an identity that was taken holds all answers."""
    return not draft.taken


# --- answers ----------------------------------------------------------------------------------------------------------


def check_or_refuse(code: str, check: Callable[[], Any]) -> Any:
    """Return what ``check`` returns; turn its ValueError into a refusal with this word."""
    try:
        return check()
    except ValueError as error:
        raise Refused(code, str(error)) from error


def value(form: Form) -> str:
    return form.get("value", "")


def one_of(form: Form, allowed: tuple[str, ...], code: str = "gone") -> str:
    """Return an answer from a list, or refuse: it may have been unplugged since the list was drawn."""
    if value(form) not in allowed:
        raise Refused(code, value(form))
    return value(form)


def unproven(draft: SettingsDraft, device: str) -> dict[str, Proof]:
    return {name: word for name, word in draft.proven.items() if name != device}


def absent(draft: SettingsDraft, device: str) -> SettingsDraft:
    """Record that the device is absent: an answer, and nothing left to prove."""
    return replace(draft, **{device: None}, proven={**draft.proven, device: "absent"})


def parse_int(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def name_of(text: str) -> str:
    """Capitalize the words of a name: a pad has small letters only."""
    words = unicodedata.normalize("NFC", text).split()
    return " ".join(word[:1].upper() + word[1:] for word in words)


# --- tiles ------------------------------------------------------------------------------------------------------------


def last_name(path: str) -> str:
    return path.rpartition("/")[2]


def shown(path: str) -> str:
    """Return what distinguishes one device from another: udev's prefix and suffix are the same for all of a kind."""
    name = last_name(path).removeprefix("usb-")
    for suffix in ("-video-index0", "-event-kbd"):
        name = name.removesuffix(suffix)
    return name


def device_tile(path: str, chosen: str, picture: str, detail_id: str = "") -> Choice:
    """Build a tile; ``chosen`` is the path that was chosen. Without a text the last folder is below the name: "by-id"
    says enough, and a tile is narrow.
    """
    detail = "" if detail_id else last_name(path.rpartition("/")[0])
    return Choice(path, shown(path), "", detail, detail_id, picture, path == chosen)


def none_tile(device: str, text_id: str, draft: SettingsDraft) -> Choice:
    """Build the tile of an absent device; it counts as chosen only once the question was left behind."""
    chosen = getattr(draft, device) is None and draft.proven.get(device) == "absent"
    return Choice(NONE, text_id=text_id, picture="absent", chosen=chosen)
