"""The plan of the golden window, as TOML: a believable night for tests, pictures and reports to share."""

from __future__ import annotations

from upgrade_tui.foreign import harmless

FEWEST = 12  # with fewer, the second batch of the API has no api4 to fail
MOST = 500

NASTY = {
    "markup": "[/b][bold red]not bold[/] [@click=app.quit]quit[/]",
    "escapes": harmless("\x1b]52;c;cm0gLXJmIC8=\x07\x1b[2J\x9b31mred\u202egnp.exe"),
    "wide": "数据库升级窗口：订单平台 주문 🚀👩‍🚒🇩🇪 ｆｕｌｌ",
    "combining": "Z̷̛͎a̴͖̅l̶̦̈g̶̰̈o̸͙̎ é é",
    "long": "a very long title that never ends " * 12,
}

_HEAD = """\
#:schema ./plan.schema.json
[window]
id = "orders-pg16"
title = "Orders platform: PostgreSQL 15 to 16 and API 4.2"
change = "CHG-20413"
start = 2026-11-21T22:00:00+08:00
end = 2026-11-22T02:00:00+08:00
margin = "15m"
rto = "45m"
goal = "orders-api p95 under 200 ms on 16, no lost writes"
services = ["orders-api", "checkout"]

[people]
mei = { name = "Mei Lin", role = "lead", contact = "mei@example.com" }
tom = { name = "Tom Okafor", role = "engineer" }
ana = { name = "Ana Petrova", role = "engineer" }

[[risks]]
title = "The replica falls behind during the copy"
likelihood = "medium"
impact = "high"
owner = "tom"
response = "pause batches; wait for the lag to fall; roll back past 10 min"
watch = ["replication lag"]

[[risks]]
title = "API 4.2 is slower on cold caches"
likelihood = "high"
impact = "low"
owner = "ana"
response = "expected for a minute after each batch; bake longer"
watch = ["checkout latency"]

[[risks]]
title = "The base backup takes longer than last time"
likelihood = "low"
impact = "medium"
owner = "mei"
response = "go / no-go before the fleet decides again"

[ssh]
user = "deploy"

[watch]
interval = "1s"
limits = { cpu = "90%", memory = "90%", disk = "85%" }

[[canaries]]
name = "orders health"
http = "http://10.0.3.40:8080/health"
expect = { status = 200, body = "ok" }
max_latency = "300ms"
interval = "2s"
failure_limit = 3
on_fail = "pause"

[[canaries]]
name = "checkout latency"
http = "http://10.0.3.40:8080/checkout/ping"
expect = { status = 200 }
max_latency = "200ms"
interval = "2s"
timeout = "1s"
on_fail = "warn"

[[canaries]]
name = "replication lag"
run = "psql -XAtc 'select extract(epoch from replay_lag) from pg_stat_replication'"
on = "db2"
expect = { exit = 0, max = 10.0 }
interval = "5s"
on_fail = "pause"

[[canaries]]
name = "certificate"
tls = "10.0.3.40:8443"
expect = { days = 14 }
interval = "30s"
"""

_STEPS = """
[[steps]]
phase = "Preflight"
id = "announce"
title = "Announce the start, freeze deployments"
owner = "mei"
instructions = "Post in #orders-oncall. Lock the deploy pipeline."
estimate = "2m"

[[steps]]
phase = "Preflight"
id = "space"
title = "Room for both versions"
owner = "ana"
on = ["db", "api"]
run = "test $(df --output=pcent / | tail -n1 | tr -dc 0-9) -lt 80"
estimate = "1m"
changes = false

[[steps]]
phase = "Preflight"
id = "replica"
title = "The replica is streaming and close"
owner = "tom"
on = "db2"
run = "psql -XAtc 'select status from pg_stat_wal_receiver' | grep -q streaming"
estimate = "1m"
changes = false

[[steps]]
phase = "Preflight"
id = "go-begin"
kind = "gate"
title = "Go / no-go to begin"
owner = "mei"
approvals = 2
by = ["mei", "tom"]
estimate = "3m"
timeout = "15m"

[[steps]]
phase = "Backup"
id = "jobs"
title = "Stop the nightly jobs"
owner = "ana"
instructions = "Scheduler, orders-export and the mail queue."
estimate = "3m"
rollback = { manual = "start the jobs again", estimate = "2m" }

[[steps]]
phase = "Backup"
id = "backup"
title = "Full base backup of orders"
owner = "tom"
on = "db1"
run = "sudo -n pg_basebackup -D /srv/backup/orders -Ft -z -P"
check = "test -s /srv/backup/orders/base.tar.gz"
estimate = "25m"
timeout = "2h"
rollback = { manual = "remove the backup", estimate = "1m" }

[[steps]]
phase = "Backup"
id = "restore-check"
title = "Restore the backup beside it and compare counts"
owner = "tom"
on = "db2"
run = "sudo -n /opt/orders/restore-check /srv/backup/orders"
estimate = "10m"
timeout = "30m"
rollback = { manual = "remove the restored copy", estimate = "1m" }

[[steps]]
phase = "Rollout"
id = "pg-replica"
title = "Upgrade the replica to 16"
owner = "tom"
on = "db2"
run = "sudo -n /opt/pg/upgrade-replica 16"
check = "pg_lsclusters -h | grep -q '^16'"
estimate = "15m"
timeout = "30m"
canaries = ["orders health"]
rollback = { run = "sudo -n /opt/pg/back-to-15", estimate = "10m", check = "pg_lsclusters -h | grep -q '^15'" }

[[steps]]
phase = "Rollout"
id = "pg-switch"
title = "Switch over, upgrade the old primary"
owner = "tom"
on = "db1"
run = "sudo -n /opt/pg/switch-and-upgrade 16"
check = "pg_lsclusters -h | grep -q '^16'"
estimate = "12m"
timeout = "30m"
canaries = ["orders health", "replication lag"]
rollback = { run = "sudo -n /opt/pg/back-to-15", estimate = "15m", check = "pg_lsclusters -h | grep -q '^15'" }

[[steps]]
phase = "Rollout"
id = "go-api"
kind = "gate"
title = "Go / no-go for the fleet"
owner = "mei"
approvals = 2
by = ["mei", "tom"]
estimate = "3m"
timeout = "15m"

[[steps]]
phase = "Rollout"
id = "api"
title = "API 4.2 in batches"
owner = "tom"
on = "api"
run = "sudo -n apt-get install -y orders-api=4.2.0 && sudo -n systemctl restart orders-api"
check = "curl -fsS localhost:8080/version | grep -q '^4.2'"
batches = [1, "50%", "100%"]
max_fail = "0%"
estimate = "6m"
timeout = "10m"
canaries = ["orders health", "checkout latency"]
bake = "5m"
rollback = { run = "sudo -n apt-get install -y --allow-downgrades orders-api=4.1.7", estimate = "4m" }

[[steps]]
phase = "Verify"
id = "traffic"
title = "Shift traffic back to 100 %"
owner = "ana"
instructions = "lb1 first, then lb2; watch checkout for a minute in between."
estimate = "5m"
rollback = { manual = "shift back to the old weights", estimate = "2m" }

[[steps]]
phase = "Verify"
id = "soak"
kind = "bake"
title = "Twenty quiet minutes under load"
owner = "mei"
bake = "20m"
canaries = ["orders health", "checkout latency", "replication lag"]

[[steps]]
phase = "Verify"
id = "drop-15"
title = "Drop the 15 clusters"
owner = "tom"
on = "db"
run = "sudo -n pg_dropcluster 15 main"
estimate = "3m"
irreversible = true
"""


def host_names(hosts: int, *, hostile: bool = False) -> tuple[str, ...]:
    """db1, db2, the API hosts that make up the number, lb1, lb2, cache1, cache2: in that order."""
    if not FEWEST <= hosts <= MOST:
        raise ValueError(f"the golden window has {FEWEST} to {MOST} hosts, not {hosts}")
    names = ("db1", "db2", *(f"api{i}" for i in range(1, hosts - 5)), "lb1", "lb2", "cache1", "cache2")
    odd = {"lb1": "lb1._-.x", "api2": "api2-" + "a-name-as-long-as-a-plan-may-have." * 2} if hostile else {}
    odd = {name: nasty[:63] + "x" if len(nasty) > 64 else nasty for name, nasty in odd.items()}  # 64: the limit
    return tuple(odd.get(name, name) for name in names)


def kind_of(host: str) -> str:
    """db, api, lb or cache."""
    return host[: next(i for i, character in enumerate(host) if not character.islower())]


_BY_HAND = """\
instructions = "lb1 first, then lb2; watch checkout for a minute in between."
estimate = "5m"
rollback = { manual = "shift back to the old weights", estimate = "2m" }
"""
_BY_COMMAND = """\
on = "lb"
run = "sudo -n /opt/lb/weights new=100"
check = "/opt/lb/weights | grep -q new=100"
estimate = "5m"
confirm_within = "10m"
timeout = "8m"
rollback = { run = "sudo -n /opt/lb/weights old=100", estimate = "2m" }
"""


def plan_text(hosts: int = 12, *, hostile: bool = False, dead_man: bool = False) -> str:
    """The plan as TOML. ``hostile``: texts that try to act on a screen, made harmless as at any ingress.

    ``dead_man``: traffic is shifted by a command that the balancers undo by themselves unless it is confirmed.
    """
    names = host_names(hosts, hostile=hostile)
    text = _HEAD + "".join(_host(i, name, hostile) for i, name in enumerate(names)) + _STEPS
    if dead_man:
        text = text.replace(_BY_HAND, _BY_COMMAND)
    if hostile:
        for plain, nasty in _HOSTILE:
            text = text.replace(plain, nasty)
    return text


_HOSTILE = (
    ("Orders platform: PostgreSQL 15 to 16 and API 4.2", NASTY["wide"] + " " + NASTY["markup"]),
    ("Room for both versions", NASTY["markup"]),
    ("The replica is streaming and close", NASTY["escapes"]),
    ("Stop the nightly jobs", NASTY["wide"]),
    ("Full base backup of orders", NASTY["long"].strip()),
    ("API 4.2 in batches", "[/b] " + NASTY["combining"] + " " + NASTY["escapes"]),
    ("The replica falls behind during the copy", NASTY["markup"] + NASTY["wide"]),
    ("Tom Okafor", "[b]Tom[/i] 👩‍🚒 Okafor"),
    ("Scheduler, orders-export and the mail queue.", NASTY["markup"] + NASTY["escapes"]),
    ("checkout latency", "checkout 延迟 [/b] latency"),
)


def _host(index: int, name: str, hostile: bool) -> str:
    extra = {
        "db": 'disks = ["/", "/var/lib/postgresql"]\nunits = ["postgresql@16-main"]\n',
        "api": 'units = ["orders-api"]\n',
        "lb": 'units = ["haproxy"]\nnote = "carries all of checkout"\n',
        "cache": 'units = ["redis-server"]\nnote = "cold after a restart"\n',
    }[kind_of(name)]
    if hostile and name == "cache1":
        extra = f'note = "{NASTY["markup"]} {NASTY["wide"]}"\n'
    address = f"10.0.{3 + (index + 11) // 250}.{(index + 11) % 250}"
    key = f'"{name}"' if hostile else name
    return f'\n[hosts.{key}]\naddress = "{address}"\ngroups = ["{kind_of(name)}"]\n{extra}'
