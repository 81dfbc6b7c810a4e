"""The staff of the sorting center: their passwords and roles, and where each is signed in."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Row, delete, func, insert, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.database import DeskDatabase, hash_secret, insert_named
from kiosk.sorting_center.desk.shared.errors import DeskError, check_name
from kiosk.sorting_center.desk.shared.schema import person, session
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.texts.languages import LANGUAGES

MAX_PEOPLE: Final = 500
MIN_PASSWORD: Final = 10
MIN_ADMIN_PASSWORD: Final = 12
# Characters. ASVS 5.0.0, 6.2.1 and 6.2.9: at least 8, at least 64 allowed, no rule what kinds of them.
MAX_PASSWORD: Final = 200

# OWASP, Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
TIME_COST, MEMORY_KIB, PARALLELISM = 2, 19 * 1024, 1

MAX_IDLE: Final = timedelta(minutes=30)
MAX_AGE: Final = timedelta(hours=12)
_SEEN_AT_RESOLUTION: Final = timedelta(minutes=1)
# A clock further back than the begin of a session was set: the age of the session is unknown.
_CLOCK_TOLERANCE: Final = timedelta(minutes=2)
MAX_PER_PERSON: Final = 10  # Sessions of one person; the oldest end

# Who acts where no person does, in histories and in the audit.
RESERVED_NAMES: Final = frozenset({"itself", "ledger", "command"})
# Those guessed first, of the ones that are long enough.
_COMMON_PASSWORDS: Final = frozenset(
    line.strip()
    for line in files("kiosk.sorting_center.desk").joinpath("common_passwords.txt").read_text("ascii").splitlines()
)


class StaffRole(IntEnum):
    """Each may do what the one before it may.

    A viewer reads; an operator decides on quarantined events, closes alarms, maintains the registry; an admin maintains
    people, tokens and notices.
    """

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """As it is stored, and written on the command line."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> StaffRole:
        """Look up a role by its word. Raises Refused."""
        for role in cls:
            if role.word == word:
                return role
        raise Refused("no_such_role", f"a role is {', '.join(role.word for role in cls)}; not {word[:40]!r}")


@dataclass(frozen=True, slots=True)
class StaffMember:
    """``language`` is "" for that of the browser. ``changed_at``: last change of the password, the role or
    ``disabled``; "" where it is not needed.
    """

    name: str
    role: StaffRole
    disabled: bool = False
    language: str = ""
    changed_at: str = field(default="", compare=False)


@cache
def _dummy_hash() -> str:
    return PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM).hash("nobody has this password")


class People:
    """Only hashes of passwords are stored."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database
        self._hasher = PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM)

    def add(self, name: str, role: StaffRole, password: str, now: datetime) -> StaffMember:
        """Add a person. Raises Refused: bad_name, name_taken, too_many, and as `check_password` does."""
        check_name(name)
        if name in RESERVED_NAMES:
            raise Refused("name_taken", f"{name} is what the program itself is called: take another", {"name": name})
        check_password(password, name, role)
        row = {"name": name, "role": role.word, "disabled": False, "language": "", "changed_at": to_rfc3339(now)}
        row["password_hash"] = self._hasher.hash(password)
        with self._database.writing() as connection:
            insert_named(connection, person, row, MAX_PEOPLE)
        return StaffMember(name, role, changed_at=to_rfc3339(now))

    def verify(self, name: str, password: str) -> StaffMember | None:
        """Check a password, with the time and memory of one Argon2id for any name. None for a disabled person."""
        with self._database.reading() as connection:
            row = connection.execute(select(person).where(person.c.name == name)).first()
        try:
            right = self._hasher.verify(
                row.password_hash if row is not None else _dummy_hash(), password[: MAX_PASSWORD + 1]
            )
        except VerificationError:
            return None
        except InvalidHashError as error:
            raise DeskError(f"the stored password of {name} cannot be read: set it anew") from error
        return _person(row) if right and row is not None and not row.disabled else None

    def set_password(self, name: str, password: str, now: datetime) -> StaffMember:
        """Change it, end all sessions, return the person. Raises Refused: no_such_person, and as `check_password`."""
        before = self.get(name)
        check_password(password, name, before.role)
        self._change(name, now, password_hash=self._hasher.hash(password))
        return replace(before, changed_at=to_rfc3339(now))

    def set_role(self, name: str, role: StaffRole, now: datetime) -> None:
        """Change the role; end all their sessions. Raises Refused: no_such_person, last_admin."""
        self._change(name, now, role=role.word)

    def set_disabled(self, name: str, disabled: bool, now: datetime) -> None:
        """Disable or enable a person; end all their sessions. Raises Refused: no_such_person, last_admin."""
        self._change(name, now, disabled=disabled)

    def set_language(self, name: str, language: str) -> None:
        """Store the language. Raises Refused: no_such_language."""
        if language not in LANGUAGES:
            raise Refused("no_such_language", f"languages are {', '.join(LANGUAGES)}")
        with self._database.writing() as connection:
            connection.execute(update(person).where(person.c.name == name).values(language=language))

    def get(self, name: str) -> StaffMember:
        """Return the person. Raises Refused: no_such_person."""
        with self._database.reading() as connection:
            row = connection.execute(select(person).where(person.c.name == name)).first()
        if row is None:
            raise _no_such_person(name)
        return _person(row)

    def all(self) -> list[StaffMember]:
        with self._database.reading() as connection:
            return [_person(row) for row in connection.execute(select(person).order_by(person.c.name))]

    def _change(self, name: str, now: datetime, **values: object) -> None:
        with self._database.writing() as connection:
            changed = update(person).where(person.c.name == name).values(**values, changed_at=to_rfc3339(now))
            if not connection.execute(changed).rowcount:
                raise _no_such_person(name)
            admins = select(func.count()).where(person.c.role == StaffRole.ADMIN.word, person.c.disabled.is_(False))
            if "password_hash" not in values and not connection.execute(admins).scalar_one():
                raise Refused("last_admin", f"{name} is the only admin: make somebody else one first", {"name": name})
            connection.execute(delete(session).where(session.c.person == name))


def check_password(password: str, name: str, role: StaffRole) -> None:
    """Check a new password. Raises Refused (weak_password, guessed_password), whose text never repeats it."""
    min_length = MIN_ADMIN_PASSWORD if role is StaffRole.ADMIN else MIN_PASSWORD
    if not min_length <= len(password) <= MAX_PASSWORD:
        message = f"the password of a {role.word} has {min_length} to {MAX_PASSWORD} characters"
        raise Refused("weak_password", message, {"least": str(min_length), "most": str(MAX_PASSWORD)})
    plain = password.lower()
    if plain in _COMMON_PASSWORDS or name in plain or len(set(plain)) < 5:
        raise Refused("guessed_password", "this password is among the first that are guessed: take another")


def _person(row: Row[Any]) -> StaffMember:
    return StaffMember(row.name, StaffRole.of(row.role), bool(row.disabled), row.language, row.changed_at)


def _no_such_person(name: str) -> Refused:
    return Refused("no_such_person", f"there is no {name[:40]!r} here", {"name": name[:40]})


@dataclass(frozen=True, slots=True)
class StaffSession:
    """Of one browser. ``csrf`` goes into each of its forms."""

    person: StaffMember
    csrf: str
    began_at: str


class StaffSessions:
    """Only hashes of tokens are stored."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def begin(self, who: StaffMember, host: str, now: datetime) -> str:
        """Begin a session; return the token for the browser: 256 bits, as text.

        Raises Refused (wrong_password) when ``who`` was changed since `People.verify`: a reset of the password also
        ends the session that was about to begin.
        """
        fresh, at = secrets.token_urlsafe(32), to_rfc3339(now)
        with self._database.writing() as connection:
            changed_at = connection.execute(select(person.c.changed_at).where(person.c.name == who.name)).scalar()
            if who.changed_at and changed_at != who.changed_at:
                raise Refused("wrong_password", f"{who.name} was changed meanwhile: sign in again")
            connection.execute(delete(session).where(session.c.seen_at < to_rfc3339(now - MAX_IDLE)))
            tokens = select(session.c.token_sha256).where(session.c.person == who.name)
            oldest = tokens.order_by(session.c.seen_at.desc()).offset(MAX_PER_PERSON - 1)
            ended = connection.execute(oldest).scalars().all()
            connection.execute(delete(session).where(session.c.token_sha256.in_(ended)))
            row = {"token_sha256": hash_secret(fresh), "person": who.name, "host": host, "began_at": at, "seen_at": at}
            connection.execute(insert(session).values(**row))
        return fresh

    def find(self, token: str, host: str, now: datetime) -> StaffSession | None:
        """Find the session; None for a token that is unknown or expired, or issued under another name of this host."""
        if not token:
            return None
        key = hash_secret(token)
        with self._database.reading() as connection:
            row = connection.execute(
                select(session, person.c.role, person.c.language, person.c.disabled)
                .join(person, person.c.name == session.c.person)
                .where(session.c.token_sha256 == key)
            ).first()
        if row is None or row.host != host or row.disabled:
            return None
        if (
            to_rfc3339(now + _CLOCK_TOLERANCE) < row.began_at
            or to_rfc3339(now - MAX_AGE) > row.began_at
            or to_rfc3339(now - MAX_IDLE) > row.seen_at
        ):
            self.end(token)
            return None
        if to_rfc3339(now - _SEEN_AT_RESOLUTION) > row.seen_at:
            with self._database.writing() as connection:
                connection.execute(update(session).where(session.c.token_sha256 == key).values(seen_at=to_rfc3339(now)))
        who = StaffMember(row.person, StaffRole.of(row.role), False, row.language)
        return StaffSession(who, hmac.digest(token.encode(), b"csrf", "sha256").hex(), row.began_at)

    def end(self, token: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(session).where(session.c.token_sha256 == hash_secret(token)))

    def end_all(self, name: str) -> int:
        """Sign out everywhere; return the number of sessions."""
        with self._database.writing() as connection:
            return connection.execute(delete(session).where(session.c.person == name)).rowcount
