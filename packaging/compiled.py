"""Modules and pages of an installed tree, compiled: its root is read-only on the machine, so nobody else could.

Run as a program it compiles the pages: ``compiled.py CODE INSTALLED``, with the checkout's own libraries.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


def compile_modules(folder: Path, installed: str) -> None:
    """Every module below ``folder``, as if it lay at ``installed``. A file's time does not matter.

    In a process of its own: the bytes depend on the texts that a process holds already.
    """
    options = ["-qq", "-s", str(folder), "-p", installed, "--invalidation-mode", "unchecked-hash"]
    command = [sys.executable, "-PSm", "compileall", *options, str(folder)]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, check=False)


def compile_pages(code: Path, installed: str) -> None:
    """In a process of its own, whose hashes of texts are the same each time: so are the bytes."""
    command = [sys.executable, "-P", str(Path(__file__).resolve()), str(code), installed]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environment, check=True)


def main() -> int:
    """Pages of each application that is there, into the folder where it looks for them (kiosk/texts/templates.py)."""
    from flask import Flask
    from jinja2.bccache import Bucket

    from kiosk.sorting_center.web.shared import frame
    from kiosk.texts.templates import CompiledTemplates
    from kiosk.web.factory import _FILTERS

    code, installed = Path(sys.argv[1]), sys.argv[2]
    station, center, storefront = (
        Flask(name) for name in ("kiosk.web", "kiosk.sorting_center.web", "kiosk.sorting_center.storefront")
    )
    station.jinja_env.filters.update(_FILTERS)
    frame.install(center)
    for app in (station, center, storefront):
        pages = app.jinja_env
        pages.trim_blocks = pages.lstrip_blocks = True
        place = Path(app.root_path).relative_to(ROOT)
        if not (code / place).is_dir():
            continue
        kept = CompiledTemplates(code / place / "__pycache__", pages)
        assert pages.loader is not None
        for name in sorted(pages.list_templates()):
            source, _, _ = pages.loader.get_source(pages, name)
            bucket = Bucket(pages, kept.get_cache_key(name), kept.get_source_checksum(source))
            bucket.code = pages.compile(source, name, f"{installed}/{place}/templates/{name}")
            kept.dump_bytecode(bucket)
    return 0


if __name__ == "__main__":
    sys.exit(main())
