"""What a member brought, on the strip: lines, sums and signed code say the same, whatever happens around them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import astuple, replace

import pytest

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.catalog import Member
from kiosk.domain.intake import Intake, TareSource, Weighing
from kiosk.domain.moment import ClockQuality
from kiosk.domain.statement import BroughtSums
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.domain.void import Void, VoidReason
from kiosk.labels.papers.member import MemberStatement
from kiosk.messaging.contract.slip import parse_statement
from kiosk.station.counter.members import ON_PAPER
from kiosk.station.papers.parcel import no_key
from kiosk.station.papers.rendering import paper_of
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.store import Store
from tests.station.counter.rig import CounterRig, refused

KEY = Ed25519Key(bytes(range(32)))
MEMBER = "M-04412"
NO_CERTIFICATE = Certificate(CertificateKind.NONE, None, NoCertificateReason.SMALL_GROWER)


def book(
    rig: CounterRig, grams: int, mode: Mode = Mode.CONSIGNMENT, *, void: bool = False, member: str = MEMBER
) -> str:
    version, catalog = rig.store.catalogs.get()
    product = next(row.product for row in catalog.prices if row.mode is mode)
    price = catalog.price(product, mode) or 0
    intake = rig.store.intakes.open(
        lambda receipt: Intake(receipt, Party(MEMBER), product, mode, version, price), rig.clock.stamp()
    )
    weighed = intake.with_bag(Weighing(grams, 1, 1, 1200, 14), catalog.containers[0].code, TareSource.PRESET, 0)
    rig.store.intakes.confirm(weighed.confirm(NO_CERTIFICATE), str(intake.receipt), lambda head: [], rig.clock.stamp())
    if void:
        rig.store.intakes.void(
            Void(intake.receipt, VoidReason.WRONG_PARTY, "clerk:01", "witness:02"), rig.clock.stamp()
        )
    return str(intake.receipt)


def signing(rig: CounterRig, key: Callable[[], Ed25519Key | None]) -> CounterRig:
    """The same station in a county with a page of signed codes."""
    host = {"on_paper": lambda settings: replace(settings, slip_host="kiosk.example.cn"), "signing_key": key}
    return CounterRig(rig.store, rig.folder, clock=rig.clock, signs=host)


def broken() -> Ed25519Key | None:
    raise OSError("the device is gone")


def strip_of(rig: CounterRig) -> MemberStatement:
    (job,) = rig.queued("member_statement")
    found = paper_of(job)
    assert isinstance(found, MemberStatement)
    return found


def test_lines_sums_and_signed_code_say_the_same(rig: CounterRig) -> None:
    for number in range(ON_PAPER + 7):
        book(rig, 10_000 + 137 * number, list(Mode)[number % 2], void=number % 5 == 0)
    rig = signing(rig, lambda: KEY)
    rig.counter.members.print(MEMBER)
    strip = strip_of(rig)
    shown = BroughtSums.of((1, row.mode, row.void, row.net_g, row.amount_fen) for row in strip.rows)
    brought = rig.counter.members.brought(MEMBER, 100)
    assert len(strip.rows) == ON_PAPER and len(brought.rows) == ON_PAPER + 7
    sums = tuple(part + rest for part, rest in zip(astuple(shown), strip.earlier, strict=True))
    assert sums == astuple(strip.sums)
    signed = parse_statement(strip.signed_code)
    assert signed.is_signed_by(KEY.public)
    assert (
        signed.statement.sums
        == strip.sums
        == brought.sums
        == BroughtSums.of((1, row.mode, row.voided, row.net_g, row.amount_fen) for row in brought.rows)
    )
    assert (signed.statement.member, signed.statement.head) == (MEMBER, bytes.fromhex(brought.head)[:8])
    assert (str(signed.statement.first), str(signed.statement.last)) == (brought.first, brought.last)
    assert strip.head == brought.head


@pytest.mark.parametrize("key", [no_key, broken])
def test_a_key_that_fails_stops_no_paper(rig: CounterRig, key: Callable[[], Ed25519Key | None]) -> None:
    book(rig, 12_000)
    signing(rig, key).counter.members.print(MEMBER)
    assert (strip_of(rig).signed_code, strip_of(rig).fails) == ("", True)


def test_a_clock_of_1970_is_on_the_strip(rig: CounterRig) -> None:
    book(rig, 12_000)
    rig.clock.quality(ClockQuality.UNSET)
    rig.clock.jump(-365 * 56)
    book(rig, 13_000)
    signing(rig, lambda: KEY).counter.members.print(MEMBER)
    strip = strip_of(rig)
    assert (strip.year, strip.date, strip.sums.receipts) == (None, None, 2)
    assert [row.date for row in strip.rows] == [None, "2026-11-25"]
    found = parse_statement(strip.signed_code).statement
    assert (found.minute, found.clock) == (None, ClockQuality.UNSET)


def test_two_who_print_at_once_get_one_strip(rig: CounterRig) -> None:
    book(rig, 12_000)
    threads = [threading.Thread(target=rig.counter.members.print, args=(MEMBER,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rig.queued("member_statement")) == 1


def test_what_cannot_be_printed_is_refused(rig: CounterRig, store: Store) -> None:
    assert refused(lambda: rig.counter.members.print(MEMBER)).code == "stale_page", "nothing was brought"
    bare = CounterRig(store, rig.folder, printers=("label",))
    book(bare, 12_000)
    assert refused(lambda: bare.counter.members.print(MEMBER)).code == "stale_page"
    assert refused(lambda: bare.counter.members.print_code(bare.session, MEMBER)).code == "stale_page"
    keyless = CounterRig(store, rig.folder, key=PickupKey(None, "a test"))
    assert refused(lambda: keyless.counter.members.print_code(keyless.session, MEMBER)).code == "no_key"
    assert refused(lambda: keyless.counter.members.prove(MEMBER, "123456")).code == "no_key"
    keyless.access.sign_out(keyless.session.token)
    assert refused(lambda: keyless.counter.members.print_code(keyless.session, MEMBER)).code == "not_unlocked"


def test_a_code_of_another_key_is_never_printed(rig: CounterRig) -> None:
    assert isinstance(rig.store.catalogs.get()[1].member(MEMBER), Member)
    rig.counter.members.print_code(rig.session, MEMBER)
    (job,) = rig.queued("member_code")
    code = paper_of(job, rig.key).code
    rig.counter.members.prove(MEMBER, code)
    assert code.encode() not in job.body
    with pytest.raises(ValueError, match="another key"):
        paper_of(job, PickupKey(bytes(32), "another"))
