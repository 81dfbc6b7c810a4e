"""A notice as JSON by HTTP POST, signed."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.notices.addresses import Resolve, connected, places_of, system_resolve
from kiosk.sorting_center.desk.notices.deadline import hung_up_after
from kiosk.sorting_center.desk.notices.outbox import Claim, ToldCase
from kiosk.sorting_center.desk.notices.ports import Undelivered, Wording
from kiosk.sorting_center.desk.notices.targets import Webhook
from kiosk.sorting_center.sentences import say

WHOLE_S: Final = 10.0
"""For connecting, TLS, question and answer together."""
MAX_BODY_BYTES: Final = 256 * 1024
ID_HEADER: Final = "X-Kiosk-Notice"
TIME_HEADER: Final = "X-Kiosk-Timestamp"
SIGNATURE_HEADER: Final = "X-Kiosk-Signature"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=`` and HMAC-SHA256 over the timestamp, a dot and the body, hexadecimal."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class _Told(ToldCase, frozen=True):
    text: str


class _Body(msgspec.Struct, frozen=True):
    id: str
    what: str
    made_at: str
    language: str
    cases: list[_Told]


@dataclass(frozen=True, slots=True)
class WebhookWay:
    """``allowed`` are names of hosts inside this house that may be asked."""

    wording: Wording
    allowed: Collection[str] = ()
    resolve: Resolve = system_resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    whole_s: float = WHOLE_S

    def send(self, claim: Claim) -> str:
        """Any answer but 200 to 299 is none, a redirect too. Raises Undelivered."""
        try:
            address = Webhook.parse(claim.target.address)
        except Refused as error:
            raise Undelivered(say("bad_target")) from error
        if address.scheme == "http" and address.host not in self.allowed:
            raise Undelivered(say("plain_http", host=address.host))
        body = self._body(claim)
        begun = time.monotonic()
        places = places_of(address.host, address.port, self.allowed, self.resolve)
        try:
            with closing(connected(places, address.port, lambda: self._left_s(begun))) as connection:
                status = self._ask(connection, address, claim, body, self._left_s(begun))
        except TimeoutError as error:
            raise Undelivered(say("late", host=address.host, seconds=f"{self.whole_s:g}")) from error
        except (OSError, http.client.HTTPException) as error:
            raise Undelivered(
                say("failed", host=address.host, text=f"{type(error).__name__}: {str(error)[:120]}")
            ) from error
        if not 200 <= status < 300:
            raise Undelivered(say("answered", host=address.host, n=status))
        return say("answered", host=address.host, n=status)

    def _body(self, claim: Claim) -> bytes:
        notice, language = claim.notice, claim.target.language
        cases = [_Told(**msgspec.structs.asdict(case), text=self.wording.line(case, language)) for case in notice.cases]
        what = "alarms" if cases else "test"
        body = msgspec.json.encode(_Body(notice.code, what, notice.made_at, language, cases))
        if len(body) > MAX_BODY_BYTES:
            raise Undelivered(say("too_long", n=len(body), most=MAX_BODY_BYTES))
        return body

    def _left_s(self, begun: float) -> float:
        return max(0.05, self.whole_s - (time.monotonic() - begun))

    def _ask(self, plain: socket.socket, address: Webhook, claim: Claim, body: bytes, left_s: float) -> int:
        timestamp = str(int(self.now().timestamp()))
        headers = {
            "Host": address.netloc,
            "Content-Type": "application/json",
            "User-Agent": "station-kiosk",
            "Connection": "close",
            ID_HEADER: claim.notice.code,
            TIME_HEADER: timestamp,
            SIGNATURE_HEADER: signature(claim.target.secret, timestamp, body),
        }
        with hung_up_after(left_s, plain):
            secured = plain
            if address.scheme == "https":
                secured = self.tls.wrap_socket(plain, server_hostname=address.host)
            with closing(secured):
                asking = _Connected(secured)
                asking.request("POST", address.path, body, headers)
                return asking.getresponse().status  # what else it says, nobody reads


class _Connected(http.client.HTTPConnection):
    """Over a connection that stands already, and over no other."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("connected")
        self._connected = connected

    def connect(self) -> None:
        self.sock = self._connected
