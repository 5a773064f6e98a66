"""The preflight kit for real: every check under dash, bash and busybox sh; right, wrong, and not to be found out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.sshd import free_port
from tests.support import require
from upgrade_tui.fleet.preflight import script
from upgrade_tui.plan.kit import Check
from upgrade_tui.units import Duration, Percent

PROC = Path(__file__).parents[1] / "proc"
SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}
TOOLS = ("cat", "date", "df", "mkdir", "stat", "sha256sum", "tr", "timeout", "true")


class Host:
    """This machine under one shell. ``path``: where its programs are looked for; ``env``: what the conductor gave."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self._words = (shutil.which(words[0]) or words[0], *words[1:])
        self._bin = folder / "bin"
        self.path = os.environ["PATH"]
        self.env: dict[str, str] = {}
        self.user: int | None = None
        self.cwd = folder

    def only(self, *tools: str) -> Host:
        """From now on PATH has the tools every host has, and these. A name with a slash in it is as it is."""
        self._bin.mkdir(exist_ok=True)
        for tool in (*TOOLS, *tools):
            found = shutil.which(tool)
            assert found, tool
            (self._bin / tool).symlink_to(found)
        self.path = str(self._bin)
        return self

    def fake(self, name: str, text: str) -> Host:
        """A program of that name, before all others."""
        self._bin.mkdir(exist_ok=True)
        (self._bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self._bin / name).chmod(0o755)
        if str(self._bin) not in self.path.split(":"):
            self.path = f"{self._bin}:{self.path}"
        return self

    def run(self, *checks: Check, proc_root: str = "/proc") -> tuple[int, list[str]]:
        """The exit code and what was said, without the last line. Nothing may be said as an error."""
        command = script(checks, "web1", proc_root=proc_root)
        done = subprocess.run(
            [*self._words, "-c", command], capture_output=True, text=True, check=False, cwd=self.cwd, timeout=60,
            env={"PATH": self.path, "HOME": str(self.cwd), **self.env}, stdin=subprocess.DEVNULL, user=self.user,
        )  # fmt: skip
        assert done.stderr == ""
        *lines, last = done.stdout.splitlines()
        assert last.startswith("web1: ")
        assert len(lines) == len(checks)
        return done.returncode, lines

    def says(self, check: Check, *, proc_root: str = "/proc") -> str:
        """The one line about one check; its mark and the exit code must agree."""
        code, lines = self.run(check, proc_root=proc_root)
        assert {"ok": 0, "FAIL": 1, "?": 3}[lines[0].split()[0]] == code
        return lines[0]


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    require(SHELLS[request.param][0])
    return Host(SHELLS[request.param], tmp_path)


def test_free_space_is_measured_in_size_and_share(host: Host, tmp_path: Path) -> None:
    code, lines = host.run(
        Check(free="/", min="1MiB"),
        Check(free="/", min="900TiB"),
        Check(free="/", min="0.01%"),
        Check(free="/", min="100%"),
        Check(free=str(tmp_path), min="1KB"),
    )
    assert code == 1
    assert [line[:6].strip() for line in lines] == ["ok", "FAIL", "ok", "FAIL", "ok"]
    assert lines[0].endswith("iB, wanted at least 1 MiB")
    assert lines[1].endswith("iB, wanted at least 900 TiB")
    assert " %, " in lines[2]
    assert lines[2].endswith(", wanted at least 0.01 %")
    assert f"free space on {tmp_path}: " in lines[4]
    assert "(in /" in lines[4], "it is a directory of another mount point, which is named"


def test_free_space_of_what_has_none_or_is_not_there_is_not_found_out(host: Host) -> None:
    code, lines = host.run(Check(free="/proc", min="1B"), Check(free="/not/here", min="1B"))
    assert code == 3
    assert lines == [
        "?     free space on /proc: this is no file system with a size",
        "?     free space on /not/here: No such file or directory",
    ]


def test_memory_and_load_are_read_from_the_proc_that_is_named(host: Host) -> None:
    checks = (Check(memory="1GiB"), Check(memory="100GiB"), Check(load=Percent(100)), Check(load=Percent(0.5)))
    for name in ("kernel-3.10", "server-64-cores", "vm-2-cores"):
        expected = [_memory(name, "1 GiB", 2**30), _memory(name, "100 GiB", 100 * 2**30)]
        expected += [_load(name, 100), _load(name, 0.5)]
        assert host.run(*checks, proc_root=str(PROC / name))[1] == expected
    host.env["UPGRADE_PROC"] = str(PROC / "vm-2-cores")
    assert host.says(checks[0], proc_root="/not/here") == _memory("vm-2-cores", "1 GiB", 2**30)


def _memory(name: str, words: str, least: int) -> str:
    facts = {line.split()[0]: int(line.split()[1]) for line in (PROC / name / "meminfo").read_text().splitlines()}
    available = facts.get("MemAvailable:", facts["MemFree:"] + facts["Buffers:"] + facts["Cached:"]) * 1024
    size, unit = float(available), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if int(size) < 1000:
            break
        size, unit = size / 1024, larger
    shown = f"{int(size)}" if size >= 100 or int(size * 10) % 10 == 0 else f"{int(size * 10) / 10}"
    mark = "ok   " if available >= least else "FAIL "
    return f"{mark} memory: {shown} {unit} available, wanted at least {words}"


def _load(name: str, most: float) -> str:
    one = (PROC / name / "loadavg").read_text().split()[0]
    cores = sum(line[:3] == "cpu" and line[3].isdigit() for line in (PROC / name / "stat").read_text().splitlines())
    share = float(one) * 100 / cores
    mark = "ok   " if share <= most else "FAIL "
    return f"{mark} load: {one} on {cores} CPUs is {int(share)} %, wanted at most {most:g} %"


def test_without_a_proc_memory_and_load_are_not_found_out(host: Host, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("")
    code, lines = host.run(Check(memory="1GiB"), Check(load=Percent(80)), proc_root=str(tmp_path))
    assert (code, lines) == (
        3,
        [
            f"?     memory: {tmp_path}/meminfo says nothing of it",
            f"?     load: {tmp_path}/loadavg does not tell",
        ],
    )


@contextlib.contextmanager
def listening(*, closes: bool) -> Iterator[int]:
    """A port that accepts, and hangs up at once or says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                server.accept()[0].close()

        thread = threading.Thread(target=hang_up, daemon=True)
        if closes:
            thread.start()
        yield server.getsockname()[1]
        if closes:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("tool", ["bash", "perl", "python3", "nc"])
def test_a_port_is_asked_with_whatever_is_there(host: Host, tool: str) -> None:
    _only_asks_with(host, tool)
    with listening(closes=True) as port:
        free = free_port()
        code, lines = host.run(Check(port=f"127.0.0.1:{port}"), Check(port=f"127.0.0.1:{free}"))
    assert code == 1
    assert lines == [f"ok    port 127.0.0.1:{port}: answers", f"FAIL  port 127.0.0.1:{free}: Connection refused"]


def _only_asks_with(host: Host, tool: str) -> None:
    host.only(*([tool] if tool in ("bash", "perl") else []))
    if tool == "python3":
        host.fake("python3", f'exec "{sys.executable}" "$@"')
    if tool == "nc":
        require("busybox")
        host.fake("nc", f'exec {shutil.which("busybox")} nc "$@"')


def test_a_port_that_says_nothing_answers_all_the_same(tmp_path: Path) -> None:
    host = Host(SHELLS["dash"], tmp_path)
    _only_asks_with(host, "nc")
    with listening(closes=False) as port:
        assert host.says(Check(port=f"127.0.0.1:{port}")) == f"ok    port 127.0.0.1:{port}: answers"


def test_a_port_that_nothing_can_ask_is_not_found_out(host: Host) -> None:
    host.only().fake("bash", 'echo "bash: line 1: /dev/tcp/127.0.0.1/1: No such file or directory" >&2; exit 1')
    said = host.says(Check(port="127.0.0.1:1"))
    assert said == "?     port 127.0.0.1:1: neither bash, perl, python3 nor nc here can ask"


def test_a_port_of_a_name_nobody_knows_fails_for_that_reason(host: Host) -> None:
    host.only("perl")
    said = host.says(Check(port="no-such-host.invalid:22"))
    assert said == "FAIL  port no-such-host.invalid:22: the name is not known here"


def test_an_ipv6_port_is_asked(host: Host) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on loopback")
    with server:
        port = server.getsockname()[1]
        assert host.says(Check(port=f"[::1]:{port}")) == f"ok    port [::1]:{port}: answers"


DPKG = r"""case $* in *' nginx') printf 'ii |1.28.0-1~bookworm\n';; *' old') printf 'rc |1.0\n';;
*' held') printf 'hi |5:24.0.7-1\n';; *) exit 1;; esac"""
RPM = r"""case $* in *' nginx') printf '1.28.0-2.el9\n';; *' kernel') printf '5.14.0-362.el9\n5.14.0-427.el9\n';;
*) echo "package is not installed"; exit 1;; esac"""
APK = 'case $* in "info -e -v nginx") echo nginx-1.28.0-r1;; *) exit 1;; esac'


@pytest.mark.parametrize(
    ("manager", "text", "found"),
    [("dpkg-query", DPKG, "1.28.0-1~bookworm"), ("rpm", RPM, "1.28.0-2.el9"), ("apk", APK, "1.28.0-r1")],
)
def test_packages_are_asked_of_the_manager_that_is_there(host: Host, manager: str, text: str, found: str) -> None:
    host.only().fake(manager, text)
    name = manager.removesuffix("-query")
    code, lines = host.run(
        Check(package="nginx"), Check(package="nginx", version="1.28"), Check(package="nginx", version="1.26"),
        Check(package="apache2"),
    )  # fmt: skip
    assert (code, lines) == (
        1,
        [
            f"ok    package nginx: {found}",
            f"ok    package nginx: {found}, wanted 1.28",
            f"FAIL  package nginx: {found}, wanted 1.26",
            f"FAIL  package apache2: not installed, says {name}",
        ],
    )


def test_a_removed_package_is_not_installed_and_a_held_one_is(host: Host) -> None:
    host.only().fake("dpkg-query", DPKG)
    _, lines = host.run(Check(package="old"), Check(package="held", version="24.0"))
    assert lines == ["FAIL  package old: not installed, says dpkg", "ok    package held: 5:24.0.7-1, wanted 24.0"]


def test_of_several_installed_versions_one_must_be_right(host: Host) -> None:
    host.only().fake("rpm", RPM)
    _, lines = host.run(Check(package="kernel", version="5.14.0-427"), Check(package="kernel", version="6"))
    assert lines == [
        "ok    package kernel: 5.14.0-427.el9, wanted 5.14.0-427",
        "FAIL  package kernel: 5.14.0-362.el9 5.14.0-427.el9, wanted 6",
    ]


def test_without_a_package_manager_nothing_is_known_of_packages(host: Host) -> None:
    said = host.only().says(Check(package="nginx"))
    assert said == "?     package nginx: none of dpkg, rpm and apk is here"


def test_the_real_package_manager_knows_its_own_package(host: Host) -> None:
    require("dpkg-query")
    assert host.says(Check(package="dpkg")).startswith("ok    package dpkg: 1.")


PROGRAMS = {
    "nginx": ('case $1 in -V) echo "nginx version: nginx/1.28.0" >&2;; *) echo "invalid option" >&2; exit 1;; esac',
              "nginx version: nginx/1.28.0", "1.28"),
    "psql": ('echo "psql (PostgreSQL) 16.3 (Debian 16.3-1.pgdg120+1)"', "", "16"),
    "ssh": ('case $1 in -V) echo "OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.11";; *) echo "usage: ssh [-46A]"; exit 9;; esac',
            "OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.11", "9.2"),
    "java": ('[ "$1" = -version ] && echo "openjdk version \\"17.0.9\\" 2023-10-17" >&2', "", "17"),
    "redis-server": ('echo; echo "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"', "", "7.0.15"),
    "less": ('echo "less 590 (PCRE2 regular expressions)"', "", "590"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_tells_its_version_in_its_own_way(host: Host, name: str) -> None:
    text, line, version = PROGRAMS[name]
    host.only().fake(name, text)
    _, lines = host.run(Check(program=name, version=version), Check(program=name, version="99.1"))
    assert lines[0].startswith(f"ok    program {name}: {line}")
    assert lines[0].endswith(f", wanted {version}")
    assert lines[1].startswith(f"FAIL  program {name}: {line}")


def test_a_program_is_there_or_not_or_says_no_version(host: Host, tmp_path: Path) -> None:
    host.only().fake("silent", "exit 0")
    code, lines = host.run(
        Check(program="silent"), Check(program=f"{tmp_path}/bin/silent"), Check(program="silent", version="1"),
        Check(program="absent"), Check(program="check_program"), Check(program="/absent"),
    )  # fmt: skip
    assert code == 1
    assert lines[:3] == [
        f"ok    program silent: {tmp_path}/bin/silent",
        f"ok    program {tmp_path}/bin/silent: {tmp_path}/bin/silent",
        f"?     program silent: {tmp_path}/bin/silent says no version (asked with --version -V)",
    ]
    assert all(line.startswith("FAIL  program ") and "not found" in line for line in lines[3:])


UNIT = """
for unit; do :; done
case $unit in
stopped) echo LoadState=loaded; echo ActiveState=inactive ;;
mistyped) echo LoadState=not-found; echo ActiveState=inactive ;;
masked) echo LoadState=masked; echo ActiveState=inactive ;;
again) echo LoadState=loaded; echo ActiveState=activating; echo SubState=auto-restart; echo NRestarts=7 ;;
flaps) echo LoadState=loaded; echo ActiveState=active; echo NRestarts=7; echo ActiveEnterTimestampMonotonic=$JUST_NOW ;;
lasted) echo LoadState=loaded; echo ActiveState=active; echo NRestarts=7; echo ActiveEnterTimestampMonotonic=1000000 ;;
new) echo LoadState=loaded; echo ActiveState=active; echo NRestarts=0; echo ActiveEnterTimestampMonotonic=$JUST_NOW ;;
nothing) exit 1 ;;
*) echo LoadState=loaded; echo ActiveState=$unit ;;
esac
"""


def test_a_unit_is_active_or_not_or_unknown(host: Host) -> None:
    host.only().fake("systemctl", UNIT)
    host.env["JUST_NOW"] = str(int(float(Path("/proc/uptime").read_text().split()[0])) * 1_000_000)
    units = ("active", "reloading", "stopped", "failed", "activating", "mistyped", "masked", "again", "flaps", "lasted")
    code, lines = host.run(*(Check(unit=unit) for unit in (*units, "new", "nothing")))
    age = lines[8].split("active for ")[1].split(" s")[0]
    assert (code, lines) == (
        1,
        [
            "ok    unit active: active",
            "ok    unit reloading: active, and reloading",
            "FAIL  unit stopped: inactive, wanted active",
            "FAIL  unit failed: failed, wanted active",
            "FAIL  unit activating: activating, wanted active",
            "FAIL  unit mistyped: there is no such unit here, wanted active",
            "FAIL  unit masked: masked, wanted active",
            "FAIL  unit again: down, systemd is about to start it again, started again by systemd 7 times",
            f"FAIL  unit flaps: active for {age} s only, started again by systemd 7 times",
            "ok    unit lasted: active, started again by systemd 7 times",
            "ok    unit new: active",
            "?     unit nothing: systemd does not tell",
        ],
    )


def test_without_systemd_nothing_is_known_of_units(host: Host) -> None:
    assert host.only().says(Check(unit="a.service")) == "?     unit a.service: no systemctl here"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("1796508000.250", "ok    clock: 0.00 s ahead, wanted at most 2 s"),
        ("1796508002.249", "ok    clock: 1.99 s behind, wanted at most 2 s"),
        ("1796507998", "FAIL  clock: 2.25 s ahead, the time to start this check included, wanted at most 2 s"),
        ("1796511600.2500001", "FAIL  clock: 60 m behind, wanted at most 2 s"),
        ("", "?     clock: the conductor's time was not given (UPGRADE_NOW)"),
        ("soon", "?     clock: the conductor's time was not given (UPGRADE_NOW)"),
        ("1796508000.08", "ok    clock: 0.17 s ahead, wanted at most 2 s"),
    ],
)
def test_clocks_are_compared_with_the_conductors(host: Host, now: str, said: str) -> None:
    host.fake("date", "echo 1796508000.250000000")
    host.env["UPGRADE_NOW"] = now
    assert host.says(Check(clock=Duration(2))) == said


def test_a_date_without_fractions_still_tells_the_time(host: Host) -> None:
    host.fake("date", 'case $1 in +%s) echo 1796508000;; *) echo "1796508000.%N";; esac')
    host.env["UPGRADE_NOW"] = "1796508001.500"
    assert host.says(Check(clock=Duration(2))) == "ok    clock: 1.00 s behind, to half a second, wanted at most 2 s"


@pytest.mark.parametrize(
    ("skew", "said"),
    [
        ("0.3", "ok    clock: 0.3 s ahead, wanted at most 2 s"),
        ("-2.0", "ok    clock: 2.0 s behind, wanted at most 2 s"),
        ("-71.4", "FAIL  clock: 71.4 s behind, wanted at most 2 s"),
        ("soon", "ok    clock: 0.00 s ahead, wanted at most 2 s"),
    ],
)
def test_what_was_measured_over_the_connection_comes_first(host: Host, skew: str, said: str) -> None:
    host.fake("date", "echo 1796508000.250000000")
    host.env |= {"UPGRADE_NOW": "1796508000.250", "UPGRADE_SKEW": skew}
    assert host.says(Check(clock=Duration(2))) == said


def test_the_real_clock_of_this_machine_agrees_with_itself(host: Host) -> None:
    host.env["UPGRADE_NOW"] = f"{time.time():.6f}"
    assert host.says(Check(clock=Duration(60))).startswith("ok    clock: ")


def machine(folder: Path, running: str, *installed: str) -> str:
    """A proc_root beside which are the files of a host with these kernels."""
    (folder / "host/proc/sys/kernel").mkdir(parents=True)
    (folder / "host/proc/sys/kernel/osrelease").write_text(f"{running}\n")
    (folder / "host/boot").mkdir()
    (folder / "host/run").mkdir()
    for kernel in installed:
        (folder / f"host/boot/vmlinuz-{kernel}").touch()
    return str(folder / "host/proc")


REBOOT = Check(no_reboot_pending=True)


@pytest.mark.parametrize(
    ("running", "installed", "newest"),
    [
        ("6.1.0-18-amd64", ("6.1.0-9-amd64", "6.1.0-18-amd64"), None),
        ("6.1.0-9-amd64", ("6.1.0-9-amd64", "6.1.0-18-amd64"), "6.1.0-18-amd64"),
        ("6.1.0-9-cloud-amd64", ("6.1.0-9-cloud-amd64", "6.1.0-18-amd64"), None),
        ("5.14.0-362.18.1.el9_3.x86_64", ("5.14.0-362.18.1.el9_3.x86_64", "5.14.0-427.13.1.el9_4.x86_64"),
         "5.14.0-427.13.1.el9_4.x86_64"),
        ("5.15.0-91-generic", ("5.15.0-91-generic", "5.15.0-101-generic", "5.15.0-99-generic"), "5.15.0-101-generic"),
        ("5.10-1", ("5.10-1", "5.9-2", "0-rescue-0123abc"), None),
    ],
)  # fmt: skip
def test_a_newer_kernel_waits_for_a_reboot(
    host: Host, tmp_path: Path, running: str, installed: tuple[str, ...], newest: str | None
) -> None:
    said = host.says(REBOOT, proc_root=machine(tmp_path, running, *installed))
    if newest:
        assert said == f"FAIL  pending reboot: yes, {newest} is installed and {running} runs"
    else:
        assert said == f"ok    pending reboot: none, {running} runs and is the newest installed"


def test_a_marker_says_what_waits_for_a_reboot(host: Host, tmp_path: Path) -> None:
    root = machine(tmp_path, "6.1.0-18-amd64", "6.1.0-18-amd64")
    marker = tmp_path / "host/run/reboot-required"
    marker.touch()
    assert host.says(REBOOT, proc_root=root) == f"FAIL  pending reboot: yes, says {marker}"
    (tmp_path / "host/run/reboot-required.pkgs").write_text("libc6\nlinux-base\n")
    assert host.says(REBOOT, proc_root=root) == f"FAIL  pending reboot: yes, for libc6, linux-base, says {marker}"


def test_where_nothing_tells_of_reboots_it_is_not_found_out(host: Host, tmp_path: Path) -> None:
    said = host.says(REBOOT, proc_root=machine(tmp_path, "6.1.0-virt"))
    assert said.startswith("?     pending reboot: no marker, no needs-restarting, and the running kernel (6.1.0-virt)")


@pytest.mark.parametrize(("code", "mark"), [(0, "ok"), (1, "FAIL"), (2, "?")])
def test_needs_restarting_is_asked_where_it_is(host: Host, tmp_path: Path, code: int, mark: str) -> None:
    if Path("/run/reboot-required").exists():
        pytest.skip("this machine itself waits for a reboot")
    host.fake("needs-restarting", f"exit {code}")
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/osrelease").write_text("0.0.1-none\n")
    assert host.says(REBOOT, proc_root=str(tmp_path)).split()[0] == mark


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Two mebibytes, three hours old, with its checksum beside it."""
    path = tmp_path / "it's a $(touch pwned) `backup`; *.dump"
    path.write_bytes(b"0123456789abcdef" * (1 << 17))
    past = time.time() - 3 * 3600 - 60
    os.utime(path, (past, past))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "sums").write_text(f"{'0' * 64}  other.dump\n{digest}  {path.name}\n")
    return path


def wanted(path: Path, sums: str | None = "sums") -> Check:
    return Check(backup=str(path), max_age=Duration(86400), min="1MiB", sha256=sums)


def test_a_fresh_backup_with_its_checksum_is_right(host: Host, backup: Path) -> None:
    said = host.says(wanted(backup))
    found = "2 MiB, 3 h old, checksum verified, wanted at least 1 MiB and at most 24 h old"
    assert said == f"ok    backup {backup}: {found}"
    assert not (backup.parent / "pwned").exists()


@pytest.mark.parametrize("line", ["{hex} *dir/{name}", "SHA256 ({name}) = {hex}", "{HEX}", "{HEX}  ./{name}"])
def test_checksum_files_of_every_kind_are_read(host: Host, backup: Path, tmp_path: Path, line: str) -> None:
    digest = hashlib.sha256(backup.read_bytes()).hexdigest()
    sums = tmp_path / "elsewhere.sha256"
    sums.write_text("# made by hand\n" + line.format(hex=digest, HEX=digest.upper(), name=backup.name))
    assert "checksum verified" in host.says(wanted(backup, str(sums)))


def test_a_damaged_backup_fails_with_both_checksums(host: Host, backup: Path) -> None:
    before = hashlib.sha256(backup.read_bytes()).hexdigest()
    facts = backup.stat()
    with backup.open("r+b") as file:
        file.seek(1000)
        file.write(b"X")
    os.utime(backup, (facts.st_mtime, facts.st_mtime))
    after = hashlib.sha256(backup.read_bytes()).hexdigest()
    said = host.says(wanted(backup))
    assert said == f"FAIL  backup {backup}: 2 MiB, 3 h old; checksum is {after}, wanted {before}"


def test_an_old_small_or_empty_backup_fails(host: Host, backup: Path) -> None:
    past = time.time() - 31 * 3600 - 60
    os.utime(backup, (past, past))
    assert host.says(wanted(backup)) == f"FAIL  backup {backup}: 2 MiB, 31 h old, wanted at most 24 h"
    backup.write_bytes(b"x" * 1536)
    recent = time.time() - 3 * 3600 - 60
    os.utime(backup, (recent, recent))
    assert host.says(wanted(backup)) == f"FAIL  backup {backup}: 1.5 KiB, 3 h old, wanted at least 1 MiB"
    backup.write_bytes(b"")
    assert host.says(wanted(backup)) == f"FAIL  backup {backup}: is empty"


def test_a_backup_that_is_no_file_or_not_there_fails(host: Host, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "folder").mkdir()
    code, lines = host.run(*(Check(backup=str(tmp_path / name)) for name in ("link", "folder", "gone")))
    assert (code, lines) == (
        1,
        [
            f"FAIL  backup {tmp_path}/link: is a link that points to nothing",
            f"FAIL  backup {tmp_path}/folder: is not a file",
            f"FAIL  backup {tmp_path}/gone: is not there",
        ],
    )


def test_a_checksum_that_is_missing_fails_and_one_that_cannot_be_made_is_unknown(host: Host, backup: Path) -> None:
    assert host.says(wanted(backup, "none")).endswith(f"; {backup.parent}/none is not there")
    (backup.parent / "others").write_text(f"{'0' * 64}  other.dump\nnonsense\n")
    assert host.says(wanted(backup, "others")).endswith(f"; no SHA-256 for it in {backup.parent}/others")


def test_a_backup_from_the_future_is_not_believed(host: Host, backup: Path) -> None:
    later = time.time() + 4000
    os.utime(backup, (later, later))
    said = host.says(wanted(backup))
    assert said == f"?     backup {backup}: written 66 m in the future, by this clock"


def test_a_backup_behind_a_closed_door_is_not_found_out(host: Host, backup: Path) -> None:
    require(root=True)
    closed = backup.parent / "closed"
    closed.mkdir(mode=0o700)
    host.user, host.cwd = 65534, Path("/")
    said = host.says(Check(backup=str(closed / "db.dump")))
    assert said.startswith(f"?     backup {closed}/db.dump: /")
    assert said.endswith(" is closed to this user")


def test_a_backup_that_may_not_be_read_is_not_verified(host: Host) -> None:
    require(root=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(_open_folder()))
        (folder / "db.dump").write_bytes(b"x")
        (folder / "db.dump").chmod(0o600)
        (folder / "sums").write_text(f"{'0' * 64}  db.dump\n")
        host.user, host.cwd = 65534, Path("/")
        said = host.says(Check(backup=str(folder / "db.dump"), sha256="sums"))
    assert said.startswith("?     backup ")
    assert "may not be read by this user" in said


def test_a_host_with_nothing_but_busybox_is_checked(tmp_path: Path) -> None:
    require("busybox")
    applets = tmp_path / "applets"
    applets.mkdir()
    subprocess.run(["busybox", "--install", "-s", str(applets)], check=True, capture_output=True)
    host = Host(SHELLS["busybox"], tmp_path)
    host.path = str(applets)
    host.env["UPGRADE_NOW"] = f"{time.time():.3f}"
    (tmp_path / "db.dump").write_bytes(b"x" * 5000)
    (tmp_path / "sums").write_text(f"{hashlib.sha256(b'x' * 5000).hexdigest()}  db.dump\n")
    code, lines = host.run(
        Check(free="/", min="1MiB"), Check(memory="1MiB"), Check(program="awk"), Check(clock=Duration(60)),
        Check(backup=str(tmp_path / "db.dump"), min="4KiB", max_age=Duration(3600), sha256="sums"),
        Check(free="/proc", min="1B"), Check(unit="a.service"), Check(port=f"127.0.0.1:{free_port()}"),
    )  # fmt: skip
    assert code == 1
    assert [line.split()[0] for line in lines] == ["ok"] * 5 + ["?", "?", "FAIL"]


@contextlib.contextmanager
def _open_folder() -> Iterator[str]:
    """pytest's own temporary directories are closed to other users."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield folder
