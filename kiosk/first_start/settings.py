"""From the draft to the settings classes of the rooms, and to the settings file.

The same classes judge an answer on the screen and the file at every start: what the wizard takes, the station takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tomlkit

from kiosk.base.files import stage, sync_folder
from kiosk.base.refused import Refused
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.first_start.identity.vault import COUNTY_AUTHORITY, PIN_SECRET
from kiosk.first_start.shared.draft import BrokerDraft, PrinterDraft, ScaleDraft, SettingsDraft, draft_path
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.screen import ScreenGeometry
from kiosk.station.shared.clock import relay_identity
from kiosk.station.shared.settings import StationSettings

Value = str | int | float
Table = Mapping[str, Value]
HEAD = "Made by the first start of the station. docs/technician.md explains every key."
FILE_MODE = 0o640  # The relay runs as another user of the same group (systemd/)
# Data bits, parity, stop bits as indicators offer them (8N1 nearly always, 7E1 on older ones).
FORMATS = ("8N1", "7E1", "7O1", "8E1")
USUAL_SCREENS: Mapping[tuple[int, int], float] = {
    (800, 480): 7.0,
    (1024, 600): 7.0,
    (1280, 800): 10.1,
    (1366, 768): 15.6,
    (1920, 1080): 15.6,
}
_USUAL_IN = 10.1
# Where the station's unit finds the files kiosk-station.* of /etc/credstore.
STATION_CREDENTIALS = "/run/credentials/kiosk-station.service"
_MAX_UNASKED_G = 100_000
_FULL_DECIMALS = 3


def scale_table(scale: ScaleDraft) -> Table:
    """Build ``[scale]``; e and Max that have not been asked yet are those of a possible scale."""
    bits, parity, stops = tuple(scale.format)
    return {
        "port": scale.port,
        "protocol": scale.protocol,
        "e_g": scale.e_g or 1,
        "max_g": scale.max_g or (scale.e_g or 1) * _MAX_UNASKED_G,
        "baud": scale.baud,
        "bytesize": int(bits),
        "parity": parity,
        "stopbits": int(stops),
    }


def relay_table(broker: BrokerDraft, station: str) -> Table:
    """Build ``[relay]``; an account with a password has the station's id as its name."""
    names = ("ca_file", "cert_file", "key_file", "password_file", "photos", "updates")
    table: dict[str, Value] = {"broker_url": f"{broker.scheme}://{broker.address}"}
    if broker.password_file:
        table["username"] = station
    return {**table, **{name: getattr(broker, name) for name in names if getattr(broker, name)}}


def station_settings(draft: SettingsDraft, data: Path) -> StationSettings:
    return StationSettings(draft.station, draft.region, data, draft.village)


def screen_of(draft: SettingsDraft) -> ScreenGeometry:
    """Return the screen as far as it is known; raises ValueError."""
    return ScreenGeometry(draft.width_px, draft.height_px, diagonal(draft))


def diagonal(draft: SettingsDraft) -> float:
    """Return the diagonal in inches that was chosen, else the usual one of a screen with so many pixels."""
    return draft.diagonal_in or USUAL_SCREENS.get((draft.width_px, draft.height_px), _USUAL_IN)


def scale_settings(scale: ScaleDraft) -> ScaleSettings:
    return ScaleSettings(**scale_table(scale))  # type: ignore[arg-type]


def printer_settings(printer: PrinterDraft) -> PrinterSettings:
    return PrinterSettings(printer.kind, printer.address, printer.profile)


def relay_settings(draft: SettingsDraft, data: Path) -> RelaySettings:
    assert draft.broker is not None
    table = dict(relay_table(draft.broker, draft.station))
    paths = {name: Path(str(value)) for name, value in table.items() if name.endswith("_file")}
    return RelaySettings(**{**table, **paths, **relay_identity(station_settings(draft, data))})  # type: ignore[arg-type]


def decimals(e_g: int) -> int:
    """Return the decimals of a kilogram on a scale of this e: 3 for 5 g, 2 for 10 g, 1 for 100 g, none for 1 kg."""
    zeros = len(str(e_g)) - len(str(e_g).rstrip("0"))
    return max(0, _FULL_DECIMALS - zeros)


def tables(draft: SettingsDraft, data: Path, port: int) -> Iterator[tuple[str, Table]]:
    """Yield every section of the file, in its order; what is not fitted has none."""
    village = {"village": draft.village} if draft.village else {}
    yield "station", {"station": draft.station, "region": draft.region, "data": str(data), **village}
    yield (
        "web",
        {
            "language": draft.language,
            "width_px": draft.width_px,
            "height_px": draft.height_px,
            "diagonal_in": draft.diagonal_in,
            "weight_decimals": decimals(draft.scale.e_g) if draft.scale else _FULL_DECIMALS,
            "host": "127.0.0.1",
            "port": port,
        },
    )
    if draft.scale:
        yield "scale", scale_table(draft.scale)
    for name, printer in (("label", draft.label), ("receipt", draft.receipt)):
        if printer:
            table = {"kind": printer.kind, "address": printer.address, "profile": printer.profile}
            yield f"printer.{name}", table
    if draft.camera:
        yield "camera", {"kind": draft.camera.kind, "path": draft.camera.path}
    if draft.scanner:
        yield "scanner", {"kind": draft.scanner.kind, **({"port": draft.scanner.port} if draft.scanner.port else {})}
    if draft.backup:
        table = {"folder": draft.backup, "uuid": draft.backup_uuid, "county_key": draft.county_key}
        yield "backup", {name: value for name, value in table.items() if value}
    if draft.broker:
        yield "relay", relay_table(draft.broker, draft.station)
    if draft.county:
        names = {"authority": COUNTY_AUTHORITY, "pin_secret": PIN_SECRET}
        yield "county", {name: f"{STATION_CREDENTIALS}/{file}" for name, file in names.items()}


def toml(draft: SettingsDraft, data: Path, port: int) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment(HEAD))
    for name, values in tables(draft, data, port):
        table = tomlkit.table()
        table.update(values)
        parent, _, child = name.rpartition(".")
        if parent:
            table = tomlkit.table(is_super_table=True).append(child, table)
            name = parent
        document.append(name, table)
    return document.as_string()


def write_settings(config_file: Path, text: str, check: Callable[[Path], object]) -> None:
    """Put FILE in place and take its draft away. ``check`` reads a file as the station will, or raises ValueError.

    Raises Refused for a file that the station would not take, and OSError; then there is no FILE. An existing
    FILE is never replaced: FileExistsError.
    """
    fresh = stage(config_file, text.encode("utf-8"), FILE_MODE)
    try:
        check(fresh)
        config_file.hardlink_to(fresh)  # unlike a rename it fails when a file was put there meanwhile
    except ValueError as error:
        raise Refused("settings", str(error)) from error
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(config_file.parent)
    draft_path(config_file).unlink(missing_ok=True)
    sync_folder(config_file.parent)
