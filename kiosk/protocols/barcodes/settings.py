"""What a village sets about codes."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.protocols.barcodes.gs1.digital_link import is_domain
from kiosk.protocols.barcodes.gs1.keys import CompanyPrefix
from kiosk.protocols.barcodes.in_store import InStoreLayout


@dataclass(frozen=True, slots=True)
class CodesSettings:
    """``company_prefix`` as GS1 has given it to the cooperative; "" has none: then labels carry the station's own codes
    and no GTIN or SSCC. ``link_domain`` is where the links on labels lead, "id.example.org"; "" has none. ``in_store``
    are layouts of numbers that scales of shops print, "20IIIIIWWWWWC".

    Raises ValueError with the field and what is allowed.
    """

    company_prefix: str = ""
    link_domain: str = ""
    in_store: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            _ = self.company
        except ValueError as error:
            raise ValueError(f"company_prefix: {error}") from None
        if self.link_domain and not is_domain(self.link_domain):
            raise ValueError(f"link_domain {self.link_domain!r} must be a domain like id.example.org")
        try:
            places = {(len(layout.text), layout.prefix) for layout in self.layouts}
        except ValueError as error:
            raise ValueError(f"in_store: {error}") from None
        if len(places) != len(self.in_store):
            raise ValueError("in_store: two layouts have the same length and prefix: only the first would be read")

    @property
    def company(self) -> CompanyPrefix | None:
        """Who may make numbers of GS1; None for nobody."""
        return CompanyPrefix(self.company_prefix) if self.company_prefix else None

    @property
    def layouts(self) -> tuple[InStoreLayout, ...]:
        """The layouts, in their order."""
        return tuple(InStoreLayout(text) for text in self.in_store)
