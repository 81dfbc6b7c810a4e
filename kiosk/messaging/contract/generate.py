"""Write the documents of the feed: ``python -m kiosk.messaging.contract.generate docs/feed``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kiosk.messaging.contract.asyncapi import document
from kiosk.messaging.contract.schemas import all_schemas


def build_files() -> dict[str, str]:
    schemas = {f"schemas/{name}.json": schema for name, schema in all_schemas().items()}
    files = {"asyncapi.json": document(), **schemas}
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in files.items()}


def main(arguments: list[str]) -> int:
    """Write all files into the folder named by the only argument; 2 on wrong usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m kiosk.messaging.contract.generate FOLDER\n")
        return 2
    for path, text in build_files().items():
        place = Path(arguments[0]) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
