"""What a Redis command, by its words and its reply, did to keys that may be locks."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from stampede.races.commands.command_table import as_text
from stampede.races.commands.locks import Location, LockMethod, LockTracker, OperationSpan


class Collection(Enum):
    """What is neither a string nor a hash: lists, sets and sorted sets are queues and logs, and no locks."""

    COLLECTION = "collection"


COLLECTION = Collection.COLLECTION
Contents = bytes | dict[bytes, bytes] | Collection | None
"""What a key holds; None: it is absent."""
MOST_COUNTED = 100
"""A counter of holders is not counted by more in one step: numbers that lie further apart are instants or tokens."""
SHORT_TTL_MS = 10
"""A TTL as short as this is over before any other step: real time passes while virtual time stands still."""

Words = list[bytes]
Handler = Callable[[LockTracker, OperationSpan, Words, Any], None]


def whole(key: bytes) -> Location:
    return as_text(key), ""


def part(key: bytes, field: bytes) -> Location:
    return as_text(key), as_text(field)


def shown(words: Words) -> str:
    return as_text(words[0]).upper()


def set_(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    options = {word.upper() for word in words[3:]}
    location = whole(words[1])
    if b"NX" in options:
        taken = reply is None if b"GET" in options else reply is not None
        locks.took(span, location) if taken else locks.refused(span, location)
    elif b"GET" in options:
        locks.swapped(span, location, words[2], reply, shown(words))
    elif reply is not None:
        locks.wrote(span, location, words[2], shown(words))


def setnx(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    locks.took(span, whole(words[1])) if reply else locks.refused(span, whole(words[1]))


def msetnx(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    for key in words[1::2]:
        locks.took(span, whole(key)) if reply else locks.refused(span, whole(key))


def hsetnx(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    location = part(words[1], words[2])
    locks.took(span, location) if reply else locks.refused(span, location)


def setex(locks: LockTracker, span: OperationSpan, words: Words, _reply: Any) -> None:
    locks.wrote(span, whole(words[1]), words[3], shown(words))


def mset(locks: LockTracker, span: OperationSpan, words: Words, _reply: Any) -> None:
    for key, value in zip(words[1::2], words[2::2], strict=False):
        locks.wrote(span, whole(key), value, shown(words))


def hset(locks: LockTracker, span: OperationSpan, words: Words, _reply: Any) -> None:
    for field, value in zip(words[2::2], words[3::2], strict=False):
        locks.wrote(span, part(words[1], field), value, shown(words))


def getset(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    locks.swapped(span, whole(words[1]), words[2], reply, shown(words))


def counted(locks: LockTracker, span: OperationSpan, location: Location, by: int, reply: int, name: str) -> None:
    """A counter that comes from nothing is taken. Its holder frees it by counting down, others by reaching nothing."""
    if by < 0 and (reply <= 0 or locks.owns(span, location)):
        locks.freed(span, location, name)
    elif by > 0:
        locks.took(span, location, LockMethod.COUNTED) if reply == by else locks.refused(span, location)


def incr(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    sign = -1 if words[0].lower().startswith(b"decr") else 1
    amount = int(words[2]) if len(words) > 2 else 1
    counted(locks, span, whole(words[1]), sign * amount, int(reply), shown(words))


def hincrby(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    counted(locks, span, part(words[1], words[2]), int(words[3]), int(reply), shown(words))


def delete(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    for key in words[1:] if reply else ():
        locks.freed(span, whole(key), shown(words))


def delete_first(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    """GETDEL, and the deletions that compare: their other words are no keys."""
    if reply:
        locks.freed(span, whole(words[1]), shown(words))


def hdel(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    for field in words[2:] if reply else ():
        locks.freed(span, part(words[1], field), shown(words))


def expire(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    if reply and int(words[2]) * (1 if words[0].lower() == b"pexpire" else 1000) <= SHORT_TTL_MS:
        locks.freed(span, whole(words[1]), shown(words))


def get(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    locks.read(span, whole(words[1]), reply)


def mget(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    for key, value in zip(words[1:], reply, strict=False):
        locks.read(span, whole(key), value)


def hget(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    locks.read(span, part(words[1], words[2]), reply)


def hmget(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    for field, value in zip(words[2:], reply, strict=False):
        locks.read(span, part(words[1], field), value)


def hgetall(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    locks.read(span, whole(words[1]), reply or None)


def exists(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    for key in words[1:] if reply in (0, len(words) - 1) else ():
        locks.read(span, whole(key), reply or None)


def hexists(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    locks.read(span, part(words[1], words[2]), reply or None)


def ttl(locks: LockTracker, span: OperationSpan, words: Words, reply: Any) -> None:
    locks.read(span, whole(words[1]), None if reply == -2 else reply)


HANDLERS: Mapping[str, Handler] = {
    "set": set_,
    "setnx": setnx,
    "msetnx": msetnx,
    "hsetnx": hsetnx,
    "setex": setex,
    "psetex": setex,
    "mset": mset,
    "hset": hset,
    "hmset": hset,
    "getset": getset,
    **dict.fromkeys(("incr", "incrby", "decr", "decrby"), incr),
    "hincrby": hincrby,
    **dict.fromkeys(("del", "unlink"), delete),
    **dict.fromkeys(("getdel", "delex", "delifeq"), delete_first),
    "hdel": hdel,
    **dict.fromkeys(("expire", "pexpire"), expire),
    "get": get,
    "mget": mget,
    "hget": hget,
    "hmget": hmget,
    "hgetall": hgetall,
    "exists": exists,
    "hexists": hexists,
    **dict.fromkeys(("ttl", "pttl"), ttl),
}
"""Every other command that writes is seen by whether the keys that it names are there afterwards."""


def note(locks: LockTracker, span: OperationSpan, name: str, words: Words, reply: Any) -> bool:
    """Record the effect of a command that was answered. False: the command is not known here."""
    handler = HANDLERS.get(name)
    if handler is not None and not isinstance(reply, Exception):
        handler(locks, span, words, reply)
    return handler is not None


def note_script(
    locks: LockTracker, span: OperationSpan, before: Mapping[str, Contents], after: Mapping[str, Contents]
) -> None:
    """Record the effect of a script, by the contents of its keys before and after it."""
    for key, now in after.items():
        was = before.get(key)
        if now is COLLECTION:
            continue
        if was is None and now is not None:
            locks.took(span, (key, ""))
            note_fields(locks, span, key, {}, now)
        elif was is not None and now is None:
            locks.freed(span, (key, ""), "a script")
        elif isinstance(was, dict) and isinstance(now, dict):
            note_fields(locks, span, key, was, now)
        elif was == now and was is not None:
            locks.refused(span, (key, ""))
        elif isinstance(was, bytes) and isinstance(now, bytes):
            changed(locks, span, (key, ""), was, now)


def note_fields(locks: LockTracker, span: OperationSpan, key: str, was: dict[bytes, bytes], now: Contents) -> None:
    """A hash, field by field. A key that is a lock as a whole is met as a whole too."""
    if not isinstance(now, dict):
        return
    for field in {**was, **now}:
        location = key, as_text(field)
        if field not in was:
            locks.took(span, location)
        elif field not in now:
            locks.freed(span, location, "a script")
        elif was[field] != now[field]:
            changed(locks, span, location, was[field], now[field])
        else:
            locks.refused(span, location)
    if was:
        locks.refused(span, (key, ""))


def changed(locks: LockTracker, span: OperationSpan, location: Location, was: bytes, now: bytes) -> None:
    """A script gave a cell that was there another value. Before the operation's work that takes the cell over."""
    step = counted_on(was, now)
    if step is not None:
        counted(locks, span, location, step, int(now), "a script")
    elif locks.has_worked(span):
        locks.wrote(span, location, now, "a script")
    else:
        locks.took(span, location, LockMethod.TAKEN_OVER)


def counted_on(was: bytes, now: bytes) -> int | None:
    """By how much a counter was counted; None: these are no two values of a small counter."""
    try:
        step = int(now) - int(was)
    except ValueError:
        return None
    return step if abs(step) <= MOST_COUNTED else None


def keys_expiring_at_once(name: str, words: Words) -> list[str]:
    """The keys whose TTL a command made so short that it is over at once."""
    ms: int | None = None
    if name in ("psetex", "pexpire"):
        ms = int(words[2])
    elif name == "set":
        options = [word.upper() for word in words[3:]]
        if b"PX" in options:
            ms = int(words[3 + options.index(b"PX") + 1])
    return [as_text(words[1])] if ms is not None and 0 < ms <= SHORT_TTL_MS else []
