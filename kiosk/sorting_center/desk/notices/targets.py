"""The targets of notices."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Row, delete, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.database import DeskDatabase, insert_named
from kiosk.sorting_center.desk.shared.errors import check_name
from kiosk.sorting_center.desk.shared.schema import notice, notice_target
from kiosk.sorting_center.ledger.database.times import to_rfc3339

MAX_TARGETS: Final = 20
MAX_RECIPIENTS: Final = 10
MAX_URL: Final = 400
MAX_KINDS: Final = 40
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:.]{2,45}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IMMEDIATELY: Final = "1970-01-01T00:00:00.000Z"
_PREFIX: Final = "whs_"  # Makes a secret recognisable in a log or a repository


class NoticeChannel(StrEnum):
    MAIL = "mail"
    WEBHOOK = "webhook"


class Security(StrEnum):
    """From the first byte, or after STARTTLS (RFC 3207)."""

    TLS = "tls"
    STARTTLS = "starttls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """``host:port/tls`` or ``/starttls`` as text."""

    host: str
    port: int
    security: Security

    @classmethod
    def parse(cls, text: str) -> MailServer:
        """Parse ``mail.example.org:587/starttls``. Raises Refused: bad_server."""
        place, _, security = text.strip().rpartition("/")
        host, _, port = place.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        known = security in list(Security) and port.isascii() and port.isdecimal() and len(port) <= 5
        if not known or not 1 <= int(port) <= 65535 or _HOST.fullmatch(host) is None:
            raise Refused("bad_server", "a mail server is written like mail.example.org:587/starttls or :465/tls")
        return cls(host.lower(), int(port), Security(security))


@dataclass(frozen=True, slots=True)
class Webhook:
    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Webhook:
        """Parse an address such as ``https://example.org/alarms``. Raises Refused: bad_url."""
        bad_url = Refused("bad_url", "this is no address like https://example.org/alarms")
        try:
            parts = urlsplit(text.strip())
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise bad_url from None
        if (
            len(text) > MAX_URL
            or parts.scheme not in ("https", "http")
            or _HOST.fullmatch(host) is None
            or parts.username is not None
            or parts.fragment
            or not all("!" <= character <= "~" for character in text.strip())
        ):
            raise bad_url
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], path)


@dataclass(frozen=True, slots=True)
class NoticeTarget:
    """``address``: a URL, or recipients separated by spaces. ``kinds`` of cases; empty for all. ``login``: the name of
    the file with user and password. ``secret`` signs webhooks.
    """

    name: str
    way: NoticeChannel
    address: str
    language: str
    kinds: frozenset[str] = frozenset()
    server: str = ""
    sender: str = ""
    login: str = ""
    secret: str = field(default="", repr=False)
    paused: bool = False
    failures: int = 0

    def check(self) -> None:
        """Check the fields. Raises Refused: bad_name, bad_kind, bad_url, bad_server, bad_mail, bad_login."""
        check_name(self.name)
        if len(self.kinds) > MAX_KINDS or not all(_KIND.fullmatch(kind) for kind in self.kinds):
            raise Refused("bad_kind", "a kind of alarm is a word like fork")
        if self.way is NoticeChannel.WEBHOOK:
            Webhook.parse(self.address)
            return
        MailServer.parse(self.server)
        recipients = self.address.split()
        if not 1 <= len(recipients) <= MAX_RECIPIENTS or not all(map(_MAIL.fullmatch, [*recipients, self.sender])):
            raise Refused(
                "bad_mail",
                f"a sender and 1 to {MAX_RECIPIENTS} recipients like post@example.org",
                {"most": str(MAX_RECIPIENTS)},
            )
        if self.login and _FILE.fullmatch(self.login) is None:
            raise Refused("bad_login", "give the name of the file with user and password alone, without folders")


class NoticeTargets:
    """A target is added and removed, never changed."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def add(self, target: NoticeTarget, now: datetime) -> str:
        """Store the target; return the secret that signs, shown only here; "" for mail.

        Raises Refused as `NoticeTarget.check` does, and name_taken, too_many.
        """
        target.check()
        secret = _PREFIX + secrets.token_urlsafe(32) if target.way is NoticeChannel.WEBHOOK else ""
        row = {
            **asdict(target),
            "way": target.way.value,
            "kinds": " ".join(sorted(target.kinds)),
            "secret": secret,
            "made_at": to_rfc3339(now),
            "turn": 0,
            "next_at": _IMMEDIATELY,
        }
        with self._database.writing() as connection:
            insert_named(connection, notice_target, row, MAX_TARGETS)
        return secret

    def set_paused(self, name: str, paused: bool) -> None:
        """Pause or resume: waiting notices stay, new ones are not written meanwhile. Raises Refused: no_such_target."""
        values = {"paused": paused, "failures": 0, "next_at": _IMMEDIATELY}
        with self._database.writing() as connection:
            changed = update(notice_target).where(notice_target.c.name == name).values(values)
            if not connection.execute(changed).rowcount:
                raise no_such_target(name)

    def remove(self, name: str) -> None:
        """Remove the target with all its notices. Raises Refused: no_such_target."""
        with self._database.writing() as connection:
            connection.execute(delete(notice).where(notice.c.target == name))
            if not connection.execute(delete(notice_target).where(notice_target.c.name == name)).rowcount:
                raise no_such_target(name)

    def all(self) -> list[NoticeTarget]:
        with self._database.reading() as connection:
            return [target_of(row) for row in connection.execute(select(notice_target).order_by(notice_target.c.name))]


def no_such_target(name: str) -> Refused:
    return Refused("no_such_target", f"there is no target {name[:40]!r}", {"name": name[:40]})


def target_of(row: Row[Any]) -> NoticeTarget:
    values = {name: getattr(row, name) for name in NoticeTarget.__dataclass_fields__}
    return NoticeTarget(**values | {"way": NoticeChannel(row.way), "kinds": frozenset(row.kinds.split())})
