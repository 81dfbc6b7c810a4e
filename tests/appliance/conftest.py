"""What `make appliance` looks at: whole systems, installed and booted. No other run collects it."""

from __future__ import annotations

from tests.depth import APPLIANCE

collect_ignore_glob = [] if APPLIANCE else ["test_*.py"]
