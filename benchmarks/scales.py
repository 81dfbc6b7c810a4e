"""Decoding of a scale's stream: frames a second, and what a decoder keeps."""

from __future__ import annotations

import re
import sys
import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks.measure import Row
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading

FRAMES = 50_000
CALL = 64
"""Bytes a call, about what one read of a serial port brings."""
LEAST = 20_000
NAIVE = {
    "xk3190_tf0": re.compile(rb"\x02([+-])([0-9]{6})([0-9])..\x03"),
    "st_gs_csv": re.compile(rb"(ST|US),(GS|NT),([-+ 0-9.]+)(kg)\r\n"),
}
"""What is found in many a script: a regular expression over all bytes at once, no check, no resynchronising."""


def stream(protocol: str) -> bytes:
    """As many frames as are measured, each with another weight."""
    row, params = registry.get(protocol), registry.defaults(protocol)
    shown = (DisplayState(Decimal(number % 30_000).scaleb(-3)) for number in range(FRAMES))
    return b"".join(row.encode_frame(one, params) for one in shown)


def per_second(work: Callable[[], int]) -> float:
    """Frames a second, the best of three."""
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        found = work()
        best = max(best, found / (time.perf_counter() - start))
        if found != FRAMES:
            raise RuntimeError(f"{found} of {FRAMES} frames")
    return best


def decoded(protocol: str, data: bytes) -> int:
    """How many readings the station's decoder gets out of the stream in small calls."""
    decoder = registry.decoder(protocol, {})
    found = 0
    for at in range(0, len(data), CALL):
        found += sum(isinstance(item, Reading) for item in decoder.feed(data[at : at + CALL]))
    return found


def naive(protocol: str, data: bytes) -> int:
    """The same numbers by a regular expression over the whole stream."""
    if protocol == "xk3190_tf0":
        return len([Decimal(int(m[2])).scaleb(-int(m[3])) for m in NAIVE[protocol].finditer(data)])
    return len([Decimal(m[3].replace(b" ", b"").decode()) for m in NAIVE[protocol].finditer(data)])


def kept_bytes(protocol: str) -> int:
    """Memory a decoder holds after a megabyte that never ends a frame, over what it held when it was new."""
    decoder = registry.decoder(protocol, {})
    block = registry.get(protocol).encode_frame(DisplayState(Decimal("12.450")), registry.defaults(protocol))[:-3]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(1_000_000 // len(block)):
        decoder.feed(block)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after - before


def run(folder: Path) -> list[Row]:
    """Both formats, each beside its baseline; nothing is written to the folder."""
    rows = []
    for protocol in NAIVE:
        data = stream(protocol)
        rows.append(
            Row(
                f"decoding {protocol}",
                per_second(partial(decoded, protocol, data)),
                "frames/s",
                baseline=per_second(partial(naive, protocol, data)),
                baseline_name="one regular expression, no check",
                least=LEAST,
            )
        )
        rows.append(Row(f"kept by {protocol} without an end", kept_bytes(protocol), "bytes", 4096))
    return rows


if __name__ == "__main__":
    for row in run(Path()):
        sys.stdout.write(f"{row}\n")
