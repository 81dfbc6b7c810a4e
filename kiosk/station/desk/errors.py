"""The store's failures as words for the person in front."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.station.desk.view import DeskRefused
from kiosk.store.shared.errors import DatabaseDamaged, DiskFull, StoreError, StoreRefusal

logger = logging.getLogger(__name__)


@contextmanager
def as_desk_refusals() -> Iterator[None]:
    """Turn a failure of the store into a DeskRefused; what was committed before stays safe."""
    try:
        yield
    except DiskFull as error:
        logger.error("the disk is full: %s", error)
        raise DeskRefused("disk_full", str(error)) from error
    except DatabaseDamaged as error:
        logger.error("the database is damaged: %s", error)
        raise DeskRefused("damaged_store", str(error)) from error
    except StoreRefusal as refusal:
        raise DeskRefused(refusal.code, str(refusal)) from refusal
    except StoreError as error:
        logger.error("the store refused: %s", error)
        raise DeskRefused("store_failed", str(error)) from error
