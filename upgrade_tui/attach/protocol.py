"""What goes over a window's Unix socket: JSON lines, one message a line, tagged by ``type``.

A client says ``Hello`` first. The conductor answers ``Welcome``, then every event from ``since`` on (``Happened``),
then ``CaughtUp``, then events as they become durable and, if asked for, one ``FrameMessage`` a second. Requests carry
an id of the client's choosing that the answer repeats; until there is an answer, ``Working`` says every few seconds
that there will be one.
"""

from __future__ import annotations

from msgspec import Raw, Struct, convert, json

from upgrade_tui.plan.model import Plan, Role
from upgrade_tui.telemetry.model import Point
from upgrade_tui.window.commands import AnyCommand, Refusal
from upgrade_tui.window.events import Record
from upgrade_tui.window.measurements import Frame
from upgrade_tui.window.state import WindowState

PROTOCOL = 1
MAX_MESSAGE = 16 * 1024 * 1024  # bytes; a frame of 500 hosts is about 200 kB


class Message(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What all messages share: the tag field."""


# -- client to conductor ------------------------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """First message. ``attach``: an operator looks on (an event for everybody); else a one-shot command."""

    protocol: int = PROTOCOL
    since: int | None = 0  # seq of the last record the client has; None: it wants only what happens from now on
    frames: bool = False
    attach: bool = False
    terminal: str = ""


class Do(Message, frozen=True, kw_only=True, tag="do"):
    """Carry out a command."""

    id: int
    command: AnyCommand


class GetOutput(Message, frozen=True, kw_only=True, tag="output"):
    """Bytes of a task's output from ``offset`` on. ``attempt`` 0: the latest. ``undo``: of its rollback."""

    id: int
    step: str
    host: str
    attempt: int = 0
    undo: bool = False
    offset: int = 0
    limit: int = 65536


class GetHistory(Message, frozen=True, kw_only=True, tag="history"):
    """Telemetry of a host or of a canary over the last ``seconds``, in at most ``points`` points."""

    id: int
    host: str = ""
    canary: str = ""
    seconds: float = 3600.0
    points: int = 120


class GetTop(Message, frozen=True, kw_only=True, tag="top"):
    """The host's processes that use most CPU and memory, now."""

    id: int
    host: str


class Reconnect(Message, frozen=True, kw_only=True, tag="reconnect"):
    """Try the connection to a host again at once."""

    id: int
    host: str


class ProbeNow(Message, frozen=True, kw_only=True, tag="probe"):
    """Probe a canary at once."""

    id: int
    canary: str


class GetState(Message, frozen=True, kw_only=True, tag="state"):
    """The window as it stands: at once; ``over``: once that step's attempt has ended or waits for a person; ``back``:
    once no rollback is under way.
    """

    id: int
    over: str = ""
    back: bool = False


Request = Do | GetOutput | GetHistory | GetTop | Reconnect | ProbeNow | GetState
FromClient = Hello | Request

# -- conductor to client ------------------------------------------------------------------------------------------


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """Who you are here, and the frozen plan: with it the client folds the events itself."""

    version: str
    directory: str
    plan_text: str
    login: str
    role: Role
    client: int
    seq: int  # the last record at this moment
    now: float  # conductor's wall clock


class Happened(Message, frozen=True, kw_only=True, tag="events"):
    """Durable records, in order."""

    records: tuple[Record, ...]


class CaughtUp(Message, frozen=True, kw_only=True, tag="live"):
    """The backlog is sent; what follows is new."""

    seq: int


class FrameMessage(Message, frozen=True, kw_only=True, tag="telemetry"):
    """The once-a-second frame."""

    frame: Frame


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """A command was carried out; its events are durable. ``kept``: what is to be said where that is not in the log."""

    id: int
    seqs: tuple[int, ...]
    kept: str = ""


class Refused(Message, frozen=True, kw_only=True, tag="refused"):
    """A command was not carried out."""

    id: int
    refusal: Refusal


class Output(Message, frozen=True, kw_only=True, tag="output"):
    """A piece of a task's output. ``size``: bytes there are so far; ``running``: more may come."""

    id: int
    data: bytes  # base64 on the wire
    offset: int
    size: int
    running: bool


class HistoryReply(Message, frozen=True, kw_only=True, tag="history"):
    """Series by name: cpu, memory, load, ... of a host (percent, bytes/s); latency (seconds), ok (0 to 1)."""

    id: int
    series: dict[str, tuple[Point, ...]]


class ProcessInfo(Struct, frozen=True, array_like=True):
    """A process of a host."""

    pid: int
    user: str
    cpu: float  # percent of one core
    memory: int  # resident bytes
    command: str


class Top(Message, frozen=True, kw_only=True, tag="top"):
    """The busiest processes, busiest first."""

    id: int
    processes: tuple[ProcessInfo, ...]


class State(Message, frozen=True, kw_only=True, tag="state"):
    """The window as it stands at ``now``, the conductor's wall clock, and what is measured then."""

    id: int
    state: Raw  # see ``packed``
    frame: Frame
    now: float


class Ok(Message, frozen=True, kw_only=True, tag="ok"):
    """Done; nothing more to say."""

    id: int
    text: str = ""


class Working(Message, frozen=True, kw_only=True, tag="working"):
    """A request takes a while and is being worked on: whoever waits for its answer knows that somebody is there."""

    id: int


class Failed(Message, frozen=True, kw_only=True, tag="failed"):
    """A request could not be answered (``id`` 0: the connection itself). Says what is wrong and what to do."""

    id: int = 0
    error: str = ""


FromConductor = (
    Welcome | Happened | CaughtUp | FrameMessage | Done | Refused | Output | HistoryReply | Top | State | Ok | Working
    | Failed
)  # fmt: skip
AnyAnswer = Done | Refused | Output | HistoryReply | Top | State | Ok | Failed

encode = json.Encoder().encode
decode_client = json.Decoder(FromClient).decode
decode_conductor = json.Decoder(FromConductor).decode


def packed(state: WindowState) -> Raw:
    """A window's state without its plan: clients have that from ``Welcome``."""
    return Raw(encode({name: getattr(state, name) for name in state.__struct_fields__ if name != "plan"}))


def unpacked(state: Raw, plan: Plan) -> WindowState:
    """The state that was ``packed``. Raises msgspec.ValidationError."""
    return convert(json.decode(state) | {"plan": plan}, WindowState, str_keys=True)
