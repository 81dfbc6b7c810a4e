"""A bare Debian 13 on a disk: made once, copied for each test, booted in a container that reaches no network."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control import ABOUT
from tests.systemd.box import AS_ROOT, ROOT, Booted, wait_for

SUITE = "trixie"
BARE = ("apt", "dbus", "systemd", "systemd-sysv", "udev")
"""What a system needs to boot, and to be asked. Python is not among it: our packages bring it."""
KEPT = ROOT / "build/appliance"
"""For all runs to come."""
MINE = KEPT / f"run-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""Of this process of tests: others make, boot and remove their own machines meanwhile."""
BOOT = Path(__file__).with_name("boot_tree.py")
QUIETLY = ("env", "--chdir=/", "DEBIAN_FRONTEND=noninteractive")
INSTALL = (
    *QUIETLY,
    *("apt-get", "--yes", "--quiet", "--no-install-recommends"),
    *("--option", "Dpkg::Options::=--force-unsafe-io"),
)
"""A disk that need not survive a power cut is not waited for after each file."""
UNPACKED_S = 900.0
"""A browser with all it needs is unpacked and configured, beside whatever else the machine does."""


def relations(package: str) -> str:
    """What it wants of Debian."""
    return ", ".join(row for row in ABOUT[package].depends.split(", ") if "@VERSION@" not in row)


BESIDE = "mosquitto, postgresql, mosquitto-clients"
"""What a county's server has beside our package, and what a reader of the feed elsewhere uses."""


def bare_debian() -> Path:
    """Its folder; what our packages want of Debian lies in apt's cache. Made anew when that changes."""
    wanted = ", ".join([*(relations(package) for package in ABOUT), BESIDE])
    digits = hashlib.sha256(f"{SUITE} {BARE} {wanted}".encode()).hexdigest()[:16]
    folder = KEPT / f"debian-{digits}"
    with one_at_a_time():
        if not folder.exists():
            make(folder, wanted)
    return folder


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Whoever comes second waits for what the first one makes."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(folder: Path, wanted: str) -> None:
    """From Debian's archive; whole or not at all."""
    new = folder.with_suffix(".new")
    subprocess.run([*AS_ROOT, "rm", "-rf", str(new)], check=True)
    fetch = f'chroot "$1" apt-get --quiet --yes --no-install-recommends --download-only satisfy "{wanted}"'
    options = ["--variant=minbase", f"--include={','.join(BARE)}", f"--customize-hook={fetch}"]
    options += ["--skip=cleanup/apt/lists", "--skip=cleanup/apt/cache"]
    # What it mounts is gone with its namespace, however it ends.
    apart = [*AS_ROOT, "unshare", "--mount"]
    subprocess.run([*apart, "mmdebstrap", "--quiet", *options, SUITE, str(new)], check=True)
    subprocess.run([*AS_ROOT, "mv", str(new), str(folder)], check=True)


class Machine:
    """A copy of the bare Debian, which can be booted again and again."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self._folder, self._boots = folder, 0
        subprocess.run([*AS_ROOT, "cp", "-a", "--one-file-system", str(bare_debian()), str(self.root)], check=True)
        for name in ("machine-id", "hostname"):
            path = self.root / "etc" / name
            subprocess.run([*AS_ROOT, "sh", "-c", f": > {path}"], check=True)

    @contextmanager
    def boot(self, packages: list[Path], *options: str) -> Iterator[Booted]:
        """Until its systemd has started everything; ``packages`` lie in /opt. ``options`` of systemd-nspawn."""
        self._boots += 1
        work = self._folder / f"boot-{self._boots}"
        work.mkdir()
        binds = [f"--bind-ro={path}:/opt/{path.name.partition('_')[0]}.deb" for path in packages]
        with Booted([sys.executable, "-P", str(BOOT), str(self.root), *binds, *options], work) as booted:
            wait_for(lambda: state(booted) not in BOOTING, booted.console)
            yield booted


@contextmanager
def machine() -> Iterator[Machine]:
    """On a disk, because a station refuses to keep anything in memory; gone at the end."""
    folder = MINE / "machine"
    subprocess.run([*AS_ROOT, "rm", "-rf", str(folder)], check=True)
    folder.mkdir(parents=True)
    try:
        yield Machine(folder)
    finally:
        subprocess.run([*AS_ROOT, "rm", "-rf", str(folder)], check=True)


BOOTING = ("", "offline", "initializing", "starting")


def state(booted: Booted) -> str:
    """Of the whole system; ``running`` when everything has started and nothing has failed."""
    return booted.call("systemctl", "is-system-running").stdout.strip()


def done(result: subprocess.CompletedProcess[str]) -> str:
    """What it printed; raises AssertionError when it failed."""
    assert result.returncode == 0, f"{result.args}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
    return result.stdout


def units(booted: Booted) -> dict[str, str]:
    """Every unit file and whether it is enabled, masked or neither."""
    told = done(booted.call("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain"))
    return {row.split()[0]: row.split()[1] for row in told.splitlines()}


PASSED_BY = (
    "proc",
    "sys",
    "run",
    "tmp",
    "dev",
    "opt",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/log",
    "var/tmp",
)


def paths(root: Path) -> set[str]:
    """Everything on the disk but what lies in memory, and what dpkg and apt note for themselves."""
    pruned = " -o ".join(f"-path ./{name}" for name in PASSED_BY)
    command = f"cd {root} && find . -xdev \\( {pruned} \\) -prune -o -print"
    found = subprocess.run([*AS_ROOT, "sh", "-c", command], capture_output=True, text=True, check=True)
    return set(found.stdout.splitlines())


def built(out: Path = MINE / "packages", *names: str) -> dict[str, Path]:
    """The packages of this machine's architecture, made now; all of them by default."""
    shutil.rmtree(out, ignore_errors=True)
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    options = ["--stored", "--architecture", architecture.stdout.strip(), "--out", str(out)]
    command = [sys.executable, "packaging/deb.py", *names, *options]
    with one_at_a_time():
        made = done(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False))
    return {path.name.partition("_")[0]: path for path in map(Path, made.splitlines()) if path.suffix == ".deb"}
