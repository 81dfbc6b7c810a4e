"""``kiosk demo``: the whole job with simulated hardware."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

import click

from kiosk.cli.one_line import end

STATION, CENTER, BENCH = 8080, 8090, 8070


@click.command()
@click.option("--once", is_flag=True, help="Do one whole intake, print one JSON object, end.")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Where it keeps its files (var/demo)."
)
def demo(once: bool, folder: Path | None) -> None:
    """The whole job with simulated hardware: station, sorting center and bench on loopback."""
    if once:
        _once(folder)
    else:
        _stay(folder or Path("var/demo"))


def _once(folder: Path | None) -> None:
    from kiosk.simulators.one_intake import OneIntake

    with tempfile.TemporaryDirectory(prefix="kiosk-demo-") as scratch:
        outcome = OneIntake((folder or Path(scratch)).resolve()).run()
    click.echo(json.dumps(outcome.as_json(), ensure_ascii=False, separators=(",", ":")))
    if not outcome.ok:
        end(f"the demo failed at: {outcome.step}", 1)


def _stay(folder: Path) -> None:
    from kiosk.app.demo_access import demo_access
    from kiosk.app.station import run_demo
    from kiosk.simulators.village import Ports, Village, VillagePlan

    plan = VillagePlan(Ports(STATION, CENTER), stocked=True, access=demo_access)
    try:
        run_demo(partial(Village, folder.resolve(), plan), BENCH)
    except (OSError, RuntimeError) as error:
        end(f"the demo cannot start: {error}", 1)
