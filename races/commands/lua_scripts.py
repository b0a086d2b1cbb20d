"""Decides from the text of a Lua script whether it touches only the keys that it declares.

The reduction skips the second order of two steps that touch no common key. A script that touches an undeclared key
would therefore hide orders that matter. `declares_all` is true only if every redis.call in the text names its command
literally, and each of its keys as KEYS[…] or as a local that is bound to one and to nothing else. The explorer assumes
that any other script may touch every key, which is slower but never wrong.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

KeyRow = Callable[[str], tuple[frozenset[str], int, int, int]]
"""A command's row in the server's table: flags, position of the first key, position of the last key, step."""

TOKEN = re.compile(
    r"(?P<skip>\s+|--\[(?P<c>=*)\[.*?\](?P=c)\]|--[^\n]*)"
    r"|(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\[(?P<s>=*)\[.*?\](?P=s)\])"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<sign>\.\.\.|\.\.|[=~<>]=|.)",
    re.DOTALL,
)
CALLS = ("call", "pcall")
OTHER_REDIS_FUNCTIONS = frozenset(
    {"error_reply", "status_reply", "sha1hex", "log", "setresp", "replicate_commands", "acl_check_cmd"}
)
"""The other members of `redis` that a script may use: they access no key."""
NO_KEYS = frozenset({"time", "echo", "ping"})
OPAQUE = frozenset({"server", "loadstring", "load", "_G", "getfenv", "setfenv", "setmetatable", "rawset", "debug"})
"""Names that let a script run code that its text does not show. `server` is Valkey's second name for `redis`."""
NOT_REBOUND = frozenset({"redis", "KEYS", "unpack", "table", "ipairs", "pairs"})
"""Names that a script must not bind to another value."""
ITERATORS = frozenset({"ipairs", "pairs"})
CANNOT_SCHEDULE, CLOSES = frozenset("([{"), frozenset(")]}")
EXPRESSION_CONTINUES = frozenset("+-*/%^<>.[(:") | {"..", "or", "and", "==", "~=", "<=", ">="}
"""Tokens that continue an expression after a value."""


def tokens_of(script: str) -> list[str]:
    return [m.group() for m in TOKEN.finditer(script) if m.lastgroup != "skip" and m.group("skip") is None]


def is_name(token: str) -> bool:
    return token.isidentifier()


@dataclass
class LuaScript:
    """The tokens of a script, and its locals that are keys."""

    tokens: list[str]
    row: KeyRow
    key_names: set[str] = field(default_factory=set)
    """Locals that are bound to a key."""
    not_keys: set[str] = field(default_factory=set)
    """Names that are bound to anything else."""

    def at(self, position: int) -> str:
        return self.tokens[position] if 0 <= position < len(self.tokens) else ""

    def closing(self, position: int) -> int:
        """The position of the bracket that closes the one at `position`, or the end."""
        depth = 0
        for i in range(position, len(self.tokens)):
            depth += (self.tokens[i] in CANNOT_SCHEDULE) - (self.tokens[i] in CLOSES)
            if not depth:
                return i
        return len(self.tokens)

    def arguments(self, position: int) -> list[list[str]]:
        """The arguments of a call whose bracket opens at `position`."""
        found: list[list[str]] = [[]]
        depth = 0
        for token in self.tokens[position + 1 : self.closing(position)]:
            depth += (token in CANNOT_SCHEDULE) - (token in CLOSES)
            if token == "," and not depth:
                found.append([])
            else:
                found[-1].append(token)
        return found

    def end_of_key(self, position: int) -> int | None:
        """The position after the key that begins at `position`. None: no key, or an expression that goes on."""
        after = position + 1
        if self.at(position) == "KEYS" and self.at(after) == "[":
            after = self.closing(after) + 1
        elif self.at(position) not in self.key_names:
            return None
        return None if self.at(after) in EXPRESSION_CONTINUES else after

    # ── names ──

    def bind(self) -> None:
        """Find the names that are bound to keys and to nothing else."""
        for position, token in enumerate(self.tokens):
            if token == "local" and self.at(position + 1) != "function":
                self._local(position + 1)
            elif token == "for":
                self._loop(position + 1)
            elif token == "function":
                begin = self.tokens.index("(", position)
                self.not_keys.update(self.tokens[position + 1 : self.closing(begin)])
            elif token == "=" and not self._is_local(position):
                self._assigned(position)
        self.key_names -= self.not_keys

    def _names(self, position: int) -> list[str]:
        names = [self.at(position)]
        while self.at(position + 1) == ",":
            position += 2
            names.append(self.at(position))
        return names

    def _local(self, position: int) -> None:
        names = self._names(position)
        value = position + 2 * len(names)
        if self.at(value - 1) != "=":
            self.not_keys.update(names)
            return
        if (
            self.tokens[value : value + 4] == ["unpack", "(", "KEYS", ")"]
            and self.at(value + 4) not in EXPRESSION_CONTINUES
        ):
            self.key_names.update(names)
            return
        for number, name in enumerate(names):
            end = self.end_of_key(value) if self.at(value) == "KEYS" else None
            if end is None:
                self.not_keys.update(names[number:])
                return
            self.key_names.add(name)
            value = end + 1
            if self.at(end) != ",":
                self.not_keys.update(names[number + 1 :])
                return

    def _loop(self, position: int) -> None:
        names = self._names(position)
        value = position + 2 * len(names)
        walks = self.at(value - 1) == "in" and self.at(value) in ITERATORS
        if walks and self.tokens[value + 1 : value + 4] == ["(", "KEYS", ")"]:
            self.key_names.update(names[1:])
            names = names[:1]
        self.not_keys.update(names)

    def _is_local(self, position: int) -> bool:
        """Whether the names before an equals sign follow `local` or `for`."""
        while is_name(self.at(position - 1)) and self.at(position - 2) == ",":
            position -= 2
        return self.at(position - 2) in ("local", "for")

    def _assigned(self, position: int) -> None:
        while is_name(self.at(position - 1)):
            self.not_keys.add(self.at(position - 1))
            if self.at(position - 2) != ",":
                return
            position -= 2

    # ── uses ──

    def uses_only_calls(self) -> bool:
        """Whether the script can access a key only by redis.call(…) or redis.pcall(…)."""
        if OPAQUE & set(self.tokens) or NOT_REBOUND & self.not_keys:
            return False
        return all(self._is_allowed(i, token) for i, token in enumerate(self.tokens))

    def _is_allowed(self, position: int, token: str) -> bool:
        after = self.at(position + 1)
        if token == "redis":
            what = self.at(position + 2)
            called = what in CALLS and self.at(position + 3) == "("
            return after == "." and (called or what in OTHER_REDIS_FUNCTIONS or what.isupper())
        if token == "KEYS":
            if after == "[":
                return self.at(self.closing(position + 1) + 1) != "="
            inside = self.at(position - 1) == "(" and self.at(position - 2) in {"unpack", *ITERATORS}
            return inside or self.at(position - 1) == "#"
        return True

    def calls(self) -> Iterator[list[list[str]]]:
        """The arguments of each redis.call and redis.pcall."""
        for position, token in enumerate(self.tokens):
            if token == "redis" and self.at(position + 2) in CALLS:
                yield self.arguments(position + 3)

    def is_declared(self, arguments: Sequence[Sequence[str]]) -> bool:
        """Whether all keys of a call are declared."""
        command = "".join(arguments[0])
        if len(arguments[0]) != 1 or command[:1] not in ("'", '"'):
            return False
        name = command[1:-1].lower()
        if name in NO_KEYS:
            return True
        flags, first, last, step = self.row(name)
        if "movablekeys" in flags or first < 1 or step < 1:
            return False
        if last == -1 and [list(argument) for argument in arguments[1:]] == [["unpack", "(", "KEYS", ")"]]:
            return True
        end = last if last >= 0 else len(arguments) + last
        keys = arguments[first : end + 1 : step]
        return bool(keys) and all(self.is_key(argument) for argument in keys)

    def is_key(self, argument: Sequence[str]) -> bool:
        return LuaScript(list(argument), self.row, self.key_names).end_of_key(0) == len(argument)


def declares_all(script: str, row: KeyRow) -> bool:
    """Whether a script declares every key that it can touch. False if that cannot be decided."""
    parsed = LuaScript(tokens_of(script), row)
    try:
        parsed.bind()
    except ValueError:  # not Lua: the server will report it
        return False
    return parsed.uses_only_calls() and all(parsed.is_declared(arguments) for arguments in parsed.calls())
