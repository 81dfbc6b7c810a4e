"""How the pages are served."""

from __future__ import annotations

import ipaddress
from zoneinfo import ZoneInfo

import msgspec

from kiosk.sorting_center.desk.terms import parse_terms
from kiosk.sorting_center.listings.addresses import BadPublicAddress, PublicAddresses


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach what listens there."""
    return address == "localhost" or (is_address(address) and ipaddress.ip_address(address).is_loopback)


class BadWebSettings(ValueError):
    """The text names the option and what would do."""


class CenterWebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``host`` and ``port``: where to listen, port 0 for a free one. ``names``: further host names of the pages;
    ``trusted_proxy``: the address of a reverse proxy whose headers about clients are believed. ``zone``: of the
    center's days. ``webhook_hosts``: those inside this network that webhooks and mail may go to; ``mail_logins``: the
    folder of the files with users and passwords of mail servers. ``photos_dir``: where the pictures of stations are
    kept. ``storefront_url``: where buyers find what is published. ``terms``: KIND=DAYS, of what the desk stores.
    ``publish_alone``: whether the person who changed prices and goods may publish them. ``configuration_key``: the file
    of the county's key, which signs statements of members.
    """

    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    trusted_proxy: str | None = None
    zone: str = "Asia/Shanghai"
    webhook_hosts: tuple[str, ...] = ()
    mail_logins: str | None = None
    photos_dir: str | None = None
    storefront_url: str | None = None
    terms: tuple[str, ...] = ()
    publish_alone: bool = False
    configuration_key: str | None = None

    def validate(self) -> CenterWebSettings:
        try:
            ZoneInfo(self.zone)
        except (ValueError, OSError, KeyError):
            raise BadWebSettings(
                f"--zone {self.zone!r} must be a time zone like Asia/Shanghai or Asia/Urumqi"
            ) from None
        self.storefront()
        parse_terms(self.terms)
        if not is_loopback(self.host) and self.trusted_proxy is None:
            raise BadWebSettings(
                f"--http {self.host} would send passwords over the network in plain text: listen on 127.0.0.1 behind "
                "nginx (docs/sorting-center.md), or name the address of another reverse proxy with --trusted-proxy"
            )
        return self

    def storefront(self) -> PublicAddresses | None:
        if self.storefront_url is None:
            return None
        try:
            return PublicAddresses(self.storefront_url)
        except BadPublicAddress as error:
            raise BadWebSettings(f"--storefront-url: {error}") from None

    def url(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"
