"""Acting as somebody else: root's helper touches the station's folder with the rights of its owner, and no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_ROOT: Final = 0


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Whatever a link in this folder points at, only what its owner may do is done. One thread alone may use this.

    For any other user than root, and in a folder of root's own, nothing changes. Raises OSError.
    """
    found = folder.stat()
    if os.geteuid() != _ROOT or found.st_uid == _ROOT:
        yield
        return
    group = os.getegid()
    os.setegid(found.st_gid)
    try:
        os.seteuid(found.st_uid)
        try:
            yield
        finally:
            os.seteuid(_ROOT)
    finally:
        os.setegid(group)
