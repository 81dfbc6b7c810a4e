"""How both programs say on standard error, in one line, what is wrong (with an exit code) and how far they are."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final, NoReturn, TypeVar

import click

from kiosk.base.loading import loading

T = TypeVar("T")

Progress = Callable[[int], None]  # Is called with the number of things done so far

_INTERVAL_S: Final = 1.0


def end(text: str, status: int) -> NoReturn:
    click.echo(text, err=True)
    raise SystemExit(status)


def load_command(place: str, extra: str) -> click.Command:
    """Load the command at ``module:name``. Raises ClickException where a needed library is not installed."""
    module, _, name = place.partition(":")
    try:
        with loading():
            command: click.Command = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'station-kiosk[{extra}]'") from error
    return command


class OneLineGroup(click.Group):
    """The top of a program: what is wrong with a call is one line, where click would print the usage above it."""

    speaker = "Error"
    aborted = "Aborted!"
    # Where each command is, ``module:name``: a module is loaded when its command is named. In the order of the help.
    lazy: ClassVar[Mapping[str, str]] = {}
    extra = ""  # Of pyproject.toml: what the program is installed with

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load_command(self.lazy[cmd_name], self.extra) if cmd_name in self.lazy else None

    def main(self, *args: object, **kwargs: object) -> Any:
        """Run the command line; does not return, unless ``standalone_mode`` is off."""
        if kwargs.pop("standalone_mode", True) is False:
            return super().main(*args, standalone_mode=False, **kwargs)  # type: ignore[call-overload]
        try:
            code = super().main(*args, standalone_mode=False, **kwargs)  # type: ignore[call-overload]
        except click.ClickException as error:
            end(f"{self.speaker}: {self.line(error)}", error.exit_code)
        except click.Abort:
            if self.aborted:
                click.echo(self.aborted, err=True)
            raise SystemExit(1) from None
        raise SystemExit(code if isinstance(code, int) else 0)

    def line(self, error: click.ClickException) -> str:
        """Return the message on one line; for a call without a command, where the commands are listed."""
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            path = error.ctx.command_path if error.ctx is not None else self.name
            return f"Missing command: see '{path} --help'."
        return " ".join(error.format_message().split())


@contextmanager
def on_signal(handle: Callable[[], object]) -> Iterator[None]:
    """Call ``handle`` for SIGINT and SIGTERM."""
    before = {number: signal.signal(number, lambda *_: handle()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def no_progress(_done: int) -> None: ...


@contextmanager
def progress(label: str, unit: str = "", interval_s: float = _INTERVAL_S) -> Iterator[Progress]:
    """Keep one line with the time and the number of ``unit`` on standard error up to date; remove it at the end.

    Without a terminal at standard error, nothing is written.
    """
    if not sys.stderr.isatty():
        yield no_progress
        return
    done, began, over = [0], time.monotonic(), threading.Event()

    def show() -> None:
        while not over.wait(interval_s):
            minutes, seconds = divmod(int(time.monotonic() - began), 60)
            count = f", {done[0]:,} {unit}" if done[0] else ""
            sys.stderr.write(f"\r\x1b[K{label}: {minutes}:{seconds:02d}{count}")
            sys.stderr.flush()

    def count(number: int) -> None:
        done[0] = number

    thread = threading.Thread(target=show, name="progress", daemon=True)
    thread.start()
    try:
        yield count
    finally:
        over.set()
        thread.join()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def counted(items: Iterable[T], show: Progress) -> Iterator[T]:
    for number, item in enumerate(items, 1):
        yield item
        show(number)
