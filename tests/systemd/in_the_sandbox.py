"""Runs inside the station's own sandbox in the booted box and prints, as JSON, what it could do there."""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
from collections.abc import Callable
from pathlib import Path


def refused(work: Callable[[], object]) -> str:
    """The name of the error that the work ends with; ``done`` when it does not."""
    try:
        work()
    except TimeoutError:
        return "nothing comes back"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def libraries() -> str:
    """Each native library does something, not only load."""
    import argon2
    import barcode
    import cryptography.fernet
    import cv2
    import msgspec
    import numpy
    import zxingcpp
    from PIL import Image
    from sqlalchemy import create_engine, text

    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
    assert hasher.verify(hasher.hash("274193"), "274193")
    cryptography.fernet.Fernet(cryptography.fernet.Fernet.generate_key()).encrypt(b"x")
    picture = numpy.full((200, 300, 3), 200, numpy.uint8)
    assert cv2.imencode(".jpg", cv2.GaussianBlur(picture, (5, 5), 0))[0]
    assert numpy.linalg.inv(numpy.eye(50)).sum() == 50
    assert zxingcpp.read_barcodes(picture) == []
    assert Image.fromarray(picture).convert("1").size == (300, 200)
    assert barcode.get_barcode_class("code128")("KIOSK").build()
    assert msgspec.json.decode(msgspec.json.encode({"a": 1})) == {"a": 1}
    with create_engine("sqlite://").connect() as connection:
        assert connection.execute(text("select 1")).scalar() == 1
    return "used"


def connect(address: str) -> Callable[[], object]:
    def work() -> None:
        socket.create_connection((address, 9), timeout=1.0).close()

    return work


def executable_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    place = libc.mmap(None, ctypes.c_size_t(4096), protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")


def main() -> None:
    found = {
        "libraries": libraries(),
        "boot id": len(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()) == 36,
        "key": len((Path(os.environ["CREDENTIALS_DIRECTORY"]) / "pickup-key").read_text(encoding="ascii").strip()),
        "/dev/late-scale": refused(lambda: os.open("/dev/late-scale", os.O_RDWR)),
        "/dev/other": refused(lambda: os.open("/dev/other", os.O_RDWR)),
        "loopback": refused(connect("127.0.0.1")),
        "another address": refused(connect("10.99.99.99")),
        "writable and executable memory": refused(executable_memory),
        "/usr": refused(lambda: Path("/usr/mark").touch()),
        "/home": refused(lambda: list(Path("/home").iterdir())),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
