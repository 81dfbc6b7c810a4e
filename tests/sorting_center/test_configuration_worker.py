"""What the county's server makes, signs and sends, and how it answers stations that have something else."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.domain.events import ConfigApplied, ConfigRefused, RequestAnswered
from kiosk.messaging.contract.configuration import (
    MAX_NUMBER,
    BadConfiguration,
    CheckpointsPart,
    ConfigurationDocument,
    ConfigurationMessage,
    encode_part,
    parse_document,
    parse_message,
)
from kiosk.messaging.contract.control import Hello, encode
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.station_request import parse_request
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.configuration import ledger_parts, rendering
from kiosk.sorting_center.configuration_worker import (
    LEDGER_PERIOD_S,
    MAX_SENT_BYTES,
    MIN_RESEND_S,
    CountyConfiguration,
)
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.station_requests import record_answer
from kiosk.sorting_center.ingest.message_parsing import parse_message as parse_inbound
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Delivery, Ledger
from kiosk.sorting_center.service import SortingCenter
from kiosk.sorting_center.shared.ports import Inbound
from kiosk.station.configuration.signature import check_signature
from tests.servers.rabbitmq import RabbitMQ
from tests.sorting_center.brokers import SOON_S, Broker, Peer, until
from tests.sorting_center.county_rows import County, members, person, price
from tests.sorting_center.ingest.stands import MosquittoStand, RabbitStand, Stand, peer_of
from tests.sorting_center.signing_station import SigningStation, key_of
from tests.sorting_center.station_journal import NOW, Station

REGION = "shache"


def hello(configuration: str = "", station: str = "S0147", region: str = REGION) -> Inbound:
    said = Hello("00112233445566aa", 1, 1, 0, "kiosk test", configuration=configuration)
    return Inbound(Topics(region, station).hello, encode(said))


class Server:
    """The worker with a clock of its own, and what it sends."""

    def __init__(self, ledger: Ledger, desk: CenterDesk, folder: Path) -> None:
        self.county = County(desk, folder)
        self.desk, self.ledger, self.now = desk, ledger, 0.0
        self.sent: list[tuple[str, bytes]] = []
        self.is_connected = True
        self.start()

    def start(self) -> None:
        self.worker = CountyConfiguration(self.ledger, self.county.key_file, self._send)

    def _send(self, topic: str, payload: bytes) -> bool:
        if self.is_connected:
            self.sent.append((topic.split("/")[3], payload))
        return self.is_connected

    def says(self, configuration: str, station: str = "S0147", region: str = REGION) -> None:
        self.worker.delivered(parse_inbound(hello(configuration, station, region)))

    def hears(self, event: ReceivedEvent) -> None:
        self.worker.delivered(Delivery(events=[(REGION, event)]))

    def step(self, seconds: float = 2.0) -> list[tuple[str, ConfigurationDocument, set[str]]]:
        """For each message the station, the document, and the names of the parts in it."""
        self.now += seconds
        self.worker.follow(self.desk, self.now)
        sent, self.sent = self.sent, []
        found = []
        for station, payload in sent:
            assert len(payload) <= MAX_SENT_BYTES
            message = parse_message(payload)
            document = parse_document(message.document.encode())
            assert check_signature(document, self.county.authority.certificate.encode()) is None
            names = {name for name, part in document.parts.items() if part.sha256 in message.parts}
            found.append((station, document, names))
        return found

    def versions(self, seconds: float = 2.0) -> list[str]:
        return [f"{station} {document.number}" for station, document, _ in self.step(seconds)]


@pytest.fixture
def server(ledger: Ledger, tmp_path: Path) -> Iterator[Server]:
    with CenterDesk.open(ledger.url) as desk:
        made = Server(ledger, desk, tmp_path)
        made.county.expect({"S0147": "Azatbagh", "S0148": "Azatbagh", "S0201": ""})
        yield made


def test_what_changes_for_a_station_is_sent_to_it_alone(server: Server) -> None:
    assert server.step() == [], "nothing is published"
    server.county.change(price(2400), *(person(name, "01") for name in ("S0147", "S0148", "S0201")))
    assert [document.parts.keys() for _, document, _ in server.step()] == [{"clerks"}] * 3, "prices wait for somebody"
    server.county.publish(price(2400))
    sent = server.step()
    assert [(station, str(document.number), names) for station, document, names in sent] == [
        (station, "1.2", {"prices"}) for station in ("S0147", "S0148", "S0201")
    ], "the people are there already"
    server.county.publish(price(2600, "township:Azatbagh"))
    assert server.versions() == ["S0147 1.3", "S0148 1.3"]
    server.county.expect({"S0147": "Azatbagh", "S0148": "", "S0201": ""})
    assert server.versions() == ["S0148 1.4"], "it belongs to another township now"
    server.start()
    assert server.step() == [], "a server that starts again makes nothing anew"
    server.county.use_key(2)
    assert server.versions() == ["S0147 2.1", "S0148 2.1", "S0201 2.1"]


def test_two_centers_make_each_document_once(server: Server) -> None:
    server.county.publish(price(2400))
    sent: list[str] = []
    key = server.county.key_file
    other = CountyConfiguration(server.ledger, key, lambda topic, _: sent.append(topic) is None)
    for fen in (2500, 2600):
        other.follow(server.desk, server.now)
        assert server.versions() == []
        server.county.publish(price(fen))
    assert len(sent) == 6
    assert server.versions() == ["S0147 1.3", "S0148 1.3", "S0201 1.3"]


def test_keys_reach_every_station_at_once_and_then_in_turns(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    stations = ["S0147", "S0148", "S0201"]
    server.county.publish(price(2400))
    server.step()
    signing = SigningStation()
    server.ledger.accept([signing.start(), signing.make_key(), signing.intake(1)], REGION, NOW)
    sent = server.step()
    assert [(station, names) for station, _, names in sent] == [(station, {"keys", "voids"}) for station in stations]
    server.ledger.accept([signing.void(1)], REGION, NOW)
    server.ledger.revoke_key(REGION, "S0147", key_of("first").key_id.hex())
    assert server.step(LEDGER_PERIOD_S - 10) == []
    made = []
    monkeypatch.setattr(ledger_parts, "encode_part", lambda part: made.append(part) or encode_part(part))
    sent = server.step(20)
    assert [(station, names) for station, _, names in sent] == [(station, {"keys", "voids"}) for station in stations]
    (row,) = made[0].keys
    assert (len(made), row.state, made[1].receipts) == (2, "revoked", ("0147-A-000001",)), "once for all"
    server.county.publish(price(2600, "township:Azatbagh"))
    assert [(station, names) for station, _, names in server.step()] == [("S0147", {"prices"}), ("S0148", {"prices"})]
    assert server.step(10 * LEDGER_PERIOD_S) == []
    server.start()
    assert server.step() == [], "a server that starts again makes nothing anew"


def test_a_station_has_parts_of_its_own_beside_the_keys(server: Server) -> None:
    signing = SigningStation()
    server.ledger.accept([signing.start(), signing.make_key()], REGION, NOW)
    own = {"S0148": {"checkpoints": encode_part(CheckpointsPart(()))}}
    server.worker = CountyConfiguration(
        server.ledger, server.county.key_file, server._send, station_parts=lambda _, station: own.get(station, {})
    )
    parts = {station: set(document.parts) for station, document, _ in server.step()}
    assert parts == {one: {"keys", "voids"} | own.get(one, {}).keys() for one in ("S0147", "S0148", "S0201")}
    own["S0148"] = {}
    assert server.step() == []
    assert server.versions(LEDGER_PERIOD_S) == ["S0148 1.2"]


def test_a_county_of_twenty_thousand_members_makes_their_part_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.county.expect({f"S{number:04d}": "" for number in range(1, 201)})
    server.county.change(*members(20_000))
    made = []
    monkeypatch.setattr(rendering, "encode_part", lambda part: made.append(part) or encode_part(part))
    sent = server.step()
    assert (len(sent), len(made)) == (200, 1)
    assert {frozenset(names) for _, _, names in sent} == {frozenset()}, "it is fetched"
    (size,) = {document.parts["members"].size for _, document, _ in sent}
    assert size <= 1_500_000


def test_a_station_with_another_version_gets_the_newest_now_and_then(server: Server) -> None:
    server.county.publish(price(2400))
    server.step()
    for _ in range(100):
        server.says("")
        assert server.step(0.1) == [], "it was sent a moment ago"
    server.says("1.1")
    assert server.step(MIN_RESEND_S) == [], "it has it meanwhile"
    server.says("")
    ((station, document, names),) = server.step()
    assert (station, str(document.number), names) == ("S0147", "1.1", {"prices"})
    count = 0
    for _ in range(24 * 60):
        server.says("")
        count += len(server.step(60.0))
    assert 20 < count < 40, "a whole day of hellos"
    server.says("1.1")
    server.says("", region="hotan")
    server.says("", station="S0999")
    assert server.step(4000.0) == []


def test_requests_are_sent_one_after_the_other_until_they_are_answered(server: Server) -> None:
    now = datetime.now(UTC)
    first, second = (server.desk.requests.add(REGION, "S0147", kind, "", 7, now) for kind in ("bundle", "report"))
    assert second == first + 1 > 3_600_000
    server.desk.requests.add(REGION, "S0148", "report", "", 7, now - timedelta(days=8))  # expired
    server.desk.requests.add("hotan", "S0147", "report", "", 7, now)

    def sent(seconds: float = 2.0) -> list[int]:
        """The numbers of what was sent, each believed by the station."""
        server.now += seconds
        server.worker.follow(server.desk, server.now)
        payloads, server.sent = server.sent, []
        requests = [parse_request(payload) for _, payload in payloads]
        root = server.county.authority.certificate.encode()
        assert all(check_signature(one, root) is None and one.station == "S0147" for one in requests)
        return [one.version[1] for one in requests]

    server.is_connected = False
    assert sent() == []
    server.is_connected = True
    assert (sent(), sent()) == ([first], []), "as soon as there is a line, and once"
    server.says("")
    assert sent() == [], "it was sent a moment ago"
    assert (sent(MIN_RESEND_S), sent(MIN_RESEND_S)) == ([first], []), "but the hello counts"
    server.start()
    assert sent() == [first]
    answer = RequestAnswered(1, first, "bundle", "done", "", "ab" * 32, 17)
    with server.desk.database.writing() as connection:
        record_answer(connection, REGION, "S0148", answer)
        record_answer(connection, REGION, "S0147", replace(answer, kind="report"))
    assert sent() == []
    with server.desk.database.writing() as connection:
        record_answer(connection, REGION, "S0147", answer)
        record_answer(connection, REGION, "S0147", replace(answer, outcome="refused"))
    assert sent() == [second]
    rows = [row for row in server.desk.requests.all() if (row["region"], row["station"]) == (REGION, "S0147")]
    assert [(row["number"], row["outcome"], row["size_bytes"]) for row in rows] == [
        (first, "done", 17),
        (second, "", 0),
    ]


def test_the_report_that_it_is_applied_ends_the_sending(server: Server) -> None:
    server.county.publish(price(2400))
    assert server.step()
    newest = server.desk.documents.newest(REGION, "S0147")
    assert newest is not None
    server.says("")
    station = Station()
    server.hears(station.add(ConfigApplied(1, 1, newest.sha256, 1)))
    assert server.step(1000.0) == []
    server.hears(station.add(ConfigRefused(1, 1, newest.sha256, "open_intake")))
    assert server.step(1000.0) == []


def test_one_number_that_was_given_twice_is_found_by_the_hash(server: Server) -> None:
    server.county.publish(price(2400))
    server.step()
    station, wrong = Station(), "0" * 64
    server.hears(station.add(ConfigApplied(1, 1, wrong, 1)))
    assert server.versions(MIN_RESEND_S) == ["S0147 1.2"]
    newest = server.desk.documents.newest(REGION, "S0147")
    assert newest is not None
    server.hears(station.add(ConfigRefused(1, 1, wrong, "older")))
    assert server.versions(MIN_RESEND_S) == [], "that is one of before"
    server.hears(station.add(ConfigRefused(1, 2, newest.sha256, "older")))
    assert server.versions(MIN_RESEND_S) == ["S0147 1.3"]


def test_a_county_that_was_restored_goes_on_above_what_its_stations_have(server: Server) -> None:
    server.county.publish(price(2400))
    server.step()
    server.says("1.40")
    assert server.versions(MIN_RESEND_S) == ["S0147 1.41"]
    for _ in range(100):
        server.says("1.999")
    assert server.versions() == [], "not so soon"
    assert server.versions(MIN_RESEND_S) == ["S0147 1.1000"]


def test_a_station_that_claims_the_last_number_waits_alone(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.county.publish(price(2400))
    server.step()
    server.says(f"1.{MAX_NUMBER}")
    assert server.versions(MIN_RESEND_S) == []
    assert "S0147 has the document 1.2147483647: it needs a key after 1." in caplog.text
    server.county.publish(price(2500))
    assert "S0148 1.2" in server.versions()
    server.county.use_key(2)
    server.says(f"1.{MAX_NUMBER}")
    assert "S0147 2.1" in server.versions(MIN_RESEND_S)


def test_a_row_that_is_wrong_holds_up_its_station_alone(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    wrong = price(1, "station:S0201")
    server.county.publish(price(2400), type(wrong)(wrong.kind, wrong.scope, wrong.key, "damaged"))
    assert server.versions() == ["S0147 1.1", "S0148 1.1"]
    assert "No document can be made for S0201: price ALMOND/purchase/" in caplog.text


def test_what_could_not_be_sent_is_sent_when_the_line_is_back(server: Server) -> None:
    server.is_connected = False
    server.county.publish(price(2400))
    assert server.step() == []
    server.is_connected = True
    assert server.versions() == ["S0147 1.1", "S0148 1.1", "S0201 1.1"]


def test_a_message_that_is_cut_or_inflates_without_an_end_is_none() -> None:
    whole = ConfigurationMessage("{}", {"0" * 64: "[1,2,3]"}).encode()
    assert parse_message(whole).parts
    bomb = zlib.compress(b'{"document":"' + bytes(50_000_000), 9)
    for damaged in (*(whole[:end] for end in range(len(whole))), whole + b"x", bomb):
        with pytest.raises(BadConfiguration):
            parse_message(damaged)


@pytest.fixture(params=["mosquitto", "rabbitmq"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    if request.param == "rabbitmq":
        rabbitmq: RabbitMQ = request.getfixturevalue("rabbitmq")
        yield RabbitStand(rabbitmq, rabbitmq.vhost())
        return
    with Broker(tmp_path) as broker:
        broker.start()
        yield MosquittoStand(broker)


def test_a_price_that_is_published_reaches_the_station_over_either_broker(
    stand: Stand, ledger_url: str, tmp_path: Path, rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.configuration_worker.MIN_RESEND_S", 0.1)
    topics = Topics(REGION, "S0147")
    with (
        SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(stand.url), None) as center,
        CenterDesk.open(ledger_url) as desk,
        peer_of(stand, topics.config) as peer,
    ):
        county = County(desk, tmp_path)
        county.expect({"S0147": ""})
        center.send_configurations(county.key_file)
        assert center.start(SOON_S)
        county.publish(price(2400))
        first = until(lambda: peer.last(topics.config))
        assert parse_document(parse_message(first).document.encode()).number == ConfigurationVersion(1, 1)
        peer.send(topics.hello, hello("1.7").payload)
        until(lambda: _version(peer, topics) == "1.8")


def _version(peer: Peer, topics: Topics) -> str:
    payload = peer.last(topics.config)
    return str(parse_document(parse_message(payload).document.encode()).number) if payload is not None else ""
