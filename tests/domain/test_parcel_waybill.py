from __future__ import annotations

import hashlib

import pytest

from kiosk.domain.parcel import normalize, waybill_digest, waybill_hash


def test_scanned_or_typed_it_is_one_number_with_one_digest(subtests: pytest.Subtests) -> None:
    for text, plain in [
        ("SF1385000000001", "SF1385000000001"),
        ("sf 1385 0000", "SF13850000"),
        ("ＳＦ１３８５", "SF1385"),
        ("]C1SF1385000000001", "SF1385000000001"),
        ("\ufeffSF1385", "SF1385"),
        ("SF1385\r\n", "SF1385"),
        ("JD-0112 345-1-", "JD-0112345-1-"),
        ("\u3000sf1385\u3000", "SF1385"),
        ("ئۇ1", "ئۇ1"),
    ]:
        with subtests.test(text=text, plain=plain):
            assert normalize(text) == plain
            assert waybill_hash(plain) == hashlib.sha256(plain.encode()).digest()
            assert waybill_digest(normalize(text)) == hashlib.sha256(plain.encode()).hexdigest()[:8]
