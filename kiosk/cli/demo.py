"""``kiosk demo``: the whole job with simulated hardware."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kiosk.cli.shared.one_line import end

if TYPE_CHECKING:
    from kiosk.simulators.county import CountyPlan
    from kiosk.simulators.shared.center_access import CenterAccess
    from kiosk.simulators.village import Village

STATION, CENTER, STOREFRONT, BENCH = 8080, 8090, 8100, 8070
STATIONS = 40  # Of the county: it has lived within a minute on two processors
_WEEKS, _SEED = 5, 1  # What has happened in the county before the demo begins; the same in every folder
_NEEDED: Final = ("kiosk.sorting_center", "psycopg", "pika", "serial", "zxingcpp")  # Of both programs
_PROCESSES: Final = 2  # Of the county, on two processors beside five programs: more would only wait for each other


@click.command()
@click.option("--once", is_flag=True, help="Do one whole intake, print one JSON object, end.")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Where it keeps its files (var/demo)."
)
@click.option(
    "--village",
    "stations",
    type=int,
    metavar="N",
    help=f"A county of N more stations behind it, with a month of life ({STATIONS}); 0: the station is alone.",
)
def demo(once: bool, folder: Path | None, stations: int | None) -> None:
    """Run the whole job with simulated hardware: station, sorting center and bench on loopback."""
    if once and stations is not None:
        raise click.UsageError("--once does one intake at one station: leave --village out")
    if not all(find_spec(name) for name in _NEEDED):
        end(
            "The demo needs station and sorting center: pip install 'station-kiosk[demo]', or make demo in a checkout.",
            1,
        )
    if once:
        _run_once(folder)
    else:
        _run_demo((folder or Path("var/demo")).resolve(), STATIONS if stations is None else stations)


def _run_once(folder: Path | None) -> None:
    from kiosk.simulators.one_intake import OneIntake

    with tempfile.TemporaryDirectory(prefix="kiosk-demo-") as scratch:
        outcome = OneIntake((folder or Path(scratch)).resolve()).run()
    click.echo(json.dumps(outcome.as_json(), ensure_ascii=False, separators=(",", ":")))
    if not outcome.ok:
        end(f"the demo failed at: {outcome.step}", 1)


def _run_demo(folder: Path, stations: int) -> None:
    from kiosk.app.demo import demo_access, published, take_in_past
    from kiosk.simulators.village import Village, VillagePlan, VillagePorts

    county = _county(folder, stations) if stations else None
    names = county.names if county is not None else ()

    def access(ledger_url: str) -> CenterAccess:
        if county is not None:
            take_in_past(ledger_url, county)
        return demo_access(ledger_url, names, folder / "keys")

    ports = VillagePorts(STATION, CENTER, STOREFRONT)
    plan = VillagePlan(ports, stocked=True, offers=True, access=access, clock_set=True)
    begin = partial(published, partial(Village, folder, plan))
    try:
        serve_demo(begin if county is None else partial(_village_in_county, begin, county), BENCH)
    except (OSError, RuntimeError) as error:
        end(f"the demo cannot start: {error}", 1)


def serve_demo(begin: Callable[[], AbstractContextManager[Village]], bench_port: int) -> None:
    """Run the village that ``begin`` starts, until Ctrl-C, and print its addresses to open in a browser."""
    from kiosk.app.process import setup_logging
    from kiosk.base.shutdown import shutdown_event
    from kiosk.simulators.bench.app import BenchServer, create_bench

    setup_logging()
    logging.getLogger().setLevel(logging.WARNING)
    stop = shutdown_event()
    with begin() as village:
        bench = BenchServer(create_bench(village), "127.0.0.1", bench_port)
        try:
            click.echo(f"bench           {bench.url}    begin here: goods, PINs, parcels, cables")
            click.echo(f"station         {village.station_url}    what a villager sees")
            click.echo(f"sorting center  {village.center_url}    sign in with a name and a password of this demo:")
            for person in village.center_access.people:
                click.echo(f"    {person.name:12}{person.password}")
            click.echo(f"storefront      {village.storefront_url}    what buyers see")
            click.echo("Ctrl-C ends everything.")
            stop.wait()
        finally:
            bench.close()


def _county(folder: Path, stations: int) -> CountyPlan:
    from kiosk.simulators.county import CountyPlan
    from kiosk.simulators.village import REGION

    try:
        return CountyPlan(folder / "county", stations, _WEEKS, _SEED, datetime.now(UTC), region=REGION)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _village_in_county(begin: Callable[[], AbstractContextManager[Village]], plan: CountyPlan) -> Iterator[Village]:
    from kiosk.simulators.county import County

    with begin() as village:

        def report(line: str) -> None:
            village.county_news = line
            click.echo(line)

        plan = replace(plan, broker_url=village.broker.url, photos_url=village.photos_url)
        with County(plan, _PROCESSES, report):
            yield village
