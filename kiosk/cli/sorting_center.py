"""The ``sorting-center`` command: each of its commands is loaded only when it is named."""

from __future__ import annotations

from typing import Final

import click

from kiosk.cli.center.settings_file import with_settings
from kiosk.cli.shared.one_line import OneLineGroup

PROGRAM: Final = "sorting-center"
# In the order in which the help lists them.
COMMANDS: Final = {
    "backup": "kiosk.cli.center.backup:backup",
    "broker-check": "kiosk.cli.broker_check:broker_check",
    "certificates": "kiosk.cli.center.certificates:certificates",
    "configuration": "kiosk.cli.center.configuration:configuration",
    "consistency": "kiosk.cli.center.log:consistency",
    "doctor": "kiosk.cli.center.doctor:doctor",
    "setup": "kiosk.cli.center.setup:setup",
    "storefront": "kiosk.cli.center.storefront:storefront",
    "keys": "kiosk.cli.center.keys:keys",
    "kit": "kiosk.cli.center.kit:kit",
    "ledger": "kiosk.cli.center.ledger:ledger",
    "log": "kiosk.cli.center.log:log_group",
    "member": "kiosk.cli.center.members:member",
    "photos": "kiosk.cli.center.photos:photos",
    "prices": "kiosk.cli.center.prices:prices",
    "proof": "kiosk.cli.center.log:proof",
    "reader": "kiosk.cli.center.reader:reader",
    "restore": "kiosk.cli.center.restore:restore",
    "run": "kiosk.cli.center.run:run",
    "station": "kiosk.cli.center.station:station",
    "token": "kiosk.cli.center.people:token",
    "update": "kiosk.cli.center.update:update",
    "user": "kiosk.cli.center.people:user",
    "web": "kiosk.cli.center.web:web",
}


class _Program(OneLineGroup):
    """Its lines begin with the program's name: they appear among those of other services."""

    speaker = PROGRAM
    aborted = ""
    lazy = COMMANDS
    extra = "center"

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        return with_settings(found) if found is not None else None


@click.command(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="station-kiosk", prog_name=PROGRAM)
def main() -> None:
    """Take the stations' events in, keep them, acknowledge them, show them."""


if __name__ == "__main__":
    main()
