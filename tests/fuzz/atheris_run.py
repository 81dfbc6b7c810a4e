"""``python -m tests.fuzz.atheris_run ENGINE [libFuzzer's arguments]``: one target until libFuzzer ends."""

from __future__ import annotations

import sys

import atheris

INCLUDED = ["kiosk.protocols.scales", "kiosk.messaging.contract", "kiosk.sorting_center.ingest.reading"]

with atheris.instrument_imports(include=INCLUDED):
    from tests.fuzz import messages, targets


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    engine = sys.argv.pop(1)
    atheris.Setup(sys.argv, messages.target if engine == messages.NAME else targets.target(engine))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
