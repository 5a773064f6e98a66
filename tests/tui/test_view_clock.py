"""The four answers of the first second, from golden windows."""

import pytest
from msgspec.structs import replace

from tests.golden import MOMENTS, golden
from upgrade_tui.tui.canary import rows as canary_rows
from upgrade_tui.tui.clock import page as clock_page
from upgrade_tui.tui.host import rows as host_rows
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, length
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold
from upgrade_tui.window.glance import plan_zone
from upgrade_tui.window.measurements import Frame
from upgrade_tui.window.state import initial


def scene(moment: str, *, frame_age: float | None = 0.2, **changes: object) -> Scene:
    g = golden(moment)
    frame: Frame | None = None if frame_age is None else g.frame
    made = Scene(
        state=g.state, records=g.records, frame=frame, frame_age=frame_age, details=g.details, now=g.now, login="mei",
        role="lead", zone=plan_zone(g.plan),
    )  # fmt: skip
    return replace(made, **changes)


def answers(at: Scene, width: int = 160) -> dict[str, str]:
    hosts = [host_rows.host_row(at, n) for n in at.state.hosts]
    canaries = [canary_rows.canary_row(at, n) for n in at.state.canaries]
    lines = clock_page.answer_lines(clock_page.clock_view(at, hosts, canaries), width)
    return {line[0][0].strip(): text(line[1:]) for line in lines}


def text(line: Line) -> str:
    return "".join(t for t, _ in line)


def test_during_the_rollout_the_four_questions_are_answered() -> None:
    said = answers(scene("rollout"))
    assert said["WHERE"] == "Rollout · step 11 of 14 · ► api running · batch 2/3 · 2/6 hosts done · tom"
    assert said["HEALTHY"].startswith("✗ 2 hosts need a look: cache2 lost 42 s, cache1 memory 93 %")
    assert "▲ checkout latency degraded: slower than 200 ms" in said["HEALTHY"]
    assert said["GO BACK"].startswith("● yes, until 01:08:00 · 1:37:30 slack · undo takes 37 m")
    assert said["FINISH"].startswith("● 00:12 forecast · 1 h 32 m early · window ends 02:00")


def test_a_quiet_start_says_that_all_is_well() -> None:
    said = answers(scene("preflight"))
    assert said["HEALTHY"] == "● 12 hosts up · ● 4 canaries healthy"
    assert "nothing to undo yet" in said["GO BACK"]


def test_a_pause_is_said_first_and_where_we_are_stays() -> None:
    said = answers(scene("trouble"))
    assert said["WHERE"].startswith("‖ PAUSED by upgrade-tui · Rollout · step 11 of 14 · ? api unknown")
    assert "paused: canary orders health is failing" in said["WHERE"]
    assert said["GO BACK"].startswith("▲ yes, but tight, until 01:08:00 · 0:06:20 slack")
    assert "into the margin" in said["FINISH"]


def test_too_late_to_go_back_is_a_no_in_words() -> None:
    said = answers(scene("late"))
    assert said["GO BACK"].startswith("✗ NO: too late since")


def test_past_the_end_the_window_is_over() -> None:
    at = scene("rollout")
    said = answers(replace(at, now=at.state.end + 60))
    assert said["FINISH"].startswith("✗ the window ended at 02:00:00")


def test_after_the_point_of_no_return_there_is_only_forward() -> None:
    at = scene("rollout")
    state = at.state
    for event in (
        ev.StepIntent(step="drop-15", attempt=1, batches=(("db1", "db2"),)),
        ev.TaskStarted(step="drop-15", host="db1", attempt=1),
    ):
        state = fold(state, ev.Record(seq=state.seq + 1, ts=at.now, mono=0.0, boot="b", actor="tom", event=event))
    said = answers(replace(at, state=state))
    assert said["GO BACK"] == "▲ NO: point of no return passed at drop-15, forward only"


def test_a_closed_window_says_how_it_ended() -> None:
    said = answers(scene("closed"))
    assert said["WHERE"] == "■ window closed · completed at 01:55:00"
    assert said["FINISH"].startswith("closed 5 m before its end")


def test_without_measurements_health_is_not_known_rather_than_good() -> None:
    said = answers(scene("preflight", frame_age=None, lost="the conductor closed the connection"))
    assert said["HEALTHY"].startswith("◌ not known: no measurements")
    assert "up" not in said["HEALTHY"]
    old = answers(scene("preflight", frame_age=12.0))
    assert old["HEALTHY"].startswith("◌ not known: no measurements for 12 s")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_answers_and_timeline_fit_every_width(moment: str, width: int) -> None:
    at = scene(moment)
    hosts = [host_rows.host_row(at, n) for n in at.state.hosts]
    canaries = [canary_rows.canary_row(at, n) for n in at.state.canaries]
    shown = clock_page.clock_view(at, hosts, canaries)
    assert len(clock_page.answer_lines(shown, width)) == 4
    assert len(clock_page.answer_lines(shown, width, spare=1)) <= 5
    for line in (*clock_page.answer_lines(shown, width, spare=1), *clock_page.timeline(at, shown.reading, width)):
        assert length(line) <= width


def test_the_timeline_names_now_the_forecast_and_the_rollback_time() -> None:
    at = scene("rollout")
    _, labels = clock_page.timeline(at, clock.read(at.state, at.now), 118)
    for name in ("22:00", "now", "done 00:12", "rollback by 01:08", "02:00"):
        assert name in text(labels)


def test_the_sums_add_up_to_what_the_clock_shows() -> None:
    at = scene("rollout")
    lines = [text(line) for line in clock_page.breakdown_lines(at, clock.read(at.state, at.now))]
    assert any(line.split() == ["=", "rollback", "by", "01:08:00"] for line in lines)
    assert any("undo api (estimate, 2 batches)" in line and "8 m" in line for line in lines)
    assert any(line.split() == ["=", "forecast", "finish", "00:12:05"] for line in lines)


@pytest.mark.parametrize("minutes", [-30, 30])
def test_before_the_first_event_nothing_is_said_that_only_an_open_window_can_know(minutes: int) -> None:
    at = scene("opened", frame_age=None)
    start = at.plan.window.start.at
    assert start is not None
    at = replace(at, state=initial(at.plan), records=(), now=start.timestamp() + minutes * 60)
    said = answers(at)
    assert said["WHERE"].startswith("◌ not open yet")
    assert said["GO BACK"] == "◌ the window is not open yet"
    hosts = [host_rows.host_row(at, n) for n in at.state.hosts]
    shown = clock_page.clock_view(at, hosts, [])
    bar = "\n".join(text(line) for line in clock_page.timeline(at, shown.reading, 100))
    sums = "\n".join(text(line) for line in clock_page.breakdown_lines(at, shown.reading))
    everything = "\n".join([*said.values(), bar, sums, shown.countdown, shown.caption])
    for false in ("1970", "Jan ", "NO", "too late", "forward only", "AFTER"):
        assert false not in everything
    assert shown.caption == ("until the window starts" if minutes < 0 else "not open yet")


def test_the_sums_of_a_closed_window_speak_of_no_point_of_no_return_that_was_never_there() -> None:
    at = scene("closed")
    state = replace(at.state, steps=initial(at.plan).steps)
    at = replace(at, state=state)
    sums = "\n".join(text(line) for line in clock_page.breakdown_lines(at, clock.read(state, at.now)))
    assert "forward only" not in sums


def test_canaries_that_are_only_not_asked_any_more_are_not_called_unhealthy() -> None:
    said = answers(scene("closed", frame_age=None))["HEALTHY"]
    assert said == "when it was closed · ● 12 hosts up · ● 4 canaries healthy"
