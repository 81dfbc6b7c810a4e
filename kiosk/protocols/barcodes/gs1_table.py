"""The application identifiers (AI) the station knows, as rows. Figures of the GS1 General Specifications, section 3.2.

A format is written as parts: ``n6`` six digits, ``n..8`` one to eight digits, ``x20``/``x..20`` the same in character
set 82, ``a2`` in set 39, ``f..90`` in the set of file-safe base 64; in square brackets a part that may be absent.
A rule after ``:`` is checked too: ``key`` (last digit is the check digit), ``date`` (YYMMDD), ``day0`` (YYMMDD, day
00 allowed), ``time`` (HHMM or HH), ``zero`` (the digit 0), ``bit`` (0 or 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_CSET_82 = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_CSET_39 = frozenset("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CSET_64 = frozenset("-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
CHARSETS: Mapping[str, frozenset[str]] = {
    "n": frozenset("0123456789"),
    "x": _CSET_82,
    "a": _CSET_39,
    "f": _CSET_64,
}

_ROWS = """\
00            n18:key
01 02 03      n14:key
10 21 22 243  x..20
11 12 13      n6:day0
15 16 17      n6:day0
20            n2
235           x..28
240 241       x..30
242           n..6
250 251       x..30
253           n13:key [x..17]
254           x..20
255           n13:key [n..12]
30 37         n..8
310-316/0-5   n6
320-329/0-5   n6
330-337/0-5   n6
340-349/0-5   n6
350-357/0-5   n6
360-369/0-5   n6
390/0-9       n..15
391/0-9       n3 n..15
392/0-9       n..15
393/0-9       n3 n..15
394/0-3       n4
395/0-5       n6
400 401 403   x..30
402           n17:key
410-417       n13:key
420           x..20
421           n3 x..9
422 424 426   n3
423 425       n3 [n3] [n3] [n3] [n3]
427           x..3
4300 4301     x..35
4302-4306     x..70
4307 4317     x2
4308          x..30
4309          n20
4310 4311     x..35
4312-4316     x..70
4318          x..20
4319          x..30
4320          x..35
4321-4323     n1:bit
4324 4325     n6:day0 n4
4326          n6:date
4330-4333     n6 [x1]
7001          n13
7002          x..30
7003          n6:date n4:time
7004          n..4
7005          x..12
7006          n6:date
7007          n6:date [n6:date]
7008          x..3
7009          x..10
7010          x..2
7011          n6:date [n4:time]
7020-7022     x..20
7023          x..30
7030-7039     n3 x..27
7040          n1 x3
7041          x..4
710-717       x..20
7230-7239     x2 x..28
7240          x..20
7241          n2
7242          x..25
7250          n8
7251          n12
7252          n1
7253 7254     x..40
7255          x..10
7256          x..90
7257          x..70
7258          x3
7259          x..40
8001          n14
8002          x..20
8003          n1:zero n13:key [x..16]
8004          x..30
8005          n6
8006 8026     n14:key n4
8007          x..34
8008          n6:date n2:time [n2] [n2]
8009          x..50
8010          a..30
8011          n..12
8012 8020     x..20
8013          x..25
8017 8018     n18:key
8019          n..10
8030          f..90
8110 8112     x..70
8111          n4
8200          x..70
90            x..30
91-99         x..90
"""

PREDEFINED_LENGTH: Mapping[str, int] = {
    "00": 20,
    **dict.fromkeys(("01", "02", "03", "41"), 16),
    "04": 18,
    "20": 4,
    **{str(start): 8 for start in range(11, 20)},
    **{str(start): 10 for start in range(31, 37)},
}
"""First two digits of an AI to the length of AI and value together (General Specifications, figure 7.8.5-2).

These need no separator after them; every other AI does, whether its length is fixed or not.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a value: ``least`` to ``most`` characters of ``charset``; ``rule`` is "" or a word from above."""

    charset: str
    least: int
    most: int
    rule: str
    may_be_absent: bool


_PART = re.compile(r"(\[?)([nxaf])(\.\.)?([0-9]+)(?::([a-z0-9]+))?(\]?)")
_RANGE = re.compile(r"([0-9]+)(?:-([0-9]+))?(?:/([0-9])-([0-9]))?")


def _part(text: str) -> Part:
    match = _PART.fullmatch(text)
    assert match is not None, text
    opened, charset, up_to, most, rule, _ = match.groups()
    return Part(charset, 1 if up_to else int(most), int(most), rule or "", bool(opened))


def _identifiers(text: str) -> Iterator[str]:
    """ "410-417" and "310-316/0-5" as the identifiers they stand for."""
    match = _RANGE.fullmatch(text)
    assert match is not None, text
    first, last, low, high = match.groups()
    for number in range(int(first), int(last or first) + 1):
        stem = str(number).zfill(len(first))
        yield from [stem] if low is None else [f"{stem}{place}" for place in range(int(low), int(high) + 1)]


def _table() -> Mapping[str, tuple[Part, ...]]:
    table: dict[str, tuple[Part, ...]] = {}
    for line in _ROWS.splitlines():
        words = line.split()
        parts = tuple(_part(word) for word in words if not word[0].isdigit())
        for word in words:
            if word[0].isdigit():
                table |= dict.fromkeys(_identifiers(word), parts)
    return table


FORMATS: Mapping[str, tuple[Part, ...]] = _table()
"""Identifier to the parts of its value. No identifier is the beginning of another."""
