"""The one protocol between the station's user and the helpers that run as root: a request file and an answer file.

    DATA/requests/KIND.json    one request at a time; the folder belongs to the station's user
    /run/…/answer.json         the answer, which root writes and all may read; it goes with the power

A path unit of systemd starts the helper when a request appears. Both files hold one JSON object: ``kind``, which is the
file's name, ``id`` and ``body``; an answer has the id of its request.

Root trusts nothing in the station's folder: it opens the folder and the file by descriptor, follows no link, waits for
no pipe, and reads only a small regular file of the folder's owner. A request is removed durably before it is carried
out, so that a power cut cannot have it carried out twice: it is lost then, unless its kind is repeatable (see `serve`).
A malformed one is removed, logged and never answered; the caller gives up after `TIMEOUT_S`.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

from kiosk.base.files import chown_to_folder_owner, write_durably
from kiosk.base.json_reader import Unreadable, reader

logger = logging.getLogger(__name__)

REQUESTS: Final = "requests"  # The folder in the station's data folder
MAX_BYTES: Final = 4096
PRIVATE, PUBLIC = 0o600, 0o644  # File modes: a request may hold a code; an answer holds no secret
TIMEOUT_S: Final = 25.0  # A Pi 3 starts Python and Argon2id within five seconds; a stick may be slow
RETRY_S: Final = 5.0  # A path unit does not see what changes while the unit that it starts still runs
_POLL_INTERVAL_S: Final = 0.1
_LOCK: Final = "at-work"
_OTHERS_WRITE: Final = 0o022
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

B = TypeVar("B")
A = TypeVar("A")


class BadMessage(ValueError):
    """The file is no message of this kind; the text gives the reason, without the content."""


class CannotRemove(OSError):
    """The request stays where it is; unless it is repeatable, it was not carried out. The text says why."""


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16,32}\Z")]
    body: msgspec.Raw


_read_envelope: Final = reader(msgspec.json.Decoder(_Envelope))


@dataclass(frozen=True, slots=True)
class Message(Generic[B]):
    """A body, and the id that request and answer have in common."""

    id: str
    body: B


class MessageFile(Generic[B]):
    """A file that holds one message; its name without ``.json`` is the kind.

    ``read_body`` is a ``kiosk.base.json_reader.reader``, or anything that raises Unreadable for what is no such body.
    ``rights`` is entered while folder and file are touched: a helper without the right to read the station's folder
    takes the rights of the station's user.
    """

    def __init__(
        self,
        path: Path,
        read_body: Callable[[bytes], B],
        mode: int = PRIVATE,
        rights: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.path = path
        self._read_body = read_body
        self._mode, self._rights = mode, rights

    def write(self, body: B, ident: str = "") -> str:
        """Replace the message durably; return its id, a new one unless given. Raises OSError."""
        ident = ident or secrets.token_hex(16)
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        chown_to_folder_owner(self.path.parent)
        envelope = _Envelope(self.path.stem, ident, msgspec.Raw(msgspec.json.encode(body)))
        write_durably(self.path, msgspec.json.encode(envelope), self._mode)
        return ident

    def exists(self) -> bool:
        """Return whether anything has this name, a message or not."""
        return os.path.lexists(self.path)

    def read(self) -> Message[B] | None:
        """Read the message; None without one. Raises BadMessage, and OSError when the folder cannot be opened."""
        with self._folder() as folder:
            return None if folder is None else self._message(folder, self.path.name)

    def take(self) -> Message[B] | None:
        """Read the message and durably remove whatever has this name. Raises BadMessage, and CannotRemove.

        It is renamed before it is read, so a message that arrives meanwhile is not removed unread.
        """
        name = f".{self.path.name}.removed"
        try:
            with self._folder() as folder:
                if folder is None:
                    return None
                _remove(folder, name)  # a power cut has left it
                try:
                    os.rename(self.path.name, name, src_dir_fd=folder, dst_dir_fd=folder)
                except FileNotFoundError:
                    return None
                os.fsync(folder)
                try:
                    return self._message(folder, name)
                finally:
                    _remove(folder, name)
        except OSError as error:
            raise CannotRemove(f"{self.path}: {error.strerror or error}") from error

    def last(self) -> Message[B] | None:
        """Read the message; None also when it is unreadable."""
        with suppress(BadMessage, OSError):
            return self.read()
        return None

    def answer_to(self, ident: str) -> B | None:
        last = self.last()
        return last.body if last is not None and last.id == ident else None

    def renew(self, first: B, **changes: Any) -> B:
        """Change the last message, or ``first`` where there is none; return the new body. The id is kept, as the
        message may not have been read yet. Raises OSError.
        """
        last = self.last()
        body = msgspec.structs.replace(last.body if last else first, **changes)  # type: ignore[type-var]
        self.write(body, last.id if last else "")
        return body

    @contextmanager
    def _folder(self) -> Iterator[int | None]:
        """Open the folder; None when there is none. Raises OSError for a link to one."""
        with self._rights():
            try:
                folder = os.open(self.path.parent, _FOLDER_FLAGS)
            except FileNotFoundError:
                yield None
                return
            try:
                yield folder
            finally:
                os.close(folder)

    def _message(self, folder: int, name: str) -> Message[B] | None:
        try:
            content = _small_file(folder, name)
        except OSError as error:
            raise BadMessage(f"it is no plain file: {error.strerror}") from error
        if content is None:
            return None
        try:
            envelope = _read_envelope(content)
            if envelope.kind != self.path.stem:
                raise BadMessage("it is of another kind")
            return Message(envelope.id, self._read_body(bytes(envelope.body)))
        except Unreadable as error:
            raise BadMessage(str(error)) from error


def _remove(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=folder)
    os.fsync(folder)


def _small_file(folder: int, name: str) -> bytes | None:
    """Read the content; None when there is no such file. Raises BadMessage, OSError."""
    try:
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise BadMessage("it is no plain file")
        if about.st_uid not in (0, os.fstat(folder).st_uid) or about.st_mode & _OTHERS_WRITE:
            raise BadMessage("another user owns it or may write it")
        content = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise BadMessage(f"it has more than {MAX_BYTES} bytes")
    return content


def serve(
    requests: MessageFile[B],
    handle: Callable[[Message[B]], A],
    answers: MessageFile[A] | None = None,
    *,
    repeatable: bool = False,
) -> A | None:
    """Carry out the request that waits, once, and write the answer; None when there is none that can be used.

    ``repeatable``: carrying it out twice changes nothing, so it is removed afterwards, and a power cut loses nothing.
    Raises what ``handle`` raises, CannotRemove, and OSError when the answer cannot be written.
    """
    message = requests.last() if repeatable else None
    try:
        message = message or requests.take()
    except BadMessage as error:
        logger.warning("the request %s is refused: %s", requests.path, error)
    if message is None:
        return None
    answer = None if answers is None else answers.answer_to(message.id)
    if answer is None:
        answer = handle(message)
        if answers is not None:
            answers.write(answer, message.id)
    if repeatable and requests.last() == message:  # another one may have come meanwhile
        with suppress(BadMessage):
            later = requests.take()
            if later is not None and later != message:
                handle(later)
    return answer


@dataclass(frozen=True, slots=True)
class Asker(Generic[B, A]):
    """The station's side of one kind of request. ``clock`` is monotonic, in seconds."""

    requests: MessageFile[B]
    answers: MessageFile[A]
    clock: Callable[[], float]
    timeout_s: float = TIMEOUT_S
    retry_s: float = RETRY_S

    def ask(self, body: B) -> A | None:
        """Write the request and wait for its answer; None when none comes in time. Then the request is withdrawn.

        Raises OSError.
        """
        start, pause = self.clock(), threading.Event()
        retry_s = self.retry_s
        try:
            ident = self.requests.write(body)
            while (elapsed := self.clock() - start) < self.timeout_s:
                if elapsed >= retry_s:
                    # Seen by the path unit as a change. A new file would undo that the helper has just removed it.
                    with suppress(FileNotFoundError):
                        os.utime(self.requests.path)
                    retry_s += self.retry_s
                if (answer := self.answers.answer_to(ident)) is not None:
                    return answer
                pause.wait(_POLL_INTERVAL_S)
        finally:
            self.requests.path.unlink(missing_ok=True)  # it may hold a code
        return None


class RequestFiles(Generic[B, A]):
    """The files of one kind of request and of its answer, and their readers."""

    def __init__(self, kind: str, request: msgspec.json.Decoder[B], answer: msgspec.json.Decoder[A]) -> None:
        self._kind, self._read_request, self._read_answer = kind, reader(request), reader(answer)

    def request(self, data: Path) -> MessageFile[B]:
        """Return the request file; ``kiosk-KIND.path`` starts the helper when it changes."""
        return MessageFile(data / REQUESTS / f"{self._kind}.json", self._read_request)

    def answer(self, runtime: Path | None = None) -> MessageFile[A]:
        """Return the answer file, in the runtime folder of ``kiosk-KIND.service``."""
        folder = runtime or Path("/run", f"kiosk-{self._kind}")
        return MessageFile(folder / "answer.json", self._read_answer, PUBLIC)

    def asker(
        self,
        data: Path,
        clock: Callable[[], float],
        answers: MessageFile[A] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Asker[B, A]:
        return Asker(self.request(data), answers or self.answer(), clock, timeout_s)


@contextmanager
def working(folder: Path, patience_s: float | None = None) -> Iterator[None]:
    """Hold the lock in the folder of the answers (flock(2)), after any other helper. One that ended at once would be
    started again at once for the same request.

    Raises BlockingIOError when waiting takes longer than ``patience_s``, and OSError.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PUBLIC)
    try:
        os.fchmod(descriptor, PUBLIC)
        if patience_s is None:
            flock(descriptor, LOCK_EX)
        else:
            _lock_within(descriptor, patience_s)
        yield
    finally:
        os.close(descriptor)


def _lock_within(descriptor: int, patience_s: float) -> None:
    pause = threading.Event()
    for _ in range(round(patience_s / _POLL_INTERVAL_S)):
        with suppress(BlockingIOError):
            flock(descriptor, LOCK_EX | LOCK_NB)
            return
        pause.wait(_POLL_INTERVAL_S)
    flock(descriptor, LOCK_EX | LOCK_NB)


def is_working(folder: Path) -> bool:
    """Return whether a helper holds the lock; one that was killed does not."""
    try:
        descriptor = os.open(folder / _LOCK, _FILE_FLAGS)
    except OSError:
        return False
    try:
        flock(descriptor, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
