"""Why an update was not begun, or was taken back: one code each, with a sentence for the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class UpdateRefusalReason(StrEnum):
    """The technician's page has a sentence of its own for each (``technician.update.why.CODE``)."""

    NOT_FOUND = "not_found"
    NO_BUNDLE = "no_bundle"
    FORMAT = "format"
    NO_KEY = "no_key"
    SIGNATURE = "signature"
    DAMAGED = "damaged"
    CONTENT = "content"
    NOT_NEWER = "not_newer"
    ARCHITECTURE = "architecture"
    PYTHON = "python"
    SCHEMA = "schema"
    LIBRARIES = "libraries"
    FULL = "full"
    NOT_SET_UP = "not_set_up"
    NOT_PERSISTENT = "not_kept"
    BUSY_PAN = "busy_pan"
    BUSY_INTAKE = "busy_intake"
    BUSY_PRINTING = "busy_printing"
    NO_ANSWER = "no_answer"
    RUNNING = "running"
    DATABASE = "database"
    INTERRUPTED = "interrupted"
    POWER_CUT = "power_cut"
    DISK = "disk"
    LATE = "late"
    PAGES = "pages"
    SCALE = "scale"
    INTAKE = "intake"


SENTENCES: Final = {
    UpdateRefusalReason.NOT_FOUND: "There is no such bundle: name the file of an update.",
    UpdateRefusalReason.NO_BUNDLE: "This file is not an update bundle.",
    UpdateRefusalReason.FORMAT: (
        "This bundle has a newer format than this software reads: install an update in between first."
    ),
    UpdateRefusalReason.NO_KEY: (
        "This software was packaged without the vendor's key: it takes no bundle, only a package."
    ),
    UpdateRefusalReason.SIGNATURE: "The bundle is not signed with the vendor's key: do not use it, ask for a new one.",
    UpdateRefusalReason.DAMAGED: "The bundle is not whole, or was changed: copy it again.",
    UpdateRefusalReason.CONTENT: "The bundle holds what no update may hold: do not use it, ask for a new one.",
    UpdateRefusalReason.NOT_NEWER: "The station has this version or a newer one already.",
    UpdateRefusalReason.ARCHITECTURE: "The bundle is for another kind of board.",
    UpdateRefusalReason.PYTHON: "The bundle is for another Python: this station needs the package for its system.",
    UpdateRefusalReason.SCHEMA: (
        "The bundle's database is older than this station's: it cannot read what was kept here."
    ),
    UpdateRefusalReason.LIBRARIES: (
        "The bundle brings no libraries and needs others than are here: ask for the whole bundle."
    ),
    UpdateRefusalReason.FULL: "The card has too little room: free some (photos first), then try again.",
    UpdateRefusalReason.NOT_SET_UP: "The station is not set up yet: finish the first start, then update.",
    UpdateRefusalReason.NOT_PERSISTENT: (
        "The data partition is missing: what is installed now would be gone at the next start."
    ),
    UpdateRefusalReason.BUSY_PAN: "Something lies on the pan: empty it, then try again.",
    UpdateRefusalReason.BUSY_INTAKE: "An intake is open: finish it, then try again.",
    UpdateRefusalReason.BUSY_PRINTING: "Papers are being printed: wait until they are out, then try again.",
    UpdateRefusalReason.NO_ANSWER: "The station runs and does not say whether it is busy: look at it, then try again.",
    UpdateRefusalReason.RUNNING: "Another update is running.",
    UpdateRefusalReason.DATABASE: "The database could not be copied, so nothing was begun: look at the doctor's page.",
    UpdateRefusalReason.INTERRUPTED: "The update was interrupted before it began: try again.",
    UpdateRefusalReason.POWER_CUT: (
        "Power cuts interrupted the test of the new version: the previous one is back. Install it again."
    ),
    UpdateRefusalReason.DISK: "The card reports an error: look at the doctor's page.",
    UpdateRefusalReason.LATE: "The new version did not get healthy in time: the former one is back.",
    UpdateRefusalReason.PAGES: "The new version could not draw its pages: the previous one is back.",
    UpdateRefusalReason.SCALE: "The new version received nothing from the scale: the previous one is back.",
    UpdateRefusalReason.INTAKE: "The new version could not write an intake: the previous one is back.",
}


class UpdateRefused(Exception):
    """Nothing was changed. ``detail`` is plain text for the journal and the command line, and names no person."""

    def __init__(self, why: UpdateRefusalReason, detail: str = "") -> None:
        super().__init__(sentence(why, detail))
        self.why, self.detail = why, detail


def sentence(why: UpdateRefusalReason, detail: str = "") -> str:
    return f"{SENTENCES[why]} ({detail})" if detail else SENTENCES[why]
