"""``kiosk scale probe`` that says when it has begun to listen: ``python -m tests.cli.scale.probe_told PORT``."""

from __future__ import annotations

import sys

from kiosk.cli.scale import live
from kiosk.devices.ports import ProbeProgress


class Told(live.ProgressLine):
    """Says it on standard output, at once."""

    def show(self, progress: ProbeProgress) -> None:
        super().show(progress)
        print("listening", flush=True)


if __name__ == "__main__":
    live.ProgressLine = Told  # type: ignore[misc]
    live.probe(["--port", sys.argv[1]])
