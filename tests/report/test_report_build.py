"""The document: what it says, that it says nothing the log does not prove, and that no log makes it fail."""

from __future__ import annotations

import random
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.golden import MOMENTS, golden
from tests.report.report_support import OPENED_AT, SMALL, opened, report_of, small_plan, told
from tests.window.strategies import EVENTS
from tests.window.test_sentences import made
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.report import html, markdown, tables
from upgrade_tui.report.build import Source, build_report
from upgrade_tui.report.decisions import decisions
from upgrade_tui.report.history import WindowHistory
from upgrade_tui.report.model import Report
from upgrade_tui.report.shared_lines import steps_line
from upgrade_tui.report.times import moment
from upgrade_tui.report.write import json_text
from upgrade_tui.units import Duration
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev
from upgrade_tui.window.answers import answers
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.fold import fold, fold_all
from upgrade_tui.window.glance import Glance, plan_zone
from upgrade_tui.window.state import initial


def render_all(report: Report) -> None:
    for render in (markdown.render_markdown, html.render_html, tables.steps_csv, tables.timeline_csv, json_text):
        assert render(report)


# -- never fails ------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(moment=st.sampled_from(MOMENTS), share=st.floats(0, 1), hostile=st.booleans())
def test_any_beginning_of_a_window_gives_a_report_in_every_format(moment: str, share: float, hostile: bool) -> None:
    window = golden(moment, hostile=hostile)
    report = build_report(window.plan, window.records[: round(share * len(window.records))])
    render_all(report)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), other=st.booleans())
def test_events_in_any_order_of_any_plan_give_a_report(seed: int, other: bool) -> None:
    rng = random.Random(seed)
    records = rng.choices(golden("closed").records, k=rng.randint(1, 80))
    records = [replace(r, seq=i * rng.randint(1, 3)) for i, r in enumerate(records, 1)]
    render_all(build_report(small_plan() if other else golden("closed").plan, records))


@pytest.mark.parametrize("ts", [-1.0, 0.0, 4e18, float("inf"), float("nan")])
def test_a_moment_outside_every_calendar_is_moved_to_its_edge(ts: float) -> None:
    assert moment(ts, ZoneInfo("Pacific/Kiritimati")).utc[:4] in ("1970", "9998", "9999")


def test_an_empty_log_says_that_the_window_was_not_opened() -> None:
    report = build_report(small_plan(), [])
    assert report.summary.outcome == "not opened"
    assert report.as_of is None
    assert report.integrity.records == 0
    assert "The window was not opened." in markdown.render_markdown(report)


# -- what it says -----------------------------------------------------------------------------------------------------


def test_the_golden_night_in_numbers() -> None:
    n = report_of("closed").numbers
    assert (n.steps, n.steps_done, n.tasks, n.tasks_done) == (14, 14, 21, 21)
    assert (n.canary_failures, n.alerts, n.overrides, n.pauses, n.takeovers, n.reboots) == (1, 2, 3, 1, 1, 1)
    assert n.paused_seconds == 700.0
    assert n.no_return == "drop-15"


def test_steps_are_counted_by_how_they_ended_and_only_what_there_was_is_named() -> None:
    numbers = report_of("closed").numbers
    assert steps_line(numbers) == "14 of 14 done"
    mixed = replace(numbers, steps_done=10, steps_skipped=1, steps_failed=3)
    assert steps_line(mixed) == "10 of 14 done, 1 skipped, 3 failed"


def test_the_lowest_slack_is_what_the_clock_read_at_its_worst() -> None:
    records = told(
        (0, opened()),
        (1, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (1, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (5, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=240)),
        (5, ev.StepFinished(step="one", attempt=1)),
        (60, ev.NoteAdded(text="nothing new")),
    )
    n = build_report(small_plan(), records).numbers
    assert n.lowest_slack == (120 - 10 - 5 - 60) * 60  # window, margin, rollback of one batch, an hour later
    assert n.lowest_slack_seq == 6


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_lowest_slack_is_the_lowest_reading_of_the_clock_itself(moment: str) -> None:
    window, readings = golden(moment), []
    state = initial(window.plan)
    for record in window.records:
        before, state = state, fold(state, record)
        readings += [
            clock.read(s, record.ts).slack for s in (before, state) if s.phase in ("open", "paused", "aborted")
        ]
    assert report_of(moment).numbers.lowest_slack == min(slack for slack in readings if slack is not None)


def test_what_a_host_undid_by_itself_gives_its_time_back_on_the_slack_curve() -> None:
    records = told(
        (0, opened()),
        (1, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (1, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (1, ev.DeadmanArmed(step="one", host="web1", attempt=1, seconds=300)),
        (5, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=240)),
        (5, ev.StepFinished(step="one", attempt=1)),
        (6, ev.DeadmanFired(step="one", host="web1", exit=0)),
        (7, ev.NoteAdded(text="nothing new")),
    )
    state = fold_all(small_plan(), records)
    reading = clock.read(state, records[-1].ts)
    assert reading.slack == (120 - 10 - 7) * 60
    assert build_report(small_plan(), records).charts.slack.y[-1] == reading.slack


def test_what_the_lead_let_go_against_the_clock_is_a_decision_and_an_override_each_time() -> None:
    intent = ev.StepIntent(step="one", attempt=1, batches=(("web1",),), override="begin", rest=False)
    report = build_report(small_plan(), told(
        (0, opened()),
        (2, intent),
        (3, ev.StepHeld(step="one", attempt=1, batch=1, reason="no time to undo it", slack=-60.0), ev.SYSTEM),
        (4, ev.StepReleased(step="one", attempt=1, batch=1, override="half is worse", rest=True)),
        (5, ev.StepHeld(step="one", attempt=1, batch=2, reason="before the window's start"), ev.SYSTEM),
        (6, ev.StepReleased(step="one", attempt=1, batch=2, reason="the window has started"), ev.SYSTEM),
        (7, ev.StepFinished(step="one", attempt=1), ev.SYSTEM),
    ))  # fmt: skip
    assert [(d.what, d.why) for d in report.decisions] == [
        ("overrode the rollback clock: started one", "begin"),
        ("overrode the rollback clock: let batch 2 of one go and all after it", "half is worse"),
    ]
    assert report.numbers.overrides == 2
    assert next(s.override for s in report.steps if s.id == "one") == "begin; half is worse"


def test_who_stopped_undid_and_kept_what_is_told_with_the_promise() -> None:
    plan = small_plan()
    plan = replace(plan, window=replace(plan.window, rto=Duration.parse("10m")))
    report = build_report(plan, told(
        (0, opened()),
        (2, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (3, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (3, ev.DeadmanArmed(step="one", host="web1", attempt=1, seconds=300), ev.SYSTEM),
        (4, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=60), ev.SYSTEM),
        (4, ev.StepFinished(step="one", attempt=1), ev.SYSTEM),
        (5, ev.DeadmanAsked(step="one", hosts=("web1",), what="extend", seconds=600)),
        (6, ev.DeadmanAsked(step="one", hosts=("web1",), what="cancel", reason="p95")),
        (7, ev.DeadmanFired(step="one", host="web1", exit=0, reason="it was asked to"), ev.SYSTEM),
        (8, ev.WindowAborted(reason="storm")),
        (9, ev.RollbackRequested(scope="everything", undo=("one",), reason="back")),
        (9, ev.RollbackStarted(step="one", reason="back"), ev.SYSTEM),
        (20, ev.RollbackEnded(outcome="done", seconds=660.0), ev.SYSTEM),
        (21, ev.HostExcluded(host="web1", reason="dead disk")),
    ))  # fmt: skip
    assert [(d.who, d.what, d.why) for d in report.decisions] == [
        ("mei", "gave one 10 m more to be confirmed on web1", ""),
        ("mei", "had web1 undo one", "p95"),
        ("mei", "aborted the window", "storm"),
        ("mei", "rolled back everything: one", "back"),
        ("mei", "excluded web1 from what was left", "dead disk"),
    ]
    badly = [lesson.text for lesson in report.lessons.badly]
    assert "web1 undid one by itself: it was asked to" in badly
    assert "The window was aborted: storm" in badly
    assert "A rollback took 11 m, longer than the 10 m promised" in badly
    assert "web1 was excluded: dead disk" in badly


def test_a_step_stands_from_its_first_start_to_its_last_end_and_took_what_its_last_attempt_did() -> None:
    report = build_report(small_plan(), told(
        (0, opened()),
        (2, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (3, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (6, ev.TaskFinished(step="one", host="web1", attempt=1, exit=7, seconds=180, last_line="no space")),
        (6, ev.StepFinished(step="one", attempt=1)),
        (8, ev.StepIntent(step="one", attempt=2, batches=(("web1",),))),
        (8, ev.TaskStarted(step="one", host="web1", attempt=2)),
        (17, ev.TaskFinished(step="one", host="web1", attempt=2, exit=0, seconds=540)),
        (17, ev.StepFinished(step="one", attempt=2)),
    ))  # fmt: skip
    row, task = report.steps[0], report.tasks[0]
    assert (row.state, row.attempts, row.seconds, row.deviation, row.start_deviation) == ("done", 2, 540, None, 120)
    zone = plan_zone(small_plan())
    assert (row.started, row.finished) == (moment(OPENED_AT + 120, zone), moment(OPENED_AT + 1020, zone))
    assert [span.state for span in row.spans] == ["failed", "done"]
    assert (task.sent, task.earlier) == (2, ("exit 7 (no space)",))
    assert "one ended failed: 1 of 1 failed, 0 allowed: stopped" in [lesson.text for lesson in report.lessons.badly]


def test_a_jump_of_the_wall_clock_is_not_counted_as_time() -> None:
    records = told(
        (0, opened()), (1, ev.StepIntent(step="two", attempt=1)), (1.5, ev.ClockJumped(seconds=3600.0)),
        (2, ev.StepTicked(step="two")),
    )  # fmt: skip
    records[2:] = [replace(record, ts=record.ts + 3600) for record in records[2:]]
    assert build_report(small_plan(), records).steps[1].seconds == 60.0


def test_a_tick_without_a_start_has_neither_a_start_nor_a_length_of_its_own() -> None:
    row = build_report(small_plan(), told((0, opened()), (9, ev.StepTicked(step="two")))).steps[1]
    assert (row.state, row.seconds, row.deviation, row.started, row.start_deviation) == ("done", None, None, None, None)
    assert row.finished is not None


def test_a_tick_that_was_taken_back_leaves_the_step_not_begun_and_a_decision_behind() -> None:
    report = build_report(small_plan(), told(
        (0, opened()), (9, ev.StepTicked(step="two")), (10, ev.StepUnticked(step="two", reason="wrong one")),
    ))  # fmt: skip
    assert (report.steps[1].state, report.steps[1].finished) == ("pending", None)
    assert [(d.who, d.why) for d in report.decisions] == [("mei", "wrong one")]


def test_a_new_conductor_connecting_to_its_hosts_is_no_lost_host() -> None:
    hosts = {row.host: row for row in report_of("closed").hosts}
    assert hosts["db1"].times_lost == 0
    assert (hosts["api3"].times_lost, hosts["api3"].lost_seconds) == (1, 530.0)
    assert (hosts["lb2"].times_lost, hosts["lb2"].reboots) == (1, 1)


def test_an_alert_lasts_until_it_clears_or_the_log_ends() -> None:
    crossed = ev.LimitCrossed(host="web1", metric="memory", value=91, limit=90)
    cleared = ev.LimitCleared(host="web1", metric="memory", value=80, limit=90)
    worse = ev.LimitCrossed(host="web1", metric="memory", value=99, limit=90)
    report = build_report(small_plan(), told((0, opened()), (1, crossed), (2, worse), (4, cleared), (5, crossed),
                                      (8, ev.NoteAdded(text="x"))))  # fmt: skip
    assert [(a.seconds, a.worst, a.ended is None) for a in report.alerts] == [(180, 99, False), (180, 91, True)]
    assert "Still open: web1, memory is over its limit" in [lesson.text for lesson in report.lessons.actions]


def test_canary_time_by_verdict_and_the_risk_it_watches() -> None:
    report = build_report(small_plan(), told(
        (0, opened()),
        (1, ev.CanaryVerdict(canary="web", verdict="healthy", before="no data")),
        (4, ev.CanaryVerdict(canary="web", verdict="degraded", before="healthy", latency=0.4)),
        (5, ev.CanaryVerdict(canary="web", verdict="failing", before="degraded", failures=3)),
        (9, ev.CanaryVerdict(canary="web", verdict="healthy", before="failing", latency=0.05)),
        (20, ev.WindowClosed(outcome="abandoned", reason="late")),
    ))  # fmt: skip
    canary, risk = report.canaries[0], report.risks[0]
    assert (canary.healthy_seconds, canary.degraded_seconds, canary.failing_seconds) == (840, 60, 240)
    assert (canary.failures, canary.worst_latency) == (1, 0.4)
    assert (risk.outcome, risk.fired, risk.evidence) == ("showed", ("web",), (3, 4))


def test_what_never_answered_is_neither_healthy_nor_quiet() -> None:
    report = build_report(small_plan(), told((0, opened()), (60, ev.NoteAdded(text="nothing was heard"))))
    (risk,) = report.risks
    assert risk.outcome == "not known"
    assert [lesson.text for lesson in report.lessons.actions] == [
        "Still open: host web1 never answered", 'Still open: canary "web" never answered',
    ]  # fmt: skip
    assert all(lesson.evidence for lesson in report.lessons.actions)
    report = build_report(small_plan(), told(
        (0, opened()),
        (1, ev.HostLink(host="web1", link="up")),
        (1, ev.CanaryVerdict(canary="web", verdict="healthy", before="no data")),
        (2, ev.UnitChanged(host="web1", unit="nginx", before="active", after="unknown")),
        (9, ev.CanaryVerdict(canary="web", verdict="no data", before="healthy")),
    ))  # fmt: skip
    (risk,) = report.risks
    assert risk.outcome == "not known", "silence at the end says nothing of the risk"
    assert report.hosts[0].units == ("nginx: unknown",)
    texts = [lesson.text for lesson in report.lessons.actions]
    assert texts == ["Still open: web1, unit nginx is unknown", 'Still open: canary "web" is no data']


def test_one_hand_settling_many_hosts_is_one_decision() -> None:
    window = golden("trouble")
    hosts = ("api1", "api3", "api4")
    settled = [ev.TaskSettled(step="api", host=h, outcome="done", reason="looked at them") for h in hosts]
    last = window.records[-1]
    more = [replace(last, seq=last.seq + i, event=e, actor="tom") for i, e in enumerate(settled, 1)]
    decision = build_report(window.plan, [*window.records, *more]).decisions[-1]
    assert decision.what == "settled api on api1, api3, api4 as done"
    assert decision.evidence == tuple(r.seq for r in more)


def test_overrides_and_the_point_of_no_return_are_decisions_with_their_reasons() -> None:
    made = [(d.who, d.what, d.why) for d in report_of("closed").decisions]
    assert ("tom", "passed the point of no return: started drop-15", "") in made
    assert any("overrode the rollback clock: started traffic" in what and "way out" in why for _, what, why in made)
    assert any(who == "upgrade-tui" and what == "paused the window" for who, what, _ in made)


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_statement_points_at_lines_that_are_in_the_log(moment: str) -> None:
    report = report_of(moment)
    seqs = {entry.seq for entry in report.timeline}
    lessons = report.lessons
    said = (*lessons.well, *lessons.badly, *lessons.lucky, *lessons.actions)
    assert all(lesson.evidence for lesson in said)
    proofs: tuple[Any, ...] = (
        *said,
        *report.steps,
        *report.alerts,
        *report.hosts,
        *report.canaries,
        *report.decisions,
        *report.risks,
    )
    assert {seq for proof in proofs for seq in proof.evidence} <= seqs


def test_marked_notes_stand_first_in_their_list_with_their_author() -> None:
    lessons = report_of("closed").lessons
    assert lessons.actions[0].text == "move backups off the shared volume before the next window"
    assert (lessons.actions[0].source, lessons.actions[0].who) == ("note", "mei")
    assert lessons.lucky[0].source == "note"
    assert lessons.well[-1].text == "Completed inside the window, 5 m before its end"


def test_a_quiet_window_has_nothing_bad_to_tell() -> None:
    report = build_report(small_plan(), told(
        (0, opened()),
        (0, ev.HostLink(host="web1", link="up")),
        (0, ev.CanaryVerdict(canary="web", verdict="healthy", before="no data")),
        (0, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (0, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (10, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=600)),
        (10, ev.StepFinished(step="one", attempt=1)),
        (10, ev.StepIntent(step="two", attempt=1)),
        (15, ev.StepTicked(step="two")),
        (16, ev.WindowClosed(outcome="completed")),
    ))  # fmt: skip
    assert report.lessons.badly == report.lessons.lucky == report.lessons.actions == ()
    assert [lesson.text for lesson in report.lessons.well] == [
        "Every step that was started was done at the first attempt (2 of 2)",
        "Completed inside the window, 1 h 44 m before its end",
        "There was always time to go back: slack was never below 1 h 29 m",
    ]


@pytest.mark.parametrize(("minutes", "close"), [(95.0, False), (95.01, True)])
def test_less_than_ten_minutes_left_to_go_back_was_a_close_call_and_ten_were_not(minutes: float, close: bool) -> None:
    lessons = build_report(small_plan(), told(
        (0, opened()),
        (0, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (0, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (10, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=600)),
        (10, ev.StepFinished(step="one", attempt=1)),
        (minutes, ev.WindowClosed(outcome="completed")),
    )).lessons  # fmt: skip
    assert any(lesson.text.startswith("Slack fell to ") for lesson in lessons.lucky) is close
    assert any(lesson.text.startswith("There was always time to go back: ") for lesson in lessons.well) is not close


def test_work_after_the_end_of_the_window_is_said() -> None:
    report = build_report(small_plan(), told(
        (0, opened()), (110, ev.StepIntent(step="two", attempt=1)), (130, ev.StepTicked(step="two")),
        (131, ev.WindowClosed(outcome="abandoned", reason="late")),
    ))  # fmt: skip
    assert report.summary.before_end == -600
    assert "Work went on 10 m past the end of the window" in [lesson.text for lesson in report.lessons.badly]


def test_an_interim_report_says_so_and_calls_no_work_finished() -> None:
    report = report_of("rollout")
    assert report.interim
    assert report.summary.work_finished is None
    assert report.summary.actual_seconds is not None
    assert markdown.render_markdown(report).count("Interim report: the window is running") == 1


def test_an_interim_report_gives_the_dashboards_four_answers_and_a_final_one_says_how_it_ended() -> None:
    g, report = golden("rollout"), report_of("rollout")
    said = answers(Glance(state=g.state, now=g.records[-1].ts, zone=plan_zone(g.plan), lost="the log has none")).texts()
    assert [answer.text for answer in report.summary.answers] == [*said.values()]
    for text in (markdown.render_markdown(report), html.render_html(report)):
        assert "step 11 of 14" in text
        assert "not known: no measurements, the log has none" in text
    assert report_of("closed").summary.answers == ()


def test_the_interim_report_of_an_aborted_window_says_that_it_was_aborted_and_why() -> None:
    report = build_report(small_plan(), told(
        (0, opened()), (1, ev.StepIntent(step="two", attempt=1)), (2, ev.WindowPaused(reason="wait")),
        (5, ev.WindowAborted(reason="storm")), (30, ev.NoteAdded(text="still here")),
    ))  # fmt: skip
    assert (report.summary.outcome, report.summary.reason) == ("aborted", "storm")
    document = markdown.render_markdown(report)
    assert "not opened" not in document
    assert "Interim report: the window is aborted (storm); this is the log up to" in document
    assert report.numbers.paused_seconds == 180.0, "an abort ends the pause"
    assert report.numbers.lowest_slack == (120 - 10 - 30) * 60, "one can still go back in an aborted window"


def test_people_of_the_plan_who_did_not_come_are_told_apart() -> None:
    people = {p.login: p for p in report_of("opened").people}
    assert people["mei"].took_part
    assert not people["tom"].took_part
    assert {p.login: p.role for p in report_of("closed").people} == {
        "mei": "lead",
        "tom": "engineer",
        "ana": "engineer",
    }


# -- times ------------------------------------------------------------------------------------------------------------


def test_local_times_are_in_the_plans_own_offset_wherever_the_report_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Lima")
    report = build_report(small_plan(), told((0, opened())))
    assert (report.zone, report.zone_from) == ("UTC+01:00", "plan")
    assert report.summary.window_start == moment(OPENED_AT, ZoneInfo("Europe/Berlin"))


def test_another_zone_can_be_asked_for() -> None:
    report = build_report(small_plan(), told((0, opened())), zone=ZoneInfo("Asia/Shanghai"))
    assert (report.zone, report.zone_from) == ("Asia/Shanghai", "asked for")
    assert report.summary.opened is not None
    assert report.summary.opened.local == "2026-03-02T03:00:00+08:00"


def test_what_the_caller_knows_of_the_log_is_in_the_document() -> None:
    report = build_report(small_plan(), told((0, opened())), source=Source(head="ab12", damage="line 2 is wrong"))
    assert (report.integrity.head, report.integrity.damage) == ("ab12", "line 2 is wrong")
    text = markdown.render_markdown(report)
    assert "ab12" in text
    assert "line 2 is wrong" in text


def rebooted(run: str, *, after: int) -> tuple[str, ...]:
    """What is said to have gone badly where the host went away ``after`` minutes behind its step's end."""
    plan = parse_plan(
        SMALL.replace("TITLE", '"t"').replace("GOAL", '"g"').replace('run = "true"', f'run = "{run}"', 1), "p"
    )
    report = build_report(plan, told(
        (0, opened()),
        (0, ev.HostLink(host="web1", link="up")),
        (1, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (1, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (10, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=540)),
        (10, ev.StepFinished(step="one", attempt=1)),
        (10 + after, ev.HostLink(host="web1", link="lost")),
        (12 + after, ev.HostLink(host="web1", link="up")),
        (12 + after, ev.HostRebooted(host="web1", before="1", after="2")),
    ))  # fmt: skip
    return tuple(lesson.text for lesson in report.lessons.badly if "reboot" in lesson.text)


@pytest.mark.parametrize("run", ["sudo -n systemctl reboot", "apt-get -y upgrade; shutdown -r +1", "sudo reboot"])
def test_a_reboot_by_its_own_step_is_nothing_that_went_badly(run: str) -> None:
    assert rebooted(run, after=1) == ()


def test_a_reboot_right_behind_a_step_is_told_as_that_and_a_later_one_as_nobodys() -> None:
    assert rebooted("/opt/upgrade", after=1) == ("web1 rebooted 1 m after one had ended on it",)
    assert rebooted("/opt/upgrade", after=30) == ("web1 rebooted while no step was running on it",)
    assert rebooted("sudo reboot", after=30) == ("web1 rebooted while no step was running on it",)


def test_a_step_whose_end_was_heard_of_after_the_reboot_was_running_as_the_host_went_away() -> None:
    report = build_report(small_plan(), told(
        (0, opened()),
        (0, ev.HostLink(host="web1", link="up")),
        (1, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
        (1, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (2, ev.HostLink(host="web1", link="lost")),
        (4, ev.HostLink(host="web1", link="up")),
        (4, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=60)),
        (4, ev.HostRebooted(host="web1", before="1", after="2")),
    ))  # fmt: skip
    assert not [lesson.text for lesson in report.lessons.badly if "reboot" in lesson.text]


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_what_a_person_decided_stands_among_the_decisions_whatever_kind_of_event_it_is(kind: type) -> None:
    event = made(kind)
    decided = notice(event).decision and not isinstance(event, ev.NoteAdded)
    records = told((0, opened()), (1, event))
    listed = decisions(small_plan(), WindowHistory(small_plan(), records), UTC)
    assert not decided or [d.evidence for d in listed] == [(records[-1].seq,)]
