"""``settings.toml``: values of the options of ``sorting-center`` that neither command line nor environment set.

The keys at the top are the options of ``run``; a table holds those of another command, ``[photos]`` or
``[station.identity]``. A key is the name of the option with ``_`` for ``-``: ``http_name`` for ``--http-name``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from click.core import ParameterSource

from kiosk.cli.shared.one_line import load_command
from kiosk.sorting_center.server.toml_document import BadDocument, TomlDocument

PLACE: Final = Path("/etc/sorting-center/settings.toml")
VARIABLE: Final = "SORTING_CENTER_CONFIG"
_RUN: Final = ("kiosk.cli.center.run:run", "center")
# Keys at the top that are meant for every command with such an option; `web` takes them all.
_SHARED: Final = frozenset({"ledger", "photos_dir"})
# Commands that take the table of another one as well.
_ALSO: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    ("station", "replace"): ("station", "identity"),
    ("reader", "add"): ("station", "identity"),
}
# These work where no settings are, or are about the settings themselves.
_WITHOUT: Final = frozenset({"setup", "doctor", "certificates", "restore"})
_PGPASS: Final = "sorting-center.pgpass"


def with_settings(command: click.Command) -> click.Command:
    """Add ``--config`` to the command and each one below it: read before every other option."""
    if command.name in _WITHOUT:
        return command
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_settings(below)
    elif not any(parameter.name == "config" for parameter in command.params):
        command.params.append(
            click.Option(
                ["--config"],
                type=click.Path(dir_okay=False, path_type=Path),
                default=PLACE,
                envvar=VARIABLE,
                show_envvar=True,
                is_eager=True,
                expose_value=False,
                callback=_apply,
                help=f"Take what is not given here from this file instead of {PLACE}.",
            )
        )
    return command


def options_of(command: click.Command) -> dict[str, click.Parameter]:
    """Return the options by their key in the settings file."""
    options = [option for option in command.params if option.name != "config"]
    return {max(option.opts, key=len).lstrip("-").replace("-", "_"): option for option in options}


def _apply(context: click.Context, parameter: click.Parameter, path: Path) -> None:
    _use_database_password()
    by_default = context.get_parameter_source(str(parameter.name)) is ParameterSource.DEFAULT
    if by_default and not os.path.lexists(path):
        return
    words: list[str] = []
    above: click.Context | None = context
    while above is not None and above.parent is not None:
        words.insert(0, str(above.info_name))
        above = above.parent
    try:
        document = TomlDocument.read(path)
        check_tables(document, context.find_root().command, None if words == ["run"] else "".join(words[:1]))
        context.default_map = _defaults(document, context, words or [str(context.info_name)])
    except BadDocument as error:
        raise click.UsageError(str(error)) from error


def check_tables(document: TomlDocument, program: click.Command, own: str | None = None) -> None:
    """Check the names of keys and tables, and the kinds of values; for commands other than ``own`` only the names.

    Raises BadDocument.
    """
    _check_table(document, "", document.tables, program, own)


def _check_table(
    document: TomlDocument, table: str, rows: Mapping[str, Any], command: click.Command, own: str | None = None
) -> None:
    context = click.Context(command)
    below = command.list_commands(context) if isinstance(command, click.Group) else []
    options = options_of(command) if table else options_of(load_command(*_RUN))
    for key, value in rows.items():
        if not isinstance(value, dict):
            _check_key(document, table, key, value, options)
        elif not below and not table:
            continue  # A command that runs alone, without its program
        elif key not in below:
            raise document.error_at(f"{table}.{key}".lstrip("."), "", f"there is no command {key!r} for this table")
        elif own in (None, key) and isinstance(command, click.Group) and (found := command.get_command(context, key)):
            _check_table(document, f"{table}.{key}".lstrip("."), value, found)


def _check_key(
    document: TomlDocument, table: str, key: str, value: object, options: Mapping[str, click.Parameter]
) -> None:
    if key not in options:
        raise document.unknown(table, key, options)
    option = options[key]
    each = value if option.multiple and isinstance(value, list) else [value]
    kind = {click.types.BoolParamType: bool, click.IntRange: int, click.types.IntParamType: int}.get(
        type(option.type), str
    )
    if option.multiple != isinstance(value, list) or any(type(one) is not kind for one in each):
        word = {bool: "true or false", int: "a whole number", str: "a text"}[kind]
        expected = f'a list of texts, like ["{option.metavar or "…"}"]' if option.multiple else word
        raise document.error_at(table, key, f"{key} must be {expected}")
    from kiosk.sorting_center.ledger import LedgerAddressError

    for one in each:
        try:
            _parsers().get(key, str)(str(one))
        except (click.ClickException, LedgerAddressError, ValueError, KeyError, OSError) as error:
            text = error.format_message() if isinstance(error, click.ClickException) else f"{key}: {error}"
            raise document.error_at(table, key, text) from error


def _parsers() -> dict[str, Callable[[str], object]]:
    from kiosk.cli.center.web import host_and_port
    from kiosk.sorting_center.ingest.shared.address import BrokerAddress
    from kiosk.sorting_center.ledger import without_password

    return {
        "broker": BrokerAddress.parse,
        "ledger": without_password,
        "http": lambda text: host_and_port("--http", text),
        "metrics": lambda text: host_and_port("--metrics", text),
        "zone": ZoneInfo,
    }


def _defaults(document: TomlDocument, context: click.Context, words: Sequence[str]) -> dict[str, Any]:
    """Return Click's defaults for the command, by the names of its parameters."""
    shared = words[-1] in ("run", "web")
    top = {key: value for key, value in document.tables.items() if shared or key in _SHARED}
    found = {("", key): value for key, value in top.items() if not isinstance(value, dict)}
    for path in (_ALSO.get(tuple(words), ()), tuple(words)):
        rows: Any = document.tables if path else {}
        for word in path:
            rows = rows.get(word, {}) if isinstance(rows, dict) else {}
        found |= {(".".join(path), key): value for key, value in rows.items()} if isinstance(rows, dict) else {}
    options, defaults = options_of(context.command), {}
    for (place, key), value in found.items():
        option = options.get(key)
        if option is None:
            continue
        try:
            option.process_value(context, value)
        except click.BadParameter as error:
            raise document.error_at(place, key, error.format_message()) from error
        defaults[str(option.name)] = value
    return defaults


def _use_database_password() -> None:
    """Set PostgreSQL's password from where the set-up stored it: a credential of the unit, or root's own file.

    libpq refuses the file of a credential itself: systemd lets the service read it through its group.
    """
    if os.environ.keys() & {"PGPASSWORD", "PGPASSFILE"}:
        return
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "/etc/credstore")
    try:
        line = Path(folder, _PGPASS).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return
    os.environ["PGPASSWORD"] = line.strip().rpartition(":")[2]
