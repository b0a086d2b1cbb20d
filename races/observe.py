"""What is seen of a schedule from outside: loads, commits, locks, and what each operation answered."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Load:
    client: str
    record_id: int
    background: bool


@dataclass(frozen=True)
class Commit:
    """A write of a record, as the database acknowledged it."""

    client: str
    record_id: int
    version: int


@dataclass(frozen=True)
class Death:
    client: str
    now_s: float
    lock_ttl_s: float | None
    """The longest remaining life of the locks that it held; inf: without end; None: it held none."""


@dataclass(frozen=True)
class UnownedRelease:
    """A client deleted a lock that another client's SET NX had made and that still stood."""

    client: str
    key: str
    owner: str


@dataclass(kw_only=True)
class Done:
    """An operation of a client, and how it ended."""

    client: str
    operation: str
    record_id: int
    begin: int
    """Index of its first step in the schedule."""
    end: int
    """Index of the step after which it returned; -1: it made none."""
    began_s: float
    ended_s: float
    found: bool | None = None
    version: int | None = None
    error: str | None = None


@dataclass
class Observed:
    """Filled while a schedule runs."""

    loads: list[Load] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    unowned: list[UnownedRelease] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    """Locks that stand: key to the client whose SET NX made it."""
    locked: bool = False
    """Whether any lock was taken."""

    def saw_reply(self, client: str, name: str, command: list[bytes], reply: Any) -> None:
        """Keep account of who owns which lock. A lock is a key set with NX whose value is no record."""
        if name == "set" and b"NX" in (word.upper() for word in command[3:]):
            if reply is not None and not is_record(command[2]):
                self.took(client, command[1].decode())
        elif name == "setnx" and reply:
            if not is_record(command[2]):
                self.took(client, command[1].decode())
        elif name in ("del", "unlink", "getdel") and reply:
            for key in command[1:]:
                self.released(client, key.decode())

    def took(self, client: str, key: str) -> None:
        """The client's command made a lock."""
        self.owners[key] = client
        self.locked = True

    def released(self, client: str, key: str) -> None:
        """The client's command took the key away."""
        owner = self.owners.pop(key, None)
        if owner is not None and owner != client:
            self.unowned.append(UnownedRelease(client, key, owner))


def is_record(value: bytes) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False
