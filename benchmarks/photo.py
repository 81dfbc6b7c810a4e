"""Shots of goods: from the bytes of the camera to a verdict and its two pictures, and to what channels want.

    python -m benchmarks photo

In a process of its own, on one core, as in the camera's child. The baseline is what the same machine needs to decode
the shot, straighten it and encode two pictures of the same size, without looking at anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.measure import Row

_CHANNELS: Final = ("taobao_white", "jd", "pinduoduo_home")
_SHOTS: Final = 20
_MEASURE: Final = """
import json, os, re, sys, time
from datetime import date
from pathlib import Path
from statistics import median
import cv2, numpy as np
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
cv2.setNumThreads(1)
from kiosk.photo.channels.picture import make_picture
from kiosk.photo.channels.rules import shipped_rules
from kiosk.photo.codec import encode_jpeg
from kiosk.photo.pipeline import inspect_bytes
rules, folder, channels = shipped_rules(), Path(sys.argv[1]), sys.argv[2].split(",")
def timed(work):
    began = time.perf_counter()
    found = work()
    return 1000 * (time.perf_counter() - began), found
shots = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
def pictures(data):
    found = inspect_bytes(data)
    if found.master is not None:
        encode_jpeg(found.master), encode_jpeg(found.natural)
    return found
pictures(shots[0])
fast, slow, made = [], [], []
for data in shots:
    took, found = timed(lambda: pictures(data))
    (slow if found.metrics.get("grabcut") else fast).append(took)
    if found.master is not None:
        asked = [rules.on(name, date(2026, 11, 27)) for name in channels]
        made.append(timed(lambda: [make_picture(found.master, rule) for rule in asked])[0])
# Not ru_maxrss: a process inherits that of the one that has started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6
def bare():
    frame = cv2.imdecode(np.frombuffer(shots[0], np.uint8), cv2.IMREAD_COLOR)
    flat = cv2.warpPerspective(frame, np.eye(3), (1600, 1600))
    cv2.imencode(".jpg", flat), cv2.imencode(".jpg", flat)
least = median(timed(bare)[0] for _ in range(9))
print(json.dumps([fast, slow, made, peak, least]))
"""
_DRAW: Final = """
import sys
import cv2
from tests.simulators.camera.plans import plan_of
from kiosk.simulators.camera.stage import draw_stage
for seed in range(int(sys.argv[2])):
    cv2.imwrite(f"{sys.argv[1]}/{seed:02}.jpg", draw_stage(plan_of(seed)).frame, [cv2.IMWRITE_JPEG_QUALITY, 92])
"""


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    subprocess.run([sys.executable, "-c", _DRAW, str(folder), str(_SHOTS)], check=True)
    command = [sys.executable, "-c", _MEASURE, str(folder), ",".join(_CHANNELS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    fast, slow, made, peak, least = json.loads(done.stdout)
    bare = "decode, straighten, two encodings"
    rows = [Row("photo: shot to verdict and pictures, median", _median(fast), "ms", 300, least, bare)]
    if slow:
        rows.append(Row("photo: the same with GrabCut, at most", max(slow), "ms", 700, least, bare))
    rows.append(Row("photo: three channel pictures, median", _median(made), "ms", 60, least, bare))
    rows.append(Row("photo: peak of the process", peak, "MB RSS", 250))
    return rows


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
