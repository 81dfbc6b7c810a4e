"""The file of an update: nothing forged, cut, flipped or swollen gets through, and nothing of it is written."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import random
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.app.update.unpack import unpack
from kiosk.station.update import bundle as bundles
from kiosk.station.update.bundle import HEAD_BYTES, UpdateManifest, parse_head, sign_manifest, verify_manifest
from kiosk.station.update.journal import UpdateOutcome
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import (
    KeyRotation,
    Release,
    accepted_keys,
    keys_after_keep,
    order_of,
    parse_keys,
    parse_release,
)
from tests.depth import many
from tests.station.update.machine import BUNDLE, KEY, LOCK, OTHER_KEY, Machine, lay_bundle, public, release

RELEASE = parse_release(json.dumps(release("0.9.1")).encode())
ACCEPTED = (KEY.public_key().public_bytes_raw(),)


def whole(raw: bytes) -> UpdateManifest:
    head = parse_head(raw[:HEAD_BYTES])
    return verify_manifest(head, raw[HEAD_BYTES : HEAD_BYTES + head.manifest_bytes], ACCEPTED)


def manifest_of(payload: bytes, members: int = 3, unpacked: int = 100, *, libraries: bool = False) -> UpdateManifest:
    return UpdateManifest(RELEASE, hashlib.sha256(payload).hexdigest(), len(payload), members, unpacked, libraries)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = Machine(tmp_path_factory.mktemp("bundle") / "machine").lay()
    lay_bundle(machine.data / "updates")
    return machine


def refused(machine: Machine, raw: bytes) -> UpdateOutcome:
    """Handed in, and nothing changed but for what the station books meanwhile."""
    (machine.data / "updates" / "try.kioskupdate").write_bytes(raw)
    before, content = machine.files(), machine.content()
    machine.ask("try.kioskupdate")
    outcome = machine.update()
    assert outcome is not None
    assert not outcome.succeeded
    assert machine.files() - {"releases/outcome.json"} == before - {"releases/outcome.json"}
    assert machine.content() == content
    assert not list(machine.releases.glob("*.new"))
    return outcome


def test_a_bundle_cut_at_any_boundary_is_refused(machine: Machine) -> None:
    raw = (machine.data / "updates" / BUNDLE).read_bytes()
    head = parse_head(raw[:HEAD_BYTES])
    edges = {0, 1, 8, 9, 13, 45, HEAD_BYTES, HEAD_BYTES + head.manifest_bytes, len(raw)}
    cuts = {at + by for at in edges for by in (-1, 0, 1)} - {len(raw)}
    for cut in sorted(at for at in cuts if 0 <= at < len(raw)):
        assert refused(machine, raw[:cut]).why in (UpdateRefusalReason.NO_BUNDLE, UpdateRefusalReason.DAMAGED), cut
    assert refused(machine, raw + b"\0").why is UpdateRefusalReason.DAMAGED


def test_a_bundle_with_any_bit_flipped_is_refused(machine: Machine) -> None:
    raw, chance = (machine.data / "updates" / BUNDLE).read_bytes(), random.Random(1)
    head = parse_head(raw[:HEAD_BYTES])
    signed = range(8 * (HEAD_BYTES + head.manifest_bytes))
    for bit in chance.sample(signed, many(200, torture=len(signed))):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UpdateRefused):
            whole(bytes(changed))
    payload = range(8 * (HEAD_BYTES + head.manifest_bytes), 8 * len(raw))
    for bit in chance.sample(payload, many(8, torture=500)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(machine, bytes(changed)).why is UpdateRefusalReason.DAMAGED


def test_who_signed_is_looked_at_before_what_is_said(machine: Machine) -> None:
    strange = lay_bundle(machine.folder, "strange.kioskupdate", OTHER_KEY).read_bytes()
    assert refused(machine, strange).why is UpdateRefusalReason.SIGNATURE
    raw = (machine.data / "updates" / BUNDLE).read_bytes()
    borrowed = raw[:13] + ACCEPTED[0] + strange[45:]  # says it is the vendor's, with somebody else's signature
    assert refused(machine, borrowed).why is UpdateRefusalReason.SIGNATURE
    assert refused(machine, raw[:8] + b"\x02" + raw[9:]).why is UpdateRefusalReason.FORMAT
    assert refused(machine, raw[:9] + struct.pack(">I", 2**31) + raw[13:]).why is UpdateRefusalReason.DAMAGED
    assert refused(machine, b"#!/bin/sh\n" * 100).why is UpdateRefusalReason.NO_BUNDLE
    machine.ask("nothing.kioskupdate")
    outcome = machine.update()
    assert outcome is not None
    assert outcome.why is UpdateRefusalReason.NOT_FOUND


def test_a_signature_for_something_else_is_none() -> None:
    raw = sign_manifest(manifest_of(b"x"), KEY)
    head = parse_head(raw[:HEAD_BYTES])
    assert verify_manifest(head, raw[HEAD_BYTES:], ACCEPTED).release == RELEASE
    plain = replace(head, signature=KEY.sign(raw[HEAD_BYTES:]))
    with pytest.raises(UpdateRefused):
        verify_manifest(plain, raw[HEAD_BYTES:], ACCEPTED)
    with pytest.raises(UpdateRefused) as none:
        verify_manifest(head, raw[HEAD_BYTES:], ())
    assert none.value.why is UpdateRefusalReason.NO_KEY


def test_figures_out_of_bounds_are_no_manifest() -> None:
    good = manifest_of(b"x")
    for changed in (
        {"payload_bytes": 0},
        {"payload_bytes": bundles.MAX_PAYLOAD + 1},
        {"members": bundles.MAX_MEMBERS + 1},
        {"unpacked_bytes": bundles.MAX_UNPACKED + 1},
        {"sha256": "x" * 64},
        {"next_key": "ab"},
    ):
        with pytest.raises(ValueError, match="bounds"):
            replace(good, **changed)  # type: ignore[arg-type]


# --- what comes out of it ---------------------------------------------------------------------------------------------

Member = tuple[str, bytes, bytes]
"""Name, type, content."""
WHOLE: list[Member] = [
    ("release.json", tarfile.REGTYPE, b"{}"),
    ("code", tarfile.DIRTYPE, b""),
    ("code/kiosk", tarfile.DIRTYPE, b""),
    ("code/kiosk/__init__.py", tarfile.REGTYPE, b"v = 1"),
]


def payload_of(members: list[Member]) -> bytes:
    raw = io.BytesIO()
    with lzma.open(raw, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(content)
            member.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            tar.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def signed_for(content: list[Member], **told: int) -> tuple[UpdateManifest, bytes]:
    payload = payload_of(content)
    size = sum(len(raw) for _, _, raw in content)
    return replace(manifest_of(payload, len(content), size), **told), payload  # type: ignore[arg-type]


def unpacked(folder: Path, manifest: UpdateManifest, payload: bytes) -> UpdateRefusalReason | None:
    folder.mkdir()
    try:
        unpack(manifest, io.BytesIO(payload), folder)
    except UpdateRefused as error:
        return error.why
    return None


def with_name(name: str, kind: bytes = tarfile.REGTYPE) -> Callable[[], tuple[UpdateManifest, bytes]]:
    return lambda: signed_for([*WHOLE, (name, kind, b"")])


HOSTILE = {
    **{
        f"name {name!r}": with_name(name)
        for name in (
            "../evil",
            "code/../../evil",
            "/etc/cron.d/evil",
            "code//evil",
            "code/./evil",
            "evil",
            "libraries",
            "code/none/evil",
            "code/kiosk/__init__.py",
            "code/kiosk/__init__.py/evil",
            "code/" + "a/" * 20 + "evil",
            "code/ev\nil",
            "code/\u202eevil",
            "code\\evil",
        )
    },
    **{
        f"kind {kind!r}": with_name("code/evil", kind)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    },
    "a folder beside the code": with_name("bin", tarfile.DIRTYPE),
    "code as a file": lambda: signed_for([WHOLE[0], ("code", tarfile.REGTYPE, b"x"), *WHOLE[2:]]),
    "no program": lambda: signed_for(WHOLE[:2]),
    "no release": lambda: signed_for(WHOLE[1:]),
    "more members than told": lambda: signed_for(WHOLE, members=3),
    "fewer members than told": lambda: signed_for(WHOLE, members=5),
    "more bytes than told": lambda: signed_for(WHOLE, unpacked_bytes=6),
    "fewer bytes than told": lambda: signed_for(WHOLE, unpacked_bytes=8),
    "a bomb": lambda: signed_for([*WHOLE, ("code/bomb", tarfile.REGTYPE, b"\0" * 3_000_000)], unpacked_bytes=1000),
    "no xz": lambda: (manifest_of(b"no xz at all", 4, 7), b"no xz at all"),
    "no tar": lambda: (manifest_of(lzma.compress(b"no tar at all"), 4, 7), lzma.compress(b"no tar at all")),
    "nothing": lambda: (manifest_of(lzma.compress(b""), 4, 7), lzma.compress(b"")),
}


def test_what_no_update_may_hold_is_refused_also_when_it_is_signed(tmp_path: Path) -> None:
    assert unpacked(tmp_path / "good", *signed_for(WHOLE)) is None
    assert (tmp_path / "good/code/kiosk/__init__.py").read_bytes() == b"v = 1"
    failed = {}
    for number, (name, make) in enumerate(HOSTILE.items()):
        folder = tmp_path / str(number)
        why = unpacked(folder, *make())
        strays = [path for path in folder.rglob("*") if path.is_symlink() or "evil" in path.name]
        if why is not UpdateRefusalReason.CONTENT or strays:
            failed[name] = (why, strays)
    assert failed == {}
    assert {path.name for path in tmp_path.iterdir()} == {"good", *map(str, range(len(HOSTILE)))}


def test_a_header_of_a_tar_that_swells_is_stopped(tmp_path: Path) -> None:
    """A long name is read into memory before any member is seen: the stream has its own end."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as made:
        made.addfile(tarfile.TarInfo("code/" + "a" * 5_000_000))
    payload = lzma.compress(tar.getvalue())
    assert unpacked(tmp_path / "out", manifest_of(payload, 4, 7), payload) is UpdateRefusalReason.CONTENT


def header_of(kind: bytes, size: int, changed: tuple[int, bytes] = (0, b"")) -> bytes:
    """One block of 512 bytes with a checksum that holds, whatever was changed in it."""
    member = tarfile.TarInfo("code/evil")
    member.type, member.size = kind, size
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT)[:512])
    at, raw = changed
    block[at : at + len(raw)] = raw
    block[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(block))[0]
    return bytes(block[:512])


def records(*pairs: bytes) -> bytes:
    """A header of pax with these records, padded to blocks, before a plain member."""
    told = b"".join(b"%d %s\n" % (len(pair) + 2 + len(str(len(pair) + 4)), pair) for pair in pairs)
    return header_of(b"x", len(told)) + told.ljust(-len(told) % 512 + len(told), b"\0") + header_of(b"0", 0)


HEADERS = {
    "a size that is no number": records(b"size=many"),
    "a time that is no number": records(b"mtime=nan", b"uid=1e400"),
    "a negative size": records(b"size=-5"),
    "an endless size": records(b"size=" + b"9" * 5000),
    "a sparse map that is none": records(b"GNU.sparse.map=a,b"),
    "a sparse member without a size": records(b"GNU.sparse.major=1", b"GNU.sparse.minor=0"),
    "a sparse member of no numbers": records(b"GNU.sparse.size=x", b"GNU.sparse.map=1"),
    "a sparse member of odd numbers": records(b"GNU.sparse.size=5", b"GNU.sparse.offset=1"),
    "a character set that is none": records(b"hdrcharset=BINARY", b"path=\xff\xfe"),
    "a path with an end in it": records(b"path=code/\0evil"),
    "a number below zero": header_of(b"0", 0, (124, b"\xff" * 12)),
    "a number beyond all": header_of(b"0", 0, (124, b"\x80" + b"\xff" * 11)),
    "a long name below zero": header_of(b"L", 0, (124, b"\xff" * 12)),
    "records below zero": header_of(b"x", 0, (124, b"\xff" * 12)),
    "headers of headers": header_of(b"L", 0) * 3000,
    "records of records": header_of(b"x", 0) * 3000,
}


def hostile(folder: Path, tar: bytes) -> UpdateRefusalReason | None:
    payload = lzma.compress(tar, preset=0)
    return unpacked(folder, manifest_of(payload, 4, 5_000_000), payload)


def test_hostile_headers_of_a_tar_are_refused(tmp_path: Path) -> None:
    """They are read before the whole payload is known to be the signed one."""
    found = {name: hostile(tmp_path / str(number), tar) for number, (name, tar) in enumerate(HEADERS.items())}
    assert found == dict.fromkeys(HEADERS, UpdateRefusalReason.CONTENT)


def test_damaged_headers_of_a_tar_are_refused(tmp_path: Path) -> None:
    chance, plain = random.Random(7), lzma.decompress(payload_of(WHOLE))
    for number in range(many(300, torture=20_000, quick=30)):
        changed = bytearray(chance.choice([plain, *HEADERS.values()])[:8192])
        start = 512 * chance.randrange(len(changed) // 512)
        for _ in range(chance.randrange(1, 4)):
            changed[start + chance.choice([*range(100, 136), *range(156, 160), *range(257, 512)])] = chance.randrange(
                256
            )
        changed[start + 156] = chance.choice(b"0xgLKS157\0XV")
        changed[start + 148 : start + 156] = b"%06o\0 " % tarfile.calc_chksums(bytes(changed[start : start + 512]))[0]
        assert hostile(tmp_path / str(number), bytes(changed)) in (
            UpdateRefusalReason.CONTENT,
            UpdateRefusalReason.DAMAGED,
        ), number


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    manifest, _ = signed_for(WHOLE)
    other = payload_of([*WHOLE[:3], ("code/kiosk/__init__.py", tarfile.REGTYPE, b"v = 2")])
    assert unpacked(tmp_path / "out", replace(manifest, payload_bytes=len(other)), other) is UpdateRefusalReason.DAMAGED


# --- versions and keys ------------------------------------------------------------------------------------------------


def test_no_version(subtests: pytest.Subtests) -> None:
    for text in ["", "9", "0.9.0 ", "0.9.0+G1", "../0.9", "0.9.0-1", "0.9.1234567", "1.2.3.4.5"]:
        with subtests.test(text=text), pytest.raises(ValueError, match="no release"):
            Release(text, "", "all", "3.13", LOCK, 8)


def test_versions_are_ordered_by_their_numbers() -> None:
    texts = ["0.9.0+gfff", "0.9.0.1", "0.9.10", "0.10.0", "1.0"]
    assert sorted(texts, key=order_of) == texts
    assert order_of("0.9.0+gfff") == order_of("0.9.0+g000")


def test_keys_follow_one_another() -> None:
    first, second, third = (KEY, OTHER_KEY, Ed25519PrivateKey.generate())
    one, two, three = (bytes.fromhex(public(key)) for key in (first, second, third))
    package = parse_release(json.dumps(release("0.9.0")).encode())
    assert parse_keys(f"# vendor\n{one.hex()} # now\n\n{two.hex()}\n") == (one, two)
    for strange in ("ab", f"{one.hex()}\n{two.hex()}\n{three.hex()}", "zz" * 32):
        with pytest.raises(ValueError, match=r"hex|keys"):
            parse_keys(strange)
    assert keys_after_keep((one,), one, "") == (one,)
    assert keys_after_keep((one,), one, two.hex()) == (one, two)
    assert keys_after_keep((one, two), two, "") == (two,), "the first may be in strange hands"
    assert keys_after_keep((one, two), one, "") == (one, two)
    kept = KeyRotation("0.9.1", (two.hex(),))
    assert accepted_keys((one,), package, kept) == (two,)
    assert accepted_keys((one,), replace(package, version="0.9.2"), kept) == (one,)
    assert accepted_keys((), package, kept) == (), "a package without a key takes no bundle"
    assert accepted_keys((one,), package, None) == (one,)
