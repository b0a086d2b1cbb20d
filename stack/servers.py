"""The servers of a run: PostgreSQL and Redis, how they were started, and which rights are missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked_address, must_be_encoded

Provider = Literal["external", "containers", "embedded"]

ANSWER_WITHIN_S = 3.0
"""How long a server may take to answer the first command."""

KEY_PREFIX = "stampede:"
"""Prefix of the names of all our keys."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A fact about the servers or the run, for example a missing right, and its consequence."""

    name: str
    what: str
    cost: str


@dataclass(frozen=True, kw_only=True)
class Server:
    """A database server that answers."""

    url: str = field(repr=False)
    """Contains the password: for drivers only."""
    name: str
    """PostgreSQL, Redis or Valkey, as the server reports it."""
    version: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """The settings that affect figures, under the server's own names."""
    allocator: str | None = None
    """The memory allocator, if the server reports it."""

    @property
    def safe_url(self) -> str:
        """The address without the password."""
        return without_password(self.url)

    def as_dict(self) -> dict[str, Any]:
        """For the run folder."""
        facts = {"name": self.name, "version": self.version, "url": self.safe_url, "settings": dict(self.settings)}
        return facts if self.allocator is None else facts | {"allocator": self.allocator}

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class RedisFaultControl(Protocol):
    """Makes a Redis that we started fail, and come back. Each method returns once that has happened."""

    def pause(self) -> None:
        """Make it hang: connections stay open and new ones are accepted, but no command is answered."""

    def resume(self) -> None:
        """Let a paused server continue, with its data."""

    def kill(self) -> None:
        """Kill it. Its data is lost, and connections are refused."""

    def restart(self) -> None:
        """Start it again after a kill: empty, at the same address, with the same password."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """PostgreSQL and a Redis-compatible server, ready for use."""

    provider: Provider
    why: str
    """Why this provider."""
    postgres: Server
    redis: Server
    managed: bool
    """We started the servers, so we may configure and empty them. Otherwise only our schema and keys are touched."""
    key_prefix: str = KEY_PREFIX
    remarks: tuple[Remark, ...] = ()
    directory: Path
    """A private directory. It is removed when this process ends, however it ends."""
    register_child: Callable[[int], None] = field(repr=False)
    """Register a process (by pid) that must not outlive this one: it is killed first when this process ends."""
    redis_faults: RedisFaultControl | None = field(default=None, repr=False)
    """Makes Redis fail. None if we did not start it."""
    ended: Callable[[], str] = field(default=lambda: "", repr=False)
    """One line that names a server that ended unexpectedly. Empty: none did, or it cannot be observed from here."""

    def first_line(self) -> str:
        """The first line of output: the servers, and why these."""
        return f"{self.provider} servers: {self.postgres} and {self.redis} ({self.why})"

    def introduction(self) -> str:
        """The first line, and a line for each missing right with its consequence."""
        return "\n".join([self.first_line(), *(f"{r.name}: {r.what}; {r.cost}" for r in self.remarks)])

    def as_dict(self) -> dict[str, Any]:
        """For the environment that the run folder records."""
        return {
            "stack": self.provider,
            "why": self.why,
            "ours": self.managed,
            "postgres": self.postgres.as_dict(),
            "redis": self.redis.as_dict(),
        }


def without_password(url: str) -> str:
    """A server's URL with *** for every secret in it. If it is neither a URL nor a plain address: only ***."""
    return masked_address(url)


def require_encoded(field_name: str, url: str) -> None:
    """Raise StackError for a URL whose password a driver would split, or quote in its error."""
    if must_be_encoded(url):
        want = (
            "a URL with # / ? [ ] @ % and spaces in its password percent-encoded: urllib.parse.quote(password, safe='')"
        )
        raise StackError(field_name, without_password(url), want)
