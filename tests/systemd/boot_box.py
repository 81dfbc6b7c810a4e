"""Boots this very system, with the station installed over it, in a container: ``boot_box.py WORK [nspawn options]``.

The tree is an overlay: below lies this machine's own Debian, untouched; above, in memory, what ``WORK/tree`` holds.
Everything happens in a mount namespace of its own, so nothing is left behind. Must be root. SIGTERM ends the container.

``WORK/tree``     copied over the system.
``WORK/disk``     when it is there: copied onto a data partition, which is mounted at ``WORK/data``. It stays in
                  ``WORK/disk.img``, and the next boot has it as it was left.
``WORK/setup``    a shell script, run before the boot; ``$ROOT`` is the tree.
NOTIFY_SOCKET is told by systemd-nspawn when the system has booted, and by which process it is led.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from own_root import end_with_parent, mount, take_own_root

MAKE_DATA_PARTITION = Path(__file__).resolve().parents[2] / "firmware_config/layout/make-data-partition"
DISK_BYTES = 512 * 1024 * 1024
HIDDEN = (
    "etc/systemd/system",
    "etc/systemd/network",
    "etc/init.d",
    "etc/modules-load.d",
    "usr/lib/station-kiosk",
    "usr/lib/sorting-center",
)
"""What this machine starts at boot is not the station's business."""


def main() -> int:
    work, options = Path(sys.argv[1]), sys.argv[2:]
    end_with_parent()
    take_own_root()
    root = assemble(work)
    if (work / "disk").is_dir():
        data_partition(work)
    own_group = cgroup()
    try:
        return run(["systemd-nspawn", *nspawn(root), *options])
    finally:
        forget(own_group)


def assemble(work: Path) -> Path:
    """The tree that boots."""
    memory = work / "memory"
    for folder in (memory, work / "root"):
        folder.mkdir(exist_ok=True)
    mount("tmpfs", memory, "tmpfs", data="mode=0755")
    (memory / "up").mkdir()
    (memory / "work").mkdir()
    root = work / "root"
    mount("overlay", root, "overlay", data=f"lowerdir=/,upperdir={memory}/up,workdir={memory}/work")
    for name in HIDDEN:
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "etc/systemd/system").mkdir()
    for name in ("etc/fstab", "etc/crypttab", "etc/machine-id"):
        (root / name).write_text("", encoding="ascii")
    subprocess.run(["cp", "-a", "--no-preserve=ownership", f"{work}/tree/.", str(root)], check=True)
    script = (work / "setup").read_text(encoding="utf-8")
    subprocess.run(["sh", "-euc", script], check=True, env={**os.environ, "ROOT": str(root)})
    return root


def data_partition(work: Path) -> None:
    """A file system of its own on a disk, as a station needs it: the tree itself lies in memory.

    One that an earlier boot has left is mounted as it is.
    """
    image, place = work / "disk.img", work / "data"
    made = image.exists()
    if not made:
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run(["sh", str(MAKE_DATA_PARTITION), str(image)], check=True)
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    if not made:
        subprocess.run(["cp", "-a", "--no-preserve=ownership", f"{work}/disk/.", str(place)], check=True)
        subprocess.run(["sync", "--file-system", str(place)], check=True)


def cgroup() -> Path:
    """A group of its own in the unified hierarchy, which is put where systemd-nspawn looks for it."""
    top = Path("/sys/fs/cgroup")
    mount("cgroup2", top, "cgroup2")
    rows = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    mine = next(row.removeprefix("0::/") for row in rows if row.startswith("0::/"))
    group = top / mine / f"station-kiosk-{os.getpid()}"
    group.mkdir()
    (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
    return group


def forget(group: Path) -> None:
    """Give the group back; what the container left in it goes with it."""
    (group.parent / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
    for folder, _, _ in os.walk(group, topdown=False):
        Path(folder).rmdir()


def nspawn(root: Path) -> list[str]:
    return [
        "--boot",
        f"--directory={root}",
        "--machine=station-kiosk",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--notify-ready=yes",
        # Which addresses and devices a unit may reach is kept by BPF programs, which systemd in there has to load.
        "--system-call-filter=bpf",
        "--capability=CAP_BPF,CAP_PERFMON",
        "--console=pipe",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
    ]


def run(command: list[str]) -> int:
    """Until the container ends by itself or by SIGTERM."""
    environ = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environ)
    signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM))
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
