"""Proposals: every format finds itself, what looks alike is named, and what is no scale is none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import (
    AMBIGUOUS_FORMATS,
    CHECKED_FORMATS,
    PROBE_COMMANDS,
    TRIED_PARAMETERS,
    UNPROVABLE_FORMATS,
    WEAK_FORMATS,
    Candidate,
    Proposal,
    Recording,
    is_certain,
    layouts,
    probe_queries,
    propose,
)
from kiosk.protocols.scales.shared.protocol import LineSettings, ScaleProtocol, Transport
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.line import as_received
from tests.depth import TORTURE, many
from tests.protocols.scales.probe_frames import POLLED, ROWS, frames, recording

LINE = LineSettings()
EVEN = LineSettings(9600, 7, "E")
BAUDS = (600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600)


def protocols(found: tuple[Proposal, ...]) -> list[str]:
    return [one.candidate.protocol for one in found]


def look_alikes(protocol: str) -> set[str]:
    return {protocol}.union(*(row.formats for row in AMBIGUOUS_FORMATS if protocol in row.formats))


# --- scales -----------------------------------------------------------------------------------------------------------


def test_each_format_is_proposed_first_or_with_its_look_alikes(subtests: pytest.Subtests) -> None:
    for row in ROWS:
        with subtests.test(row=row.id):
            found = propose([recording(row)])
            assert row.id in protocols(found)
            assert set(protocols(found)) <= look_alikes(row.id)
            assert found[0].candidate.line == row.line
            own = next(one for one in found if one.candidate.protocol == row.id)
            assert own.confidence == found[0].confidence or row.id in look_alikes(found[0].candidate.protocol)
            assert set(own.alike) == {one.candidate.name for one in found} - {own.candidate.name}


def test_every_group_of_look_alikes_is_needed() -> None:
    """A pair that was never proposed together must not be in the data."""
    together = {frozenset(protocols(propose([recording(row, [(load, True)] * 5)]))) for row in ROWS for load in LOADS}
    for row in AMBIGUOUS_FORMATS:
        assert row.why
        assert row.formats <= registry.PROTOCOLS.keys()
        for name in row.formats:
            assert any(name in found and len(found & row.formats) > 1 for found in together), name


LOADS = (0, 500, 2480, 5000, 7385)


def test_a_check_is_strong_evidence_and_bare_digits_are_weak(subtests: pytest.Subtests) -> None:
    for row in ROWS:
        with subtests.test(row=row.id):
            found = propose([recording(row)])
            has = row.id in CHECKED_FORMATS or any(parameter.name == "checksum" for parameter in row.parameters)
            own = next(one for one in found if one.candidate.protocol == row.id)
            assert own.checked == has
            assert (own.confidence > 0.9) == has
            assert own.confidence <= 0.6 or row.id not in WEAK_FORMATS
            assert f"{own.frames} {'answers' if own.candidate.query else 'frames'}" in own.evidence
            assert own.reads in own.evidence


def test_at_no_wrong_line_another_format_is_claimed(subtests: pytest.Subtests) -> None:
    for name, row, baud in [
        (f"{row.id} {baud}", row, baud)
        for number, row in enumerate(ROWS)
        for at, baud in enumerate(BAUDS)
        if TORTURE or (number + at) % 4 == 0 or baud == row.line.baud
    ]:
        with subtests.test(name):
            for bits, parity in ((8, "N"), (7, "E"), (7, "O"), (8, "E")):
                heard = LineSettings(baud, bits, parity)
                sent = recording(row)
                garbled = tuple(as_received(part, row.line, heard) for part in sent.received)
                found = propose([Recording(heard, garbled, sent.query)])
                assert set(protocols(found)) <= look_alikes(row.id), heard
                assert baud == row.line.baud or found == (), heard


def test_a_seven_bit_line_heard_as_eight() -> None:
    row = registry.get("mt_continuous")
    heard = as_received(b"".join(frames(row)), row.line, LINE)
    assert layouts(heard)[0] == (7, "E")
    (only,) = propose([Recording(LINE, (heard,))])
    assert only.candidate.params == (("strip_parity", "true"),)
    assert not is_certain([only]), "the line that needs no repair is looked for"
    right = Recording(EVEN, (b"".join(frames(row)),))
    (better,) = propose([Recording(LINE, (heard,)), right])
    assert (better.candidate.line, better.candidate.params) == (EVEN, ())
    assert is_certain([better])


def test_layouts_are_read_off_the_parity_bit(subtests: pytest.Subtests) -> None:
    for data, expected in [
        (b"ST,GS,+  7.385kg\r\n", ()),
        (bytes(byte | 0x80 if byte.bit_count() & 1 else byte for byte in b"abc123"), ((7, "E"), (7, "O"), (8, "E"))),
        (bytes(byte | 0x80 if not byte.bit_count() & 1 else byte for byte in b"abc3"), ((7, "O"), (7, "E"), (8, "E"))),
        (b"a\x00b\x00", ((8, "E"), (7, "E"), (7, "O"))),
        (b"", ()),
    ]:
        with subtests.test(data=data, expected=expected):
            assert layouts(data) == expected


# --- what is ambiguous stays beside each other ------------------------------------------------------------------------


def test_both_directions_of_the_equals_sign_with_what_each_reads() -> None:
    found = propose([Recording(LINE, (b"=0012.100" * 8,))])
    reads = {one.candidate.protocol: one.reads for one in found}
    assert reads == {"xk3190_eq_forward": "12.100", "xk3190_eq_reversed": "1.2100"}
    assert all(one.alike for one in found)


def test_both_layouts_of_ff_bcd() -> None:
    found = propose([recording(registry.get("ff_bcd"))])
    assert {one.candidate.params: one.reads for one in found} == {
        (): "7.385",
        (("variant", "d4_stable"),): "85.7300",
    }
    assert "variant=d4_stable" in found[0].evidence


def toledo(a: int, digits: bytes, c: int = 0x20) -> bytes:
    """A frame in kilograms, gross, with its check."""
    body = b"\x02" + bytes((a, 0x30, c)) + digits.rjust(6) + b"     0" + b"\r"
    return body + bytes((-sum(body) & 0x7F,))


def test_dummy_zeros_of_mt_continuous() -> None:
    """A point code of ×10: whether the last zero is among the digits differs by terminal, and nobody has said."""
    found = propose([Recording(EVEN, (toledo(0x29, b"120") * 8,))])
    assert {dict(one.candidate.params).get("dummy_zeros"): one.reads for one in found} == {
        "omitted": "1200 kg",
        "sent": "120 kg",
    }


def test_an_empty_pan_leaves_open_where_the_point_is() -> None:
    """Zero is zero whatever the parameter says: no value is dropped before a weight was seen."""
    for code, zeros in ((0x29, {None, "omitted", "sent"}), (0x2A, {None, "omitted", "sent"}), (0x2D, {None})):
        found = propose([Recording(EVEN, (toledo(code, b"0") * 8,))])
        assert {dict(one.candidate.params).get("dummy_zeros") for one in found} == zeros
    boards = propose([Recording(LINE, (b"\xff\x44\x00\x00\x00" * 8,))])
    assert {dict(one.candidate.params).get("variant") for one in boards} == {None, "d4_stable"}


def test_pounds_of_a_liden() -> None:
    found = propose([Recording(EVEN, (toledo(0x7D, b"33069", 0x31) * 8,))])
    assert [(one.candidate.params, one.reads) for one in found] == [((("units", "liden"),), "33.069 lb")]


def test_what_a_device_really_sends_is_proposed(subtests: pytest.Subtests) -> None:
    for protocol, frame, asked, reads in [
        ("ohaus_print", b"   7.385 kg    G\r\n", (), "7.385 kg"),
        ("ohaus_print", b"   7.385 kg   ?N\r\n", (), "7.385 kg"),
        ("ohaus_print", b"     7.385 kg   B/G\r\n", (), "7.385 kg"),
        ("and_standard", b"ST,OK,+0007.385 kg\r\n", (), "7.385 kg"),
        ("and_standard", b"US,--,+0007.385 kg\r\n", (), "7.385 kg"),
        ("micheletti_p15", b"\x02  7385    475   3508\x03", (b"\x05",), "7385 g"),
    ]:
        with subtests.test(protocol=protocol, frame=frame, asked=asked, reads=reads):
            found = propose([Recording(LINE, (frame,) * 8 if asked else (frame * 8,), asked)])
            (own,) = (one for one in found if one.candidate.protocol == protocol)
            assert (own.candidate.params, own.reads, own.confidence) == ((), reads, found[0].confidence)
            assert set(protocols(found)) <= look_alikes(protocol)


def test_a_check_that_is_always_wrong() -> None:
    frame = frames(registry.get("xk3190_tf0"))[-1]
    wrong = frame[:-3] + b"00" + frame[-1:]
    (only,) = propose([Recording(LINE, (wrong * 8,))])
    assert only.candidate.params == (("checksum", "off"),)
    assert not only.checked
    assert only.confidence < 0.5
    assert "whose check is not looked at" in only.evidence


def test_a_few_damaged_frames_are_told_and_many_are_no_proposal() -> None:
    good = frames(registry.get("xk3190_tf0"))[-1]
    bad = good[:4] + b"9" + good[5:]
    some = propose([Recording(LINE, (good * 18 + bad + good * 3,))])[0]
    assert (some.damaged, some.checked) == (1, True)
    assert "1 damaged" in some.evidence
    half = propose([Recording(LINE, ((good + bad) * 9,))])
    assert not any(one.checked for one in half)


def test_frames_cut_off_at_both_ends_are_whole_evidence() -> None:
    stream = b"".join(frames(registry.get("st_gs_csv")) * 2)
    for begin in range(20):
        found = propose([Recording(LINE, (stream[begin : -1 - begin],))])
        assert found[0].candidate.protocol == "st_gs_csv"
        assert (found[0].share, found[0].damaged) == (1.0, 0)


def test_too_few_frames_are_no_proposal() -> None:
    frame = frames(registry.get("xk3190_tf0"))[-1]
    assert propose([Recording(LINE, (frame * 2,))]) == ()
    few, many = (propose([Recording(LINE, (frame * count,))])[0].confidence for count in (3, 9))
    assert few < many


def test_an_overload_is_a_frame_without_a_weight() -> None:
    (*_, one) = propose([Recording(LINE, (b"OL,GS,+      kg\r\n" * 8,))]) or (None,)
    assert one is None or one.reads == ""


# --- questions --------------------------------------------------------------------------------------------------------


def test_no_question_is_a_command_that_changes_anything() -> None:
    """Also read as another format's: a scale takes single letters wherever they stand."""
    asked = {row.id: steps for row, steps in probe_queries()}
    assert asked.keys() == {row.id for row in POLLED}
    for row in POLLED:
        assert row.poll is not None
        assert set(row.poll.steps) <= PROBE_COMMANDS
    forbidden = {
        registry.encode(row.id, name, {})
        for row in registry.PROTOCOLS.values()
        if row.transport is Transport.SERIAL
        for name in {"zero", "tare", "clear_tare", "print", "stream_on", "stream_off"} & row.commands.keys()
        if not _is_its_question(row, name)
    }
    sent = {step for steps in asked.values() for step in steps}
    assert forbidden & sent == set()
    letters = {command.strip(b"\r\n") for command in forbidden} - {b""}
    assert {b"T", b"Z", b"C"} <= letters
    for step in sent:
        assert step.strip(b"\r\n") not in letters, step


def _is_its_question(row: ScaleProtocol, name: str) -> bool:
    """For some scales to print is to tell the weight to the computer."""
    own = registry.encode(row.id, name, {})
    return "request_weight" in row.commands and own == registry.encode(row.id, "request_weight", {})


def test_a_format_that_is_asked_needs_its_own_question() -> None:
    row = registry.get("mt_sics")
    answers = frames(row)
    assert propose([Recording(LINE, (b"".join(answers),))]) == (), "nobody asked"
    assert protocols(propose([Recording(LINE, answers, (b"SI\r\n",))])) == ["mt_sics"]
    assert propose([Recording(LINE, answers, (b"W\r",))]) == ()


def test_every_parameter_value_to_try_is_one() -> None:
    """A value that no format allows would be data nobody reads."""
    known = [parameter for row in ROWS for parameter in registry.parameters(row.id)]
    for name, values in TRIED_PARAMETERS.items():
        own = [parameter for parameter in known if parameter.name == name]
        assert own, name
        for value in values:
            assert any(parameter.allows(value) for parameter in own), (name, value)


# --- no scale ---------------------------------------------------------------------------------------------------------

GPS = b"".join(
    b"$GPGGA,08%04d,3824.%04d,N,07714.1234,E,1,08,0.9,1230.4,M,46.9,M,,*4%d\r\n"
    b"$GPRMC,08%04d,A,3824.12,N,07714.1,E,000.0,000.0,261126,,*1D\r\n" % (at, at, at % 10, at)
    for at in range(20)
)
NOISE = {
    "silence": b"",
    "gps": GPS,
    "scanner": b"6901234567892\r\n" * 12,
    "scanner with letters": b"]C1SF1385012345678\r\n" * 9,
    "modem": b"\r\nOK\r\n" * 12,
    "modem with echo": b"AT\r\r\nOK\r\n" * 12,
    "telephone": b"\r\nRING\r\n" * 9,
    "printer": b"\x12" * 40,
    "printer status": b"\x00\x00\x10" * 40,
    "kernel": b"[    0.000000] Booting Linux on physical CPU 0x0 in 7.385 kg\r\n" * 12,
    "log": b"INFO temp=23.5 hum=40 w=12.5 kg\r\n" * 20,
    "table": b"12:00:01, 23.5, 40.1, 12.5\r\n" * 12,
    "thermometer": b"23.5\r\n" * 20,
    "lidar": bytes((0x59, 0x59, 0x10, 0x01, 0x20, 0x03, 0x00, 0x08, 0xEE)) * 40,
    "break": bytes(400),
    "idle line": b"\xff" * 400,
    "equals signs": b"=" * 400,
    "digits": b"0123456789" * 40,
}


def test_what_is_no_scale_is_never_claimed(subtests: pytest.Subtests) -> None:
    for name in NOISE:
        for line in [LINE, EVEN]:
            with subtests.test(name=name, line=str(line)):
                assert propose([Recording(line, (NOISE[name],))]) == ()


def test_what_answers_every_question_with_noise_is_never_claimed(subtests: pytest.Subtests) -> None:
    """Every other question of each format, the others with the next noise; in torture every one."""
    for number, name in list(enumerate(NOISE)):
        with subtests.test(number=number, name=name):
            data = NOISE[name]
            for row, asked in probe_queries() if TORTURE else probe_queries()[number % 2 :: 2]:
                for answer in (data[:5], data[:7], data[:40], asked[-1], asked[-1] + data[:6]):
                    assert propose([Recording(row.line, (answer,) * 5, asked)]) == (), row.id


def test_five_bytes_of_anything_are_no_scale() -> None:
    assert set(UNPROVABLE_FORMATS) <= registry.PROTOCOLS.keys()
    assert propose([Recording(LINE, (b"\x80\x00\x01\x02\x03",) * 5, (b"J",))]) == ()


def test_random_bytes_are_never_claimed() -> None:
    chance = random.Random(20260309)
    for _ in range(60):
        assert propose([Recording(LINE, (chance.randbytes(600),))]) == ()


@settings(max_examples=many(30, torture=300), deadline=None)
@given(st.binary(max_size=500), st.sampled_from([(), *dict.fromkeys(steps for _, steps in probe_queries())]))
def test_any_bytes_give_ranked_proposals_or_none(data: bytes, asked: tuple[bytes, ...]) -> None:
    found = propose([Recording(LINE, (data,), asked)])
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    for one in found:
        assert one.frames == len(one.readings) >= 2
        assert 0 < one.confidence <= 1
        assert one.evidence.isprintable()


@settings(max_examples=many(30, torture=300), deadline=None)
@given(st.sampled_from(ROWS), st.integers(1000, 9_999), st.integers(0, 30), st.integers(0, 30))
def test_any_load_and_any_cut_keep_the_format(row: ScaleProtocol, grams: int, head: int, tail: int) -> None:
    sent = recording(row, [(grams, True)] * 30)
    if not sent.query:
        stream = sent.received[0]
        sent = Recording(sent.line, (stream[head : len(stream) - tail],))
    found = propose([sent])
    assert row.id in protocols(found)
    assert set(protocols(found)) <= look_alikes(row.id)


def test_a_candidate_reads_each_answer_by_itself() -> None:
    """Half an answer is never completed by the next one."""
    row = registry.get("cas_type6")
    whole = frames(row)[-1]
    candidate = Candidate(row.id, (), row.line)
    assert not any(isinstance(item, Reading) for item in candidate.read((whole[:7], whole[7:])))
    assert len(candidate.read((whole, whole))) == 2
