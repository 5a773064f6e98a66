"""What a client may ask a running window for: each request, and what is said where there is nothing to answer with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.living import Living, frozen
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import Client
from upgrade_tui.window import commands as cmd

PLAN = """\
[window]
id = "w"
title = "W"
start = "now"
duration = "4h"
[hosts.one]
address = "local"
[[canaries]]
name = "five"
run = "echo 5"
on = "local"
expect = { max = 9 }
interval = "1h"
[[steps]]
id = "try"
title = "Tries"
on = "one"
run = "echo attempt; echo some more; exit 1"
needs = []
rollback = { run = "echo undone", estimate = "1m" }
"""


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    for name, value in (("HOME", tmp_path), ("XDG_STATE_HOME", tmp_path / "state"), ("XDG_RUNTIME_DIR", runtime)):
        monkeypatch.setenv(name, str(value))
    with Living(frozen(PLAN)) as living:
        yield living


@pytest.fixture
async def client(window: Living) -> AsyncIterator[Client]:
    connected = await Client.connect(window.directory)
    yield connected
    await connected.close()


def tried(window: Living, attempt: int) -> None:
    """The step ended, and so did its attempt."""
    window.do(cmd.Start(step="try"))
    window.until(lambda state: (state.steps["try"].stage, state.steps["try"].attempt) == ("ended", attempt))


async def output(client: Client, **asked: Any) -> p.Output:
    answer = await client.ask(p.GetOutput(id=0, **{"step": "try", "host": "one", **asked}), p.Output)
    assert isinstance(answer, p.Output), answer
    return answer


async def test_output_comes_in_the_pieces_that_are_asked_for(window: Living, client: Client) -> None:
    tried(window, 1)
    whole = await output(client)
    assert (whole.data, whole.size, whole.offset, whole.running) == (b"attempt\nsome more\n", 18, 0, False)
    assert (await output(client, offset=8, limit=4)).data == b"some"
    assert (await output(client, offset=18)).data == b""
    assert (await output(client, offset=-5)).data == whole.data
    assert (await output(client, limit=-1)).data == b""


async def test_output_is_that_of_the_latest_attempt_unless_another_one_is_named(window: Living, client: Client) -> None:
    tried(window, 1)
    tried(window, 2)
    file = window.directory / "output"
    first = next(path for path in file.iterdir() if ".1." in path.name)
    first.write_bytes(b"the first\n")
    assert (await output(client)).data == b"attempt\nsome more\n"
    assert (await output(client, attempt=1)).data == b"the first\n"
    assert (await output(client, attempt=7)).size == 0  # there is none, or none yet


async def test_the_output_of_a_rollback_is_one_of_its_own(window: Living, client: Client) -> None:
    tried(window, 1)
    window.do(cmd.StartRollback(reason="errors", confirm="w"))
    window.until(lambda state: state.shown("try") == "rolled back")
    assert (await output(client, undo=True)).data == b"undone\n"
    assert (await output(client)).data == b"attempt\nsome more\n"


@pytest.mark.parametrize(("step", "host"), [("try", "two"), ("other", "one")])
async def test_there_is_no_output_of_what_does_not_run_there(client: Client, step: str, host: str) -> None:
    said = await client.ask(p.GetOutput(id=0, step=step, host=host), p.Output)
    assert said == f'"{step}" does not run on "{host}"'


async def test_output_that_cannot_be_read_says_why(window: Living, client: Client) -> None:
    tried(window, 1)
    path = next((window.directory / "output").iterdir())
    path.unlink()
    path.mkdir()
    said = await client.ask(p.GetOutput(id=0, step="try", host="one"), p.Output)
    assert said == f"{path.name} cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("request_", "wanted", "said"),
    [
        (p.GetHistory(id=0, host="two"), p.HistoryReply, 'there is no host or canary "two"'),
        (p.GetHistory(id=0, canary="six"), p.HistoryReply, 'there is no host or canary "six"'),
        (p.GetTop(id=0, host="two"), p.Top, 'there is no host "two"'),
        (p.Reconnect(id=0, host="two"), p.Ok, 'there is no host "two"'),
        (p.ProbeNow(id=0, canary="six"), p.Ok, 'there is no canary "six"'),
        (p.GetState(id=0, over="other"), p.State, 'there is no step "other"'),
    ],
)
async def test_what_the_plan_does_not_have_is_named(client: Client, request_: Any, wanted: Any, said: str) -> None:
    assert await client.ask(request_, wanted) == said


async def test_a_canary_is_probed_and_a_host_tried_at_once(client: Client) -> None:
    probed = await client.ask(p.ProbeNow(id=0, canary="five"), p.Ok)
    assert isinstance(probed, p.Ok)
    assert "5" in probed.text
    tried_again = await client.ask(p.Reconnect(id=0, host="one"), p.Ok)
    assert isinstance(tried_again, p.Ok)
    assert tried_again.text == "connecting to one"


async def test_a_command_says_which_records_it_made_or_why_it_made_none(window: Living, client: Client) -> None:
    done = await client.do(cmd.Note(text="hello"))
    assert isinstance(done, p.Done)
    assert done.kept == ""
    said = [record for record in window.records() if record.seq in done.seqs]
    assert [(record.actor, getattr(record.event, "text", "")) for record in said] == [(client.welcome.login, "hello")]
    refused = await client.do(cmd.Start(step="other"))
    assert getattr(refused, "reason", "") == 'there is no step "other"'
