"""What a browser has printed: the text of each sheet of a PDF, as Chromium writes one."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

_OBJECT: Final = re.compile(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_FONT: Final = re.compile(rb"/(F\d+) (\d+) 0 R")
_SHOWN: Final = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>|(?<=\n)(ET)")
_CHARACTERS: Final = re.compile(rb"begin(bfchar|bfrange)\n(.*?)end", re.DOTALL)
_PAGE: Final = re.compile(rb"/Type /Page\b")

Codes = Mapping[int, str]


class Printed:
    """Texts from left to right: letters of a script that runs from right to left stand in the order of the paper."""

    def __init__(self, pdf: bytes) -> None:
        self._objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
        self.sheets = [self._text(body) for _, body in sorted(self._objects.items()) if _PAGE.search(body)]

    def _text(self, page: bytes) -> str:
        fonts = {name: self._codes(int(number)) for name, number in _FONT.findall(self._resolved(page, b"Resources"))}
        text = "".join(_shown(self._stream(_reference(page, b"Contents")), fonts))
        return unicodedata.normalize("NFKC", text)

    def _resolved(self, body: bytes, key: bytes) -> bytes:
        return self._objects[_reference(body, key)] if re.search(rb"/%s \d+ 0 R" % key, body) else body

    def _codes(self, font: int) -> Codes:
        if b"/ToUnicode" not in self._objects[font]:
            return {}
        found: dict[int, str] = {}
        for kind, lines in _CHARACTERS.findall(self._stream(_reference(self._objects[font], b"ToUnicode"))):
            for line in lines.splitlines():
                first, *rest = re.findall(rb"<([0-9A-Fa-f]+)>", line)
                last, text = rest if kind == b"bfrange" else (first, *rest)
                start = bytes.fromhex(text.decode()).decode("utf-16-be")
                for number in range(int(last, 16) - int(first, 16) + 1):
                    found[int(first, 16) + number] = start[:-1] + chr(ord(start[-1]) + number)
        return found

    def _stream(self, number: int) -> bytes:
        head, _, rest = self._objects[number].partition(b"stream\n")
        content = rest.rpartition(b"\nendstream")[0]
        return zlib.decompress(content) if b"FlateDecode" in head else content


def _reference(body: bytes, key: bytes) -> int:
    found = re.search(rb"/%s (\d+) 0 R" % key, body)
    assert found is not None, key
    return int(found[1])


def _shown(content: bytes, fonts: Mapping[bytes, Codes]) -> Iterator[str]:
    codes: Codes = {}
    for font, text, end in _SHOWN.findall(content):
        if font:
            codes = fonts.get(font, {})
        elif end:
            yield "\n"
        else:
            yield "".join(codes.get(int(text[at : at + 4], 16), "") for at in range(0, len(text), 4))
