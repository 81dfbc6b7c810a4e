"""What root helpers change in the running systemd: files below /run, and systemd's own commands."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path
from typing import Final

_COMMAND_S: Final = 20.0


def run_command(*command: str) -> None:
    """Run one of systemd's own commands. Raises OSError when it fails."""
    try:
        subprocess.run(command, timeout=_COMMAND_S, check=True, capture_output=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise OSError(errno.EIO, f"{command[0]} {command[1]} failed", command[0]) from error


def systemctl(*words: str) -> None:
    """Run systemctl. Raises OSError when it fails."""
    run_command("systemctl", *words)


def file_text(path: Path) -> str:
    """Read the text; a missing file counts as an empty one."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return ""


def settle_file(path: Path, text: str) -> bool:
    """Give a file this text, or remove it for none; return whether that was a change. Whole or not at all; it is in
    memory, so that nothing has to be flushed to disk. Raises OSError.
    """
    if file_text(path) == text:
        return False
    if not text:
        path.unlink()
        return True
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="ascii")
    fresh.chmod(0o644)
    fresh.replace(path)
    return True
