"""The dialogs by keyboard: what each key answers, what is refused, foreign text, small screens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests.tui.conftest import Pictured
from tests.tui.small_app import SIZES, SmallApp, shown, until
from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed
from upgrade_tui.tui.dialogs.dialog import Body, Dialog
from upgrade_tui.tui.dialogs.typed import matching

HOSTILE = "db1 [/b] \x1b[31mred\x1b]52;c;x\x07 \u202eevil [bold]x"
CHOICES = [("done", "done\nI looked: it is done"), ("failed", "failed\nit is not"), ("skipped", "skipped")]


async def asked(pilot: Pilot[Any], question: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
    """What will be answered, once the dialog takes keys. Asked from a worker, as in the dashboard."""
    task: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        task.set_result(await question)

    pilot.app.run_worker(work())
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, Dialog) and app.focused is not None and bool(shown(app)))
    return task


async def test_a_text_is_given_back_without_the_blanks_around_it() -> None:
    app = SmallApp()
    async with app.run_test() as pilot:
        task = await asked(pilot, ask_text(app, "Note", "What should others know?"))
        await pilot.press(*"  all good ", "enter")
        assert await task == "all good"
        assert not isinstance(app.screen, Dialog)


async def test_escape_gives_none_and_an_empty_line_is_refused_where_a_text_is_required() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        task = await asked(pilot, ask_text(app, "Skip", "Why?"))
        await pilot.press("space", "enter")
        assert not task.done()
        assert "write something" in shown(app)
        await pilot.press("x")
        assert "write something" not in shown(app)
        await pilot.press("escape")
        assert await task is None


async def test_an_optional_text_may_be_empty_and_starts_from_what_is_given() -> None:
    app = SmallApp()
    async with app.run_test() as pilot:
        task = await asked(pilot, ask_text(app, "Pause", "Reason", initial="lunch", required=False))
        assert app.screen.query_one(Input).value == "lunch"
        await pilot.press("end", *["backspace"] * 5, "enter")
        assert await task == ""


async def test_pasted_control_characters_do_not_get_into_the_answer() -> None:
    app = SmallApp()
    async with app.run_test() as pilot:
        task = await asked(pilot, ask_text(app, "Note", "?"))
        app.screen.query_one(Input).value = "a\x1b[31mb\x07"
        await pilot.press("enter")
        assert await task == "a␛[31mb␇"


async def test_only_the_exact_text_confirms() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        task = await asked(pilot, ask_typed(app, "Close", "This ends it.", "pg16"))
        assert "nothing typed yet" in shown(app)
        await pilot.press(*"pg", "enter")
        assert not task.done()
        assert "right so far, 2 more characters" in shown(app)
        await pilot.press("x")
        assert 'does not match at character 3: "x" where "1" is right' in shown(app)
        await pilot.press("enter", "backspace", *"16")
        assert not task.done()
        assert "matches" in shown(app)
        await pilot.press("enter")
        assert await task is True


async def test_a_typed_confirmation_left_with_escape_is_false() -> None:
    app = SmallApp()
    async with app.run_test() as pilot:
        task = await asked(pilot, ask_typed(app, "Close", "This ends it.", "pg16"))
        await pilot.press(*"pg16", "escape")
        assert await task is False


@pytest.mark.parametrize(
    ("typed", "says"),
    [("", "nothing"), ("a", "1 more character"), ("ab", "matches"), ("abc", "too long"), ("xb", "at character 1")],
)
def test_what_is_typed_is_compared_in_words(typed: str, says: str) -> None:
    assert says in matching(typed, "ab").plain


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (("enter",), "done"),
        (("down", "enter"), "failed"),
        (("3",), "skipped"),
        (("escape",), None),
        (("9", "2"), "failed"),
    ],
)
async def test_a_choice_is_made_with_arrows_or_its_number(keys: tuple[str, ...], answer: str | None) -> None:
    app = SmallApp()
    async with app.run_test() as pilot:
        task = await asked(pilot, ask_choice(app, "Settle", "The link broke.", CHOICES))
        await pilot.press(*keys)
        assert await task == answer


async def test_a_choice_without_choices_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="choose from"):
        await ask_choice(SmallApp(), "Settle", "", [])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "question",
    [
        lambda a: ask_text(a, HOSTILE, HOSTILE, initial=HOSTILE),
        lambda a: ask_typed(a, HOSTILE, HOSTILE, HOSTILE),
        lambda a: ask_choice(a, HOSTILE, HOSTILE, [(HOSTILE, HOSTILE + "\n" + HOSTILE)]),
    ],
)
async def test_foreign_text_is_shown_as_it_is_and_harmless(
    question: Callable[[SmallApp], Coroutine[Any, Any, Any]], size: tuple[int, int]
) -> None:
    app = SmallApp()
    async with app.run_test(size=size) as pilot:
        task = await asked(pilot, question(app))
        text = shown(app)
        assert "db1 [/b] ␛[31mred␛]52;c;x␇" in text
        assert "[bold]x" in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        await pilot.press("escape")
        assert not await task


@pytest.mark.parametrize("size", [*SIZES, (40, 12)])
async def test_a_long_body_scrolls_and_leaves_the_question_on_the_screen(size: tuple[int, int]) -> None:
    app = SmallApp()
    async with app.run_test(size=size) as pilot:
        task = await asked(pilot, ask_typed(app, "Long", "\n".join(f"line {i}" for i in range(200)), "yes"))
        await pilot.pause()
        assert "To confirm, type" in shown(app)
        assert "esc cancel" in shown(app)
        await pilot.press("tab")
        assert isinstance(app.focused, Body)
        await pilot.press("end")
        await until(pilot, lambda: "line 199" in shown(app))
        await pilot.press("tab", *"yes", "enter")
        assert await task is True


async def test_a_short_body_is_no_stop_of_the_tab_key() -> None:
    app = SmallApp()
    async with app.run_test() as pilot:
        task = await asked(pilot, ask_choice(app, "Settle", "short", CHOICES))
        await pilot.press("tab")
        assert isinstance(app.focused, OptionList)
        await pilot.press("escape")
        await task


class Asking(SmallApp):
    """Asks from an action, in the pump's own task."""

    BINDINGS = [("p", "pump")]  # noqa: RUF012
    error = ""

    async def action_pump(self) -> None:
        try:
            await ask_text(self, "From the pump", "?")
        except RuntimeError as error:
            self.error = str(error)


async def test_asking_outside_a_worker_says_what_is_right_instead_of_hanging() -> None:
    app = Asking()
    async with app.run_test() as pilot:
        await pilot.press("p")
        assert "@work" in app.error


async def test_a_dialog_that_something_else_takes_away_answers_none() -> None:
    app = SmallApp()
    async with app.run_test() as pilot:
        task = await asked(pilot, ask_text(app, "Note", "?"))
        await app.pop_screen()
        assert await task is None


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("what", ["text", "typed", "choice"])
async def test_pictures(pictured: Pictured, what: str, size: tuple[int, int]) -> None:
    questions: dict[str, Callable[[SmallApp], Coroutine[Any, Any, Any]]] = {
        "text": lambda a: ask_text(a, "Skip verify", "Why will it not be done? Everybody sees the reason."),
        "typed": lambda a: ask_typed(
            a, "Close the window", "This ends it for everybody.\n\nUnfinished: verify", "pg16"
        ),
        "choice": lambda a: ask_choice(a, "Settle db2", "The link broke while the command ran.", CHOICES),
    }
    app = SmallApp(light=what == "choice")
    held = []

    async def before(pilot: Pilot[Any]) -> None:
        held.append(await asked(pilot, questions[what](app)))
        await pilot.press({"text": "enter", "typed": "x", "choice": "down"}[what])
        for blinking in app.screen.query(Input):
            blinking.cursor_blink = False

    await pictured(app, size, before)
