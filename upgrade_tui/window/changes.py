"""Copies of a state with one thing changed: what ``fold`` is made of. Of what is not there, nothing changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from upgrade_tui.window.state import WindowState

K = TypeVar("K")
V = TypeVar("V")


def with_(mapping: Mapping[K, V], key: K, value: V) -> dict[K, V]:
    return {**mapping, key: value}


def without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    return {k: v for k, v in mapping.items() if k != key}


def change_step(state: WindowState, step_id: str, /, **changes: Any) -> WindowState:
    step = state.steps.get(step_id)
    return state if step is None else replace(state, steps=with_(state.steps, step_id, replace(step, **changes)))


def change_task(state: WindowState, step_id: str, host: str, /, **changes: Any) -> WindowState:
    step = state.steps.get(step_id)
    if step is None or host not in step.tasks:
        return state
    return change_step(state, step_id, tasks=with_(step.tasks, host, replace(step.tasks[host], **changes)))


def stale(state: WindowState, step_id: str, attempt: int) -> bool:
    """The event is about an attempt that a newer one has replaced: it must not pass for the newer one's result."""
    step = state.steps.get(step_id)
    return step is not None and attempt < step.attempt


def excluded_reason(why: str) -> str:
    """Of a task that is skipped because its host takes no part any more."""
    return f"excluded: {why}"


def change_host(state: WindowState, name: str, /, **changes: Any) -> WindowState:
    host = state.hosts.get(name)
    return state if host is None else replace(state, hosts=with_(state.hosts, name, replace(host, **changes)))
