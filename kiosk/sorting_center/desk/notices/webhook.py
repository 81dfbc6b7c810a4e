"""A notice as JSON by HTTP POST, signed."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from kiosk.sorting_center.desk.notices.outbound import DeliveryFailed, OutboundNetwork
from kiosk.sorting_center.desk.notices.outbox import NoticeCase, NoticeClaim
from kiosk.sorting_center.desk.notices.targets import Webhook
from kiosk.sorting_center.desk.shared.audit import escaped_text
from kiosk.sorting_center.shared.alarm_texts import english_detail, format_detail

TOTAL_TIMEOUT_S: Final = 10.0  # For connecting, TLS, question and answer together
MAX_BODY_BYTES: Final = 256 * 1024
ID_HEADER: Final = "X-Kiosk-Notice"
TIME_HEADER: Final = "X-Kiosk-Timestamp"
SIGNATURE_HEADER: Final = "X-Kiosk-Signature"
_MAX_ERROR: Final = 150


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return ``sha256=`` and HMAC-SHA256 over the timestamp, a dot and the body, hexadecimal."""
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
    """``case_line`` says in a language, in one line of plain text, what is wrong."""

    case_line: Callable[[NoticeCase, str], str]
    network: OutboundNetwork = field(default_factory=OutboundNetwork)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    timeout_s: float = TOTAL_TIMEOUT_S

    def send(self, claim: NoticeClaim) -> str:
        """Send; return the answer as a detail. Any status but 200 to 299 is a failure, a redirect too.

        Raises Refused, as DeliveryFailed or for a target that cannot be used.
        """
        address = Webhook.parse(claim.target.address)
        host = address.host
        if address.scheme == "http" and host not in self.network.allowed:
            raise DeliveryFailed("plain_http", values={"host": host})
        body = self._body(claim)
        try:
            with self.network.connected(host, address.port, self.timeout_s) as connection:
                status = self._post(connection, address, claim, body)
        except TimeoutError as error:
            raise DeliveryFailed("late", values={"host": host, "seconds": f"{self.timeout_s:g}"}) from error
        except (OSError, http.client.HTTPException) as error:
            text = escaped_text(f"{type(error).__name__}: {error}", _MAX_ERROR)
            raise DeliveryFailed("failed", values={"host": host, "text": text}) from error
        if not 200 <= status < 300:
            raise DeliveryFailed("answered", values={"host": host, "n": str(status)})
        return format_detail("answered", host=host, n=status)

    def _body(self, claim: NoticeClaim) -> bytes:
        notice, language = claim.notice, claim.target.language
        cases = [
            _WebhookCase(
                **msgspec.structs.asdict(case) | {"detail": english_detail(case.detail)},
                text=self.case_line(case, language),
            )
            for case in notice.cases
        ]
        what = "alarms" if cases else "test"
        body = msgspec.json.encode(_WebhookBody(notice.code, what, notice.made_at, language, cases))
        if len(body) > MAX_BODY_BYTES:
            raise DeliveryFailed("too_long", values={"n": str(len(body)), "most": str(MAX_BODY_BYTES)})
        return body

    def _post(self, plain: socket.socket, address: Webhook, claim: NoticeClaim, body: bytes) -> int:
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
        secured = plain
        if address.scheme == "https":
            secured = self.network.tls.wrap_socket(plain, server_hostname=address.host)
        with closing(secured):
            client = _PreconnectedHttp(secured)
            client.request("POST", address.path, body, headers)
            return client.getresponse().status  # what else it says is not read


class _PreconnectedHttp(http.client.HTTPConnection):
    """HTTP over an existing connection, and over no other."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("connected")
        self._connected = connected

    def connect(self) -> None:
        self.sock = self._connected
