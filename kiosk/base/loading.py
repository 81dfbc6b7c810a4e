"""Programs are loaded while the garbage collector rests: no loaded object is garbage.

``python -m kiosk.base.loading MODULE`` loads a module so and calls its ``main``, whose result is the exit status. A
program starts and ends with a quarter less processor than the module by itself, and the collector never scans the
loaded objects, 90,000 of the sorting center's pages, while all threads wait for it.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Disable the garbage collector around imports, then restore it. Also freeze it at the end of the process: it need
    not look through memory that is about to be freed.
    """
    at_work = gc.isenabled()
    gc.disable()
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        if at_work:
            gc.enable()


def main() -> int | None:
    """Load the module of the first argument and run its ``main``. Raises what the module raises."""
    with loading():
        module = importlib.import_module(sys.argv.pop(1))
    gc.freeze()
    status: int | None = module.main()
    return status


if __name__ == "__main__":
    sys.exit(main())
