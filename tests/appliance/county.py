"""A county that makes identities for its stations, with the papers that open them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.cli.kiosk import main
from kiosk.cli.provision import folder as provision_folder
from kiosk.cli.provision.paper import paper_pdf
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import StationIdentity
from tests.messaging.authority import Authority

COLUMNS = ("station", "region", "village", "broker_url", "cert_file", "key_file", "ca_file")


class County:
    """Its list, and what it made of it; ``codes`` are those on the papers, ``folder`` is for the stick.

    ``more``: columns that are the same for every station.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, stations: int, **more: str) -> None:
        self.codes: dict[str, str] = {}

        def noted(identity: StationIdentity, code: PaperCode) -> bytes:
            self.codes[identity.station] = code.digits
            return paper_pdf(identity, code)

        monkeypatch.setattr(provision_folder, "paper_pdf", noted)
        authority, rows = Authority(folder), [",".join((*COLUMNS, *more))]
        for number in range(1, stations + 1):
            station = f"S{number:04}"
            certificate, key = authority.issue(station)
            files = f"{certificate.name},{key.name},{authority.file.name}"
            row = f"{station},yarkant,Village {number},mqtts://center.example:8883,{files}"
            rows.append(",".join((row, *more.values())))
        (folder / "stations.csv").write_text("\n".join(rows), encoding="utf-8")
        begun = time.monotonic()
        made = CliRunner().invoke(main, ["provision", str(folder / "stations.csv"), "--out", str(folder / "made")])
        assert made.exit_code == 0, made.output
        print(f"{stations} identities and papers: {time.monotonic() - begun:.1f} s")
        self.folder = folder / "made" / FOLDER
