"""Runs the serializer bench: fidelity, sizes, then rounds of timed calls. Writes a run folder."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import redis

from stampede.core.errors import SerializersFailed, require
from stampede.core.files import SOURCES, new_run_folder
from stampede.loadtests.instrumentation.run_metadata import metadata, version_of
from stampede.loadtests.serializers.cache_path import HASH
from stampede.loadtests.serializers.fidelity import error_line, fidelity
from stampede.loadtests.serializers.hostile_bytes import attacks
from stampede.loadtests.serializers.sample_records import RecordKind, kinds
from stampede.loadtests.serializers.schema_change import schema_changes
from stampede.loadtests.serializers.timed_tasks import (
    AA_COPY,
    COMPRESSED,
    LENGTHS,
    Dictionaries,
    RecordPool,
    list_bytes,
    train_dictionary,
    trained_compressors,
)
from stampede.loadtests.serializers.timing import RoundPlan, supported_codecs, with_aa_copy
from stampede.patterns.reference_serializer import REFERENCE, check_reference
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import NamedSerializer, choose_serializers, named_serializers
from stampede.run_folder.schema import ContenderInfo, RunInfo, ScenarioInfo
from stampede.run_folder.serializer_tables import PLAN, write_part
from stampede.run_folder.write import write_json
from stampede.stack.servers import Stack

ROUNDS = 20
LIMIT_S = 130.0
"""Time limit for all rounds: a slow machine runs shorter blocks of timed calls, and the same number of them."""
MIN_BLOCK_SHARE = 0.25
"""The shortest block, as a share of its full length."""
PACKAGES = ("msgspec", "orjson", "ormsgpack", "cbor2", "protobuf", "lz4", "zstandard")


@dataclass(frozen=True, kw_only=True)
class SerializersConfig:
    """The user's settings."""

    only: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    """Paths of the user's serializers, in addition to Stampede's."""
    records: tuple[str, ...] = ()
    """Kinds of record; empty: all."""
    lengths: tuple[int, ...] = LENGTHS
    rounds: int = ROUNDS
    limit_s: float = LIMIT_S
    allow_pickle: bool = False
    seed: int = 1
    runs: Path = Path("runs")
    command: str = "stampede serializers"

    def __post_init__(self) -> None:
        require(self.rounds >= 1, "rounds", self.rounds, "at least 1")
        for name in self.records:
            require(name in kinds(), "record", name, f"one of {', '.join(kinds())}")
        check_reference(self.only)

    def chosen(self, *, managed: bool) -> list[NamedSerializer]:
        """The serializers that run. Raises ConfigError: unknown, or executes code while `managed` is false."""
        return choose_serializers(self.only, self.own, managed=managed, allow_pickle=self.allow_pickle)


def run_serializers(
    config: SerializersConfig,
    stack: Stack,
    say: Callable[[str], None],
    advance: Callable[[str, int, int], None],
    on_begin: Callable[[Path], None] = lambda _folder: None,
) -> Path:
    """Run the bench and return its run folder.

    `advance` receives the step, the finished rounds and all rounds; `on_begin`, the folder as soon as it exists.
    Raises ConfigError (pickle on a user's server, an unknown serializer) before anything is written.
    """
    chosen = config.chosen(managed=stack.managed)
    record_kinds = [kinds()[name] for name in (config.records or kinds())]
    folder = new_run_folder(config.runs, PLAN, datetime.now(UTC))
    end_s = monotonic() + config.limit_s
    run = run_info(config, stack, chosen, record_kinds)
    save(folder, run)
    on_begin(folder)
    try:
        advance("fidelity", 0, config.rounds)
        write_unrepeated_results(folder, chosen)
        advance("sizes", 0, config.rounds)
        dictionaries = train_dictionaries(record_kinds, chosen)
        refused = write_sizes(folder, config.lengths, record_kinds, chosen, dictionaries)
        for kind, name in refused:
            say(f"{name} refuses {kind}: reported as refused, not timed")
        first = first_round(config, stack, record_kinds, chosen, refused, dictionaries)
        write_part(folder, "stored", 0, stored_sizes(first, record_kinds, chosen))
        share = run_rounds(folder, first, config.rounds, end_s, stack, advance)
        if share < 0.5:
            what = f"blocks were cut to {share:.0%} of their length to end within {config.limit_s:g} s"
            run.remarks.append({"name": "short-blocks", "what": what, "cost": "wider intervals"})
        run.status = "finished"
    except BaseException as error:
        run.status = "cut" if isinstance(error, KeyboardInterrupt) else "failed"
        raise
    finally:
        run.finished_utc = now_utc()
        save(folder, run)
    return folder


def train_dictionaries(
    record_kinds: Sequence[RecordKind], chosen: Sequence[NamedSerializer]
) -> dict[tuple[str, str], bytes]:
    """The dictionaries of each kind of record and serializer; lists of users as JSON always have one."""
    dictionaries = {
        (kind.name, codec.name): made
        for kind in record_kinds
        for codec in chosen
        if codec.name in COMPRESSED and (made := train_dictionary(codec, kind))
    }
    if ("user-200", REFERENCE) not in dictionaries:
        dictionaries["user-200", REFERENCE] = train_dictionary(named_serializers()[REFERENCE], kinds()["user-200"])
    return dictionaries


def write_sizes(
    folder: Path,
    lengths: Sequence[int],
    record_kinds: Sequence[RecordKind],
    chosen: Sequence[NamedSerializer],
    dictionaries: Dictionaries,
) -> tuple[tuple[str, str], ...]:
    """Write the size of each record. Returns the pairs (kind of record, serializer) that the serializer refuses."""
    sizes = [row for kind in record_kinds for codec in chosen for row in sizes_of(kind, codec, dictionaries)]
    write_part(folder, "sizes", 0, [*sizes, *list_sizes(lengths, dictionaries)])
    return tuple((row[0], row[1]) for row in sizes if row[6] == "refused")


def first_round(
    config: SerializersConfig,
    stack: Stack,
    record_kinds: Sequence[RecordKind],
    chosen: Sequence[NamedSerializer],
    refused: tuple[tuple[str, str], ...],
    dictionaries: Dictionaries,
) -> RoundPlan:
    """The plan of the first round, with blocks of full length. Later rounds differ in number and length."""
    return RoundPlan(
        round=1,
        seed=config.seed,
        redis_url=stack.redis.url,
        key_prefix=stack.key_prefix,
        kinds=tuple(kind.name for kind in record_kinds),
        lengths=config.lengths,
        targets=tuple(codec.file or codec.name for codec in chosen),
        refused=refused,
        dictionaries={f"{k} {c}": b64encode(v).decode() for (k, c), v in dictionaries.items()},
    )


def run_rounds(
    folder: Path,
    first: RoundPlan,
    rounds: int,
    end_s: float,
    stack: Stack,
    advance: Callable[[str, int, int], None],
) -> float:
    """Run and write the rounds, with shorter blocks if they would not end by `end_s`.

    Returns the smallest share of a block's full length that was run.
    """
    plan = first
    shares: list[float] = []
    for number in range(1, rounds + 1):
        advance("rounds", number - 1, rounds)
        begin_s = monotonic()
        for table, rows in run_round_in_process(replace(plan, round=number), stack).items():
            write_part(folder, table, number, rows)
        took_s, rounds_left = monotonic() - begin_s, rounds - number
        if rounds_left:
            fits = (end_s - monotonic()) / rounds_left / took_s
            plan = replace(plan, share=min(1.0, max(MIN_BLOCK_SHARE, plan.share * fits)))
        shares.append(plan.share)
    advance("rounds", rounds, rounds)
    return min(shares)


def run_round_in_process(plan: RoundPlan, stack: Stack) -> dict[str, list[Any]]:
    """Run one round in a child process. Returns its rows by table. Raises SerializersFailed if the process fails."""
    command = [sys.executable, "-P", "-m", "stampede.loadtests.serializers.timing"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        stack.register_child(child.pid)
        output, errors = child.communicate(plan.as_json())
    if child.returncode != 0:
        lines = errors.strip().splitlines() or [f"exit code {child.returncode}"]
        raise SerializersFailed(f"round {plan.round}: {lines[-1]}")
    rows: dict[str, list[Any]] = json.loads(output.splitlines()[-1])
    return rows


def write_unrepeated_results(folder: Path, chosen: Sequence[NamedSerializer]) -> None:
    """Write the results that need no rounds: fidelity, schema changes, hostile bytes."""
    cases = [(c.name, f.build, f.case, f.outcome, f.what) for c in chosen for f in fidelity(c)]
    write_part(folder, "fidelity", 0, cases)
    reads = [(c.name, r.change, r.direction, r.outcome, r.what) for c in chosen for r in schema_changes(c)]
    write_part(folder, "changes", 0, reads)
    rows = [(a.reader, a.attack, a.verdict, a.what, a.bytes, a.elapsed_ns, a.peak_bytes) for a in attacks(chosen)]
    write_part(folder, "attacks", 0, rows)


SizeRow = tuple[str, str, str, int, int | None, int, str, str]
"""The columns of stampede.run_folder.serializer_tables.SIZES."""


def sizes_of(kind: RecordKind, codec: NamedSerializer, dictionaries: Dictionaries) -> list[SizeRow]:
    """Sizes without and with each compressor. A serializer that cannot carry the record has one row, refused."""
    records = RecordPool(kind).all
    try:
        serializer = codec.serializer.for_type(kind.record_type)
        encoded = [serializer.dumps(record) for record in records]
        back = [serializer.loads(data) for data in encoded]
    except Exception as error:  # noqa: BLE001 - any error is the finding
        return [(kind.name, codec.name, "", len(records), None, 0, "refused", error_line(error))]
    differ = next((f"{b!r} for {a!r}"[:300] for a, b in zip(records, back, strict=True) if a != b), "")
    outcome = "changed" if differ else "same"
    rows: list[SizeRow] = [(kind.name, codec.name, "", len(records), sum(map(len, encoded)), 0, outcome, differ)]
    for title, compressor in trained_compressors(kind.name, codec.name, dictionaries).items():
        total = sum(len(compressor.compress(data)) for data in encoded)
        rows.append((kind.name, codec.name, title, len(records), total, len(compressor.dictionary), outcome, differ))
    return rows


def list_sizes(lengths: Sequence[int], dictionaries: Dictionaries) -> list[SizeRow]:
    """Sizes of the lists of growing length as JSON, uncompressed and compressed."""
    rows: list[SizeRow] = []
    for length in lengths:
        lists = list_bytes(length)
        name = f"rows-{length}"
        rows.append((name, REFERENCE, "", len(lists), sum(map(len, lists)), 0, "same", ""))
        for title, compressor in trained_compressors("user-200", REFERENCE, dictionaries).items():
            total = sum(len(compressor.compress(data)) for data in lists)
            rows.append((name, REFERENCE, title, len(lists), total, len(compressor.dictionary), "same", ""))
    return rows


def stored_sizes(
    plan: RoundPlan, record_kinds: Sequence[RecordKind], chosen: list[NamedSerializer]
) -> list[tuple[str, str, int, int]]:
    """The memory that a stored value takes, by MEMORY USAGE."""
    rows = []
    with redis.Redis.from_url(plan.redis_url) as client:
        for kind in record_kinds:
            pool = RecordPool(kind)
            supported: list[tuple[str, Serializer[Any]]] = [
                (codec.name, codec.serializer.for_type(kind.record_type))
                for codec in supported_codecs(plan, chosen, kind.name)
            ]
            for name, serializer in supported:
                key = f"{plan.key_prefix}user:1"
                for record in pool.all[:16]:
                    data = serializer.dumps(record)
                    client.set(key, data)
                    rows.append((kind.name, name, len(data), memory_bytes(client, key)))
                client.delete(key)
            if kind.name.startswith("user"):
                for record in pool.all[:16]:
                    client.hset(key, mapping=vars(record))
                    size = sum(len(str(part).encode()) for pair in vars(record).items() for part in pair)
                    rows.append((kind.name, HASH, size, memory_bytes(client, key)))
                client.delete(key)
    return rows


def memory_bytes(client: redis.Redis, key: str) -> int:
    """MEMORY USAGE of a key, with all its fields."""
    usage: Any = client.memory_usage(key, samples=0)
    return int(usage)


def run_info(
    config: SerializersConfig, stack: Stack, chosen: Sequence[NamedSerializer], record_kinds: Sequence[RecordKind]
) -> RunInfo:
    run_metadata = metadata(SOURCES)
    run_metadata["packages"] |= {name: version_of(name) for name in PACKAGES}
    run_metadata["servers"] = stack.as_dict()
    return RunInfo(
        plan=PLAN,
        rounds=config.rounds,
        reference=REFERENCE,
        seed=config.seed,
        command=config.command,
        started_utc=now_utc(),
        scenarios=[scenario(kind) for kind in record_kinds],
        contenders=[
            *(contender(codec) for codec in with_aa_copy(list(chosen))),
            ContenderInfo(
                name=HASH,
                kind="baseline",
                summary="a flat row as a Redis HASH, one field per column: HSET and HGETALL",
                guarantees=[],
                config={},
                client={},
            ),
        ],
        metadata=run_metadata,
        remarks=[{"name": r.name, "what": r.what, "cost": r.cost} for r in stack.remarks],
    )


def scenario(kind: RecordKind) -> ScenarioInfo:
    return ScenarioInfo(
        name=kind.name,
        question="How long does it take to write and to read this record?",
        application=kind.what,
        expectation="",
        workload={"text": kind.text, "records": kind.pool},
        window_s=0,
        drain_s=0,
        processes=1,
    )


def contender(codec: NamedSerializer) -> ContenderInfo:
    kind = codec.serializer
    return ContenderInfo(
        name=codec.name,
        kind="aa-copy" if codec.name == AA_COPY else "contender",
        summary=kind.summary,
        guarantees=[],
        config={"wire": kind.wire, "schema": kind.schema, "validates": kind.validates, "runs_code": kind.runs_code},
        client={},
        copy_of=REFERENCE if codec.name == AA_COPY else None,
        file=codec.file,
    )


def save(folder: Path, run: RunInfo) -> None:
    """Write run.json in its current state."""
    write_json(folder / "run.json", run.as_json())


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
