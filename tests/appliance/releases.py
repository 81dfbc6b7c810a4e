"""Releases for a booted machine: the installed program under a higher number, with what a test changes in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.station.update.machine import KEY, packaging, public

PROGRAM = Path("usr/lib/station-kiosk")
END = ".kioskupdate"
Change = Callable[[Path], None]
"""Changes a tree with ``release.json`` and ``code``. Files in it have other names elsewhere: `put` takes new ones."""


def with_key(tree: Path, folder: Path) -> Path:
    """The installed tree with a vendor's key, as a package of a vendor has it."""
    shutil.copytree(tree, folder, symlinks=True, copy_function=link)
    (folder / PROGRAM / "vendor.pub").write_text(f"{public(KEY)}\n")
    return folder


def link(source: str, target: str) -> str:
    os.link(source, target, follow_symlinks=False)
    return target


def put(path: Path, text: str) -> None:
    """In the place of what is there."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")


def bundle(program: Path, folder: Path, version: str, *changes: Change, key: Ed25519PrivateKey = KEY) -> Path:
    """``FOLDER/VERSION.kioskupdate``."""
    tree = folder / f"tree-{version}"
    tree.mkdir(parents=True)
    told = json.loads((program / PROGRAM / "release.json").read_bytes())
    (tree / "release.json").write_text(json.dumps(told | {"version": version}))
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(program / PROGRAM / "code", tree / "code", copy_function=link, ignore=compiled)
    for change in changes:
        change(tree)
    made = folder / f"{version}{END}"
    packaging("sign").sign(tree, key, made)
    shutil.rmtree(tree)
    return made


def unimportable(tree: Path) -> None:
    """It cannot even be started."""
    shutil.rmtree(tree / "code/kiosk/cli")
    (tree / "code/kiosk/cli").mkdir()
    (tree / "code/kiosk/cli/__init__.py").write_text("raise SystemExit(9)\n")


def without_pages(tree: Path) -> None:
    """It starts, brings the database up, and cannot draw one page."""
    for page in (tree / "code/kiosk/web/templates").rglob("*.html"):
        put(page, "{{ nothing_that_is_known() }}\n")


def for_another(**told: object) -> Change:
    """What it says of itself is changed."""

    def change(tree: Path) -> None:
        path = tree / "release.json"
        put(path, json.dumps(json.loads(path.read_bytes()) | told))

    return change


def migrating(steps: int) -> Change:
    """Its database is ``steps`` schemas further than the program's: each makes a table ``step_N``."""

    def change(tree: Path) -> None:
        schema = tree / "code/kiosk/store/database/schema.py"
        first = int(json.loads((tree / "release.json").read_bytes())["schema"])
        text = schema.read_text(encoding="utf-8")
        before = f"SCHEMA_VERSION: Final = {first}\n"
        assert text.count(before) == 1
        put(schema, text.replace(before, f"SCHEMA_VERSION: Final = {first + steps}\n"))
        for number in range(first + 1, first + steps + 1):
            place = tree / f"code/kiosk/store/migrations/versions/{number:04d}_step.py"
            place.write_text(
                "from alembic import op\n"
                f'revision, down_revision = "{number:04d}", "{number - 1:04d}"\n'
                "def upgrade():\n"
                f'    op.execute("CREATE TABLE step_{number} (word TEXT)")\n'
                f'    op.execute("PRAGMA user_version = {number}")\n',
                encoding="utf-8",
            )
        for_another(schema=first + steps)(tree)

    return change
