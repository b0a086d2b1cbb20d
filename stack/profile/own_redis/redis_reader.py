"""Sends commands that only read to a user's Redis, at a limited rate. A refused command costs a remark, not the run."""

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import redis

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked
from stampede.stack.redis.redis_rights import ask_all, is_refusal
from stampede.stack.redis.redis_server import as_text
from stampede.stack.servers import Remark, without_password

BATCHES_PER_S = 10
"""A batch has at most a tenth of a second's commands, so that the rate holds over short intervals too."""
MOST_IN_BATCH = 100


class CommandRate:
    """Limits the rate of commands: `wait` returns once the given number may be sent.

    In any second at most `per_s` commands and one batch are sent.
    """

    def __init__(
        self, per_s: float, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.per_s = per_s
        self.sent = 0
        """Commands so far."""
        self._now, self._sleep = now, sleep
        self._free_at_s = 0.0

    @property
    def batch(self) -> int:
        """The most commands that are sent at once."""
        return max(1, min(MOST_IN_BATCH, int(self.per_s / BATCHES_PER_S)))

    def wait(self, commands: int = 1) -> None:
        now_s = self._now()
        if now_s < self._free_at_s:
            self._sleep(self._free_at_s - now_s)
            now_s = self._free_at_s
        self._free_at_s = now_s + commands / self.per_s
        self.sent += commands


class RedisReader:
    """One connection to a user's Redis. Raises StackError if the server stops answering."""

    def __init__(self, client: redis.Redis, url: str, commands_per_s: float) -> None:
        self.client = client
        self.url = url
        self.rate = CommandRate(commands_per_s)
        self.remarks: dict[str, Remark] = {}
        """What was refused, by its command."""

    @property
    def safe_url(self) -> str:
        """The address without the password."""
        return without_password(self.url)

    def ask(self, *command: str | int | bytes, cost: str) -> Any:
        """The answer of one command. None if it is refused or unknown: a remark then names it and `cost`."""
        return self.ask_batch([command], cost=cost)[0]

    def ask_batch(self, commands: Sequence[Sequence[str | int | bytes]], *, cost: str) -> list[Any]:
        """The answers in order, None where refused. Sent in batches within the rate."""
        answers: list[Any] = []
        for first in range(0, len(commands), self.rate.batch):
            batch = commands[first : first + self.rate.batch]
            self.rate.wait(len(batch))
            try:
                found = ask_all(self.client, batch)  # type: ignore[arg-type]
            except (redis.RedisError, OSError) as error:
                want = f"a Redis server that continues to answer ({masked(str(error), self.url)})"
                raise StackError("redis", self.safe_url, want) from error
            for command, answer in zip(batch, found, strict=True):
                if isinstance(answer, redis.ResponseError):
                    self.note(command, answer, cost)
                answers.append(None if isinstance(answer, Exception) else answer)
        return answers

    def note(self, command: Sequence[str | int | bytes], error: redis.ResponseError, cost: str) -> None:
        """Remember that the command is refused, once for each command."""
        words = [as_text(word) for word in command]
        name = words[0] if words[0] not in ("OBJECT", "MEMORY", "CLIENT", "CONFIG") else f"{words[0]} {words[1]}"
        if name in self.remarks:
            return
        if is_refusal(error):
            user = urlsplit(self.url).username or "default"
            keys = "key" in str(error) and "access" in str(error)
            right = "%R~*" if keys else f"+{name.lower().replace(' ', '|')}"
            what = f"this user may not run it{' on some keys' if keys else ''} (ACL SETUSER {user} {right})"
        else:
            what = f"the server refuses it ({masked(str(error), self.url)})"
        self.remarks[name] = Remark(name=name, what=what, cost=cost)

    def info(self, section: str, *, cost: str) -> dict[str, str]:
        """A section of INFO: its fields as text. Empty if it is refused."""
        answer = self.ask("INFO", section, cost=cost)
        lines = as_text(answer).splitlines() if isinstance(answer, bytes | str) else []
        pairs = [line.partition(":") for line in lines if line and not line.startswith("#")]
        return {name: value for name, _, value in pairs}


def number(fields: dict[str, str], name: str) -> float:
    """A field of INFO as a number; 0 if it is missing or no number."""
    try:
        return float(fields.get(name, 0))
    except ValueError:
        return 0.0
