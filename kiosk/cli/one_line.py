"""How both programs say what is wrong: one line on standard error, and an exit code."""

from __future__ import annotations

from typing import Any, NoReturn

import click


def end(text: str, status: int) -> NoReturn:
    """Say it and end with that exit code."""
    click.echo(text, err=True)
    raise SystemExit(status)


class OneLineGroup(click.Group):
    """The top of a program: what is wrong with a call is one line, where click would print the usage above it."""

    speaker = "Error"
    aborted = "Aborted!"

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
        """Its message without line breaks; of a call without a command, where the commands are listed."""
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            path = error.ctx.command_path if error.ctx is not None else self.name
            return f"Missing command: see '{path} --help'."
        return " ".join(error.format_message().split())
