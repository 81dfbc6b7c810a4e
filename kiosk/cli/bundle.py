"""``kiosk bundle``: one file for support, without names, codes and telephone numbers."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import config_option, read_config, settings_path


@click.command()
@config_option
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="The folder to write to; else the data folder."
)
def bundle(path: Path | None, to: Path | None) -> None:
    """Settings without secrets, the doctor's findings, logs and counts in one zip file.

    Exit 0 when it was written, 1 when it was not, 2 on wrong usage.
    """
    from kiosk.config.station import load

    config = read_config(path, load)
    folder = to or config.station.data
    try:
        there = folder.is_dir()
    except OSError as error:
        end(f"{folder} cannot be looked at ({error.strerror}): name another folder with --to.", 1)
    if not there:
        end(f"there is no folder {folder}: name one with --to", 2)
    from kiosk.base.files import chown_to_folder_owner
    from kiosk.cli.doctor.report import full_report
    from kiosk.station.doctor.bundle import Subject, write_bundle
    from kiosk.station.shared.clock import StationClock, metrology, software_id

    running, findings = full_report(config)
    settings_file = settings_path(path)
    moment = StationClock(config.station.zone).now()
    subject = Subject(config.station, settings_file, findings, moment, software_id(), metrology(), running)
    try:
        written = write_bundle(subject, folder)
    except OSError as error:
        end(f"The bundle cannot be written to {folder} ({error.strerror}): name another folder with --to.", 1)
    chown_to_folder_owner(written)
    click.echo(str(written))
