"""One real sshd for the tests that do no harm to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sshd import Sshd
from tests.support import require


@pytest.fixture(scope="session")
def shared_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real sshd, shared: do not stop it, freeze it or cut its sessions."""
    require("sshd", "ssh-keygen")
    with Sshd(tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture
def own_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real sshd for one test."""
    require("sshd", "ssh-keygen")
    with Sshd(tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd
