"""The store's failures as words for the clerk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.domain.parcel import ParcelRefused
from kiosk.station.counter.view import CounterRefused
from kiosk.store.errors import ALTERED, DiskFull, StoreError, StoreRefusal

logger = logging.getLogger(__name__)

_WORDS = {"code_used": "wrong_code", "not_unknown": "stale_page"}
"""Refusals of the store that the person in front meets under another name."""


@contextmanager
def refusing() -> Iterator[None]:
    """Turn a failure of the store into a CounterRefused; what was committed before stays safe."""
    try:
        yield
    except StoreRefusal as error:
        if error.code == ALTERED:
            logger.error("%s", error)
        raise CounterRefused(_WORDS.get(error.code, error.code), str(error), values=error.values) from error
    except ParcelRefused as error:
        raise CounterRefused(_WORDS.get(error.code, error.code), str(error)) from error
    except DiskFull as error:
        logger.error("the disk is full: %s", error)
        raise CounterRefused("disk_full", str(error)) from error
    except StoreError as error:
        logger.error("the store refused: %s", error)
        raise CounterRefused("store_failed", str(error)) from error
