"""A real Mosquitto on a free loopback port, and a client that stands for stations and for consumers downstream."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.depth import TORTURE
from tests.messaging.ports import claimed_port, wait_for_listener

SOON_S = 60.0
IN_TIME_S = 5.0 if TORTURE else 30.0
"""A center that is asked to end has 5 s. A machine that tests on every core may take longer to let it end; that nothing
hangs is seen there, and the 5 s where nothing else runs.
"""


def until(condition: Callable[[], Any], timeout_s: float = SOON_S) -> Any:
    """What the condition gave when it was first true; fails when that takes too long."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return found


class Stopwatch:
    """Seconds in which this machine ran: where it stood still for all, the time of nobody in particular went by.

    It counts in small steps, each for no more than four times what it should take.
    """

    _STEP_S = 0.01

    def __init__(self) -> None:
        self._seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count, name="stopwatch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        return self._seconds

    def _count(self) -> None:
        last = time.monotonic()
        while not self._over.wait(self._STEP_S):
            now = time.monotonic()
            self._seconds += min(now - last, 4 * self._STEP_S)
            last = now


class Broker:
    """Use as a context manager. Its port is its own before it is started and after it was killed, too."""

    def __init__(self, folder: Path, acl: str | None = None, persistent: bool = False) -> None:
        self._claim = ExitStack()
        self.port = self._claim.enter_context(claimed_port())
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "user root"]
        # As in the shipped configuration: a stock one throws away what a slow listener is 1,000 messages behind.
        lines += ["max_queued_messages 100000"]
        lines += ["persistence true", f"persistence_location {folder}/"] if persistent else ["persistence false"]
        if acl is not None:
            (folder / "acl").write_text(acl)
            (folder / "acl").chmod(0o700)
            lines.append(f"acl_file {folder / 'acl'}")
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._claim.close()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["/usr/sbin/mosquitto", "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_listener(self.port)

    def freeze(self) -> None:
        """Its connections stay, and nothing is answered on them any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """Ended as an update of the machine ends it: what is to be kept is written first."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Listening(Protocol):
    """A broker as one who connects over MQTT knows it."""

    port: int


class Peer:
    """Connected from the moment it is made; remembers what it hears."""

    def __init__(self, broker: Listening, *filters: str, login: tuple[str, str] | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.user_properties: list[list[tuple[str, str]]] = []
        """Of each message heard."""
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        if filters:
            self._client.subscribe([(name, 1) for name in filters])
            assert self._subscribed.wait(SOON_S)

    def _hear(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.user_properties.append(list(getattr(message.properties, "UserProperty", [])))
        self.heard.append((message.topic, bytes(message.payload)))

    def send(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(SOON_S)

    def last(self, topic: str) -> bytes | None:
        return next((payload for name, payload in reversed(self.heard) if name == topic), None)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        del self._client  # the client closes its wake-up sockets when it is collected
