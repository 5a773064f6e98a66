"""Dark, light and without colour: the same words and meanings on the screen, and all of them readable."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import Theme

from tests.tui.pictures import as_text, cells, painted
from tests.tui.test_snapshots import MOMENTS, app_of, settled
from upgrade_tui.tui.glyphs import TONES
from upgrade_tui.tui.theme import THEMES

READABLE = 4.5  # the ratio that WCAG asks of text
GROUNDS = {"background": READABLE, "surface": READABLE, "panel": READABLE, "tone-cursor": 3.0}  # one row, marked by ▌
both = pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
loud = pytest.mark.parametrize("moment", ["trouble", "armed", "rollback stopped"])


def luminance(colour: Color) -> float:
    """As WCAG defines it: 0 is black, 1 white."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(luminance(Color.parse(c)) for c in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def colours(theme: Theme) -> dict[str, str]:
    named = {n: getattr(theme, n) for n in ("background", "surface", "panel", "foreground")}
    return theme.variables | named


@both
@pytest.mark.parametrize("ground", GROUNDS)
def test_every_tone_can_be_read_on_every_ground(theme: Theme, ground: str) -> None:
    found = colours(theme)
    read = {tone: contrast(found[f"tone-{tone}"], found[ground]) for tone in TONES}
    assert {tone: round(ratio, 2) for tone, ratio in read.items() if ratio < GROUNDS[ground]} == {}


@both
def test_an_alarm_can_be_read(theme: Theme) -> None:
    found = colours(theme)
    assert contrast(found["tone-strong"], found["tone-alarm"]) >= READABLE


@both
def test_no_two_tones_look_the_same_but_a_key_and_what_runs(theme: Theme) -> None:
    found = {theme.variables[f"tone-{tone}"] for tone in TONES}
    assert len(found) == len(TONES) - 1
    assert theme.variables["tone-key"] == theme.variables["tone-run"]


@loud
async def test_dark_and_light_show_the_same_with_the_same_tones(moment: str) -> None:
    shown = []
    for theme in ("dark", "light"):
        app = app_of(MOMENTS[moment](), theme)
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            shown.append(as_text(cells(app)))
    assert shown[0] == shown[1]


@loud
async def test_without_colour_the_same_is_said_in_greys(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(MOMENTS[moment]())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        coloured = ["".join(segment.text for segment in row) for row in painted(app)]
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_of(MOMENTS[moment]())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        grey = painted(app)
        assert ["".join(segment.text for segment in row) for row in grey] == coloured
        used = {c for row in grey for s in row if s.style for c in (s.style.color, s.style.bgcolor) if c is not None}
        assert all(c.triplet is not None and len(set(c.triplet)) == 1 for c in used), used
