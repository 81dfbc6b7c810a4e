"""A county from one page: a bare server is set up, stations come, one is revoked, one replaced, the server is lost."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.appliance.bare_debian import MINE, UNPACKED_S, Machine, bare_debian, built, machine
from tests.appliance.county_network import HOST, Network, network
from tests.systemd.box import ROOT, Booted, wait_for
from tree import CENTER

PAGE = ROOT / "docs/set-up-a-county.md"
STATIONS = ("S0001", "S0002", "S0003", "S0004", "S0005")
WITHIN_S = 60.0
"""A certificate that is revoked opens nothing any more."""
DISK = "/mnt/backup"


@pytest.fixture(scope="module")
def package() -> Path:
    return built(MINE / "county", CENTER)[CENTER]


@pytest.fixture
def disk() -> Iterator[Path]:
    """Another disk than that of the machines."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="county-") as name:
        yield Path(name)


def blocks(kind: str) -> list[str]:
    """What the page has a technician type, in its order."""
    found = re.findall(r"^```sh(.*?)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(found) > 5, PAGE
    return [text for mark, text in found if mark.strip() in {"", kind}]


class Server:
    """A booted machine that somebody types at."""

    def __init__(self, booted: Booted, root: Path) -> None:
        self.booted, self.root = booted, root

    def type(self, text: str, status: int = 0) -> str:
        begun = time.monotonic()
        own = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
        words = ("env", "--ignore-environment", "--chdir=/root", *own, "sh", "-euc", text)
        result = self.booted.call(*words, timeout_s=UNPACKED_S)
        print(f"$ {text.strip()}\n{result.stdout[-1500:]}{result.stderr[-1500:]}[{time.monotonic() - begun:.1f} s]")
        assert result.returncode == status, f"{text}\n{result.stdout}\n{result.stderr}\n{self.journals()}"
        return result.stdout

    def journals(self) -> str:
        units = ("sorting-center", "sorting-center-photos", "mosquitto", "nginx")
        return "\n".join(self.booted.journal(f"{unit}.service")[-3000:] for unit in units)

    def rows(self, text: str) -> list[dict[str, Any]]:
        return [json.loads(row) for row in self.type(text).splitlines()]

    def events(self) -> int:
        return int(self.rows("sorting-center ledger count")[0]["events"])

    def doctor(self) -> None:
        """Nothing fails."""
        found = json.loads(self.type("sorting-center doctor --json || true"))
        assert found["ok"], [row for row in found["checks"] if row["verdict"] == "fail"]

    def state(self) -> dict[str, object]:
        """What must be the same on the machine that takes its place."""
        files = ("settings.toml", "answers.toml", *(f"authority/{name}" for name in ("authority.crt", "kit.key")))
        photos = subprocess.run(
            ["find", str(self.root / "var/lib/sorting-center/photos"), "-name", "*.jpg", "-printf", "%P\n"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return {
            "counts": self.rows("sorting-center ledger count"),
            "people": self.rows("sorting-center user list"),
            "stations": self.rows("sorting-center station list --json"),
            "readers": self.rows("sorting-center reader list"),
            "files": [(self.root / "etc/sorting-center" / name).read_bytes() for name in files],
            "photographs": sorted(photos.stdout.split()),
        }


@contextmanager
def server(stack: Machine, package: Path, disk: Path, networks: list[Network]) -> Iterator[Server]:
    """Nothing is fetched: what Debian has lies in apt's cache, and what it only recommends does not."""
    offline = stack.root / "etc/apt/apt.conf.d/99offline"
    offline.write_text('APT::Install-Recommends "false";\nDpkg::Options:: "--force-unsafe-io";\n')
    with stack.boot([package], f"--bind={disk}:{DISK}") as booted:
        for one in networks:
            one.join(booted)
        yield Server(booted, stack.root)


class Stations:
    """Their process in their network."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._log = (folder / "stations.log").open("wb")
        command = network.command(sys.executable, "-P", "-m", "tests.appliance.county_stations", str(folder))
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'packaging'}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip

    def do(self, action: str, **words: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": action, **words}) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")
        print(f"{action} {words}: {found}")
        return found

    def send(self, name: str, intakes: int = 1) -> None:
        """And everything is acknowledged."""
        self.do("write", name=name, intakes=intakes)
        assert self.do("acknowledged", name=name)["done"]

    def close(self) -> None:
        with self._process, self._log:
            assert self._process.stdin is not None
            self._process.stdin.close()  # it ends then


class Reader:
    """Follows the feed from another network, as the README of its certificate says, with Debian's own client.

    It tries until the broker knows it, and again when the server is another one.
    """

    def __init__(self, network: Network, folder: Path) -> None:
        for name in ("mosquitto-clients", "libmosquitto1", "libcjson1"):
            (deb,) = bare_debian().glob(f"var/cache/apt/archives/{name}_*.deb")
            subprocess.run(["dpkg", "-x", deb, folder / "debian"], check=True)
        (command,) = [row for row in (folder / "README").read_text().splitlines() if row.startswith("mosquitto_sub ")]
        self._file = folder / "feed"
        with self._file.open("wb") as out:
            libraries = folder / "debian/usr/lib" / f"{platform.machine()}-linux-gnu"
            script = f"cd {folder} && PATH=debian/usr/bin:$PATH && while :; do {command} -F '%P %p'; sleep 1; done"
            words = ["env", f"LD_LIBRARY_PATH={libraries}", "sh", "-c", script]
            self._process = subprocess.Popen(
                network.command(*words), stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def events(self) -> list[dict[str, Any]]:
        """Each as often as it came, with the generation of the feed as its user property."""
        rows = [row.partition(" {") for row in self._file.read_text().splitlines()]
        return [json.loads("{" + body) | {"of": name} for name, mark, body in rows if mark]

    def wait_for(self, stations: Stations, name: str) -> None:
        """An event that the station sends now."""

        def came() -> bool:
            stations.send(name)
            upto = stations.do("acknowledged", name=name)["upto"]
            seen = {row["seq"] for row in self.events() if row["station"] == name}
            return bool(seen & {upto, upto - 1})

        wait_for(came, self._file.read_text)

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)


def is_out(answers: dict[str, Any]) -> bool:
    """Of photographs and of updates."""
    return answers["photos"] == 403 and isinstance(answers["updates"], str)


def until_out(stations: Stations, name: str) -> None:
    """Its running connection ends, and nothing opens to it; within the time that is promised."""
    begun = time.monotonic()
    assert stations.do("lost", name=name, seconds=WITHIN_S)["faults"]
    wait_for(lambda: is_out(stations.do("let_in", name=name)), lambda: name, WITHIN_S)
    stations.do("write", name=name)
    assert not stations.do("acknowledged", name=name, seconds=5.0)["done"]
    print(f"{name} is out after {time.monotonic() - begun:.1f} s")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_county_from_one_page_and_back_after_its_server_is_lost(
    kind: str, package: Path, disk: Path, tmp_path: Path
) -> None:
    secret = "--pass-phrase-file /srv/county/pass-phrase"
    with ExitStack() as ends:
        networks = [ends.enter_context(network(name, tmp_path)) for name in ("stations", "elsewhere")]
        with machine() as first, server(first, package, disk, networks) as center:
            for text in blocks(kind):
                center.type(text)
            center.doctor()
            again = "sorting-center setup --answers /srv/county/answers.toml"
            assert "Nothing was changed" in center.type(again)
            made = tmp_path / "made"
            shutil.copytree(first.root / "srv/county/identities", made)
            stations = Stations(networks[0], tmp_path)
            ends.callback(stations.close)
            for number, name in enumerate(STATIONS):
                assert stations.do("start", name=name, station=name, made=str(made))["broker"] == f"mqtts://{HOST}:8883"
                stations.send(name)
                assert stations.do("photograph", name=name, seed=10 * number)["status"] == 201
                stations.do("clear_faults", name=name)

            center.type("sorting-center station revoke S0005 --reason stolen")
            until_out(stations, "S0005")
            center.type(f"sorting-center station replace S0001 --out /srv/county/replaced {secret}")
            shutil.copytree(first.root / "srv/county/replaced", tmp_path / "replaced")
            until_out(stations, "S0001")
            stations.do("stop", name="S0001")
            stations.do("start", name="new S0001", station="S0001", made=str(tmp_path / "replaced"))
            stations.send("new S0001")
            for name in STATIONS[1:4]:
                stations.send(name)
                assert stations.do("lost", name=name)["faults"] == [], "a station that is not concerned notices nothing"

            address = f"--broker-url mqtts://{HOST}:8883 --out /srv/county/reader {secret}"
            center.type(f"sorting-center reader add warehouse {address}")
            shutil.copytree(first.root / "srv/county/reader", tmp_path / "reader")
            reader = Reader(networks[1], tmp_path / "reader")
            ends.callback(reader.close)
            reader.wait_for(stations, "S0002")

            center.type("sorting-center backup")
            shutil.copyfile(first.root / "srv/county/pass-phrase", disk / "pass-phrase")
            before = center.state()
            stations.send("S0002")  # what came after the backup comes again

        for name in STATIONS[2:4]:
            stations.do("write", name=name, intakes=3)
        with machine() as second, server(second, package, disk, networks) as center:
            center.type(blocks(kind)[0])
            if kind == "postgresql":
                center.type("apt-get install --yes postgresql")
            center.type(f"echo '127.0.1.1 {HOST}' >> /etc/hosts")
            restore = f"sorting-center restore {DISK} --pass-phrase-file {DISK}/pass-phrase"
            center.type(restore)
            assert "there  ledger, desk and photographs" in center.type(restore), "a second time replaces nothing"
            after = center.state()
            assert {**after, "counts": 0} == {**before, "counts": 0}
            alive = ("new S0001", *STATIONS[1:4])
            written = 0
            for name in alive:
                found = stations.do("acknowledged", name=name)
                assert found["done"], center.journals()
                written += int(found["upto"])
            of_revoked = 3  # S0005: its start, an intake and a shot; what it wrote later never came
            assert center.events() == written + of_revoked, "nothing is lost, and nothing counts twice"
            assert stations.do("let_in", name="S0005")["photos"] == 403
            reader.wait_for(stations, "S0002")
            assert len({row["of"] for row in reader.events()}) == 2, "the feed has begun another generation"
            for seed, name in enumerate(alive, 100):
                assert stations.do("photograph", name=name, seed=10 * seed)["status"] == 201
            center.doctor()
