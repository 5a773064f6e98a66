"""Booted hosts for these tests; where they cannot be booted, the tests are skipped and the reason is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import no_conductor_outlives_its_test
from tests.support import require
from tests.systemd.hosts import SystemdHost, SystemdHosts

__all__ = ["no_conductor_outlives_its_test"]


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdHosts]:
    """Three hosts, shared: a test leaves them as it found them, except for files of its own."""
    require("debootstrap", "systemd-nspawn", "ip", "setpriv", "nsenter", "ssh-keygen", root=True)
    with SystemdHosts(tmp_path_factory.mktemp("systemd"), 3) as made:
        yield made


@pytest.fixture
def host(hosts: SystemdHosts) -> SystemdHost:
    """The first of them."""
    return hosts.hosts[0]
