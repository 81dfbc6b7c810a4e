"""The ``kiosk`` command: one module per noun, each loaded only when its noun is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import click

from kiosk.cli.shared.one_line import OneLineGroup

# Noun to where its command is and what the list says of it, in the order people meet them.
NOUNS = {
    "run": ("kiosk.cli.run:run", "The station: pages, devices, print workers."),
    "relay": ("kiosk.cli.run:relay", "The relay: sends what the station has kept to the sorting center."),
    "demo": ("kiosk.cli.demo:demo", "The whole job with simulated hardware, on this machine."),
    "scale": ("kiosk.cli.scale.group:scale", "Scales: formats, decoding, live readings, a simulated scale."),
    "printer": ("kiosk.cli.printing:printer", "Printers: what their answers mean, a simulated one."),
    "printer-address": (
        "kiosk.cli.box:printer_address",
        "The one printer on the network that the station of a box may reach.",
    ),
    "label": ("kiosk.cli.printing:label", "Labels and receipts as bytes for a printer or as a picture."),
    "photo": (
        "kiosk.cli.photo.group:photo",
        "Photographs: is a shot good, what a channel gets of it, the mat on paper.",
    ),
    "scan": ("kiosk.cli.codes:scan", "Scans: what a scanner sent and what it means."),
    "waybill": ("kiosk.cli.codes:waybill", "Waybill numbers: whose parcel it may be."),
    "gs1": ("kiosk.cli.codes:gs1", "GS1 data: element strings and what is wrong with them."),
    "digit": ("kiosk.cli.codes:digit", "Check digits: make one, or judge a number that has one."),
    "clerk": ("kiosk.cli.clerk:clerk", "The people at the counter and their PINs."),
    "parcels": ("kiosk.cli.parcels:parcels", "Parcels: the list of those that are on their way."),
    "doctor": ("kiosk.cli.doctor.command:doctor", "Every device and service: found, answering, what to do."),
    "verify": ("kiosk.cli.verify:verify", "Slips, proofs, exports and databases: is this what was signed?"),
    "backup": ("kiosk.cli.backup:backup", "A copy of the database on a second medium, while the station works."),
    "restore": ("kiosk.cli.backup:restore", "Bring a backup back; the station goes on in a new epoch."),
    "update": (
        "kiosk.cli.update:update",
        "A new version of this program; steps back by itself when it is not healthy.",
    ),
    "bundle": ("kiosk.cli.bundle:bundle", "What support needs to see, without names, codes and telephone numbers."),
    "catalog": ("kiosk.cli.parcels:catalog", "What can be brought in, and at which price."),
    "provision": (
        "kiosk.cli.provision.command:provision",
        "Identities of stations, sealed, with their codes on paper.",
    ),
    "network": ("kiosk.cli.box:network", "Cable and Wi-Fi of this machine."),
    "identity": ("kiosk.cli.box:identity", "The identity of this machine: which station it is."),
    "recovery": ("kiosk.cli.box:recovery", "A station that comes back on a new card."),
    "clock": ("kiosk.cli.box:clock", "The clock of this machine, when the station asks to set it."),
    "medium": ("kiosk.cli.box:medium", "Sticks and disks that are plugged in."),
    "fleet": ("kiosk.cli.fleet:fleet", "Many stations on one machine, for measurements."),
}


class LazyGroup(OneLineGroup):
    """Loads a noun's module when it is named: ``kiosk run`` must not pay for the demo, nor ``--help`` for any."""

    lazy: ClassVar[Mapping[str, str]] = {noun: place for noun, (place, _) in NOUNS.items()}
    extra = "station"

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the nouns from the table above: click would load every module for its first line."""
        with formatter.section("Commands"):
            formatter.write_dl([(noun, summary) for noun, (_, summary) in NOUNS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="station-kiosk", prog_name="kiosk")
def main() -> None:
    """Weigh, label, photograph, keep, send: the kiosk of a village station."""


if __name__ == "__main__":
    sys.exit(main())
