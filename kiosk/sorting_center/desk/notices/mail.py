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

from kiosk.sorting_center.desk.notices.addresses import Resolve, open_connection, resolve_allowed, system_resolve
from kiosk.sorting_center.desk.notices.deadline import closed_after
from kiosk.sorting_center.desk.notices.outbox import NoticeClaim
from kiosk.sorting_center.desk.notices.ports import DeliveryFailed, NoticeWording
from kiosk.sorting_center.desk.notices.targets import MailServer, Security
from kiosk.sorting_center.desk.shared.errors import ActionRefused
from kiosk.sorting_center.shared.alarm_texts import format_detail

TOTAL_TIMEOUT_S: Final = 30.0  # A mail server may ask others before it answers; ten steps go to and fro
_MAX_LOGIN_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailSender:
    """``logins`` is the folder with the files that targets name; None for none. ``allowed`` are names of hosts inside
    this house that may be asked.
    """

    wording: NoticeWording
    logins: Path | None = None
    allowed: Collection[str] = ()
    resolve: Resolve = system_resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout_s: float = TOTAL_TIMEOUT_S

    def send(self, claim: NoticeClaim) -> str:
        """Raises Undelivered."""
        started = time.monotonic()
        try:
            server = MailServer.parse(claim.target.server)
            login = self._login(claim.target.login)
            message = self._message(claim)
            places = resolve_allowed(server.host, server.port, self.allowed, self.resolve)
            with (
                open_connection(places, server.port, lambda: self._remaining_s(started)) as plain,
                closed_after(self._remaining_s(started), plain),
            ):
                refused = self._deliver(plain, server, login, message)
        except ActionRefused as error:
            raise DeliveryFailed(format_detail("bad_target")) from error
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryFailed(format_detail("mail_login_refused", n=error.smtp_code)) from error
        except smtplib.SMTPResponseException as error:
            # Its words are left out: they may be anything that was said to it before, the login too.
            raise DeliveryFailed(format_detail("mail_answered", n=error.smtp_code)) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryFailed(format_detail("mail_none_taken", n=len(error.recipients))) from error
        except TimeoutError as error:
            seconds = f"{self.timeout_s:g}"
            raise DeliveryFailed(format_detail("mail_late", host=claim.target.server, seconds=seconds)) from error
        except (OSError, ValueError, smtplib.SMTPException) as error:
            detail = f": {error.strerror or error}" if isinstance(error, OSError) else ""
            text = f"{type(error).__name__}{detail[:120]}"
            raise DeliveryFailed(format_detail("mail_failed", host=claim.target.server, text=text)) from error
        return format_detail("mail_taken_in_part", n=refused) if refused else format_detail("mail_taken")

    def _remaining_s(self, started: float) -> float:
        return max(0.05, self.timeout_s - (time.monotonic() - started))

    def _deliver(self, plain: socket.socket, server: MailServer, login: Login | None, message: EmailMessage) -> int:
        first = self.tls.wrap_socket(plain, server_hostname=server.host) if server.security is Security.TLS else plain
        with _PreconnectedSmtp(first, server.host) as smtp:
            if server.security is Security.STARTTLS:
                smtp.starttls(context=self.tls)
                smtp.ehlo()
            if login is not None:
                smtp.login(login.user, login.password)
            return len(smtp.send_message(message))

    def _message(self, claim: NoticeClaim) -> EmailMessage:
        subject, text = self.wording.mail_text(claim.notice.cases, claim.target.language)
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
            raise DeliveryFailed(format_detail("no_logins", option="--mail-logins DIR"))
        try:
            with (self.logins / name).open("rb") as file:
                lines = file.read(_MAX_LOGIN_BYTES).decode("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DeliveryFailed(format_detail("login_unreadable", name=name)) from error
        if len(lines) != 2 or not all(lines):
            raise DeliveryFailed(format_detail("login_lines", name=name))
        return Login(lines[0], lines[1])


class _PreconnectedSmtp(smtplib.SMTP):
    """Over a connection that stands already."""

    def __init__(self, connected: socket.socket, host: str) -> None:
        self._connected = connected
        super().__init__(host, timeout=connected.gettimeout() or TOTAL_TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connected
