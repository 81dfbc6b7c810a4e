"""Which program this is: the receipt names its version and the digits of what is legally relevant."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import version
from pathlib import Path

import kiosk.domain
from kiosk.domain.metrology.software import metrology_id
from kiosk.station.shared import clock as software

DOMAIN = Path(kiosk.domain.__path__[0])


def test_the_software_names_its_version() -> None:
    assert software.software_id() == f"station-kiosk/{version('station-kiosk')}"


def test_the_metrology_digits_follow_the_content_of_every_legally_relevant_file() -> None:
    sources = {name: (DOMAIN / name).read_bytes() for name in software.LEGALLY_RELEVANT}
    shown = software.metrology()
    assert re.fullmatch(r"1\+[0-9a-f]{8}", shown)
    assert shown == metrology_id(sources)
    for name, content in sources.items():
        assert metrology_id({**sources, name: content + b"#"}) != shown
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name} {len(sources[name])}\n".encode() + sources[name])
    assert shown == f"1+{digest.hexdigest()[:8]}"


def test_no_file_of_the_metrology_package_is_forgotten() -> None:
    there = {f"metrology/{path.name}" for path in (DOMAIN / "metrology").glob("*.py") if path.name != "__init__.py"}
    assert there <= set(software.LEGALLY_RELEVANT)
