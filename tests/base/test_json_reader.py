"""A bit that flips in a file or a message is told as damage, whichever bit it is: nothing ends for it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest

from kiosk.app.identity.requests import IdentityRequest, IdentityResponse, answer_file, request_file
from kiosk.base.json_reader import Unreadable, reader
from kiosk.base.root_requests import BadMessage
from kiosk.devices.camera.wire import Request, ShotRefused, WireError, unpack_answer, unpack_request
from kiosk.domain.lockout import Lockout
from kiosk.first_start.identity.format import BadClaim, ClaimMark, read_claim, write_claim
from kiosk.first_start.identity.vault import PENDING, RECORD, WRONG_CODES, FileVault, InUse
from kiosk.first_start.shared.draft import SettingsDraft, load_draft
from kiosk.messaging.contract.updates import UpdateOffer, UpdateOffers, parse_offers
from kiosk.sorting_center.updates.folder import OfferFolder, TargetedOffer
from kiosk.sorting_center.web.staff.quarantine import body_lines
from kiosk.station.doctor.hardware import build
from kiosk.station.doctor.tools import CopyRequest, copy_request_file
from kiosk.station.update.journal import UpdateOutcome, parse_outcome
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.store.backup.kit.contents import Kit, KitRefused, from_bytes
from kiosk.store.backup.medium import BackupManifest, read_manifest
from kiosk.store.shared.errors import StoreError

KIOSK: Final = Path(__file__).resolve().parents[2] / "kiosk"
DEEP: Final = b"[" * 200_000
SHA: Final = "ab" * 32
OFFER: Final = UpdateOffer("0.9.1", "aarch64", "3.13", SHA, False, 1000, SHA)
MANIFEST: Final = BackupManifest(
    "S0147", "A", "4d1f", 12, 12, 1, 4096, SHA, "0.9.0", "2026-11-28T08:00:00Z", "synced", ("S0147 A",), (SHA,)
)


def of_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def read_it(content: bytes, folder: Path) -> object:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        return read(folder)

    return read_it


def plain(read: Callable[[bytes], object]) -> Callable[[bytes, Path], object]:
    return lambda content, folder: read(content)


KINDS: Final[dict[str, tuple[object, Callable[[bytes, Path], object], type[Exception] | None]]] = {
    "claim": (ClaimMark("S0147", SHA, "2026-11-28"), plain(read_claim), BadClaim),
    "identity request": (
        {"kind": "identity", "id": "0" * 32, "body": IdentityRequest("S0147", "4" * 16)},
        of_file("requests/identity.json", lambda folder: request_file(folder).read()),
        BadMessage,
    ),
    "identity answer": (
        {"kind": "answer", "id": "0" * 32, "body": IdentityResponse("wrong", "the code", machine=SHA)},
        of_file("answer.json", lambda folder: answer_file(folder).read()),
        BadMessage,
    ),
    "identity in use": (
        InUse("S0147", "yarkant", "تاغارچى", "mqtts://b", True),
        of_file(RECORD, lambda folder: FileVault(folder, folder).in_use()),
        None,
    ),
    "kept identity": (
        {"identity": {"station": "S0147", "region": "yarkant"}, "name": "identity.toml"},
        of_file(PENDING, lambda folder: FileVault(folder, folder).pending()),
        None,
    ),
    "wrong codes": (
        Lockout((1, 2), 3, "boot", 4),
        of_file(WRONG_CODES, lambda folder: FileVault(folder, folder).wrong_codes()),
        None,
    ),
    "copy request": (
        {"kind": "bundle", "id": "0" * 32, "body": CopyRequest("support-S0147-0001.zip")},
        of_file("requests/bundle.json", lambda folder: copy_request_file(folder).read()),
        BadMessage,
    ),
    "draft": (SettingsDraft(language="zh", village="墙"), of_file("d", lambda folder: load_draft(folder / "d")), None),
    "manifest": (MANIFEST, of_file("m.json", lambda folder: read_manifest(folder / "m.json")), StoreError),
    "kit": (Kit("S0147", "yarkant", "0.9.0", "2026", b"x", SHA), plain(from_bytes), KitRefused),
    "offered update": (
        TargetedOffer(OFFER, ("S0147",)),
        of_file(f"{SHA}.json", lambda one: OfferFolder(one).offers()),
        None,
    ),
    "offers": (UpdateOffers((OFFER,)), plain(parse_offers), ValueError),
    "outcome": (UpdateOutcome("1", "0.9.1", UpdateRefusalReason.PAGES, "/ answers 500"), plain(parse_outcome), None),
    "answer of the camera": (ShotRefused(1, "timeout", "words"), plain(unpack_answer), WireError),
    "request to the camera": (Request("look", 1, 640), plain(unpack_request), WireError),
    "quarantined event": ({"type": "x", "data": {"lot": "y"}}, plain(body_lines), None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_raises_another_error_than_damage_has(kind: str, tmp_path: Path) -> None:
    value, read, refused = KINDS[kind]
    whole = write_claim(value) if isinstance(value, ClaimMark) else msgspec.json.encode(value)
    damaged = [whole[:at] + bytes([whole[at] ^ 0x80]) + whole[at + 1 :] for at in range(len(whole))]
    for content in (*damaged, b"\xff", b"", DEEP, b'{"other":' + DEEP):
        try:
            read(content, tmp_path)
        except Exception as error:
            if refused is None or not isinstance(error, refused):
                pytest.fail(f"{type(error).__name__} of {content[:80]!r}: {error}")


def test_a_release_of_which_no_byte_can_be_read_is_a_row_of_the_doctor() -> None:
    for release in ('{"version":"\ufffd"}', DEEP.decode(), ""):
        assert build(release).word == "build_damaged"


def test_there_is_one_error_for_whatever_cannot_be_read() -> None:
    read = reader(msgspec.json.Decoder(dict[str, int]))
    assert read(b'{"a":1}') == {"a": 1}
    for content in (b'{"\xb2":1}', b'{"a":"1"}', b"{", b'{"a":' + DEEP):
        with pytest.raises(Unreadable):
            read(content)


NARROW: Final = ("msgspec.MsgspecError", "msgspec.DecodeError")
BY_THEMSELVES: Final = {
    f"station/update/{name}.py": "raises ValueError, or reads what was signed, and its errors are ValueErrors"
    for name in ("release", "bundle", "keys", "journal")
}


def narrow(source: str) -> list[int]:
    """Lines on which an error of msgspec's decoders is waited for: it is one of three that damage has."""
    if not any(name in source for name in NARROW):
        return []
    found: list[ast.expr] = []
    for part in ast.walk(ast.parse(source)):
        if isinstance(part, ast.ExceptHandler) and part.type is not None:
            found.append(part.type)
        elif isinstance(part, ast.Call) and ast.unparse(part.func).endswith("suppress"):
            found += part.args
    return [one.lineno for one in found if any(name in ast.unparse(one) for name in NARROW)]


def test_nobody_waits_for_one_kind_of_damage_alone() -> None:
    waiting = {
        path.relative_to(KIOSK).as_posix(): narrow(path.read_text(encoding="utf-8")) for path in KIOSK.rglob("*.py")
    }
    assert {name: lines for name, lines in waiting.items() if lines and name not in BY_THEMSELVES} == {}
    wrong = "try: a()\nexcept (OSError, msgspec.MsgspecError): b()\nwith suppress(msgspec.DecodeError): c()"
    assert narrow(wrong) == [2, 3]
