"""Who sells, and how buyers reach them: what a county says about itself in the options of the storefront."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup

from kiosk.domain.events.photo import WordsData
from kiosk.protocols.barcodes import matrix
from kiosk.texts.plain import plain

_MAX_LENGTHS: Final = {"seller_zh": 120, "seller_ug": 120, "seller_en": 120, "licence": 60}
_MAX_CHAT: Final = 300
_PHONE: Final = re.compile(r"\+?[0-9](?:[0-9 ()-]{1,28})[0-9]")
_CHAT: Final = re.compile(r"[!#-;=?-~]+")  # Printable ASCII, without quotes and brackets of markup


class BadSeller(ValueError):
    """The text names the option and what would do."""


class Seller(msgspec.Struct, frozen=True, kw_only=True):
    """Each is empty when nothing is to be shown. ``chat``: an address that opens a conversation."""

    seller_zh: str = ""
    seller_ug: str = ""
    seller_en: str = ""
    licence: str = ""
    phone: str = ""
    chat: str = ""

    def checked(self) -> Seller:
        """Return a checked copy without surrounding spaces. Raises BadSeller."""
        made = Seller(**{name: text.strip() for name, text in msgspec.structs.asdict(self).items()})
        for name, limit in _MAX_LENGTHS.items():
            if getattr(made, name) != plain(getattr(made, name), limit):
                raise BadSeller(f"--{name.replace('_', '-')}: one line of at most {limit} characters")
        if made.phone and not _PHONE.fullmatch(made.phone):
            raise BadSeller(f"--phone {made.phone!r}: a telephone number like +86 998 555 0147")
        if made.chat and not _is_chat(made.chat):
            raise BadSeller(f"--chat {made.chat[:60]!r}: an address like https://work.weixin.qq.com/… or weixin://…")
        return made

    @property
    def name(self) -> WordsData:
        return WordsData(ug=self.seller_ug, zh=self.seller_zh, en=self.seller_en)

    @property
    def phone_url(self) -> str:
        return "tel:" + re.sub(r"[^0-9+]", "", self.phone)


NO_SELLER: Final = Seller()


def qr_svg(address: str, label: str) -> Markup:
    """Draw a QR code to be scanned from a screen or from paper, black on white in any style."""
    rows = matrix.qr_modules(address)
    side = len(rows) + 2 * matrix.QUIET_ZONE_MODULES
    return Markup(
        '<svg class="qr" role="img" aria-label="{}" viewBox="0 0 {} {}" shape-rendering="crispEdges">'
        '<path fill="#fff" d="M0 0h{}v{}H0z"/><path fill="#000" d="{}"/></svg>'
    ).format(label, side, side, side, side, matrix.svg_path(rows))


def _is_chat(address: str) -> bool:
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
    is_known = has_host and parts.scheme in ("https", "weixin")
    return is_known and len(address) <= _MAX_CHAT and _CHAT.fullmatch(address) is not None
