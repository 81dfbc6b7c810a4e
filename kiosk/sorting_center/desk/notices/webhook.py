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

from kiosk.sorting_center.desk.notices.addresses import Resolve, open_connection, resolve_allowed, system_resolve
from kiosk.sorting_center.desk.notices.deadline import closed_after
from kiosk.sorting_center.desk.notices.outbox import NoticeCase, NoticeClaim
from kiosk.sorting_center.desk.notices.ports import DeliveryFailed, NoticeWording
from kiosk.sorting_center.desk.notices.targets import Webhook
from kiosk.sorting_center.desk.shared.errors import ActionRefused
from kiosk.sorting_center.shared.alarm_texts import english_detail, format_detail

TOTAL_TIMEOUT_S: Final = 10.0  # For connecting, TLS, question and answer together
MAX_BODY_BYTES: Final = 256 * 1024
ID_HEADER: Final = "X-Kiosk-Notice"
TIME_HEADER: Final = "X-Kiosk-Timestamp"
SIGNATURE_HEADER: Final = "X-Kiosk-Signature"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=`` and HMAC-SHA256 over the timestamp, a dot and the body, hexadecimal."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class _WebhookCase(NoticeCase, frozen=True):
    text: str


class _WebhookBody(msgspec.Struct, frozen=True):
    id: str
    what: str
    made_at: str
    language: str
    cases: list[_WebhookCase]


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """``allowed`` are names of hosts inside this house that may be asked."""

    wording: NoticeWording
    allowed: Collection[str] = ()
    resolve: Resolve = system_resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    timeout_s: float = TOTAL_TIMEOUT_S

    def send(self, claim: NoticeClaim) -> str:
        """Any answer but 200 to 299 is none, a redirect too. Raises Undelivered."""
        try:
            address = Webhook.parse(claim.target.address)
        except ActionRefused as error:
            raise DeliveryFailed(format_detail("bad_target")) from error
        if address.scheme == "http" and address.host not in self.allowed:
            raise DeliveryFailed(format_detail("plain_http", host=address.host))
        body = self._body(claim)
        started = time.monotonic()
        places = resolve_allowed(address.host, address.port, self.allowed, self.resolve)
        try:
            with closing(open_connection(places, address.port, lambda: self._remaining_s(started))) as connection:
                status = self._post(connection, address, claim, body, self._remaining_s(started))
        except TimeoutError as error:
            raise DeliveryFailed(format_detail("late", host=address.host, seconds=f"{self.timeout_s:g}")) from error
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryFailed(
                format_detail("failed", host=address.host, text=f"{type(error).__name__}: {str(error)[:120]}")
            ) from error
        if not 200 <= status < 300:
            raise DeliveryFailed(format_detail("answered", host=address.host, n=status))
        return format_detail("answered", host=address.host, n=status)

    def _body(self, claim: NoticeClaim) -> bytes:
        notice, language = claim.notice, claim.target.language
        cases = [
            _WebhookCase(
                **msgspec.structs.asdict(case) | {"detail": english_detail(case.detail)},
                text=self.wording.case_line(case, language),
            )
            for case in notice.cases
        ]
        what = "alarms" if cases else "test"
        body = msgspec.json.encode(_WebhookBody(notice.code, what, notice.made_at, language, cases))
        if len(body) > MAX_BODY_BYTES:
            raise DeliveryFailed(format_detail("too_long", n=len(body), most=MAX_BODY_BYTES))
        return body

    def _remaining_s(self, started: float) -> float:
        return max(0.05, self.timeout_s - (time.monotonic() - started))

    def _post(self, plain: socket.socket, address: Webhook, claim: NoticeClaim, body: bytes, left_s: float) -> int:
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
        with closed_after(left_s, plain):
            secured = plain
            if address.scheme == "https":
                secured = self.tls.wrap_socket(plain, server_hostname=address.host)
            with closing(secured):
                client = _PreconnectedHttp(secured)
                client.request("POST", address.path, body, headers)
                return client.getresponse().status  # what else it says, nobody reads


class _PreconnectedHttp(http.client.HTTPConnection):
    """Over a connection that stands already, and over no other."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("connected")
        self._connected = connected

    def connect(self) -> None:
        self.sock = self._connected
