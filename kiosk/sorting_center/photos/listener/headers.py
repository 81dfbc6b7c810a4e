"""Headers of a request, read in one way only: what two readers could take for different things is refused."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, Final

from cheroot.server import HeaderReader

_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x20-\x7e]{0,1024}?)[ \t]*\r\n")
_MAX_HEADERS: Final = 32


class StrictHeaders(HeaderReader):
    """No header twice, none folded over lines, nothing but printable ASCII, no body but one of a told length."""

    def __call__(self, rfile: Any, hdict: MutableMapping[bytes, bytes] | None = None) -> MutableMapping[bytes, bytes]:
        """Into ``hdict``; raises ValueError with what is wrong, which ends the connection."""
        found: MutableMapping[bytes, bytes] = {} if hdict is None else hdict
        for _ in range(_MAX_HEADERS + 1):
            line = rfile.readline()
            if line == b"\r\n":
                return found
            match = _LINE.fullmatch(line)
            if match is None:
                raise ValueError("a header is not readable")
            name, value = match[1].title(), match[2]
            if name in found:
                raise ValueError("a header is there twice")
            if name == b"Transfer-Encoding":
                raise ValueError("a body has a Content-Length here, and is sent as it is")
            if name == b"Content-Length" and re.fullmatch(rb"[0-9]{1,10}", value) is None:
                raise ValueError("Content-Length is no number")
            found[name] = value
        raise ValueError("there are too many headers")
