"""A notice as e-mail."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.notices.addresses import Resolve, connected, places_of, system_resolve
from kiosk.sorting_center.desk.notices.deadline import hung_up_after
from kiosk.sorting_center.desk.notices.outbox import Claim
from kiosk.sorting_center.desk.notices.ports import Undelivered, Wording
from kiosk.sorting_center.desk.notices.targets import MailServer, Security
from kiosk.sorting_center.sentences import say

WHOLE_S: Final = 30.0
"""A mail server may ask others before it answers; ten steps go to and fro."""
_MAX_LOGIN_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Login:
    """For one server."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailWay:
    """``logins`` is the folder with the files that targets name; None for none. ``allowed`` are names of hosts inside
    this house that may be asked.
    """

    wording: Wording
    logins: Path | None = None
    allowed: Collection[str] = ()
    resolve: Resolve = system_resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    whole_s: float = WHOLE_S

    def send(self, claim: Claim) -> str:
        """Raises Undelivered."""
        begun = time.monotonic()
        try:
            server = MailServer.parse(claim.target.server)
            login = self._login(claim.target.login)
            message = self._message(claim)
            places = places_of(server.host, server.port, self.allowed, self.resolve)
            with (
                connected(places, server.port, lambda: self._left_s(begun)) as plain,
                hung_up_after(self._left_s(begun), plain),
            ):
                refused = self._hand_over(plain, server, login, message)
        except Refused as error:
            raise Undelivered(say("bad_target")) from error
        except smtplib.SMTPAuthenticationError as error:
            raise Undelivered(say("mail_login_refused", n=error.smtp_code)) from error
        except smtplib.SMTPResponseException as error:
            # Its words are left out: they may be anything that was said to it before, the login too.
            raise Undelivered(say("mail_answered", n=error.smtp_code)) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise Undelivered(say("mail_none_taken", n=len(error.recipients))) from error
        except TimeoutError as error:
            seconds = f"{self.whole_s:g}"
            raise Undelivered(say("mail_late", host=claim.target.server, seconds=seconds)) from error
        except (OSError, ValueError, smtplib.SMTPException) as error:
            said = f": {error.strerror or error}" if isinstance(error, OSError) else ""
            text = f"{type(error).__name__}{said[:120]}"
            raise Undelivered(say("mail_failed", host=claim.target.server, text=text)) from error
        return say("mail_taken_in_part", n=refused) if refused else say("mail_taken")

    def _left_s(self, begun: float) -> float:
        return max(0.05, self.whole_s - (time.monotonic() - begun))

    def _hand_over(self, plain: socket.socket, server: MailServer, login: Login | None, message: EmailMessage) -> int:
        first = self.tls.wrap_socket(plain, server_hostname=server.host) if server.security is Security.TLS else plain
        with _Connected(first, server.host) as talking:
            if server.security is Security.STARTTLS:
                talking.starttls(context=self.tls)
                talking.ehlo()
            if login is not None:
                talking.login(login.user, login.password)
            return len(talking.send_message(message))

    def _message(self, claim: Claim) -> EmailMessage:
        subject, text = self.wording.letter(claim.notice.cases, claim.target.language)
        message = EmailMessage()
        message["From"] = claim.target.sender
        message["To"] = ", ".join(claim.target.address.split())
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(datetime.fromisoformat(claim.notice.made_at))
        message["Message-ID"] = f"<{claim.notice.code}@{claim.target.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message

    def _login(self, name: str) -> Login | None:
        """``user`` on the first line of the file, the password on the second."""
        if not name:
            return None
        if self.logins is None:
            raise Undelivered(say("no_logins", option="--mail-logins DIR"))
        try:
            with (self.logins / name).open("rb") as file:
                lines = file.read(_MAX_LOGIN_BYTES).decode("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Undelivered(say("login_unreadable", name=name)) from error
        if len(lines) != 2 or not all(lines):
            raise Undelivered(say("login_lines", name=name))
        return Login(lines[0], lines[1])


class _Connected(smtplib.SMTP):
    """Over a connection that stands already."""

    def __init__(self, connected: socket.socket, host: str) -> None:
        self._connected = connected
        super().__init__(host, timeout=connected.gettimeout() or WHOLE_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connected
