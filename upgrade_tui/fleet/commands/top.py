"""The busiest processes of a host, on demand: two looks at ``/proc/*/stat`` a second apart. The reading is pure."""

from __future__ import annotations

import re
import shlex

from msgspec import Struct

from upgrade_tui.foreign import one_line

_PAGE = 4096  # bytes; where pages are larger memory reads too low, which is said nowhere in /proc
_TICKS = 100  # a second, USER_HZ on every Linux that sshd runs on

_LOOK = """\
look() {{ cat /proc/[0-9]*/stat 2>/dev/null; read -r up rest <{root}/uptime; echo "uptime $up"; }}
cd {root} && look; sleep 1; look; getconf PAGESIZE 2>/dev/null | sed 's/^/page /'
"""

_NAMES = """\
for p in {pids}; do
    set -- $(ls -ldn {root}/$p 2>/dev/null) - - -
    name=$(ls -ld {root}/$p 2>/dev/null | {{ read -r mode links name rest; echo "$name"; }})
    echo "$p ${{name:-$3}} $(tr '\\0\\n' '  ' <{root}/$p/cmdline 2>/dev/null | cut -c 1-300)"
done
"""


class TopProcess(Struct, frozen=True, array_like=True):
    """A process as ``top`` shows it."""

    pid: int
    user: str
    cpu: float  # percent of one core, over about a second
    memory: int  # bytes resident
    command: str  # one line, harmless


def look_command(proc_root: str) -> str:
    """Prints what ``busiest`` reads."""
    return _LOOK.replace("/proc/[", "{root}/[").format(root=shlex.quote(proc_root))


def names_command(proc_root: str, pids: list[int]) -> str:
    """Prints what ``with_names`` reads."""
    return _NAMES.format(root=shlex.quote(proc_root), pids=" ".join(map(str, pids)))


def busiest(text: str, count: int) -> list[TopProcess]:
    """The ``count`` processes that used most CPU between the two looks, then memory; without users yet."""
    looks: list[dict[int, tuple[int, int, str]]] = [{}]
    uptimes: list[float] = []
    page = _PAGE
    for line in text.split("\n"):
        if line.startswith("uptime "):
            uptimes.append(_float(line[7:]))
            looks.append({})
        elif line.startswith("page ") and line[5:].isdigit():
            page = int(line[5:])
        elif (match := re.match(r"(\d{1,9}) \((.*)\) (.*)", line, re.DOTALL)) is not None:
            fields = match[3].split()
            if len(fields) > 21 and all(f.isdigit() for f in (fields[11], fields[12], fields[21])):
                looks[-1][int(match[1])] = (int(fields[11]) + int(fields[12]), int(fields[21]), match[2])
    if len(uptimes) < 2:
        return []
    seconds = max(0.1, uptimes[1] - uptimes[0])
    found = []
    for pid, (ticks, pages, name) in looks[1].items():
        was = looks[0].get(pid, (ticks, 0, ""))[0]
        cpu = max(0, ticks - was) / _TICKS / seconds * 100
        found.append(TopProcess(pid, "", round(cpu, 1), pages * page, f"[{one_line(name, 60)}]"))
    return sorted(found, key=lambda p: (-p.cpu, -p.memory))[:count]


def with_names(processes: list[TopProcess], text: str) -> list[TopProcess]:
    """The same with users and command lines; a process that is gone in the meantime keeps its short name."""
    said = {}
    for line in text.split("\n"):
        pid, _, rest = line.partition(" ")
        user, _, command = rest.partition(" ")
        if pid.isdigit():
            said[int(pid)] = (one_line(user, 32), one_line(command.strip(), 300))
    out = []
    for p in processes:
        user, command = said.get(p.pid, ("", ""))
        out.append(TopProcess(p.pid, "" if user == "-" else user, p.cpu, p.memory, command or p.command))
    return out


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
