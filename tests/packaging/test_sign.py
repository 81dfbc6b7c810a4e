"""The vendor's tool: keys that are kept, and bundles that are the same bytes from the same tree."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kiosk.station.update.bundle import HEAD_BYTES, parse_head, verify_manifest
from kiosk.station.update.release import parse_keys
from tests.station.update.machine import KEY, NEW, lay_tree, packaging
from tests.systemd.conftest import tree
from tree import PROGRAM

__all__ = ["tree"]

sign = packaging("sign")


PHRASE = "seven dry apricots"


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path, said: str = PHRASE) -> int:
    monkeypatch.setattr(sys, "argv", ["sign.py", *map(str, words)])
    monkeypatch.setattr(sys, "stdin", StringIO(f"{said}\n" if said else ""))
    return int(sign.main())


def test_from_a_new_key_to_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, tree = tmp_path / "keys", lay_tree(tmp_path / "tree", NEW)
    assert run(monkeypatch, "new-key", keys) == 0
    assert (keys / "vendor.key").stat().st_mode & 0o777 == 0o600
    secret = (keys / "vendor.key").read_bytes()
    assert run(monkeypatch, "new-key", keys) == 2, "a key is never written over"
    assert (keys / "vendor.key").read_bytes() == secret
    first, second = tmp_path / "first.kioskupdate", tmp_path / "second.kioskupdate"
    for bundle in (first, second):
        words = ("sign", "--key", keys / "vendor.key", "--next-key", keys / "vendor.pub", tree, bundle)
        assert run(monkeypatch, *words) == 0
    raw = first.read_bytes()
    assert raw == second.read_bytes()
    head = parse_head(raw[:HEAD_BYTES])
    public = parse_keys((keys / "vendor.pub").read_text())
    manifest = verify_manifest(head, raw[HEAD_BYTES : HEAD_BYTES + head.manifest_bytes], public)
    assert (manifest.release.version, manifest.next_key) == (NEW, public[0].hex())


def test_the_key_is_under_a_pass_phrase_that_signing_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, tree, bundle = tmp_path / "keys", lay_tree(tmp_path / "tree", NEW), tmp_path / "one.kioskupdate"
    assert run(monkeypatch, "new-key", keys, said="") == 2, "one is asked for"
    assert not (keys / "vendor.key").exists()
    assert run(monkeypatch, "new-key", keys) == 0
    assert b"ENCRYPTED" in (keys / "vendor.key").read_bytes()
    for said in ("seven dry apples", ""):
        assert run(monkeypatch, "sign", "--key", keys / "vendor.key", tree, bundle, said=said) == 2
        assert not bundle.exists()
    assert run(monkeypatch, "sign", "--key", keys / "vendor.key", tree, bundle) == 0


def test_a_key_without_a_phrase_signs_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, tree, bundle = tmp_path / "keys", lay_tree(tmp_path / "tree", NEW), tmp_path / "one.kioskupdate"
    assert run(monkeypatch, "new-key", "--without-phrase", keys, said="") == 0
    other = tmp_path / "other.key"
    other.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    assert run(monkeypatch, "sign", "--key", keys / "vendor.key", tree, bundle, said="") == 0
    assert run(monkeypatch, "sign", "--key", other, tree, bundle, said="") == 2, "a key of another kind"


def test_what_a_station_would_refuse_is_not_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, tree, bundle = tmp_path / "keys", lay_tree(tmp_path / "tree", NEW), tmp_path / "no.kioskupdate"
    assert run(monkeypatch, "new-key", keys) == 0
    (tree / "code/kiosk/na\nme.py").touch()
    assert run(monkeypatch, "sign", "--key", keys / "vendor.key", tree, bundle) == 2
    (tree / "release.json").write_text("{}")
    assert run(monkeypatch, "sign", "--key", keys / "vendor.key", tree, bundle) == 2
    assert not bundle.exists()


LINK_BYTES = 2_000_000
"""What an update of the code alone may take of a village's line."""


def test_an_update_of_the_code_alone_fits_the_line(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a tree as a package lays it down. Packed less tightly than the vendor packs it, which takes long."""
    monkeypatch.setattr(sign, "XZ_PRESET", 1)
    bundle = tmp_path / "code.kioskupdate"
    manifest = sign.sign(tree / PROGRAM, KEY, bundle)
    assert not manifest.brings_libraries
    assert 100_000 < bundle.stat().st_size <= LINK_BYTES


def test_what_the_station_compiles_itself_is_in_no_bundle(tree: Path) -> None:
    """It compiles modules when it unpacks them, but no templates of pages."""
    names = [name for name, _ in sign.content(tree / PROGRAM, libraries=True)]
    assert {"code/kiosk/__init__.py", "libraries/click/__init__.py"} <= set(names)
    compiled = [name for name in names if "__pycache__" in name]
    pages = [name for name in compiled if "-jinja2-" in name]
    folders = {name.rpartition("/")[0] for name in pages}
    assert pages
    assert set(compiled) == {*pages, *folders}
