"""Making one run's directory: keys, the hosts' little worlds, the registry with both releases, the plan."""

from __future__ import annotations

import json
import random
import shutil
import socket
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from importlib.resources import as_file, files
from pathlib import Path

import asyncssh
import msgspec

from upgrade_tui.demo.site import (
    HOSTS,
    KEY,
    KNOWN_HOSTS,
    PLAN_FILE,
    REGISTRY,
    RELEASES,
    SLOW_FOR,
    SLOW_HOST,
    SSH_CONFIG,
    USER,
    Box,
    Site,
    host_names,
)

ORDERS = 2400
_KIND = "ssh-ed25519"
_SSH_CONFIG = "# The demo's own, so that nothing in yours leads its connections elsewhere.\nIdentityAgent none\n"


def build_run(window_id: str, directory: Path, pace: float) -> tuple[Site, asyncssh.SSHKey]:
    """Make the run's directory in ``directory`` (there, and empty); the site, and the key that opens its hosts.

    Blocking. The hosts' services are not started. Raises OSError.
    """
    addresses = _addresses(len(host_names()))
    boxes = tuple(
        Box(name=name, role=role, address=address, http_port=port, directory=directory / HOSTS / name)
        for (name, role), address, port in zip(host_names(), addresses, _free_ports(addresses), strict=True)
    )
    site = Site(id=window_id, directory=directory, pace=pace, boxes=boxes)
    with as_file(files(__package__)) as package:
        _registry(directory / REGISTRY, package)
        for box in boxes:
            _world(site, box, package)
    _orders(site.box("db1").directory / "data/shop.db")
    key = asyncssh.generate_private_key(_KIND, comment="upgrade-tui demo, this run only")
    (directory / KEY).touch(mode=0o600)
    key.write_private_key(directory / KEY)
    (directory / SSH_CONFIG).write_text(_SSH_CONFIG, encoding="ascii")
    (directory / "jobs").mkdir(mode=0o700)
    return site, key


def write_known_hosts(site: Site, ports: Mapping[str, int], keys: Mapping[str, asyncssh.SSHKey]) -> None:
    """The hosts' keys, by host name. Raises OSError."""
    lines = [
        f"[{box.address}]:{ports[box.name]} {keys[box.name].export_public_key().decode().strip()}" for box in site.boxes
    ]
    (site.directory / KNOWN_HOSTS).write_text("\n".join(lines) + "\n", encoding="ascii")


def write_plan(site: Site, ports: Mapping[str, int]) -> None:
    """The plan, with the ports that the hosts listen on (``ports``: SSH, by host name). Raises OSError."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - TOML
    environment.filters["pace"] = lambda seconds: paced(seconds, site.pace)
    environment.filters["text"] = json.dumps  # a TOML string may be written as JSON writes it
    template = environment.from_string((files(__package__) / "plan.toml.j2").read_text(encoding="utf-8"))
    places = {box.name: f"{box.address}:{box.http_port}" for box in site.boxes}
    text = template.render(
        site=site, ports=ports, places=places, urls={name: f"http://{place}" for name, place in places.items()},
        orders=ORDERS, user=USER, key=KEY, known_hosts=KNOWN_HOSTS, ssh_config=SSH_CONFIG,
        jobs=str(site.directory / "jobs"),
    )  # fmt: skip
    (site.directory / PLAN_FILE).write_text(text, encoding="utf-8")


def paced(seconds: float, pace: float) -> str:
    """A duration of the plan at the run's pace; nothing is probed or waited for under a fifth of a second."""
    return f"{round(max(0.2, seconds * pace), 1):g}s"


def _addresses(count: int) -> list[str]:
    """A loopback address for each host where the system has more than one (Linux), else the same for all."""
    several = [f"127.0.0.{11 + n}" for n in range(count)]
    with socket.socket() as probe:
        try:
            probe.bind((several[0], 0))
        except OSError:
            return ["127.0.0.1"] * count
    return several


def _free_ports(addresses: list[str]) -> list[int]:
    """A free port on each; all held until the last is chosen, so that none is chosen twice."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in addresses]
        for probe, address in zip(probes, addresses, strict=True):
            probe.bind((address, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _registry(place: Path, package: Path) -> None:
    for release in RELEASES:
        shutil.copytree(package / "release", place / f"v{release}", ignore=shutil.ignore_patterns("__pycache__"))
        (place / f"v{release}" / "VERSION").write_text(f"{release}\n", encoding="ascii")


def _world(site: Site, box: Box, package: Path) -> None:
    """A host's directory: its tools, release 1 installed and current."""
    shutil.copytree(package / "host", box.directory, ignore=shutil.ignore_patterns("__pycache__"))
    for tool in (box.directory / "bin").iterdir():
        tool.chmod(0o755)
    for name in ("releases", "run", "log", "data"):
        (box.directory / name).mkdir()
    shutil.copytree(site.directory / REGISTRY / "v1", box.directory / "releases/v1")
    (box.directory / "current").symlink_to("releases/v1")
    upstreams = [
        {"name": b.name, "address": b.address, "port": b.http_port}
        for b in site.boxes
        if b.role.name == box.role.upstreams
    ]
    host = {
        "name": box.name, "role": box.role.name, "address": box.address, "port": box.http_port,
        "upstreams": upstreams, "warm_up": SLOW_FOR * site.pace if box.name == SLOW_HOST else 0.0,
    }  # fmt: skip
    (box.directory / "host.json").write_bytes(msgspec.json.format(msgspec.json.encode(host)))


def _orders(path: Path) -> None:
    """The orders as version 1 keeps them."""
    chance = random.Random(1)  # noqa: S311 - amounts of money in a demo
    rows = [(n, f"customer {chance.randrange(400)}", round(chance.uniform(3, 250), 2)) for n in range(1, ORDERS + 1)]
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, total REAL)")
        db.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
