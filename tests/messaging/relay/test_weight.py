"""The relay is a process of its own on a machine with little memory: it loads what it needs and nothing else."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("flask", "jinja2", "sqlalchemy", "numpy", "PIL", "cv2", "serial", "babel", "click", "asyncio")


def test_the_relay_s_library_loads_nothing_heavy() -> None:
    modules = "sys, kiosk.messaging.relay.relay, kiosk.messaging.relay.photos.lane, kiosk.messaging.relay.photos.client"
    code = f"import {modules}\nprint([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"
