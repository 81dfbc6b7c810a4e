"""What can be brought in, at which price, in which container: one immutable version at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.domain.trade import Mode, Party


@dataclass(frozen=True, slots=True)
class Names:
    """One thing in the three languages of the station."""

    ug: str
    zh: str
    en: str


class Allergen(StrEnum):
    """What a package must warn of: the eight kinds of GB 7718, and for whom honey is not."""

    GLUTEN = "gluten"
    CRUSTACEANS = "crustaceans"
    FISH = "fish"
    EGGS = "eggs"
    PEANUTS = "peanuts"
    SOYBEANS = "soybeans"
    MILK = "milk"
    TREE_NUTS = "tree_nuts"
    NOT_FOR_INFANTS = "not_for_infants"


@dataclass(frozen=True, slots=True)
class Grade:
    code: str
    names: Names


@dataclass(frozen=True, slots=True)
class Origin:
    code: str
    names: Names


@dataclass(frozen=True, slots=True)
class Pack:
    """What a buyer gets at once, and for how much."""

    net_g: int
    price_fen: int


@dataclass(frozen=True, slots=True)
class Sale:
    """The description of a product for buyers, and how it is packed for them."""

    title: Names
    story: Names  # Each may be empty: not written yet
    storage: Names
    origin: Origin
    grades: tuple[Grade, ...]  # Empty for goods without grades; the first is offered
    harvest: str  # `2026-09`; empty when unknown
    allergens: tuple[Allergen, ...]
    packs: tuple[Pack, ...]  # At least one; the first is offered


@dataclass(frozen=True, slots=True)
class Product:
    """Goods that can be chosen; ``picture`` names a drawing. Those without ``sale`` are not offered to buyers."""

    code: str
    names: Names
    picture: str
    sale: Sale | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """``since`` is the first day it holds, ``2026-12-01``; "" for one that holds until another one begins."""

    product: str
    mode: Mode
    fen_per_kg: int
    since: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """What holds goods on the pan: a preset tare in grams, or weighed empty on the pan first."""

    code: str
    names: Names
    tare_g: int
    picture: str
    weighed: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A member number, the short name the counter sees, and the code on the card."""

    number: str
    short_name: str
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Goods, prices and members as the county or a file gives them; checked by the reader before they get here.

    ``day`` is the day whose prices are in force, "" where no price has a date.
    """

    products: tuple[Product, ...]
    prices: tuple[Price, ...]
    containers: tuple[Container, ...]
    members: tuple[Member, ...]
    day: str = ""

    def product(self, code: str) -> Product | None:
        return next((row for row in self.products if row.code == code), None)

    def container(self, code: str) -> Container | None:
        return next((row for row in self.containers if row.code == code), None)

    def price(self, product: str, mode: Mode) -> int | None:
        """Return the fen per kilogram on ``day``, of the newest price that has begun; None when there is none.

        All price lookups go through here: two of them would disagree on some day.
        """
        started = [row for row in self.prices if (row.product, row.mode) == (product, mode) and row.since <= self.day]
        return max(started, key=lambda row: row.since).fen_per_kg if started else None

    def modes(self, product: str) -> tuple[Mode, ...]:
        """Return the modes with a price for this product, in the order of the price list; the first is offered."""
        listed = dict.fromkeys(row.mode for row in self.prices if row.product == product)
        return tuple(mode for mode in listed if self.price(product, mode) is not None)

    def member(self, number: str) -> Member | None:
        return next((row for row in self.members if row.number == number), None)

    def member_by_card(self, card: str) -> Member | None:
        return next((row for row in self.members if row.card == card), None)

    def accepts_party(self, party: Party) -> bool:
        """Return whether the party may be booked: a non-member always, a member when listed."""
        return party.member is None or self.member(party.member) is not None


EMPTY_CATALOG = Catalog((), (), (), ())
