"""The pictures of before shots were judged: each is judged once, in the background, and may be lost to its verdict.

What is not accepted is cut to the mat's sheet where that is found, else left as it is; either is sent nowhere.

The row is the truth, the file follows it. Whatever this process dies of, the next start goes on: a row that says
"removed" has its file deleted, a row that is not judged is judged again, which finds the same.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.devices.ports import CameraFault, GaveWay, GoodsShot, Inspector
from kiosk.domain.verdict import Reason
from kiosk.station.photos.folder import LotPhotos, PhotoFolder
from kiosk.store.photos import Photos
from kiosk.store.records import PhotoPlace, Stamp

logger = logging.getLogger(__name__)

REST_S: Final = 2.0
"""Between two pictures: processor and card are the weighing's in between."""
JUDGE_S: Final = 12.0
"""As long as a shot may take; nobody waits for it that long, since it gives way."""
_PAGE: Final = 200

Page = Callable[[int, PhotoPlace | None], list[PhotoPlace]]


@dataclass(frozen=True, slots=True)
class BackgroundTools:
    """``make_space`` raises when the card is too full for two more pictures; ``on_event``: something was committed."""

    stamps: Callable[[], Stamp]
    make_space: Callable[[], None]
    on_event: Callable[[], None]


class PicturesBefore:
    """Call ``step`` while nobody wants a shot."""

    def __init__(
        self, inspector: Inspector | None, photos: Photos, folder: PhotoFolder, lots: LotPhotos, tools: BackgroundTools
    ) -> None:
        self._inspector, self._photos, self._folder, self._lots, self._tools = inspector, photos, folder, lots, tools
        self._removed, self._unjudged = _Walk(photos.removed), _Walk(photos.unjudged)

    def step(self, is_wanted: Callable[[], bool]) -> float | None:
        """One piece of the work; after how many seconds there is more, None when there is none before the next start.

        A piece that is under way when ``is_wanted`` says that somebody waits for a shot is given up, and comes again.
        Raises OSError, StoreError and what ``make_space`` raises; then the same piece comes again, too.
        """
        while (place := self._removed.here()) is not None:
            self._folder.remove(place.sha256)
            self._removed.go_on()
        while self._inspector is not None and (place := self._unjudged.here()) is not None:
            path = self._folder.path(place.sha256)
            try:
                if path is not None:
                    self._judge(self._inspector, place.sha256, path, is_wanted)
            except GaveWay:
                return REST_S
            self._unjudged.go_on()
            if path is not None:
                return REST_S
            # One whose file is gone may come back from a backup; the next start looks again.
        return None

    def _judge(self, inspector: Inspector, sha256: str, path: Path, is_wanted: Callable[[], bool]) -> None:
        self._tools.make_space()
        try:
            shot = inspector.inspect_file(path, JUDGE_S, is_wanted)
        except CameraFault as fault:
            logger.warning("the picture %s of before cannot be judged before the next start: %s", sha256, fault)
            return
        self._settle(sha256, shot)

    def _settle(self, sha256: str, shot: GoodsShot) -> None:
        if shot.verdict.accepted:
            self._lots.replace(sha256, shot)
            self._tools.on_event()
        elif any(finding.reason is Reason.FACE for finding in shot.verdict.findings):
            self._photos.remove(sha256, Reason.FACE, self._tools.stamps())
            self._folder.remove(sha256)
            self._tools.on_event()
        elif shot.sheet is not None:
            self._lots.cut(sha256, shot.sheet)
        else:
            self._photos.leave(sha256)


class _Walk:
    """Along all rows of a kind, a page at a time: a list of years is never in memory."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._rows: deque[PhotoPlace] = deque()
        self._after: PhotoPlace | None = None

    def here(self) -> PhotoPlace | None:
        """The row it stands at; None at the end. Raises StoreError."""
        if not self._rows:
            self._rows.extend(self._page(_PAGE, self._after))
        return self._rows[0] if self._rows else None

    def go_on(self) -> None:
        self._after = self._rows.popleft()
