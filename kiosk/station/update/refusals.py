"""Why an update was not started, or was taken back: one code each, with a sentence for the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class UpdateRefusalReason(StrEnum):
    """The technician's page has its own sentence for each (``technician.update.why.CODE``)."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        made = str.__new__(cls, code)
        made._value_, made.sentence = code, sentence
        return made

    NOT_FOUND = ("not_found", "There is no such bundle: name the file of an update.")
    NO_BUNDLE = ("no_bundle", "This file is not an update bundle.")
    FORMAT = ("format", "This bundle has a newer format than this software reads: install an update in between first.")
    NO_KEY = ("no_key", "This software was packaged without the vendor's key: it takes no bundle, only a package.")
    SIGNATURE = ("signature", "The bundle is not signed with the vendor's key: do not use it, ask for a new one.")
    DAMAGED = ("damaged", "The bundle is not whole, or was changed: copy it again.")
    CONTENT = ("content", "The bundle holds what no update may hold: do not use it, ask for a new one.")
    NOT_NEWER = ("not_newer", "The station has this version or a newer one already.")
    ARCHITECTURE = ("architecture", "The bundle is for another kind of board.")
    PYTHON = ("python", "The bundle is for another Python: this station needs the package for its system.")
    SCHEMA = ("schema", "The bundle's database is older than this station's: it cannot read what was kept here.")
    LIBRARIES = (
        "libraries",
        "The bundle brings no libraries and needs others than are here: ask for the whole bundle.",
    )
    FULL = ("full", "The card has too little room: free some (photos first), then try again.")
    NOT_SET_UP = ("not_set_up", "The station is not set up yet: finish the first start, then update.")
    NOT_PERSISTENT = (
        "not_kept",
        "The data partition is missing: what is installed now would be gone at the next start.",
    )
    BUSY_PAN = ("busy_pan", "Something lies on the pan: empty it, then try again.")
    BUSY_INTAKE = ("busy_intake", "An intake is open: finish it, then try again.")
    BUSY_PRINTING = ("busy_printing", "Papers are being printed: wait until they are out, then try again.")
    NO_ANSWER = ("no_answer", "The station runs and does not say whether it is busy: look at it, then try again.")
    RUNNING = ("running", "Another update is running.")
    DATABASE = ("database", "The database could not be copied, so nothing was begun: look at the doctor's page.")
    INTERRUPTED = ("interrupted", "The update was interrupted before it began: try again.")
    POWER_CUT = (
        "power_cut",
        "Power cuts interrupted the test of the new version: the previous one is back. Install it again.",
    )
    DISK = ("disk", "The card reports an error: look at the doctor's page.")
    LATE = ("late", "The new version did not become healthy in time: the previous one is back.")
    PAGES = ("pages", "The new version could not draw its pages: the previous one is back.")
    SCALE = ("scale", "The new version received nothing from the scale: the previous one is back.")
    INTAKE = ("intake", "The new version could not write an intake: the previous one is back.")


class UpdateRefused(Exception):
    """Nothing was changed. ``detail`` is plain text for the journal and the command line, and names no person."""

    def __init__(self, why: UpdateRefusalReason, detail: str = "") -> None:
        super().__init__(sentence(why, detail))
        self.why, self.detail = why, detail


def sentence(why: UpdateRefusalReason, detail: str = "") -> str:
    return f"{why.sentence} ({detail})" if detail else why.sentence
