"""A program that stands for ``rpicam-still``: prints what the simulated camera sees, as the real one is asked to.

``put_on`` writes it into a folder, which belongs at the head of PATH. Beside it lie the pictures it takes, in turn, and
``FAULT``, a file with one word that spoils its runs from the next on; every run is noted in ``RUNS``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

NAME, FAULT, RUNS = "rpicam-still", "fault", "runs.jsonl"
_HANG_S = 600.0
_ENDLESS_BYTES = 100_000_000
_NOT_FOUND = "ERROR: *** no cameras available ***"
_DIES = {
    "no-camera": _NOT_FOUND,
    "in-use": "ERROR: *** failed to acquire camera /base/soc/i2c0mux/i2c@1/imx708@1a ***",
    "die": "terminate called after throwing an instance of 'std::bad_alloc'",
}
FAULTS = (
    *_DIES,
    "hang",
    "garbage",
    "endless",
    "silent",
    "chatter",
    "talks-on",
    "leaves-another",
    "no-metadata",
    "half",
)
"""Words of ``FAULT``: nothing plugged in, held by another program, dies, never ends; prints no picture, 100 MB, none;
says much on standard error, or without end; ends while another program it has started holds its output; tells no
exposure; stops in the middle of the picture."""
_METADATA = """{
    "SensorTimestamp": 12345678,
    "ScalerCrop": "(0, 0)/4608x2592",
    "ColourGains": [ 1.812345, 1.634567 ],
    "AeLocked": true,
    "ExposureTime": %d,
    "AnalogueGain": 1.250000,
    "FocusFoM": 812
}"""


def put_on(folder: Path, fault: str = "") -> Path:
    """Write the program into ``folder``; its path. Pictures are the JPEG files there."""
    program = folder / NAME
    program.write_text(
        f"#!{sys.executable} -SP\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from tests.devices.camera.rpicam_still import main\nmain(sys.argv)\n"
    )
    program.chmod(0o755)
    (folder / FAULT).write_text(fault)
    return program


def runs(folder: Path) -> list[dict[str, str]]:
    """The options of each run, by name; those that stand alone are empty."""
    noted = folder / RUNS
    return [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []


def main(words: Sequence[str]) -> None:
    """One run; ``words`` is the command line."""
    folder = Path(words[0]).parent
    options = _options(words[1:])
    before = len(runs(folder))
    with (folder / RUNS).open("a") as noted:
        noted.write(json.dumps(options) + "\n")
    fault = (folder / FAULT).read_text().strip()
    if fault in _DIES:
        sys.stderr.write(f"[0:00:01.5] [99] INFO Camera camera_manager.cpp:325 libcamera\n{_DIES[fault]}\n")
        raise SystemExit(255)
    if fault == "hang" or (fault == "leaves-another" and not os.fork()):
        time.sleep(_HANG_S)
    while fault == "talks-on":
        sys.stderr.write("Viewfinder frame\n")
        sys.stderr.flush()
    if fault == "chatter":
        sys.stderr.write("Viewfinder frame\n" * 20_000)
    if fault != "no-metadata":
        Path(options["metadata"]).write_text(_METADATA % (20_000 + before))
    pictures = sorted(folder.glob("*.jpg"))
    _print(fault, pictures[before % len(pictures)].read_bytes())


def _options(words: Sequence[str]) -> dict[str, str]:
    options, name = {}, ""
    for word in words:
        if word.startswith("--"):
            name = word[2:]
            options[name] = ""
        else:
            options[name] = word
    return options


def _print(fault: str, jpeg: bytes) -> None:
    if fault == "endless":
        for _ in range(_ENDLESS_BYTES // len(jpeg) + 1):
            os.write(1, jpeg)
        return
    spoilt = {"garbage": b"no picture at all\n" * 40, "silent": b"", "half": jpeg[: len(jpeg) // 2]}
    sys.stdout.buffer.write(spoilt.get(fault, jpeg))
