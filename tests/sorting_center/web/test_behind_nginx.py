"""The pages and the storefront behind the real nginx with the shipped sites: TLS, names, and slow clients."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.app import ExternalAddresses, create_app
from kiosk.sorting_center.web.shared.guard import Hosts
from kiosk.sorting_center.web.shared.sources import Stores
from tests.messaging.authority import Authority
from tests.servers.nginx import SITES, Nginx, running_nginx
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.server.stand_in import StandInMachine
from tests.sorting_center.server.test_setup import setting_up
from tests.sorting_center.shared.test_http_server import LARGE, large_app
from tests.sorting_center.staff import NOON, PASSWORD

PAGES, STOREFRONT = "sorting-center-pages", "sorting-center-storefront"
NAME = "center.county.example"
PROXY = "127.0.0.2"
"""nginx connects from there, as the site has it and the unit trusts it."""
SLOW = 400
OF_ADDRESS = 60


@dataclass
class Edge:
    """One site; ``authority`` signed its certificate."""

    authority: Authority
    folder: Path
    site: str
    nginx: Nginx

    @property
    def port(self) -> int:
        return self.nginx.ports[self.site]

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.file))

    def client(self, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SOON_S, context=context or self.context())

    def shown(self) -> bytes:
        """The certificate of a new connection."""
        with (
            socket.create_connection(("127.0.0.1", self.port), SOON_S) as line,
            self.context().wrap_socket(line, server_hostname="127.0.0.1") as safe,
        ):
            return safe.getpeercert(True) or b""

    def certify(self) -> None:
        certify(self.authority, self.folder, self.site)


def certify(authority: Authority, folder: Path, site: str) -> None:
    """Lay a new certificate and its key there."""
    name = site.removeprefix("sorting-center-")
    for source, end in zip(authority.issue("center", host="127.0.0.1"), ("crt", "key"), strict=True):
        shutil.copyfile(source, folder / f"{name}.{end}")


@contextmanager
def edge(app: Flask, tmp_path: Path, site: str = PAGES) -> Iterator[Edge]:
    authority = Authority(tmp_path)
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="edge-")))
        certify(authority, folder, site)
        listening = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = {PAGES: "127.0.0.1:8090", STOREFRONT: "127.0.0.1:8100"}[site]
        places = {"/etc/sorting-center/tls": str(folder), address: f"127.0.0.1:{listening.getsockname()[1]}"}
        places["/var/log/nginx"] = str(folder / "log")
        (folder / "log").mkdir(mode=0o777)
        (folder / "log").chmod(0o777)
        server = WebServer(app, listening)
        ends.callback(server.stop, SOON_S)
        server.start()
        yield Edge(authority, folder, site, ends.enter_context(running_nginx(folder, {site: places})))


def pages_of(stores: Stores) -> Flask:
    return create_app(stores, CenterHealth(), lambda: NOON, ExternalAddresses(Hosts("127.0.0.1", [NAME]), PROXY))


def test_a_person_signs_in_with_a_cookie_that_no_plain_page_gets(stores: Stores, tmp_path: Path) -> None:
    stores.desk.people.add("gulnar", StaffRole.ADMIN, PASSWORD, NOON)
    with edge(pages_of(stores), tmp_path) as pages, closing(pages.client()) as client:
        form = urlencode({"name": "gulnar", "password": PASSWORD})
        headers = {"Host": NAME, "Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{NAME}"}
        client.request("POST", "/sign-in", form, headers)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 303
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        (cookie,) = [text for text in answer.headers.get_all("Set-Cookie") or [] if "center=" in text]
        assert cookie.startswith("__Host-center=")
        assert all(word in cookie for word in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Strict"))
        client.request("GET", "/sign-in", headers={"Host": "evil.example"})
        answer = client.getresponse()
        assert (answer.status, answer.read() != b"") == (403, True)


def test_who_asks_is_said_by_nginx_alone(tmp_path: Path) -> None:
    """``/metrics`` is open to programs of this machine: a browser behind nginx does not become one by a header."""
    seen: list[tuple[str, str, str]] = []

    def app(environ: dict[str, str], start_response: object) -> list[bytes]:
        seen.append(tuple(environ[name] for name in ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST")))  # type: ignore[arg-type]
        start_response("204 No Content", [])  # type: ignore[operator]
        return []

    with edge(app, tmp_path) as pages, closing(pages.client()) as client:  # type: ignore[arg-type]
        forged = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "evil.example", "X_Forwarded_For": "192.0.2.8"}
        client.request("GET", "/metrics", headers={"Host": NAME, **forged})
        client.getresponse().read()
    assert seen == [(PROXY, "127.0.0.1", NAME)]


def test_two_versions_of_tls(subtests: pytest.Subtests, edge_of_large: Edge) -> None:
    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        with subtests.test(version=version):
            context = edge_of_large.context()
            context.minimum_version = context.maximum_version = version
            assert much(edge_of_large, context) == LARGE


@pytest.fixture
def edge_of_large(tmp_path: Path) -> Iterator[Edge]:
    with edge(large_app(), tmp_path) as pages:
        yield pages


def much(pages: Edge, context: ssl.SSLContext | None = None) -> bytes:
    with closing(pages.client(context)) as client:
        client.request("GET", "/large")
        return client.getresponse().read()


def test_older_ones_are_refused_and_plain_http_is_led_to_tls(edge_of_large: Edge) -> None:
    old = edge_of_large.context()
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        much(edge_of_large, old)
    with closing(http.client.HTTPConnection("127.0.0.1", edge_of_large.port, timeout=SOON_S)) as client:
        client.request("GET", "/large", headers={"Host": NAME})
        answer = client.getresponse()
        answer.read()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}:{edge_of_large.port}/large")


def test_a_renewed_certificate_is_shown_after_a_reload(edge_of_large: Edge) -> None:
    before = edge_of_large.shown()
    edge_of_large.certify()
    assert edge_of_large.shown() == before
    assert edge_of_large.nginx.reload().returncode == 0
    renewed = ssl.PEM_cert_to_DER_cert((edge_of_large.folder / "pages.crt").read_text())
    until(lambda: edge_of_large.shown() == renewed)
    assert much(edge_of_large) == LARGE


def test_a_large_form_goes_through_and_a_larger_one_does_not(edge_of_large: Edge) -> None:
    for sent, status in ((LARGE, 200), (b"x" * (17 * 1024 * 1024 + 1), 413)):
        with closing(edge_of_large.client()) as client:
            with suppress(OSError):  # refused before all of it was sent
                client.request("POST", "/length", sent)
            assert client.getresponse().status == status


def test_400_slow_clients_keep_nobody_waiting(edge_of_large: Edge) -> None:
    """Silent ones, half a request, bodies that drip, and answers that nobody reads."""
    starts = (
        b"",
        b"GET /large HTTP/1.1\r\nHo",
        b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123",
        b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    context = edge_of_large.context()
    with ExitStack() as ends:
        for number in range(SLOW):
            line = ends.enter_context(socket.create_connection(("127.0.0.1", edge_of_large.port), SOON_S))
            if number % 2:
                safe = ends.enter_context(context.wrap_socket(line, server_hostname="127.0.0.1"))
                safe.sendall(starts[2 + number // 2 % 2 if number < 40 else 1])
        assert much(edge_of_large) == LARGE


def test_one_address_has_so_many_requests_in_hand(edge_of_large: Edge) -> None:
    def status() -> int:
        with closing(edge_of_large.client()) as client:
            client.request("GET", "/large")
            answer = client.getresponse()
            answer.read()
            return answer.status

    context = edge_of_large.context()
    with ExitStack() as ends:
        for _ in range(OF_ADDRESS):
            line = ends.enter_context(socket.create_connection(("127.0.0.1", edge_of_large.port), SOON_S))
            safe = ends.enter_context(context.wrap_socket(line, server_hostname="127.0.0.1"))
            safe.sendall(b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123")
        until(lambda: status() == 503)
    until(lambda: status() == 200)


def test_the_storefront_has_a_site_too(tmp_path: Path) -> None:
    with edge(large_app(), tmp_path, STOREFRONT) as shop:
        assert much(shop) == LARGE
        with closing(shop.client()) as client:
            client.request("POST", "/length", b"x" * 5000)
            assert client.getresponse().status == 413


@pytest.mark.parametrize("site", [PAGES, STOREFRONT])
def test_no_word_that_somebody_searches_for_is_in_the_log(site: str, tmp_path: Path) -> None:
    with edge(large_app(), tmp_path, site) as pages:
        with closing(pages.client()) as client:
            client.request("GET", "/large?q=aygul", headers={"Referer": "https://center.example/search?q=turdi"})
            client.getresponse().read()
        pages.nginx.stop()
        written = (pages.folder / "log/access.log").read_text()
        assert '"GET /large" 200' in written
        assert "aygul" not in written and "turdi" not in written


def test_a_set_up_trusts_the_address_that_the_site_connects_from(tmp_path: Path) -> None:
    settings = setting_up(StandInMachine(tmp_path)).settings()
    assert f'trusted_proxy = "{PROXY}"\n' in settings
    assert f"proxy_bind {PROXY};" in (SITES / PAGES).read_text(encoding="utf-8")
