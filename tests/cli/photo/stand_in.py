"""A child whose pipeline does what the picture's first word says: to see how the command stands what can go wrong."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from kiosk.cli.photo.child import serve
from kiosk.domain.verdict import Finding, Reason, Verdict
from kiosk.photo.arrays import BgrImage


@dataclass(frozen=True)
class Seen:
    verdict: Verdict = field(default_factory=Verdict)
    master: BgrImage | None = None
    natural: BgrImage | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


def inspect(data: bytes) -> Seen:
    word = data.split()[0].decode() if data.strip() else "nothing"
    if word == "hang":
        while True:
            time.sleep(3600)
    if word == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "exit":
        os._exit(3)
    if word == "raise":
        raise ZeroDivisionError("division by zero\nof a picture")
    if word == "eat":
        np.ones(500_000_000, np.uint8)
    if word == "print":
        os.write(1, b"a library prints this\n")
        print("and that")
    if word == "blur":
        return Seen(Verdict((Finding(Reason.BLUR, 5250, 4000), Finding(Reason.DARK, 71000, 80000))))
    master = np.full((1600, 1600, 3), 255, np.uint8)
    if word != "blank":
        master[120:1480, 300:1300] = (40, 60, 200)
    return Seen(
        master=master, natural=np.full((1600, 1600, 3), 119, np.uint8), metrics={"rise": 1.25, "odd": float("nan")}
    )


if __name__ == "__main__":
    if sys.argv[1] == "broken":
        raise SystemExit("a library is missing")
    serve(sys.argv[1:], inspect)
