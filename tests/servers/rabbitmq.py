"""Real RabbitMQ nodes on free loopback ports: one, or a cluster.

A node costs some ten seconds of a processor to start: the tests of one worker process share it, and each test takes
a virtual host of its own. As root the nodes run as an unprivileged user, in folders of their own. They have an epmd
of their own, and all of it dies with the process that started it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from kiosk.sorting_center.ingest.amqp import queues
from tests.messaging.ports import claimed_port, wait_for_listener

USER: Final = "center"
PASSWORD: Final = "loopback"
_START_S: Final = 600.0
"""Three seconds of processor; beside thirty programs that want one, four minutes were not enough."""
VHOSTS: Final = 24
"""Made with the node: none of its own commands is needed afterwards, each of which would start another Erlang."""

SETTLED: Final = "settled"
"""The virtual host whose queues are made with the node: a quorum queue of RabbitMQ 4.0 that is killed within two
seconds of its making never comes back."""

_PROGRAM: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_PLUGINS: Final = ("rabbitmq_mqtt",)
_UNPRIVILEGED: Final = ("rabbitmq", "nobody")
_STOP_S: Final = 30.0
_CONFIG: Final = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
mqtt.max_session_expiry_interval_seconds = 86400
log.console = true
log.console.level = info
log.file = false
load_definitions = {definitions}
cluster_partition_handling = pause_minority
disk_free_limit.absolute = 50MB
"""


@dataclass(frozen=True, slots=True)
class Vhost:
    """One test's part of a node."""

    name: str
    amqp_port: int
    mqtt_port: int

    @property
    def amqp_url(self) -> str:
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.amqp_port}/{self.name}"

    @property
    def mqtt_url(self) -> str:
        """Its user name says which virtual host."""
        return f"mqtt://{self.name}%3A{USER}:{PASSWORD}@127.0.0.1:{self.mqtt_port}"

    @property
    def mqtt_user(self) -> str:
        return f"{self.name}:{USER}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a node is started with; the parts that are not given are the test's own."""

    config: str = ""
    """Instead of the test's own; ``{amqp}``, ``{mqtt}`` and ``{definitions}`` stand for the node's."""
    definitions: Mapping[str, object] | None = None
    plugins: Sequence[str] = _PLUGINS
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files the configuration names by these paths: the node gets copies of its own."""


def password_hash(password: str) -> str:
    """As RabbitMQ keeps it: a salt of four bytes, then SHA-256 of salt and password."""
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def intake_definitions(vhost: str) -> dict[str, list[dict[str, object]]]:
    """The queues of a sorting center that takes in all regions, as RabbitMQ's definitions write them."""
    exchange = {"name": queues.DEAD, "vhost": vhost, "type": "fanout", "durable": True, "auto_delete": False}
    durable = {"vhost": vhost, "durable": True, "auto_delete": False}
    bound = {"vhost": vhost, "destination_type": "queue", "arguments": {}}
    return {
        "exchanges": [{**exchange, "internal": False, "arguments": {}}],
        "queues": [
            {"name": queues.DEAD, **durable, "arguments": dict(queues.DEAD_ARGUMENTS)},
            {"name": queues.ALL, **durable, "arguments": dict(queues.INTAKE_ARGUMENTS)},
        ],
        "bindings": [
            {"source": queues.DEAD, "destination": queues.DEAD, "routing_key": "", **bound},
            {
                "source": queues.TOPICS,
                "destination": queues.ALL,
                "routing_key": queues.intake_queues(())[queues.ALL],
                **bound,
            },
        ],
    }


def vhost_definitions(names: Sequence[str]) -> dict[str, list[dict[str, object]]]:
    """Virtual hosts, and a user who may do everything in them."""
    everything = {"user": USER, "configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [{"name": USER, "password_hash": password_hash(PASSWORD), "tags": ["administrator"]}],
        "vhosts": [{"name": name} for name in names],
        "permissions": [{**everything, "vhost": name} for name in names],
    }


def own_definitions() -> dict[str, list[dict[str, object]]]:
    """What a node is started with unless it is told else."""
    names = ["/", SETTLED, *(f"t{number}" for number in range(1, VHOSTS + 1))]
    return {**vhost_definitions(names), **intake_definitions(SETTLED)}


class _Account:
    """Who runs the servers: this user, or an unprivileged one when this one is root."""

    def __init__(self) -> None:
        found = None
        if os.geteuid() == 0:
            known = {entry.pw_name: entry for entry in pwd.getpwall()}
            found = next(known[name] for name in _UNPRIVILEGED if name in known)
        self._entry = found

    def own(self, path: Path) -> None:
        if self._entry is not None:
            os.chown(path, self._entry.pw_uid, self._entry.pw_gid)

    @property
    def prefix(self) -> list[str]:
        """Put before a command: it ends when this process does, however that is."""
        command = ["setpriv", "--pdeathsig", "KILL"]
        if self._entry is not None:
            command += [f"--reuid={self._entry.pw_uid}", f"--regid={self._entry.pw_gid}", "--clear-groups"]
        return [*command, "--"]


class _Node:
    """One node; its ports are its own from the beginning to `close`."""

    def __init__(self, number: int, base: Path, account: _Account, epmd_port: int, log: Path) -> None:
        self._claims = ExitStack()
        self.amqp_port, self.mqtt_port, self._dist_port = (self._claims.enter_context(claimed_port()) for _ in range(3))
        self.name = f"rabbit{number}@localhost"
        self.folder = base / f"node{number}"
        self._account, self._epmd_port, self._log = account, epmd_port, log
        self._process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir()
        account.own(self.folder)

    @property
    def pid(self) -> int:
        """Raises RuntimeError while it does not run."""
        if self._process is None:
            raise RuntimeError("the node does not run")
        return self._process.pid

    def configure(self, setup: Setup, cluster: str) -> None:
        definitions = self._write("definitions.json", json.dumps(setup.definitions or own_definitions()))
        ports = {"amqp": self.amqp_port, "mqtt": self.mqtt_port, "definitions": definitions}
        config = (setup.config or _CONFIG).format(**ports) + cluster
        for path, file in setup.files.items():
            config = config.replace(path, str(self._write(file.name, file.read_text())))
        self._write("rabbitmq.conf", config)
        self._write("enabled_plugins", f"[{','.join(setup.plugins)}].\n")
        cookie = self._write(".erlang.cookie", "OFTHISTESTALONE")
        cookie.chmod(0o400)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        self._account.own(path)
        return path

    def launch(self) -> None:
        """Begin to start it; `wait_until_ready` is the other half."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._account.prefix, str(_PROGRAM)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
            )

    def wait_until_ready(self) -> None:
        for port in (self.mqtt_port, self.amqp_port):  # in the order in which it opens them
            wait_for_listener(port, _START_S)

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RUNNING_UNDER_SYSTEMD": "true",  # the Erlang is the process itself, and no child of a shell
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
            ),
        }

    def kill(self) -> None:
        """SIGKILL: nothing is finished."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """In good order."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        self.kill()
        self._claims.close()


class RabbitMQ:
    """Use as a context manager: running from its start to its end."""

    def __init__(self, log_folder: Path, nodes: int = 1, setup: Setup | None = None) -> None:
        """``log_folder`` takes what the nodes say; their data is elsewhere, where the unprivileged user may go."""
        self._account = _Account()
        self._stack = ExitStack()
        self._base = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        self._stack.callback(shutil.rmtree, self._base, ignore_errors=True)
        self._base.chmod(0o755)
        self._epmd_port = self._stack.enter_context(claimed_port())
        self._epmd: subprocess.Popen[bytes] | None = None
        self._vhosts = iter(range(1, VHOSTS + 1))
        self.log = log_folder / "rabbitmq.log"
        self.nodes = tuple(
            _Node(number, self._base, self._account, self._epmd_port, self.log) for number in range(1, nodes + 1)
        )
        cluster = "cluster_formation.peer_discovery_backend = classic_config\n" if nodes > 1 else ""
        for number, node in enumerate(self.nodes, 1) if nodes > 1 else ():
            cluster += f"cluster_formation.classic_config.nodes.{number} = {node.name}\n"
        for node in self.nodes:
            node.configure(setup or Setup(), cluster)

    def __enter__(self) -> Self:
        self._epmd = subprocess.Popen(
            [*self._account.prefix, "/usr/bin/epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_listener(self._epmd_port)
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.close()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
        self._stack.close()

    def settled(self, node: int = 0) -> Vhost:
        """The one for a test that kills nodes."""
        where = self.nodes[node]
        return Vhost(SETTLED, where.amqp_port, where.mqtt_port)

    def vhost(self, node: int = 0) -> Vhost:
        """One that no test has had yet; raises StopIteration when all are used up."""
        where = self.nodes[node]
        return Vhost(f"t{next(self._vhosts)}", where.amqp_port, where.mqtt_port)
