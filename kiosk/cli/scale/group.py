"""``kiosk scale``: what technicians and checks do with a scale from a terminal."""

from __future__ import annotations

from typing import Any

import click

from kiosk.cli.scale.formats import decode, encode, protocols
from kiosk.cli.scale.probe import probe
from kiosk.cli.scale.send import send
from kiosk.cli.scale.simulate import simulate
from kiosk.cli.scale.watch import watch
from kiosk.protocols.scales import registry


class _ScaleGroup(click.Group):
    """A format, a parameter or a command that the registry does not know is wrong usage."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (registry.UnknownProtocol, registry.BadParameter, registry.NoSuchCommand) as error:
            raise click.UsageError(str(error)) from error


@click.group("scale", cls=_ScaleGroup, no_args_is_help=False)
def scale() -> None:
    """Scales: formats, decoding, live readings, a simulated scale."""


for command in (protocols, decode, encode, watch, simulate, probe, send):
    scale.add_command(command)
