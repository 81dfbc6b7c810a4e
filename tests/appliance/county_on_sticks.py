"""A county that no cable leads to: its identities, then goods, prices and people in a signed document, on sticks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.domain.telephone_pin import answer
from kiosk.messaging.contract.configuration import FOLDER as DOCUMENTS
from kiosk.sorting_center.configuration.keys import load_key
from kiosk.sorting_center.configuration.rendering import CountyRendering
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.documents import PartsOfStation
from tests.appliance.paper import code_on
from tests.sorting_center.test_identity_command import Office

REGION: Final = "yarkant"


class CountyOnSticks:
    """An office with the authority that makes both; ``kit_key`` is the line by which stations make recovery kits."""

    def __init__(self, folder: Path, kit_key: str) -> None:
        folder.mkdir()
        self._folder, self._office = folder, Office(folder)
        (self._office.keys / "kit.pub").write_text(f"{kit_key}\n", encoding="ascii")

    def _done(self, *words: str) -> None:
        result = self._office.call(*words)
        assert result.exit_code == 0, result.output

    def make_identities(self, stations: int, *options: str) -> Path:
        """Of the first so many stations: what goes to the top of the stick."""
        self._office.expect(*range(1, stations + 1), village="Tagharchi")
        made = self._office.make("--all-without", *options, out="identities")
        assert made.exit_code == 0, made.output
        return self._folder / "identities" / FOLDER

    def code_of(self, station: str) -> str:
        """The digits on its paper."""
        return code_on(self._folder / "identities/papers" / f"{station}.pdf").digits

    def publish(self, **sheets: str) -> None:
        """The rows of each sheet, as a spreadsheet saves them."""
        for name, text in sheets.items():
            file = self._folder / f"{name}.csv"
            file.write_text(text, encoding="utf-8")
            self._done("prices", "import", str(file), "--sheet", name)
        self._done("prices", "publish", "--alone")

    def make_document(self, station: str) -> Path:
        """The newest one of a station: what goes to the top of the stick."""
        begun, key, out = time.monotonic(), self._folder / "configuration.key", self._folder / "stick"
        phrase = ("--pass-phrase-file", str(self._office.phrase))
        self._done("configuration", "key", "--authority", str(self._office.keys), *phrase, "--file", str(key))
        with CenterDesk.open(self._office.url) as desk:
            number, rows = desk.book.in_force(REGION)
            made = PartsOfStation(station, CountyRendering(rows).parts(station, ""))
            desk.documents.issue(load_key(key), number, [made], datetime.now(UTC))
        self._done("configuration", "stick", station, "--out", str(out))
        print(f"the document of {station}: {time.monotonic() - begun:.1f} s")
        return out / DOCUMENTS

    def pin_answer(self, station: str, number: str, challenge: str) -> str:
        """What the office reads out to somebody who has no PIN."""
        with CenterDesk.open(self._office.url) as desk:
            secret = desk.certificates.pin_secret(REGION, station)
        assert secret is not None
        return answer(secret, station, number, challenge)
