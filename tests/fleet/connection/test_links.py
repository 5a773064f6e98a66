"""What is said of a host that cannot be reached, and what happens when it can again. Against real sshd."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.fleet.watched import plan_of, ssh_of, watched
from tests.sshd import Netns, Sshd, free_port
from tests.support import require
from upgrade_tui.plan.inventory import Host

pytestmark = pytest.mark.ssh
HERE = "127.0.0.1"


async def test_a_host_that_is_there_comes_up_and_says_what_it_is(shared_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        await fleet.sampled("h", 2)
        assert [link for _host, link, _detail in fleet.links] == ["connecting", "up"]
        host, detail, cores, memory = fleet.facts[0]
        assert (host, detail.sampler, detail.boot_id) == (
            "h",
            "python3",
            Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        )
        assert cores >= 1
        assert memory > 0
        sample = fleet.of("h")[-1]
        assert sample.memory_total > sample.memory_available > 0
        assert sample.disks[0].mount == "/"
        frame = fleet.fleet.frames()["h"]
        assert frame.link == "up"
        assert frame.age is not None
        assert frame.rtt is not None


async def test_a_port_where_nothing_listens_is_refused(shared_sshd: Sshd) -> None:
    table = {**shared_sshd.ssh_table(), "port": free_port()}
    async with watched(plan_of({"h": Host(address=HERE)}, table)) as fleet:
        assert "nothing listens on 127.0.0.1" in await fleet.link("h", "refused")
        ended = await fleet.fleet.execute("h", "true", timeout=60, on_output=lambda _data: None)
        assert (ended.sent, ended.proven, ended.exit) == (False, False, None)
        assert "refused" in ended.reason


async def test_a_name_that_does_not_resolve_is_unresolved(shared_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address="no-such-host.invalid")}, shared_sshd.ssh_table())) as fleet:
        assert "does not resolve" in await fleet.link("h", "unresolved")


async def test_an_unknown_key_is_not_trusted_and_the_way_to_trust_it_is_said(shared_sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(
        "# nothing\nelsewhere ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9fYVJcbO9FJ0nfVhQ4zS5kXqHk9bOJjv0iC8W1sJx1\n"
    )
    async with watched(
        plan_of({"h": Host(address=HERE)}, {**shared_sshd.ssh_table(), "known_hosts": str(known)})
    ) as fleet:
        said = await fleet.link("h", "host key unknown")
        assert "SHA256:" in said
        assert f"ssh-keyscan -p {shared_sshd.port} {HERE} >> {known}" in said
        known.write_text(shared_sshd.known_hosts_line)  # the operator does so
        await fleet.fleet.kick("h")
        await fleet.link("h", "up")


@pytest.mark.parametrize("other", ["ed25519", "ecdsa"])
async def test_a_changed_key_is_told_from_an_unknown_one_with_file_and_line(
    own_sshd: Sshd, tmp_path: Path, other: str
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("# a comment\n" + own_sshd.known_hosts_line)
    own_sshd.stop()
    own_sshd.new_host_key(other)
    own_sshd.start()
    async with watched(
        plan_of({"h": Host(address=HERE)}, {**own_sshd.ssh_table(), "known_hosts": str(known)})
    ) as fleet:
        said = await fleet.link("h", "host key changed")
        assert f"{known}:2" in said
        assert f"ssh-keygen -R '[{HERE}]:{own_sshd.port}' -f {known}" in said


async def test_a_revoked_key_is_refused(shared_sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"{shared_sshd.known_hosts_line}@revoked {shared_sshd.known_hosts_line}")
    async with watched(
        plan_of({"h": Host(address=HERE)}, {**shared_sshd.ssh_table(), "known_hosts": str(known)})
    ) as fleet:
        assert "revokes" in await fleet.link("h", "host key changed")


@pytest.mark.parametrize("blind", ["none", "/dev/null"])
async def test_switching_the_check_of_host_keys_off_is_refused(shared_sshd: Sshd, tmp_path: Path, blind: str) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host *\n  UserKnownHostsFile {blind}\n  StrictHostKeyChecking no\n")
    by_config = {**shared_sshd.ssh_table(), "config": str(config)}
    del by_config["known_hosts"]
    by_plan = {**shared_sshd.ssh_table(), "known_hosts": blind}
    for table in (by_config, by_plan):
        async with watched(plan_of({"h": Host(address=HERE)}, table)) as fleet:
            assert "switch off the check of host keys" in await fleet.link("h", "host key unknown")


async def test_a_damaged_line_in_known_hosts_does_not_hide_the_others(shared_sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"garbage\n|1|bad|\n@what a b c\n{shared_sshd.known_hosts_line}")
    async with watched(
        plan_of({"h": Host(address=HERE)}, {**shared_sshd.ssh_table(), "known_hosts": str(known)})
    ) as fleet:
        await fleet.link("h", "up")


async def test_a_hashed_known_hosts_is_understood(shared_sshd: Sshd, tmp_path: Path) -> None:
    import subprocess

    known = tmp_path / "known_hosts"
    known.write_text(shared_sshd.known_hosts_line)
    subprocess.run(("ssh-keygen", "-q", "-H", "-f", str(known)), check=True, capture_output=True)
    assert known.read_text().startswith("|1|")
    async with watched(
        plan_of({"h": Host(address=HERE)}, {**shared_sshd.ssh_table(), "known_hosts": str(known)})
    ) as fleet:
        await fleet.link("h", "up")


async def test_a_key_that_the_host_does_not_take_is_auth_failed_and_says_what_was_tried(
    shared_sshd: Sshd, tmp_path: Path
) -> None:
    other = Sshd(tmp_path / "other")  # never started: only for its keys
    table = {**shared_sshd.ssh_table(), "identity": [str(other.identity)]}
    async with watched(plan_of({"h": Host(address=HERE)}, table)) as fleet:
        said = await fleet.link("h", "auth failed")
        assert str(other.identity) in said
        assert "publickey" in said


async def test_an_identity_that_is_not_there_is_named(shared_sshd: Sshd) -> None:
    table = {**shared_sshd.ssh_table(), "identity": ["keys/nope"]}
    async with watched(plan_of({"h": Host(address=HERE)}, table), Path("/srv/plans")) as fleet:
        assert "/srv/plans/keys/nope" in await fleet.link("h", "auth failed")


async def test_ssh_config_is_honoured_and_the_plan_goes_over_it(shared_sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host db1\n  Hostname {HERE}\n  Port {shared_sshd.port}\n  User nobody-here\n"
        f"  IdentityFile {shared_sshd.identity}\n  UserKnownHostsFile {shared_sshd.known_hosts}\n  Compression yes\n"
    )
    shutil.copy(config, tmp_path / "relative")
    hosts = {"h": Host(address="db1", ssh=ssh_of({"user": shared_sshd.user})), "wrong": Host(address="db1")}
    async with watched(plan_of(hosts, {"config": "relative"}), tmp_path) as fleet:
        await fleet.link("h", "up")
        assert "user nobody-here" in await fleet.link("wrong", "auth failed")


@pytest.mark.parametrize("where", ["plan", "config"])
async def test_hosts_behind_a_jump_host_share_one_connection_to_it(
    shared_sshd: Sshd, own_sshd: Sshd, tmp_path: Path, where: str
) -> None:
    """``own_sshd`` is the bastion; both hosts are ``shared_sshd``."""
    known = tmp_path / "known_hosts"
    known.write_text(shared_sshd.known_hosts_line + own_sshd.known_hosts_line)
    with (own_sshd.directory / "authorized_keys").open("a") as keys:
        keys.write(Path(f"{shared_sshd.identity}.pub").read_text())
    jump = f"{own_sshd.user}@{HERE}:{own_sshd.port}"
    table = {**shared_sshd.ssh_table(), "known_hosts": str(known)}
    if where == "plan":
        table["jump"] = jump
    else:
        (tmp_path / "config").write_text(f"Host {HERE}\n  ProxyJump {jump}\n")
        table["config"] = str(tmp_path / "config")
        # the jump host is the same address: it must not jump again
        table = {**table, "config": str(_config_for(tmp_path, jump))}
    address = HERE if where == "plan" else "behind"
    async with watched(plan_of({"a": Host(address=address), "b": Host(address=address)}, table)) as fleet:
        await fleet.link("a", "up")
        await fleet.link("b", "up")
        log = (own_sshd.directory / "sshd.log").read_text()
        assert log.count("Accepted publickey") == 1


def _config_for(directory: Path, jump: str) -> Path:
    path = directory / "config"
    path.write_text(f"Host behind\n  Hostname {HERE}\n  HostKeyAlias {HERE}\n  ProxyJump {jump}\n")
    return path


async def test_a_jump_host_that_is_down_is_named(shared_sshd: Sshd) -> None:
    table = {**shared_sshd.ssh_table(), "jump": f"{HERE}:{free_port()}"}
    async with watched(plan_of({"h": Host(address=HERE)}, table)) as fleet:
        assert (await fleet.link("h", "refused")).startswith("jump host 127.0.0.1: nothing listens")


async def test_a_hung_host_is_lost_and_comes_back(own_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        await fleet.sampled("h")
        own_sshd.pause()
        assert "has not answered" in await fleet.link("h", "lost")
        own_sshd.resume()
        await fleet.link("h", "up")
        await fleet.sampled("h")


async def test_a_login_that_hangs_is_lost_with_the_time_it_was_given(own_sshd: Sshd) -> None:
    own_sshd.pause(listener=True)
    table = {**own_sshd.ssh_table(), "connect_timeout": 1.0}
    async with watched(plan_of({"h": Host(address=HERE)}, table)) as fleet:
        assert "within 1 s" in await fleet.link("h", "lost")
        own_sshd.resume()
        await fleet.link("h", "up")


async def test_a_session_that_is_killed_is_lost_and_up_again(own_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        await fleet.link("h", "up")
        own_sshd.cut()
        await fleet.link("h", "lost")
        await fleet.link("h", "up")
        assert len(fleet.facts) == 2


async def test_a_restarted_sshd_is_found_again_and_a_kick_does_not_wait(own_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        await fleet.link("h", "up")
        own_sshd.stop()
        await fleet.link("h", "refused")
        own_sshd.start()
        await fleet.fleet.kick("h")
        await fleet.link("h", "up")


async def test_another_boot_id_after_a_reconnect_is_told(own_sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "proc"
    shutil.copytree(Path(__file__).parents[1] / "proc" / "vm-2-cores", root)
    async with watched(plan_of({"h": Host(address=HERE, proc_root=str(root))}, own_sshd.ssh_table())) as fleet:
        await fleet.link("h", "up")
        (root / "sys/kernel/random/boot_id").write_text("11111111-2222-4333-8444-555555555555\n")
        own_sshd.restart()
        await fleet.until(lambda: len(fleet.facts) == 2)
        assert [detail.boot_id[:8] for _host, detail, _cores, _memory in fleet.facts] == ["255b0176", "11111111"]


async def test_a_host_without_proc_has_no_sampler_but_runs_commands(shared_sshd: Sshd, tmp_path: Path) -> None:
    async with watched(plan_of({"h": Host(address=HERE, proc_root=str(tmp_path))}, shared_sshd.ssh_table())) as fleet:
        assert str(tmp_path) in await fleet.link("h", "no sampler")
        ended = await fleet.fleet.execute("h", "exit 7", timeout=60, on_output=lambda _data: None)
        assert ended.exit == 7
        assert fleet.fleet.frames()["h"].age is None


async def test_a_sampler_that_is_killed_is_started_again(own_sshd: Sshd) -> None:
    import os
    import signal

    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        await fleet.sampled("h")
        for pid in own_sshd.commands():
            os.kill(pid, signal.SIGKILL)
        await fleet.until(lambda: len(fleet.facts) == 2)
        await fleet.sampled("h")
        assert fleet.now("h") == "up"


@pytest.mark.parametrize("sampler", ["perl", "awk", "bash", "dash"])
async def test_every_sampler_streams_over_a_real_connection(
    shared_sshd: Sshd, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    from upgrade_tui.fleet.sampling import host_facts, samplers

    only = tuple(s for s in samplers.ORDER if s.name == sampler)
    monkeypatch.setattr(host_facts.HostDescription, "samplers", property(lambda _self: only))
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        sample = await fleet.sampled("h", 3)
        assert fleet.facts[0][1].sampler == sampler
        assert sample.disks[0].total > 0


async def test_an_error_in_a_callback_stops_nothing(shared_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        broken = 0

        def fail(_host: str, _sample: object) -> None:
            nonlocal broken
            broken += 1
            fleet._news.set()
            raise RuntimeError("a bug")

        from upgrade_tui.fleet.fleet import _caught

        fleet.fleet._listener.sample = _caught(fail)
        await fleet.until(lambda: broken >= 2)
        assert fleet.now("h") == "up"


@pytest.mark.netns
async def test_a_cut_link_is_lost_and_mended(tmp_path: Path) -> None:
    require("sshd", "ip", root=True)
    with Netns() as space, Sshd(tmp_path, address=space.inside, netns=space.name) as sshd:
        async with watched(plan_of({"h": Host(address=space.inside)}, sshd.ssh_table())) as fleet:
            await fleet.sampled("h")
            space.cut()
            await fleet.link("h", "lost")
            age = fleet.fleet.frames()["h"].age
            assert age is not None
            assert age < 10  # promised: 4.5
            space.mend()
            await fleet.fleet.kick("h")
            await fleet.link("h", "up")


async def test_the_local_machine_needs_no_ssh() -> None:
    async with watched(plan_of({"me": Host(address="local", disks=("/", "/no such mount"))})) as fleet:
        sample = await fleet.sampled("me", 2)
        assert fleet.facts[0][1].sampler == "psutil"
        assert sample.disks[0].total > 0
        assert sample.disks[1].missing
        assert msgspec.structs.asdict(sample)["memory_total"] > 0


async def test_the_local_machine_with_another_proc_is_sampled_by_a_child() -> None:
    root = Path(__file__).parents[1] / "proc" / "many-disks"
    async with watched(plan_of({"me": Host(address="local", proc_root=str(root))})) as fleet:
        sample = await fleet.sampled("me", 1)
        assert (sample.cores, sample.load1, sample.psi_memory) == (8, 1.0, 99.99)


SYSTEMCTL = """#!/bin/sh
printf x >>{calls}
echo LoadState=loaded
echo ActiveState=active
echo SubState=running
echo NRestarts="$(wc -c <{calls})"
"""


async def test_units_of_the_local_machine_are_watched_as_any_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from upgrade_tui.fleet.connection import localhost
    from upgrade_tui.fleet.sampling import local_counters

    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(SYSTEMCTL.format(calls=tmp_path / "calls"), encoding="utf-8")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(localhost, "DETAIL_SECONDS", 0.1)
    known = local_counters.local_facts(())
    monkeypatch.setattr(localhost, "local_facts", lambda _mounts: msgspec.structs.replace(known, systemd=True))
    async with watched(plan_of({"me": Host(address="local", units=("orders",))})) as fleet:
        await fleet.until(lambda: any(detail.units == {"orders": "active"} for _, detail in fleet.details))
        await fleet.until(lambda: fleet.details[-1][1].units == {"orders": "restarting"})
        assert fleet.details[-1][1].restarts["orders"] > 0
