"""``sorting-center kit``: the county's key for recovery kits and backups, and what it opens."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kiosk.base.files import atomic_writer, open_regular, write_durably
from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.center.secrets import prompt_password
from kiosk.cli.shared.one_line import end
from kiosk.domain.paper_code import PaperCode
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.kit_files import read_kit, write_folder
from kiosk.store.backup.kit.sealing import open_as_county, seal_to_code
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.shared.age_file import NotOpened, unseal_stream

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

_MODE: Final = 0o600
_MAX_KEY_BYTES: Final = 8 * 1024
_file = click.Path(path_type=Path, dir_okay=False)
_key_option = click.option("--key", "key_file", required=True, type=_file, help="The county's private key.")
_ledger_option = click.option(
    "--ledger", "url", default="", metavar="URL", help="Of the center: it notes that the key was tried."
)


@click.group()
def kit() -> None:
    """Recovery kits and backups, encrypted to the county: its key for them, and what opens them."""


@kit.command("new-key")
@click.argument("file", type=_file)
@click.option("--without-phrase", is_flag=True, help="No pass phrase: for a disk that is encrypted itself.")
def new_key(file: Path, without_phrase: bool) -> None:
    """Make the county's pair of keys: the private one into FILE (mode 0600), under a pass phrase that is asked for.

    Prints the public one, kit1-..., for the list of stations, and writes it into FILE.pub too. FILE itself belongs on
    no station.
    """
    public = file.with_name(f"{file.name}.pub")
    for path in (file, public):
        if os.path.lexists(path):
            end(f"{PROGRAM}: {path} is there already, and a county's key is never written over", 2)
    pem, text = sealed_pair(None if without_phrase else prompt_password())
    try:
        write_durably(file, pem, _MODE)
        write_durably(public, f"{text}\n".encode("ascii"))
    except OSError as error:
        end(f"{PROGRAM}: {error.filename or file} cannot be written: {error.strerror or error}", 1)
    click.echo(text)


def sealed_pair(phrase: str | None) -> tuple[bytes, str]:
    """Generate a private key, encrypted with the pass phrase, and its public one."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    private = X25519PrivateKey.generate()
    under: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if phrase is not None:
        under = serialization.BestAvailableEncryption(phrase.encode())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, under)
    return pem, CountyKey(private.public_key().public_bytes_raw()).text


@kit.command("open")
@click.argument("file", type=_file)
@_key_option
@click.option("--paper", type=_file, help="Write the kit to this file, for a paper code that is printed here once.")
@click.option("--folder", type=click.Path(path_type=Path), help="Write what is in it into this new folder (0700).")
@_ledger_option
@clear_errors
def open_kit(file: Path, key_file: Path, paper: Path | None, folder: Path | None, url: str) -> None:
    """Open the recovery kit FILE for the technician who makes the new card. Asks for the pass phrase of the key.

    FILE is not changed. The paper code and the new file travel on two ways, and both are destroyed afterwards.
    """
    if (paper is None) == (folder is None):
        end(f"{PROGRAM}: give --paper FILE or --folder FOLDER", 2)
    try:
        opened = open_as_county(read_kit(file), private_key(key_file))
        if folder is not None:
            write_folder(opened, folder)
            click.echo(f"The kit of station {opened.station} of {opened.region} lies open in {folder}: guard it.")
        elif paper is not None:
            code = PaperCode.generate(secrets.randbelow)
            write_durably(paper, seal_to_code(opened, code), _MODE)
            click.echo(f"The kit of station {opened.station} of {opened.region} is in {paper}. Its paper code, once:")
            click.echo(" ".join(code.groups))
    except (KitRefused, OSError) as error:
        end(f"{PROGRAM}: {error}", 1)
    _note_trial(url, file)


@kit.command("decrypt")
@click.argument("file", type=_file)
@_key_option
@click.option("--out", required=True, type=_file, help="The new file (0600).")
@_ledger_option
@clear_errors
def decrypt(file: Path, key_file: Path, out: Path, url: str) -> None:
    """Open the encrypted FILE of a backup, of a station or of the center. Asks for the pass phrase of the key.

    FILE is not changed, and nothing is left of one that does not open.
    """
    if os.path.lexists(out):
        end(f"{PROGRAM}: {out} is there already: give another name", 2)
    try:
        private = private_key(key_file).private_bytes_raw()
        with open_regular(file) as source, atomic_writer(out, _MODE) as target:
            unseal_stream(source, target, private)
    except NotOpened:
        end(f"{PROGRAM}: {file} does not open: it is encrypted to another key, or it was changed or cut off", 1)
    except (KitRefused, OSError) as error:
        end(f"{PROGRAM}: {error}", 1)
    click.echo(f"{file} lies open in {out}: guard it, and delete it afterwards.")
    _note_trial(url, file)


def _note_trial(url: str, file: Path) -> None:
    """Record in the audit that the key was tried, for the case `key_untried`."""
    if url:
        from kiosk.cli.center.people import audited_desk

        with audited_desk(url, AuditAction.KEY_TRIED, file.name):
            pass


def private_key(file: Path) -> X25519PrivateKey:
    """Read the private key. Raises KitRefused, also when others can read the file, and OSError."""
    if file.stat().st_mode & 0o077:
        raise KitRefused(f"The key {file} can be read by others: chmod 600 {file}, and see who had it.")
    with file.open("rb") as opened:
        pem = opened.read(_MAX_KEY_BYTES)
    return parse_private_key(pem, lambda: prompt_password(known=True), file)


def parse_private_key(pem: bytes, phrase: Callable[[], str], file: Path) -> X25519PrivateKey:
    """Parse the key; ``phrase`` is called only for an encrypted one. Raises KitRefused."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(pem, phrase().encode() if b"BEGIN ENCRYPTED PRIVATE KEY" in pem else None)
    except (ValueError, TypeError):
        raise KitRefused(f"The key {file} does not open: another pass phrase, or no key of kits.") from None
    if not isinstance(private, X25519PrivateKey):
        raise KitRefused(f"{file} is a key of another kind: take the one that kit new-key made.")
    return private
