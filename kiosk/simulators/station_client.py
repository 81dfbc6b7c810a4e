"""A user of the screen, without a screen: walks the real pages over HTTP, form by form, as a browser would."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from html.parser import HTMLParser
from math import inf
from typing import Any
from urllib.parse import urlencode, urlsplit


class StepFailed(RuntimeError):
    """A step did not do what it should; the text names the step and what was seen."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a page with what it already holds."""

    action: str
    fields: Mapping[str, str]


@dataclass
class _Forms(HTMLParser):
    """Collects forms, their hidden fields and their buttons' values."""

    forms: list[tuple[str, dict[str, str], list[tuple[str, str]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((values.get("action", ""), {}, []))
        elif self.forms and tag == "input" and "name" in values:
            self.forms[-1][1][values["name"]] = values.get("value", "")
        elif self.forms and tag == "button" and "name" in values:
            self.forms[-1][2].append((values["name"], values.get("value", "")))


@dataclass(frozen=True, slots=True)
class VisitedPage:
    """A response: the current path, and the page."""

    status: int
    path: str
    text: str

    def form(self, action: str, **choice: str) -> Form:
        """Find the form that posts to ``action``; ``choice`` must be one of its buttons. Raises StepFailed."""
        parser = _Forms()
        parser.feed(self.text)
        for target, hidden, buttons in parser.forms:
            if target == action and all(pair in buttons or pair[0] in hidden for pair in choice.items()):
                return Form(action, {**hidden, **choice})
        raise StepFailed(f"the page {self.path} has no form {action} with {choice or 'a button'}")


class StationClient:
    """Keeps one connection to one station."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self._host = urlsplit(url).netloc
        self._timeout_s = timeout_s
        self._connection = http.client.HTTPConnection(self._host, timeout=timeout_s)

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> VisitedPage:
        return self._send("GET", path, None)

    def post(self, form: Form) -> VisitedPage:
        """Send a form and follow to the page it leads to. A refusal is a page with status 409."""
        return self._send("POST", form.action, urlencode(form.fields).encode())

    def press(self, path: str, action: str, **choice: str) -> VisitedPage:
        """Open a page, find the form, send it; raises StepFailed unless it is accepted."""
        page = self.post(self.get(path).form(action, **choice))
        if page.status != 200:
            raise StepFailed(f"{action} was refused with {page.status} on {page.path}")
        return page

    def _send(self, method: str, path: str, body: bytes | None) -> VisitedPage:
        headers = (
            {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self._host}"} if body else {}
        )
        for _ in range(5):
            try:
                self._connection.request(method, path, body, headers)
                reply = self._connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                self._connection.close()
                if method == "POST":
                    raise
                continue
            text = reply.read().decode("utf-8")
            if reply.status not in (301, 302, 303):
                return VisitedPage(reply.status, path, text)
            method, path, body, headers = "GET", reply.getheader("Location", "/"), None, {}
        raise StepFailed(f"{path} could not be opened")

    def live(self) -> Iterator[dict[str, Any]]:
        """Yield the live stream's messages as they come; raises OSError when not even a beat comes in time."""
        return self._until(inf)

    def wait_live(self, what: str, expected: Mapping[str, Any], timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait for the first live message with all of ``expected`` (nested); raises StepFailed at timeout."""
        deadline = time.monotonic() + timeout_s
        last: dict[str, Any] = {}
        for last in self._until(deadline):
            if _holds(last, expected):
                return last
        raise StepFailed(f"{what}: not seen within {timeout_s:.0f} s; the last state was {last}")

    def _until(self, deadline: float) -> Iterator[dict[str, Any]]:
        with closing(http.client.HTTPConnection(self._host, timeout=self._timeout_s)) as connection:
            connection.request("GET", "/live")
            reply = connection.getresponse()
            while time.monotonic() < deadline and (line := reply.readline()):
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])


def _holds(message: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    for name, value in expected.items():
        seen = message.get(name)
        if isinstance(value, Mapping):
            if not isinstance(seen, Mapping) or not _holds(seen, value):
                return False
        elif callable(value):
            if not value(seen):
                return False
        elif seen != value:
            return False
    return True
