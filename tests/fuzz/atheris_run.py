"""``python -m tests.fuzz.atheris_run ENGINE [libFuzzer's arguments]``: one target until libFuzzer ends."""

from __future__ import annotations

import sys

import atheris

INCLUDED = [
    "kiosk.protocols.scales",
    "kiosk.protocols.barcodes",
    "kiosk.messaging.contract",
    "kiosk.sorting_center.ingest.message_parsing",
]

with atheris.instrument_imports(include=INCLUDED):
    from tests.fuzz import targets
    from tests.fuzz.__main__ import TARGETS


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    engine = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[engine].target if engine in TARGETS else targets.target(engine))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
