"""SSH connections as the plan and ``~/.ssh/config`` want them, with host keys always verified.

Resolution of ssh_config, keys and agents is asyncssh's own. What is added: options built once a host, the plan's fields
over the config's, jump hosts under the same rules and shared by all hosts behind them, and failures in plain words.
"""

from __future__ import annotations

import asyncio
import copy
from functools import cache
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.public_key import get_default_public_key_algs
from msgspec import Struct

from upgrade_tui.fleet.connection.failures import Unreachable, network_failure
from upgrade_tui.fleet.connection.known_hosts import KnownHosts, fingerprint
from upgrade_tui.fleet.connection.ssh_settings import Settings, parsed_hop, refuse_blind, settings_of_hop
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.inventory import Ssh

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""AES-GCM first: with AES instructions it costs a third of ChaCha20."""

_DEFAULT_PORT = 22
_HOPS = 5  # jump hosts behind jump hosts, at most


class DialTarget(Struct, frozen=True):
    """Everything needed to connect to one host, worked out once."""

    name: str  # as the operator knows it
    host: str  # after ssh_config
    port: int
    options: asyncssh.SSHClientConnectionOptions
    known: KnownHosts
    lookup: str  # the name under which known_hosts has it
    jump: str | None
    settings: Settings

    @property
    def place(self) -> str:
        """``host:port`` for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class HostClient(asyncssh.SSHClient):
    """Remembers what the connection went through, to explain it."""

    def __init__(self) -> None:
        self.offered: asyncssh.SSHKey | None = None
        self.address = ""
        self.methods: list[str] = []
        self.error: BaseException | None = None
        self.connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """TCP is there."""
        self.connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, or broken by ``exc``."""
        self.error = exc

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Asked only about keys that known_hosts does not have: never trusted."""
        self.offered, self.address = key, addr
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """As above, for the CA of a host certificate."""
        self.offered, self.address = key, addr
        return False

    def public_key_auth_requested(self) -> None:
        """All keys were tried."""
        self.methods.append("publickey")

    def password_auth_requested(self) -> None:
        """The host would take a password; nobody is asked for one."""
        self.methods.append("password")

    def kbdint_auth_requested(self) -> None:
        """The host would ask questions; nobody answers them."""
        self.methods.append("keyboard-interactive")


class Connected(Struct):
    """A connection that is up. ``limit`` seconds of silence end it."""

    connection: asyncssh.SSHClientConnection
    client: HostClient
    limit: float


class Dialer:
    """Connects to hosts. ``base_dir``: where relative paths of the plan start."""

    def __init__(self, overall: Ssh, base_dir: Path | None) -> None:
        self._overall, self._base = overall, base_dir
        self._targets: dict[str, DialTarget] = {}
        self._known: dict[tuple[Path, ...], KnownHosts] = {}
        self._jumps: dict[str, asyncssh.SSHClientConnection] = {}
        self._jump_locks: dict[str, asyncio.Lock] = {}

    async def connect(self, name: str, address: str, own: Ssh | None) -> Connected:
        """A verified, logged-in connection. Raises Unreachable that says why not."""
        target = self._targets.get(name)
        try:
            if target is None:
                target = await asyncio.to_thread(
                    self._target, name, address, Settings.of(self._overall, own, self._base)
                )
                self._targets[name] = target
            return await self._dial(target, 0)
        except Unreachable as failure:
            if failure.slow:  # somebody changes a file in the meantime: read everything again
                self._targets.pop(name, None)
            raise

    async def close(self) -> None:
        """End the connections to jump hosts."""
        for connection in self._jumps.values():
            connection.abort()
        self._jumps.clear()

    # -- options ------------------------------------------------------------------------------------------------------

    def _target(self, name: str, address: str, settings: Settings, *, hop: bool = False) -> DialTarget:
        """Blocking: reads configs, keys and known_hosts. For a ``hop``, the plan's user is second to the config's."""
        for path in (*settings.identity, *filter(None, (settings.config, settings.known_hosts))):
            if not path.exists():
                raise Unreachable("auth failed", f"{path}, which the plan names for {name}, does not exist", slow=True)
        try:
            options = self._options(address, settings, hop=hop)
        except Unreachable:
            raise
        except (OSError, ValueError, asyncssh.Error) as error:
            raise Unreachable("auth failed", f"the ssh settings of {name} are wrong: {error}", slow=True) from error
        jump = settings.jump if settings.jump is not None else options.config.get("ProxyJump")
        return DialTarget(
            name, options.host, options.port, options, self._known_hosts(settings, options),
            options.host_key_alias or options.host,
            None if jump is None or str(jump).lower() in ("", "none") else str(jump), settings,
        )  # fmt: skip

    def _options(self, address: str, settings: Settings, *, hop: bool) -> asyncssh.SSHClientConnectionOptions:
        given: dict[str, Any] = {
            "host": address,
            "config": [str(settings.config)] if settings.config else (),
            "encryption_algs": list(CIPHERS),
            "compression_algs": ["none"],  # a sample is 330 bytes: packing it costs more than sending it
            "agent_forwarding": False,  # a host that was broken into could use the agent against all the others
            "disable_trivial_auth": True,  # a server that asks for no proof may only want our commands
            "ignore_encrypted": True,  # a key with a passphrase comes from the agent
            "x11_forwarding": False,
            # A pty would turn line ends into CR LF, echo what is written, and hang up when the link breaks.
            "request_pty": False,
            # RemoteCommand and SendEnv of the config are for people who log in: here they would replace our commands.
            "command": None,
            "env": None,
            "send_env": None,
            "connect_timeout": settings.timeout,
            "login_timeout": settings.timeout,
            # A sample a second resets the timer: a little more than a second, so that it does not fire just before.
            # Three intervals without an answer end the connection: 3.9 s for the plan's default of 1 s.
            "keepalive_interval": settings.keepalive * 1.3,
            "keepalive_count_max": 2,
            "encoding": None,  # with one, a single byte that is not UTF-8 ends the connection with all its channels
        }
        if settings.port is not None:
            given["port"] = settings.port
        if settings.user is not None and not hop:
            given["username"] = settings.user
        if settings.identity:
            given["client_keys"] = [str(path) for path in settings.identity]
        options = asyncssh.SSHClientConnectionOptions(**given)
        if options.config.get("Ciphers"):
            given["encryption_algs"] = ()
        if hop and settings.user is not None and not options.config.get("User"):
            given["username"] = settings.user
        if options.client_keys:  # loaded now, and not again on every connect
            given["client_keys"] = list(options.client_keys)
        if options.agent_identities:
            given["agent_identities"] = list(options.agent_identities)
        return asyncssh.SSHClientConnectionOptions(**given)

    def _known_hosts(self, settings: Settings, options: asyncssh.SSHClientConnectionOptions) -> KnownHosts:
        if settings.known_hosts is not None:
            files: tuple[Path, ...] = (settings.known_hosts,)
        elif options.known_hosts is None:
            refuse_blind([], "UserKnownHostsFile in the ssh config")
            raise AssertionError("unreachable")
        else:
            named = [str(f) for f in options.known_hosts] if isinstance(options.known_hosts, list) else []
            if named:
                refuse_blind(named, "UserKnownHostsFile in the ssh config")
            defaults = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
            files = tuple(Path(f).expanduser() for f in named or defaults)
        return self._known.setdefault(files, KnownHosts(files)).load()

    # -- connecting ---------------------------------------------------------------------------------------------------

    async def _dial(self, target: DialTarget, depth: int) -> Connected:
        tunnel = await self._tunnel(target, depth) if target.jump else None
        client = HostClient()
        keys = target.options.client_keys or ()
        try:
            connection = await asyncssh.connect(
                target.options.orig_host,
                target.port,
                options=target.options,
                config=None,  # what it says is in the options: it is not read a second time
                tunnel=tunnel,
                client_factory=lambda: client,
                known_hosts=target.known.match,  # a path is parsed at every connect: 0.4 s of the loop for 936 lines
                server_host_key_algs=_algorithms(target),
                client_keys=[copy.copy(k) for k in keys] or (),  # a signature algorithm is chosen in place
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise await self._key_failure(target, client, str(error)) from error
        except asyncssh.PermissionDenied as error:
            raise _login_failure(target, client) from error
        except asyncssh.KeyExchangeFailed as error:
            raise await self._exchange_failure(target, client, error) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise network_failure(error, target.place, target.settings.timeout) from error
        return Connected(connection, client, 3 * 1.3 * target.settings.keepalive)

    async def _tunnel(self, target: DialTarget, depth: int) -> asyncssh.SSHClientConnection:
        """The connection to the last jump host, shared by all hosts behind the same chain."""
        if depth >= _HOPS:
            raise Unreachable(
                "lost", f"{target.name}: more than {_HOPS} jump hosts, do they jump in a circle?", slow=True
            )
        chain = str(target.jump)
        # All hosts behind it dial at once: without the lock each would open its own connection to the jump host, whose
        # sshd begins to refuse at ten that are not logged in yet (MaxStartups).
        async with self._jump_locks.setdefault(chain, asyncio.Lock()):
            there = self._jumps.get(chain)
            if there is not None and not there.is_closed():
                return there
            before, _, last = chain.rpartition(",")
            user, host, port = parsed_hop(last)
            settings = settings_of_hop(target.settings, user, port, before)
            try:
                hop = await asyncio.to_thread(self._target, host, host, settings, hop=user is None)
                self._jumps[chain] = (await self._dial(hop, depth + 1)).connection
            except Unreachable as failure:
                raise Unreachable(failure.link, f"jump host {host}: {failure.detail}", slow=failure.slow) from failure
            return self._jumps[chain]

    # -- explaining ---------------------------------------------------------------------------------------------------

    async def _key_failure(self, target: DialTarget, client: HostClient, reason: str) -> Unreachable:
        port = target.port if target.port != _DEFAULT_PORT else None
        known = target.known.match(target.lookup, client.address, port)
        shown = fingerprint(client.offered) if client.offered else "a key"
        if "revoked" in reason:
            return Unreachable(
                "host key changed",
                f"{target.place} shows a key that known_hosts revokes (@revoked): do not go on",
                slow=True,
            )
        if not any(known):
            return _unknown_key(target, shown)
        lines = await asyncio.to_thread(target.known.where, target.lookup, client.address, port)
        return Unreachable(
            "host key changed",
            f"{target.place} shows {shown}, not the key in {', '.join(lines[:3])}: reinstalled, or somebody is in "
            f"between. Check on its console (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub); if it is right: "
            f"{_remove(target)}, then add the new key",
            slow=True,
        )

    async def _exchange_failure(self, target: DialTarget, client: HostClient, error: asyncssh.Error) -> Unreachable:
        """known_hosts has a key of another kind than the host now offers: that is a changed key, too."""
        address = client.connection.get_extra_info("peername", ("",))[0] if client.connection else ""
        port = target.port if target.port != _DEFAULT_PORT else None
        lines = await asyncio.to_thread(target.known.where, target.lookup, address, port)
        if "host key" in str(error) and lines:
            return Unreachable(
                "host key changed",
                f"{target.place} no longer has a key of the kind in {', '.join(lines[:3])}. Check its keys on its "
                f"console; if they are right: {_remove(target)}, then add the new key",
                slow=True,
            )
        return Unreachable("lost", f"{target.place} and this machine have no algorithms in common: {error}", slow=True)


@cache
def _ordered(known: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(a.decode("ascii") for a in dict.fromkeys([*known, *get_default_public_key_algs()]))


def _algorithms(target: DialTarget) -> list[str] | tuple[()]:
    """Kinds of host keys: those that known_hosts has first, then all others, so that another key is seen as such.

    With asyncssh's own choice, only the former, the host would hang up without a word. Empty: asyncssh's own choice.
    """
    port = target.port if target.port != _DEFAULT_PORT else None
    trusted, authorities, *_ = target.known.match(target.lookup, "", port)
    if not trusted or authorities or target.options.config.get("HostKeyAlgorithms"):
        return ()
    known = [algorithm for key in trusted for algorithm in key.sig_algorithms]
    return list(_ordered(tuple(known)))


def _unknown_key(target: DialTarget, shown: str) -> Unreachable:
    option = "" if target.port == _DEFAULT_PORT else f"-p {target.port} "
    damaged = f" ({target.known.problems[0]})" if target.known.problems else ""
    return Unreachable(
        "host key unknown",
        f"{target.place} shows {shown}; {target.known.main} has no key for it{damaged}. Compare with its console "
        f"(ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: "
        f"ssh-keyscan {option}{target.lookup} >> {target.known.main}",
        slow=True,
    )


def _remove(target: DialTarget) -> str:
    name = target.lookup if target.port == _DEFAULT_PORT else f"[{target.lookup}]:{target.port}"
    return f"ssh-keygen -R '{name}' -f {target.known.main}"


def _login_failure(target: DialTarget, client: HostClient) -> Unreachable:
    keys = [_key_name(k) for k in target.options.client_keys or ()]
    tried = ", ".join(keys[:4]) or "no key files"
    agent = "the agent's keys" if target.options.agent_path else "no agent (SSH_AUTH_SOCK is not set)"
    offered = ", ".join(dict.fromkeys(client.methods)) or "none that works without a person"
    return Unreachable(
        "auth failed",
        f"{target.place} refused user {target.options.username}: tried {tried} and {agent}; it takes "
        f"{offered}. "
        f"Name the right key in the plan's [ssh] identity, or ssh-add it (one with a passphrase must be in the agent)",
        slow=True,
    )


def _key_name(pair: asyncssh.SSHKeyPair) -> str:
    name = getattr(pair, "get_filename", lambda: None)() or getattr(getattr(pair, "_key", None), "get_filename", str)()
    shown = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")
    return one_line(shown or pair.get_comment() or pair.get_algorithm(), 160)
