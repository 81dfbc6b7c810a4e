"""The documents in docs/feed: made from the code, up to date, and true of real messages."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from kiosk.domain.clerk import Role
from kiosk.domain.events import (
    AuthLocked,
    BackupMade,
    BagData,
    CatalogImported,
    CertificateData,
    CheckpointKept,
    CheckpointRefused,
    ClerkAdded,
    ClerkChanged,
    ClockChanged,
    ConfigApplied,
    ConfigRefused,
    CountersData,
    DayClosed,
    EpochStarted,
    EventData,
    EventsCovered,
    IntakeAbandoned,
    IntakeConfirmed,
    IntakeVoided,
    KeyMade,
    ListingDrafted,
    ListingSubmitted,
    LoadLeft,
    ParcelArrived,
    ParcelCollected,
    ParcelDamaged,
    ParcelExpected,
    ParcelFound,
    ParcelLost,
    ParcelMisrouted,
    ParcelMissing,
    ParcelNotAccepted,
    ParcelNoticed,
    ParcelOverdue,
    ParcelReturnable,
    ParcelReturned,
    ParcelShelved,
    ParcelWithdrawn,
    PhotoAccepted,
    PhotoRemoved,
    PhotoTaken,
    PictureData,
    PrintReprinted,
    PrintResolved,
    PrintUnknown,
    RequestAnswered,
    ScaleChanged,
    ScaleChecked,
    ScaleData,
    TaresChanged,
    WordsData,
)
from kiosk.domain.intake import AbandonReason
from kiosk.domain.metrology.legal_status import CheckState, Verification
from kiosk.domain.metrology.pan_journal import UnbookedWhy
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.parcel import CollectedBy, Consent, Proof
from kiosk.domain.verdict import Finding, Measures, Reason
from kiosk.messaging.contract.control import Ack, Hello, Resend, Status, encode
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from scripts.feed_documents import all_schemas, build_files, main

FEED = Path(__file__).parents[3] / "docs" / "feed"
EPOCH = "00c0ffee00c0ffee"

PARCEL = "P-0147-A-000012"
PLAIN_STEPS = (
    ParcelOverdue,
    ParcelReturnable,
    ParcelReturned,
    ParcelNotAccepted,
    ParcelMisrouted,
    ParcelLost,
    ParcelFound,
    ParcelMissing,
    ParcelWithdrawn,
)

EXAMPLES: tuple[EventData, ...] = (
    EpochStarted("A", "new"),
    EpochStarted("B", "restored", CountersData(4, 2, 9)),
    IntakeConfirmed(
        receipt="0147-A-000381",
        lot="Y1L0147A000381V",
        owner="cooperative",
        party="M-04412",
        mode="purchase",
        product="badam",
        catalog_version=3,
        price_fen_per_kg=3200,
        bags=(BagData(1, 2480, 80, 2400, 7680, "bag", "preset", 17, 3, 1200, "ab" * 32),),
        gross_g=2480,
        tare_g=80,
        net_g=2400,
        amount_fen=7680,
        certificate=CertificateData("none", None, "not_presented"),
        metrology="1+a91f03c7",
        scale=ScaleData(True, CheckState.LATE, Verification.VALID, CountersData(3, 12, 5)),
    ),
    IntakeAbandoned("0147-A-000382", "opened", AbandonReason.LEFT),
    IntakeVoided("0147-A-000381", "Y1L0147A000381V", "wrong_party", ("clerk:07", "witness:02"), None),
    PhotoTaken("Y1L0147A000381V", "ab" * 32, 300_000, 1600, 1200),
    PhotoAccepted(
        "Y1L0147A000381V",
        PictureData("ab" * 32, 310_000, 1600, 1600),
        PictureData("cd" * 32, 420_000, 1600, 1600),
        Measures(3_150, 168, 141, 1, 1_620, 2_400, 3_310),
        (Finding(Reason.BLUR, 3_400, 3_000),),
        "clerk:07",
    ),
    PhotoRemoved("Y1L0147A000381V", "ab" * 32, "face"),
    ListingDrafted("Y1L0147A000381V", "badam", "ab" * 32),
    ListingSubmitted(
        "Y1L0147A000381V",
        "badam",
        3,
        ("ab" * 32, "cd" * 32),
        500,
        5_800,
        WordsData("بادام", "巴旦木", "Badam"),
        WordsData("", "喀什的巴旦木，晒干。", "Badam of Kashgar, dried in the sun."),
        WordsData("", "放在阴凉处。", "Keep cool and dry."),
        "yarkant",
        "first",
        "2026-09",
        ("tree_nuts",),
        "clerk:07",
        WordsData("يەكەن", "莎车", "Yarkant"),
        WordsData("", "一级", ""),
    ),
    CatalogImported(3, "ab" * 32, 12, 20, 4, 30),
    ConfigApplied(1, 17, "ab" * 32, 3),
    ConfigRefused(1, 18, "ab" * 32, "signature"),
    RequestAnswered(1, 3_637_441, "bundle", "done", "", "ab" * 32, 48_201),
    ScaleChanged(4, "ab" * 32, "cd" * 32, "xk3190_tf0", 5, 30_000, "kg", True),
    TaresChanged(13, "ab" * 32, "cd" * 32, 7, 5),
    ClockChanged(6, ClockQuality.RESTORED, ClockQuality.SYNCED, 86_400),
    ScaleChecked(5000, 5005, 5, True, 120, 4, 800, "ab" * 32, "clerk:07"),
    LoadLeft(12_450, UnbookedWhy.NOT_AGREED, 4_200, 1, None),
    KeyMade("ab" * 32, "first"),
    EventsCovered(17, 29, 12, "ab" * 32),
    CheckpointKept("shache/2026", 48_201, "ab" * 32),
    CheckpointRefused("shache/2026", 48_201, "ab" * 32, 48_100, "inconsistent"),
    PrintUnknown("0147-A-000381", "receipt", 0, "restart", "0147-A-000381"),
    PrintReprinted("receipt", 0, "0147-A-000381", "clerk:07"),
    PrintResolved("pickup_slip", 0, PARCEL, True, "clerk:07"),
    ClerkAdded("clerk:07", Role.CLERK),
    ClerkChanged("clerk:07", Role.TECHNICIAN, "pin"),
    AuthLocked("pickup", 10),
    DayClosed("clerk:07", "ab" * 32, 17, 1, 2, 40, 812_340, 1_949_616, 120_000, 40, 21, 2, 17, 0, 382, 470),
    BackupMade(31_744, "ab" * 32, 470),
    ParcelExpected(40),
    ParcelArrived(PARCEL, "clerk:07", "YTO", "5d20c1aa", Consent.CARRIER_ORDER_FLAG, True, False, False),
    ParcelDamaged(PARCEL, "clerk:07", "ab" * 32, "arrival"),
    ParcelShelved(PARCEL, "clerk:07", "A-3-17"),
    ParcelNoticed(PARCEL, "clerk:07", 1),
    ParcelCollected(PARCEL, "clerk:07", Proof.CODE, CollectedBy.SELF),
    *(step(PARCEL, "clerk:07") for step in PLAIN_STEPS),
)


def event(data: EventData) -> dict[str, object]:
    """A sealed event, read back by a plain JSON reader."""
    moment = Moment(datetime(2026, 11, 25, tzinfo=UTC), "Asia/Urumqi", 360, ClockQuality.UNSET, "b", 5)
    one = seal(data, EventSource("S0147", "k"), JournalPosition(EPOCH, 7, ZERO_HASH, reissued=f"{EPOCH}-3"), moment)
    found: dict[str, object] = json.loads(one.body)
    return found


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((FEED / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_documents_are_those_the_code_makes() -> None:
    paths = [path for path in FEED.rglob("*.json") if path.parent.name != "vectors"]  # Others make those
    found = {str(path.relative_to(FEED)): path.read_text(encoding="utf-8") for path in paths}
    assert found == build_files(), "run: python -m scripts.feed_documents docs/feed"


def test_there_is_an_example_of_every_event_type() -> None:
    assert {data.TYPE for data in EXAMPLES} == {name for name in all_schemas() if "." in name}


def test_real_events_obey_their_schema(subtests: pytest.Subtests) -> None:
    for data in EXAMPLES:
        with subtests.test(data=data.TYPE):
            check = validator(data.TYPE)
            check.validate(event(data))
            check.validate(event(data) | {"feedseq": 12, "signature": "ed25519:abc"})


def test_the_schema_refuses_what_the_code_refuses(subtests: pytest.Subtests) -> None:
    for data in EXAMPLES:
        with subtests.test(data=data.TYPE):
            check = validator(data.TYPE)
            good = event(data)
            wrongs: list[dict[str, object]] = [
                {"type": "station.other.done.v1"},
                {"seq": 0},
                {"station": "S147"},
                {"prevhash": "AB" * 32},
                {"data": {}},
                {"monotonicms": 5},
            ]
            for wrong in wrongs:
                with pytest.raises(ValidationError):
                    check.validate(good | wrong)
            for name in good.keys() - {"reissued"}:
                with pytest.raises(ValidationError):
                    check.validate({key: value for key, value in good.items() if key != name})


def test_real_control_messages_obey_their_schema(subtests: pytest.Subtests) -> None:
    for message in [
        Ack(epoch=EPOCH, upto=7, gaps=((9, 9),), quarantined=(3,), head="ab" * 32),
        Hello(epoch=EPOCH, next=1, oldest=1, pending=0, software="k"),
        Status(online=False, pending=0, software="k", epoch=EPOCH),
        Resend(epoch=EPOCH, ranges=((1, 2),)),
    ]:
        with subtests.test(message=message):
            validator(type(message).__name__.lower()).validate(json.loads(encode(message)))


def _patterns(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {str(value["pattern"])} if isinstance(value.get("pattern"), str) else set()
        return own.union(*map(_patterns, value.values()))
    return set().union(*map(_patterns, value)) if isinstance(value, list) else set()


@settings(max_examples=5)
@given(data=st.data())
def test_every_pattern_refuses_a_line_end_behind_a_value(data: st.DataObject) -> None:
    """Also for an integrator who checks with Python, whose ``$`` takes a line end."""
    found = _patterns([json.loads(text) for text in build_files().values()])
    assert len(found) > 20
    for pattern in sorted(found):
        value = data.draw(st.from_regex(re.compile(pattern, re.ASCII)))
        assert not value.endswith("\n"), pattern
        assert re.search(pattern, value) and not re.search(pattern, value + "\n"), pattern


def test_every_pattern_is_one_of_ecmascript() -> None:
    """JSON Schema (2020-12, 6.4 of the core) asks for that; in unicode mode an escape like ``\\Z`` is an error."""
    program = 'for (const one of JSON.parse(require("fs").readFileSync(0, "utf8"))) new RegExp(one, "u")'
    found = sorted(_patterns([json.loads(text) for text in build_files().values()]))
    done = subprocess.run(["node", "-e", program], input=json.dumps(found), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads((FEED / "asyncapi.json").read_text(encoding="utf-8"))
    references = list(_references(document))
    assert len(references) > 40
    for reference in references:
        if reference.startswith("#/"):
            found = document
            for part in reference[2:].split("/"):
                found = found[part]
        else:
            assert (FEED / reference).is_file()


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [str(value["$ref"])] if "$ref" in value else []
        return own + [found for part in value.values() for found in _references(part)]
    return [found for part in value for found in _references(part)] if isinstance(value, list) else []


def test_generating_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "asyncapi.json").read_text(encoding="utf-8") == build_files()["asyncapi.json"]
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().err


def test_the_example_in_the_guide_is_the_golden_event() -> None:
    """Integrators copy it from there."""
    guide = (FEED.parent / "messaging.md").read_text(encoding="utf-8")
    (example,) = [line for line in guide.splitlines() if line.startswith('{"bootid"')]
    event = parse_event(example.encode())
    assert event.body.decode() == example
    assert f"`{event.sha256}`" in guide
