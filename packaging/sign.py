"""The vendor's side of updates: ``sign.py new-key FOLDER`` and ``sign.py sign --key FILE TREE BUNDLE``.

TREE is a program as a package lays it down: ``release.json`` and ``code/kiosk``; its libraries go into the bundle with
``--with-libraries`` alone, which is only needed when the lock has changed. The same tree and key make the same bytes.
Run it with the Python of the checkout's virtual environment.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import lzma
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.cli.center.secrets import prompt_password
from kiosk.station.update.bundle import (
    CODE,
    LIBRARIES,
    MemberRules,
    UpdateManifest,
    members_of,
    parse_head,
    sign_manifest,
    verify_manifest,
)
from kiosk.station.update.refusals import UpdateRefused
from kiosk.station.update.release import RELEASE_FILE, parse_keys, parse_release

SECRET, PUBLIC = "vendor.key", "vendor.pub"
CHUNK = 1024 * 1024
CACHE, PAGE = "__pycache__", "-jinja2-"
XZ_PRESET = 6
"""A dictionary of 8 MB: a Pi 3 unpacks it beside the station."""


def new_key(folder: Path, phrase: str) -> Path:
    """``vendor.key`` for its owner alone, ``vendor.pub`` for the package. A key that is there stays.

    ``phrase`` encrypts the secret one, "" does not.
    """
    key = Ed25519PrivateKey.generate()
    under = serialization.BestAvailableEncryption(phrase.encode()) if phrase else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, under)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    public = folder / PUBLIC
    public.write_text(f"{key.public_key().public_bytes_raw().hex()}\n", encoding="ascii")
    return public


def sign(
    tree: Path, key: Ed25519PrivateKey, bundle: Path, next_key: str = "", *, libraries: bool = False
) -> UpdateManifest:
    """Write the bundle; what is made is judged by the station's own rules first. Raises ValueError, OSError."""
    release = parse_release((tree / RELEASE_FILE).read_bytes())
    with tempfile.TemporaryFile() as payload:
        members, unpacked = pack(tree, payload, libraries)
        size = payload.tell()
        payload.seek(0)
        digest = hashlib.file_digest(payload, "sha256").hexdigest()
        manifest = UpdateManifest(release, digest, size, members, unpacked, libraries, next_key)
        payload.seek(0)
        judge(manifest, payload)
        head = sign_manifest(manifest, key)
        verify_manifest(parse_head(head), head[len(head) - parse_head(head).manifest_bytes :], [key_bytes(key)])
        payload.seek(0)
        with bundle.open("wb") as file:
            file.write(head)
            while piece := payload.read(CHUNK):
                file.write(piece)
    return manifest


def pack(tree: Path, payload: BinaryIO, libraries: bool) -> tuple[int, int]:
    """The tar of a tree, compressed; how many members it has and how many bytes come out of it."""
    members = unpacked = 0
    with (
        lzma.open(payload, "wb", preset=XZ_PRESET) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in content(tree, libraries):
            member = tarfile.TarInfo(name)
            member.mode = 0o755 if path.is_dir() else 0o644
            member.type = tarfile.DIRTYPE if path.is_dir() else tarfile.REGTYPE
            raw = b"" if path.is_dir() else path.read_bytes()
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
            members, unpacked = members + 1, unpacked + len(raw)
    return members, unpacked


def content(tree: Path, libraries: bool) -> Iterator[tuple[str, Path]]:
    """Name in the bundle and place in the tree, folders before what lies in them."""
    yield RELEASE_FILE, tree / RELEASE_FILE
    yield from below(CODE, tree / CODE)
    if libraries:
        (place,) = tree.glob("lib/python3.*/site-packages")
        yield from below(LIBRARIES, place)


def below(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """A folder and what is in it, in one order on every machine; no modules that a station compiles when it unpacks."""
    yield name, folder
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).parts):
        if CACHE not in path.parts or holds_page(path):
            yield f"{name}/{path.relative_to(folder).as_posix()}", path


def holds_page(path: Path) -> bool:
    """Whether it is, or holds, a compiled template (kiosk/texts/templates.py): no station compiles them for good."""
    return PAGE in path.name or (path.is_dir() and any(PAGE in found.name for found in path.iterdir()))


def judge(manifest: UpdateManifest, payload: BinaryIO) -> None:
    """As a station will. Raises ValueError."""
    try:
        with lzma.open(payload) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for _ in members_of(tar, MemberRules(manifest)):
                pass
    except UpdateRefused as error:
        raise ValueError(f"a station would refuse it: {error}") from error


def key_bytes(key: Ed25519PrivateKey) -> bytes:
    """Its public half."""
    return key.public_key().public_bytes_raw()


def read_key(path: Path) -> Ed25519PrivateKey:
    """Ask for its pass phrase where it has one. Raises ValueError, OSError, UsageError."""
    raw = path.read_bytes()
    phrase = prompt_password(known=True).encode() if b"ENCRYPTED" in raw else None
    try:
        key = serialization.load_pem_private_key(raw, phrase)
    except ValueError:
        raise ValueError(f"{path} does not open: another pass phrase, or a damaged file") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} is a key of another kind: take the one that new-key made")
    return key


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description="Keys and bundles of updates.")
    acts = top.add_subparsers(dest="act", required=True)
    make = acts.add_parser("new-key", help="make vendor.key and vendor.pub")
    make.add_argument(
        "--without-phrase", action="store_true", help="no pass phrase: for a disk that is encrypted itself"
    )
    make.add_argument("folder", type=Path)
    put = acts.add_parser("sign", help="make a bundle from a tree")
    put.add_argument("--key", type=Path, required=True, help="vendor.key")
    put.add_argument("--next-key", type=Path, help="vendor.pub of the key that is accepted as well from then on")
    put.add_argument("--with-libraries", action="store_true", help="the lock has changed")
    put.add_argument("tree", type=Path)
    put.add_argument("bundle", type=Path)
    return top


def main() -> int:
    """2 when it cannot be done."""
    options = parser().parse_args()
    try:
        if options.act == "new-key":
            phrase = "" if options.without_phrase else prompt_password()
            sys.stdout.write(
                f"{new_key(options.folder, phrase)}: give it to the packager; {SECRET} beside it is secret\n"
            )
            return 0
        following = parse_keys(options.next_key.read_text("ascii")) if options.next_key else ()
        next_key = following[0].hex() if following else ""
        manifest = sign(options.tree, read_key(options.key), options.bundle, next_key, libraries=options.with_libraries)
    except (OSError, ValueError, click.ClickException) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    size = f"{manifest.members} members, {manifest.payload_bytes} bytes"
    sys.stdout.write(f"{options.bundle}: {manifest.release.version}, {size}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
