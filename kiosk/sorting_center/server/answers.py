"""What a technician says about the server of a county."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from kiosk.base.refused import Refused
from kiosk.domain.identifiers import check_region
from kiosk.sorting_center.desk.shared.errors import check_name
from kiosk.sorting_center.server.layout import SITES
from kiosk.sorting_center.server.toml_document import TomlDocument
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject

SECRET_FILES: Final = ("pass_phrase_file", "admin_password_file", "wifi_password_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswers:
    """``names`` are further names of the server, ``wifi_network`` that of the stations."""

    host: str
    region: str
    zone: str
    database: str
    admin: str
    names: tuple[str, ...] = ()
    wifi_network: str = ""
    storefront: bool = False

    @property
    def all_names(self) -> list[str]:
        return list(dict.fromkeys((self.host, *self.names)))

    @property
    def sites(self) -> list[str]:
        """Of nginx."""
        return [site for site in SITES if site != "storefront" or self.storefront]

    def as_toml(self) -> str:
        return toml_rows({key: value for key, value in asdict(self).items() if value})


@dataclass(frozen=True, slots=True)
class SetupSecrets:
    pass_phrase: str = field(repr=False)
    admin_password: str = field(repr=False)
    wifi_password: str = field(default="", repr=False)


def toml_rows(values: Mapping[str, Any]) -> str:
    """Write texts, booleans and lists of texts as TOML, a line each: as in JSON except for U+007F."""
    rows = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    return "".join(rows).replace("\x7f", "\\u007F")


def _host(text: str) -> str:
    return MachineSubject("x", MachineKind.SERVER, text).name


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, KeyError):
        raise ValueError(f"zone {text!r} must be a time zone like Asia/Urumqi") from None


def _database(text: str) -> str:
    if text not in ("sqlite", "postgresql"):
        raise ValueError(f"database {text!r} must be sqlite or postgresql")
    return text


def _admin(text: str) -> str:
    check_name(text)
    return text


CHECKS: Final[Mapping[str, tuple[type, Callable[[Any], Any]]]] = {
    "host": (str, _host),
    "names": (list, lambda texts: tuple(_host(str(text)) for text in texts)),
    "region": (str, check_region),
    "zone": (str, _zone),
    "database": (str, _database),
    "admin": (str, _admin),
    "wifi_network": (str, str),
    "storefront": (bool, bool),
    **dict.fromkeys(SECRET_FILES, (str, Path)),
}
"""The kind of each answer, and its check, which raises ValueError or Refused."""


def read_answers(document: TomlDocument) -> dict[str, Any]:
    """Read and check the answers that the file has. Raises BadDocument."""
    found = {}
    for key, value in document.tables.items():
        if key not in CHECKS:
            raise document.unknown("", key, CHECKS)
        kind, check = CHECKS[key]
        if not isinstance(value, kind):
            word = {str: "a text", list: "a list of texts", bool: "true or false"}[kind]
            raise document.error_at("", key, f"{key} must be {word}")
        try:
            found[key] = check(value)
        except (ValueError, Refused) as error:
            raise document.error_at("", key, str(error)) from error
    return found
