"""What the plan says about reaching a host: its ``ssh`` table over the plan's; and for a jump host. Pure."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from upgrade_tui.fleet.connection.failures import Unreachable
from upgrade_tui.plan.inventory import Ssh


class Settings(Struct, frozen=True):
    """What the plan says about reaching a host: its ``ssh`` table over the plan's, field by field."""

    user: str | None
    port: int | None
    identity: tuple[Path, ...]
    known_hosts: Path | None
    config: Path | None
    jump: str | None
    timeout: float  # seconds, for connect and login together
    keepalive: float  # seconds

    @classmethod
    def of(cls, overall: Ssh, own: Ssh | None, base: Path | None) -> Settings:
        """``own`` overrides ``overall`` where set; relative paths are relative to ``base``, ``~`` is the home."""
        own, plain = own or Ssh(), Ssh()

        def timing(name: str) -> float:
            mine = getattr(own, name)
            return float(mine if mine != getattr(plain, name) else getattr(overall, name))

        known = own.known_hosts if own.known_hosts is not None else overall.known_hosts
        if known is not None:
            refuse_blind([known], "the plan's known_hosts")
        config = own.config or overall.config
        return cls(
            user=own.user or overall.user,
            port=own.port or overall.port,
            identity=tuple(_path(i, base) for i in own.identity or overall.identity),
            known_hosts=_path(known, base) if known else None,
            config=_path(config, base) if config else None,
            jump=own.jump if own.jump is not None else overall.jump,
            timeout=timing("connect_timeout"),
            keepalive=timing("keepalive"),
        )


def _path(text: str, base: Path | None) -> Path:
    path = Path(text).expanduser()
    return base / path if base is not None and not path.is_absolute() else path


def refuse_blind(files: list[str], where: str) -> None:
    """Raises Unreachable where the known_hosts named would verify nothing."""
    if not files or any(f.lower() == "none" or f == "/dev/null" for f in files):
        named = files[0] if files else "none"
        raise Unreachable(
            "host key unknown",
            f"{where} is {named!r}, which would switch off the check of host keys: name a file with this host's key",
            slow=True,
        )


def settings_of_hop(behind: Settings, user: str | None, port: int | None, before: str) -> Settings:
    """A jump host is reached with the plan's keys, config and known_hosts, and its own user and port."""
    return Settings(
        user=user or behind.user,
        port=port,
        identity=behind.identity,
        known_hosts=behind.known_hosts,
        config=behind.config,
        jump=before or None,
        timeout=behind.timeout,
        keepalive=behind.keepalive,
    )


def parsed_hop(text: str) -> tuple[str | None, str, int | None]:
    """``[user@]host[:port]`` of ProxyJump."""
    user, at, rest = text.strip().rpartition("@")
    host, port = rest, None
    if rest.startswith("["):
        host, _, tail = rest[1:].partition("]")
        port = int(tail[1:]) if tail[1:].isdigit() else None
    elif rest.count(":") == 1:
        host, _, tail = rest.partition(":")
        port = int(tail) if tail.isdigit() else None
    return (user if at else None), host, port
