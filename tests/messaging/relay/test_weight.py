"""The relay is a process of its own on a machine with little memory: it loads what it needs and nothing else."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("flask", "jinja2", "sqlalchemy", "numpy", "PIL", "cv2", "serial", "babel", "click", "asyncio", "cryptography")


def test_the_relay_s_library_loads_nothing_heavy() -> None:
    lanes = (f"kiosk.messaging.relay.{lane}.lane" for lane in ("photos", "updates", "configuration"))
    modules = ", ".join(("sys", "kiosk.messaging.relay.relay", *lanes))
    code = f"import {modules}\nprint([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"


def test_signatures_are_loaded_with_the_first_bundle_that_is_checked() -> None:
    code = 'import sys, kiosk.app.relay, kiosk.app.update.fetched_bundles\nprint("cryptography" in sys.modules)'
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
