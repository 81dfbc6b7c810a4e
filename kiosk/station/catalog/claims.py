"""Words that no offer of goods may have: the texts of the catalog go out to buyers as they are."""

from __future__ import annotations

import re
from typing import Final

from kiosk.station.catalog.name_rules import BadName

# Advertising Law of the PRC, article 9 (3): "national level", "highest level", "best" and words like them.
_SUPERLATIVES: Final = re.compile(
    "最|第一|唯一|独一无二|国家级|世界级|顶级|顶尖|极品|极致|首选|冠军|绝无仅有|史无前例|无与伦比"
    r"|\b(?:best|finest|greatest|most|number one|no\. ?1|world[- ]class|national[- ]level|unique|unrivalled)\b"
    r"|(?<!\w)(?:ئەڭ|بىرىنچى|دۆلەت دەرىجىلىك|دۇنياۋى دەرىجىلىك)(?!\w)",
    re.IGNORECASE,
)
# Advertising Law, article 17, and Food Safety Law, article 73: food neither prevents nor treats a disease.
_CURES: Final = re.compile(
    r"治疗|疗效|治病|防病|抗癌|防癌|降血|降压|降糖|保健"
    r"|\b(?:cures?|heals?|healing|medicinal|diseases?|anti-?cancer|blood (?:pressure|sugar))\b"
    r"|داۋالا|شىپالىق|كېسەل",
    re.IGNORECASE,
)
# Only goods with a certificate may be called so, and the catalog has no place for one.
_ORGANIC: Final = re.compile(r"有机|绿色食品|\borganic(?:ally)?\b|\bgreen food\b|ئورگانىك", re.IGNORECASE)

_RULES: Final = (
    (_SUPERLATIVES, "which advertising law forbids: say what the goods are, not that they are above others"),
    (_CURES, "but food may not be said to be good for health"),
    (_ORGANIC, "which only certified goods may be called"),
)


def reject_claims(text: str) -> str:
    """The text unchanged. Raises BadWord, which names the word."""
    for rule, why in _RULES:
        if found := rule.search(text):
            raise BadName(f"says {found[0]!r}, {why}")
    return text
