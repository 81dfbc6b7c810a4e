"""A certificate and its key, read from files, and read again when they were renewed."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_LOOK_S: Final = 20.0
"""Renewed files are in use within a minute."""
_MAX_BYTES: Final = 1024 * 1024
"""A certificate with its chain has some kilobytes."""

_Stamp = tuple[int, int, int, int]
_Stamps = tuple[_Stamp | None, ...]


class TlsFilesError(OSError):
    """One line that names the file and what would do."""


class Certificate:
    """``context`` is for the next connection; those that stand keep theirs."""

    def __init__(self, files: Sequence[str], make: Callable[[], ssl.SSLContext]) -> None:
        """``make`` reads the files, the certificate first of them; raises TlsFilesError as it does."""
        self._files, self._make = files, make
        self._taken = self._looked = self._stamps()  # before they are read: what changes meanwhile is a renewal
        self.context = make()
        self._refused = ""

    def look(self) -> None:
        """Take files that were renewed. A set of which one was just written may be half of it, so it is taken when
        nothing has changed since the last look; one that cannot be used is told once, and the one before stays.
        """
        now, before = self._stamps(), self._looked
        self._looked = now
        if now == self._taken:
            self._refused = ""
        elif now == before:
            self._renew(now)

    def tend(self, ending: threading.Event) -> None:
        """Look now and then until ``ending`` is set, whatever happens."""
        while not ending.wait(_LOOK_S):
            try:
                self.look()
            except Exception:
                log.exception("Nobody looks after the certificate %s.", self._files[0])

    def _renew(self, stamps: _Stamps) -> None:
        try:
            made = self._make()
        except TlsFilesError as error:
            if str(error) != self._refused:
                log.error("The certificate was renewed, and the one before stays in use: %s", error)
            self._refused = str(error)
            return
        if self._stamps() == stamps:
            self.context, self._taken, self._refused = made, stamps, ""
            log.info("The renewed certificate %s is in use.", self._files[0])

    def _stamps(self) -> _Stamps:
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
        raise TlsFilesError(f"{cert_file} and {key_file} cannot be used for TLS: {said_of(error)}") from error
    except OSError as error:
        raise TlsFilesError(f"{cert_file} and {key_file} cannot be read: {error.strerror or error}") from error


def check_pem(file: str, mark: str, what: str) -> None:
    """What OpenSSL would say of it names neither the file nor what is missing. Raises TlsFilesError."""
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TlsFilesError(f"the {what} {file} cannot be read: {said}") from error
    if mark.encode() not in text:
        raise TlsFilesError(f"{file} holds no {what} in PEM")


def said_of(error: ssl.SSLError) -> str:
    """In OpenSSL's own words, as far as it has any."""
    return (error.reason or "damaged").replace("_", " ").lower()


def _stamp(file: str) -> _Stamp | None:
    """None for what cannot be found now."""
    try:
        of = Path(file).stat()
    except (OSError, ValueError):
        return None
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns
