"""``kiosk clerk``: the people at the counter and their PINs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import config_option, opened_store, read_config
from kiosk.config.station import load
from kiosk.domain.clerk import PIN_DIGITS, BadClerk, BadPin, Role, check_pin
from kiosk.station.clerk.pin_hash import add_person, clean_person_name, hash_pin
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.shared.open_store import stamps
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.shared.records import ClerkRow

T = TypeVar("T")


@click.group()
def clerk() -> None:
    """Manage the people at the counter and their PINs."""


@clerk.command()
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.CLERK.value, show_default=True)
@config_option
def add(name: str, role: str, path: Path | None) -> None:
    """Take NAME on: asks twice for a PIN of six digits, and prints the number that goes with it."""
    _check_or_exit(lambda: clean_person_name(name))
    pin = _ask_pin()
    # This may create the key: only after the database has confirmed that what is stored here will last.
    row = _with_store(
        path, lambda store, stamp: add_person(store.clerks, name, Role(role), _hash_pin(path, pin), stamp)
    )
    click.echo(json.dumps(_row_json(row), ensure_ascii=False))


@clerk.command("list")
@config_option
def list_(path: Path | None) -> None:
    """Everybody, one JSON object a line; those who were retired too."""
    for row in _with_store(path, lambda store, stamp: store.clerks.everyone(active=False)):
        click.echo(json.dumps(_row_json(row), ensure_ascii=False))


@clerk.command()
@click.argument("number")
@config_option
def pin(number: str, path: Path | None) -> None:
    """Give NUMBER a new PIN: asks twice. A counter this person has unlocked locks itself."""
    text = _ask_pin()
    _with_store(path, lambda store, stamp: store.clerks.set_pin(number, _hash_pin(path, text), stamp))


@clerk.command()
@click.argument("number")
@config_option
def retire(number: str, path: Path | None) -> None:
    """NUMBER works here no more. The number is not given again."""
    _with_store(path, lambda store, stamp: _retire(store, number, stamp))


def _retire(store: Store, number: str, stamp: Stamp) -> None:
    if store.clerks.by_number(number) is None:
        raise StoreError(f"There is no clerk {number!r}: see `kiosk clerk list`.")
    store.clerks.retire(number, stamp)


def _row_json(row: ClerkRow) -> dict[str, object]:
    return {
        "number": row.number,
        "name": row.name,
        "role": row.role.value,
        "active": row.active,
        "pin": bool(row.pin_hash),
    }


def _ask_pin() -> str:
    """Ask twice for the PIN: hidden on a terminal, else the first two lines of standard input."""
    question = f"PIN of {PIN_DIGITS} digits"
    if sys.stdin.isatty():
        first = click.prompt(question, hide_input=True, err=True)
        _check_or_exit(lambda: check_pin(first))
        second = click.prompt(f"{question}, once more", hide_input=True, err=True)
    else:
        first, second = (sys.stdin.readline().rstrip("\r\n") for _ in range(2))
    _check_or_exit(lambda: check_pin(first))
    if first != second:
        end("the two PINs are not the same", 2)
    return str(first)


def _hash_pin(path: Path | None, pin: str) -> str:
    """Hash the PIN for the database, with the station's key; ends with 3 when that cannot be read."""
    config = read_config(path, load)
    try:
        return hash_pin(PickupKey.load(config.parcels, config.station.data, os.environ).pins(), pin)
    except CounterRefused as refusal:
        end(str(refusal), 3)


def _check_or_exit(check: Callable[[], T]) -> T:
    try:
        return check()
    except (BadClerk, BadPin) as error:
        end(str(error), 2)


def _with_store(path: Path | None, work: Callable[[Store, Stamp], T]) -> T:
    config = read_config(path, load)
    with opened_store(config) as store:
        return work(store, stamps(config.station)())
