"""``sorting-center broker-check``: which traps a broker has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from kiosk.cli.shared.one_line import end
from kiosk.domain.identifiers import BadIdentifier
from kiosk.sorting_center.ingest.check import amqp, mqtt
from kiosk.sorting_center.ingest.check.finding import BrokerFinding, BrokerUnusable, BrokerVerdict
from kiosk.sorting_center.ingest.shared.address import BrokerAddress, BrokerAddressError, BrokerTransport

_PROGRAM = "sorting-center"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("broker-check")
@click.argument("url")
@click.option("--broker-password-file", "password_file", type=_FILE, help="Holds the password of the broker's user.")
@click.option("--region", "regions", multiple=True, metavar="REGION", help="AMQP: the queues of this region.")
@click.option("--tls-ca", "ca_file", type=_FILE, help="Who signed the broker's certificate.")
@click.option("--tls-cert", "cert_file", type=_FILE, help="Certificate to show.")
@click.option("--tls-key", "key_file", type=_FILE, help="Its key.")
def broker_check(url: str, password_file: Path | None, regions: tuple[str, ...], **files: Path | None) -> None:
    """Try what this broker would lose of what it confirms, a line each; exit 1 when there is a trap.

    Changes nothing: it works in a region of its own, and takes its session away again.
    """
    try:
        address = BrokerAddress.parse(url, **files)
        if password_file is not None:
            address = address.with_password(password_file)
        found = []
        for finding in _findings(address, regions):
            click.echo(str(finding))
            found.append(finding.verdict)
    except (BrokerAddressError, BadIdentifier) as error:
        end(f"{_PROGRAM}: {error}", 2)
    except (BrokerUnusable, OSError) as error:
        end(f"{_PROGRAM}: {error}", 1)
    raise SystemExit(1 if BrokerVerdict.TRAP in found else 0)


def _findings(address: BrokerAddress, regions: tuple[str, ...]) -> Iterator[BrokerFinding]:
    if address.transport is BrokerTransport.AMQP:
        return amqp.findings(address, regions)
    return mqtt.findings(address)
