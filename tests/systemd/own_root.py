"""Gives this process a mount namespace of its own whose root is a mount point, also from inside a chroot.

A container cannot be started from a chroot: the kernel refuses to change how mounts propagate from a root that is no
mount point. Python 3.11 has no ``os.setns``, so the few calls go through the C library (unshare(2), setns(2),
mount(2), pivot_root(2)).
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

CLONE_NEWNS, PR_SET_PDEATHSIG = 0x00020000, 1
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1, 0x1000, 0x4000, 0x40000, 0x2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "armv7l": 218, "i686": 217}

_libc = ctypes.CDLL(None, use_errno=True)


def _call(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2); raises OSError with what was tried."""
    texts = [text.encode() or None for text in (source, str(target), kind)]
    what = f"mount {source} at {target} ({kind} {data})"
    _call(what, _libc.mount(*texts, ctypes.c_ulong(flags), data.encode() or None))


def end_with_parent() -> None:
    """SIGTERM when the process that started this one ends, however it ends (prctl(2))."""
    _call("end with the parent", _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0))


def take_own_root() -> None:
    """Leave the namespace this process was started in; nothing that is mounted from now on is seen outside."""
    _call("unshare the mounts", _libc.unshare(CLONE_NEWNS))
    try:
        mount("", "/", flags=MS_REC | MS_PRIVATE)
    except OSError:
        _make_chroot_a_root()


def _make_chroot_a_root() -> None:
    here = os.open("/", os.O_PATH | os.O_DIRECTORY)
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    _call("step to the root of the namespace", _libc.setns(namespace, CLONE_NEWNS))
    mount("", "/", flags=MS_REC | MS_PRIVATE)
    os.fchdir(here)
    folder = Path.cwd()
    mount(str(folder), folder, flags=MS_BIND | MS_REC)
    os.chdir(folder)
    _call("make the chroot the root", _libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."))
    _call("let the old root go", _libc.umount2(b".", MNT_DETACH))
    os.chdir("/")
    os.close(here)
    os.close(namespace)
