"""The layouts a village has changed: files in the station's data folder that stand in place of the shipped ones."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from kiosk.base.files import write_durably
from kiosk.labels.label_page import LabelContent
from kiosk.labels.layout import LABELS, LabelLayout, Layouts, parse_label, shipped_text
from kiosk.labels.layout_check import check
from kiosk.labels.typesetting.fonts import FontProblem

logger = logging.getLogger(__name__)

LAYOUTS: Final = "layouts"
"""The folder inside the station's data folder."""


class OwnLayouts:
    """One file a kind. What is kept was read by the same rules as the shipped ones, and holds only known fields.

    A file that cannot be read is named in the log, and the shipped layout is used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: dict[str, LabelLayout] = {}
        self._damaged: dict[str, Exception] = {}
        self.layouts = Layouts(self._used)
        """Follows what is kept and put back."""
        for kind in LABELS:
            try:
                self._used[kind] = _judged(kind, self._file(kind).read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                logger.warning("the station's own layout of %s is not used: %s", kind, error)
                self._damaged[kind] = error

    def is_own(self, kind: str) -> bool:
        """Whether the station has its own."""
        return self._file(kind).is_file()

    def damage(self, kind: str) -> Exception | None:
        """Why the station's own one is not used; None where it is, or there is none."""
        return self._damaged.get(kind)

    def text(self, kind: str) -> str:
        """What is used now, or cannot be. Raises KeyError for a kind there is none of, OSError."""
        if not self.is_own(kind):
            return shipped_text(kind)
        return self._file(kind).read_text(encoding="utf-8", errors="replace")

    def keep(self, kind: str, text: str, sample: LabelContent) -> None:
        """Use ``text`` from now on. Raises what ``check`` raises, and OSError."""
        layout = check(kind, text, sample)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_durably(self._file(kind), text.encode())
        self._used[kind] = layout
        self._damaged.pop(kind, None)

    def put_back(self, kind: str) -> None:
        """Use the shipped one again. Raises OSError."""
        self._file(kind).unlink(missing_ok=True)
        self._used.pop(kind, None)
        self._damaged.pop(kind, None)

    def _file(self, kind: str) -> Path:
        return self._folder / f"{LABELS[kind]}.toml"


def _judged(kind: str, text: str) -> LabelLayout:
    """As when it is kept: an earlier version may have kept what hides a weight. Raises what ``check`` raises."""
    from kiosk.labels.papers.samples import SAMPLES  # most stations have no layout of their own

    try:
        return check(kind, text, SAMPLES[kind]) if kind in SAMPLES else parse_label(text)
    except FontProblem:  # nothing is printed here
        return parse_label(text)
