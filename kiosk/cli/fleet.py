"""``kiosk fleet``: many stations on one machine, as a load test of broker and sorting center."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from kiosk.cli.shared.one_line import end, on_signal, progress
from kiosk.simulators.fleet import Fleet, FleetPlan, Manner
from kiosk.store import StoreError


@click.command()
@click.option("--stations", type=int, required=True, help="How many stations: S0001, S0002 and so on.")
@click.option("--intakes", type=int, required=True, help="Confirmed intakes per station; 0 only sends what is left.")
@click.option("--broker", "broker_url", required=True, metavar="URL", help="mqtt://host:port or mqtts://host:port.")
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Databases.")
@click.option("--seed", type=int, default=0, show_default=True, help="Makes the weights repeatable.")
@click.option("--timeout", "timeout_s", type=float, default=300.0, show_default=True, metavar="SECONDS")
@click.option(
    "--days", type=int, default=0, metavar="N", help="Spread the intakes over the last N days of the stations' clocks."
)
@click.option(
    "--faults",
    type=int,
    metavar="SEED",
    help="Days without a line, clocks in 1970, cards restored or copied: by chance.",
)
@click.option(
    "--processes",
    type=int,
    default=lambda: len(os.sched_getaffinity(0)),
    metavar="N",
    help="Share the stations among N processes; else one a core.",
)
@click.option(
    "--stay",
    "stay_s",
    type=float,
    default=0.0,
    metavar="SECONDS",
    help="Stay connected that long, and take goods, prices and members that the county gives.",
)
@click.option(
    "--unsafe-fast",
    is_flag=True,
    help="Do not wait for the disk (synchronous=OFF): a power cut destroys the databases.",
)
def fleet(  # one parameter for each option
    stations: int,
    intakes: int,
    broker_url: str,
    folder: Path,
    seed: int,
    timeout_s: float,
    days: int,
    faults: int | None,
    processes: int,
    stay_s: float,
    unsafe_fast: bool,
) -> None:
    """Write intakes at many stations and send them; a second call with the same DIR goes on.

    Prints {"written":..,"acknowledged":..,"pending":..,"seconds":..,"intakes":..,"intakes_per_s":..,
    "synchronous":..}; status 0 when nothing is pending, else 1.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        manner = Manner(days, faults, processes, durable=not unsafe_fast, stay_s=stay_s)
        plan = FleetPlan(stations, intakes, broker_url, folder, seed, timeout_s, manner)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    one = Fleet(plan)
    try:
        # Ctrl-C and SIGTERM count as time up: the answer is still printed.
        with on_signal(one.end), progress(f"{stations} stations, at most {timeout_s:.0f} s"):
            result = one.run()
    except StoreError as error:
        end(str(error), 1)
    click.echo(json.dumps(asdict(result)))
    sys.exit(0 if result.pending == 0 else 1)
