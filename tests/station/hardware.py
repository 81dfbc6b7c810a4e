"""Fakes of the printer and camera ports, and a way to wait for what a thread tells without asking again and again."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from kiosk.devices.ports import (
    CameraFault,
    GoodsShot,
    LiveViewFrame,
    MatShot,
    PrinterStatus,
    PrintNotStarted,
    Shot,
)
from kiosk.devices.printer.profiles import profile
from kiosk.domain.intake import Intake, TareSource, Weighing
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.domain.verdict import Finding, Measures, Reason, Verdict
from kiosk.station.desk.view import PhotoRequest, PhotoView
from kiosk.store import ConfirmedRow, NewPaper, Store
from tests.station.fakes import STAMP

WAIT_S = 30.0
PAPERS = (NewPaper("bag_label", "label", b'{"a":1}', bag=1), NewPaper("receipt", "receipt", b"{}"))


class Heard:
    """A listener that keeps what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, *words: Any) -> None:
        with self._changed:
            self.told.append(words[0] if len(words) == 1 else words)
            self._changed.notify_all()

    def wait(self, check: Callable[[list[Any]], bool], timeout_s: float = WAIT_S) -> None:
        """Return as soon as ``check`` holds for what was told; fail when it never does."""
        with self._changed:
            assert self._changed.wait_for(lambda: check(self.told), timeout_s), self.told


@dataclass
class AfterTheMark:
    """The printer was told to begin and then fails like this."""

    error: BaseException


class FakePrinter:
    """Prints at once. ``plan`` holds, job by job, an error to raise, an event to wait for, or None."""

    def __init__(self, *plan: BaseException | AfterTheMark | threading.Event | None, language: str = "tspl") -> None:
        self.language = language
        self.setup = profile(language).setup
        self.proves = True
        self.plan = deque(plan)
        self.asked = Heard()
        self.sheets = Heard()

    def status(self, deadline_s: float) -> PrinterStatus:
        return PrinterStatus(True, False, ())

    def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
        self.asked(data)
        step = None
        with suppress(IndexError):  # the test may clear the plan meanwhile
            step = self.plan.popleft()
        if isinstance(step, PrintNotStarted):
            raise step
        before_first_byte()
        if isinstance(step, AfterTheMark):
            raise step.error
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            assert step.wait(WAIT_S)
        self.sheets(data)


MEASURES = Measures(2_400, 130, 90, 3, 2_100, 1_500, 3_200)
BLUR, TILT, FACE, HAND = (
    Finding(reason, 4_000, 3_000) for reason in (Reason.BLUR, Reason.TILT, Reason.FACE, Reason.HAND)
)


def shot_of(jpeg: bytes, width: int = 1600, height: int = 1600) -> Shot:
    return Shot(jpeg, hashlib.sha256(jpeg).hexdigest(), width, height)


def judged(name: bytes, *findings: Finding) -> GoodsShot:
    """A shot of goods with these findings, and the pictures that go with them."""
    verdict = Verdict(findings)
    if not (verdict.accepted or verdict.may_be_overruled):
        return GoodsShot(verdict)
    master, natural = (shot_of(b"\xff\xd8\xff " + name + kind + b" \xff\xd9") for kind in (b" master", b" natural"))
    return GoodsShot(verdict, MEASURES, master, natural, likeness=hashlib.sha256(name).hexdigest()[:16])


class FakeCamera:
    """Gives one picture after the other; ``plan`` holds, shot by shot, an error, an event, findings, or None."""

    def __init__(self, *plan: BaseException | threading.Event | Finding | None) -> None:
        self.plan = deque(plan)
        self.pictures = deque([b"\xff\xd8\xff one \xff\xd9", b"\xff\xd8\xff two \xff\xd9"])
        self.shooting = Heard()
        self.looks: deque[LiveViewFrame | BaseException] = deque([LiveViewFrame((Reason.MAT,))])
        self.seen = Heard()
        self.closed = False

    def shoot(self, deadline_s: float) -> Shot:
        self._step(deadline_s)
        return shot_of(self._next(), 640, 480)

    def inspect(self, deadline_s: float) -> GoodsShot:
        finding = self._step(deadline_s)
        return judged(self._next()[4:7], *([finding] if finding else []))

    def measure(self, deadline_s: float) -> MatShot:
        self._step(deadline_s)
        return MatShot(MatMeasures((MatMeasure(MatQuality.MARKERS, 0, 3_000),)))

    def live_view(self, deadline_s: float) -> LiveViewFrame:
        """The next of ``looks``, which may be an error to raise; the last again and again."""
        look = self.looks.popleft() if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, BaseException):
            raise look
        self.seen(look)
        return look

    def close(self) -> None:
        self.closed = True

    def _step(self, deadline_s: float) -> Finding | None:
        self.shooting(deadline_s)
        step = self.plan.popleft() if self.plan else None
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, threading.Event):
            if not step.wait(WAIT_S):
                raise CameraFault("timeout", "nobody let it go on")
            return None
        return step

    def _next(self) -> bytes:
        jpeg = self.pictures[0]
        self.pictures.rotate(-1)
        return jpeg


def asked(subject: str, photo: PhotoView) -> PhotoRequest:
    """The shot of this lot or parcel that a screen waits for."""
    return PhotoRequest(subject, photo.token)


@dataclass
class FakeLotCamera:
    """What the counter asks of the camera; ``error`` keeps the next overruled shot from being kept."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    shots: list[PhotoRequest] = field(default_factory=list)
    """Those of ``photo_request``."""
    kept: list[tuple[str, str, GoodsShot, str]] = field(default_factory=list)
    error: Exception | None = None

    def shoot(self, photo_request: PhotoRequest, product: str) -> None:
        self.asked.append((photo_request.subject, product))
        self.shots.append(photo_request)

    def keep(self, photo_request: PhotoRequest, product: str, shot: GoodsShot, actor: str) -> None:
        if self.error is not None:
            raise self.error
        self.kept.append((photo_request.subject, product, shot, actor))


class PowerCut(BaseException):
    """Nothing after this line happens."""


@contextmanager
def power_cuts() -> Iterator[list[type[BaseException] | None]]:
    """A thread that dies of a power cut is no surprise here."""
    seen: list[type[BaseException] | None] = []
    before, threading.excepthook = threading.excepthook, lambda args: seen.append(args.exc_type)
    try:
        yield seen
    finally:
        threading.excepthook = before


def bring_in(store: Store, papers: tuple[NewPaper, ...] = PAPERS) -> ConfirmedRow:
    """A whole intake: one bag of badam in a sack."""
    version, catalog = store.catalogs.get()
    price = catalog.price("BADAM", Mode.PURCHASE)
    assert price is not None
    goods = (Party(None), "BADAM", Mode.PURCHASE, version, price)
    intake = store.intakes.open(lambda receipt: Intake(receipt, *goods), STAMP)
    intake = intake.with_bag(Weighing(12_450, 10, 1, 1200, 14), "SACK", TareSource.PRESET, 160)
    certificate = Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED)
    return store.intakes.confirm(intake.confirm(certificate), str(intake.receipt), lambda head: papers, STAMP)
