"""The actions of a schedule, and which of them commute.

Two actions that touch no common object, or only read their common objects, lead to the same state in either order.
The names of objects: `key:…` in Redis, `channel:…`, `row:…` as committed, `lock:…` of a row, `client:…` itself, and
`ack:…` for the acknowledged writes of a client.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Touch:
    """The objects that an action may read and write."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    everything: bool = False
    """Whether it may touch any object: virtual time advances, or its keys are unknown."""

    def conflicts_with(self, other: "Touch") -> bool:
        if self.everything or other.everything:
            return True
        return not (
            self.writes.isdisjoint(other.writes)
            and self.writes.isdisjoint(other.reads)
            and self.reads.isdisjoint(other.writes)
        )

    def __or__(self, other: "Touch") -> "Touch":
        return Touch(self.reads | other.reads, self.writes | other.writes, self.everything or other.everything)


EVERYTHING = Touch(everything=True)


def touch(*, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> Touch:
    return Touch(frozenset(reads), frozenset(writes))


@dataclass(frozen=True, slots=True)
class Action:
    """An action that can happen next.

    `token` is its name in the id of a schedule: `a` is the next step of client a, `Da` its crash, `Ta` the end of its
    wait while the others stall, and `X0` the expiry of the first key in the cache (by name).
    """

    token: str
    client: str
    """The client that acts. Empty for a fault that concerns a key."""
    label: str
    touch: Touch
    is_fault: bool = False
    """Whether it is the fault that may happen once in a schedule."""


def encode(tokens: list[str]) -> str:
    """A schedule as text: consecutive steps of a client as a2, faults by their tokens."""
    parts: list[str] = []
    count = 0
    for here, after in zip(tokens, [*tokens[1:], ""], strict=False):
        count += 1
        if here != after or not here.islower():
            parts.append(here + (str(count) if count > 1 else ""))
            count = 0
    return ".".join(parts)


def decode(text: str) -> list[str]:
    """The tokens of a schedule's text. Raises ValueError if the text is no schedule."""
    tokens: list[str] = []
    for part in filter(None, text.split(".")):
        if part[0].islower() and part[0].isascii():
            tokens += [part[0]] * int(part[1:] or "1")
        elif (part[0] in "DT" and len(part) == 2) or (part[0] == "X" and part[1:].isdigit()):
            tokens.append(part)
        else:
            raise ValueError(part)
    return tokens
