"""The four answers: said once, so that screen, shell and JSON cannot disagree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from msgspec.structs import replace

from tests.golden import MOMENTS, golden
from tests.window.small import Log, small_plan
from tests.window.strategies import calmly, record_lists
from upgrade_tui.cli.status import as_data, as_lines
from upgrade_tui.tui.canary.rows import canary_row
from upgrade_tui.tui.clock.page import answer_lines, clock_view
from upgrade_tui.tui.host.rows import host_row
from upgrade_tui.tui.scene import Scene
from upgrade_tui.window import events as ev
from upgrade_tui.window.answers import answers, looks
from upgrade_tui.window.fold import fold_all
from upgrade_tui.window.glance import Glance
from upgrade_tui.window.measurements import CanaryFrame, Frame
from upgrade_tui.window.state import initial


@pytest.mark.parametrize("moment", MOMENTS)
def test_screen_shell_and_json_give_the_same_answers(moment: str, tmp_path: Path) -> None:
    g = golden(moment)
    frame = replace(g.frame, details=g.details)
    said = answers(Glance(state=g.state, now=g.now, frame=frame, frame_age=0.0, details=g.details)).texts()
    assert as_data(tmp_path, g.state, frame, g.now, True)["answers"] == said
    lines = as_lines(g.state, frame, g.now, True)
    assert [line[10:] for line in lines if line.startswith(("where", "healthy", "go back", "finish"))] == [
        *said.values()
    ]
    scene = Scene(
        state=g.state, records=(), frame=frame, frame_age=0.0, details=g.details, now=g.now, login="mei", role="lead"
    )
    rows = [host_row(scene, n) for n in g.state.hosts], [canary_row(scene, n) for n in g.state.canaries]
    for line, text in zip(answer_lines(clock_view(scene, *rows), 400), said.values(), strict=True):
        drawn = "".join(piece for piece, _ in line[1:])
        assert [part for part in text.split(" · ") if part not in drawn] == []


@calmly
@given(record_lists(40))
def test_there_are_four_answers_to_every_log(records: list[ev.Record]) -> None:
    state = fold_all(small_plan(), records)
    assert all(answers(Glance(state=state, now=state.ts)).texts().values())


def test_a_host_that_takes_no_part_any_more_needs_no_look() -> None:
    log = Log().happens(ev.HostLink(host="b", link="lost", detail="cut"))
    g = golden("rollout")
    at = Glance(state=log.state, now=log.now, frame=replace(g.frame, hosts={}, canaries={}), frame_age=0.0)
    assert any(text.startswith("b: lost") for text in looks(at))
    log.happens(ev.HostExcluded(host="b", reason="dead"))
    out = replace(at, state=log.state)
    assert not [text for text in looks(out) if text.startswith("b:")]
    assert not [part for part in answers(out).healthy[0] if "b lost" in part.text]


@pytest.mark.parametrize("age", [None, 0.0])
def test_a_plan_without_hosts_and_canaries_has_an_answer_to_whether_it_is_healthy_too(age: float | None) -> None:
    plan = replace(small_plan(), hosts={}, canaries=(), steps=())
    at = Glance(state=initial(plan), now=0.0, frame=None if age is None else Frame(0.0, {}, {}), frame_age=age)
    assert answers(at).texts()["healthy"] == "nothing is watched: no hosts, no canaries"


def test_a_closed_window_is_told_as_it_was_when_it_was_closed() -> None:
    g = golden("closed")
    healthy = answers(Glance(state=g.state, now=g.now)).texts()["healthy"]
    assert healthy.startswith("when it was closed · ")
    assert "not probed" not in healthy


def test_one_canary_that_is_not_healthy_is_told_without_a_count_of_others() -> None:
    log = Log().happens(ev.CanaryVerdict(canary="health", verdict="healthy", before="no data"))
    good, bad = (CanaryFrame(verdict, True, 0.1, None, "", 0.0) for verdict in ("healthy", "failing"))

    def said(**canaries: CanaryFrame) -> tuple[str, ...]:
        frame = Frame(log.now, {}, canaries)
        forms = answers(Glance(state=log.state, now=log.now, frame=frame, frame_age=0.0)).healthy
        return tuple(next(part.text for part in form if "failing" in part.text) for form in forms)

    assert said(health=good, port=bad) == ("port failing",) * 3
    assert said(health=bad, port=bad) == (*("health failing, 1 more not healthy",) * 2, "health failing +1")


def test_of_canaries_that_a_new_conductor_did_not_probe_yet_nothing_is_claimed() -> None:
    log = Log().happens(ev.CanaryVerdict(canary="health", verdict="healthy", before="no data"))
    unasked, good = (CanaryFrame("healthy", ok, None, None, "", age) for ok, age in ((None, None), (True, 0.0)))

    def said(**canaries: CanaryFrame) -> str:
        frame = Frame(log.now, {}, canaries)
        return answers(Glance(state=log.state, now=log.now, frame=frame, frame_age=0.0)).texts()["healthy"]

    assert "health not probed yet" in said(health=unasked, port=good)
    assert "2 canaries not probed yet" in said(health=unasked, port=unasked)
    assert "healthy" not in said(health=unasked, port=unasked)
