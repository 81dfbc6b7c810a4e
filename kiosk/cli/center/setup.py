"""``sorting-center setup``: makes a county's server of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from kiosk.base.refused import Refused
from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.center.kit import sealed_pair
from kiosk.cli.shared.one_line import end
from kiosk.sorting_center.server.answers import CHECKS, SECRET_FILES, ServerAnswers, SetupSecrets, read_answers
from kiosk.sorting_center.server.checks import ServerVerdict, owners, preconditions
from kiosk.sorting_center.server.layout import BROKER_PORT, PORTS, SOCKET, ServerLayout
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.server.setup import ServerSetup, SetupFailed
from kiosk.sorting_center.server.toml_document import BadDocument, TomlDocument

_QUESTIONS: Final = {
    "host": "Name of this server, as people and stations type it",
    "names": "Its further names, a space between two",
    "region": "Region (a-z, 0-9, -)",
    "zone": "Time zone",
    "database": "sqlite or postgresql",
    "admin": "Name of the first administrator",
    "wifi_network": "Wi-Fi network of the stations, or nothing",
    "storefront": "A storefront for buyers, yes or no",
}
_DEFAULTS: Final = {"zone": "Asia/Urumqi", "database": "sqlite", "names": "", "wifi_network": "", "storefront": "no"}
_SECRETS: Final = {
    "pass_phrase_file": "Pass phrase of the county's authority",
    "admin_password_file": "Password of the administrator",
    "wifi_password_file": "Password of the stations' Wi-Fi network",
}


@click.command()
@click.option(
    "--answers",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the answers from this file, and ask nothing.",
)
@click.option("--accept-host", is_flag=True, help="Go on although the name of the server does not resolve here.")
@clear_errors
def setup(file: Path | None, accept_host: bool) -> None:
    """Make a county's server of this machine: authority, certificates, broker, nginx, database, settings, units.

    Asks for what it needs. Checks the machine first, and writes nothing when something is wrong. Can be killed and
    begun again; done twice, it changes nothing.
    """
    layout, machine = ServerLayout(), ServerMachine()
    try:
        answers, secret = _collect(file, layout)
        setting_up = ServerSetup(machine, layout, answers, secret, sealed_pair)
        differences = setting_up.differences()
    except BadDocument as error:
        end(f"{PROGRAM}: {error}", 2)
    found = list(preconditions(machine, layout, answers, secret, accept_host=accept_host))
    for finding in found:
        click.echo(str(finding), err=True)
    if any(finding.verdict is ServerVerdict.FAIL for finding in found):
        end(f"{PROGRAM}: nothing was changed", 1)
    if differences:
        rows = "".join(f"\n  {row}" for row in differences)
        end(f"{PROGRAM}: nothing was changed: {layout.settings} is otherwise than the answers, and is yours:{rows}", 1)
    changed = False
    try:
        for name, is_new in setting_up.steps():
            click.echo(f"{'made' if is_new else 'there'}  {name}")
            changed = changed or is_new
    except (SetupFailed, OSError, ValueError) as error:
        end(f"{PROGRAM}: {error}\n{PROGRAM}: not finished: type the same command again when that is mended", 1)
    click.echo("" if changed else "Nothing was changed: everything was there.")
    _conclude(layout, answers)


def _conclude(layout: ServerLayout, answers: ServerAnswers) -> None:
    sites = {port: f"nginx, for the {site}" for site, port in PORTS.items()}
    for port, owner in sorted(owners(answers).items()):
        local = port not in (*sites, BROKER_PORT)
        click.echo(f"{'this machine' if local else 'everybody':13}{port:6}  {sites.get(port, owner)}")
    click.echo(f"{'nginx':13}        {SOCKET}")
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    authority = x509.load_pem_x509_certificate(layout.authority_certificate.read_bytes())
    click.echo(f"\nPages: https://{answers.host}:{PORTS['pages']}, sign in as {answers.admin}")
    click.echo(f"The authority's fingerprint (SHA-256): {authority.fingerprint(SHA256()).hex(':').upper()}")
    click.echo(
        "\nNext: put a stick in and bring the authority there (sorting-center certificates export DIR), then make the\n"
        "stations (sorting-center station --help). sorting-center doctor says whether everything works."
    )


def _collect(file: Path | None, layout: ServerLayout) -> tuple[ServerAnswers, SetupSecrets]:
    """Read the answers from the file, or the last answers and the terminal. Raises BadDocument, OSError."""
    place = file or layout.answers
    document = TomlDocument.read(place) if file is not None or place.exists() else TomlDocument("answers", "")
    values = read_answers(document)
    first_time = file is None and not document.tables
    for key, question in _QUESTIONS.items():
        if key in values:
            continue
        if first_time:
            values[key] = _ask(key, question)
        elif key not in _DEFAULTS or key in ("zone", "database"):
            raise document.error_at("", "", f"there is no {key}: {question}")
    files = {key: values.pop(key, None) for key in SECRET_FILES}
    answers = ServerAnswers(**values)
    if not answers.wifi_network or file is not None or layout.wifi_password.exists():
        files["wifi_password_file"] = files["wifi_password_file"] or Path("/dev/null")  # No network, or an open one
    return answers, SetupSecrets(*(_secret(files, key, file is None) for key in SECRET_FILES))


def _ask(key: str, question: str) -> Any:
    kind, check = CHECKS[key]

    def checked(text: str) -> Any:
        try:
            return check(text.split() if kind is list else text in ("yes", "true") if kind is bool else text)
        except (ValueError, Refused) as error:
            raise click.BadParameter(str(error)) from error

    return click.prompt(question, default=_DEFAULTS.get(key), value_proc=checked)


def _secret(files: Mapping[str, Path | None], key: str, from_terminal: bool) -> str:
    path = files[key]
    if path is not None:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    if not from_terminal:
        raise OSError(f"the answers name no {key}: a file with the {_SECRETS[key].lower()} and nothing else")
    confirmed = not ServerLayout().authority_certificate.exists()
    return str(click.prompt(_SECRETS[key], hide_input=True, confirmation_prompt=confirmed))
