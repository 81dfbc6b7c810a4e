"""``sorting-center run``: takes the stations' events in, feeds, and has the pages served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from click.core import ParameterSource

from kiosk.app.systemd import Notifier
from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.center.web import on_loopback, until_signal, web_options
from kiosk.domain.identifiers import BadIdentifier, check_region
from kiosk.sorting_center.ingest.shared.address import BrokerAddress, BrokerTransport
from kiosk.sorting_center.ledger import Ledger, LedgerError, without_password
from kiosk.sorting_center.web.shared.settings import CenterWebSettings

if TYPE_CHECKING:
    from kiosk.sorting_center.service import SortingCenter

_WAIT_FOR_BROKER_S: Final = 5.0
_SHOWN: Final = (
    f"{PROGRAM}: the broker's password is on the command line, where every user of this machine sees it: give "
    "--broker-password-file, or the address in the environment variable BROKER"
)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _regions(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(check_region(value) for value in values))
    except BadIdentifier as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option(
    "--broker",
    required=True,
    metavar="URL",
    envvar="BROKER",
    show_envvar=True,
    help="mqtt://host:port, mqtts://, amqp://host:port/vhost or amqps://; mqtt://user@host:port with a password file",
)
@click.option(
    "--broker-password-file",
    "password_file",
    type=_FILE,
    envvar="BROKER_PASSWORD_FILE",
    show_envvar=True,
    help="Holds the password of the broker's user, and nothing else: every user sees the options of a program.",
)
@click.option(
    "--ledger",
    "ledger_url",
    required=True,
    metavar="URL",
    help="sqlite:///path, made when it is not there; or an empty database postgresql://user@host:port/name",
)
@web_options(required=False)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Answer /metrics and /health there, on loopback alone: for a worker without --http; port 0 takes a free one.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="REGION",
    callback=_regions,
    help="Take in the stations of this region only, once for each; over AMQP each has a queue of its own.",
)
@click.option(
    "--broker-access",
    type=click.Choice(("none", "dynamic-security")),
    default="none",
    show_default=True,
    help="Keep the clients of Mosquitto, with its dynamic security plugin, like the list of certificates.",
)
@click.option(
    "--configuration-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The county's key, its certificate (.crt) beside it: sign what stations are given, and send it.",
)
@click.option("--tls-ca", type=_FILE, help="Who signed the broker's certificate; else the system's authorities.")
@click.option("--tls-cert", type=_FILE, help="Certificate of this sorting center.")
@click.option("--tls-key", type=_FILE, help="Its key.")
@click.pass_context
@clear_errors
def run(  # one parameter for each option
    context: click.Context,
    broker: str,
    password_file: Path | None,
    ledger_url: str,
    web: CenterWebSettings | None,
    metrics: str | None,
    regions: tuple[str, ...],
    broker_access: str,
    configuration_key: Path | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Take in, acknowledge and show until SIGTERM or SIGINT."""
    address = BrokerAddress.parse(broker, ca_file=tls_ca, cert_file=tls_cert, key_file=tls_key)
    if password_file is not None:
        address = address.with_password(password_file)
    elif address.password and context.get_parameter_source("broker") is ParameterSource.COMMANDLINE:
        click.echo(_SHOWN, err=True)
    if broker_access != "none" and address.transport is not BrokerTransport.MQTT:
        raise click.UsageError(
            f"--broker-access {broker_access} is for Mosquitto, over mqtt:// or mqtts://: leave it out"
        )
    ending = until_signal()
    if web is not None and configuration_key is not None:
        web = msgspec.structs.replace(web, configuration_key=str(configuration_key))
    with _assemble(ledger_url, address, web, regions, on_loopback("--metrics", metrics)) as center:
        if broker_access != "none":
            center.keep_broker_access()
        if configuration_key is not None:
            center.send_configurations(configuration_key)
        connected = center.start(_WAIT_FOR_BROKER_S, ending)
        if ending.is_set():
            return
        pages = center.http_address or "none"
        waiting = "" if connected else " (not connected yet)"
        more = f", metrics {center.metrics_address}" if center.metrics_address is not None else ""
        where = f"ledger {without_password(ledger_url)}, broker {address}{waiting}, http {pages}{more}"
        click.echo(f"sorting center ready: {where}", err=True)
        manager = Notifier.from_environ()
        manager.ready(f"broker {address}, pages {pages}")
        ending.wait()
        manager.stopping()


def _assemble(
    ledger_url: str,
    address: BrokerAddress,
    web: CenterWebSettings | None,
    regions: tuple[str, ...],
    metrics: tuple[str, int] | None,
) -> SortingCenter:
    from kiosk.sorting_center.service import SortingCenter  # every command reads the options of this one

    ledger = Ledger.open(ledger_url)
    try:
        return SortingCenter(ledger, address, web, regions, metrics)
    except LedgerError:
        ledger.close()
        raise
    except OSError as error:
        ledger.close()
        endpoints = [f"{web.host}:{web.port}"] if web is not None else []
        endpoints += [f"{metrics[0]}:{metrics[1]}"] if metrics is not None else []
        where = " or ".join(endpoints) or str(address)
        raise OSError(f"the sorting center cannot use {where}: {error.strerror or error}") from error
