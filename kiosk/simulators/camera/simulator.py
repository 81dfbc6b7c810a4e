"""A camera above the photo mat that writes what it sees as ``scene.jpg``: the real file adapter reads it unchanged.

Fault words as in ``kiosk.simulators.shared.faults``. ``scene NAME`` puts other goods down and leaves a healthy camera:
lit, in focus, nobody in the picture. The words that spoil a picture, ``blur`` to ``face``, add to the scene there.
``freeze`` keeps the picture whatever happens before the lens; like a real frozen camera it must be unplugged, and the
next scene word plugs it in again.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path

from kiosk.simulators.camera.scenes import SCENES, SceneView, draw_view
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault

FILE_NAME = "scene.jpg"
_QUALITY = 92


class CameraSimulator:
    """Writes ``directory/scene.jpg`` at once and after each command, always whole; safe to call from any thread.

    A picture takes some tenths of a second to draw. Equal seeds give equal pictures.
    """

    def __init__(self, directory: Path, scene: str = "badam", seed: int = 0) -> None:
        self._file = directory / FILE_NAME
        self._seed = seed
        self._lock = threading.Lock()
        self._view = SceneView(scene)
        self._frozen = False
        self._plugged = True
        directory.mkdir(parents=True, exist_ok=True)
        self.command(f"scene {scene}")

    @property
    def path(self) -> Path:
        """The picture, for ``CameraSettings(kind="file", path=...)``; absent while unplugged."""
        return self._file

    @property
    def state(self) -> str:
        """One line for a bench page: the scene, then whatever is wrong."""
        if not self._plugged:
            return "unplugged"
        return " ".join([self._view.scene, *self._view.faults, *(["frozen"] if self._frozen else [])])

    def command(self, text: str) -> None:
        """Carry out one fault word, like ``scene walnut``; raises BadFaultWord, which names what is allowed."""
        word, argument = parse_fault("camera", text)
        if word == "scene" and argument not in SCENES:
            raise BadFaultWord(f"camera scene {argument!r} is not one of: {', '.join(SCENES)}")
        with self._lock:
            if word == "unplug":
                self._plugged = self._frozen = False
                self._file.unlink(missing_ok=True)
            elif word == "freeze":
                self._frozen = True
            else:
                self._view = SceneView(argument) if word == "scene" else self._view.spoilt(word)
                self._plugged = self._plugged or word == "scene"
                if self._plugged and not self._frozen:
                    part = self._file.with_suffix(".part")
                    part.write_bytes(_picture(self._view, self._seed))
                    part.replace(self._file)


@lru_cache(maxsize=16)  # of half a megabyte: the goods of a demonstration come again and again
def _picture(view: SceneView, seed: int) -> bytes:
    import cv2

    written, data = cv2.imencode(".jpg", draw_view(view, seed), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not written:
        raise OSError("OpenCV could not encode the scene")
    return data.tobytes()
