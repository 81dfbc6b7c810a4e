"""The county's log as text: checkpoints (C2SP tlog-checkpoint), their signature (C2SP signed-note) and proofs.

A checkpoint is three lines, origin, size and root in base64, then an empty line and a line for each signature:
``\N{EM DASH} NAME BASE64(key id, signature)``, the name of the log's key being its origin. Lines of others are ignored.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from kiosk.base.ed25519 import PUBLIC_BYTES, is_signed_by

MAX_SIZE: Final = 2**53 - 1
MAX_PATH: Final = 64
PROOF_HEAD: Final = "c2sp.org/tlog-proof@v1"
CONSISTENCY_HEAD: Final = "kiosk/consistency@v1"
_ED25519: Final = b"\x01"  # The type of a note's signature
_ORIGIN: Final = re.compile(r"[a-z0-9-]{1,16}/20[2-9][0-9](\.([2-9]|[1-9][0-9]{1,3}))?")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_SIGNATURE: Final = re.compile("\N{EM DASH} ([^ +]+) ([A-Za-z0-9+/=]+)")


class BadCheckpoint(ValueError):
    """It is no checkpoint and no proof; the text says why."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``origin``: see `origin_of`. ``size`` in leaves."""

    origin: str
    size: int
    root: bytes

    @property
    def region(self) -> str:
        return self.origin.partition("/")[0]

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """``signatures``: key name, key id and signature of each line."""

    checkpoint: Checkpoint
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def is_signed_by(self, public: bytes) -> bool:
        origin, text = self.checkpoint.origin, self.checkpoint.text.encode("utf-8")
        own = origin, note_key_id(origin, public)
        return any(row[:2] == own and is_signed_by(public, text, row[2]) for row in self.signatures)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That the leaf at ``index`` (from 0) is in the log of ``note``, a signed checkpoint as text.

    ``extra``: the leaf's content, the hash of an event; empty where the reader has it from elsewhere.
    """

    index: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes = b""

    @property
    def text(self) -> str:
        """C2SP tlog-proof: a head line, the extra data, the index, the hashes, an empty line, the checkpoint."""
        extra = f"extra {b64encode(self.extra).decode('ascii')}\n" if self.extra else ""
        return f"{PROOF_HEAD}\n{extra}index {self.index}\n{_hash_lines(self.path)}\n{self.note}"


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of the note ``new`` begins with that of the note ``old``."""

    path: tuple[bytes, ...]
    old: str
    new: str

    @property
    def text(self) -> str:
        """A head line, the hashes, an empty line, the older note, an empty line, the newer note."""
        return f"{CONSISTENCY_HEAD}\n{_hash_lines(self.path)}\n{self.old}\n{self.new}"


def origin_of(region: str, year: int, number: int = 1) -> str:
    """Return ``shache/2026``; ``shache/2026.2`` for the second log of that year (``number``)."""
    return f"{region}/{year}" if number == 1 else f"{region}/{year}.{number}"


def note_key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode("utf-8") + b"\n" + _ED25519 + public).digest()[:4]


def verifier_line(name: str, public: bytes) -> str:
    """Build ``NAME+KEYID+BASE64``, with which any tool can check the notes of this name."""
    return f"{name}+{note_key_id(name, public).hex()}+{b64encode(_ED25519 + public).decode('ascii')}"


def parse_verifier(line: str) -> tuple[str, bytes]:
    """Return name and public key. Raises BadCheckpoint."""
    name, _, rest = line.partition("+")
    _, _, encoded = rest.partition("+")
    key = _base64(encoded)
    if len(key) != 1 + PUBLIC_BYTES or line != verifier_line(name, key[1:]):
        raise BadCheckpoint("this is no verifier key of a note")
    return name, key[1:]


def signed_note(checkpoint: Checkpoint, public: bytes, signature: bytes) -> str:
    """Build the note. ``signature``: Ed25519 over ``checkpoint.text``."""
    encoded = b64encode(note_key_id(checkpoint.origin, public) + signature).decode("ascii")
    return f"{checkpoint.text}\n\N{EM DASH} {checkpoint.origin} {encoded}\n"


def parse_checkpoint(note: str) -> SignedCheckpoint:
    """Parse the form alone; for the signature see `SignedCheckpoint.is_signed_by`. Raises BadCheckpoint."""
    text, separator, lines = note.partition("\n\n")
    rows = text.split("\n")
    if not separator or len(rows) != 3 or not _ORIGIN.fullmatch(rows[0]) or not _SIZE.fullmatch(rows[1]):
        raise BadCheckpoint("this is no checkpoint of a log")
    root = _base64(rows[2])
    if len(root) != 32 or int(rows[1]) > MAX_SIZE or not lines.endswith("\n"):
        raise BadCheckpoint("the checkpoint's root or size is none")
    signatures = []
    for line in lines[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise BadCheckpoint("a line of the checkpoint is no signature")
        content = _base64(match[2])
        signatures.append((match[1], content[:4], content[4:]))
    return SignedCheckpoint(Checkpoint(rows[0], int(rows[1]), root), tuple(signatures))


def parse_proof(text: str) -> InclusionProof:
    """Parse the proof. Raises BadCheckpoint. Without ``extra`` the leaf's hash comes from the paper that is proven."""
    head, separator, note = text.partition("\n\n")
    rows = head.split("\n")
    has_extra = len(rows) > 2 and rows[1].startswith("extra ")
    extra = _base64(rows.pop(1)[len("extra ") :]) if has_extra else b""
    match = re.fullmatch(r"index (0|[1-9][0-9]{0,15})", rows[1]) if len(rows) > 1 else None
    if not separator or rows[0] != PROOF_HEAD or match is None or (has_extra and not extra):
        raise BadCheckpoint("this is no proof of a log")
    return InclusionProof(int(match[1]), parse_path(rows[2:]), note, extra)


def parse_consistency(text: str) -> ConsistencyProof:
    """Parse the proof; its notes are read by `parse_checkpoint`. Raises BadCheckpoint."""
    pieces = text.split("\n\n")
    head, *rows = pieces[0].split("\n")
    if len(pieces) != 5 or head != CONSISTENCY_HEAD:
        raise BadCheckpoint("this is no proof that a log has only grown")
    return ConsistencyProof(parse_path(rows), f"{pieces[1]}\n\n{pieces[2]}\n", f"{pieces[3]}\n\n{pieces[4]}")


def parse_path(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Decode the base64 hashes. Raises BadCheckpoint."""
    path = tuple(map(_base64, lines))
    if len(path) > MAX_PATH or any(len(one) != 32 for one in path):
        raise BadCheckpoint("a hash of the proof is none")
    return path


def _hash_lines(path: Sequence[bytes]) -> str:
    return "".join(f"{b64encode(one).decode('ascii')}\n" for one in path)


def _base64(text: str) -> bytes:
    try:
        content = b64decode(text, validate=True)
    except ValueError as error:
        raise BadCheckpoint("this is no base64") from error
    if b64encode(content).decode("ascii") != text:
        raise BadCheckpoint("this base64 is not written in the one form")
    return content
