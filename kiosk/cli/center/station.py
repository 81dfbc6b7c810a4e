"""``sorting-center station``: the list of the stations that are expected, and the identities of their machines."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import reduce, wraps
from pathlib import Path
from typing import Any, Final

import click

from kiosk.base.refused import Refused
from kiosk.cli.center.errors import PROGRAM, clear_errors, end_faults, write_output
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.people import COMMAND, audited_desk
from kiosk.cli.center.secrets import prompt_password, read_secret
from kiosk.cli.provision.folder import complete_folder, require_free, write_identities
from kiosk.cli.shared.one_line import end, progress
from kiosk.domain.telephone_pin import SECRET_BYTES
from kiosk.first_start.identity.format import MAX_VILLAGE_LENGTH, StationIdentity
from kiosk.labels.typesetting.fonts import FontProblem
from kiosk.messaging.contract.station_request import RequestKind
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import ExpectedStation, RegistryDifferences, build_register, differences
from kiosk.sorting_center.desk.registry_csv import (
    COLUMNS,
    MAX_BYTES,
    BadRegistry,
    read_registry,
    station_cells,
    with_station,
    write_registry,
)
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import checked_reason
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.photos.folder import ANSWERS_FOLDER
from kiosk.sorting_center.stations.authority import BadAuthority, BadPassPhrase, CountyAuthority
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.texts.plain import plain

_STATION: Final = MachineKind.STATION
_MAX_CHARACTERS: Final = 64 * 1024
_RELEASE: Final = re.compile(r"[0-9A-Za-z.+~-]{1,40}")
_COLUMN_HELP: Final = {
    "village": "Its village.",
    "township": "Its township.",
    "hours": "When the stations of its township are open: mon-fri 09:00-18:00; sat 10:00-14:00.",
    "quiet_min": "After so many open minutes without a message a station of its township is quiet.",
    "contact": "Telephone of the post.",
    "scale": "Make and number of its scale.",
    "route": "The route of the truck.",
    "verified_on": "First day of the verification of its scale, as 2026-05-31.",
    "valid_until": "Last day of it.",
}


@click.group()
def station() -> None:
    """Keep the list of expected stations, and make identities for their machines. Works also while a center runs."""


_COLUMN_OPTIONS: Final = [
    click.option(f"--{name.replace('_', '-')}", metavar="TEXT", help=text) for name, text in _COLUMN_HELP.items()
]


def _with_options(options: Sequence[Callable[..., Any]]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return lambda command: reduce(lambda done, option: option(done), reversed(options), command)


@station.command()
@click.argument("number", metavar="STATION")
@click.option("--region", required=True, help="Its region.")
@_with_options(_COLUMN_OPTIONS)
@ledger_option
@clear_errors
def add(number: str, region: str, url: str, **columns: str | None) -> None:
    """Add STATION to the list, or change what is given of it; "" empties a column.

    Changes the desk's database beside the ledger.
    """
    given = {name: text for name, text in columns.items() if text is not None}
    cells = {"region": region, "station": number, **given}
    with audited_desk(url, AuditAction.STATION_CHANGED, f"{region}/{number}", ", ".join(given)) as (desk, _):
        before = desk.registry.current()
        try:
            read = with_station(before, cells)
        except BadRegistry as error:
            end_faults(error.faults)
        found = desk.registry.replace(read.stations, read.townships, before.digest)
        _print_differences(found)


@station.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what it would change, and change nothing.")
@ledger_option
@clear_errors
def import_list(file: Path, dry_run: bool, url: str) -> None:
    """Replace the list by the CSV FILE, all of it or nothing; tells what that changed.

    Changes the desk's database beside the ledger. A file with faults changes nothing: each is a line on standard error.
    A station that is not in FILE has its identity until `revoke`.
    """
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    try:
        read = read_registry(content)
    except BadRegistry as error:
        end_faults(error.faults)
    with CenterDesk.open(url) as desk:
        before = desk.registry.current()
        found = differences(before, build_register(read.stations, read.townships))
        if not dry_run:
            found = desk.registry.replace(read.stations, read.townships, before.digest)
            sha256, now = hashlib.sha256(content).hexdigest(), datetime.now(UTC)
            desk.audit.record(COMMAND, AuditAction.REGISTRY_IMPORTED, sha256, str(found), now)
    _print_differences(found)
    done = "would be" if dry_run else "are"
    click.echo(f"{len(read.stations)} stations {done} expected ({read.encoding}): {found}")


def _print_differences(found: RegistryDifferences) -> None:
    rows = {"new": found.new, "changed": found.changed, "gone": found.removed, "township": found.townships}
    for word, keys in rows.items():
        for region, name in keys:
            click.echo(f"{word} {region}/{name}")


@station.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a station, with the state of its identity.")
@ledger_option
@clear_errors
def list_stations(as_json: bool, url: str) -> None:
    """Write the list to standard output, as CSV in UTF-8 that `import` takes. Changes nothing."""
    with CenterDesk.open(url) as desk:
        register, identities = desk.registry.current(), desk.certificates.newest(_STATION)
    if not as_json:
        write_output(write_registry(register))
        return
    for key in sorted(register.stations):
        cells, newest = station_cells(register, key), identities.get(key)
        row: dict[str, object] = {name: cells[name] for name in COLUMNS}
        row["identity"] = newest.state if newest is not None else "none"
        if newest is not None:
            row |= {"generation": newest.subject.generation, "made_at": newest.made_at}
            row |= {"not_after": newest.not_after, "revoked_at": newest.revoked_at, "reason": newest.reason}
        click.echo(json.dumps(row, ensure_ascii=False))


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
region_option = click.option("--region", help="Needed where the list has more than one.")
_AUTHORITY_OPTIONS: Final = (
    region_option,
    click.option("--broker-url", required=True, metavar="URL", help="mqtts://host:8883, of the broker."),
    click.option(
        "--authority",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("/etc/sorting-center/authority"),
        show_default=True,
        help="Where authority.crt, authority.key and kit.pub are.",
    ),
    click.option("--pass-phrase-file", type=_FILE, help="Holds the pass phrase of authority.key, else asked for."),
    click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder."),
    ledger_option,
)
_IDENTITY_OPTIONS: Final = (
    *_AUTHORITY_OPTIONS,
    click.option("--photos", default="", metavar="URL", help="https://host:8843, where they send photographs."),
    click.option("--updates", default="", metavar="URL", help="https://host:8843, where they find updates."),
    click.option("--wifi-network", default="", metavar="NAME", help="A Wi-Fi network that the machine joins."),
    click.option("--wifi-password-file", type=_FILE, help="Holds its password; without it the network is an open one."),
)


authority_options = _with_options(_AUTHORITY_OPTIONS)
_identity_options = _with_options(_IDENTITY_OPTIONS)


@station.command()
@click.argument("stations", nargs=-1)
@click.option("--all-without", is_flag=True, help="For every station of the list that has none.")
@_identity_options
@clear_errors
def identity(stations: tuple[str, ...], all_without: bool, url: str, **options: Any) -> None:
    """Make the identities of STATIONS: a sealed file for the stick and a page with its code for the printer, each.

    Makes the folder that --out names (mode 0700) with station-identities and papers in it, whole or not at all, and
    adds the certificates to the list of those that are let in. The codes are on the papers alone.
    """
    if bool(stations) == all_without:
        raise click.UsageError("name the stations, or give --all-without")
    _make_identities(url, stations, options, replacing=False)


@station.command()
@click.argument("number", metavar="STATION")
@_identity_options
@clear_errors
def replace(number: str, url: str, **options: Any) -> None:
    """Make a new identity for STATION, as `identity` does; the machine that has the one before is let in no more."""
    _make_identities(url, (number,), options, replacing=True)


def _make_identities(url: str, numbers: Sequence[str], options: dict[str, Any], *, replacing: bool) -> None:
    """Make identities; without ``numbers`` for all that lack one. The rest of ``options`` are fields of each."""
    region, folder, phrase, out = (options.pop(name) for name in ("region", "authority", "pass_phrase_file", "out"))
    password = options.pop("wifi_password_file")
    require_free(out)
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        chosen = _choose(desk, region or only_region(desk), numbers, replacing=replacing)
        options["county_key"] = _read_text(folder / "kit.pub").strip()
        options["wifi_password"] = read_secret(password) if password is not None else ""
        authority = open_authority(folder, phrase)
        subjects = desk.certificates.next_subjects(chosen[0].region, _STATION, [one.station for one in chosen])
        issued = [authority.issue_machine(subject, now) for subject in subjects]
        pin_secrets = {subject: secrets.token_bytes(SECRET_BYTES) for subject in subjects}
        sealed = list[bytes]()
        try:
            identities = [
                StationIdentity(
                    station=one.station,
                    region=one.region,
                    village=plain(one.village, MAX_VILLAGE_LENGTH),
                    certificate=own.certificate,
                    key=own.key,
                    authority=authority.certificate,
                    pin_secret=pin_secret.hex(),
                    **options,
                )
                for one, own, pin_secret in zip(chosen, issued, pin_secrets.values(), strict=True)
            ]
        except ValueError as error:
            raise click.UsageError(str(error)) from error

        def admit() -> None:
            ends = [one.not_after for one in issued]
            rows = list(zip(subjects, ends, sealed, strict=True))
            desk.certificates.add(rows, now, replacing=replacing, pin_secrets=pin_secrets)

        try:
            with progress(f"{len(chosen)} stations", "done") as show, complete_folder(out, admit) as fresh:
                sealed += write_identities(fresh, identities, show)
        except FontProblem as error:
            end(f"{PROGRAM}: {out} was not made: {error}", 1)
        made = {f"{one.region}/{one.name}": f"certificate {one.generation}" for one in subjects}
        desk.audit.record_all(COMMAND, AuditAction.IDENTITY_MADE, made, now)
    click.echo(json.dumps({"stations": len(chosen), "out": str(out)}))


def open_authority(folder: Path, phrase: Path | None) -> CountyAuthority:
    """Ask for the pass phrase unless a file holds it. Ends the program with one line. Raises OSError."""
    certificate, key = (_read_text(folder / name) for name in ("authority.crt", "authority.key"))
    try:
        return CountyAuthority.open(certificate, key, read_secret(phrase) if phrase else prompt_password(known=True))
    except (BadAuthority, BadPassPhrase) as error:
        end(f"{PROGRAM}: {folder}: {error}", 2)


def _read_text(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(_MAX_CHARACTERS)


def county_command(command: Callable[..., None]) -> Callable[..., None]:
    """Pass the desk of ``--ledger`` and ``--region``, or the list's only region; report an error in one line."""

    @region_option
    @ledger_option
    @clear_errors
    @wraps(command)
    def with_county(url: str, region: str | None, **options: Any) -> None:
        with CenterDesk.open(url) as desk:
            command(desk, region or only_region(desk), **options)

    return with_county


def only_region(desk: CenterDesk) -> str:
    """Return the only region of the list. Raises Refused for none or several."""
    regions = {region for region, _ in desk.registry.current().stations}
    if len(regions) != 1:
        raise Refused("regions", f"the list has {len(regions)} regions: name one with --region")
    return regions.pop()


def _not_listed(region: str, number: str) -> Refused:
    return Refused("unknown", f"{number[:40]!r} of {region} is not in the list: {PROGRAM} station add")


def _choose(desk: CenterDesk, region: str, numbers: Sequence[str], *, replacing: bool) -> list[ExpectedStation]:
    """Choose the stations of the list that get an identity, each once. Raises Refused."""
    stations, identities = desk.registry.current().stations, desk.certificates.newest(_STATION)
    valid = {key for key, one in identities.items() if one.revoked_at is None}
    if not numbers:
        without = [stations[key] for key in sorted(stations.keys() - valid) if key[0] == region]
        if not without:
            raise Refused("none_without", f"every station of {region} in the list has an identity")
        return without
    chosen = []
    for number in dict.fromkeys(numbers):
        key = (region, number)
        if key not in stations:
            raise _not_listed(region, number)
        if key in valid and not replacing:
            raise Refused(
                "identity_exists", f"{number} has an identity: {PROGRAM} station replace {number} makes it another"
            )
        chosen.append(stations[key])
    return chosen


@station.command()
@click.argument("number", metavar="STATION")
@click.argument("kind", type=click.Choice([kind.value for kind in RequestKind]))
@click.option("--release", default="", metavar="VERSION", help="The release that an `update` is about.")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="So long it may be answered.")
@county_command
def request(desk: CenterDesk, region: str, number: str, kind: str, release: str, days: int) -> None:
    """Ask STATION for the doctor's report, a support bundle, or a look for updates.

    Changes the desk's database; the sorting center signs and sends it, again at each hello until it is answered.
    """
    if (kind == RequestKind.UPDATE) != bool(_RELEASE.fullmatch(release)):
        raise click.UsageError("--release names a version of 1 to 40 of A-Z a-z 0-9 . + ~ - for `update` alone")
    if (region, number) not in desk.registry.current().stations:
        raise _not_listed(region, number)
    now = datetime.now(UTC)
    desk.audit.record(COMMAND, AuditAction.STATION_REQUESTED, f"{region}/{number}", f"{kind} {release}", now)
    click.echo(json.dumps({"station": number, "number": desk.requests.add(region, number, kind, release, days, now)}))


@station.command()
@ledger_option
@clear_errors
def requests(url: str) -> None:
    """Print what stations were asked, a JSON object each; `file`: where the answer lies in the folder of pictures."""
    now = to_rfc3339(datetime.now(UTC))
    with CenterDesk.open(url) as desk:
        for row in desk.requests.all():
            state = row["outcome"] or ("open" if row["expires_at"] > now else "expired")
            place = (ANSWERS_FOLDER, row["region"], row["station"], row["sha256"][:2], row["sha256"])
            click.echo(json.dumps({**row, "outcome": state, "file": "/".join(place) if row["sha256"] else ""}))


@station.command()
@click.argument("number", metavar="STATION")
@click.option("--reason", required=True, help="Why; it stands on the page of the station list.")
@county_command
def revoke(desk: CenterDesk, region: str, number: str, reason: str) -> None:
    """Let the machine of STATION in no more. It stays in the list, and `identity` makes it another one."""
    revoke_machine(desk, (region, _STATION, number), reason)


def revoke_machine(desk: CenterDesk, machine: tuple[str, MachineKind, str], reason: str) -> None:
    """Revoke the machine's identity and record it in the audit. Raises Refused."""
    (region, _, name), now, reason = machine, datetime.now(UTC), checked_reason(reason)
    desk.certificates.revoke(*machine, reason, now)
    desk.audit.record(COMMAND, AuditAction.IDENTITY_REVOKED, f"{region}/{name}", reason, now)
    click.echo(f"{name} of {region} is let in no more")
