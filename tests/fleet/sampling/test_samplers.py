"""Every sampler says the same of the same /proc; what they say becomes the sample that it should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import require
from upgrade_tui.fleet.sampling import parse, samplers
from upgrade_tui.fleet.sampling.host_facts import HostDescription, read_description

PROC = Path(__file__).parents[1] / "proc"
MACHINES = tuple(sorted(p.name for p in PROC.iterdir()))
MOUNTS = {
    "vm-2-cores": ("/",),
    "server-64-cores": ("/", "/var/lib/postgresql"),
    "kernel-3.10": ("/", "/boot"),
    "container": ("/",),
    "many-disks": ("/", "/srv/with space", "/data", "/dm", "/home", "/old", "/nowhere"),
}
WAYS = {
    "python3": ("/usr/bin/python3" if Path("/usr/bin/python3").exists() else "python3", "-S", "-E", "-c"),
    "perl": ("perl", "-e"),
    "mawk": ("mawk", "-W", "interactive"),
    "gawk": ("gawk",),
    "busybox awk": ("busybox", "awk"),
    "bash": ("bash", "-c"),
    "dash": ("dash", "-c"),
    "busybox sh": ("busybox", "sh", "-c"),
}
SCRIPTS = {"mawk": "awk", "gawk": "awk", "busybox awk": "awk", "busybox sh": "dash"}


def said(way: str, root: Path, devices: tuple[str, ...], ticks: int = 0) -> list[bytes]:
    """The lines of one sampler: its first, and those for ``ticks`` lines sent (none to one that times itself)."""
    kind = SCRIPTS.get(way, way)
    name = () if kind in ("python3", "perl", "awk") else ("sh",)
    own = ("0", "0") if kind in ("python3", "perl") else ("5",)
    command = (
        *WAYS[way],
        samplers.sampler_text(f"sampler.{kind}"),
        *name,
        str(root),
        *own,
        str(len(devices)),
        *devices,
    )
    done = subprocess.run(command, input=b"\n" * ticks, capture_output=True, timeout=60, check=False)
    assert done.stderr == b""
    return done.stdout.splitlines()


def probed(machine: str) -> HostDescription:
    command = samplers.probe_command(proc_root=str(PROC / machine), mounts=MOUNTS[machine])
    text = subprocess.run(("sh", "-c", command), capture_output=True, timeout=60, check=True).stdout.decode()
    found = read_description(text, MOUNTS[machine])
    assert found is not None
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_all_samplers_say_the_same_of_the_same_machine(machine: str) -> None:
    devices = (*probed(machine).devices, "nosuch")
    told = {}
    for way, command in WAYS.items():
        if shutil.which(command[0]):
            told[way] = said(way, PROC / machine, devices)[:2]
    require("mawk", "gawk", "busybox", "perl", "bash", "dash")
    assert all(len(lines) == 2 for lines in told.values())
    assert {way: lines for way, lines in told.items() if lines != told["python3"]} == {}


@pytest.mark.parametrize("way", ["mawk", "gawk", "busybox awk", "bash", "dash", "busybox sh"])
def test_a_ticked_sampler_says_a_line_a_tick_and_cores_every_fifth(way: str) -> None:
    require(WAYS[way][0])
    lines = said(way, PROC / "vm-2-cores", ("vda",), ticks=10)
    assert "".join(chr(line[2]) for line in lines) == "SC" + "SSSSSC" * 2


@pytest.mark.parametrize("way", list(WAYS))
def test_a_sampler_of_nothing_says_nothing_that_counts(way: str, tmp_path: Path) -> None:
    require(WAYS[way][0])
    assert [parse.sampler_line(text) for text in said(way, tmp_path, ("vda",)) if text.startswith(b'["S"')] == [None]


def counted(machine: str) -> parse.Counters:
    line = parse.sampler_line(said("python3", PROC / machine, probed(machine).devices)[0])
    assert isinstance(line, parse.Counters)
    return line


def test_a_vm_is_read_right() -> None:
    now = counted("vm-2-cores")
    sample = parse.sample(now, now, ts=1.0, elapsed=1.0, cores=2)
    assert (sample.load1, sample.load5, sample.load15, sample.tcp, sample.uptime) == (2.73, 1.72, 0.93, 2, 1691.71)
    assert (sample.memory_total, sample.memory_available) == (24682416 * 1024, 24143868 * 1024)
    assert (sample.psi_cpu, sample.psi_memory, sample.psi_io) == (47.89, 0.0, 5.71)
    assert now.network == (239650154, 337966)
    assert now.devices == ((3314000, 3851000, 47000),)


def test_an_old_kernel_gets_an_estimate_of_available_memory_and_no_pressure() -> None:
    now = counted("kernel-3.10")
    sample = parse.sample(now, now, ts=1.0, elapsed=1.0, cores=4)
    assert sample.memory_available == (221234 + 101234 + 4012345 - 12776) * 1024
    assert (sample.psi_cpu, sample.psi_memory, sample.psi_io) == (None, None, None)
    assert sample.swap_used == 100000 * 1024
    assert now.network == (123456789, 987654321)


def test_a_big_server_has_all_its_cores_and_no_loopback() -> None:
    lines = said("python3", PROC / "server-64-cores", ())
    cores = parse.sampler_line(lines[1])
    assert isinstance(cores, parse.Cores)
    assert [core for core, _busy, _total in cores.ticks] == list(range(64))
    now = counted("server-64-cores")
    assert now.network[0] == 98123456789012 + 2 * 49061728394506 + sum(1000 + i for i in range(80))
    assert len(lines[0]) < 400


def test_devices_are_found_under_mounts_of_all_kinds() -> None:
    found = probed("many-disks")
    by_mount = {mount: None if i is None else found.devices[i] for mount, i in found.mounts}
    assert by_mount == {
        "/": "nvme0n1p1", "/srv/with space": "md127", "/data": "nvme1n1", "/dm": "dm-33", "/home": None,
        "/old": "cciss/c0d0p1", "/nowhere": None,
    }  # fmt: skip
    assert counted("many-disks").devices[0] == (100, 200, 3)


def test_device_mapper_and_a_root_mounted_over_are_found() -> None:
    assert probed("server-64-cores").devices == ("dm-0", "dm-4")
    assert probed("kernel-3.10").devices == ("dm-0", "sda1")


@pytest.mark.parametrize("machine", MACHINES)
def test_the_probe_says_what_the_machine_is(machine: str) -> None:
    found = probed(machine)
    root = PROC / machine
    assert found.boot_id == (root / "sys/kernel/random/boot_id").read_text().strip()
    assert found.kernel == (root / "sys/kernel/osrelease").read_text().strip()
    assert (
        found.cores
        == {"vm-2-cores": 2, "server-64-cores": 64, "kernel-3.10": 4, "container": 2, "many-disks": 8}[machine]
    )
    assert found.memory > 0
    assert found.samplers[-1].name == "dash"
    assert found.clock is not None


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")])
def test_the_companion_knows_disk_use_as_df_does(shell: tuple[str, ...]) -> None:
    require(shell[0])
    command = (*shell, "-c", samplers.sampler_text("slow.sh"), "sh", "", "/", "/no such mount", "/proc")
    done = subprocess.run(command, input=b"\n\n\n", capture_output=True, timeout=60, check=True)
    lines = [parse.sampler_line(text) for text in done.stdout.splitlines()]
    third = [parse.Disks, parse.Answered, parse.Answered, parse.Answered]
    assert [type(line) for line in lines] == [*third, *third[:2]]  # disk use at the first line, and every third after
    assert isinstance(lines[0], parse.Disks)
    root = lines[0].mounts[0]
    usage = shutil.disk_usage("/")
    assert root is not None
    assert abs(root[1] * 1024 - usage.used) < 1 << 30
    assert root[0] * 1024 == pytest.approx(usage.total, abs=1024)
    assert lines[0].mounts[1] is None


def test_the_companion_knows_units_in_the_order_asked_for(tmp_path: Path) -> None:
    fake = tmp_path / "systemctl"
    fake.write_text(
        "#!/bin/sh\nprintf 'LoadState=loaded\\nActiveState=active\\nSubState=running\\nNRestarts=3\\n"
        "ExecMainStartTimestampMonotonic=1500\\n\\nLoadState=not-found\\nActiveState=inactive\\n\\n"
        "ActiveState=failed\\nLoadState=loaded\\n\\nSubState=auto-restart\\nActiveState=activating\\nNRestarts=\\n'\n"
    )
    fake.chmod(0o755)
    command = ("sh", "-c", samplers.sampler_text("slow.sh"), "sh", "pg.service nope.service web.service app.service")
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=True, env=env)
    line = parse.sampler_line(done.stdout.splitlines()[0])
    assert isinstance(line, parse.Units)
    assert line.known(("pg", "nope", "web", "app")) == {
        "pg": parse.Unit("active", 3, 1500),
        "nope": parse.Unit("not found"),
        "web": parse.Unit("failed"),
        "app": parse.Unit("auto-restart"),
    }
    assert line.known(("pg", "nope")) == dict.fromkeys(("pg", "nope"), parse.Unit("unknown")), "which is which?"


def test_the_python_sampler_knows_disk_use_as_the_companion_does() -> None:
    command = (
        *WAYS["python3"],
        samplers.sampler_text("sampler.python3"),
        "/proc",
        "1",
        "0",
        "0",
        "/",
        "/no such mount",
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        disks = next(line for line in map(parse.sampler_line, process.stdout) if isinstance(line, parse.Disks))
        process.kill()
    usage = shutil.disk_usage("/")
    assert disks.mounts[0] is not None
    assert disks.mounts[0][0] == usage.total // 1024
    assert disks.mounts[1] is None


@pytest.mark.parametrize("way", ["python3", "perl"])
def test_a_sampler_that_keeps_time_ends_when_nobody_reads(way: str) -> None:
    require(WAYS[way][0])
    arguments = (samplers.sampler_text(f"sampler.{way}"), str(PROC / "vm-2-cores"), "0.2", "0", "0")
    with subprocess.Popen((*WAYS[way], *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'["S"')
        process.stdout.close()
        assert process.wait(20) == 0
