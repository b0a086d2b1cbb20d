r"""The output of Redis' MONITOR: 1339518083.107412 [0 127.0.0.1:60866] "get" "x".

Arguments are quoted, with \" \\ \n \r \t \a \b and \xhh inside. A command with several keys is one request for each.
Commands that a script runs have the address `lua` and count; the EVAL that ran it is of operation OTHER.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from stampede.scenarios.traffic.trace_files.formats.trace_format import (
    DELETE,
    OTHER,
    READ,
    WRITE,
    MalformedLine,
    ParsedBlock,
    TraceFormat,
    most,
)
from stampede.scenarios.traffic.trace_files.key_hashing import hash_texts
from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation

LINE = re.compile(rb'\+?(\d+\.\d+) \[\d+ .*?\] "((?:[^"\\]|\\.)*)"((?: "(?:[^"\\]|\\.)*")*)')
GREETINGS = (b"OK", b"+OK")
"""The answer to MONITOR itself, from redis-cli and from the connection."""
ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}

READS_ONE = (
    b"get getex getrange strlen hget hgetall hmget hexists hlen hkeys hvals lrange lindex llen smembers sismember "
    b"scard zrange zscore zrangebyscore zrevrange zcard zrank exists type ttl pttl json.get bitcount getbit"
)
WRITES_ONE = (
    b"set setex psetex setnx getset append incr decr incrby decrby incrbyfloat setrange hset hmset hsetnx hincrby hdel "
    b"lpush rpush lpop rpop ltrim sadd srem zadd zrem zincrby setbit restore json.set increx"
)
ONE_KEY: Mapping[bytes, TraceOperation] = {
    **dict.fromkeys(READS_ONE.split(), READ),
    **dict.fromkeys(WRITES_ONE.split(), WRITE),
    b"getdel": DELETE,
}
"""Commands whose first argument is their key. GETEX may change the TTL; its value stays, so it is a read."""
ALL_KEYS: Mapping[bytes, TraceOperation] = {b"mget": READ, b"del": DELETE, b"unlink": DELETE}
"""Commands whose arguments are all keys."""
PAIRS = frozenset({b"mset", b"msetnx"})
"""Commands whose arguments are keys and values in turn."""
EXPIRY_S: Mapping[bytes, float] = {b"ex": 1.0, b"px": 1e-3}
"""Options of SET that a lifetime follows, to its unit."""


class MonitoredRequest(NamedTuple):
    """What a command does with one key."""

    operation: int
    key: bytes
    size_bytes: int = -1
    ttl_s: float = np.nan


class RedisMonitor(TraceFormat):
    """Reads MONITOR's output. The size is that of the value that a command sets; that of a read is not known."""

    name = "redis-monitor"
    title = "Redis MONITOR"
    wanted = '1339518083.107412 [0 127.0.0.1:60866] "get" "x"'

    @classmethod
    def recognises(cls, first_lines: Sequence[bytes]) -> bool:
        return most(
            [LINE.fullmatch(line.rstrip()) is not None for line in first_lines if line.strip() not in GREETINGS]
        )

    def parsed(self, block: LineBlock) -> ParsedBlock:
        times: list[float] = []
        requests: list[MonitoredRequest] = []
        malformed = []
        for number, line in enumerate(block.data.split(b"\n"), start=block.first_line):
            match = LINE.fullmatch(line.rstrip(b"\r"))
            if match is None:
                if line.strip() not in (b"", *GREETINGS):
                    malformed.append(MalformedLine(number, "not a line of MONITOR"))
                continue
            time_text, command, rest = match.groups()
            before = len(requests)
            requests.extend(requests_of(command.lower(), rest))
            times.extend([float(time_text)] * (len(requests) - before))
        chunk = TraceChunk(
            time_s=np.array(times, dtype=np.float64),
            key=hash_texts([request.key for request in requests]),
            operation=np.array([request.operation for request in requests], dtype=np.int8),
            size_bytes=np.array([request.size_bytes for request in requests], dtype=np.int64),
            ttl_s=np.array([request.ttl_s for request in requests], dtype=np.float64),
        )
        return ParsedBlock(requests=chunk, malformed=malformed)


def requests_of(command: bytes, rest: bytes) -> Iterator[MonitoredRequest]:
    """What a command, in lower case, does with each of its keys. `rest`: its arguments, quoted."""
    operation = ONE_KEY.get(command)
    if operation == READ:
        key = ARGUMENT.search(rest)
        yield MonitoredRequest(READ, unescaped(key[1])) if key else MonitoredRequest(OTHER, b"")
        return
    arguments = [unescaped(argument) for argument in ARGUMENT.findall(rest)]
    if not arguments:
        yield MonitoredRequest(OTHER, b"")
    elif operation is not None:
        yield one_key_request(command, int(operation), arguments)
    elif command in ALL_KEYS:
        yield from (MonitoredRequest(int(ALL_KEYS[command]), key) for key in arguments)
    elif command in PAIRS:
        pairs = zip(arguments[::2], arguments[1::2], strict=False)
        yield from (MonitoredRequest(WRITE, key, len(value)) for key, value in pairs)
    else:
        yield MonitoredRequest(OTHER, b"")


def one_key_request(command: bytes, operation: int, arguments: Sequence[bytes]) -> MonitoredRequest:
    """The request of a command that changes one key."""
    key = arguments[0]
    if command in (b"setex", b"psetex") and len(arguments) == 3:
        unit_s = 1.0 if command == b"setex" else 1e-3
        return MonitoredRequest(operation, key, len(arguments[2]), lifetime_s(arguments[1], unit_s))
    if command in (b"set", b"setnx", b"getset") and len(arguments) > 1:
        options = [argument.lower() for argument in arguments[2:]]
        given = (lifetime_s(options[n + 1], EXPIRY_S[o]) for n, o in enumerate(options[:-1]) if o in EXPIRY_S)
        return MonitoredRequest(operation, key, len(arguments[1]), next(given, np.nan))
    return MonitoredRequest(operation, key)


def lifetime_s(text: bytes, unit_s: float) -> float:
    """A lifetime in seconds; NaN for what is no positive integer."""
    return int(text) * unit_s if text.isdigit() and len(text) < 16 and int(text) else np.nan


def unescaped(argument: bytes) -> bytes:
    """An argument as the client sent it."""
    return ESCAPE.sub(byte_of, argument) if b"\\" in argument else argument


def byte_of(found: re.Match[bytes]) -> bytes:
    """The byte that an escape stands for."""
    return bytes([int(found[1], 16)]) if found[1] else LETTERS.get(found[2], found[2])
