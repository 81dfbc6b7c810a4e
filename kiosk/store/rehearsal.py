"""An intake that is written and taken back: the trial of a new release shows with it that it can write one."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from kiosk.domain.intake import TareSource, Weighing
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.store.database.tables import Tables
from kiosk.store.intakes import confirm_intake, open_intake
from kiosk.store.shared.records import ChosenGoods, Stamp

_TOKEN: Final = "rehearsal"  # noqa: S105 - of no person and no session
_WEIGHING: Final = Weighing(1000, reading_no=1, load_no=1, stable_ms=1000, readings=10)


class _Rollback(Exception): ...


class Rehearsal(Tables):
    """Leaves nothing behind: no number is taken, no event written."""

    def intake(self, catalog_version: int, product: str, metrology: str, stamp: Stamp) -> None:
        """Open one, confirm one, take both back. Raises StoreError when it cannot be done."""
        goods = ChosenGoods(Party(None), product, Mode.CONSIGNMENT, catalog_version, 100)
        certificate = Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED)

        def work(connection: Connection) -> None:
            opened = open_intake(connection, goods, stamp)
            weighed = opened.with_bag(_WEIGHING, "BARE", TareSource.PRESET, 0)
            confirm_intake(connection, weighed.confirm(certificate), _TOKEN, lambda head: [], metrology, stamp)
            raise _Rollback

        try:
            self.database.write(work)
        except _Rollback:
            return
