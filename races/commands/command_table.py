"""Determines from the server's command table which keys a Redis command reads or writes, and whether it blocks."""

import hashlib
from dataclasses import dataclass
from functools import reduce
from typing import Any

import redis

from stampede.races.commands.lua_scripts import declares_all
from stampede.races.scheduler.actions import EVERYTHING, Touch, touch
from stampede.stack.redis.resp import command_name, parse_commands

TIMEOUT_LAST = frozenset({"blpop", "brpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax"})
"""Blocking commands whose last argument is the timeout in seconds. 0: no timeout."""
TIMEOUT_FIRST = frozenset({"blmpop", "bzmpop"})
"""Blocking commands whose first argument is the timeout in seconds. 0: no timeout."""
SCRIPTS = frozenset({"eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"})
SUBSCRIPTIONS = frozenset({"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe"})
TOUCH_NO_KEY = frozenset({"ping", "echo", "multi", "exec", "discard", "unwatch", "hello", "select", "auth", "time"})
SORTS = frozenset({"sort", "sort_ro"})
MAX_CACHED_REQUESTS = 10_000
LABEL_CHARACTERS = 28
"""The number of characters of an argument that a label shows."""


@dataclass(frozen=True, slots=True)
class RedisRequest:
    """One round trip to Redis: a command, or the commands of a pipeline."""

    commands: tuple[list[bytes], ...]
    names: tuple[str, ...]
    touch: Touch
    label: str
    waits_s: float | None = None
    """Seconds for which the server may delay the reply. inf: no limit. None: it replies at once."""

    @property
    def subscribes(self) -> bool:
        return any(name in SUBSCRIPTIONS for name in self.names)


class CommandTable:
    """The server's command table. Each row is read when it is first needed."""

    def __init__(self, client: redis.Redis, key_prefix: str) -> None:
        self._client: Any = client
        self._prefix = key_prefix
        self._rows: dict[str, tuple[frozenset[str], int, int, int]] = {}
        self._requests: dict[bytes, RedisRequest] = {}
        self._declares_all: dict[str, bool] = {}
        """Maps the SHA-1 of a script to whether it touches only the keys that it declares."""

    def request(self, wire: bytes) -> RedisRequest:
        """Parse the bytes of one round trip to Redis."""
        if wire not in self._requests:
            if len(self._requests) > MAX_CACHED_REQUESTS:
                self._requests.clear()
            self._requests[wire] = self._request(parse_commands(wire))
        return self._requests[wire]

    def _request(self, commands: list[list[bytes]]) -> RedisRequest:
        names = tuple(command_name(command) for command in commands)
        touches = (self._touch(name, command) for name, command in zip(names, commands, strict=True))
        waits = [waiting_s(name, command) for name, command in zip(names, commands, strict=True)]
        return RedisRequest(
            commands=tuple(commands),
            names=names,
            touch=reduce(Touch.__or__, touches, touch_of_queue(names)),
            label=" · ".join(self._label(command) for command in commands),
            waits_s=waits[0] if len(commands) == 1 else None,
        )

    def add_script(self, script: bytes | str) -> bool:
        """Register a script for later EVALSHA commands. Returns whether it touches only the keys that it declares."""
        text = script.encode() if isinstance(script, str) else script
        sha = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        if sha not in self._declares_all:
            self._declares_all[sha] = declares_all(as_text(text), self._row)
            self._requests.clear()
        return self._declares_all[sha]

    def _is_declared(self, name: str, command: list[bytes]) -> bool:
        """Whether a script touches only the keys that it declares. False for functions, whose text is not checked."""
        if name in ("eval", "eval_ro"):
            return self.add_script(command[1])
        return name.startswith("evalsha") and self._declares_all.get(as_text(command[1]).lower(), False)

    def keys(self, name: str, command: list[bytes]) -> list[str]:
        """The keys that a command names."""
        if name in SCRIPTS:
            return [as_text(key) for key in command[3 : 3 + int(command[2])]]
        flags, first, last, step = self._row(name)
        if "movablekeys" in flags:
            return [as_text(key) for key in self._client.execute_command("COMMAND GETKEYS", *command)]
        if not first:
            return []
        end = last if last >= 0 else len(command) + last
        return [as_text(key) for key in command[first : end + 1 : step]]

    def writes(self, name: str) -> bool:
        """Whether a command may write."""
        return name not in TOUCH_NO_KEY and "write" in self._row(name)[0]

    def _touch(self, name: str, command: list[bytes]) -> Touch:
        if name == "script load" and len(command) == 3:
            self.add_script(command[2])
        if name in TOUCH_NO_KEY or name.startswith(("client ", "command ", "script ")):
            return Touch()
        if name in SCRIPTS and not self._is_declared(name, command):
            return EVERYTHING
        if name in SORTS and {b"BY", b"GET"} & {word.upper() for word in command[2:]}:
            return EVERYTHING  # BY and GET also read keys whose names are formed from a pattern
        if name in ("publish", "spublish", "subscribe", "ssubscribe", "unsubscribe", "sunsubscribe"):
            channels = command[1:2] if name.endswith("publish") else command[1:]
            return (
                touch(writes=tuple(f"channel:{as_text(channel)}" for channel in channels)) if channels else EVERYTHING
            )
        keys = tuple(f"key:{key}" for key in self.keys(name, command))
        if not keys:
            return EVERYTHING
        flags = self._row(name)[0]
        return touch(reads=keys) if "readonly" in flags and "write" not in flags else touch(writes=keys)

    def _row(self, name: str) -> tuple[frozenset[str], int, int, int]:
        if name not in self._rows:
            answer = self._client.execute_command("COMMAND INFO", name.partition(" ")[0])
            row = answer[0] if answer else None
            self._rows[name] = (
                (frozenset(as_text(flag) for flag in row[2]), row[3], row[4], row[5])
                if row
                else (frozenset({"write"}), 0, 0, 0)
            )
        return self._rows[name]

    def _label(self, command: list[bytes]) -> str:
        words = [as_text(argument).replace(self._prefix, "") for argument in command]
        name = words[0].upper()
        if name.lower() in SCRIPTS:
            keys = int(words[2])
            return f"script on {' '.join(word for word in words[3 : 3 + keys])}"
        return " ".join(
            [
                name,
                *(word if len(word) <= LABEL_CHARACTERS else f"{word[: LABEL_CHARACTERS - 1]}…" for word in words[1:]),
            ]
        )


def touch_of_queue(names: tuple[str, ...]) -> Touch:
    """What an EXEC touches: anything if its MULTI was in an earlier round trip, since its commands are not known."""
    return EVERYTHING if "exec" in names and "multi" not in names else Touch()


def waiting_s(name: str, command: list[bytes]) -> float | None:
    """The timeout of a blocking command in seconds. inf: no timeout. None: the command does not block."""
    if name in TIMEOUT_LAST:
        return float(command[-1]) or float("inf")
    if name in TIMEOUT_FIRST:
        return float(command[1]) or float("inf")
    if name in ("xread", "xreadgroup"):
        upper = [argument.upper() for argument in command]
        if b"BLOCK" in upper:
            return float(command[upper.index(b"BLOCK") + 1]) / 1000 or float("inf")
    return None


def as_text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
