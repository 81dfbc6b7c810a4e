"""How the counter says no, the store's failures included."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.base.refused import Refused
from kiosk.domain.parcel import ParcelRefused
from kiosk.store.shared.errors import RECORD_ALTERED, DiskFull, StoreError, StoreRefusal

logger = logging.getLogger(__name__)


class CounterRefused(Refused):
    @property
    def wait_s(self) -> int:
        """After how many seconds to try again; 0 where waiting changes nothing."""
        return int(self.values.get("wait_s", 0))


# Refusals of the store that the person in front meets under another code.
_CODES = {"code_used": "wrong_code", "not_unknown": "stale_page"}


@contextmanager
def as_counter_refusals() -> Iterator[None]:
    """Turn a failure of the store into a CounterRefused; what was committed before stays safe."""
    try:
        yield
    except StoreRefusal as error:
        if error.code == RECORD_ALTERED:
            logger.error("%s", error)
        raise CounterRefused(_CODES.get(error.code, error.code), str(error), error.values) from error
    except ParcelRefused as error:
        raise CounterRefused(_CODES.get(error.code, error.code), str(error)) from error
    except DiskFull as error:
        logger.error("the disk is full: %s", error)
        raise CounterRefused("disk_full", str(error)) from error
    except StoreError as error:
        logger.error("the store refused: %s", error)
        raise CounterRefused("store_failed", str(error)) from error
