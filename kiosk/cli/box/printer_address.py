"""``kiosk printer-address``: which printer on the network the station of a box may reach."""

from __future__ import annotations

import click

from kiosk.app.process import setup_logging
from kiosk.app.shared.printer_address import PrinterAddress
from kiosk.cli.shared.one_line import end
from kiosk.station.papers.network_printer import parse


@click.command("printer-address")
@click.argument("address", required=False)
@click.option("--none", "no_printer", is_flag=True, help="No printer on the network any more.")
def printer_address(address: str | None, no_printer: bool) -> None:
    """Let the station reach the printer at ADDRESS, a private one like 192.168.1.50, and no other.

    Changes what the unit of the station may reach, keeps the address for every boot, and starts a running station anew.
    Without ADDRESS it does what the station asks for, which is what its unit is for. Only for an administrator.

    Exit 0 when it is in force, 1 when it could not be done, 2 on wrong usage.
    """
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
