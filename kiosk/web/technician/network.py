"""The network of this machine: what it has now, Wi-Fi, a fixed address, a time server. A root helper does it.

GET changes nothing. A post acts and answers 303; a refused one answers 409 with the reason. No address has a password.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, get_args

from flask import Blueprint, abort, redirect, request, url_for
from msgspec.structs import asdict
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.devices.network.ports import MAX_NAME, NEEDS_PASSWORD, Network, NetworkState, split_key
from kiosk.devices.network.settings import LinkKind, NetworkSettings
from kiosk.station.doctor.doctor import Doctor
from kiosk.web.shared.paging import rows_of
from kiosk.web.shared.password_keys import PASSWORD_KEYS
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician.frame import TechnicianArea, age, blueprint_of, draw, needs_technician, row_values

HOME: Final = "/technician/network"
PAGES: Final = ("page", "wifi", "password", "address", "time")
POSTS: Final = ("search", "join", "forget", "apply")
NEEDS: Final = needs_technician("network", PAGES, POSTS)
ROWS: Final = 3  # On one page
_MAX_KEY: Final = 2 * MAX_NAME
FIELDS: Final = ("address", "gateway", "dns")  # Typed one after another
_MIN_LENGTH: Final = {"address": 7, "gateway": 7}
_HOST_KEYS: Final = tuple("1234567890qwertyuiopasdfghjkl-zxcvbnm.")


def blueprint(settings: WebSettings, doctor: Doctor | None) -> Blueprint:
    """Serve ``/technician/network``. Where the network is managed elsewhere the pages say so, and a post is refused."""
    pages = _NetworkPages(settings, doctor, "about", HOME)
    routes = blueprint_of("network", HOME, pages.gets(), pages.posts())
    routes.register_error_handler(Refused, lambda error: pages.refused(error.code))
    routes.register_error_handler(OSError, lambda error: pages.refused("network_failed"))
    return routes


class _NetworkPages(TechnicianArea):
    def gets(self) -> dict[str, Callable[[], str]]:
        return {
            "page": self.page,
            "wifi": self.wifi,
            "password": self.password,
            "address": self.address,
            "time": lambda: self._type("", "time_server", {}, _HOST_KEYS),
        }

    def posts(self) -> dict[str, Callable[[], AnyResponse]]:
        return {
            "search": lambda: _done(self.network.search()),
            "join": lambda: _done(self.network.join(*split_key(_chosen()), request.form.get("password", ""))),
            "forget": lambda: _done(self.network.forget(*split_key(_chosen()))),
            "apply": self._apply,
        }

    @property
    def network(self) -> Network:
        network = None if self._doctor is None else self._doctor.equipment.network
        if network is None or network.state() is None:
            raise Refused("network_unmanaged")
        return network

    def _state(self) -> NetworkState:
        return self.network.state() or abort(503)

    def page(self) -> str:
        state = self._state()
        assert self._doctor is not None
        center = next((row for row in self._doctor.findings() if row.device == "center"), None)
        shown = {"values": row_values, "ago": age, "center": center}
        return self.draw("network", state=state, links=self.network.links(), **shown)

    def wifi(self) -> str:
        rows = rows_of(self._state().wifi, ROWS, request.args.get("page"))
        return self.draw("network_wifi", page=rows, done=bool(request.args.get("done")))

    def password(self) -> str:
        name, _ = split_key(_chosen())
        return self.draw("network_password", name=name, chosen=_chosen(), layers=PASSWORD_KEYS)

    def address(self) -> str:
        """Ask for the first field of a fixed address that was not typed yet."""
        typed = {name: request.args[name] for name in FIELDS[:-1] if name in request.args}
        missing = next((name for name in FIELDS if name not in typed), FIELDS[-1])
        return self._type(_link(request.args.get("link", "")), missing, typed, tuple("1234567890./"))

    def _type(self, link: str, name: str, typed: dict[str, str], keys: tuple[str, ...]) -> str:
        min_length = _MIN_LENGTH.get(name, 0)
        return self.draw("network_type", link=link, field=name, typed=typed, keys=keys, min_length=min_length)

    def _apply(self) -> AnyResponse:
        """Apply a time server, or the address of a link: the same for all where the link is ""."""
        form, link = request.form, request.form.get("link", "")
        changes = {name: form.get(name, "") if link else "" for name in FIELDS} | {"link": link and _link(link)}
        if "time_server" in form:
            changes = {"time_server": form["time_server"]}
        try:
            settings = NetworkSettings(**{**asdict(self._state().settings), **changes})
        except ValueError as error:
            raise Refused(f"network_{error}") from error
        self.network.apply(settings)
        return redirect(HOME, 303)

    def refused(self, code: str) -> tuple[str, int]:
        """Show the refusal; where a network's password is unknown or was wrong, lead to the keys."""
        here = HOME if code != "network_unmanaged" else "/technician/about"
        if code in NEEDS_PASSWORD:
            here = url_for("network.password", network=_chosen())
        page = draw(self._settings, "refused", "about", here, text_id=f"setup.refused.{code}")
        return page, 200 if request.method == "GET" else 409


def _chosen() -> str:
    """Return the key of a ``WifiNetwork``."""
    return request.values.get("network", "")[:_MAX_KEY]


def _link(text: str) -> str:
    return text if text in get_args(LinkKind) else abort(400)


def _done(state: NetworkState) -> AnyResponse:
    return redirect(f"{HOME}/wifi?done=1", 303)
