"""``sorting-center restore``: a lost server comes back on a bare machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.center.kit import parse_private_key, private_key
from kiosk.cli.center.people import audited_desk
from kiosk.cli.center.secrets import prompt_password, read_secret
from kiosk.cli.shared.one_line import end, progress
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.server.answers import ServerAnswers, SetupSecrets, read_answers
from kiosk.sorting_center.server.backup import SEALED, Convert, ServerFiles
from kiosk.sorting_center.server.checks import ServerVerdict, preconditions
from kiosk.sorting_center.server.layout import COMMAND, USER, ServerLayout
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.server.postgresql import PostgresqlDatabase
from kiosk.sorting_center.server.restore import checked_backup, put_configuration, put_ledger, put_photographs
from kiosk.sorting_center.server.setup import ServerSetup, SetupFailed
from kiosk.sorting_center.server.toml_document import TomlDocument
from kiosk.sorting_center.stations.authority import CountyAuthority
from kiosk.store.shared.age_file import unseal_stream
from kiosk.store.shared.errors import StoreError


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--pass-phrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds the pass phrase of the authority, and nothing else. Without it the command asks.",
)
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The county's private key for an encrypted backup, when that holds it not itself under the same pass phrase.",
)
@click.option("--accept-host", is_flag=True, help="Go on although the name of the server does not resolve here.")
@clear_errors
def restore(folder: Path, pass_phrase_file: Path | None, key_file: Path | None, accept_host: bool) -> None:
    """Make the server of the newest backup in FOLDER of this machine, on which only the package is installed.

    FOLDER may also be one backup in it. Everything is checked before anything is written. Can be killed and begun
    again. Never replaces a ledger that is not empty. Ends with what the doctor finds, and with its status.
    """
    layout, machine = ServerLayout(), ServerMachine()
    with progress("checking the backup"):
        backup, manifest = checked_backup(folder)
    phrase = read_secret(pass_phrase_file) if pass_phrase_file is not None else prompt_password(known=True)
    try:
        unseal = opener(backup, phrase, key_file)
        for line in ServerRestore(layout, machine, backup, phrase, unseal).steps(accept_host=accept_host):
            click.echo(line)
    except (SetupFailed, StoreError, ValueError, OSError) as error:
        end(f"{PROGRAM}: {error}\n{PROGRAM}: not finished: type the same command again when that is mended", 1)
    click.echo(f"The server of {manifest.made_at} is back, with {manifest.events} events. Stations send what is newer.")
    found = machine.run([COMMAND, "doctor"])
    click.echo(found.output + found.errors)
    raise SystemExit(found.code)


def opener(backup: Path, phrase: str, key_file: Path | None) -> Convert | None:
    """Return the decryption, after trying it on each encrypted file. Raises KitRefused, NotOpened, OSError."""
    sealed, own = list(backup.glob(f"*{SEALED}")), backup / "authority" / "kit.key"
    if not sealed:
        return None
    key = private_key(key_file) if key_file is not None else parse_private_key(own.read_bytes(), lambda: phrase, own)
    unseal = partial(unseal_stream, private=key.private_bytes_raw())
    for path in sealed:
        with path.open("rb") as closed, Path(os.devnull).open("wb") as nowhere:
            unseal(closed, nowhere)
    return unseal


@dataclass(frozen=True, slots=True)
class ServerRestore:
    """``unseal`` opens what is encrypted in the backup."""

    layout: ServerLayout
    machine: ServerMachine
    backup: Path
    phrase: str
    unseal: Convert | None = None

    def steps(self, *, accept_host: bool) -> Iterator[str]:
        """Restore the server; yield what was checked and done. Raises SetupFailed, BadDocument, BadAuthority,
        BadPassPhrase, Refused, LedgerError, DeskError, OSError.
        """
        authority = self.backup / "authority"
        certificate, key = ((authority / f"authority.{kind}").read_text() for kind in ("crt", "key"))
        CountyAuthority.open(certificate, key, self.phrase)
        answers = ServerAnswers(**read_answers(TomlDocument.read(self.backup / "answers.toml")))
        secret = SetupSecrets(self.phrase, "")
        for finding in preconditions(self.machine, self.layout, answers, secret, accept_host=accept_host):
            if finding.name != "administrator":  # It comes from the backup, with its password
                yield str(finding)
                if finding.verdict is ServerVerdict.FAIL:
                    raise SetupFailed("nothing was changed")
        put_configuration(self.backup, self.layout.settings.parent)
        making = ServerSetup(self.machine, self.layout, answers, secret, lambda _: (b"", ""))
        for name, is_new in making.steps(lambda: self._bring_data(answers)):
            yield f"{'made' if is_new else 'there'}  {name}"

    def _bring_data(self, answers: ServerAnswers) -> bool:
        self.machine.run(["systemctl", "stop", "sorting-center*"])  # The last step of the set-up starts them
        if answers.database == "postgresql":
            os.environ.update(PostgresqlDatabase(self.machine, self.layout).environ())
        settings = TomlDocument.read(self.layout.settings).tables
        target = ServerFiles(settings["ledger"], self.layout.settings.parent, Path(settings["photos_dir"]))
        is_new = put_ledger(self.backup, target, self.unseal)
        if self.unseal is not None:
            with audited_desk(target.ledger_url, AuditAction.KEY_TRIED, self.backup.name):
                pass
        for name in put_photographs(self.backup, target.photographs):
            click.echo(f"{PROGRAM}: the photograph {name} is missing or damaged in the backup", err=True)
        self.machine.run(["chown", "-R", f"{USER}:{USER}", str(self.layout.data), str(target.photographs)])
        return is_new
