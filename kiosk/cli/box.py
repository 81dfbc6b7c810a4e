"""What the units of a box run as root: ``kiosk identity``, ``recovery``, ``medium``, ``network``, ``clock`` and
``printer-address``.

Each loads its helper alone: the unit of a stick needs no certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from kiosk.base.refused import Refused
from kiosk.base.root_requests import CannotRemove
from kiosk.cli.shared.one_line import end
from kiosk.store.shared.errors import StoreError

_EXIT_REQUEST_NOT_REMOVED: Final = 3  # Its unit pauses, and tries again


@contextmanager
def _ending() -> Iterator[None]:
    """End the program on an error that no user can handle; its unit is then marked as failed."""
    try:
        yield
    except CannotRemove as reason:
        end(f"the request cannot be taken away: {reason}", _EXIT_REQUEST_NOT_REMOVED)
    except (OSError, StoreError) as error:
        end(str(error), 1)


@click.group()
def identity() -> None:
    """Give this machine its identity: which station it is."""


@identity.command("attend")
def attend_identity() -> None:
    """Finish what a power cut has left, judge what the first start asks for, and answer it.

    What it changes: certificate and key go to /etc/credstore, the record of who this machine is to
    /var/lib/kiosk-keys; on the stick the identity is removed and a claim mark is left. Its unit runs it, as root.
    """
    from kiosk.app.identity.helper import IdentityPaths, handle_request

    with _ending():
        answer = handle_request(IdentityPaths())
    click.echo(f"{answer.in_use.station if answer.in_use else 'no station yet'} {answer.word or 'ok'}")


@click.group()
def recovery() -> None:
    """Bring a station back on a new card."""


@recovery.command("attend")
def attend_recovery() -> None:
    """Judge what the first start asks for, put the station back, and answer it.

    What it changes: all that `kiosk restore --kit` changes, and it has the station started anew. Nothing on a card that
    has its settings already. Its unit runs it, as root.
    """
    from kiosk.app.recovery.helper import RecoveryPaths, handle_request

    with _ending():
        answer = handle_request(RecoveryPaths())
    click.echo("no pending request" if answer is None else answer.word or "ok")


@click.group()
def network() -> None:
    """Cable and Wi-Fi of this machine."""


@network.command("attend")
def attend_network() -> None:
    """Bring the network to what is set, carry out what a page asks for, and answer it.

    What it changes: the name of this machine, files below /run/systemd/network and /run/systemd/timesyncd.conf.d, and
    through iwd the networks that are joined. Its unit runs it, as root.
    """
    from kiosk.app.network.helper import NetworkHelper, NetworkPaths
    from kiosk.app.process import setup_logging
    from kiosk.devices.network.iwd import Iwd

    setup_logging()
    with _ending():
        answer = NetworkHelper(NetworkPaths(), Iwd()).run()
    click.echo(f"{answer.state.host} {answer.word or 'ok'}")


@click.group()
def medium() -> None:
    """Sticks and disks that are plugged in."""


@medium.command()
@click.argument("name")
def mount(name: str) -> None:
    """Mount the medium with this kernel NAME (sda1), when the rules allow it.

    What it changes: the medium appears below /run/kiosk-media, read-only; the one that [backup] is bound to at
    /mnt/kiosk-backup, to be written. Nothing is written on it. Its unit runs it, as root.
    """
    from kiosk.app.mounting.mounting import mount_medium

    with _ending():
        try:
            made = mount_medium(name)
        except Refused as refusal:
            click.echo(f"not mounted: {refusal}")
        else:
            click.echo(f"{made.what} is mounted at {made.where} ({','.join(made.options)})")


@medium.command("copy-bundle")
def copy_bundle_() -> None:
    """Copy the support bundle that the technician's page has just written to the stick.

    What it changes: the bundle appears at the top of the first stick, which is writable meanwhile and read-only again
    afterwards. Its unit runs it, as root.
    """
    from kiosk.app.mounting.mounting import ExportPaths, copy_bundle

    with _ending():
        try:
            click.echo(f"the bundle lies at {copy_bundle(ExportPaths())}")
        except Refused as reason:
            click.echo(f"nothing was copied: {reason}")


@click.group()
def clock() -> None:
    """Set the clock of this machine, when the station asks for it."""


@clock.command("attend")
def attend_clock() -> None:
    """Judge the time that the station asks for, set the clock to it, and answer.

    What it changes: the clock of the machine, and that of its clock module. Its unit runs it, as root.
    """
    from kiosk.app.process import setup_logging
    from kiosk.app.shared.clock import ClockHelper

    setup_logging()
    with _ending():
        answer = ClockHelper().run()
    click.echo("no pending request" if answer is None else answer.word or "ok")


@click.command("printer-address")
@click.argument("address", required=False)
@click.option("--none", "no_printer", is_flag=True, help="No printer on the network any more.")
def printer_address(address: str | None, no_printer: bool) -> None:
    """Let the station reach the printer at ADDRESS, a private one like 192.168.1.50, and no other.

    Changes what the unit of the station may reach, keeps the address for every boot, and starts a running station anew.
    Without ADDRESS it does what the station asks for, which is what its unit is for. Only for an administrator.

    Exit 0 when it is in force, 1 when it could not be done, 2 on wrong usage.
    """
    from kiosk.app.process import setup_logging
    from kiosk.app.shared.printer_address import PrinterAddress
    from kiosk.station.papers.network_printer import parse

    if address is not None and no_printer:
        end("give an address or --none", 2)
    setup_logging()
    helper = PrinterAddress()
    try:
        if no_printer:
            helper.keep_none()
        elif address is not None:
            helper.keep(parse(address))
        active = helper.run()
    except ValueError as error:
        end(f"{address}: {error}", 2)
    except OSError as error:
        end(f"{error.filename or 'The address'}: {error.strerror or error}; type it as administrator", 1)
    click.echo(
        "The station reaches no printer on the network." if active is None else f"The station may reach {active}."
    )
