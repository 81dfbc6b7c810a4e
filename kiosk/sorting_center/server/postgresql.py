"""The role and the database of the sorting center in PostgreSQL on this machine."""

from __future__ import annotations

import secrets
from typing import Final

from kiosk.sorting_center.server.certificates import SECRET_MODE
from kiosk.sorting_center.server.layout import USER, ServerLayout
from kiosk.sorting_center.server.machine import ServerMachine

MIN_VERSION: Final = 150_000
_HOST, _PORT = "127.0.0.1", 5432
_AS_POSTGRES: Final = ("runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1")
# The password is in no log: neither the statement nor its errors are written.
_SQL: Final = """\
SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET password_encryption = 'scram-sha-256';
SELECT 'CREATE ROLE "{user}"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{user}') \\gexec
ALTER ROLE "{user}" LOGIN PASSWORD '{password}';
SELECT 'CREATE DATABASE "{user}" OWNER "{user}" TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{user}') \\gexec
"""


class PostgresqlDatabase:
    def __init__(self, machine: ServerMachine, layout: ServerLayout) -> None:
        self._machine, self._file = machine, layout.pgpass
        self.url = f"postgresql://{USER}@{_HOST}:{_PORT}/{USER}"

    def problem(self) -> str:
        """Return why no database can be made here; "" when one can."""
        done = self._machine.run(_AS_POSTGRES, "SHOW server_version_num;\n")
        if done.code != 0:
            return done.reason
        version = done.output.strip()
        return "" if version.isdecimal() and int(version) >= MIN_VERSION else f"its version {version} is below 15"

    def create(self) -> bool:
        """Create user and database if missing; return whether anything changed. Raises OSError."""
        changed = not self._file.exists()
        if changed:
            row = f"{_HOST}:{_PORT}:{USER}:{USER}:{secrets.token_hex(32)}\n"
            self._machine.write(self._file, row.encode("ascii"), SECRET_MODE)
        elif not self.refusal():
            return False
        sql = _SQL.format(user=USER, password=self.environ()["PGPASSWORD"])
        done = self._machine.run(_AS_POSTGRES, sql)
        reason = done.reason if done.code != 0 else self.refusal()
        if reason:
            raise OSError(f"PostgreSQL refuses the sorting center: {reason}; systemctl status postgresql")
        return True

    def environ(self) -> dict[str, str]:
        return {"PGPASSWORD": self._file.read_text("ascii").strip().rpartition(":")[2]}

    def refusal(self) -> str:
        """Return why the sorting center cannot sign in; "" when it can."""
        done = self._machine.run(["psql", "-XqAt", "--no-password", "-c", "SELECT 1", self.url], "", self.environ())
        return done.reason if done.code != 0 else ""
