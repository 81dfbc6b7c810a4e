"""Templates of pages that were compiled lie among the compiled modules: no program that starts compiles them again.

All pages of the sorting center take a second of its processor, those of a station on a Raspberry Pi several.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import jinja2
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

_DIGEST_BYTES: Final = 32


class CompiledTemplates(BytecodeCache):
    """Where nothing can be written, as on a read-only root, or an entry is damaged, templates are compiled again."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self._folder = folder
        blanks = f"{environment.trim_blocks:d}{environment.lstrip_blocks:d}"
        self._ending = f".{sys.implementation.cache_tag}-jinja2-{jinja2.__version__}-{blanks}.pyc"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Name the file, independent of where the program is installed."""
        return name.replace("/", ".") + self._ending

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a compiled template, unless damaged or made of another text. Jinja calls it for each template."""
        with suppress(OSError):
            cached = (self._folder / bucket.key).read_bytes()
            if cached[:_DIGEST_BYTES] == sha256(cached[_DIGEST_BYTES:]).digest():  # marshal trusts what it reads
                bucket.bytecode_from_string(cached[_DIGEST_BYTES:])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store a compiled template. Jinja calls it for each that could not be loaded."""
        if sys.dont_write_bytecode:
            return
        compiled = bucket.bytecode_to_string()
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            with NamedTemporaryFile(dir=self._folder, delete=False) as file:
                new = Path(file.name)
                try:
                    file.write(sha256(compiled).digest() + compiled)
                    file.close()
                    new.chmod(0o644)
                    new.replace(self._folder / bucket.key)
                except OSError:
                    new.unlink()


def use_compiled_cache(environment: Environment, application: str) -> None:
    """Use compiled templates from now on; ``application`` is the folder of its modules and templates."""
    environment.bytecode_cache = CompiledTemplates(Path(application) / "__pycache__", environment)
