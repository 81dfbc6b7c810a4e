"""``python -m tests.fuzz.atheris_run ENGINE [libFuzzer's arguments]``: one target until libFuzzer ends."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["kiosk.protocols.scales"]):
    from tests.fuzz import targets


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    engine = sys.argv.pop(1)
    atheris.Setup(sys.argv, targets.target(engine))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
