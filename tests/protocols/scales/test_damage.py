"""What a bad contact, a wrong setting and a hostile stream do to each format: never a weight that was not sent.

The kinds are in ``damage.py``; what a format without a check cannot notice is named, kind by kind, in ``formats.toml``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.reading import Reading, Rejected, RejectReason
from tests.depth import many
from tests.protocols.scales.damage import KINDS, NOISE, resampled, with_parity, wrong_checks
from tests.protocols.scales.format_rows import FILE, Judged, formats, reasons
from tests.protocols.scales.golden import decode
from tests.protocols.scales.judge import good_frames, idle, own_parser, told, unexplained, weights, wrong

_PROTOCOLS = sorted(registry.PROTOCOLS)
ONE_IN = {"garbage_inside": many(17, torture=1)}
"""Of the kind with the most cases: six noises at every place of a frame, which take turns when it is one in seventeen.
Of a format that is excused from it each one is tried: that an excuse is needed, a single case may show.
"""


def _judged() -> Iterator[Any]:
    for protocol in _PROTOCOLS:
        for judged in formats()[protocol].judged if protocol in formats() else (Judged(),):
            words = " ".join(f"{name}={value}" for name, value in judged.params.items())
            yield (f"{protocol} {words}".strip(), protocol, judged)


def test_every_format_is_in_the_table_and_no_other() -> None:
    assert set(formats()) == set(registry.PROTOCOLS), f"{FILE.name} and the registry differ"


def test_every_reason_is_used() -> None:
    used = {
        reason.id
        for row in formats().values()
        for judged in row.judged
        for one in judged.blind.values()
        for reason in one
    }
    assert used == set(reasons())


def test_there_are_frames_to_damage(subtests: pytest.Subtests) -> None:
    for name, protocol, judged in list(_judged()):
        with subtests.test(name):
            good = good_frames(protocol, judged.params)
            parse = own_parser(protocol, judged.params)
            assert len({one for frame in good for one in weights(parse(frame))}) >= 2
            assert all(told(decode(protocol, judged.params, frame)) == weights(parse(frame)) for frame in good)


def test_damage_gives_no_weight_that_was_not_sent(subtests: pytest.Subtests) -> None:
    for kind in KINDS:
        for name, protocol, judged in list(_judged()):
            with subtests.test(name, kind=kind.id):
                found = wrong(kind, protocol, judged, 1 if kind.id in judged.blind else ONE_IN.get(kind.id, 1))
                assert unexplained(kind, judged, found) == []
                assert idle(kind, judged, found) == [], "named in formats.toml, and noticed all the same"


def test_a_wrong_check_gives_no_reading_at_all(subtests: pytest.Subtests) -> None:
    for protocol in [name for name, row in sorted(formats().items()) if row.check_at]:
        with subtests.test(protocol=protocol):
            first, end = formats()[protocol].check_at or (0, 0)
            for frame in good_frames(protocol, {}):
                for damaged in wrong_checks(frame, first, end):
                    decoded = decode(protocol, {}, damaged)
                    assert not any(isinstance(item, Reading) for item in decoded), damaged.hex(" ")


def test_a_format_with_a_check_has_no_excuse_for_a_single_damaged_byte(subtests: pytest.Subtests) -> None:
    for protocol in [name for name, row in sorted(formats().items()) if row.check_at]:
        with subtests.test(protocol=protocol):
            assert not {"lost", "doubled", "bit"} & set(formats()[protocol].judged[0].blind)


def test_the_first_or_at_least_the_second_frame_behind_damage_is_read(subtests: pytest.Subtests) -> None:
    for protocol in [name for name, row in sorted(formats().items()) if not row.alone]:
        with subtests.test(protocol=protocol):
            late, found_late = formats()[protocol].late, False
            good, parse = good_frames(protocol, {}), own_parser(protocol, {})
            for at, frame in enumerate(good):
                whole = weights(parse(frame))
                broken = [good[at - 1][:cut] for cut in range(1, len(good[at - 1]))]
                for before in (*NOISE, *broken):
                    assert weights(parse(before + frame + frame))[-1:] == whole, before.hex(" ")
                    found_late |= weights(parse(before + frame))[-1:] != whole
            assert found_late == bool(late), late or "the first frame behind damage is lost"


def test_a_line_that_goes_dead_is_neither_a_reading_nor_an_error(subtests: pytest.Subtests) -> None:
    for protocol in _PROTOCOLS:
        with subtests.test(protocol=protocol):
            parse = own_parser(protocol, {})
            for frame in good_frames(protocol, {}):
                whole = parse(frame)
                for cut in range(len(frame)):
                    assert parse(frame[:cut]) in ({"readings": [], "records": [], "rejected": []}, whole)


def test_the_parity_bit_is_cleared_where_the_setting_says_so(subtests: pytest.Subtests) -> None:
    for name, odd in [("even", False), ("odd", True)]:
        for protocol in _PROTOCOLS:
            with subtests.test(name, protocol=protocol):
                for frame in good_frames(protocol, {}):
                    if frame.isascii():
                        told = decode(protocol, {"strip_parity": "true"}, with_parity(frame, odd))
                        assert told == decode(protocol, {}, frame)


# --- the table itself -------------------------------------------------------------------------------------------------


def test_a_receiver_at_the_right_speed_gets_what_was_sent() -> None:
    assert resampled(bytes(range(256)), 1) == bytes(range(256))


def test_a_receiver_at_another_speed_gets_what_a_uart_makes_of_the_line(subtests: pytest.Subtests) -> None:
    """The letter A on the line is 0 1 0 0 0 0 0 1 0 1.

    At twice the speed the first character is seen at 0.75, 1.25 ... 4.25 bit times: 0 1 1 0 0 0 0 0, its stop bit is
    low, which begins the next at 4.75: 0 0 0 1 1 0 0 1. At half the speed at 3, 5, 7 ...: 0 0 1 1 1 1 1 1.
    """
    for ratio, seen in [(2, b"\x06\x98"), (0.5, b"\xfc")]:
        with subtests.test(ratio=ratio, seen=seen):
            assert resampled(b"A", ratio)[: len(seen)] == seen


def test_parity_bits() -> None:
    assert with_parity(b"03", odd=False) == b"\x30\x33"
    assert with_parity(b"12", odd=False) == b"\xb1\xb2"
    assert with_parity(b"03", odd=True) == b"\xb0\xb3"


def test_no_kind_of_damage_leaves_a_frame_alone() -> None:
    for kind in KINDS:
        made = [stream for _, stream in kind.make(b"\x02+0045672" + b"19\x03", b"\x02+0123452" + b"1E\x03")]
        assert made, kind.id
        assert b"\x02+0045672" + b"19\x03\x02+0123452" + b"1E\x03" not in made, kind.id


# --- reasons, exactly -------------------------------------------------------------------------------------------------

_TF0 = b"\x02+012450" + b"31A\x03"
_CSV = b"ST,GS,+ 12.450kg\r\n"


def test_reasons() -> None:
    assert decode("xk3190_tf0", {}, _TF0[:9] + b"00\x03") == [Rejected(RejectReason.CHECKSUM, _TF0[:9] + b"00\x03")]
    assert decode("xk3190_tf0", {}, b"\x02+01" + _TF0)[0] == Rejected(RejectReason.FRAMING, b"\x02+01")
    assert decode("st_gs_csv", {}, b"ST,GS,+ 1" + _CSV)[0] == Rejected(RejectReason.FRAMING, b"ST,GS,+ 1")
    assert decode("st_gs_csv", {}, b"x" * 200) == [Rejected(RejectReason.FRAMING, b"x" * 64)]
