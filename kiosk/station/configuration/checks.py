"""What a document of the county holds: all of it is checked, and tried out, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256 as hash_of
from typing import Any, Final

import msgspec
from msgspec import UNSET

from kiosk.base.ed25519 import PUBLIC_BYTES
from kiosk.base.refused import Refused
from kiosk.domain.catalog import Catalog, Container, Names
from kiosk.domain.clerk import Clerk, Role
from kiosk.domain.configuration import RefusalReason
from kiosk.domain.moment import Moment
from kiosk.labels.layout import LABELS, LabelLayout
from kiosk.messaging.contract.catalog.file import read_containers, read_members, read_prices, read_products
from kiosk.messaging.contract.catalog.tables import (
    MAX_CONTAINERS,
    MAX_MEMBERS,
    MAX_PRICES,
    MAX_PRODUCTS,
    MemberTable,
)
from kiosk.messaging.contract.checkpoint import parse_checkpoint, parse_path
from kiosk.messaging.contract.configuration import (
    AnyPart,
    CheckpointRow,
    ClerkRow,
    ConfigurationDocument,
    CountySettings,
    KeyRow,
    ParcelRow,
    Part,
    from_base64,
    parse_part,
)
from kiosk.station.clerk.pin_hash import clean_person_name
from kiosk.station.papers.own_layouts import check_layout
from kiosk.station.parcels.expected_file import parse_row
from kiosk.station.shared.settings import StationSettings, receipt_text_checks
from kiosk.store.catalogs import PreparedCatalog, on_day
from kiosk.store.checkpoints import OfferedCheckpoint
from kiosk.store.county_documents import CheckedDocument
from kiosk.store.shared.records import ExpectedParcel

# The container of goods for which none is named: they are weighed as they are.
NO_CONTAINER: Final = Container("NONE", Names("يوق", "无", "None"), 0, "none")
_ED25519_KEY: Final = bytes.fromhex("302a300506032b6570032100")  # Before the 32 bytes of a public key, in DER
_MAX_ROWS: Final = {
    "goods": MAX_PRODUCTS,
    "prices": MAX_PRICES,
    "containers": MAX_CONTAINERS,
    "members": MAX_MEMBERS,
}


@dataclass(frozen=True, slots=True)
class LiveContent:
    """What of the document in force is no row of the database: label layouts, texts of the county, and what slips are
    checked with: the keys of all stations, and the receipts that were made void.
    """

    layouts: Mapping[str, LabelLayout]
    settings: CountySettings
    keys: tuple[KeyRow, ...] = ()
    voids: frozenset[str] = frozenset()

    def on_paper(self, station: StationSettings) -> StationSettings:
        """Return the station's settings with those that the county sets in their place."""
        given = {name: text for name, text in msgspec.structs.asdict(self.settings).items() if text is not None}
        return replace(station, **given) if given else station


NOTHING_LIVE: Final = LiveContent({}, CountySettings())


@dataclass(frozen=True, slots=True)
class WaitingDocument:
    """One that will be applied. ``why``: ``parts``, ``effective``, ``open_intake``, ``storage``, or why the station is
    busy (``busy_pan``, …); "" while that is not known yet.
    """

    content: bytes
    document: ConfigurationDocument
    why: str = ""

    @property
    def sha256(self) -> str:
        return hash_of(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class DocumentChecks:
    """Everything but signature, version and time. ``read_part`` gives the bytes that have a hash, None for none.

    Every method raises Refused with a ``RefusalReason``, and StoreError.
    """

    station: StationSettings
    read_part: Callable[[str], bytes | None]

    def check(
        self, found: WaitingDocument, before: ConfigurationDocument | None, catalog_before: Catalog, moment: Moment
    ) -> tuple[CheckedDocument, LiveContent]:
        """Return what is written, and what is used from then on. ``before`` and ``catalog_before`` are in force."""
        document = found.document
        parts = self._parts(document, document.parts)
        catalog, people = None, None
        parcels: tuple[ExpectedParcel, ...] = ()
        if _MAX_ROWS.keys() & parts.keys():
            whole = on_day(_catalog(parts, catalog_before), catalog_before, moment, document.issued[:10])
            catalog = PreparedCatalog.of(whole)
            _try_prices(catalog)
        if "clerks" in parts:
            with _refused_as(RefusalReason.CLERKS):
                people = _people(parts["clerks"].clerks)
        if "parcels" in parts:
            listed = self._parts(before, ["parcels"]) if before else {}
            with _refused_as(RefusalReason.PARCELS):
                known = set(listed["parcels"].parcels) if listed else set()
                parcels = tuple(_parcel(row) for row in parts["parcels"].parcels if row not in known)
        checkpoints: tuple[OfferedCheckpoint, ...] = ()
        judged = before.parts.get("checkpoints") if before is not None else None
        if "checkpoints" in parts and document.parts["checkpoints"] != judged:
            with _refused_as(RefusalReason.CHECKPOINTS):
                checkpoints = _checkpoints(document, parts["checkpoints"].checkpoints)
        return CheckedDocument(document, found.content, catalog, people, parcels, checkpoints), self._live(parts)

    def live(self, document: ConfigurationDocument) -> LiveContent:
        return self._live(self._parts(document, ["layouts", "settings", "keys", "voids"]))

    def part(self, part: Part) -> bytes:
        content = self.read_part(part.sha256)
        if content is None:
            raise Refused(RefusalReason.PART_MISSING, f"the part {part.sha256} is not there")
        if Part.of(content) != part:
            raise Refused(RefusalReason.PART_DAMAGED, f"the part {part.sha256} was changed")
        return content

    def _parts(self, document: ConfigurationDocument, names: Collection[str]) -> dict[str, Any]:
        found: dict[str, AnyPart] = {}
        for name in document.parts.keys() & names:
            content = self.part(document.parts[name])
            with _refused_as(RefusalReason(name)):
                found[name] = parse_part(name, content)
        return found

    def _live(self, parts: Mapping[str, Any]) -> LiveContent:
        with _refused_as(RefusalReason.LAYOUTS):
            layouts = parts["layouts"].layouts if "layouts" in parts else {}
            if not layouts.keys() <= LABELS.keys():
                raise ValueError(f"there are no such labels; there are {', '.join(LABELS)}")
            drawn = {kind: check_layout(kind, text) for kind, text in layouts.items()}
        live = LiveContent(
            drawn,
            parts["settings"].settings if "settings" in parts else CountySettings(),
            parts["keys"].keys if "keys" in parts else (),
            frozenset(parts["voids"].receipts if "voids" in parts else ()),
        )
        with _refused_as(RefusalReason.SETTINGS):
            for _, check in receipt_text_checks(live.on_paper(self.station)):
                check()
        return live


@contextmanager
def _refused_as(reason: RefusalReason) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Refused(reason, str(error)) from error


def _catalog(parts: Mapping[str, Any], before: Catalog) -> Catalog:
    """Build the catalog from the document; rows that it does not bring are kept from ``before``."""
    for name, limit in _MAX_ROWS.items():
        if name in parts and len(_rows(parts, name)) > limit:
            raise Refused(RefusalReason(name), f"there are more than {limit} {name}")
    catalog = before
    if "goods" in parts:
        with _refused_as(RefusalReason.GOODS):
            catalog = replace(catalog, products=read_products(_rows(parts, "goods"), "document"))
    if "goods" in parts or "prices" in parts:
        priced = _rows(parts, "prices") if "prices" in parts else before.prices
        with _refused_as(RefusalReason.PRICES):
            codes = {product.code for product in catalog.products}
            catalog = replace(catalog, prices=read_prices(priced, codes, "document"))
    if "containers" in parts:
        with _refused_as(RefusalReason.CONTAINERS):
            catalog = replace(catalog, containers=read_containers(_rows(parts, "containers"), "document"))
    if "members" in parts:
        rows = tuple(MemberTable(row.number, row.short_name, row.card or UNSET) for row in _rows(parts, "members"))
        with _refused_as(RefusalReason.MEMBERS):
            catalog = replace(catalog, members=read_members(rows, "document"))
    is_weighable = any(not row.weighed for row in catalog.containers)
    if catalog is not before and not is_weighable and catalog.container(NO_CONTAINER.code) is None:
        catalog = replace(catalog, containers=(NO_CONTAINER, *catalog.containers))
    return catalog


def _rows(parts: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """Return the rows of a part whose only field is a list."""
    (rows,) = msgspec.structs.astuple(parts[name])
    return tuple(rows)


def _try_prices(prepared: PreparedCatalog) -> None:
    """Read the catalog back from the bytes to be stored, and look up each price as the station will. Raises Refused."""
    read = prepared.read_back()
    found = (read.price(*pair) for pair in dict.fromkeys((row.product, row.mode) for row in read.prices))
    if read != prepared.catalog or any(price is not None and price < 1 for price in found):
        raise Refused(RefusalReason.SELF_TEST, "the catalog that was made does not read back")


def _people(rows: tuple[ClerkRow, ...]) -> tuple[Clerk, ...]:
    people = tuple(Clerk(row.number, clean_person_name(row.name), Role(row.role)) for row in rows)
    if len({person.number for person in people}) != len(people):
        raise ValueError("two people have one number")
    if not any(person.role is Role.TECHNICIAN for person in people):
        raise ValueError("there is no technician, and nobody could look after the station")
    return people


def _checkpoints(document: ConfigurationDocument, rows: tuple[CheckpointRow, ...]) -> tuple[OfferedCheckpoint, ...]:
    """Parse and verify the checkpoints. Raises ValueError for a note that is no checkpoint."""
    public, offered = _public_key(document), []
    for row in rows:
        signed = parse_checkpoint(row.note)
        is_signed = signed.checkpoint.region == document.region and signed.is_signed_by(public)
        offered.append(OfferedCheckpoint(signed.checkpoint, row.note, is_signed, row.from_size, parse_path(row.proof)))
    return tuple(offered)


def _public_key(document: ConfigurationDocument) -> bytes:
    """Find the key in the certificate, which was verified with the document; b"" unless it occurs exactly once.

    The key has one encoding (RFC 8410, section 4), so cryptography need not be loaded.
    """
    before, found, after = from_base64(document.certificate).partition(_ED25519_KEY)
    return after[:PUBLIC_BYTES] if found and _ED25519_KEY not in before + after else b""


def _parcel(row: ParcelRow) -> ExpectedParcel:
    return parse_row({name: text for name, text in msgspec.structs.asdict(row).items() if text})[0]
