"""The technician's page that calibrates the lens: one shot after the other, in every language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.devices.ports import CameraFault
from kiosk.domain.lens import LensRefusal, LensRefused
from kiosk.station.doctor import environment as doctor_place
from kiosk.station.photos.lens_calibration import WAYS, LensCalibration
from kiosk.station.photos.lens_file import LensFile
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES, load
from kiosk.web import roles
from kiosk.web.drawings import known_drawings
from kiosk.web.settings import WebSettings
from kiosk.web.technician import lens as pages
from tests.station.doctor.clinic import Clinic
from tests.station.photos.test_lens import FakeLensCamera
from tests.web.technician.teach_rig import app_of


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr(doctor_place, "_SYSTEMD", tmp_path / "none")
    migrate(tmp_path / "empty.sqlite")
    clinic = Clinic(tmp_path, tmp_path / "empty.sqlite")
    yield clinic
    clinic.store.close()


@pytest.fixture
def file(clinic: Clinic) -> LensFile:
    return LensFile(clinic.settings.data, clinic.config.camera)


@pytest.fixture
def camera(clinic: Clinic, file: LensFile) -> FakeLensCamera:
    camera = FakeLensCamera()
    clinic.equipment.lens = LensCalibration(camera, file, lambda: "2026-11-28")
    return camera


def person(clinic: Clinic, name: str = "technician", language: str = "en") -> FlaskClient:
    client = app_of(clinic, WebSettings(language=language)).test_client()
    client.set_cookie(roles.COOKIE, name)
    return client


def test_only_a_technician_and_only_with_a_camera(clinic: Clinic) -> None:
    assert person(clinic).get(pages.HOME).status_code == 503
    for name in ("clerk", "nobody"):
        other = person(clinic, name)
        assert other.get(pages.HOME).status_code == 403
        for post in pages.POSTS:
            assert other.post(f"{pages.HOME}/{post}").status_code == 403


def test_from_the_first_shot_to_the_row_of_the_doctor(clinic: Clinic, camera: FakeLensCamera, file: LensFile) -> None:
    client = person(clinic)
    assert "not calibrated" in client.get(pages.HOME).text
    assert client.post(f"{pages.HOME}/begin").status_code == 303
    for number, way in enumerate(WAYS, 1):
        page = client.get(pages.HOME).text
        assert f'data-lying="{way.value}"' in page
        assert f'name="number" value="{number}"' in page
        for strange in ("", "0", "x", "99", "²"):
            assert client.post(f"{pages.HOME}/shoot", data={"number": strange}).status_code == 303
        assert client.post(f"{pages.HOME}/shoot", data={"number": str(number)}).status_code == 303
    page = client.get(pages.HOME).text
    assert 'data-known="known"' in page
    assert "0.20" in page
    assert "2.40" in page
    row = next(row for row in clinic.doctor.findings(fresh=True) if row.device == "lens")
    assert (row.word, row.values, row.ok) == ("lens_known", {"day": "2026-11-28"}, True)
    assert client.post(f"{pages.HOME}/forget").status_code == 303
    assert file.known() is None
    file.place.write_bytes(b"{}")
    row = next(row for row in clinic.doctor.findings(fresh=True) if row.device == "lens")
    assert (row.word, row.verdict.value) == ("lens_damaged", "warn")


def test_every_word_is_said_in_every_language_and_every_way_is_drawn(clinic: Clinic, camera: FakeLensCamera) -> None:
    words = [f"why.{word.value}" for word in LensRefusal] + ["why.lost", "why.not_kept"]
    words += [f"refused.{word}" for word in ("busy", "camera_missing", "camera_failed", "not_kept")]
    assert {f"lens-{way.value}" for way in WAYS} <= known_drawings()
    for language in LANGUAGES:
        for word in words:
            assert load(language).text(f"technician.lens.{word}")
        client = person(clinic, language=language)
        client.post(f"{pages.HOME}/begin")
        camera.faults = [LensRefused(LensRefusal.MAT), CameraFault("missing", "gone")]
        client.post(f"{pages.HOME}/shoot", data={"number": "1"})
        assert load(language).text("technician.lens.why.mat") in client.get(pages.HOME).text
        refused = client.post(f"{pages.HOME}/shoot", data={"number": "1"})
        assert refused.status_code == 409
        assert load(language).text("technician.lens.refused.camera_missing") in refused.text
        assert client.post(f"{pages.HOME}/end").status_code == 303
