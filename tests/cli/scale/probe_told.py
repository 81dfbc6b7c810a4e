"""``kiosk scale probe`` that says when it has begun to listen: ``python -m tests.cli.scale.probe_told PORT``."""

from __future__ import annotations

import sys

from kiosk.cli.scale import probe as scale_probe
from kiosk.devices.scale.probe import Progress


class Told(scale_probe._Told):
    """Says it on standard output, at once."""

    def tell(self, progress: Progress) -> None:
        super().tell(progress)
        print("listening", flush=True)


if __name__ == "__main__":
    scale_probe._Told = Told  # type: ignore[misc]
    scale_probe.probe(["--port", sys.argv[1]])
