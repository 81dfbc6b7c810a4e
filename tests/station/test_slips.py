"""What a signed code is worth at a station, and the screen that asks for one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import CheckedSlip, SlipVerdict
from kiosk.labels.symbols import qr
from kiosk.messaging.contract.configuration import CountySettings, KeyRow, to_base64
from kiosk.protocols.barcodes.reader import read_codes
from kiosk.protocols.barcodes.scan import slip_in
from kiosk.station.configuration.checks import LiveContent
from kiosk.station.desk.live import LiveBoard
from kiosk.station.desk.view import DeskRefused
from kiosk.station.slips import HOLD, NOT_NOW, SHOWN_S, SILENT_S, SOUNDS, PublicSlips, SlipChecks
from kiosk.store import StoreError
from tests.messaging.contract.paper_vectors import content_of, text_of
from tests.station.fakes import Rig
from tests.station.papers_signed import KEY, KEYS, OTHER, OTHER_KEY, OWN, SLIP, STRANGER, changed, elsewhere, paper

V = SlipVerdict
Own = tuple[str | int | None, ...]
FIGURES: Own = ("BADAM", 1, 12_320, 5_800, 71_456, "purchase", None)
VOIDED = "2026-12-01T04:05:06.000Z"
NOTHING_BELIEVED = {V.UNREADABLE, V.OTHER_COUNTY, V.KEY_UNKNOWN, V.CHANGED}


@dataclass
class Book:
    """The intakes of S0147."""

    own: Own | None = FIGURES
    error: Exception | None = None

    def slip_figures(self, receipt: ReceiptNumber) -> Own | None:
        if self.error is not None:
            raise self.error
        return self.own if receipt == OWN else None


def checks(
    keys: tuple[KeyRow, ...] = KEYS, voids: tuple[str, ...] = (), book: Book | None = None, own: bytes | None = None
) -> SlipChecks:
    """Of S0147 in the county of Yarkant."""
    live = LiveContent({}, CountySettings(), keys, frozenset(voids))
    return SlipChecks("S0147", "yarkant", book or Book(), lambda: live, lambda: own)  # type: ignore[arg-type]


def row(station: str, key: Ed25519Key, state: str = "") -> KeyRow:
    return KeyRow(station, to_base64(key.public), state)


def with_own(place: int, value: Any) -> Book:
    return Book((*FIGURES[:place], value, *FIGURES[place + 1 :]))


def forged(text: str) -> str:
    """Somebody else's signature in the name of the key of S0201."""
    return text_of(content_of(text).replace(STRANGER.key_id, OTHER_KEY.key_id))


REVOKED = (KEYS[0], row("S0201", OTHER_KEY, "revoked"))
CASES: tuple[tuple[str, SlipVerdict, str, SlipChecks], ...] = (
    ("own", V.RIGHT, paper(), checks()),
    ("own, without a county", V.RIGHT, paper(), checks((), own=KEY.public)),
    ("own, by a new key", V.RIGHT, paper(STRANGER), checks(own=STRANGER.public)),
    ("own, by the key before", V.RIGHT, paper(), checks(own=STRANGER.public)),
    ("own, of a database that was lost", V.RIGHT, paper(), checks(book=Book(None))),
    ("another station's", V.RIGHT, elsewhere(), checks()),
    ("its older key", V.RIGHT, elsewhere(), checks((row("S0201", STRANGER), *KEYS))),
    ("without a date", V.RIGHT, elsewhere(minute=None, clock=ClockQuality.UNSET), checks()),
    ("of 1970", V.RIGHT, elsewhere(minute=7), checks()),
    ("printed again", V.COPY, elsewhere(copy_no=2), checks()),
    ("nothing", V.UNREADABLE, "", checks()),
    ("an address", V.UNREADABLE, "https://slips.yarkant.example/s#", checks()),
    ("a code of the station", V.UNREADABLE, "Y1R0147A000381X", checks()),
    ("of a database that does not answer", V.UNREADABLE, paper(), checks(book=Book(error=StoreError("no card")))),
    ("another county's", V.OTHER_COUNTY, elsewhere(region="maralbexi"), checks()),
    ("another county's, by nobody", V.OTHER_COUNTY, elsewhere(STRANGER, region="maralbexi"), checks()),
    ("no key of the station", V.KEY_UNKNOWN, elsewhere(), checks(KEYS[:1])),
    ("own key of another station", V.KEY_UNKNOWN, elsewhere(KEY), checks((), own=KEY.public)),
    ("a key that the station has not yet", V.KEY_UNKNOWN, elsewhere(STRANGER), checks()),
    ("signed by another station", V.KEY_UNKNOWN, elsewhere(KEY), checks()),
    ("own, signed by another station", V.KEY_UNKNOWN, paper(OTHER_KEY), checks()),
    ("own, other figures signed by nobody", V.CHANGED, paper(STRANGER, bags=2), checks()),
    ("a digit differs", V.CHANGED, changed(elsewhere()), checks()),
    ("signed by nobody under the right key's id", V.CHANGED, forged(elsewhere(STRANGER)), checks()),
    *(
        (f"own figure {place} differs", V.CHANGED, paper(), checks(book=with_own(place, value)))
        for place, value in enumerate(("WALNUT", 2, 12_321, 5_801, 71_457, "consignment"))
    ),
    ("figures of a stolen key", V.CHANGED, paper(), checks((row("S0147", KEY, "revoked"),), (), with_own(2, 1))),
    ("a stolen key", V.KEY_DOUBTED, elsewhere(), checks(REVOKED)),
    ("a cloned key", V.KEY_DOUBTED, elsewhere(), checks((row("S0201", OTHER_KEY, "cloned"),))),
    ("own key, stolen", V.KEY_DOUBTED, paper(), checks((row("S0147", KEY, "revoked"),), own=KEY.public)),
    ("stolen and void", V.KEY_DOUBTED, elsewhere(), checks(REVOKED, (str(OTHER),))),
    ("void", V.VOIDED, elsewhere(), checks(voids=(str(OTHER),))),
    ("a copy of a void one", V.VOIDED, elsewhere(copy_no=1), checks(voids=(str(OTHER),))),
    ("own, void", V.VOIDED, paper(), checks(book=with_own(6, VOIDED))),
    ("own, void before the backup was restored", V.VOIDED, paper(), checks(voids=(str(OWN),))),
)  # fmt: skip


def test_every_verdict(subtests: pytest.Subtests) -> None:
    for name, verdict, text, at_station in CASES:
        with subtests.test(name):
            checked = at_station.check(text)
            assert checked.verdict is verdict
            assert (checked.slip is None) == (verdict is V.UNREADABLE)
            assert checked.voided_at == (VOIDED if name == "own, void" else None)
    assert {verdict for _, verdict, _, _ in CASES} == set(V)


def damaged(text: str) -> Iterator[str]:
    """Each digit another one, doubled, left out, changed with its neighbor."""
    start = text.index("#") + 1
    for at in range(start, len(text)):
        for digit in "0123456789":
            if digit != text[at]:
                yield text[:at] + digit + text[at + 1 :]
        yield text[:at] + text[at] + text[at:]
        yield text[:at] + text[at + 1 :]
    for at, (one, next_one) in enumerate(pairwise(text[start:]), start):
        if one != next_one:
            yield text[:at] + next_one + one + text[at + 2 :]


def test_no_wrong_digit_is_right() -> None:
    at_station = checks()
    found = [at_station.check(text).verdict for text in damaged(elsewhere())]
    assert set(found) <= NOTHING_BELIEVED
    assert found.count(V.CHANGED) > len(found) / 3, "its form is right, its signature is not"


def test_what_is_cut_off_is_unreadable_and_never_changed() -> None:
    at_station = checks()
    for text in (elsewhere(), paper(product="A" * 40, region="a" * 16)):
        assert {at_station.check(text[:end]).verdict for end in range(len(text))} == {V.UNREADABLE}
        assert {at_station.check(text[start:]).verdict for start in range(1, len(text))} == {V.UNREADABLE}


@given(st.text(max_size=800) | st.from_regex(r"https://a/s#[1-9][0-9]{100,600}", fullmatch=True))
def test_whatever_is_scanned_is_nothing(text: str) -> None:
    assert checks().check(text).verdict is V.UNREADABLE


@given(st.integers(0, 154), st.integers(1, 255), st.booleans())
def test_no_changed_byte_is_right(at: int, bits: int, own: bool) -> None:
    """As one would write it who knows the format: the number is taken apart, one byte changed, and put together."""
    text = paper() if own else elsewhere()
    head, digits = text.split("#")
    content = bytearray(int(digits).to_bytes((int(digits).bit_length() + 7) // 8, "big"))
    content[at % len(content)] ^= bits
    assert checks().check(f"{head}#{int.from_bytes(content, 'big')}").verdict in NOTHING_BELIEVED


def test_a_worn_print_is_right_or_unreadable() -> None:
    """Faded, creased, blurred and smeared more and more: what a reader makes of it is the whole text or none of it."""
    dice, text = np.random.default_rng(4), elsewhere()
    clean = np.asarray(qr(text, 4).convert("L"))
    found = []
    for wear in range(24):
        ink = 255 - clean * (1 - wear / 40)
        creased = ink.copy()
        for place in dice.integers(0, ink.shape[0] - 6, wear // 5):
            creased[place : place + 5, :] = dice.normal(200, 30)
            creased[:, place : place + 3] = 255
        noisy = np.clip(creased + dice.normal(0, wear * 5, ink.shape), 0, 255).astype(np.uint8)
        picture = Image.fromarray(noisy).filter(ImageFilter.GaussianBlur(wear / 16))
        gray = np.ascontiguousarray(np.asarray(picture))
        read = read_codes(memoryview(gray.tobytes()).cast("B", gray.shape))
        found.append(checks().check(slip_in(read[0]) if read else "").verdict)
    assert set(found) == {V.RIGHT, V.UNREADABLE}
    assert found[:5] == [V.RIGHT] * 5


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Face:
    """The villagers' screen of S0147."""

    rig: Rig
    board: LiveBoard
    clock: Clock
    slips: PublicSlips
    looked: list[str]

    @property
    def notice(self) -> tuple[int, str]:
        notice = self.board.snapshot().notice
        return notice.count, notice.word

    def verdict(self) -> tuple[SlipVerdict | None, int] | None:
        screen = self.slips.screen()
        return screen and (screen[0].verdict if screen[0] else None, screen[1])


@pytest.fixture
def face() -> Face:
    rig, clock, looked = Rig(), Clock(), list[str]()
    board = LiveBoard(rig.desk.view())
    return Face(rig, board, clock, PublicSlips(checks().check, board, lambda: looked.append("look"), clock), looked)


def test_silence_is_told_once_and_in_time(face: Face) -> None:
    assert face.verdict() is None
    face.slips.hold()
    assert (face.notice, face.looked) == ((1, HOLD), ["look"])
    assert face.verdict() == (None, 3000)
    face.clock.now += SILENT_S - 0.001
    face.slips.time_up()
    assert (face.verdict(), face.notice) == ((None, 1), (1, HOLD)), "too early"
    face.clock.now += 0.001
    assert face.verdict() == (V.UNREADABLE, 27_000), "also on a page that has not said that its time is up"
    face.slips.time_up()
    face.slips.time_up()
    assert face.notice == (2, "slip.unreadable")
    assert face.verdict() == (V.UNREADABLE, 30_000)
    assert SOUNDS["slip.unreadable"] != SOUNDS["slip.right"]
    face.clock.now += SHOWN_S
    face.slips.time_up()
    assert (face.verdict(), face.notice) == (None, (2, "slip.unreadable"))


def test_a_scan_ends_the_wait_and_the_next_one_is_a_check_of_its_own(face: Face) -> None:
    face.slips.hold()
    face.clock.now += 1
    face.slips.scanned(paper())
    face.clock.now += SILENT_S
    face.slips.time_up()
    assert (face.notice, face.verdict()) == ((2, "slip.right"), (V.RIGHT, 27_000))
    for text, word in ((changed(elsewhere()), "changed"), (paper(), "right"), (paper(), "right"), ("", "unreadable")):
        face.slips.scanned(text)
        assert face.notice[1] == f"slip.{word}"
        assert face.verdict() == (V(word), 30_000)
    assert face.notice[0] == 6


def test_nothing_stays(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    face.slips.scanned(paper())
    assert face.slips.is_open()
    face.clock.now += SHOWN_S
    assert (face.verdict(), face.slips.is_open()) == (None, False)
    face.slips.scanned(paper())
    face.slips.done()
    assert (face.verdict(), face.slips.is_open()) == (None, False)
    assert "0147-A" not in caplog.text
    assert "12320" not in repr(face.board.snapshot())


def test_an_intake_is_not_disturbed(face: Face) -> None:
    face.slips.scanned(paper())
    face.rig.rest(0)
    face.rig.desk.choices.begin()
    face.board.show(face.rig.desk.view())
    assert not face.slips.is_open()
    with pytest.raises(DeskRefused, match="wrong_step"):
        face.slips.hold()
    face.slips.scanned(elsewhere())
    assert face.notice == (2, NOT_NOW)
    screen = face.slips.screen()
    assert screen is not None
    assert screen[0] == CheckedSlip(V.RIGHT, SLIP), "the one before"


def test_something_else_that_came_since_is_not_taken_for_a_slip(face: Face) -> None:
    face.slips.hold()
    face.board.notify("unknown_member")
    assert not face.slips.is_open()


def test_each_verdict_has_a_sound_and_right_has_its_own() -> None:
    assert set(SOUNDS) == {f"slip.{verdict}" for verdict in V}
    assert [word for word, sound in SOUNDS.items() if sound == "ok"] == ["slip.right"]
