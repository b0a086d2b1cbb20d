"""The timed tasks that need no server: encode, decode, compress, decompress, and lists of growing length."""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import msgpack
import msgspec

from stampede.loadtests.serializers.sample_records import RecordKind, kinds
from stampede.patterns.compression.compressor import Compressed, Compressor
from stampede.patterns.compression.compressor_registry import compressors
from stampede.patterns.serialization.json import Json
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import NamedSerializer

AA_COPY = "json-again"
EMPTY = "empty call"
COMPRESSED = ("json", "msgpack")
"""The article's two serializers, which also run with every compressor."""
LENGTHS = (1, 4, 16, 64, 128, 256, 512, 1024, 2048)
"""Rows in a list, for questions in which size matters."""
SEED = 20_260_101
TRAINING_SEED = 7
"""Dictionaries are trained on other rows than those that are timed."""

Dictionaries = Mapping[tuple[str, str], bytes]
"""Dictionaries by (kind of record, serializer)."""

BatchRow = tuple[int, int, str, str, str, int, int, int | None]
"""The columns of stampede.run_folder.serializer_tables.BATCHES."""


@dataclass(frozen=True, kw_only=True)
class TimedTask:
    """One timed operation."""

    record: str
    contender: str
    operation: str
    call: Callable[[Any], Any]
    prepare: Callable[[int], Sequence[Any]]
    """Makes that many fresh inputs, distinct objects. Not timed."""
    input_bytes: int
    """The approximate size of an input."""


class RecordPool:
    """The records of a kind, as fresh objects."""

    def __init__(self, kind: RecordKind) -> None:
        self.kind = kind
        self.blobs = [msgspec.msgpack.encode(record) for record in kind.records(SEED)]
        self.decode = msgspec.msgpack.Decoder(kind.record_type).decode

    def fresh(self, count: int) -> list[Any]:
        """New objects whose strings were never encoded: CPython caches a string's UTF-8 form."""
        return list(map(self.decode, islice(cycle(self.blobs), count)))

    @property
    def all(self) -> list[Any]:
        """Each record once."""
        return self.fresh(len(self.blobs))


def buffers(encoded: Sequence[bytes]) -> Callable[[int], list[bytes]]:
    """A function that returns copies, so that no call reads bytes that were read before."""
    return lambda count: [bytes(bytearray(data)) for data in islice(cycle(encoded), count)]


def serializer_tasks(
    pool: RecordPool, contender: str, serializer: Serializer[Any], operations: Iterable[str] = ("encode", "decode")
) -> list[TimedTask]:
    encoded = [serializer.dumps(record) for record in pool.all]
    size = max(1, sum(map(len, encoded)) // len(encoded))
    parts = {"encode": (serializer.dumps, pool.fresh), "decode": (serializer.loads, buffers(encoded))}
    return [
        TimedTask(
            record=pool.kind.name,
            contender=contender,
            operation=operation,
            call=parts[operation][0],
            prepare=parts[operation][1],
            input_bytes=size,
        )
        for operation in operations
    ]


def tasks_of(
    pool: RecordPool, named_serializers: Sequence[NamedSerializer], dictionaries: Dictionaries
) -> list[TimedTask]:
    """Tasks of every serializer, json's A/A copy, the empty call; on ASCII also COMPRESSED with each compressor."""
    record_type, name = pool.kind.record_type, pool.kind.name
    tasks = []
    for codec in named_serializers:
        tasks += serializer_tasks(pool, codec.name, codec.serializer.for_type(record_type))
    tasks += serializer_tasks(pool, AA_COPY, Json.for_type(record_type))
    empty = TimedTask(
        record=name,
        contender=EMPTY,
        operation="encode",
        call=lambda _value: b"",
        prepare=pool.fresh,
        input_bytes=len(pool.blobs[0]),
    )
    tasks.append(empty)
    for codec in named_serializers:
        if codec.name in COMPRESSED and pool.kind.text == "ascii":
            for title, compressor in trained_compressors(name, codec.name, dictionaries).items():
                wrapped = Compressed(codec.serializer.for_type(record_type), compressor)
                tasks += serializer_tasks(pool, f"{codec.name}+{title}", wrapped)
    return tasks


def trained_compressors(kind: str, codec: str, dictionaries: Dictionaries) -> dict[str, Compressor]:
    """Every compressor, with its dictionary for this kind of bytes; left out if its dictionary is missing."""
    ready = {}
    for title, compressor in compressors().items():
        made = compressor()
        if made.trained:
            if (kind, codec) not in dictionaries:
                continue
            made.use(dictionaries[kind, codec])
        ready[title] = made
    return ready


def train_dictionary(codec: NamedSerializer, kind: RecordKind) -> bytes:
    """A dictionary from other rows of the kind; empty if training fails."""
    serializer = codec.serializer.for_type(kind.record_type)
    count = {"orders": 100, "page": 30}.get(kind.name.removesuffix("-unicode"), 1000)
    made = [kind.make(random.Random(f"{TRAINING_SEED}-{kind.name}-{i}")) for i in range(count)]
    compressor = compressors()["zstd-dictionary"]()
    try:
        compressor.train([serializer.dumps(record) for record in made])
    except Exception:  # noqa: BLE001 - too little training data: no dictionary
        return b""
    return compressor.dictionary


def list_tasks(length: int, dictionaries: Dictionaries) -> list[TimedTask]:
    """Tasks on a list of user rows as in the article: plain json and msgpack on dicts, and each compressor."""
    rows = [vars(kinds()["user-200"].make(random.Random(f"{SEED}-list-{i}"))) for i in range(max(64, length))]
    lists = [[rows[(start + i) % len(rows)] for i in range(length)] for start in range(max(1, min(32, 2048 // length)))]
    as_json = [json.dumps(rows_in_list).encode() for rows_in_list in lists]
    as_msgpack: list[bytes] = [msgpack.packb(rows_in_list) for rows_in_list in lists]
    size = sum(map(len, as_json)) // len(as_json)
    compact = [Json().dumps(rows_in_list) for rows_in_list in lists]

    def fresh(count: int) -> list[Any]:
        return [msgspec.msgpack.decode(data) for data in islice(cycle(as_msgpack), count)]

    def task(contender: str, operation: str, call: Any, prepare: Any) -> TimedTask:
        return TimedTask(
            record=f"rows-{length}",
            contender=contender,
            operation=operation,
            call=call,
            prepare=prepare,
            input_bytes=size,
        )

    tasks = [
        task("json.dumps", "encode", json.dumps, fresh),
        task("json.loads", "decode", json.loads, buffers(as_json)),
        task("msgpack.packb", "encode", msgpack.packb, fresh),
        task("msgpack.unpackb", "decode", msgpack.unpackb, buffers(as_msgpack)),
    ]
    for title, compressor in trained_compressors("user-200", "json", dictionaries).items():
        tasks.append(task(title, "compress", compressor.compress, buffers(compact)))
        tasks.append(
            task(
                title,
                "decompress",
                compressor.decompress,
                buffers([compressor.compress(rows_in_list) for rows_in_list in compact]),
            )
        )
    return tasks


def list_bytes(length: int) -> list[bytes]:
    """The lists of `list_tasks` as compact JSON."""
    rows = [vars(kinds()["user-200"].make(random.Random(f"{SEED}-list-{i}"))) for i in range(max(64, length))]
    return [Json().dumps([rows[(start + i) % len(rows)] for i in range(length)]) for start in range(4)]
