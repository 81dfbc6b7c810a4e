"""How the counter says no: one exception with a code, the store's failures included."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kiosk.domain.parcel import ParcelRefused
from kiosk.store.shared.errors import RECORD_ALTERED, DiskFull, StoreError, StoreRefusal

logger = logging.getLogger(__name__)


class CounterRefused(Exception):
    """A step cannot be taken now; the screens have a sentence for each ``code``.

    ``wait_s`` says after how many seconds to try again; ``values`` fill the sentence. Neither holds a PIN or a code.
    """

    def __init__(
        self, code: str, message: str = "", *, wait_s: int = 0, values: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message or code)
        self.code = code
        self.wait_s = wait_s
        self.values: Mapping[str, str] = values or {}


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
        raise CounterRefused(_CODES.get(error.code, error.code), str(error), values=error.values) from error
    except ParcelRefused as error:
        raise CounterRefused(_CODES.get(error.code, error.code), str(error)) from error
    except DiskFull as error:
        logger.error("the disk is full: %s", error)
        raise CounterRefused("disk_full", str(error)) from error
    except StoreError as error:
        logger.error("the store refused: %s", error)
        raise CounterRefused("store_failed", str(error)) from error
