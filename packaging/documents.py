"""Documents that are made with a package: the manual page of its command, its changelog, the licences of its libraries.

The same commit makes the same bytes.
"""

from __future__ import annotations

import gzip
import importlib
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

import click

from launch import PROGRAMS
from release import ROOT, Release
from tree import COMMANDS, site_packages
from tree import PROGRAMS as PLACES

LICENSES: Final = "licenses.txt"
_NOTE: Final = "\nThe Python libraries of this package have licences of their own: see {} beside this file.\n"
_TEXTS: Final = ("LICEN[CS]E*", "COPYING*", "NOTICE*", "licenses/**/*")
_CLASSIFIER: Final = "License :: "


def lay_documents(package: str, root: Path, release: Release) -> None:
    """Below ``root``, where files and libraries of the package lie already."""
    folder = root / "usr/share/doc" / package
    _pack(folder / "changelog.gz", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if package in COMMANDS:
        program, command = PLACES[package], COMMANDS[package]
        (folder / LICENSES).write_text(licenses(root, site_packages(root / program)), encoding="utf-8")
        with (folder / "copyright").open("a", encoding="utf-8") as file:
            file.write(_NOTE.format(LICENSES))
        _pack(root / f"usr/share/man/man1/{command}.1.gz", manual(command, release))


def _pack(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def licenses(root: Path, libraries: Path) -> str:
    """For each library its name, version and licence by its own metadata, and where the full text is installed."""
    rows = []
    for about in sorted(libraries.glob("*.dist-info")):
        told = HeaderParser().parsestr((about / "METADATA").read_text(encoding="utf-8"))
        texts = sorted({path for pattern in _TEXTS for path in about.glob(pattern) if path.is_file()})
        rows.append(f"{told['Name']} {told['Version']}: {license_of(told) or _title(texts)}\n")
        rows += [f"    /{path.relative_to(root)}\n" for path in texts]
    return "".join(rows)


def license_of(told: Message) -> str:
    """The expression (PEP 639), else the first line of the older field, else the classifiers; "" for none."""
    rows = told.get_all("Classifier") or []
    classified = ", ".join(row.rpartition(" :: ")[2] for row in rows if row.startswith(_CLASSIFIER))
    older = str(told["License"] or "").strip().partition("\n")[0]
    return str(told["License-Expression"] or older or classified)


def _title(texts: list[Path]) -> str:
    """The first line of the licence itself, where the metadata names none: ``The MIT License (MIT)``."""
    lines = [line.strip() for path in texts[:1] for line in path.read_text(encoding="utf-8").splitlines()]
    return next((line for line in lines if line.endswith(("License", "License (MIT)"))), "see the library")


# --- the manual page (groff_man(7))


def manual(command: str, release: Release) -> str:
    """Of a command and all its commands, from the texts of their help."""
    main: click.Command = importlib.import_module(PROGRAMS[command]).main
    day = datetime.fromtimestamp(release.built, UTC).date()
    rows = [f'.TH "{command.upper()}" 1 "{day}" "Station Kiosk {release.version}"', ".SH NAME"]
    rows.append(f"{_safe(command)} \\- {_safe(_paragraphs(main)[0].rstrip('.'))}")
    for context in contexts(main, command):
        title = "SYNOPSIS" if context.parent is None else context.command_path
        rows += [f'.SH "{_safe(title)}"', f".B {_safe(context.command.get_usage(context).partition(': ')[2])}"]
        rows += (f".PP\n{_safe(paragraph)}" for paragraph in _paragraphs(context.command))
        records = (parameter.get_help_record(context) for parameter in context.command.get_params(context))
        rows += (f".TP\n.B {_safe(record[0])}\n{_safe(record[1])}" for record in records if record is not None)
    return "\n".join(rows) + "\n"


def contexts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Of a command and every one below it that is not hidden."""
    settings = {"terminal_width": 1 << 16, "max_content_width": 1 << 16, **command.context_settings}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            found = command.get_command(context, word)
            if found is not None and not found.hidden:
                yield from contexts(found, word, context)


def _paragraphs(command: click.Command) -> list[str]:
    text = inspect.cleandoc(command.help or "").partition("\f")[0].replace("\b\n", "")
    return [paragraph for paragraph in text.split("\n\n") if paragraph.strip()]


def _safe(text: str) -> str:
    """No escapes, no requests at the beginning of a line, and hyphens that can be copied into a shell."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{row}" if row.startswith((".", "'")) else row for row in plain.split("\n"))
