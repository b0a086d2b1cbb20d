"""What a run stands on: two servers, who brought them, and what is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked_address, must_be_encoded

Provider = Literal["external", "containers", "embedded"]

ANSWER_WITHIN_S = 3.0
"""How long a server may take to answer its first question."""


KEY_PREFIX = "stampede:"
"""What the names of all our keys carry."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A right or an extension that is missing, and what that costs the report."""

    name: str
    what: str
    cost: str


@dataclass(frozen=True, kw_only=True)
class Server:
    """A database server that answers."""

    url: str = field(repr=False)
    """With the password: for drivers only."""
    name: str
    """PostgreSQL, Redis or Valkey: what the server calls itself."""
    version: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Those that move figures, by the server's own names."""
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
    """How to make a server of ours fail, and come back. Every method returns once it is so."""

    def pause(self) -> None:
        """Hung: connections stay open and new ones are accepted, nothing is answered."""

    def resume(self) -> None:
        """Go on where it was paused, with all that it held."""

    def kill(self) -> None:
        """Gone, with all that it held; connections are refused."""

    def restart(self) -> None:
        """Back after a kill: empty, at the same address, with the same password."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """PostgreSQL and a Redis-compatible server, ready for use."""

    provider: Provider
    why: str
    """Why this provider."""
    postgres: Server
    redis: Server
    ours: bool
    """We started them, so we may configure and empty them. Otherwise only our schema and our keys are touched."""
    key_prefix: str = KEY_PREFIX
    remarks: tuple[Remark, ...] = ()
    directory: Path
    """A private directory that is gone when this process is, however it ends."""
    register_child: Callable[[int], None] = field(repr=False)
    """Name a process (by pid) that must not outlive this one: it is killed first when this process ends in any way."""
    redis_switch: RedisFaultControl | None = field(default=None, repr=False)
    """How to make Redis fail. None where it is not ours to break."""
    ended: Callable[[], str] = field(default=lambda: "", repr=False)
    """Which server ended without having been asked to, in one line; empty: none, or it cannot be seen from here."""

    def first_line(self) -> str:
        """The first line of output: what the run stands on and why."""
        return f"{self.provider} servers: {self.postgres} and {self.redis} ({self.why})"

    def introduction(self) -> str:
        """The first line, and a line for each right that is missing, with what that costs."""
        return "\n".join([self.first_line(), *(f"{r.name}: {r.what}; {r.cost}" for r in self.remarks)])

    def as_dict(self) -> dict[str, Any]:
        """For the run folder's circumstances."""
        return {
            "stack": self.provider,
            "why": self.why,
            "ours": self.ours,
            "postgres": self.postgres.as_dict(),
            "redis": self.redis.as_dict(),
        }


def without_password(url: str) -> str:
    """A server's URL with *** for every secret in it; ***, where it is neither a URL nor a plain address."""
    return masked_address(url)


def require_encoded(field_name: str, url: str) -> None:
    """Raise StackError for a URL whose password a driver would take apart, or quote in its error."""
    if must_be_encoded(url):
        want = (
            "a URL with # / ? [ ] @ % and spaces in its password percent-encoded: urllib.parse.quote(password, safe='')"
        )
        raise StackError(field_name, without_password(url), want)
