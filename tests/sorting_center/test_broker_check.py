"""What ``sorting-center broker-check`` says of brokers that lose something, and of those that do not."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.sorting_center import main
from kiosk.simulators.broker import Broker
from kiosk.sorting_center.ingest.amqp import queues
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from tests.messaging.ports import claimed_port
from tests.servers.rabbitmq import Vhost
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.desk.notices.receivers import listening
from tests.sorting_center.ingest.amqp.test_link import lost, opened_and_lost

pytestmark = pytest.mark.usefixtures("rabbitmq")

LOOPBACK = Path(__file__).parents[2] / "firmware_config" / "mosquitto" / "loopback.conf"


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["broker-check", *arguments])


def lines(result: Result, verdict: str) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith(verdict)]


def test_mosquitto_as_it_comes_loses_what_is_above_a_thousand(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker", conf="allow_anonymous true\npersistence false\n") as broker:
        result = check(broker.url)
        again = check(broker.url)
    assert result.exit_code == again.exit_code == 1
    (trap,) = lines(result, "trap")
    assert "of 1,500 messages" in trap
    assert "1,000 came" in trap
    assert lines(again, "trap") == [trap], "nothing was left behind by the first"


def test_mosquitto_as_it_is_shipped_loses_nothing(tmp_path: Path) -> None:
    conf = LOOPBACK.read_text(encoding="utf-8").replace("listener 1883 127.0.0.1", "")
    with Broker(tmp_path / "broker", conf=conf) as broker:
        result = check(broker.url)
    assert (result.exit_code, lines(result, "trap")) == (0, [])
    assert len(lines(result, "?")) == 1, "power cuts are not seen from here"


def test_a_limit_that_a_full_batch_does_not_pass_is_told(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker", conf="allow_anonymous true\nmessage_size_limit 100000\n") as broker:
        result = check(broker.url)
    assert any("full batch of 1 MiB does not come" in line for line in lines(result, "trap"))


def test_a_broker_that_may_not_be_published_to_says_so(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic read kiosk/#\n")
    (tmp_path / "acl").chmod(0o700)
    with Broker(tmp_path / "broker", conf=f"allow_anonymous true\nacl_file {tmp_path / 'acl'}\n") as broker:
        result = check(broker.url)
    assert any("queue not tried" in line for line in lines(result, "?"))
    assert any("may not speak for a station" in line for line in lines(result, "ok"))


def test_shared_subscriptions_of_rabbitmq_lie(vhost: Vhost) -> None:
    result = check(vhost.mqtt_url)
    assert result.exit_code == 1
    assert any("$share" in line for line in lines(result, "trap"))
    assert any("of 1,500 messages" in line for line in lines(result, "ok"))


@pytest.mark.usefixtures("unfed")
def test_the_queues_of_a_worker_are_right_and_others_are_not(vhost: Vhost, ledger_url: str) -> None:
    before = check(vhost.amqp_url)
    assert (before.exit_code, len(lines(before, "trap"))) == (1, 2)
    assert "no queue intake.all" in before.stdout
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(vhost.amqp_url), None) as center:
        assert center.start(SOON_S)
        after = check(vhost.amqp_url)
        regions = check(vhost.amqp_url, "--region", "hotan")
        until(lambda: center.health.report().ok)
    assert (after.exit_code, len(lines(after, "ok"))) == (0, 2)
    assert f"{queues.ALL} is there as well" in regions.stdout


def test_a_wrong_call_is_exit_2_and_a_broker_that_is_not_there_exit_1() -> None:
    assert check("http://h").exit_code == 2
    assert check("amqp://127.0.0.1:1", "--region", "No Region").exit_code == 2
    with claimed_port() as port:
        for scheme in ("mqtt", "amqp"):
            result = check(f"{scheme}://127.0.0.1:{port}")
            assert result.exit_code == 1
            assert len(result.stderr.splitlines()) == 1


def loses(connection: socket.socket) -> None:
    """A broker of MQTT 5 that lets everybody in, grants every topic, and is lost at the first message."""
    connection.recv(4096)
    connection.sendall(b"\x20\x03\x00\x00\x00")
    while (packet := connection.recv(4096))[:1] == b"\x82":
        connection.sendall(b"\x90\x04" + packet[2:4] + b"\x00\x01")


def test_a_connection_that_is_lost_is_no_missing_right() -> None:
    with listening(loses) as port:
        result = check(f"mqtt://127.0.0.1:{port}")
    assert "may not" not in result.stdout
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "was lost" in result.stderr


def test_clients_close_their_sockets_without_the_collector() -> None:
    """Else it is chance in which test a socket is found open."""
    gc.collect()
    gc.disable()
    try:
        before = set(Path("/proc/self/fd").iterdir())
        with listening(loses) as port:
            check(f"mqtt://127.0.0.1:{port}")
        assert set(Path("/proc/self/fd").iterdir()) <= before
    finally:
        gc.enable()


def test_a_message_that_is_never_answered_says_nothing_of_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ingest.check.client.ANSWER_S", 0.2)

    def silent(connection: socket.socket) -> None:
        loses(connection)
        while connection.recv(4096):
            pass

    with listening(silent) as port:
        result = check(f"mqtt://127.0.0.1:{port}")
    assert "may not" not in result.stdout
    assert any("gives no answer" in line for line in lines(result, "?"))


def test_a_connection_of_amqp_that_is_lost_is_one_line() -> None:
    for handle in (lost, opened_and_lost):
        with listening(handle) as port:
            command = [sys.executable, "-m", "kiosk.cli.sorting_center", "broker-check", f"amqp://127.0.0.1:{port}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1, done.stderr
