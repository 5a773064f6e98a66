"""A night from one seed: a plan, what goes wrong and when, and when operators look at their screens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import PlanError, parse_plan

SECRET = "SIM_SECRET"
PEOPLE = {"mei": "lead", "tom": "lead", "ana": "engineer", "bob": "engineer", "eve": "observer"}


@dataclass(frozen=True, eq=False)
class Fault:
    """Something goes wrong ``at`` seconds into the night."""

    at: float
    kind: str
    of: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        more = ", ".join(f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in self.of.items())
        return f"{self.kind} ({more})" if more else self.kind


@dataclass(frozen=True, eq=False)
class Moment:
    """An operator looks at the screen and does something: what, follows from what is there and from ``seed``."""

    at: float
    login: str
    seed: int


@dataclass(frozen=True)
class Night:
    """All that is drawn beforehand. Faults and moments can be left out of it: the rest stays."""

    seed: str
    seconds: float
    text: str
    plan: Plan
    faults: tuple[Fault, ...]
    moments: tuple[Moment, ...]

    def without(self, gone: set[Fault | Moment]) -> Night:
        """The same night without some faults and moments."""
        return replace(
            self, faults=tuple(f for f in self.faults if f not in gone),
            moments=tuple(m for m in self.moments if m not in gone),
        )  # fmt: skip


def make_night(seed: int | str) -> Night:
    """The night of a seed; of ``narrow N``, a narrow one."""
    if str(seed).startswith("narrow "):
        return make_narrow(str(seed).removeprefix("narrow "))
    for attempt in range(50):
        rng = Random(f"night {seed} {attempt}")
        try:
            return _drawn(rng, str(seed))
        except PlanError:
            continue  # drawn too wildly: the plan would be refused
    raise AssertionError(f"no plan can be drawn for seed {seed}")


def make_narrow(seed: int | str) -> Night:
    """A short night in which much happens at one moment: an armed step ends as its hosts undo it, on a slow disk."""
    rng = Random(f"narrow {seed}")
    hosts = [f"h{n}" for n in range(1, rng.randint(2, 4) + 1)]
    people = "".join(f'[people.{n}]\nrole = "{r}"\n' for n, r in PEOPLE.items())
    text = f'[window]\nid = "w1"\ntitle = "Narrow"\nstart = "now"\nduration = "30m"\nmargin = "0s"\n{people}'
    text += "".join(f'[hosts.{h}]\naddress = "10.0.0.{n}"\n' for n, h in enumerate(hosts, 1))
    estimate = rng.randint(20, 40)
    text += f'[[steps]]\nid = "s1"\ntitle = "Do"\non = "all"\nrun = "do s1"\nestimate = "{estimate}s"\n'
    text += f'timeout = "{2 * estimate}s"\nconfirm_within = "{2 * estimate + rng.randint(13, 20)}s"\n'
    text += f'batches = [1, 1]\nmax_fail = "{rng.choice([0, 0, 34, 50])}%"\n'
    text += 'check = "is s1"\ncheck_first = false\n' if rng.random() < 0.5 else ""
    text += 'rollback = { run = "undo s1", estimate = "5s" }\n[[steps]]\nid = "s2"\ntitle = "Look"\n'
    slow = [Fault(n * 20.0, "slow", {"sync": rng.uniform(0.2, 3.0), "seconds": 20.0}) for n in range(1, 20)]
    fences = [
        Fault(rng.uniform(30, 300), "fence", {"error": "EIO", "seconds": rng.uniform(1, 9), "reopens": True})
        for _ in range(rng.randint(0, 6))
    ]
    moments = [Moment(5.0, "mei", -1), *(Moment(10.0 + 3 * n, "eve", -2) for n in range(120))]
    faults = sorted([*slow, *fences], key=lambda f: f.at)
    return Night(f"narrow {seed}", 400.0, text, parse_plan(text, "plan.toml"), tuple(faults), tuple(moments))


def _drawn(rng: Random, seed: str) -> Night:
    seconds = 60.0 * 30 * 8 ** (rng.random() ** 1.7)  # 30 to 240 minutes, rather short ones
    hosts = [f"h{n}" for n in range(1, rng.choice([4, 4, 5, 6, 6, 8, 8, 10, 12, 16, 20]) + 1)]
    canaries = [f"c{n}" for n in range(1, rng.randint(1, 3) + 1)]
    text = _by_itself(Random(f"by itself {seed}"), _plan(rng, seconds, hosts, canaries))
    plan = parse_plan(text, "plan.toml")
    faults = _faults(rng, seconds, hosts, canaries)
    moments = _moments(rng, seconds)
    return Night(seed, seconds, text, plan, tuple(faults), tuple(moments))


# -- the plan ---------------------------------------------------------------------------------------------------------


def _plan(rng: Random, seconds: float, hosts: list[str], canaries: list[str]) -> str:
    alone = rng.random() < 0.1  # nobody in [people]: whoever opened the window leads it
    people = "" if alone else "".join(f'[people.{n}]\nrole = "{r}"\n' for n, r in PEOPLE.items())
    out = [
        f'[window]\nid = "w1"\ntitle = "A night"\nstart = "now"\nduration = "{seconds:.0f}s"',
        f'margin = "{rng.choice([0, 60, 300, 600])}s"\naccept_no_way_back = "drawn"\n', people,
    ]  # fmt: skip
    for n, host in enumerate(hosts):
        groups = '"odd"' if n % 2 else '"even"'
        out.append(f'[hosts.{host}]\naddress = "10.0.0.{n + 1}"\ngroups = [{groups}]\nnote = "x"\n')
    for name in canaries:
        out.append(  # noqa: PERF401
            f'[[canaries]]\nname = "{name}"\nhttp = "http://10.1.1.1/"\ninterval = "{rng.choice([15, 20, 30, 45])}s"\n'
            f"failure_limit = {rng.randint(1, 3)}\nrecovery = {rng.randint(1, 3)}\n"
            f'on_fail = "{rng.choice(["warn", "pause", "pause", "rollback"])}"\n'
        )
    count = rng.randint(5, 12)
    out += [_step(rng, number, count, seconds, hosts, canaries, alone) for number in range(1, count + 1)]
    if not any("rollback = { run" in part for part in out):  # a canary may ask for one
        out.append(_command(rng, f"s{count + 1}", 60.0, hosts, canaries, undo=True))
    return "\n".join(out)


def _by_itself(rng: Random, text: str) -> str:
    """The plan, and in it more that is undone without anybody asking. Drawn apart, so that the rest stays as it was."""
    out = []
    for line in text.split("\n"):
        out.append(line)
        if line == 'on_fail = "rollback"' and rng.random() < 0.5:
            out.append(f'undo = "{rng.choice(["phase", "all"])}"')
        elif line.startswith("rollback = { run") and rng.random() < 0.3:
            out.append('on_fail = "rollback"')
    return "\n".join(out)


def _step(
    rng: Random, number: int, count: int, seconds: float, hosts: list[str], canaries: list[str], alone: bool
) -> str:  # fmt: skip
    name, kind = f"s{number}", rng.choices(["command", "manual", "gate", "bake"], [62, 12, 14, 12])[0]
    if kind == "command":
        text = _command(rng, name, seconds * rng.uniform(0.2, 0.8) / count, hosts, canaries)
    elif kind == "manual":
        text = f'[[steps]]\nid = "{name}"\ntitle = "By hand"\nestimate = "{rng.choice([30, 120])}s"\n'
        text += "evidence = true\n" if rng.random() < 0.2 else ""
        if rng.random() < 0.4:
            text += 'rollback = { manual = "put it back", estimate = "60s" }\n'
        elif rng.random() < 0.1:
            text += "irreversible = true\n"
    elif kind == "gate":
        text = (
            f'[[steps]]\nid = "{name}"\ntitle = "Go?"\nkind = "gate"\napprovals = {1 if alone else rng.randint(1, 2)}\n'
        )
        text += f'timeout = "{rng.choice([120, 300, 900])}s"\n' if rng.random() < 0.7 else ""
        text += 'by = ["mei", "tom", "ana"]\n' if rng.random() < 0.3 and not alone else ""
    else:
        text = f'[[steps]]\nid = "{name}"\ntitle = "Watch"\nkind = "bake"\nbake = "{rng.choice([30, 90, 240])}s"\n'
        text += _watching(rng, canaries, 0.9)
    if number > 2 and rng.random() < 0.3:
        needs = rng.sample(range(1, number), rng.randint(0, min(2, number - 1)))
        text += f"needs = [{', '.join(f'{chr(34)}s{n}{chr(34)}' for n in sorted(needs))}]\n"
    return text


def _watching(rng: Random, canaries: list[str], share: float) -> str:
    if rng.random() > share:
        return ""
    some = rng.sample(canaries, rng.randint(1, len(canaries)))
    return f"canaries = {_list(some)}\n"


def _list(names: list[str]) -> str:
    return "[" + ", ".join(f'"{n}"' for n in names) + "]"


def _command(
    rng: Random, name: str, total: float, hosts: list[str], canaries: list[str], *, undo: bool = False
) -> str:  # fmt: skip
    where = rng.choices(["all", "even", "odd", "one", "local"], [34, 24, 24, 12, 6])[0]
    on = f'"{rng.choice(hosts)}"' if where == "one" else f'"{where}"'
    batches = rng.choice(['["100%"]', '[1, "50%"]', '[1, "100%"]', "[2]", '[1, 1, "100%"]', '["34%"]'])
    estimate = max(5, min(600, round(total / rng.choice([1, 2, 4]))))
    timeout = estimate * rng.choice([2, 3]) + 10
    text = f'[[steps]]\nid = "{name}"\ntitle = "Do"\non = {on}\nrun = "do {name}"\nbatches = {batches}\n'
    text += f'estimate = "{estimate}s"\ntimeout = "{timeout}s"\n'
    if rng.random() < 0.6:
        text += f'check = "is {name}"\n' + ("check_first = false\n" if rng.random() < 0.5 else "")
    text += f'max_fail = "{rng.choice([25, 50])}%"\n' if rng.random() < 0.4 else ""
    text += 'stop = "now"\n' if rng.random() < 0.2 else ""
    text += f"parallel = {rng.randint(1, 4)}\n" if rng.random() < 0.2 else ""
    text += f'secret_env = ["{SECRET}"]\n' if rng.random() < 0.3 else ""
    text += 'run_on = "local"\n' if rng.random() < 0.05 and where not in ("local", "one") else ""
    watching = _watching(rng, canaries, 0.6)
    text += watching + (f'bake = "{rng.choice([15, 40, 90])}s"\n' if watching and batches != '["100%"]' else "")
    kind = rng.random()
    if kind < 0.70 or undo:
        proof = f', check = "isnt {name}"' if rng.random() < 0.5 else ""
        limit = f', timeout = "{timeout}s"' if rng.random() < 0.7 else ""
        if rng.random() < 0.4 and where != "local":
            within = timeout + rng.choice([15, 30, 60, 120, 300])
            by_itself = rng.random() < 0.5 and ("check =" in text or watching)
            text += f'confirm_within = "{within}s"\nconfirm = "{"auto" if by_itself else "person"}"\n'
            text += "failure_changes_nothing = true\n" if rng.random() < 0.3 else ""
        text += f'rollback = {{ run = "undo {name}", estimate = "{max(5, estimate // 2)}s"{proof}{limit} }}\n'
    elif kind < 0.80:
        text += f'rollback = {{ manual = "put it back", estimate = "{estimate}s" }}\n'
    elif kind < 0.86:
        text += "irreversible = true\n"
    elif kind < 0.95:
        text += "changes = false\n"
    return text


# -- what goes wrong --------------------------------------------------------------------------------------------------

_KINDS = {
    "cut": 20, "stall": 14, "storm": 4, "reboot": 9, "tidy": 4, "oom": 4, "full": 3, "death": 12, "death at": 10,
    "stop": 3, "fence": 10, "slow": 8, "jump": 5, "flap": 14,
}  # fmt: skip
_AT = (
    "step.intent", "batch.started", "task.started", "task.finished", "task.checked", "step.finished", "deadman.armed",
    "deadman.asked", "rollback.requested", "rollback.started", "gate.voted", "task.unknown", "task.found",
)  # fmt: skip


def _faults(rng: Random, seconds: float, hosts: list[str], canaries: list[str]) -> list[Fault]:
    count = rng.randint(10, 14) + int(seconds / 900)
    kinds = rng.choices(list(_KINDS), list(_KINDS.values()), k=count)
    calm = rng.random() < 0.15  # a night without a death of the conductor shows other things
    made = [_fault(rng, kind, seconds, hosts, canaries) for kind in kinds if not (calm and kind.startswith("death"))]
    return sorted(made, key=lambda f: f.at)


def _fault(rng: Random, kind: str, seconds: float, hosts: list[str], canaries: list[str]) -> Fault:
    at = rng.uniform(20, seconds)
    host = rng.choice(hosts)
    of: dict[str, Any] = {}
    match kind:
        case "cut" | "stall":
            of = {"host": host, "seconds": rng.choice([1.0, 5.0, 30.0, 120.0]) * rng.uniform(0.3, 3)}
        case "storm":
            of = {"hosts": rng.sample(hosts, rng.randint(2, len(hosts))), "seconds": rng.uniform(3, 120)}
        case "reboot":
            of = {"host": host, "seconds": rng.uniform(15, 120), "clear": rng.random() < 0.4}
        case "tidy" | "oom":
            of = {"host": host}
        case "full":
            of = {"host": host, "seconds": rng.uniform(10, 300)}
        case "death" | "death at":
            of = _death(rng, host)
            if kind == "death at":
                of |= {
                    "event": rng.choice(_AT),
                    "number": rng.randint(1, 6),
                    "lag": rng.choice([0.0, 0.0, 0.003, 0.05, 0.5]),
                }
        case "fence":
            of = {
                "error": rng.choice(["ENOSPC", "EIO"]),
                "seconds": rng.choice([0.5, 5.0, 30.0, 90.0]) * rng.uniform(0.5, 2),
            }
            of["reopens"] = rng.random() < 0.5
        case "slow":
            of = {"sync": rng.choice([0.05, 0.5, 3.0]) * rng.uniform(0.5, 2), "seconds": rng.uniform(5, 60)}
        case "jump":
            of = {"by": rng.choice([-1, 1]) * rng.choice([2.0, 30.0, 300.0, 3600.0]) * rng.uniform(0.5, 1.5)}
        case "flap":
            of = {
                "canary": rng.choice(canaries),
                "seconds": rng.uniform(20, 400),
                "how": rng.choice(["bad", "bad", "mixed", "silent"]),
            }
    return Fault(at, kind, of)


def _death(rng: Random, host: str) -> dict[str, Any]:
    of: dict[str, Any] = {"down": rng.choice([0.5, 5.0, 60.0, 200.0]) * rng.uniform(0.5, 1.5)}
    of["keeps"] = rng.random()  # share of what was written and not acknowledged that is found later
    of["torn"] = rng.random() < 0.2
    of["forgets"] = rng.random() < 0.4  # the next conductor is started without the secret
    if rng.random() < 0.4:
        of["meanwhile"] = rng.choice(["reboot", "reboot", "tidy"])
        of["busy"] = rng.random() < 0.7  # on a host that is at work then, if there is one
        of["host"] = host
    return of


# -- when somebody looks ----------------------------------------------------------------------------------------------


def _moments(rng: Random, seconds: float) -> list[Moment]:
    at, out = 5.0, []
    while at < seconds:
        login = rng.choices(["mei", "tom", "ana", "bob", "eve", "nobody"], [40, 20, 18, 12, 6, 2])[0]
        out.append(Moment(at, login, rng.randrange(1 << 30)))
        at += rng.expovariate(1 / 20.0)
    return out
