"""What the two real programs say of themselves, fetched here so that the page talks to the bench alone."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from kiosk.domain.catalog import Catalog
from kiosk.texts import formats
from kiosk.texts.plain import plain

_TIMEOUT_S: Final = 1.0
_MAX_BYTES: Final = 1 << 20
_MAX_AGE_S: Final = 0.8
_ROWS: Final = 5
# Feed positions looked through for the newest intakes: every intake brings a few events of other types.
_MAX_FEED_POSITIONS: Final = 200

Answer = dict[str, Any]
_BROKEN = (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError)


class CountyStatus:
    """Asks at most once in 0.8 s, however many pages are open; an answer that makes no sense is no answer."""

    def __init__(self, station_url: str, center_url: str, center_token: str, catalog: Catalog) -> None:
        """``center_token`` opens the figures of the sorting center."""
        self._station_url, self._center_url, self._center_token = station_url, center_url, center_token
        self._pictures = {row.code: row.picture for row in catalog.products}
        self._lock = threading.Lock()
        self._answers: Answer = {}
        self._good_until = 0.0

    def read(self) -> Answer:
        """``station`` and ``center``, each with ``answers``."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                self._answers = {"station": self._station(), "center": self._center()}
                self._good_until = time.monotonic() + _MAX_AGE_S
            return self._answers

    def _station(self) -> Answer:
        try:
            answer = fetch(self._station_url, "/health")
            marks = {name: plain(str(answer[name]), 20) for name in ("scale", "printer", "link")}
            return {"answers": True, "pending": _whole(answer["pending"]), **marks}
        except _BROKEN:
            return {"answers": False, "pending": None}

    def _center(self) -> Answer:
        try:
            answer = fetch(self._center_url, "/ledger/summary.json", self._center_token)
            events = _whole(answer["events"])
            path = f"/intakes.json?after_feedseq={max(0, events - _MAX_FEED_POSITIONS)}&limit={_MAX_FEED_POSITIONS}"
            rows = fetch(self._center_url, path, self._center_token)["intakes"][-_ROWS:]
            return {
                "answers": True,
                "events": formats.number(events),
                "intakes": formats.number(_whole(answer["totals"]["intakes"])),
                "net": formats.kg_text(_whole(answer["totals"]["net_g"])),
                "amount": formats.money(_whole(answer["totals"]["amount_fen"])),
                "rows": [self._row(row) for row in reversed(rows)],
            }
        except _BROKEN:
            return {"answers": False, "rows": []}

    def _row(self, row: Answer) -> Answer:
        return {
            "receipt": plain(str(row["receipt"]), 20),
            "product": plain(str(row["product"]), 20),
            "picture": self._pictures.get(row["product"], "other"),
            "net": formats.kg_text(_whole(row["net_g"])),
            "amount": formats.money(_whole(row["amount_fen"])),
            "voided": row["voided"] is True,
        }


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is no whole number")


def fetch(url: str, path: str, token: str = "") -> Any:
    """The JSON at an address of this machine; raises OSError, HTTPException or ValueError."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_S)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        reply = connection.getresponse()
        body = reply.read(_MAX_BYTES + 1)
        if reply.status != 200 or len(body) > _MAX_BYTES:
            raise ValueError(f"{url}{path} answers {reply.status} with {len(body)} bytes")
        return json.loads(body)
