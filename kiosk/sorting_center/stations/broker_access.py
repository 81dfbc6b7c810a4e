"""Who may do what at Mosquitto, by its dynamic security plugin: the plugin's first file."""

from __future__ import annotations

import json


def initial_document(password: str) -> bytes:
    return json.dumps({"clients": [{"username": "sorting-center", "password": password}]}).encode()
