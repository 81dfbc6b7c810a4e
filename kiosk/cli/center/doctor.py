"""``sorting-center doctor``: whether everything of a county's server works, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from kiosk.cli.center.settings_file import check_tables
from kiosk.sorting_center.server.checks import ServerFinding, ServerVerdict, failed
from kiosk.sorting_center.server.doctor import ServerDoctor
from kiosk.sorting_center.server.layout import ServerLayout
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.server.toml_document import BadDocument, TomlDocument


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line a check.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check every part of this server: does it work, why not, and what to do. Exit 1 when something is broken.

    Changes nothing. Needs root.
    """
    found = list(_findings(context))
    broken = any(finding.verdict is ServerVerdict.FAIL for finding in found)
    if as_json:
        click.echo(json.dumps({"ok": not broken, "checks": [asdict(finding) for finding in found]}, ensure_ascii=False))
    else:
        for finding in found:
            click.echo(str(finding))
    raise SystemExit(1 if broken else 0)


def _findings(context: click.Context) -> Iterator[ServerFinding]:
    machine, layout = ServerMachine(), ServerLayout()
    if not machine.is_root():
        yield failed("user", "this is not the administrator", "Type the command with sudo, or as root.")
        return
    try:
        document = TomlDocument.read(layout.settings)
        check_tables(document, context.find_root().command)
    except BadDocument as error:
        yield failed("settings", str(error), f"Edit {layout.settings}, or sorting-center setup when it is missing.")
        return
    yield ServerFinding("settings", ServerVerdict.OK, str(layout.settings))
    yield from ServerDoctor(machine, layout, document.tables).findings()
