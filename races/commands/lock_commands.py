"""Derives what a Redis command did to keys that may be locks, from the command and its reply."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from stampede.races.commands.command_table import as_text
from stampede.races.commands.locks import Location, LockMethod, LockTracker, OperationSpan


class Collection(Enum):
    """Stands for the contents of a list, a set or a sorted set, which are not compared: queues and logs, not locks."""

    COLLECTION = "collection"


COLLECTION = Collection.COLLECTION
Contents = bytes | dict[bytes, bytes] | Collection | None
"""The contents of a key. None: it does not exist."""
MAX_COUNTER_STEP = 100
"""The largest step of a number that is taken for a counter of lock holders. Larger steps: timestamps or tokens."""
SHORT_TTL_MS = 10
"""A TTL of this length or less is treated as a deletion: it ends in real time before the next step runs."""

Arguments = list[bytes]
Handler = Callable[[LockTracker, OperationSpan, Arguments, Any], None]


def key_location(key: bytes) -> Location:
    return as_text(key), ""


def field_location(key: bytes, field: bytes) -> Location:
    return as_text(key), as_text(field)


def command_text(arguments: Arguments) -> str:
    return as_text(arguments[0]).upper()


def set_(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    options = {word.upper() for word in arguments[3:]}
    location = key_location(arguments[1])
    if b"NX" in options:
        taken = reply is None if b"GET" in options else reply is not None
        locks.took(span, location) if taken else locks.refused(span, location)
    elif b"GET" in options:
        locks.swapped(span, location, arguments[2], reply, command_text(arguments))
    elif reply is not None:
        locks.wrote(span, location, arguments[2], command_text(arguments))


def setnx(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    locks.took(span, key_location(arguments[1])) if reply else locks.refused(span, key_location(arguments[1]))


def msetnx(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    for key in arguments[1::2]:
        locks.took(span, key_location(key)) if reply else locks.refused(span, key_location(key))


def hsetnx(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    location = field_location(arguments[1], arguments[2])
    locks.took(span, location) if reply else locks.refused(span, location)


def setex(locks: LockTracker, span: OperationSpan, arguments: Arguments, _reply: Any) -> None:
    locks.wrote(span, key_location(arguments[1]), arguments[3], command_text(arguments))


def mset(locks: LockTracker, span: OperationSpan, arguments: Arguments, _reply: Any) -> None:
    for key, value in zip(arguments[1::2], arguments[2::2], strict=False):
        locks.wrote(span, key_location(key), value, command_text(arguments))


def hset(locks: LockTracker, span: OperationSpan, arguments: Arguments, _reply: Any) -> None:
    for field, value in zip(arguments[2::2], arguments[3::2], strict=False):
        locks.wrote(span, field_location(arguments[1], field), value, command_text(arguments))


def getset(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    locks.swapped(span, key_location(arguments[1]), arguments[2], reply, command_text(arguments))


def record_count(locks: LockTracker, span: OperationSpan, location: Location, by: int, reply: int, name: str) -> None:
    """A counter as a lock. Counting up from zero takes it; counting down frees it (others than the holder: at zero)."""
    if by < 0 and (reply <= 0 or locks.owns(span, location)):
        locks.freed(span, location, name)
    elif by > 0:
        locks.took(span, location, LockMethod.COUNTED) if reply == by else locks.refused(span, location)


def incr(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    sign = -1 if arguments[0].lower().startswith(b"decr") else 1
    amount = int(arguments[2]) if len(arguments) > 2 else 1
    record_count(locks, span, key_location(arguments[1]), sign * amount, int(reply), command_text(arguments))


def hincrby(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    record_count(
        locks, span, field_location(arguments[1], arguments[2]), int(arguments[3]), int(reply), command_text(arguments)
    )


def delete(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    for key in arguments[1:] if reply else ():
        locks.freed(span, key_location(key), command_text(arguments))


def delete_first(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    """GETDEL, and deletions that compare a value first. Only their first argument is a key."""
    if reply:
        locks.freed(span, key_location(arguments[1]), command_text(arguments))


def hdel(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    for field in arguments[2:] if reply else ():
        locks.freed(span, field_location(arguments[1], field), command_text(arguments))


def expire(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    if reply and int(arguments[2]) * (1 if arguments[0].lower() == b"pexpire" else 1000) <= SHORT_TTL_MS:
        locks.freed(span, key_location(arguments[1]), command_text(arguments))


def get(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    locks.read(span, key_location(arguments[1]), reply)


def mget(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    for key, value in zip(arguments[1:], reply, strict=False):
        locks.read(span, key_location(key), value)


def hget(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    locks.read(span, field_location(arguments[1], arguments[2]), reply)


def hmget(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    for field, value in zip(arguments[2:], reply, strict=False):
        locks.read(span, field_location(arguments[1], field), value)


def hgetall(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    locks.read(span, key_location(arguments[1]), reply or None)


def exists(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    for key in arguments[1:] if reply in (0, len(arguments) - 1) else ():
        locks.read(span, key_location(key), reply or None)


def hexists(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    locks.read(span, field_location(arguments[1], arguments[2]), reply or None)


def ttl(locks: LockTracker, span: OperationSpan, arguments: Arguments, reply: Any) -> None:
    locks.read(span, key_location(arguments[1]), None if reply == -2 else reply)


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
"""For any other command that writes, the caller checks whether the keys that it names exist afterwards."""


def record_command(locks: LockTracker, span: OperationSpan, name: str, arguments: Arguments, reply: Any) -> bool:
    """Record the effect of a command after its reply. Returns whether HANDLERS has the command."""
    handler = HANDLERS.get(name)
    if handler is not None and not isinstance(reply, Exception):
        handler(locks, span, arguments, reply)
    return handler is not None


def record_script(
    locks: LockTracker, span: OperationSpan, before: Mapping[str, Contents], after: Mapping[str, Contents]
) -> None:
    """Record the effect of a script from the contents of its keys before and after it."""
    for key, new in after.items():
        old = before.get(key)
        if new is COLLECTION:
            continue
        if old is None and new is not None:
            locks.took(span, (key, ""))
            record_fields(locks, span, key, {}, new)
        elif old is not None and new is None:
            locks.freed(span, (key, ""), "a script")
        elif isinstance(old, dict) and isinstance(new, dict):
            record_fields(locks, span, key, old, new)
        elif old == new and old is not None:
            locks.refused(span, (key, ""))
        elif isinstance(old, bytes) and isinstance(new, bytes):
            record_change(locks, span, (key, ""), old, new)


def record_fields(locks: LockTracker, span: OperationSpan, key: str, old: dict[bytes, bytes], new: Contents) -> None:
    """Record the changes of a hash field by field. If the hash existed before, its key counts as refused."""
    if not isinstance(new, dict):
        return
    for field in {**old, **new}:
        location = key, as_text(field)
        if field not in old:
            locks.took(span, location)
        elif field not in new:
            locks.freed(span, location, "a script")
        elif old[field] != new[field]:
            record_change(locks, span, location, old[field], new[field])
        else:
            locks.refused(span, location)
    if old:
        locks.refused(span, (key, ""))


def record_change(locks: LockTracker, span: OperationSpan, location: Location, old: bytes, new: bytes) -> None:
    """Record that a script changed a value: a counter's step, a write, or, before any load or write, a takeover."""
    step = counter_step(old, new)
    if step is not None:
        record_count(locks, span, location, step, int(new), "a script")
    elif locks.has_worked(span):
        locks.wrote(span, location, new, "a script")
    else:
        locks.took(span, location, LockMethod.TAKEN_OVER)


def counter_step(old: bytes, new: bytes) -> int | None:
    """The step from one value of a counter to the next. None: the values are not those of a small counter."""
    try:
        step = int(new) - int(old)
    except ValueError:
        return None
    return step if abs(step) <= MAX_COUNTER_STEP else None


def keys_expiring_at_once(name: str, arguments: Arguments) -> list[str]:
    """The keys whose TTL a command made too short to last until the next step."""
    ms: int | None = None
    if name in ("psetex", "pexpire"):
        ms = int(arguments[2])
    elif name == "set":
        options = [word.upper() for word in arguments[3:]]
        if b"PX" in options:
            ms = int(arguments[3 + options.index(b"PX") + 1])
    return [as_text(arguments[1])] if ms is not None and 0 < ms <= SHORT_TTL_MS else []
