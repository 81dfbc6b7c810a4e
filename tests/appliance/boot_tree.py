"""Boots a folder that holds a whole system, in a container: ``boot_tree.py ROOT [nspawn options]``. Must be root.

SIGTERM ends it. NOTIFY_SOCKET is told by systemd-nspawn when the system has booted, and by which process it is led.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "systemd"))

from boot_box import cgroup, forget, nspawn, run
from own_root import end_with_parent, take_own_root


def main() -> int:
    end_with_parent()
    take_own_root()
    own_group = cgroup()
    try:
        return run(["systemd-nspawn", *nspawn(Path(sys.argv[1])), *sys.argv[2:]])
    finally:
        forget(own_group)


if __name__ == "__main__":
    sys.exit(main())
