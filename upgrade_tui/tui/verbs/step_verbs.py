"""Verbs on a step and on its tasks."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from textual.app import App

from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed
from upgrade_tui.tui.preview import confirm_start, runs_lines
from upgrade_tui.tui.sending import send
from upgrade_tui.tui.verbs.verb import SAID, Look, Target, Verb
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand
from upgrade_tui.window.state import OVER, UNSETTLED

_RETRIED = frozenset({"failed", "unreachable"})  # unknown: somebody looks first


class TickVerb(Verb):
    """A manual step, or the manual rollback of a step, is done."""

    name, key, label = "tick", "space", "tick"
    help = "Manual step: it is done"
    on = ("main", "step", "rollback")

    def rank(self, look: Look) -> int | None:
        """On a manual step, and where a person undoes one."""
        if look.spec is None or look.step is None:
            return None
        by_hand = look.spec.rollback is None or look.spec.rollback.run is None
        wanted = look.step.state == "rolling back" and by_hand if look.undoing else look.spec.kind == "manual"
        return 20 if wanted and look.step.state not in OVER else None

    def command(self, at: Target, evidence: str = SAID) -> cmd.Tick:
        return cmd.Tick(step=at.step, confirm=at.step, override=SAID, evidence=evidence)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        """Nothing where the cursor is seen; elsewhere whether this step is meant. What was seen, if the plan asks."""
        sure = [("yes", f"Yes, {at.step} is done"), ("no", "No")]
        if not at.seen and await ask_choice(app, f"Tick {at.step}?", at.spec.title, sure) != "yes":
            return None
        if not at.spec.evidence or at.state.state == "rolling back":
            return cmd.Tick(step=at.step)
        prompt = f"{at.spec.title}\nThe plan asks for evidence. What did you see?"
        seen = await ask_text(app, f"Tick {at.step}", prompt)
        return cmd.Tick(step=at.step, evidence=seen) if seen else None


class StartVerb(Verb):
    """Preview, then start."""

    name, key, label = "start", "s", "start"
    help = "Start the step, after a preview of what runs where"
    on = ("main", "step", "gate")

    def rank(self, look: Look) -> int | None:
        """On what was not begun; on what is held the lead lets go of it."""
        if not look.ahead or look.step is None or look.step.state in OVER:
            return None
        return 23 if look.step.state != "running" or look.step.held is not None else None

    def says(self, look: Look) -> str:
        """Where there is room: a gate is opened for the vote; what failed is tried again."""
        if not look.alone or look.spec is None or look.step is None:
            return self.label
        if look.spec.kind == "gate":
            return "open the vote"
        return "try again" if look.step.state in ("failed", "unknown", "rolled back") else self.label

    def command(self, at: Target) -> cmd.Start:
        return cmd.Start(step=at.step, confirm=at.step, override=SAID)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        """After the preview; what a held step runs was shown as it began."""
        held = at.state.held is not None
        return cmd.Start(step=at.step) if held or await confirm_start(app, at.session, at.step) else None


class ClaimVerb(Verb):
    """Take a step over, or give it back."""

    name, key, label = "claim", "c", "claim"
    help = "Take the step over, or give it back"
    on = ("main", "step", "gate")

    def rank(self, look: Look) -> int | None:
        return 30 if look.ahead and look.step is not None and look.step.state not in OVER else None

    def command(self, at: Target) -> cmd.Claim:
        return cmd.Claim(step=at.step, release=at.state.claimed_by == at.session.login)


class NoteVerb(Verb):
    """A note on a step, a host or the window."""

    name, key, label = "note", "n", "note"
    help = "Note for everybody and for the report"
    on = ("main", "step", "host", "gate", "matrix")
    loose = True
    marks: ClassVar[list[tuple[str, str]]] = [
        ("", "Just a note"),
        ("good", "Went well"),
        ("bad", "Did not go well"),
        ("lucky", "We were lucky"),
        ("action", "Something to do afterwards"),
    ]

    def rank(self, look: Look) -> int | None:
        return 31

    def barred(self, at: Target) -> str | None:
        """Never: it can be about the window."""
        return None

    def command(self, at: Target) -> cmd.Note:
        return cmd.Note(text=SAID)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        """The text, and where it belongs in the report."""
        host = "" if at.step else at.host
        text = await ask_text(app, f"Note on {at.step or host or 'the window'}", "What should the others know?")
        mark: Any = await ask_choice(app, "In the report", "Where does the note belong?", self.marks) if text else None
        return cmd.Note(text=text, step=at.step, host=host, mark=mark) if text and mark is not None else None


class SkipVerb(Verb):
    """Not this step, and why."""

    name, key, label = "skip", "S", "skip"
    help = "The step will not be done, with a reason"
    on = ("main", "step", "gate")

    def rank(self, look: Look) -> int | None:
        return 32 if look.ahead and look.step is not None and look.step.state not in OVER else None

    def command(self, at: Target, reason: str = SAID) -> cmd.Skip:
        return cmd.Skip(step=at.step, reason=reason)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        reason = await ask_text(app, f"Skip {at.step}", "Why will it not be done?")
        sure = reason and await ask_typed(app, f"Skip {at.step}", f"It will not be done: {reason}", at.step)
        return self.command(at, reason) if reason and sure else None


class UntickVerb(Verb):
    """Take a tick or a skip back, and why."""

    name, key, label = "untick", "U", "untick"
    help = "Take back a tick or a skip, with a reason"

    def rank(self, look: Look) -> int | None:
        """On what was ticked or skipped."""
        if not look.ahead or look.step is None or look.step.state not in OVER:
            return None
        return 24 if look.ahead == "manual" or look.step.state == "skipped" else None

    def command(self, at: Target, reason: str = SAID) -> cmd.Untick:
        return cmd.Untick(step=at.step, reason=reason)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        reason = await ask_text(app, f"Take back {at.step}", "Why is it open again?")
        sure = reason and await ask_typed(app, f"Take back {at.step}", f"It is open again: {reason}", at.step)
        return self.command(at, reason) if reason and sure else None


class SettleVerb(Verb):
    """Which hosts (unless they are marked), what is so, what was seen."""

    name, key, label = "settle", "X", "settle"
    help = "Say what is so where a result is failed or unknown"
    on = ("main", "step", "rollback", "matrix")

    def rank(self, look: Look) -> int | None:
        """Where a person has to say what is so."""
        if look.step is None:
            return None
        settled = {"unknown"} if look.undoing and look.step.state == "rolling back" else UNSETTLED
        return 21 if any(t.state in settled for t in look.step.tasks.values()) else None

    def barred(self, at: Target) -> str | None:
        """Of what is marked there must be something to settle."""
        return super().barred(at) or (
            None if not at.cells or _marked(at, UNSETTLED) else "nothing here is failed, unknown or unreachable"
        )

    def command(self, at: Target) -> cmd.Settle:
        return cmd.Settle(step=next(iter(_marked(at, UNSETTLED)), at.step), outcome="done", reason=SAID)

    async def perform(self, app: App[Any], at: Target) -> bool:
        """Step by step, where several are marked."""
        for step, hosts in (_marked(at, UNSETTLED) or {at.step: ()}).items():
            if not await self._settle(app, at, step, hosts):
                return False
        return True

    async def _settle(self, app: App[Any], at: Target, step: str, hosts: tuple[str, ...]) -> bool:
        tasks = [t for t in at.session.state.steps[step].tasks.values() if t.state in UNSETTLED]
        tasks = [t for t in tasks if not hosts or t.host in hosts]
        listed = "\n".join(f"{t.host}: {t.state}{': ' + t.reason if t.reason else ''}" for t in tasks)
        where: str | None = tasks[0].host if len(tasks) == 1 else ""
        if len(tasks) > 1 and not hosts:
            choices = [("", f"All {len(tasks)} of them"), *((t.host, f"Only {t.host} ({t.state})") for t in tasks)]
            where = await ask_choice(app, f"Settle {step}: where?", listed, choices)
        if where is None:
            return False
        chosen = [t for t in tasks if where in ("", t.host)]
        undoing, names = any(t.undo for t in chosen), ", ".join(t.host for t in chosen)
        outcome: Any = await ask_choice(app, f"Settle {step} on {names}", f"{listed}\nWhat is so?", _outcomes(undoing))
        reason = await ask_text(app, f"Settle {step} as {outcome}", "What did you see on the host?") if outcome else ""
        body = f"{'the rollback of ' * undoing}{step} on {names} counts as {outcome}: {reason}"
        if not reason or not await ask_typed(app, f"Settle {step}", body, step):
            return False
        for host in [where] if not hosts else [t.host for t in chosen]:
            if not await send(app, at.session, cmd.Settle(step=step, host=host, outcome=outcome, reason=reason)):
                return False
        return True


def _outcomes(undoing: bool) -> list[tuple[str, str]]:
    """What can be so; of a rollback, done means that nothing is left of the step."""
    if undoing:
        return [
            ("done", "Rolled back: nothing is left of it there"),
            ("failed", "Failed: it still stands there"),
            ("skipped", "Give it up there: it stays as it is"),
        ]
    return [("done", "Done: the work is there"), ("failed", "Failed: it is not"), ("skipped", "Skip it there")]


class RetryVerb(Verb):
    """Where it failed, once more: where it is marked, on the host that is looked at, else on all where it failed."""

    name, key, label = "retry", "r", "retry"
    help = "Try again where it failed or was not reached, and nowhere else"
    scope: ClassVar[Literal["step", "task", "host", "window"]] = "task"
    on = ("step", "matrix")

    def rank(self, look: Look) -> int | None:
        """Where something failed."""
        failed = look.step is not None and any(t.state in _RETRIED and not t.undo for t in look.step.tasks.values())
        return 22 if failed else None

    def barred(self, at: Target) -> str | None:
        """Something must have failed."""
        nothing = "nothing failed here, so there is nothing to retry"
        return super().barred(at) or (None if self.wanted(at) else nothing)

    def wanted(self, at: Target) -> dict[str, tuple[str, ...]]:
        """Hosts by step."""
        if at.cells:
            return _marked(at, _RETRIED, undo=False)
        hosts = tuple(t.host for t in at.state.tasks.values() if t.state in _RETRIED and not t.undo)
        return {at.step: (at.host,) if at.host in hosts else hosts} if hosts else {}

    def command(self, at: Target) -> cmd.Start:
        step, hosts = next(iter(self.wanted(at).items()))
        return cmd.Start(step=step, hosts=hosts, confirm=step, override=SAID)

    async def perform(self, app: App[Any], at: Target) -> bool:
        """Step by step, after a look at what that runs."""
        lines, wanted = [], self.wanted(at)
        for step, hosts in wanted.items():
            spec, attempt = at.session.plan.step(step), at.session.state.steps[step].attempt + 1
            lines.append(f"{step} on {', '.join(hosts)} (attempt {attempt})")
            lines += runs_lines(spec) if spec is not None else []
        choices = [("retry", "Try again there, and nowhere else"), ("wait", "Not yet")]
        if await ask_choice(app, f"Retry {', '.join(wanted)}?", "\n".join(lines), choices) != "retry":
            return False
        for step, hosts in wanted.items():
            if not await send(app, at.session, cmd.Start(step=step, hosts=hosts)):
                return False
        return True


def _marked(at: Target, states: frozenset[str], *, undo: bool = True) -> dict[str, tuple[str, ...]]:
    """Hosts by step, of what is marked, where the task is in one of these states. ``undo``: also of a rollback."""
    out: dict[str, tuple[str, ...]] = {}
    for step, host in at.cells:
        task = at.session.state.steps[step].tasks.get(host)
        if task is not None and task.state in states and (undo or not task.undo):
            out[step] = (*out.get(step, ()), host)
    return out
