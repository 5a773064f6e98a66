"""The one table of verbs, in the order of palette and help."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from upgrade_tui.tui.verbs import armed_verbs, gate_verbs, host_verbs, step_verbs, undo_verbs, window_verbs
from upgrade_tui.tui.verbs.verb import Look, Verb

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        step_verbs.TickVerb(),
        step_verbs.StartVerb(),
        gate_verbs.GoVerb(),
        gate_verbs.NoGoVerb(),
        step_verbs.ClaimVerb(),
        step_verbs.NoteVerb(),
        step_verbs.SkipVerb(),
        step_verbs.UntickVerb(),
        step_verbs.SettleVerb(),
        armed_verbs.ConfirmVerb(),
        armed_verbs.ExtendVerb(),
        armed_verbs.RevertVerb(),
        step_verbs.RetryVerb(),
        host_verbs.ReconnectVerb(),
        host_verbs.ExcludeVerb(),
        window_verbs.PauseVerb(),
        undo_verbs.RollbackVerb(),
        window_verbs.AbortVerb(),
        window_verbs.CloseVerb(),
    )
}

LATER = 30
"""From this rank on a verb does not go on with what is looked at: notes, claims, what is about the whole window."""


def of_action(action: str) -> Verb | None:
    """The verb that a binding stands for: its action is ``verb('tick')``."""
    name, _, argument = action.partition("(")
    return VERBS.get(argument.strip("')\"")) if name == "verb" else None


def bindings(screen: str) -> list[Binding]:
    """The keys of the verbs that a screen has."""
    return [
        Binding(v.key, f"verb('{v.name}')", v.label, tooltip=v.help, show=False)
        for v in VERBS.values()
        if screen in v.on
    ]


def offered(screen: str, look: Look) -> Sequence[Verb]:
    """The verbs that belong to what is looked at, most useful first; possible or not."""
    if look.scene.state.phase == "closed":
        return ()
    ranked = [(rank, verb) for verb in VERBS.values() if screen in verb.on and (rank := verb.rank(look)) is not None]
    return [verb for _, verb in sorted(ranked, key=lambda each: each[0])]
