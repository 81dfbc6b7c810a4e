"""Which rules weighed: a version and eight hex digits of this package's own content (WELMEC 7.2, P2/U2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

METROLOGY_VERSION = "1"


def metrology_id(sources: Mapping[str, bytes]) -> str:
    """Return ``1+a91f03c7``: the version and the first 8 hex digits of SHA-256 over the sorted names and contents.

    The caller reads the files of this package (and of ``mass``, ``money``, ``intake``) and passes them in.
    """
    digest = hashlib.sha256()
    for name in sorted(sources):
        content = sources[name].replace(b"\r\n", b"\n")
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return f"{METROLOGY_VERSION}+{digest.hexdigest()[:8]}"
