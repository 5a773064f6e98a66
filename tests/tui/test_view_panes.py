"""What steps, hosts, canaries, log, keys and details say: pure, without a screen."""

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from tests.golden import golden
from tests.tui.test_view_clock import scene, text
from upgrade_tui.tui import key_hints, layout
from upgrade_tui.tui.canary import rows as canary_rows
from upgrade_tui.tui.canary.pane import CanariesPane
from upgrade_tui.tui.clock import big_text
from upgrade_tui.tui.details.pane import detail_lines
from upgrade_tui.tui.host import rows as host_rows
from upgrade_tui.tui.host.pane import HostsPane
from upgrade_tui.tui.log import rows as log_rows
from upgrade_tui.tui.recent import RecentFrames, RecentSeries
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.step import rows as step_rows
from upgrade_tui.tui.verbs.verb import Look
from upgrade_tui.tui.verbs.verb_table import offered
from upgrade_tui.tui.widgets.spans import length
from upgrade_tui.units import short_duration, short_rate
from upgrade_tui.window import events as ev
from upgrade_tui.window.answers import answers
from upgrade_tui.window.events import Record
from upgrade_tui.window.notifications import notification, together

# -- steps --------------------------------------------------------------------------------------------------------


def step(at: Scene, name: str) -> step_rows.StepRow:
    spec = at.plan.step(name)
    assert spec is not None
    return step_rows.step_row(at, spec)


def test_a_running_step_says_its_batch_and_its_hosts() -> None:
    row = step(scene("rollout"), "api")
    assert (row.word.word, row.share) == ("running", 2 / 6)
    assert row.remark.startswith("batch 2/3 · 2/6 hosts done")
    assert row.elapsed == 13 * 60 + 30
    assert row.planned == 28 * 60


def test_a_step_in_trouble_names_the_hosts_and_the_reasons() -> None:
    row = step(scene("trouble"), "api")
    assert row.remark == "unknown on api3, failed on api4: the link broke while the command ran; exit 100"
    assert row.word.tone == "unknown"


def test_a_step_that_took_much_longer_than_planned_stands_out() -> None:
    at = scene("trouble")
    columns = step_rows.step_columns([step(at, "backup")], 60)
    tones = {t.strip(): tone for t, tone in step_rows.step_row_line(step(at, "backup"), columns, 60)}
    assert tones["1h48m/25m"] == "tight"


def test_a_gate_says_who_voted_and_whom_it_waits_for() -> None:
    at = scene("preflight")
    steps = dict(at.state.steps)
    steps["go-begin"] = replace(
        steps["go-begin"], stage="under way", votes={"mei": ev.GateVoted(step="go-begin", go=True)}
    )
    row = step(replace(at, state=replace(at.state, steps=steps)), "go-begin")
    assert row.remark == "1 of 2 go: mei; waits for tom"


def test_phases_count_what_is_over() -> None:
    rows = step_rows.step_rows(scene("rollout"))
    said = [(phase, text(step_rows.phase_line(phase, each, 40))) for phase, each in step_rows.phases(rows)]
    assert said == [
        ("Preflight", "PREFLIGHT  4/4 done"),
        ("Backup", "BACKUP  3/3 done"),
        ("Rollout", "ROLLOUT  3/4 done"),
        ("Verify", "VERIFY  0/3 done"),
    ]


@pytest.mark.parametrize("width", [30, 56, 78, 120])
def test_step_lines_are_all_of_one_width(width: int) -> None:
    rows = step_rows.step_rows(scene("rollout"))
    columns = step_rows.step_columns(rows, width)
    assert {length(step_rows.step_row_line(row, columns, width)) for row in rows} == {
        length(step_rows.step_heading(columns, width))
    }


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (48, "48s"), (60, "1m"), (192, "3m12s"), (1480, "24m"), (3840, "1h04m")]
)
def test_short_durations(seconds: float | None, said: str) -> None:
    assert short_duration(seconds) == said


def test_steps_are_found_by_id_owner_and_state() -> None:
    rows = step_rows.step_rows(scene("rollout"))
    assert [r.id for r in rows if step_rows.step_matches(r, "ANA pending")] == ["traffic"]


# -- hosts --------------------------------------------------------------------------------------------------------


def host(at: Scene, name: str) -> host_rows.HostRow:
    return host_rows.host_row(at, name)


def test_a_lost_host_says_how_long_and_why() -> None:
    row = host(scene("rollout"), "cache2")
    assert (row.word.word, row.rank, row.brief) == ("lost", 0, "lost 42 s")
    assert row.reasons[0].startswith("lost 42 s: no answer for 3 s")


def test_a_limit_that_stands_crossed_is_said_with_the_newest_value() -> None:
    row = host(scene("rollout"), "cache1")
    assert row.brief == "memory 93 %"
    assert row.hot == {"memory"}
    cells = [t for t, _ in host_rows.host_row_line(row, host_rows.host_columns(80, [row.name]), 80, None)]
    assert "  93!" in cells


def test_a_sample_that_is_old_is_stale_even_if_the_link_is_up() -> None:
    row = host(scene("rollout", frame_age=6.0), "db1")
    assert row.word.word == "stale"
    assert row.brief.startswith("no sample for 6 s")
    line = host_rows.host_row_line(row, host_rows.host_columns(80, ["db1"]), 80, None)
    assert "no sample for" in text(line)
    assert "%" not in text(line)  # never the last value pretending


def test_without_a_frame_a_host_was_up_not_is_up() -> None:
    row = host(scene("rollout", frame_age=None), "db1")
    assert (row.word.word, row.sample) == ("was up", None)


def test_a_failed_unit_needs_a_look() -> None:
    at = scene("preflight")
    hosts = dict(at.state.hosts)
    hosts["db1"] = replace(hosts["db1"], units={"postgresql@16-main": "failed"})
    row = host(replace(at, state=replace(at.state, hosts=hosts)), "db1")
    assert (row.rank, row.brief) == (1, "postgresql@16-main failed")


@pytest.mark.parametrize(
    ("units", "rank", "brief"),
    [
        ({"postgresql@16-main": "not found"}, 1, "postgresql@16-main not found"),
        ({"postgresql@16-main": "unknown"}, 3, "postgresql@16-main: unknown"),
        ({}, 3, "postgresql@16-main: no answer"),
        ({"postgresql@16-main": "active"}, 9, ""),
    ],
)
def test_a_unit_counts_as_healthy_only_where_systemd_says_so(units: dict[str, str], rank: int, brief: str) -> None:
    at = scene("preflight")
    at = replace(at, details={**at.details, "db1": replace(at.details["db1"], units=units)})
    row = host(at, "db1")
    assert (row.rank, row.brief) == (rank, brief)
    said = "\n".join(text(line) for line in detail_lines(at, "host", "db1", 60))
    assert "postgresql@16-main" in said
    assert (units or {"": "no answer"}).popitem()[1] in said


def test_a_canary_that_was_not_asked_lately_is_not_counted_as_healthy() -> None:
    at = scene("preflight")
    assert at.frame is not None
    old = {name: replace(seen, age=7200.0) for name, seen in at.frame.canaries.items() if name == "certificate"}
    at = replace(at, frame=replace(at.frame, canaries={**at.frame.canaries, **old}))
    rows = [canary_rows.canary_row(at, name) for name in at.state.canaries]
    assert any(row.stale for row in rows)
    said = " ".join(part.text for part in answers(at, [], rows).healthy[0])
    assert "certificate not probed lately" in said
    assert "canaries healthy" not in said


def test_hosts_come_worst_first_and_else_as_in_the_plan() -> None:
    at = scene("rollout")
    order = host_rows.SteadyOrder().sorted([host(at, n) for n in at.state.hosts], at.now)
    assert [r.name for r in order][:4] == ["cache2", "cache1", "db1", "db2"]


def test_a_host_that_recovers_keeps_its_place_for_a_while() -> None:
    at, order = scene("rollout"), host_rows.SteadyOrder(hold=10.0)
    bad = [host(at, n) for n in at.state.hosts]
    good = [replace(r, rank=9, reasons=()) for r in bad]
    assert order.sorted(bad, 100.0)[0].name == "cache2"
    assert order.sorted(good, 105.0)[0].name == "cache2"
    assert order.sorted(good, 111.0)[0].name == "db1"
    assert order.sorted(bad, 112.0)[0].name == "cache2"


def test_hosts_are_found_by_group_and_by_what_is_wrong() -> None:
    at = scene("rollout")
    rows = [host(at, n) for n in at.state.hosts]
    assert [r.name for r in rows if host_rows.host_matches(r, at.plan.hosts[r.name].groups, "cache lost")] == ["cache2"]


@pytest.mark.parametrize("width", [40, 54, 66, 78, 120])
@pytest.mark.parametrize("hostile", [False, True])
def test_host_lines_never_exceed_the_pane(width: int, hostile: bool) -> None:
    g = golden("trouble", hostile=hostile)
    at = replace(scene("trouble"), state=g.state, frame=g.frame)
    columns = host_rows.host_columns(width, at.state.hosts)
    for name in at.state.hosts:
        assert length(host_rows.host_row_line(host(at, name), columns, width, RecentSeries())) <= width
        assert length(host_rows.host_second_line(host(at, name), at, width)) <= width
    assert length(host_rows.host_heading(columns)) <= width + 1


def test_history_takes_each_frame_once_and_leaves_a_gap_where_a_host_was_lost() -> None:
    frame, history = golden("rollout").frame, RecentFrames()
    assert history.feed(frame)
    assert not history.feed(frame)
    assert history.feed(replace(frame, ts=frame.ts + 1))
    assert history.hosts["db1"].count == 2
    assert history.hosts["cache2"].column(0) == [None, None]


@pytest.mark.parametrize(("value", "said"), [(0, "0B/s"), (2048, "2.0K/s"), (18_874_368, "18M/s"), (3e12, "2794G/s")])
def test_rates_are_short(value: float, said: str) -> None:
    assert short_rate(value) == said


# -- canaries -----------------------------------------------------------------------------------------------------


def test_canaries_come_worst_first_with_what_they_found() -> None:
    at = scene("trouble")
    rows = canary_rows.worst_order([canary_rows.canary_row(at, n) for n in at.state.canaries])
    assert [(r.name, r.verdict) for r in rows][:2] == [("orders health", "failing"), ("checkout latency", "degraded")]
    assert "503 Service Unavailable" in text(canary_rows.canary_row_line(rows[0], 16, 90, None))
    assert "pauses the window" in text(canary_rows.canary_second_line(rows[0], 90))


def test_values_read_as_what_they_are() -> None:
    at = scene("rollout")
    values = {n: canary_rows.canary_row(at, n).value for n in at.state.canaries}
    assert values["certificate"] == "61 days"
    assert values["replication lag"] == "0.4"
    assert values["checkout latency"].endswith(" ms")


def test_a_canary_that_was_healthy_when_last_asked_is_not_shown_as_healthy_now() -> None:
    row = canary_rows.canary_row(scene("preflight", frame_age=60.0), "orders health")
    assert row.stale
    assert (row.word.glyph, row.word.tone) == ("◌", "muted")


# -- log, alerts, keys, details -----------------------------------------------------------------------------------


def record(event: ev.Event, actor: str = ev.SYSTEM) -> Record:
    return Record(seq=1, ts=golden("rollout").now, mono=0.0, boot="b", actor=actor, event=event)


def test_a_log_line_says_when_who_and_what() -> None:
    line = log_rows.record_line(scene("rollout"), record(ev.StepTicked(step="announce"), "mei"), 80)
    assert text(line) == "23:30:30 ✓ mei     ticked announce"
    assert log_rows.record_matches(scene("rollout"), record(ev.StepTicked(step="announce"), "mei"), "mei announce")


def test_what_must_be_heard_at_once_rings() -> None:
    loud = [
        ev.ClockCrossed(what="T-30", slack=1800.0),
        ev.CanaryVerdict(canary="c", verdict="failing", before="degraded"),
        ev.HostLink(host="db1", link="lost"),
        ev.TaskUnknown(step="s", host="h", attempt=1, reason=""),
        ev.TaskFinished(step="s", host="h", attempt=1, exit=1, seconds=1.0),
        ev.StepFinished(step="s", attempt=1, reason="canary c is failing"),
        ev.LogFenced(error="EIO", segment="log.2.jsonl"),
        ev.UnitChanged(host="db1", unit="postgresql@16-main", before="active", after="failed"),
        ev.HostLink(host="db1", link="unresolved"),
    ]
    assert all(notification(record(event), {}) is not None for event in loud)
    quiet = [
        ev.HostLink(host="db1", link="up"),
        ev.TaskFinished(step="s", host="h", attempt=1, exit=0, seconds=1.0),
        ev.CanaryVerdict(canary="c", verdict="healthy", before="failing"),
        ev.TaskChecked(step="s", host="h", attempt=1, exit=1, before=True),
    ]
    assert all(notification(record(event), {}) is None for event in quiet)


def test_many_alerts_at_once_become_one_with_the_worst_in_front() -> None:
    found = [notification(record(e), {}) for e in (ev.HostRebooted(host="a", before="1", after="2"),
                                               ev.HostLink(host="db1", link="lost"))]  # fmt: skip
    one = together([a for a in found if a is not None])
    assert one.title == "Host lost, and 1 more alert"
    assert one.bad


def footer(at: Scene, step: str) -> list[str]:
    """The verbs of the main screen's footer; no step: the cursor is on a host."""
    look = Look(scene=at, spec=at.plan.step(step), step=at.state.steps.get(step), host=not step)
    return [verb.name for verb in offered("main", look)]


def test_keys_fit_what_the_cursor_is_on() -> None:
    at = scene("opened")
    assert footer(at, "announce")[:2] == ["tick", "start"]
    assert footer(at, "go-begin")[0] == "start"
    steps = dict(at.state.steps)
    steps["go-begin"] = replace(steps["go-begin"], stage="under way")
    opened = replace(at, state=replace(at.state, steps=steps))
    assert footer(opened, "go-begin")[:2] == ["go", "nogo"]
    assert footer(at, "") == ["reconnect", "note"]
    assert footer(scene("trouble"), "api")[0] == "settle"
    assert footer(scene("closed"), "api") == []


@pytest.mark.parametrize(
    ("moment", "said"), [("opened", "press space"), ("trouble", "p resumes"), ("closed", "report")]
)
def test_the_guide_says_what_to_press_next(moment: str, said: str) -> None:
    assert said in text(key_hints.guide(scene(moment)))


@pytest.mark.parametrize("width", [30, 46, 60])
@pytest.mark.parametrize("hostile", [False, True])
def test_details_fit_the_column_and_name_the_thing(width: int, hostile: bool) -> None:
    g = golden("trouble", hostile=hostile)
    at = replace(scene("trouble"), state=g.state, frame=g.frame, details=g.details)
    things = [("step", s) for s in at.state.steps] + [("host", h) for h in at.state.hosts]
    for kind, name in [*things, *(("canary", c) for c in at.state.canaries)]:
        lines = detail_lines(at, kind, name, width)
        assert name[:10] in "".join(text(line) for line in lines)
        assert all(length(line) <= width for line in lines)


def test_details_of_a_step_say_how_it_is_undone_and_what_runs_where() -> None:
    said = "\n".join(text(line) for line in detail_lines(scene("rollout"), "step", "api", 60))
    assert "apt-get install -y orders-api=4.2.0" in said
    assert "batch 2/3" in said
    assert "Rollback, about" in said


# -- layout -------------------------------------------------------------------------------------------------------


def test_layouts_follow_the_terminal() -> None:
    small = layout.layout_for(80, 24, 4, 12, zoomed=False)
    assert (small.solo, small.tabs, small.columns) == (True, True, 1)
    assert layout.layout_for(120, 40, 4, 12, zoomed=False).columns == 2
    assert layout.layout_for(200, 60, 4, 12, zoomed=False).columns == 3
    assert layout.layout_for(120, 40, 4, 12, zoomed=True).solo


def test_the_countdown_has_room_beside_the_answers() -> None:
    assert cell_len(big_text.big("23:59:59")[0]) <= 30


def test_one_of_a_thing_is_not_told_as_many() -> None:
    at = scene("rollout")
    pane = HostsPane(RecentFrames())
    pane.every = [host_rows.host_row(at, n) for n in at.state.hosts]
    pane._rows, pane._need = {r.name: r for r in pane.every}, 1
    assert pane.title().endswith("· 1 needs a look")


def test_without_a_conductor_no_pane_says_that_all_is_fine() -> None:
    at = scene("preflight", frame_age=None)
    rows, canaries = HostsPane(RecentFrames()), CanariesPane(RecentFrames())
    rows.every = [host_rows.host_row(at, n) for n in at.state.hosts]
    rows.mark_stale(at)
    canaries.every = [canary_rows.canary_row(at, n) for n in at.state.canaries]
    assert rows.title().endswith("· not known now")
    assert canaries.title() == "canaries · 4 of 4 were healthy"


def test_what_is_known_of_a_host_that_is_down_says_how_old_it_is() -> None:
    at = scene("rollout")
    row = replace(host_rows.host_row(at, "db1"), rank=0, age=1.0)
    assert text(host_rows.host_second_line(row, at, 200)).strip().startswith("1 s ago: load ")


def test_a_gate_that_was_decided_says_by_whom() -> None:
    row = step(scene("rollout"), "go-begin")
    assert row.more.endswith(": go by mei, tom")


def test_a_column_is_as_wide_as_the_cells_of_its_widest_name_not_as_its_letters() -> None:
    rows = [replace(canary_rows.canary_row(scene("rollout"), "orders health"), name="数据库健康检查")]
    assert canary_rows.name_width(rows, 120) == cell_len("数据库健康检查") == 14
