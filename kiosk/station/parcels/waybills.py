"""A waybill as it is kept: its number alone, whatever the bar code says beside it."""

from __future__ import annotations

from kiosk.protocols.barcodes.waybills import MAX_LENGTH, MIN_LENGTH, PackageIndex, Waybill, split_package


def waybill_key(found: Waybill) -> str | None:
    """Letters and digits alone and without its package; None for what can be no waybill's."""
    key = split_package(found.normalized)[0].replace("-", "")
    return key if MIN_LENGTH <= len(key) <= MAX_LENGTH and key.isascii() and key.isalnum() else None


def package_of(found: Waybill) -> PackageIndex | None:
    """The package a bar code is on, where its waybill has more than one."""
    package = split_package(found.normalized)[1]
    return package if package is not None and package.total > 1 else None
