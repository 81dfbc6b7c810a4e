"""Sends what waits in the outbox."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from kiosk.base.refused import Refused
from kiosk.domain.backoff import Backoff
from kiosk.sorting_center.desk.notices.outbound import DeliveryFailed
from kiosk.sorting_center.desk.notices.outbox import NoticeClaim, NoticeOutbox
from kiosk.sorting_center.desk.notices.targets import NoticeChannel
from kiosk.sorting_center.shared.alarm_texts import format_detail

POLL_INTERVAL_S: Final = 3.0
RETRY_FIRST_S: Final = 30.0
RETRY_MAX_S: Final = 3600.0

log = logging.getLogger(__name__)


class NoticeDispatcher:
    """Any number of processes may have one: the outbox gives each notice to one at a time.

    A sender returns the answer as a detail, or raises Refused. A notice that came through just before its process died
    is sent again: receivers know it by its id. ``share`` is that of `Backoff`.
    """

    def __init__(
        self,
        notices: NoticeOutbox,
        senders: Mapping[NoticeChannel, Callable[[NoticeClaim], str]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        share: Callable[[], float] = lambda: random.uniform(0.5, 1.0),  # noqa: S311 - nothing secret
    ) -> None:
        self._notices, self._senders, self._now, self._share = notices, senders, now, share

    def step(self) -> float:
        """Write what is new and try one notice; return the seconds until the next step. Raises DeskError."""
        self._notices.collect(self._now())
        claim = self._notices.claim(self._now())
        if claim is None:
            return POLL_INTERVAL_S
        try:
            result = self._senders[claim.target.way](claim)
        except DeliveryFailed as error:
            self._mark_failed(claim, format_detail(error.code, **error.values))
        except Refused:
            self._mark_failed(claim, format_detail("bad_target"))
        except Exception as error:
            log.exception("A notice for %s could not be sent.", claim.target.name)
            self._mark_failed(claim, format_detail("own_error", text=type(error).__name__))
        else:
            self._notices.mark_sent(claim, result, self._now())
        return 0.0

    def _mark_failed(self, claim: NoticeClaim, why: str) -> None:
        backoff = Backoff(RETRY_FIRST_S, RETRY_MAX_S, self._share)
        wait_s = [backoff.next() for _ in range(min(claim.target.failures, 20) + 1)][-1]
        self._notices.mark_failed(claim, why, wait_s, self._now())
