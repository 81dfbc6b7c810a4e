"""Puts a kiosk's words into what a Raspberry Pi boots with: ``merge_boot.py [--unsealed] [--look] FOLDER BOARD...``.

FOLDER holds config.txt and cmdline.txt as Raspberry Pi OS has them (/boot/firmware), BOARD is pi3, pi4 or pi5; a card
for several boards names each. Every line and word of somebody else stays as it is, and a second run changes nothing:

config.txt    the fragment of each board stands between two marks; what stands there already is replaced in its place.
cmdline.txt   a word that is there stays, one with another value is replaced in its place, ``console=`` words go, and
              the others come behind. ``--unsealed`` leaves ``overlayroot=`` out, until the data partition is there.

``--look`` prints what would be written. A file that changes is kept as FILE.before, and the new one takes its place at
once. Exit 1: a file cannot be used, nothing was changed. Needs Python alone.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
FRAGMENTS = next(filter(Path.is_dir, (HERE / "boot", HERE.parent / "firmware_config/boot")), HERE / "boot")
"""Beside this file on an installed machine, else in the checkout."""
BOARDS = ("pi3", "pi4", "pi5")
BEGIN, END = "# >>> station kiosk: {board}", "# <<< station kiosk: {board}"
CONFIG, CMDLINE = "config.txt", "cmdline.txt"
SEAL = "overlayroot"
EXACT = frozenset({"console", SEAL})
"""Names of which only our own words stay: each console of the system is a place where somebody could type."""


class Unusable(ValueError):
    """A file is not what its name says; the text says why."""


def merge_config(text: str, fragments: Mapping[str, str]) -> str:
    """``fragments`` by board. Raises Unusable when a mark has lost its other one."""
    for board, fragment in fragments.items():
        begin, end = BEGIN.format(board=board), END.format(board=board)
        # A filter that somebody left open would hold for our lines, too.
        block = f"{begin}\n[all]\n{fragment.strip()}\n{end}\n"
        found = re.findall(f"^{re.escape(begin)}$.*?^{re.escape(end)}$\n?", text, re.MULTILINE | re.DOTALL)
        lines = text.splitlines()
        if (lines.count(begin), lines.count(end)) != (len(found), len(found)) or len(found) > 1:
            raise Unusable(f"{CONFIG}: take out the lines from {begin!r} to {end!r} by hand: they are not a pair")
        if found:
            text = text.replace(found[0], block)
        elif fragment.strip() in text:  # as it was appended by hand
            text = text.replace(fragment.strip(), block.rstrip())
        else:
            text = text + ("" if text.endswith("\n") or not text else "\n") + block
    return text


def merge_cmdline(text: str, words: Sequence[str]) -> str:
    """One line. Raises Unusable when it is several, or none: the firmware reads the first alone."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        raise Unusable(f"{CMDLINE}: {len(lines)} lines, and the firmware reads one: join them by hand")
    ours = {_name(word): word for word in words}
    merged: list[str] = []
    for word in lines[0].split():
        name = _name(word)
        if name in EXACT and word not in words:
            continue
        new = ours.get(name, word)
        if name not in ours or new not in merged:
            merged.append(new)
    merged += [word for word in words if word not in merged]
    return " ".join(merged) + "\n"


def _name(word: str) -> str:
    return word.partition("=")[0]


def merged(folder: Path, boards: Sequence[str], *, sealed: bool = True) -> dict[Path, str]:
    """The new text of each file. Raises OSError, Unusable."""
    fragments = {board: _read(FRAGMENTS / f"config-{board}.txt") for board in BOARDS if board in boards}
    words = [word for word in _read(FRAGMENTS / CMDLINE).split() if sealed or _name(word) != SEAL]
    config, cmdline = folder / CONFIG, folder / CMDLINE
    return {config: merge_config(_read(config), fragments), cmdline: merge_cmdline(_read(cmdline), words)}


def _read(path: Path) -> str:
    """Byte for byte: line ends of others are theirs, and a comment may be in any language."""
    return path.read_bytes().decode("latin-1")


def write(path: Path, text: str) -> bool:
    """Whether it was changed. Old or new, never half: the power may go at any moment. Raises OSError."""
    new = text.encode("latin-1")
    old = path.read_bytes()
    if new == old:
        return False
    _whole(path.with_name(f"{path.name}.before"), old)
    _whole(path, new)
    return True


def _whole(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.part")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def main(words: Sequence[str]) -> int:
    """Merge, or show, and say what was done."""
    parser = argparse.ArgumentParser(prog="merge_boot.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--unsealed", action="store_true", help="leave overlayroot= out")
    parser.add_argument("--look", action="store_true", help="print what would be written, and write nothing")
    parser.add_argument("folder", type=Path, help="the boot partition, such as /boot/firmware")
    parser.add_argument("boards", nargs="+", choices=BOARDS, metavar="BOARD", help="pi3, pi4, pi5")
    asked = parser.parse_args(words)
    try:
        for path, text in merged(asked.folder, asked.boards, sealed=not asked.unsealed).items():
            if asked.look:
                print(f"== {path.name}\n{text}", end="")
            else:
                print(f"{path}: {'changed' if write(path, text) else 'as it was'}")
    except (OSError, Unusable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
