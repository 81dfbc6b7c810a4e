"""Slips, checkpoints and proofs, each as a list of named checks: all that can be run, not only the first that fails."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from kiosk.messaging.contract.checkpoint import (
    CONSISTENCY_HEAD,
    PROOF_HEAD,
    BadCheckpoint,
    Checkpoint,
    note_key_id,
    parse_checkpoint,
    parse_consistency,
    parse_proof,
)
from kiosk.messaging.contract.event_chain import NamedCheck
from kiosk.messaging.contract.merkle import is_consistent, leaf_hash, root_of_inclusion
from kiosk.messaging.contract.public_keys import KeyRing, signer_of
from kiosk.messaging.contract.slip import (
    BadSlip,
    NotCanonical,
    SignedSlip,
    SignedStatement,
    parse_slip,
    parse_statement,
)

_SIGNATURE_LINE: Final = "\n\n\N{EM DASH} "
_PAPER: Final = re.compile(r"https?://[^#]{1,60}/s#")

# The verdict of a failed check on the file; of several the first in this order counts. `changed` accuses: this is not
# what was signed, logged or linked. The others mean that it cannot be vouched for.
_VERDICTS: Final[Mapping[str, frozenset[str]]] = {
    "unreadable": frozenset({"form", "canonical"}),
    "changed": frozenset(
        {
            "signature",
            "inclusion",
            "consistency",
            "origin",
            "slip",
            "readable",
            "hash",
            "order",
            "chain",
            "lines",
            "sums",
        }
    ),
    "unknown_key": frozenset({"county", "region", "key_known", "key_state"}),
    "incomplete": frozenset({"void", "leaf", "numbers", "covered", "body"}),
}


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """``kind`` is None when it cannot be determined. ``says``: what is signed or proven, to compare by eye."""

    kind: str | None
    checks: list[NamedCheck]
    says: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        failed = {check.name for check in self.checks if not check.ok}
        return next((verdict for verdict, names in _VERDICTS.items() if names & failed), "valid")


def unreadable(kind: str | None, what: str) -> CheckedFile:
    return CheckedFile(kind, [NamedCheck("form", False, what)])


def check_text(text: str, keys: KeyRing) -> CheckedFile:
    try:
        if text.startswith(PROOF_HEAD):
            return _check_inclusion(text, keys)
        if text.startswith(CONSISTENCY_HEAD):
            return _check_consistency(text, keys)
        if _SIGNATURE_LINE in text:
            return CheckedFile("proof", [_FORM, *_check_note(text, keys)[1]])
    except BadCheckpoint as error:
        return unreadable("proof", str(error))
    if _PAPER.match(text):
        return _check_paper(text.removesuffix("\n").removesuffix("\r"), keys)
    return unreadable(None, "this is no slip, proof, journal or export")


def with_slips(file: CheckedFile, heads: Collection[str]) -> CheckedFile:
    """Add to a proof the check that it proves one of the slips given with it, by their ``heads``."""
    if not heads or "leaf" not in file.says:
        return file
    is_of_slip = file.says["leaf"].startswith(tuple(heads))
    return replace(file, checks=[*file.checks, NamedCheck("slip", is_of_slip, "it is a proof of another receipt")])


def _slip_fields(signed: SignedSlip) -> dict[str, Any]:
    slip = signed.slip
    names = {"receipt": str(slip.receipt), "station": slip.receipt.station, "head": slip.head.hex()}
    return {**msgspec.to_builtins(slip), **names}


def _statement_fields(signed: SignedStatement) -> dict[str, Any]:
    statement = signed.statement
    names = {"first": str(statement.first), "last": str(statement.last), "head": statement.head.hex()}
    return {**msgspec.to_builtins(statement), **names, "station": statement.first.station}


# Kinds of signed codes: how each is read, and what it says; `region` and `station` choose the keys.
_PAPERS: Final[tuple[tuple[str, Callable[[str], Any], Callable[[Any], dict[str, Any]]], ...]] = (
    ("slip", parse_slip, _slip_fields),
    ("statement", parse_statement, _statement_fields),
)


def _check_paper(text: str, keys: KeyRing) -> CheckedFile:
    faults: list[BadSlip] = []
    for kind, parse, fields in _PAPERS:
        try:
            signed = parse(text)
        except BadSlip as error:
            faults.append(error)
            continue
        says = fields(signed)
        return CheckedFile(kind, [_FORM, NamedCheck("canonical", True), *_check_signed(signed, says, keys)], says)
    if isinstance(faults[0], NotCanonical):
        return CheckedFile("slip", [NamedCheck("canonical", False, str(faults[0]))])
    return unreadable("slip", str(faults[0]))


def _check_signed(signed: Any, says: Mapping[str, Any], keys: KeyRing) -> Iterable[NamedCheck]:
    is_here = says["region"] == keys.region
    yield NamedCheck("county", is_here, f"it is of {says['region']}; the keys are of {keys.region or 'no county'}")
    if not is_here:
        return
    known = [key for key in keys.of(says["station"], says["region"]) if key.key_id == signed.key_id]
    yield NamedCheck("key_known", bool(known), f"no key {signed.key_id.hex()} of {says['station']} is known")
    if known:
        signer = signer_of(known, signed.signed, signed.signature)
        yield NamedCheck("signature", signer is not None, f"not signed by the key it names, {signed.key_id.hex()}")
        if signer is not None:
            yield NamedCheck("key_state", not signer.state, f"its key is {signer.state}")
    yield NamedCheck("void", says.get("receipt") not in keys.voids, "made void since")


def _check_inclusion(text: str, keys: KeyRing) -> CheckedFile:
    proof = parse_proof(text)
    checkpoint, checks = _check_note(proof.note, keys)
    checks = [_FORM, *checks, NamedCheck("leaf", len(proof.extra) == 32, "the hash of the event is not in it")]
    if len(proof.extra) != 32:
        return CheckedFile("proof", checks)
    try:
        root = root_of_inclusion(leaf_hash(proof.extra), proof.index, checkpoint.size, proof.path)
    except ValueError:
        root = b""
    inclusion = NamedCheck("inclusion", root == checkpoint.root, "the event is not at this place of the log")
    says = {**_says(checkpoint), "index": proof.index, "leaf": proof.extra.hex()}
    return CheckedFile("proof", [*checks, inclusion], says)


def _check_consistency(text: str, keys: KeyRing) -> CheckedFile:
    proof = parse_consistency(text)
    (old, old_checks), (new, new_checks) = _check_note(proof.old, keys), _check_note(proof.new, keys)
    is_grown = is_consistent(old.size, old.root, new.size, new.root, proof.path)
    checks = [
        *(_FORM, *old_checks, *new_checks),
        NamedCheck("origin", old.origin == new.origin, "the checkpoints are of two logs"),
        NamedCheck("consistency", is_grown, "the log does not begin with what it was"),
    ]
    return CheckedFile("proof", checks, {"old": _says(old), "new": _says(new)})


def _check_note(note: str, keys: KeyRing) -> tuple[Checkpoint, list[NamedCheck]]:
    """Parse the note and check its key and signature. Raises BadCheckpoint."""
    signed = parse_checkpoint(note)
    checkpoint, origin = signed.checkpoint, signed.checkpoint.origin
    named = {key_id for name, key_id, _ in signed.signatures if name == origin}
    known = [public for name, public in keys.log if name == origin and note_key_id(name, public) in named]
    checks = [NamedCheck("key_known", bool(known), f"no key of the log {origin} that signed it is known")]
    if known:
        is_signed = any(map(signed.is_signed_by, known))
        checks.append(NamedCheck("signature", is_signed, f"not signed by the log {origin}"))
    return checkpoint, checks


def _says(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"log": checkpoint.origin, "size": checkpoint.size, "root": b64encode(checkpoint.root).decode("ascii")}


_FORM: Final = NamedCheck("form", True)
