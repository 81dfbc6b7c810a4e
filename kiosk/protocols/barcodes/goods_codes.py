"""The numbers and codes on goods, by what a village has set: GS1 text and link of a bag or crate, number for a shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kiosk.protocols.barcodes.gs1.digital_link import build_digital_link, is_domain
from kiosk.protocols.barcodes.gs1.elements import to_bracketed
from kiosk.protocols.barcodes.gs1.keys import BadGs1Key, CompanyPrefix, Crate, Gs1Bag, bag_elements, crate_elements
from kiosk.protocols.barcodes.in_store import BadLayout, InStoreLayout, InStoreNumber

_EAN13_DIGITS: Final = 13


@dataclass(frozen=True, slots=True)
class BagSymbols:
    """``gs1`` is a bracketed element string, ``link`` an address; "" means none."""

    gs1: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class CrateSymbols:
    """``sscc`` has 18 digits; ``gs1`` is a bracketed element string that begins with it, ``link`` an address; "" means
    none.
    """

    sscc: str = ""
    gs1: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class CodesSettings:
    """``company_prefix`` as GS1 has given it to the cooperative; "" has none: then labels carry the station's own codes
    and no GTIN or SSCC. ``items`` gives goods of the catalog, by their code, the item reference behind that prefix: it
    is the cooperative that hands these out. ``link_domain`` is where the links on labels lead, "id.example.org"; "" has
    none. ``in_store`` are layouts of numbers that scales of shops print, "20IIIIIWWWWWC". ``shop_layout`` is the one of
    thirteen digits that bags carry for the till of a shop, "" for none; ``shop_items`` gives goods of the catalog their
    item number in it.

    Raises ValueError with the field and what is allowed.
    """

    company_prefix: str = ""
    items: Mapping[str, int] = field(default_factory=dict)
    link_domain: str = ""
    in_store: tuple[str, ...] = ()
    shop_layout: str = ""
    shop_items: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            _ = self.company
        except ValueError as error:
            raise ValueError(f"company_prefix: {error}") from None
        self._check_items()
        if self.link_domain and not is_domain(self.link_domain):
            raise ValueError(f"link_domain {self.link_domain!r} must be a domain like id.example.org")
        try:
            places = {(len(layout.text), layout.prefix) for layout in self.layouts}
        except ValueError as error:
            raise ValueError(f"in_store: {error}") from None
        if len(places) != len(self.in_store):
            raise ValueError("in_store: two layouts have the same length and prefix: only the first would be read")
        self._check_shop()

    def _check_items(self) -> None:
        if self.items and self.company is None:
            raise ValueError("items need a company_prefix to stand behind")
        if len(set(self.items.values())) != len(self.items):
            raise ValueError("items: two goods have the same item reference")
        for product, item in self.items.items():
            try:
                _ = self.company and self.company.gtin(item)
            except ValueError as error:
                raise ValueError(f"items: {product}: {error}") from None

    def _check_shop(self) -> None:
        if not self.shop_layout:
            if self.shop_items:
                raise ValueError("shop_items need a shop_layout")
            return
        try:
            layout = InStoreLayout(self.shop_layout)
        except ValueError as error:
            raise ValueError(f"shop_layout: {error}") from None
        if len(layout.text) != _EAN13_DIGITS:
            raise ValueError(f"shop_layout {layout.text!r} must have {_EAN13_DIGITS} digits: bars of a till are EAN-13")
        if len(set(self.shop_items.values())) != len(self.shop_items):
            raise ValueError("shop_items: two goods have the same item number")
        for product, item in self.shop_items.items():
            if not 0 <= item < 10 ** layout.text.count("I"):
                raise ValueError(f"shop_items: {product}: {item} is not the {layout.text.count('I')} digits of I")

    def in_store_number(self, product: str, net_g: int, amount_fen: int) -> str:
        """Return thirteen digits for the till of a shop; "" for goods without an item number, and for a weight or an
        amount that does not fit the layout.
        """
        item = self.shop_items.get(product)
        if item is None:
            return ""
        layout = InStoreLayout(self.shop_layout)
        content = InStoreNumber(
            str(item), net_g if "W" in layout.text else None, amount_fen if "P" in layout.text else None
        )
        try:
            return layout.number(content)
        except BadLayout:
            return ""

    def crate_symbols(self, product: str, crate: Crate) -> CrateSymbols:
        """Return the content of a crate's symbols; empty without a prefix, or when it has no SSCC left."""
        if self.company is None:
            return CrateSymbols()
        try:
            elements = crate_elements(self.company, self.items.get(product), crate)
        except BadGs1Key:
            return CrateSymbols()
        sscc = elements[:1]
        link = build_digital_link(self.link_domain, sscc) if self.link_domain else ""
        return CrateSymbols(sscc[0][1], to_bracketed(elements), link)

    def bag_symbols(self, product: str, bag: Gs1Bag) -> BagSymbols:
        """Return the content of the symbol and the link on a bag; empty for goods without a GS1 item number.

        Empty also for a weight that does not fit GS1: such a bag is booked with the station's own code.
        """
        item = self.items.get(product)
        if self.company is None or item is None:
            return BagSymbols()
        try:
            elements = bag_elements(self.company, item, bag)
        except BadGs1Key:
            return BagSymbols()
        link = build_digital_link(self.link_domain, elements) if self.link_domain else ""
        return BagSymbols(to_bracketed(elements), link)

    @property
    def company(self) -> CompanyPrefix | None:
        """Who may make numbers of GS1; None for nobody."""
        return CompanyPrefix(self.company_prefix) if self.company_prefix else None

    @property
    def layouts(self) -> tuple[InStoreLayout, ...]:
        return tuple(InStoreLayout(text) for text in self.in_store)
