"""The cost of a serializer in cache reads and writes: on the real Redis, compared with raw bytes of the same length."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from time import perf_counter_ns, sleep
from typing import Any, get_type_hints

import redis

from stampede.loadtests.serializers.timed_tasks import BatchRow, RecordPool
from stampede.patterns.serialization.schema.records import User
from stampede.patterns.serialization.serializer import Serializer

PAIRS = 8
CALLS = 4
"""A block has PAIRS pairs of batches of CALLS calls; a pair is one batch with the serializer and one without."""
HASH = "redis-hash"
NO_ENCODER = "nobody"  # quoted
"""The stored name of the probe without an encoder."""
ENCODINGS_PER_S = 200
PROBE_S = 0.12


def path_blocks(
    client: redis.Redis,
    key: str,
    pool: RecordPool,
    contender: str,
    serializer: Serializer[Any],
    round_number: int,
    block: int,
) -> list[BatchRow]:
    """Time encode + SET and plain SET in turns, then GET + decode and plain GET in turns."""
    encoded = [serializer.dumps(record) for record in pool.all]
    write, read = serializer.dumps, serializer.loads
    names = [f"{key}{i}" for i in range(CALLS)]

    def set_encoded(record: Any) -> None:
        client.set(names[0], write(record))

    def set_raw(data: bytes) -> None:
        client.set(names[1], data)

    def get_decoded(name: str) -> None:
        read(client.get(name))  # type: ignore[arg-type]  # replies are bytes

    rows = in_turns(
        (set_encoded, lambda n: pool.fresh(n)),
        (set_raw, lambda n: [encoded[i % len(encoded)] for i in range(n)]),
        (round_number, block, pool.kind.name, contender),
        ("set", "raw-set"),
    )
    for name, data in zip(names, encoded, strict=False):
        client.set(name, data)
    rows += in_turns(
        (get_decoded, lambda n: names[:n]),
        (client.get, lambda n: names[:n]),
        (round_number, block, pool.kind.name, contender),
        ("get", "raw-get"),
    )
    client.delete(*names)
    return rows


def hash_blocks(client: redis.Redis, key: str, pool: RecordPool, round_number: int, block: int) -> list[BatchRow]:
    """A flat row as a Redis HASH: HSET and HGETALL with the conversions, and SET and GET of as many bytes."""
    names = [f"{key}{i}" for i in range(CALLS)]
    raw = [f"{key}raw{i}" for i in range(CALLS)]
    data = [b"".join(str(part).encode() for pair in vars(record).items() for part in pair) for record in pool.all]

    def write(record: Any) -> None:
        client.hset(names[0], mapping=vars(record))

    def read(name: str) -> Any:
        return row_of_hash(client.hgetall(name))  # type: ignore[arg-type]  # synchronous

    rows = in_turns(
        (write, pool.fresh),
        (lambda value: client.set(raw[0], value), lambda n: data[:n]),
        (round_number, block, pool.kind.name, HASH),
        ("set", "raw-set"),
    )
    for name, plain, record, value in zip(names, raw, pool.all, data, strict=False):
        client.hset(name, mapping=vars(record))
        client.set(plain, value)
    rows += in_turns(
        (read, lambda n: names[:n]),
        (client.get, lambda n: raw[:n]),
        (round_number, block, pool.kind.name, HASH),
        ("get", "raw-get"),
    )
    client.delete(*names, *raw)
    return rows


CONVERT: dict[bytes, Callable[[bytes], Any]] = {
    f.name.encode(): int if get_type_hints(User)[f.name] is int else bytes.decode for f in fields(User)
}


def row_of_hash(fields_found: dict[bytes, bytes]) -> User:
    """A user from the reply of HGETALL, in which all values are bytes."""
    return User(**{name.decode(): CONVERT[name](value) for name, value in fields_found.items()})


def in_turns(
    with_serializer: tuple[Callable[[Any], Any], Callable[[int], Sequence[Any]]],
    raw: tuple[Callable[[Any], Any], Callable[[int], Sequence[Any]]],
    prefix: tuple[int, int, str, str],
    operations: tuple[str, str],
) -> list[BatchRow]:
    """Batches of both in pairs; which one begins alternates. The first pair is a warm-up and is discarded."""
    rows: list[BatchRow] = []
    variants = [(*with_serializer, operations[0]), (*raw, operations[1])]
    for pair in range(PAIRS + 1):
        for call, prepare, operation in variants if pair % 2 else reversed(variants):
            inputs = prepare(CALLS)
            begin = perf_counter_ns()
            for value in inputs:
                call(value)
            elapsed = perf_counter_ns() - begin
            if pair:
                rows.append((*prefix, operation, len(inputs), elapsed, None))
    return rows


def probe(client: redis.Redis, key: str, pool: RecordPool, serializer: Serializer[Any] | None) -> list[int]:
    """Nanoseconds of unrelated GETs while another thread encodes a page 200 times per second.

    `serializer` None: no other thread runs.
    """
    client.set(key, b"x" * 100)
    pages = pool.fresh(round(ENCODINGS_PER_S * PROBE_S) + 2)
    stop = threading.Event()

    def encode() -> None:
        assert serializer is not None
        due = perf_counter_ns()
        for page in pages:
            due += 10**9 // ENCODINGS_PER_S
            sleep(max(0, due - perf_counter_ns()) / 1e9)
            if stop.is_set():
                return
            serializer.dumps(page)

    thread = threading.Thread(target=encode, daemon=True) if serializer is not None else None
    if thread is not None:
        thread.start()
    times_ns = []
    end = perf_counter_ns() + round(PROBE_S * 1e9)
    while (begin := perf_counter_ns()) < end:
        client.get(key)
        times_ns.append(perf_counter_ns() - begin)
    stop.set()
    if thread is not None:
        thread.join()
    client.delete(key)
    return times_ns
