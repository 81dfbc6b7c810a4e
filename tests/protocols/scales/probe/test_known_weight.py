"""An empty pan and a known weight: one format is left, or nothing is offered, and every fallen one says why."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.known_weight import MismatchReason, WeighOutcome, identify_profile, readings_of
from kiosk.protocols.scales.probe.proposals import Proposal, Recording, propose
from kiosk.protocols.scales.shared.protocol import DisplayState, LineSettings, ScaleProtocol
from tests.depth import many
from tests.protocols.scales.probe_frames import LOADS, ROWS, recording

LINE = LineSettings()
NO_ZERO = "dibal_tisa"
"""It sends no weight below 20 divisions."""


def taught(
    row: ScaleProtocol, grams: int, known_g: int | None = None, begin: Sequence[tuple[int, bool]] = LOADS
) -> WeighOutcome:
    """The whole way with a simulated indicator: goods lie about, the pan is emptied, a weight is put on."""
    found = propose([recording(row, begin)])
    empty, loaded = ([recording(row, [(load, True)] * 6)] for load in (0, grams))
    return identify_profile(found, empty, loaded, known_g or _told(row, grams))


def _told(row: ScaleProtocol, grams: int) -> int:
    """Formats of whole units show the load as so many kilograms."""
    return grams * 1000 if row.id == "eq_forward_integer" else grams


def test_each_format_is_offered_or_one_that_says_the_same(subtests: pytest.Subtests) -> None:
    for row in [row for row in ROWS if row.id != NO_ZERO]:
        with subtests.test(row=row.id):
            outcome = taught(row, 2480)
            assert outcome.offer is not None, outcome
            names = (outcome.offer.candidate.protocol, *(name.partition(" ")[0] for name in outcome.offer.alike))
            assert row.id in names
            assert outcome.left == (outcome.offer,)


def test_a_scale_that_tells_no_zero_is_not_offered() -> None:
    outcome = taught(registry.get(NO_ZERO), 2480)
    assert outcome.offer is None
    assert [(one.proposal.candidate.protocol, one.why) for one in outcome.fallen] == [(NO_ZERO, MismatchReason.SILENT)]


def test_the_two_directions_of_the_equals_sign(subtests: pytest.Subtests) -> None:
    """Two kilograms: =000.2000 backwards and =0002.000 forwards, and both ways each is a number."""
    for frame, protocol in [("=000.0000", "xk3190_eq_reversed"), ("=0000.000", "xk3190_eq_forward")]:
        with subtests.test(frame=frame, protocol=protocol):
            reverse = protocol.endswith("reversed")
            full = "=000.2000" if reverse else "=0002.000"
            found = propose([Recording(LINE, (full.encode() * 8,))])
            assert {one.candidate.protocol for one in found} == {"xk3190_eq_reversed", "xk3190_eq_forward"}
            outcome = identify_profile(found, [heard(frame)], [heard(full)], 2000)
            assert outcome.offer is not None
            assert (outcome.offer.candidate.protocol, outcome.offer.unit) == (protocol, "kg")
            (other,) = outcome.fallen
            assert other.why is MismatchReason.NOT_THE_WEIGHT
            assert other.read == "0.2000"


def test_the_zeros_of_a_toledo_in_steps_of_ten(subtests: pytest.Subtests) -> None:
    """Whatever lay there when the session began: a known weight leaves one, and it is said in the settings."""

    def holds(zeros: str, begin: int) -> None:

        def shows(grams: int) -> Recording:
            digits = str(grams // 1000 // (10 if zeros == "omitted" else 1)).encode("ascii")
            body = b"\x02\x29\x30\x20" + digits.rjust(6) + b"     0\r"
            return Recording(LineSettings(9600, 7, "E"), ((body + bytes((-sum(body) & 0x7F,))) * 6,))

        outcome = identify_profile(propose([shows(begin)]), [shows(0)], [shows(120_000)], 120_000)
        assert outcome.offer is not None
        assert (outcome.offer.candidate.protocol, outcome.offer.candidate.params) == (
            "mt_continuous",
            (("dummy_zeros", zeros),),
        )
        other = {"omitted": "sent", "sent": "omitted"}[zeros]
        reads = {one.proposal.candidate.params: (one.why, one.read) for one in outcome.fallen}
        assert reads[(("dummy_zeros", other),)][0] is MismatchReason.NOT_THE_WEIGHT
        assert begin or reads[()] == (MismatchReason.SILENT, ""), "without the parameter a load is no weight"

    for zeros in ["omitted", "sent"]:
        for begin in [0, 20_000]:
            with subtests.test(zeros=zeros, begin=begin):
                holds(zeros, begin)


def heard(frame: str, line: LineSettings = LINE) -> Recording:
    return Recording(line, (frame.encode() * 6,))


def test_a_number_that_is_the_same_both_ways_offers_nothing() -> None:
    """10.010 is a palindrome, and so is zero: another weight can tell."""
    full = heard("=010.010")
    found = propose([full])
    assert {one.candidate.protocol: one.reads for one in found} == {
        "xk3190_eq_reversed": "10.010",
        "xk3190_eq_forward": "10.010",
    }
    outcome = identify_profile(found, [heard("=000.000")], [full], 10_010)
    assert outcome.offer is None
    assert len(outcome.left) == 2
    assert outcome.fallen == ()


def test_the_two_layouts_of_ff_bcd() -> None:
    found = propose([recording(registry.get("ff_bcd"))])
    assert len(found) == 2
    one, other = found
    stable, moving = b"\xff\x44\x00\x20\x00", b"\xff\x44\x00\x00\x00"
    outcome = identify_profile(found, [Recording(LINE, (moving * 6,))], [Recording(LINE, (stable * 6,))], 2000)
    assert outcome.offer is not None
    assert outcome.offer.candidate == one.candidate
    assert [fallen.proposal for fallen in outcome.fallen] == [other]


def test_grams_or_kilograms_are_told_by_the_weight_where_no_unit_is_sent() -> None:
    row = registry.get("xk3190_tf0")
    for unit, weight in (("kg", Decimal("2.480")), ("g", Decimal("2480"))):
        zero = weight - weight
        frames = [row.encode_frame(DisplayState(one, unit), registry.defaults(row.id)) * 6 for one in (zero, weight)]
        found = propose([Recording(LINE, (frames[1],))])
        outcome = identify_profile(found, [Recording(LINE, (frames[0],))], [Recording(LINE, (frames[1],))], 2480)
        assert outcome.offer is not None
        assert outcome.offer.unit == unit


def csv(text: str, count: int = 6) -> Recording:
    return Recording(LINE, (f"{text}\r\n".encode() * count,))


FOUND = propose([csv("ST,GS,+  2.480kg", 9)])
ZERO, FULL = csv("ST,GS,+  0.000kg"), csv("ST,GS,+  2.480kg")


def test_why_a_proposal_falls(subtests: pytest.Subtests) -> None:
    for empty, loaded, known_g, why in [
        (csv("ST,GS,+  0.000kg", 2), FULL, 2480, MismatchReason.SILENT),
        (ZERO, csv("garbage", 9), 2480, MismatchReason.SILENT),
        (ZERO, Recording(LineSettings(4800), FULL.received), 2480, MismatchReason.SILENT),
        (csv("ST,GS,+  0.120kg"), FULL, 2480, MismatchReason.NOT_ZERO),
        (csv("ST,GS,-  0.120kg"), FULL, 2480, MismatchReason.NOT_ZERO),
        (ZERO, FULL, 24_800, MismatchReason.NOT_THE_WEIGHT),
        (ZERO, FULL, 2510, MismatchReason.NOT_THE_WEIGHT),
        (ZERO, csv("ST,GS,+  2.480lb"), 2480, MismatchReason.UNIT),
        (csv("ST,NT,+  0.000kg"), FULL, 2480, MismatchReason.NET),
        (ZERO, csv("OL,GS,+  2.480kg"), 2480, MismatchReason.NO_WEIGHT),
        (
            ZERO,
            Recording(LINE, (b"".join(b"US,GS,+  2.%d80kg\r\n" % at for at in (4, 5, 6, 7, 8, 9)),)),
            2480,
            MismatchReason.UNSTEADY,
        ),
    ]:
        with subtests.test(empty=empty, loaded=loaded, known_g=known_g, why=why):
            outcome = identify_profile(FOUND, [empty], [loaded], known_g)
            assert outcome.offer is None
            assert outcome.left == ()
            assert {one.why for one in outcome.fallen} == {why}
            assert len(outcome.fallen) == len(FOUND)


def test_within_the_scale_interval_as_seen() -> None:
    """d = 20 g: 2.480 may stand for a weight of 2.5 kg no more than 2.500 for 2.48."""
    found = propose([csv("ST,GS,+  2.480kg\r\nST,GS,+  2.460kg", 9)])
    assert identify_profile(found, [ZERO], [FULL], 2490).offer is not None
    assert identify_profile(found, [ZERO], [FULL], 2510).offer is None
    fine = [csv("ST,GS,+  0.000kg"), csv("ST,GS,+  2.481kg")]
    assert identify_profile(propose([fine[1]]), fine[:1], fine[1:], 2482).offer is not None
    assert identify_profile(propose([fine[1]]), fine[:1], fine[1:], 2483).offer is None


def test_what_reads_alike_is_one_profile_that_names_the_others() -> None:
    outcome = identify_profile(FOUND, [ZERO], [FULL], 2480)
    assert outcome.offer is not None
    assert outcome.offer.candidate.protocol == FOUND[0].candidate.protocol == "st_gs_csv"
    assert outcome.offer.unit is None, "the format sends it"
    assert set(outcome.offer.alike) == {one.candidate.name for one in FOUND[1:]}


def test_nothing_proposed_is_nothing_offered() -> None:
    assert identify_profile((), [ZERO], [FULL], 2480) == WeighOutcome(None, (), ())


@settings(max_examples=many(40, torture=240), deadline=None)
@given(st.sampled_from([row for row in ROWS if row.id != NO_ZERO]), st.integers(100, 9_999), st.integers(100, 9_999))
def test_an_offer_reads_the_weight_that_was_put_on(row: ScaleProtocol, grams: int, known_g: int) -> None:
    """Whatever is typed: what is offered has read just that, within 5 percent."""
    outcome = taught(row, grams, known_g, [(grams, True)] * 9)
    loaded = [recording(row, [(grams, True)] * 6)]
    for profile in outcome.left:
        weight = readings_of(profile.candidate, loaded)[-1].weight
        assert weight is not None
        unit = profile.unit or readings_of(profile.candidate, loaded)[-1].unit or row.default_unit
        assert abs(weight * (1000 if unit == "kg" else 1) - known_g) <= Decimal(known_g) / 20


def test_the_readings_of_a_proposal_are_those_of_its_own_line_and_question() -> None:
    (one,) = propose([recording(registry.get("mt_sics"))])
    assert isinstance(one, Proposal)
    mine = recording(registry.get("mt_sics"))
    assert readings_of(
        one.candidate, [mine, Recording(mine.line, mine.received), Recording(mine.line, mine.received, (b"W",))]
    )
    assert readings_of(one.candidate, [Recording(mine.line, mine.received)]) == ()
