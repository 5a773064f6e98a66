"""Faults put into the program, each of which a named test must find: ``python -m tests.faults [WORD]``.

A copy of the program is made, one place of it is changed, and the named tests are run against it, then it is put back.
A fault that no test finds is a hole in the nets. One whose place is not there any more, or is there twice, fails too:
it has to be put in elsewhere. ``--nights`` puts a few in that the simulation has to find: slower.
"""

# ruff: noqa: T201 - a command line

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.copied import Copy

LIMIT = 120.0  # seconds for the tests of one fault: where they hang, it is not found, and it says so
NIGHTS_LIMIT = 600.0
NIGHTS = ("-m", "tests.simulation", "--nights", "150")
SKIPPED = "not tried: its tests are skipped on this machine"
OUTCOME = re.compile(r"^(FAILED|ERROR|SKIPPED) (?:\[\d+\] )?(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class NamedFault:
    """``before`` becomes ``after`` in ``file``, where it stands once; one of the tests ``by`` must fail then.

    ``nights``: that is asked of the simulation.
    """

    name: str
    file: str
    before: str
    after: str
    by: tuple[str, ...] = ()
    nights: bool = False


UNKNOWN = 'if any(t.state in ("unknown", "running", "rolling back") for t in every):'
RUNNER_TESTS = "conductor/test_runner.py::"
STORE_TESTS = "conductor/test_window_store.py::"
RACE = "conductor/test_fences.py::test_a_start_that_lost_the_race_in_the_log_is_not_sent"
ON_FAIL = "window/test_on_fail.py::"
IDENTITY = "attach/test_identity.py::test_a_process_that_is_gone_is_nobody"

NAMED = (
    NamedFault(
        "unknown within max_fail is taken as done", "window/step_state.py", UNKNOWN,
        'if any(t.state in ("running", "rolling back") for t in every) or (\n'
        '        len(wrong) > allowed and any(t.state == "unknown" for t in every)\n    ):',
        ("window/test_step_state.py::test_a_host_that_is_unknown_is_not_borne_by_max_fail",),
    ),
    NamedFault(
        "a start that lost the race in the log is sent", "conductor/execution/tasks.py",
        "if not resume and not await self._begin(work, await marks(secrets or {})):",
        "if not resume and await self._begin(work, await marks(secrets or {})) is None:",
        (RACE,),
    ),
    NamedFault(
        "a start is decided on what is durable, not on what stands before it in the log",
        "conductor/execution/begin.py",
        "if not _goes_on(state, spec, attempt):", "if not _goes_on(context.state(), spec, attempt):", (RACE,),
    ),
    NamedFault(
        "a timed-out check is taken as failed", "conductor/execution/tasks.py",
        "if ended.proven and code is None and not ended.timed_out:", "if ended.proven and code is None:",
        (RUNNER_TESTS + "test_a_check_whose_time_was_up_is_unknown",),
    ),
    NamedFault(
        "what a person settled counts as measured", "window/pace.py",
        "or task.seconds is None or task.settled_by:", "or task.seconds is None:",
        ("window/test_clock.py::test_what_ended_and_was_settled_by_hand_measures_nothing",),
    ),
    NamedFault(
        "what a person settled counts as measured where hosts were tried again", "window/pace.py",
        "if task.seconds is not None and not task.settled_by and", "if task.seconds is not None and",
        ("window/test_clock.py::test_what_was_settled_beside_hosts_that_were_tried_again_measures_nothing",),
    ),
    NamedFault(
        "no override is asked for between 0 and -60 s", "window/hold.py", "slack is not None and slack < 0",
        "slack is not None and slack < -60",
        ("window/test_hold.py::test_from_the_first_second_without_time_to_undo_an_override_is_asked_for",),
    ),
    NamedFault(
        "anybody approves without people", "window/gates.py", "return able or frozenset({state.opened_by})",
        'return able or frozenset({state.opened_by, "tom", "ana", "eve"})',
        ("window/test_gates.py::test_without_people_only_who_opened_the_window_decides",),
    ),
    NamedFault(
        "everybody leads without people", "window/state.py",
        'return "lead" if not plan.people and login == opened_by else "observer"',
        'return "lead" if not plan.people else "observer"',
        ("window/test_fold.py::test_roles_come_from_the_plan_and_without_people_the_opener_leads",),
    ),
    NamedFault(
        "a reused pid is taken for the runner", "fleet/jobs/common.sh",
        '[ -n "$1" ] && born "$1" && [ "$began" = "$2" ]', '[ -n "$1" ] && born "$1"',
        ("fleet/jobs/test_job_intruders.py::test_a_process_that_got_the_pid_of_a_runner_later_is_not_killed",),
    ),
    NamedFault(
        "no second try after the ballast was freed", "journal/segments.py",
        "for has_room in (self._ballast.held, False):", "for has_room in (False,):",
        ("journal/test_log_kept.py::test_a_full_disk_is_tried_again_as_soon_as_the_ballast_is_given_back",),
    ),
    NamedFault(
        "what an earlier conductor wrote is not synced at takeover", "journal/recovery.py",
        "    persist(walk.last.path, walk.size)\n", "",
        ("journal/test_log_kept.py::test_what_an_earlier_conductor_wrote_is_made_durable_at_the_takeover",),
    ),
    NamedFault(
        "what was lost in a rollback, given up, counts no more", "window/step_state.py",
        "return [t.host for t in tasks if t.undone or t.state in", "return [t.host for t in tasks if t.state in",
        ("window/test_step_state.py::test_a_host_that_was_given_up_in_a_rollback_counts_against_max_fail",),
    ),
    NamedFault(
        "an override of one batch lets those behind it go too", "window/hold.py", "step.released == batch:",
        "0 <= step.released <= batch:",
        ("window/test_hold.py::test_the_lead_lets_one_batch_go_with_a_reason",),
    ),
    NamedFault(
        "unknown counts as failed where a step undoes itself", "window/on_fail.py", "    if failed <= allowed:",
        "    if failed == 0:", ("window/test_on_fail.py::test_unknown_is_not_failed_it_pauses",),
    ),
    NamedFault(
        "half of the hosts lost is taken for being cut off", "window/on_fail.py", "2 * len(lost) > len(hosts)",
        "2 * len(lost) >= len(hosts)",
        ("window/test_on_fail.py::test_where_most_hosts_are_lost_the_conductor_may_be_the_one_cut_off",),
    ),
    NamedFault(
        "what waited through a fence comes before the pause", "conductor/window_store.py",
        "self._pause(fence)\n        self._write_facts()", "self._write_facts()\n        self._pause(fence)",
        (
            STORE_TESTS
            + "test_what_waited_through_a_fence_comes_behind_the_pause_in_its_order_and_before_new_decisions",
        ),
    ),
    NamedFault(
        "what failed is put behind what came later", "conductor/window_store.py",
        "insort(self._facts, fact, key=lambda each: each.number)", "self._facts.append(fact)",
        (STORE_TESTS + "test_facts_keep_their_order_where_one_came_as_the_one_before_it_had_just_failed",),
    ),
    NamedFault(
        "what was taken back is still decided on behind a fence", "conductor/window_store.py",
        "self.state = self._tip = fold(self.state, record)", "self.state = fold(self.state, record)",
        (STORE_TESTS + "test_what_a_fence_took_back_is_not_decided_on",),
    ),
    NamedFault(
        "any error is taken for a kernel without handles", "attach/socket.py",
        "if error.errno != errno.ENOPROTOOPT:", "if False:",
        ("attach/test_identity.py::test_only_a_kernel_without_handles_lets_the_number_stand_for_the_process",),
    ),
    NamedFault(
        "what a timeout left is forgotten once it is settled", "window/fold_steps.py",
        " if e.left else {}", " if False else {}",
        ("conductor/test_not_begun.py::test_what_a_timeout_left_is_ended_before_a_retry",),
    ),
    NamedFault(
        "somebody is refused for what a crash may still take back", "conductor/window_store.py",
        "if self._ahead:  # nobody is told", "if self._ahead and not decision:  # nobody is told",
        (STORE_TESTS + "test_nobody_is_refused_for_what_a_crash_may_still_take_back",),
    ),
    NamedFault(
        "a process that is gone goes by its account's name (kernel handle)", "attach/socket.py",
        "if ended.poll(0):", "if ended.poll(0) is None:", (IDENTITY,),
    ),
    NamedFault(
        "a process that is gone goes by its account's name (start time)", "attach/socket.py",
        "if before is None or _began(pid) != before:", "if _began(pid) != before:", (IDENTITY,),
    ),
    NamedFault(
        "a host that could not be reached to undo it is borne", "window/step_state.py",
        'any(t.undo and t.state in ("failed", "unreachable") for t in every):',
        'any(t.undo and t.state == "failed" for t in every):',
        ("window/test_step_state.py::test_a_host_that_cannot_undo_it_fails_the_step_whatever_max_fail_says",),
    ),
    NamedFault(
        "one excluded host fails what people skipped", "window/step_state.py", "all(t.excluded for t in every)",
        "any(t.excluded for t in every)",
        ("window/test_step_state.py::test_a_step_of_which_people_skipped_what_was_left_is_skipped",),
    ),
    NamedFault(
        "what people do and nobody can undo is not held", "window/hold.py",
        "(spec.rollback is not None or spec.irreversible)", "spec.rollback is not None",
        ("window/test_hold.py::test_what_people_do_and_nobody_can_undo_is_held_too",),
    ),
    NamedFault(
        "a hold whose reason changed is not told", "window/hold.py",
        "one.batch, one.why, one.reason) == (other.attempt, ",
        "one.batch, one.why, other.reason) == (other.attempt, ",
        ("window/test_hold.py::test_a_hold_for_another_reason_is_told_anew_and_less_slack_is_not",),
    ),
    NamedFault(
        "during a rollback a canary that nothing lists is passed over", "window/on_fail.py",
        "if state.rolling_back and targets and _undone_already", "if state.rolling_back and _undone_already",
        (ON_FAIL + "test_while_something_else_is_rolled_back_a_canary_that_nothing_lists_pauses_all_the_same",),
    ),
    NamedFault(
        "what stands on what is undone is not waited for", "window/on_fail.py",
        "if spec.id in undo or stands_on or not", "if spec.id in undo or not",
        (ON_FAIL + "test_a_bake_that_stands_on_what_is_undone_is_waited_for",),
    ),
    NamedFault(
        "a step that fails in a paused window is not undone", "window/on_fail.py",
        'spec.on_fail != "rollback" or state.phase not in ("open", "paused")',
        'spec.on_fail != "rollback" or state.phase != "open"',
        (ON_FAIL + "test_a_step_that_fails_in_a_paused_window_is_undone_once",),
    ),
    NamedFault(
        "a step that is being undone asks for it again", "window/on_fail.py",
        "if state.rolling_back and _undone_already(state, [step_id]):", "if False:",
        (ON_FAIL + "test_a_step_that_fails_in_a_paused_window_is_undone_once",),
    ),
    NamedFault(
        "no login is taken for a login", "attach/socket.py", "return uid if login == _NOBODY else login",
        "return login",
        ("attach/test_identity.py::test_where_there_is_no_login_the_account_is_all_that_is_known",),
    ),
    NamedFault(
        "a login that can no more be read is the account", "attach/socket.py",
        "    except OSError:\n        raise NobodyThere from None\n    return uid",
        "    except OSError:\n        return uid\n    return uid",
        ("attach/test_identity.py::test_a_login_that_can_no_more_be_read_is_nobodys",),
    ),
    NamedFault(
        "the remains of a process are taken for it", "attach/socket.py",
        'return None if stat[0] in "ZX" else stat[19]', "return stat[19]",
        ("attach/test_identity.py::test_the_remains_of_a_process_are_not_the_process",),
    ),
    NamedFault(
        "what an attempt did not come to is forgotten", "window/fold_steps.py",
        'if before.state == "rolled back":', 'if before.state in ("rolled back", "pending"):',
        ("window/test_attempts.py::test_an_attempt_that_did_not_come_to_a_host_forgets_nothing_of_the_one_before",),
    ),
    NamedFault(
        "a conductor that died is told as a broken link", "fleet/jobs/runner.sh",
        "the link broke, or the conductor ended, as it was sent", "the link broke as it was sent",
        ("fleet/jobs/test_job_faults.py::test_orders_that_end_half_way_start_nothing_and_say_what_may_have_cut_them",),
    ),
    NamedFault(
        "a risk that canaries watch is watched by nobody", "window/gate_card.py",
        '*(f"canary {name}" for name in self.watch)', "*()",
        ("window/test_gates.py::test_a_risk_says_which_canaries_watch_it_and_whether_they_say_anything",),
    ),
)  # fmt: skip

BY_NIGHTS = (
    NamedFault(
        "a timed-out check is taken as failed", "conductor/execution/tasks.py",
        "if ended.proven and code is None and not ended.timed_out:", "if ended.proven and code is None:", nights=True,
    ),
    NamedFault(
        "a job that was acknowledged and is gone was never started", "fleet/jobs/job.py", "self._known = begun\n",
        "self._known = False\n", nights=True,
    ),
    NamedFault(
        "a start does not ask whether the window goes on", "conductor/execution/begin.py",
        'goes_on = state.phase == "open" and not state.rolling_back and runs(state, spec.id, attempt)',
        "goes_on = runs(state, spec.id, attempt)", nights=True,
    ),
)  # fmt: skip


class Bench:
    """A copy of the program, in which one fault at a time is put."""

    def __init__(self, place: Path) -> None:
        self._copy = Copy(place)

    def tests(self, names: tuple[str, ...]) -> tuple[int, dict[str, list[str]], str]:
        """Pytest's exit code, tests by outcome, and all that it said. Raises TimeoutExpired."""
        done = self._copy.pytest(names, LIMIT)
        found: dict[str, list[str]] = {}
        for outcome, test in OUTCOME.findall(done.stdout):
            found.setdefault(outcome, []).append(test)
        return done.returncode, found, done.stdout + done.stderr

    def broken(self, names: tuple[str, ...]) -> str:
        """What pytest says where a test fails, or is not there, without any fault: then it finds nothing."""
        code, _, said = self.tests(names)
        return said if code else ""

    def finders(self, fault: NamedFault) -> tuple[list[str], str]:
        """The tests that find it, or why none does."""
        path = self._copy.place / "upgrade_tui" / fault.file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if text.count(fault.before) != 1:
            return [], f"ITS PLACE IS THERE {text.count(fault.before)} TIMES in {fault.file}"
        with self._copy.changed(f"upgrade_tui/{fault.file}", text.replace(fault.before, fault.after)):
            try:
                return self._look(fault)
            except subprocess.TimeoutExpired:
                return [], "NOT FOUND: what should find it hangs"

    def _look(self, fault: NamedFault) -> tuple[list[str], str]:
        if fault.nights:
            code = self._copy.python(NIGHTS, NIGHTS_LIMIT).returncode
            return (["nights"], "") if code == 1 else ([], f"NOT FOUND by nights (exit {code})")
        code, found, said = self.tests(fault.by)
        failed = sorted({test.partition("[")[0].removeprefix("tests/") for test in found.get("FAILED", [])})
        if code == 1 and failed and "ERROR" not in found:
            return failed, ""
        if code == 0:
            return [], SKIPPED if "SKIPPED" in found else "NOT FOUND"
        return [], f"NOT FOUND: pytest ended with {code}\n{said}"


def main() -> int:
    """0: each was found by a test that is named for it, but for those whose tests this machine skips."""
    began = time.monotonic()
    words = [word for word in sys.argv[1:] if word != "--nights"]
    every = BY_NIGHTS if "--nights" in sys.argv[1:] else NAMED
    wanted = [m for m in every if not words or any(word in m.name for word in words)]
    missed = skipped = 0
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place).resolve())
        names = tuple(dict.fromkeys(name for m in wanted for name in m.by))
        broken = bench.broken(names) if names else ""
        if broken:
            print(f"without any fault:\n{broken}")
            return 1
        print("| fault | found by |\n|---|---|")
        for fault in wanted:
            by, why = bench.finders(fault)
            skipped += why == SKIPPED
            missed += not by and why != SKIPPED
            print(f"| {fault.name} | {', '.join(by) or why} |", flush=True)
    found = len(wanted) - missed - skipped
    print(f"{found} of {len(wanted)} found, {skipped} not tried, in {time.monotonic() - began:.0f} s")
    return 1 if missed or not wanted else 0


if __name__ == "__main__":
    raise SystemExit(main())
