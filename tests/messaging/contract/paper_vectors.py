"""Test vectors of docs/feed/vectors: what a checker of slips, proofs and exports must find, each row with its reason.

``python -m tests.messaging.contract.paper_vectors`` writes them. Every key is made from a seed that stands here.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import cbor2

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.events.event import EventData
from kiosk.domain.events.signing import CheckpointKept, EventsCovered, KeyMade
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.slip import Slip
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.checkpoint import Checkpoint, ConsistencyProof, InclusionProof, signed_note, verifier_line
from kiosk.messaging.contract.configuration import KeyRow
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.messaging.contract.merkle import consistency_path, inclusion_path, leaf_hash, node_hash, range_hash
from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from kiosk.messaging.contract.slip import slip_text
from kiosk.messaging.contract.strict_json import canonical

FOLDER: Final = Path(__file__).resolve().parents[3] / "docs/feed/vectors"
Row = dict[str, Any]


def _key(number: int) -> Ed25519Key:
    return Ed25519Key(bytes([number]) * 32)


KEY, OLDER, OTHER_STATION, REVOKED, CLONED, LOG, UNKNOWN = map(_key, range(1, 8))
KEYS: Final = PublicKeys(
    "shache",
    tuple(
        KeyRow(station, b64encode(key.public).decode(), state)
        for station, key, state in (
            ("S0147", OLDER, ""), ("S0147", KEY, ""), ("S0201", OTHER_STATION, ""),
            ("S0147", REVOKED, "revoked"), ("S0147", CLONED, "cloned"),
        )
    ),
    ("0147-A-000380",),
    tuple(verifier_line(f"shache/{year}", LOG.public) for year in ("2026", "2026.2", "2027")),
)  # fmt: skip

# Slips

SLIP: Final = Slip(
    "shache", ReceiptNumber("S0147", "A", 381), 29_400_000, ClockQuality.SYNCED, "BADAM", 3, 52_310, 2400, 125_544,
    Mode.PURCHASE, (3, 12, 5), 0, bytes(range(8)),
)  # fmt: skip
HOST: Final = "slips.example"
_PREFIX: Final = f"https://{HOST}/s#"
_FIELDS: Final = (
    "version", "type", "region", "station", "series", "counter", "minute", "clock", "product", "bags", "net_g",
    "price_fen_per_kg", "amount_fen", "mode", "counters", "copy_no", "head",
)  # fmt: skip


def text_of(content: bytes) -> str:
    return f"{_PREFIX}{int.from_bytes(content, 'big')}"


def content_of(text: str) -> bytes:
    number = int(text.split("#")[1])
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _signed(payload: bytes, key: Ed25519Key = KEY, header: bytes | None = None) -> bytes:
    """As a station would sign it, whatever it is."""
    protected = header or cbor2.dumps({1: -8, 4: key.key_id})
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    return cbor2.dumps([protected, {}, payload, key.sign(signed)])


def slips() -> Iterator[Row]:
    text = slip_text(HOST, KEY, SLIP)
    digits, content = text.split("#")[1], content_of(text)
    protected, _, payload, signature = cbor2.loads(content)
    fields = cbor2.loads(payload)

    def row(name: str, text: str, verdict: str = "valid", *failed: str) -> Row:
        return {"name": name, "text": text, "verdict": verdict, "failed": list(failed)}

    def of(key: Ed25519Key = KEY, **changes: Any) -> str:
        return slip_text(HOST, key, replace(SLIP, **changes))

    yield row("as it was printed", text)
    yield row("the host is not signed", text.replace(HOST, "other.example"))
    yield row("a consignment", of(mode=Mode.CONSIGNMENT))
    yield row("the clock came from the last shutdown", of(clock=ClockQuality.RESTORED))
    yield row("the clock was not set", of(clock=ClockQuality.UNSET, minute=None))
    yield row("a clock of 1970", of(minute=0, clock=ClockQuality.RESTORED))
    yield row("a station without counters", of(counters=None))
    yield row("printed again", of(copy_no=2))
    yield row("the largest", of(product="X" * 40, bags=40, net_g=8_000_000_000, amount_fen=2**53))
    yield row("signed with the station's key before this one", of(OLDER))

    yield row("void since", of(receipt=ReceiptNumber("S0147", "A", 380)), "incomplete", "void")
    yield row("another county", of(region="yarkant"), "unknown_key", "county")
    unknown = ReceiptNumber("S0148", "A", 381)
    yield row("a station without a known key", of(receipt=unknown), "unknown_key", "key_known")
    yield row("a stolen key", of(REVOKED), "unknown_key", "key_state")
    yield row("a key that two machines used", of(CLONED), "unknown_key", "key_state")
    yield row("signed with the key of another station", of(OTHER_STATION), "unknown_key", "key_known")
    yield row("signed with a key nobody knows", of(UNKNOWN), "unknown_key", "key_known")
    forged = cbor2.dumps({1: -8, 4: KEY.key_id})
    yield row(
        "another key under the id of the right one", text_of(_signed(payload, UNKNOWN, forged)), "changed", "signature"
    )

    others = (
        *(2, 2, "shachf", 201, "B", 382, 29_400_001, 1, "BADAN", 4, 52_311, 2401, 125_545, 1, [3, 12, 6], 1),
        bytes(8),
    )
    for place, name in enumerate(_FIELDS):
        changed = cbor2.dumps([*fields[:place], others[place], *fields[place + 1 :]])
        found = {0: ("unreadable", "form"), 1: ("unreadable", "form"), 2: ("unknown_key", "county")}
        found[3] = ("unknown_key", "key_known")
        verdict = found.get(place, ("changed", "signature"))
        yield row(f"changed: {name}", text_of(cbor2.dumps([protected, {}, changed, signature])), *verdict)
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    yield row("changed: signature", text_of(cbor2.dumps([protected, {}, payload, flipped])), "changed", "signature")
    for name, key, *found_so in (
        ("changed: key id", UNKNOWN, "unknown_key", "key_known"),
        ("changed: the id of the station's older key", OLDER, "changed", "signature"),
    ):
        header = cbor2.dumps({1: -8, 4: key.key_id})
        yield row(name, text_of(cbor2.dumps([header, {}, payload, signature])), *found_so)
    yield row("the last digit", f"{text[:-1]}{(int(text[-1]) + 1) % 10}", "changed", "signature")

    form, one_form = ("unreadable", "form"), ("unreadable", "canonical")
    yield row("the first digit", f"{_PREFIX}{int(digits[0]) % 9 + 1}{digits[1:]}", *form)
    yield row("a digit is missing at the end", text[:-1], *one_form)
    yield row("a digit is missing in the middle", f"{_PREFIX}{digits[:150]}{digits[151:]}", *one_form)
    yield row("a digit is there twice", f"{_PREFIX}{digits[:150]}{digits[149:]}", *one_form)
    yield row("the last byte is missing", text_of(content[:-1]), *form)
    yield row("a byte follows", text_of(content + b"\0"), *one_form)
    yield row("a zero before it", f"{_PREFIX}0{digits}", *form)
    yield row("not of https", text.replace("https", "http"), *form)
    yield row("another page", text.replace("/s#", "/t#"), *form)

    def resigned(*changes: tuple[int, Any]) -> str:
        values = list(fields)
        for place, value in changes:
            values[place] = value
        return text_of(_signed(cbor2.dumps(values)))

    yield row("signed: a later version", resigned((0, 2)), *form)
    yield row("signed: another type", resigned((1, 3)), *form)
    yield row("signed: a version that is true", resigned((0, True)), *form)
    yield row("signed: a field more", text_of(_signed(cbor2.dumps([*fields, 0]))), *form)
    yield row("signed: a date, and no clock", resigned((7, 2)), *form)
    yield row("signed: a map for a list", text_of(_signed(cbor2.dumps(dict(enumerate(fields))))), *form)
    yield row("signed: another algorithm", text_of(_signed(payload, header=cbor2.dumps({1: -7, 4: KEY.key_id}))), *form)
    yield row(
        "signed: the header's order", text_of(_signed(payload, header=cbor2.dumps({4: KEY.key_id, 1: -8}))), *form
    )
    yield row("signed: a tag before it", text_of(b"\xd2" + content), *form)
    yield row(
        "signed: a long number",
        text_of(_signed(payload.replace(b"\x03\x19\xcc\x56", b"\x18\x03\x19\xcc\x56"))),
        *one_form,
    )
    yield row("signed: a long length", text_of(_signed(payload.replace(b"\x65BADAM", b"\x78\x05BADAM"))), *one_form)
    yield row("signed: a list without a length", text_of(_signed(b"\x9f" + payload[1:] + b"\xff")), *one_form)
    yield row("a long length of the signature", text_of(content[:-66] + b"\x59\x00\x40" + signature), *one_form)


# The log

LEAVES: Final = [SLIP.head + sha256(b"event 0").digest()[8:], *(sha256(b"event %d" % n).digest() for n in range(1, 11))]


def _subtree(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    def of(start: int, end: int) -> bytes:
        if end - start == 1:
            return leaf_hash(leaves[start])
        middle = (start + end) // 2
        return node_hash(of(start, middle), of(middle, end))

    return of


def note(size: int, leaves: Sequence[bytes] = LEAVES, key: Ed25519Key = LOG, origin: str = "shache/2026") -> str:
    checkpoint = Checkpoint(origin, size, range_hash(0, size, _subtree(leaves)))
    return signed_note(checkpoint, key.public, key.sign(checkpoint.text.encode()))


def proof_of(index: int, size: int = 11) -> InclusionProof:
    return InclusionProof(index, tuple(inclusion_path(index, size, _subtree(LEAVES))), note(size), LEAVES[index])


def grown(old: int, new: int, before: Sequence[bytes] = LEAVES) -> ConsistencyProof:
    path = consistency_path(old, new, _subtree(LEAVES)) if old else []
    return ConsistencyProof(tuple(path), note(old, before), note(new))


def proofs() -> Iterator[Row]:
    def row(name: str, text: str, verdict: str = "valid", *failed: str) -> Row:
        return {"name": name, "text": text, "verdict": verdict, "failed": list(failed)}

    here, dash = note(11), "\N{EM DASH}"
    yield row("a checkpoint", here)
    yield row("a checkpoint of an empty log", note(0))
    yield row("a witness signed it, too", f"{here}{dash} witness.example/w {b64encode(bytes(76)).decode()}\n")
    yield row("the log of another year", note(11, origin="shache/2027"))
    yield row("the second log of a year", note(11, origin="shache/2026.2"))
    yield row("the log of a year without a key", note(11, origin="shache/2028"), "unknown_key", "key_known")
    yield row("signed by another", note(11, key=UNKNOWN), "unknown_key", "key_known")
    yield row("another size", here.replace("\n11\n", "\n12\n"), "changed", "signature")
    root = here.split("\n")[2]
    yield row("another root", here.replace(root, note(10).split("\n")[2]), "changed", "signature")
    yield row("cut off", here[:-20], "unreadable", "form")
    yield row("a size with a zero before it", here.replace("\n11\n", "\n011\n"), "unreadable", "form")
    yield row(
        "spare bits of the root", here.replace(root, f"{root[:-2]}{chr(ord(root[-2]) + 1)}="), "unreadable", "form"
    )
    yield row("lines of another system", here.replace("\n", "\r\n"), "unreadable", "form")

    for index in (0, 5, 10):
        yield row(f"event {index} of 11", proof_of(index).text)
    yield row("the only event", proof_of(0, 1).text)
    proof, wrong = proof_of(5), ("changed", "inclusion")
    yield row("another place", replace(proof, index=6).text, *wrong)
    yield row("a place outside", replace(proof, index=11).text, *wrong)
    yield row("another event", replace(proof, extra=LEAVES[4]).text, *wrong)
    yield row("a hash less", replace(proof, path=proof.path[:-1]).text, *wrong)
    yield row("a hash more", replace(proof, path=(*proof.path, bytes(32))).text, *wrong)
    yield row("a checkpoint of another size", replace(proof, note=note(10)).text, *wrong)
    rewritten = note(11, [LEAVES[10], *LEAVES[1:]])
    yield row("a checkpoint of another log", replace(proof, note=rewritten).text, *wrong)
    yield row("without the event's hash", replace(proof, extra=b"").text, "incomplete", "leaf")
    yield row(
        "a checkpoint that the log did not sign",
        replace(proof, note=note(11, key=UNKNOWN)).text,
        "unknown_key",
        "key_known",
    )
    yield row("a later version", proof.text.replace("@v1", "@v2"), "unreadable", "form")
    yield row("a place with a zero before it", proof.text.replace("index 5", "index 05"), "unreadable", "form")

    for old, new in ((3, 11), (8, 11), (11, 11), (0, 11)):
        yield row(f"grown from {old} to {new}", grown(old, new).text)
    longer, shrunk = grown(3, 11), ("changed", "consistency")
    yield row("a day was rewritten", grown(8, 11, [LEAVES[10], *LEAVES[1:]]).text, *shrunk)
    yield row("an event was removed", grown(8, 11, [*LEAVES[:4], *LEAVES[5:]]).text, *shrunk)
    yield row("smaller than before", replace(longer, old=longer.new, new=longer.old).text, *shrunk)
    yield row("the proof is cut", replace(longer, path=longer.path[:-1]).text, *shrunk)
    yield row(
        "from one year to the next", replace(longer, new=note(11, origin="shache/2027")).text, "changed", "origin"
    )
    yield row(
        "the old one is signed by another", replace(longer, old=note(3, key=UNKNOWN)).text, "unknown_key", "key_known"
    )
    yield row("only one checkpoint", longer.text[: -len(longer.new) - 1], "unreadable", "form")


# Events

EPOCH: Final = "ab12cd34ab12cd34"
_MOMENT: Final = Moment(datetime(2026, 12, 2, tzinfo=UTC), "Asia/Shanghai", 480, ClockQuality.SYNCED, "b", 1)


class SignedJournal:
    """Lines as a station writes them."""

    def __init__(self, station: str = "S0147") -> None:
        self._source = EventSource(station, "1.0", region="shache")
        self.lines: list[str] = []
        self.head = ZERO_HASH

    def add(self, data: EventData, key: Ed25519Key | None = KEY) -> None:
        position = JournalPosition(EPOCH, len(self.lines) + 1, self.head)
        sealed = seal(data, self._source, position, _MOMENT)
        self.head = sealed.sha256
        signature = {} if key is None else {"signature": sign_event(key, sealed.sha256)}
        self.lines.append(canonical({**json.loads(sealed.body), **signature}).decode())


def _kept(size: int) -> CheckpointKept:
    return CheckpointKept("shache/2026", size, b64encode(sha256(b"%d" % size).digest()).decode())


def _journal(first_size: int = 1, key: Ed25519Key | None = KEY, station: str = "S0147", lie: int = 0) -> list[str]:
    """An event before the first key, a day without a working key that is covered afterwards, and one event more."""
    made = SignedJournal(station)
    made.add(_kept(first_size), None)
    made.add(KeyMade((key or KEY).public.hex(), "first"), key)
    made.add(_kept(2), key)
    made.add(_kept(3), None)
    made.add(_kept(4), None)
    made.add(EventsCovered(4, 5, 2 + lie, made.head), key)
    made.add(_kept(5), key)
    return made.lines


def events() -> dict[str, list[Any]]:
    """``lines``, and rows whose ``lines`` are places among them."""
    pool: list[str] = []
    rows = [*_event_rows()]
    for row in rows:
        pool += [line for line in dict.fromkeys(row["lines"]) if line not in pool]
        row["lines"] = [*map(pool.index, row["lines"])]
    return {"lines": pool, "rows": rows}


def _event_rows() -> Iterator[Row]:
    whole = _journal()

    def row(name: str, lines: Sequence[str], verdict: str, *failed: str) -> Row:
        named = [re.sub(r"(?<!line) ([0-9])$", rf" S0147 {EPOCH}-\1", fault) for fault in failed]
        return {"name": name, "lines": lines, "verdict": verdict, "failed": named}

    def with_line(place: int, line: str) -> list[str]:
        return [*whole[:place], line, *whole[place + 1 :]]

    yield row("whole", whole, "valid")
    yield row("the end is missing, which no file shows", whole[:-1], "valid")
    yield row("two stations", [*whole, *_journal(key=OTHER_STATION, station="S0201")[:2]], "valid")
    yield row("an event is deleted", [*whole[:2], *whole[3:]], "incomplete", "numbers 4")
    yield row("the first event is deleted", whole[1:], "incomplete", "numbers 2")
    yield row("two are exchanged", [*whole[:5], whole[6], whole[5]], "changed", "numbers 7", "order 6")
    yield row("one is there twice", [*whole[:3], *whole[2:]], "changed", "order 3")
    changed = whole[2].replace('"size":2', '"size":9')
    yield row("a number is changed", with_line(2, changed), "changed", "signature 3", "chain 4")
    changed = whole[3].replace('"size":3', '"size":9')
    yield row("an unsigned number is changed", with_line(3, changed), "changed", "chain 5")
    day = _journal(first_size=9, key=UNKNOWN)[:3]
    faults = ("key_known 2", "key_known 3", "covered 1")
    yield row("everything is rewritten and signed by another", day, "unknown_key", *faults)
    yield row("everything is rewritten and not signed", _journal(9, None)[:2], "incomplete", "covered 1")
    yield row("a day is rewritten", [*day, *whole[3:]], "changed", *faults, "chain 4", "covered 6")
    yield row("signed by a stolen key", _journal(key=REVOKED)[:2], "unknown_key", "key_state 2", "covered 1")
    yield row("the cover is missing", whole[:5], "incomplete", "covered 4")
    yield row("the cover counts another number", _journal(lie=1)[:6], "incomplete", "covered 6", "covered 4")
    unsigned = canonical({k: v for k, v in json.loads(whole[2]).items() if k != "signature"}).decode()
    yield row("a signature is removed", with_line(2, unsigned), "incomplete", "covered 6", "covered 3")
    swapped = canonical({**json.loads(whole[2]), "signature": json.loads(whole[6])["signature"]}).decode()
    yield row("the signature of another event", with_line(2, swapped), "changed", "signature 3")
    envelope = canonical({k: v for k, v in json.loads(whole[2]).items() if k != "data"}).decode()
    yield row("an envelope alone", with_line(2, envelope), "incomplete", "body 3")
    yield row("a space more", with_line(2, whole[2].replace(":", ": ", 1)), "changed", "readable 3")
    yield row("a line is no event", with_line(2, '{"a":1}'), "changed", "readable line 3", "numbers 4")
    yield row("no line is an event", ['{"a":1}', "{"], "unreadable", "form", "readable line 1", "readable line 2")


def files() -> dict[str, bytes]:
    """A row on each line."""
    made = {"slips.json": {"rows": [*slips()]}, "proofs.json": {"rows": [*proofs()]}, "events.json": events()}
    return {"keys.json": KEYS.encode() + b"\n", **{name: _text(parts).encode() for name, parts in made.items()}}


def _text(parts: Mapping[str, Sequence[Any]]) -> str:
    def lines(rows: Sequence[Any]) -> str:
        return ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)

    return "{" + ",\n".join(f'"{name}": [\n{lines(rows)}\n]' for name, rows in parts.items()) + "}\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)
