"""The vendor's tool: keys that are kept, and bundles that are the same bytes from the same tree."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from kiosk.station.update.bundle import HEAD_BYTES, parse_head, verified
from kiosk.station.update.keys import parse_keys
from tests.station.update.machine import KEY, NEW, ROOT, lay_tree, packaging

sign = packaging("sign")


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["sign.py", *map(str, words)])
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
    manifest = verified(head, raw[HEAD_BYTES : HEAD_BYTES + head.manifest_bytes], public)
    assert (manifest.release.version, manifest.next_key) == (NEW, public[0].hex())


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


def test_an_update_of_the_code_alone_fits_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed less tightly than the vendor packs it, which takes long: that one is smaller still."""
    monkeypatch.setattr(sign, "XZ_PRESET", 1)
    tree, bundle = lay_tree(tmp_path / "tree", NEW), tmp_path / "code.kioskupdate"
    shutil.rmtree(tree / "code/kiosk")
    shutil.copytree(ROOT / "kiosk", tree / "code/kiosk", ignore=shutil.ignore_patterns("__pycache__"))
    manifest = sign.sign(tree, KEY, bundle)
    assert not manifest.brings_libraries
    assert 100_000 < bundle.stat().st_size <= LINK_BYTES
