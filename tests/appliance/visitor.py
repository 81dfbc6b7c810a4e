"""Somebody at the screen of a booted box, without a browser: pages are asked for and forms sent from inside."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import urlencode

from kiosk.simulators.station_client import StepFailed, VisitedPage
from tests.systemd.box import PATIENCE_S, STATION, Booted, wait_for

SEND = """\
import http.client, json, sys
method, path, body, cookie, port = sys.argv[1:]
way = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
here = f"http://127.0.0.1:{port}"
headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie, "Origin": here}
way.request(method, path, body or None, headers)
answer = way.getresponse()
page = answer.read().decode()
cookie = "; ".join(part.partition(";")[0] for part in answer.headers.get_all("Set-Cookie") or ())
print(json.dumps([answer.status, answer.headers.get("Location", ""), page, cookie]))
"""


class Answer(NamedTuple):
    """Of the station, to one request."""

    status: int
    location: str
    page: str


class Visitor:
    """Keeps a cookie, as a browser does."""

    def __init__(self, booted: Booted, port: int = 8080) -> None:
        self._booted, self._port, self._cookie = booted, port, ""

    def get(self, path: str = "/setup") -> Answer:
        return self._ask("GET", path, "")

    def post(self, path: str, **form: str) -> Answer:
        return self._ask("POST", path, urlencode(form))

    def press(self, path: str, action: str, **choice: str) -> None:
        """A button of a page, again and again until it is there and what it asks for is done."""

        last = Answer(0, "", "")

        def done() -> bool:
            nonlocal last
            last = self.get(path)
            try:
                form = VisitedPage(last.status, path, last.page).form(action, **choice)
            except StepFailed:
                return False
            last = self.post(action, **form.fields)
            return last.status == 303

        wait_for(done, lambda: f"{path}: {last.status} {last.location}\n{last.page}")

    def comes(self, path: str = "/setup") -> None:
        """The station answers."""
        assert self._booted.page(path, self._port, PATIENCE_S), self._booted.journal(STATION)

    def until(self, path: str, text: str) -> str:
        """Wait for words on a page."""
        wait_for(lambda: text in self.get(path).page, lambda: self.get(path).page)
        return self.get(path).page

    def _ask(self, method: str, path: str, body: str) -> Answer:
        program = ["/usr/bin/python3", "-Ic", SEND, method, path, body, self._cookie, str(self._port)]
        done = self._booted.call(*program)
        assert done.returncode == 0, done.stderr
        status, location, page, cookie = json.loads(done.stdout)
        self._cookie = cookie or self._cookie
        return Answer(status, location, page)
