"""Signed bundles, and a sorting center that offers them."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.cli.sorting_center import main
from tests.station.update.machine import KEY, NEW, lay_tree, packaging, public


def bundle(folder: Path, version: str = NEW, size: int = 60_000, key: Ed25519PrivateKey = KEY, **changed: Any) -> Path:
    """Some bytes longer than ``size``: what is in it cannot be packed."""
    tree = lay_tree(folder / f"tree-{version}", version, **changed)
    (tree / "code/kiosk/noise.bin").write_bytes(Random(version).randbytes(size))
    made = folder / f"{version}.kioskupdate"
    packaging("sign").sign(tree, key, made)
    shutil.rmtree(tree)
    return made


def command(folder: Path, *words: object) -> Result:
    """``sorting-center update``; the vendor's key lies beside the folder."""
    keys = folder.with_name("vendor.pub")
    if not keys.exists():
        keys.write_text(f"{public(KEY)}\n")
    more = ["--vendor-keys", str(keys)] if words[0] == "add" else []
    return CliRunner().invoke(main, ["update", *map(str, words), *more, "--updates-dir", str(folder)])


def offer(folder: Path, made: Path, *stations: str) -> str:
    """Its SHA-256."""
    done = command(folder, "add", made, *(word for name in stations for word in ("--station", name)))
    assert done.exit_code == 0, done.output
    return done.output.split()[-1]
