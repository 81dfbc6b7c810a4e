"""What every process begins with."""

from __future__ import annotations

import subprocess
import sys


def test_threads_share_two_arenas() -> None:
    """Twelve threads that each hold memory would otherwise have arenas of their own (glibc's malloc_info(3))."""
    code = (
        "import ctypes, re, threading, tempfile\n"
        "from kiosk.app.process import limit_malloc\n"
        "limit_malloc()\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.fopen.restype = ctypes.c_void_p\n"
        "done = threading.Barrier(13)\n"
        "def hold():\n"
        "    kept = [libc.malloc(2000) for _ in range(100)]\n"
        "    done.wait(); done.wait()\n"
        "threads = [threading.Thread(target=hold) for _ in range(12)]\n"
        "[thread.start() for thread in threads]\n"
        "done.wait()\n"
        "with tempfile.NamedTemporaryFile() as file:\n"
        "    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b'w'))\n"
        "    libc.malloc_info(0, stream); libc.fclose(stream)\n"
        "    print(len(re.findall('<heap nr=', open(file.name).read())))\n"
        "done.wait()\n"
    )
    heaps = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(heaps) <= 2
