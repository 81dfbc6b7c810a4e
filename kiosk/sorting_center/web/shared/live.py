"""Parts of pages that many poll: rendered once for all of them, and sent only to who has not got them yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, current_app, request
from markupsafe import Markup

from kiosk.sorting_center.web.shared.frame import texts
from kiosk.sorting_center.web.shared.refreshing_cache import VersionedValue, etag_of
from kiosk.sorting_center.web.shared.sources import sources


class LiveFragment:
    """``variant`` is what it shows besides ``versioned``: filters, a page. The language and the day are thought of
    here."""

    def __init__(self, versioned: VersionedValue[Any], variant: tuple[object, ...], render: Callable[[], str]) -> None:
        found = sources()
        place = (found.snapshots.process, request.blueprint, texts().language.code, found.now().date())
        self._etag = etag_of(*place, versioned.version, variant)
        self._render = render

    @property
    def html(self) -> Markup:
        return Markup(sources().snapshots.rendered.html(self._etag, self._render))  # noqa: S704 - a template of ours

    def answer(self) -> Response:
        """304 while nothing changed."""
        if request.if_none_match.contains(self._etag):
            answer = Response(status=304)
        else:
            answer = Response(self.html, mimetype="text/html")
        answer.set_etag(self._etag)
        return answer


def path_if_routed(path: str) -> str | None:
    return path if current_app.url_map.bind("").test(path, "GET") else None
