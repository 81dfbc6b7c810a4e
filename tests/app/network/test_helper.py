"""The root helper of the network: one request, files whole or not at all, and no password anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from kiosk.app.network.helper import SETTINGS, NetworkHelper, NetworkPaths
from kiosk.app.network.requests import FILES, NetworkRequest, RequestedNetwork, answer_file, request_file
from kiosk.base.refused import Refused
from kiosk.devices.network.ports import Wifi, WifiNetwork
from kiosk.devices.network.settings import NetworkSettings
from kiosk.first_start.identity.vault import RECORD, InUse

PASSWORD = "Apricot trees 7"
FIXED = NetworkSettings("wired", "192.168.1.20/24", "192.168.1.1", time_server="ntp.county.example")
CABLE, TIME = "network/50-kiosk.network.d/50-kiosk-fixed.conf", "timesyncd.conf.d/50-kiosk.conf"
RELOADED = ["networkctl reload", "systemctl try-restart systemd-timesyncd.service"]


@dataclass
class AirOfOne(Wifi):
    request: Path
    refusal: str = ""
    joined: str = ""
    seen: list[str] = field(default_factory=list)

    def networks(self, *, scan: bool) -> tuple[WifiNetwork, ...]:
        return (WifiNetwork("Bazar", "psk", 3, connected=self.joined == "Bazar"),)

    def join(self, name: str, security: str, password: str) -> None:
        assert not self.request.exists(), "it is removed before anything is done with it"
        self.seen.append(password)
        if self.refusal:
            raise Refused(self.refusal)
        self.joined = name

    def forget(self, name: str, security: str) -> None:
        self.joined = ""


class Box:
    def __init__(self, folder: Path) -> None:
        self.paths = NetworkPaths(
            folder / "data", folder / "keys", folder / "cred", folder / "run", answer_file(folder / "answers")
        )
        for path in (self.paths.data, self.paths.keys, self.paths.systemd, folder / "answers"):
            path.mkdir()
        self.air = AirOfOne(request_file(self.paths.data).path)
        self.calls, self.host = list[str](), "kiosk"
        self.network = RequestedNetwork(FILES.asker(self.paths.data, time.monotonic, self.paths.answers, 20))

    def run(self) -> list[str]:
        self.calls = []
        NetworkHelper(self.paths, self.air, self._command, lambda: self.host).run()
        return self.calls

    def _command(self, *words: str) -> None:
        self.calls.append(" ".join(words))
        if words[0] == "hostnamectl":
            self.host = words[-1]

    def file(self, name: str) -> str:
        path = self.paths.systemd / name
        return path.read_text() if path.exists() else ""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def served(box: Box) -> Iterator[Box]:
    """As the path unit does: the helper runs whenever there is a request."""
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.02):
            if request_file(box.paths.data).exists():
                box.run()

    thread = threading.Thread(target=serve)
    thread.start()
    yield box
    over.set()
    thread.join()


def test_a_network_is_joined_and_its_password_is_nowhere(served: Box, tmp_path: Path, caplog: object) -> None:
    state = served.network.join("Bazar", "psk", PASSWORD)
    assert (served.air.seen, state.wifi[0].connected) == ([PASSWORD], True)
    served.air.refusal = "network_wrong_password"
    with pytest.raises(Refused, match="network_wrong_password"):
        served.network.join("Bazar", "psk", PASSWORD)
    assert not served.network.forget("Bazar", "psk").wifi[0].connected
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    assert PASSWORD not in repr(NetworkRequest("join", "Bazar", "psk", PASSWORD))
    assert PASSWORD not in caplog.text  # type: ignore[attr-defined]
    request_file(served.paths.data).write(NetworkRequest("join", "Bazar", "psk", PASSWORD))
    assert (
        not served.network.asker.requests.path.exists()
        or served.network.asker.requests.path.stat().st_mode & 0o077 == 0
    )


def test_a_fixed_address_is_kept_and_undone(served: Box) -> None:
    assert served.network.apply(FIXED).settings == FIXED
    assert "Address=192.168.1.20/24\n" in served.file(CABLE)
    assert served.file(TIME) == "[Time]\nNTP=ntp.county.example\n"
    assert (served.paths.systemd / CABLE).stat().st_mode & 0o777 == 0o644
    assert served.network.apply(NetworkSettings()).settings == NetworkSettings()
    assert served.file(CABLE) == served.file(TIME) == ""


def test_the_next_start_has_what_was_kept_and_tells_systemd_of_changes_alone(box: Box) -> None:
    assert box.run() == []
    assert box.network.state() is not None, "the pages see that there is a helper"
    (box.paths.keys / SETTINGS).write_bytes(msgspec.json.encode(FIXED))
    assert box.run() == RELOADED
    assert "Gateway=192.168.1.1\n" in box.file(CABLE)
    assert box.run() == []


def test_what_the_card_gives_back_is_judged_anew(box: Box) -> None:
    for content in (b"", b"\xff", b'{"link":"wired","address":"1.2.3.4/24\\n[Match]","gateway":"1.2.3.1"}', b"[]"):
        (box.paths.keys / SETTINGS).write_bytes(content)
        assert box.run() == []
        assert box.file(CABLE) == ""


def test_a_request_of_rubbish_is_gone_and_nothing_was_done(box: Box) -> None:
    file = request_file(box.paths.data)
    for settings in (b'{"action":"apply","settings":{"link":"wired"}}', b'{"action":"shell"}', b"{"):
        file.path.parent.mkdir(exist_ok=True)
        file.path.write_bytes(b'{"kind":"network","id":"' + b"0" * 32 + b'","body":' + settings + b"}")
        assert box.run() == []
        assert not file.exists()
        assert not (box.paths.keys / SETTINGS).exists()


def test_the_machine_is_called_after_its_identity(box: Box) -> None:
    record = InUse("S0147", "yarkant", "Awat", "mqtts://b.example", True)
    (box.paths.keys / RECORD).write_bytes(msgspec.json.encode(record))
    assert box.run() == ["hostnamectl hostname station-s0147"]
    assert box.run() == []
    state = box.network.state()
    assert state is not None
    assert state.host == "station-s0147"


def test_systemd_that_cannot_is_no_reason_to_lose_what_was_set(box: Box) -> None:
    def fails(*words: str) -> None:
        raise OSError(f"{words[0]} failed")

    request_file(box.paths.data).write(NetworkRequest("apply", settings=FIXED))
    NetworkHelper(box.paths, box.air, fails, lambda: "kiosk").run()
    assert msgspec.json.decode((box.paths.keys / SETTINGS).read_bytes(), type=NetworkSettings) == FIXED
