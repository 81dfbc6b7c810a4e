"""A certificate and its key, read from files, and read again when they were renewed."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_POLL_INTERVAL_S: Final = 20.0
"""Renewed files are in use within a minute."""
_MAX_BYTES: Final = 1024 * 1024
"""A certificate with its chain has some kilobytes."""

_FileStamp = tuple[int, int, int, int]
_FileStamps = tuple[_FileStamp | None, ...]


class TlsFilesError(OSError):
    """One line that names the file and what would do."""


class ReloadingCertificate:
    """``context`` is for the next connection; those that stand keep theirs."""

    def __init__(self, files: Sequence[str], make: Callable[[], ssl.SSLContext]) -> None:
        """``make`` reads the files, the certificate first of them; raises TlsFilesError as it does."""
        self._files, self._make = files, make
        self._loaded_stamps = self._seen_stamps = (
            self._stamps()
        )  # before they are read: what changes meanwhile is a renewal
        self.context = make()
        self._last_error = ""

    def reload_if_changed(self) -> None:
        """Take files that were renewed. A set of which one was just written may be half of it, so it is taken when
        nothing has changed since the last look; one that cannot be used is told once, and the one before stays.
        """
        now, before = self._stamps(), self._seen_stamps
        self._seen_stamps = now
        if now == self._loaded_stamps:
            self._last_error = ""
        elif now == before:
            self._renew(now)

    def watch(self, ending: threading.Event) -> None:
        """Look now and then until ``ending`` is set, whatever happens."""
        while not ending.wait(_POLL_INTERVAL_S):
            try:
                self.reload_if_changed()
            except Exception:
                log.exception("Nobody looks after the certificate %s.", self._files[0])

    def _renew(self, stamps: _FileStamps) -> None:
        try:
            made = self._make()
        except TlsFilesError as error:
            if str(error) != self._last_error:
                log.error("The certificate was renewed, and the one before stays in use: %s", error)
            self._last_error = str(error)
            return
        if self._stamps() == stamps:
            self.context, self._loaded_stamps, self._last_error = made, stamps, ""
            log.info("The renewed certificate %s is in use.", self._files[0])

    def _stamps(self) -> _FileStamps:
        return tuple(_stamp(file) for file in self._files)


def load_pair(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    """A certificate, with what signed it behind it, and its key, in PEM; raises TlsFilesError."""
    check_pem(cert_file, "CERTIFICATE-----", "certificate")
    check_pem(key_file, "PRIVATE KEY-----", "private key")

    def password() -> bytes:  # without one OpenSSL would ask for it on the terminal
        raise TlsFilesError(
            f"the key {key_file} is encrypted: give one without a password, readable by its owner alone"
        )

    try:
        context.load_cert_chain(cert_file, key_file, password)
    except TlsFilesError:
        raise
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsFilesError(f"the key {key_file} does not belong to the certificate {cert_file}") from error
        raise TlsFilesError(f"{cert_file} and {key_file} cannot be used for TLS: {openssl_message(error)}") from error
    except OSError as error:
        raise TlsFilesError(f"{cert_file} and {key_file} cannot be read: {error.strerror or error}") from error


def check_pem(file: str, mark: str, what: str) -> None:
    """What OpenSSL would say of it names neither the file nor what is missing. Raises TlsFilesError."""
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TlsFilesError(f"the {what} {file} cannot be read: {detail}") from error
    if mark.encode() not in text:
        raise TlsFilesError(f"{file} holds no {what} in PEM")


def openssl_message(error: ssl.SSLError) -> str:
    """In OpenSSL's own words, as far as it has any."""
    return (error.reason or "damaged").replace("_", " ").lower()


def _stamp(file: str) -> _FileStamp | None:
    """None for what cannot be found now."""
    try:
        status = Path(file).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
