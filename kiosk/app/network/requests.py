"""The network for the station: what the helper reported last, and what is requested from it.

Station and root helper communicate by the protocol of ``kiosk/base/root_requests.py``.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import msgspec

from kiosk.app.shared.helper_answer import HelperAnswer
from kiosk.base.refused import Refused
from kiosk.base.root_requests import Asker, RequestFiles
from kiosk.devices.network.links import present_links
from kiosk.devices.network.ports import MAX_NAME, PASSPHRASE, Network, NetworkLink, NetworkState
from kiosk.devices.network.settings import NetworkSettings

ANSWER_S: Final = 75.0  # A search and a connection, each within its own time (kiosk/devices/network/iwd.py)


class NetworkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``password`` is secret. ``name`` and ``security`` say which network."""

    action: Literal["search", "join", "forget", "apply"]
    name: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    security: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    password: Annotated[str, msgspec.Meta(pattern=rf"^({PASSPHRASE.pattern})?\Z")] = ""
    settings: NetworkSettings | None = None

    def __repr__(self) -> str:
        return f"NetworkRequest({self.action})"


class NetworkResponse(HelperAnswer, frozen=True, kw_only=True):
    """The helper writes one at each start of the machine, too, which answers no request."""

    state: NetworkState


FILES: Final = RequestFiles("network", msgspec.json.Decoder(NetworkRequest), msgspec.json.Decoder(NetworkResponse))
request_file, answer_file = FILES.request, FILES.answer


@dataclass(frozen=True, slots=True)
class RequestedNetwork(Network):
    asker: Asker[NetworkRequest, NetworkResponse]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> NetworkState | None:
        last = self.asker.answers.last()
        return None if last is None else last.body.state

    def links(self) -> tuple[NetworkLink, ...]:
        return present_links()

    def search(self) -> NetworkState:
        return self._ask(NetworkRequest("search"))

    def join(self, name: str, security: str, password: str) -> NetworkState:
        if password and not PASSPHRASE.fullmatch(password):
            raise Refused("network_password")
        return self._ask(NetworkRequest("join", name, security, password))

    def forget(self, name: str, security: str) -> NetworkState:
        return self._ask(NetworkRequest("forget", name, security))

    def apply(self, settings: NetworkSettings) -> NetworkState:
        return self._ask(NetworkRequest("apply", settings=settings))

    def _ask(self, request: NetworkRequest) -> NetworkState:
        if not self.lock.acquire(blocking=False):
            raise Refused("network_busy")
        try:
            answer = self.asker.ask(request)
        finally:
            self.lock.release()
        if answer is None:
            raise Refused("network_silent", "kiosk-network.service gave no answer")
        if answer.word:
            raise Refused(answer.word, answer.message)
        return answer.state
