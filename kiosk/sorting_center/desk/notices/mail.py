"""A notice as e-mail."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from kiosk.sorting_center.desk.notices.outbound import DeliveryFailed, OutboundNetwork
from kiosk.sorting_center.desk.notices.outbox import NoticeCase, NoticeClaim
from kiosk.sorting_center.desk.notices.targets import MailServer, Security
from kiosk.sorting_center.desk.shared.audit import escaped_text
from kiosk.sorting_center.shared.alarm_texts import format_detail

TOTAL_TIMEOUT_S: Final = 30.0  # A mail server may ask others before it answers; ten steps go to and fro
_MAX_LOGIN_BYTES: Final = 1024
_MAX_ERROR: Final = 150

# Subject and text of cases in a language, in plain text; without cases those of a test.
MailText = Callable[[tuple[NoticeCase, ...], str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class MailSender:
    """``logins`` is the folder with the files that targets name; None for none."""

    mail_text: MailText
    logins: Path | None = None
    network: OutboundNetwork = field(default_factory=OutboundNetwork)
    timeout_s: float = TOTAL_TIMEOUT_S

    def send(self, claim: NoticeClaim) -> str:
        """Send; return the answer as a detail. Raises Refused, as DeliveryFailed or for a target that is unusable."""
        host = claim.target.server
        server = MailServer.parse(host)
        try:
            login, message = self._login(claim.target.login), self._message(claim)
            with self.network.connected(server.host, server.port, self.timeout_s) as plain:
                refused = self._deliver(plain, server, login, message)
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryFailed("mail_login_refused", values={"n": str(error.smtp_code)}) from error
        except smtplib.SMTPResponseException as error:
            # Its text is omitted: it may repeat anything sent to the server before, the login too.
            raise DeliveryFailed("mail_answered", values={"n": str(error.smtp_code)}) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryFailed("mail_none_taken", values={"n": str(len(error.recipients))}) from error
        except TimeoutError as error:
            raise DeliveryFailed("mail_late", values={"host": host, "seconds": f"{self.timeout_s:g}"}) from error
        except (OSError, ValueError, smtplib.SMTPException) as error:
            detail = f": {error.strerror or error}" if isinstance(error, OSError) else ""
            text = escaped_text(f"{type(error).__name__}{detail}", _MAX_ERROR)
            raise DeliveryFailed("mail_failed", values={"host": host, "text": text}) from error
        return format_detail("mail_taken_in_part", n=refused) if refused else format_detail("mail_taken")

    def _deliver(
        self, plain: socket.socket, server: MailServer, login: tuple[str, str] | None, message: EmailMessage
    ) -> int:
        """Deliver the message; return how many recipients were refused."""
        tls, connection = self.network.tls, plain
        if server.security is Security.TLS:
            connection = tls.wrap_socket(plain, server_hostname=server.host)
        with _PreconnectedSmtp(connection, server.host) as smtp:
            if server.security is Security.STARTTLS:
                smtp.starttls(context=tls)
                smtp.ehlo()
            if login is not None:
                smtp.login(*login)
            return len(smtp.send_message(message))

    def _message(self, claim: NoticeClaim) -> EmailMessage:
        subject, text = self.mail_text(claim.notice.cases, claim.target.language)
        message = EmailMessage()
        message["From"] = claim.target.sender
        message["To"] = ", ".join(claim.target.address.split())
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(datetime.fromisoformat(claim.notice.made_at))
        message["Message-ID"] = f"<{claim.notice.code}@{claim.target.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message

    def _login(self, name: str) -> tuple[str, str] | None:
        """Read user and password, the two lines of the file; None without a name."""
        if not name:
            return None
        if self.logins is None:
            raise DeliveryFailed("no_logins", values={"option": "--mail-logins DIR"})
        try:
            with (self.logins / name).open("rb") as file:
                lines = file.read(_MAX_LOGIN_BYTES).decode("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DeliveryFailed("login_unreadable", values={"name": name}) from error
        if len(lines) != 2 or not all(lines):
            raise DeliveryFailed("login_lines", values={"name": name})
        return lines[0], lines[1]


class _PreconnectedSmtp(smtplib.SMTP):
    """SMTP over an existing connection."""

    def __init__(self, connected: socket.socket, host: str) -> None:
        self._connected = connected
        super().__init__(host, timeout=connected.gettimeout() or TOTAL_TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connected
