"""Decides from the text of a Lua script whether it touches only the keys that it declares.

The reduction leaves out an order of two steps that touch nothing in common. A script that touches an undeclared key
would therefore hide orders that matter. `declares_all` is true only if every redis.call in the text names its command
literally, and each of its keys as KEYS[…] or as a local that is bound to one and to nothing else. Any other script is
explored as one that may touch anything: slower, never wrong.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

KeyRow = Callable[[str], tuple[frozenset[str], int, int, int]]
"""A command's row in the server's table: flags, the first key's place, the last key's, the step."""

TOKEN = re.compile(
    r"(?P<skip>\s+|--\[(?P<c>=*)\[.*?\](?P=c)\]|--[^\n]*)"
    r"|(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\[(?P<s>=*)\[.*?\](?P=s)\])"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<sign>\.\.\.|\.\.|[=~<>]=|.)",
    re.DOTALL,
)
CALLS = ("call", "pcall")
HARMLESS = frozenset(
    {"error_reply", "status_reply", "sha1hex", "log", "setresp", "replicate_commands", "acl_check_cmd"}
)
"""What else a script may ask `redis` for."""
NO_KEYS = frozenset({"time", "echo", "ping"})
OPAQUE = frozenset({"server", "loadstring", "load", "_G", "getfenv", "setfenv", "setmetatable", "rawset", "debug"})
"""Names with which a script can do more than its text shows; `server` is Valkey's other name of `redis`."""
FIXED = frozenset({"redis", "KEYS", "unpack", "table", "ipairs", "pairs"})
"""Names that must mean what they mean at first."""
WALKS = frozenset({"ipairs", "pairs"})
CANNOT_SCHEDULE, CLOSES = frozenset("([{"), frozenset(")]}")
BINDS_ON = frozenset("+-*/%^<>.[(:") | {"..", "or", "and", "==", "~=", "<=", ">="}
"""What may follow a value within one expression."""


def tokens_of(script: str) -> list[str]:
    return [m.group() for m in TOKEN.finditer(script) if m.lastgroup != "skip" and m.group("skip") is None]


def is_name(token: str) -> bool:
    return token.isidentifier()


@dataclass
class Text:
    """A script's tokens, and the locals that are keys."""

    tokens: list[str]
    row: KeyRow
    bound: set[str] = field(default_factory=set)
    """Locals that were bound to a key."""
    not_keys: set[str] = field(default_factory=set)
    """Names that were bound to anything else."""

    def at(self, place: int) -> str:
        return self.tokens[place] if 0 <= place < len(self.tokens) else ""

    def closing(self, place: int) -> int:
        """The position at which the bracket that opens at a position closes, else the end."""
        depth = 0
        for i in range(place, len(self.tokens)):
            depth += (self.tokens[i] in CANNOT_SCHEDULE) - (self.tokens[i] in CLOSES)
            if not depth:
                return i
        return len(self.tokens)

    def arguments(self, place: int) -> list[list[str]]:
        """The arguments of a call whose bracket opens at a place."""
        found: list[list[str]] = [[]]
        depth = 0
        for token in self.tokens[place + 1 : self.closing(place)]:
            depth += (token in CANNOT_SCHEDULE) - (token in CLOSES)
            if token == "," and not depth:
                found.append([])
            else:
                found[-1].append(token)
        return found

    def end_of_key(self, place: int) -> int | None:
        """The position after a key that begins at a position. None: no key begins there, or more than a key."""
        after = place + 1
        if self.at(place) == "KEYS" and self.at(after) == "[":
            after = self.closing(after) + 1
        elif self.at(place) not in self.bound:
            return None
        return None if self.at(after) in BINDS_ON else after

    # ── names ──

    def bind(self) -> None:
        """Find which names are keys, and which are bound to anything else as well."""
        for place, token in enumerate(self.tokens):
            if token == "local" and self.at(place + 1) != "function":
                self._local(place + 1)
            elif token == "for":
                self._loop(place + 1)
            elif token == "function":
                begin = self.tokens.index("(", place)
                self.not_keys.update(self.tokens[place + 1 : self.closing(begin)])
            elif token == "=" and not self._is_local(place):
                self._assigned(place)
        self.bound -= self.not_keys

    def _names(self, place: int) -> list[str]:
        names = [self.at(place)]
        while self.at(place + 1) == ",":
            place += 2
            names.append(self.at(place))
        return names

    def _local(self, place: int) -> None:
        names = self._names(place)
        value = place + 2 * len(names)
        if self.at(value - 1) != "=":
            self.not_keys.update(names)
            return
        if self.tokens[value : value + 4] == ["unpack", "(", "KEYS", ")"] and self.at(value + 4) not in BINDS_ON:
            self.bound.update(names)
            return
        for number, name in enumerate(names):
            end = self.end_of_key(value) if self.at(value) == "KEYS" else None
            if end is None:
                self.not_keys.update(names[number:])
                return
            self.bound.add(name)
            value = end + 1
            if self.at(end) != ",":
                self.not_keys.update(names[number + 1 :])
                return

    def _loop(self, place: int) -> None:
        names = self._names(place)
        value = place + 2 * len(names)
        walks = self.at(value - 1) == "in" and self.at(value) in WALKS
        if walks and self.tokens[value + 1 : value + 4] == ["(", "KEYS", ")"]:
            self.bound.update(names[1:])
            names = names[:1]
        self.not_keys.update(names)

    def _is_local(self, place: int) -> bool:
        """Whether the names before an equals sign follow `local` or `for`."""
        while is_name(self.at(place - 1)) and self.at(place - 2) == ",":
            place -= 2
        return self.at(place - 2) in ("local", "for")

    def _assigned(self, place: int) -> None:
        while is_name(self.at(place - 1)):
            self.not_keys.add(self.at(place - 1))
            if self.at(place - 2) != ",":
                return
            place -= 2

    # ── uses ──

    def is_plain(self) -> bool:
        """Whether nothing in it can reach a key in another way than by redis.call(…)."""
        if OPAQUE & set(self.tokens) or FIXED & self.not_keys:
            return False
        return all(self._plain_use(i, token) for i, token in enumerate(self.tokens))

    def _plain_use(self, place: int, token: str) -> bool:
        after = self.at(place + 1)
        if token == "redis":
            what = self.at(place + 2)
            called = what in CALLS and self.at(place + 3) == "("
            return after == "." and (called or what in HARMLESS or what.isupper())
        if token == "KEYS":
            if after == "[":
                return self.at(self.closing(place + 1) + 1) != "="
            inside = self.at(place - 1) == "(" and self.at(place - 2) in {"unpack", *WALKS}
            return inside or self.at(place - 1) == "#"
        return True

    def calls(self) -> Iterator[list[list[str]]]:
        """The arguments of each redis.call and redis.pcall."""
        for place, token in enumerate(self.tokens):
            if token == "redis" and self.at(place + 2) in CALLS:
                yield self.arguments(place + 3)

    def is_declared(self, arguments: Sequence[Sequence[str]]) -> bool:
        """Whether a call's keys are declared ones."""
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
        return Text(list(argument), self.row, self.bound).end_of_key(0) == len(argument)


def declares_all(script: str, row: KeyRow) -> bool:
    """Whether a script declares every key that it can touch. False if that cannot be decided."""
    text = Text(tokens_of(script), row)
    try:
        text.bind()
    except ValueError:  # no Lua: the server will say so
        return False
    return text.is_plain() and all(text.is_declared(arguments) for arguments in text.calls())
