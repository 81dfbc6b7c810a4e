"""What a station is answered when it asks for its document, or for a part that this document names."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Final

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.sorting_center.desk.documents import StationDocuments
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.updates.downloads import DownloadRequest, DownloadResponse, range_response

_RETRY_S: Final = 60
_MAX_CACHED_BYTES: Final = 16_000_000  # Stations fetch the same members at the same time, a few kilobytes at a time


class ConfigurationDownloads:
    """Used by the threads of the server. Raises nothing."""

    def __init__(self, documents: StationDocuments, log: RateLimitedLog) -> None:
        self._documents, self._log = documents, log
        self._lock = threading.Lock()
        self._cached: dict[str, bytes] = {}  # By hash, the oldest first

    def respond(self, request: DownloadRequest) -> DownloadResponse:
        """Answer a GET. What belongs to another station is answered like what does not exist."""
        if request.station != request.path.station:
            return DownloadResponse(403)
        try:
            regions = [request.region] if request.region else self._documents.regions(request.station)
            if len(regions) != 1:
                return DownloadResponse(404)
            return self._respond(request, regions[0])
        except DeskError as error:
            self._log.write(f"Documents cannot be given out: {error}", kind="configuration", level=logging.ERROR)
            return DownloadResponse(503, (("Retry-After", str(_RETRY_S)),))

    def _respond(self, request: DownloadRequest, region: str) -> DownloadResponse:
        sha256 = request.path.sha256
        if not sha256:
            newest = self._documents.newest(region, request.station)
            if newest is None:
                return DownloadResponse(404)
            body = newest.content
            return DownloadResponse(200, (("Content-Type", "application/json"),), len(body), iter((body,)))
        content = self._part(region, request.station, sha256)
        if content is None:
            return DownloadResponse(404)

        def read(first: int, size: int) -> Iterator[bytes]:
            return iter((content[first : first + size],))

        return range_response(request, sha256, len(content), read)

    def _part(self, region: str, station: str, sha256: str) -> bytes | None:
        """Read a part. Whether it is this station's is looked up each time; its bytes never change."""
        with self._lock:
            content = self._cached.get(sha256)
        if content is not None:
            return content if self._documents.names(region, station, sha256) else None
        content = self._documents.part(region, station, sha256)
        if content is not None:
            with self._lock:
                self._cached[sha256] = content
                while sum(map(len, self._cached.values())) > _MAX_CACHED_BYTES:
                    del self._cached[next(iter(self._cached))]
        return content
