"""What the pages of the first start see of the wizard behind them: frozen views, and one door to act through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from kiosk.web.settings import WebSettings


class SetupRefused(Exception):
    """An answer cannot be taken. ``code`` is the last word of a text ``setup.refused.*``; ``detail`` is technical."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Choice:
    """One tile. Words people read are text ids, names of devices and formats are plain text."""

    value: str
    label: str = ""
    text_id: str = ""
    detail: str = ""
    detail_id: str = ""
    picture: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class TrialView:
    """How far a device has proved itself. ``state``: waiting, working, seen or failed.

    ``motion`` is the word of a scale's reading (``weight.*``), ``raw`` its frame or the scan as printable text,
    ``code`` the text that is to be scanned, ``shots`` how many pictures there have been.
    """

    state: str
    detail: str = ""
    weight: str = ""
    motion: str = ""
    raw: str = ""
    code: str = ""
    shots: int = 0


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One line of the last page. ``proof`` is the last word of ``setup.proof.*``: seen, unseen, absent or set."""

    text_id: str
    what: str
    proof: str


@dataclass(frozen=True, slots=True)
class GoodsView:
    """A catalog that was chosen: its file's name, what it holds by the last word of ``setup.goods.*``, some names."""

    name: str
    counts: Mapping[str, int]
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WizardView:
    """Everything one screen of the wizard shows. ``typed`` is the present answer, in the form it is typed in.

    ``no_backup`` says, in English, why the first backup was not made.
    """

    question: str
    step: int
    steps: int
    language: str
    panel: WebSettings
    can_back: bool
    choices: tuple[Choice, ...] = ()
    typed: str = ""
    trial: TrialView | None = None
    rows: tuple[SummaryRow, ...] = ()
    goods: GoodsView | None = None
    no_backup: str = ""


class Wizard(Protocol):
    """The use case. Every method may be called from any thread."""

    def view(self) -> WizardView: ...

    def answer(self, question: str, form: Mapping[str, str]) -> None:
        """Take the answer and go on; does nothing for a question that is not the present one. Raises SetupRefused."""

    def back(self) -> None: ...

    def speak(self, language: str) -> None:
        """Change the language and stay. Raises SetupRefused."""

    def go(self, question: str) -> None:
        """Begin an attempt: print, shoot, reach. Does nothing for another question or while one is under way."""

    def shot(self) -> bytes | None:
        """The newest picture of the camera, as JPEG."""

    def leave(self) -> None:
        """The last page is on the screen: the wizard may end and the station begin."""
