"""A village's own layouts: files in the station's data folder that replace the shipped ones. The county's layouts take
precedence over both.
"""

from __future__ import annotations

import logging
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kiosk.base.files import write_durably
from kiosk.labels.layout import LABELS, LabelLayout, Layouts, parse_label, shipped_layout, shipped_text
from kiosk.labels.layout_check import check
from kiosk.labels.typesetting.fonts import FontProblem

logger = logging.getLogger(__name__)

LAYOUTS: Final = "layouts"  # The folder inside the station's data folder


class OwnLayouts:
    """One file a kind, checked at the start; a bad one is named in the log, and the shipped layout is used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: dict[str, LabelLayout] = {}
        self._damaged: dict[str, Exception] = {}
        self._chain = ChainMap[str, LabelLayout]({}, self._used)  # The county's come first
        self.layouts = Layouts(self._chain)  # Follows what is chosen and put back
        for kind in LABELS:
            try:
                self._used[kind] = check_layout(kind, self._file(kind).read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                logger.warning("the station's own layout of %s is not used: %s", kind, error)
                self._damaged[kind] = error

    def use_county(self, layouts: Mapping[str, LabelLayout]) -> None:
        """Use these from now on, before the station's own."""
        self._chain.maps[0] = dict(layouts)

    def is_of_county(self, kind: str) -> bool:
        """Return whether the county's is used, whatever is chosen here."""
        return kind in self._chain.maps[0]

    def is_own(self, kind: str) -> bool:
        return self._file(kind).is_file()

    def damage(self, kind: str) -> Exception | None:
        """Return why the station's own one is not used; None when it is, or there is none."""
        return self._damaged.get(kind)

    def choose(self, kind: str, name: str) -> None:
        """Use the shipped layout ``name`` for this kind from now on. Raises KeyError for an unknown one, OSError."""
        layout = shipped_layout(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_durably(self._file(kind), shipped_text(name).encode())
        self._used[kind] = layout
        self._damaged.pop(kind, None)

    def put_back(self, kind: str) -> None:
        """Use the shipped one again. Raises OSError."""
        self._file(kind).unlink(missing_ok=True)
        self._used.pop(kind, None)
        self._damaged.pop(kind, None)

    def _file(self, kind: str) -> Path:
        return self._folder / f"{LABELS[kind]}.toml"


def check_layout(kind: str, text: str) -> LabelLayout:
    """Check and parse a layout. Raises what ``check`` raises."""
    from kiosk.labels.papers.samples import SAMPLES  # most stations have no layout of their own

    try:
        return check(kind, text, SAMPLES[kind]) if kind in SAMPLES else parse_label(text)
    except FontProblem:  # nothing is printed here
        return parse_label(text)
