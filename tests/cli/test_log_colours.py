"""The lines of ``log`` on a terminal are coloured by the event table, and are plain text anywhere else."""

from __future__ import annotations

from typing import get_args

import click
import pytest

from tests.window.test_sentences import KINDS, made
from upgrade_tui.cli.log import STYLES, log_line
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_row import Tone
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.sentences import sentence


def record(event: ev.Event) -> ev.Record:
    return ev.Record(seq=1, ts=0.0, mono=0.0, boot="b", actor="mei", event=event)


def test_every_tone_but_the_plain_one_has_a_style() -> None:
    assert set(STYLES) == set(get_args(Tone)) - {"plain"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_a_line_is_painted_in_the_tone_of_its_row(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    event = made(kind)
    shown = log_line(record(event), False, {})
    assert click.style(sentence(event), **STYLES.get(notice(event).tone, {})) in shown
    assert click.unstyle(shown).endswith(f" mei          {sentence(event)}")


def test_who_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in log_line(record(ev.LogFenced(error="EIO", segment="log.jsonl")), False, {})
